UPDATE sessions SET end_reason = 'revoked' WHERE end_reason = 'too_many';
ALTER TABLE sessions DROP CONSTRAINT sessions_end_reason_known;
ALTER TABLE sessions ADD CONSTRAINT sessions_end_reason_known CHECK (
    end_reason IN ('revoked', 'reuse', 'password_changed', 'user_disabled', 'user_deleted')
);
