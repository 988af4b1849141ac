-- For who asks for a time, and for retention. Numbers tell almost the same, and not where a clock was
-- wrong.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_events_by_time ON audit_events (at, id);
