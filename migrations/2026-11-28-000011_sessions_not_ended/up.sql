-- How many sessions a user has, and all of them in batches, without reading those that ended. Neither
-- column changes with a refresh, which stays a heap-only update.
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_not_ended ON sessions (user_id, id)
    WHERE ended_at IS NULL;
