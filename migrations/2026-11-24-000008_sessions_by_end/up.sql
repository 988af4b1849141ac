-- So that whoever removes them finds the sessions that ended without reading the others.
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_by_end ON sessions (ended_at)
    WHERE ended_at IS NOT NULL;
