-- A deleted account keeps its number and its username, and nothing else: `sub` and `user_id` in
-- other systems must never come to mean somebody else.
ALTER TABLE users ADD COLUMN deleted_at timestamptz;
ALTER TABLE users ADD CONSTRAINT users_deleted_are_empty CHECK (
    deleted_at IS NULL
    OR (disabled_at IS NOT NULL AND email IS NULL AND display_name IS NULL AND roles = '{}'
        AND password_hash = '-')
) NOT VALID;
ALTER TABLE users VALIDATE CONSTRAINT users_deleted_are_empty;

ALTER TABLE sessions DROP CONSTRAINT sessions_end_reason_known;
ALTER TABLE sessions ADD CONSTRAINT sessions_end_reason_known CHECK (
    end_reason IN ('revoked', 'reuse', 'password_changed', 'user_disabled', 'user_deleted')
) NOT VALID;
ALTER TABLE sessions VALIDATE CONSTRAINT sessions_end_reason_known;
