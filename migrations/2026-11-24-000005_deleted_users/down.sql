DELETE FROM users WHERE deleted_at IS NOT NULL;
ALTER TABLE users DROP COLUMN deleted_at;
UPDATE sessions SET end_reason = 'revoked' WHERE end_reason = 'user_deleted';
ALTER TABLE sessions DROP CONSTRAINT sessions_end_reason_known;
ALTER TABLE sessions ADD CONSTRAINT sessions_end_reason_known CHECK (
    end_reason IN ('revoked', 'reuse', 'password_changed', 'user_disabled')
);
