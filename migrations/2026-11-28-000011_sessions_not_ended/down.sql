DROP INDEX IF EXISTS sessions_not_ended;
