-- And those whose life is over. It does not change with a refresh, which stays a heap-only update.
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_by_expiry ON sessions (expires_at);
