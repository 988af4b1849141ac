-- A user who has too many sessions loses the one that was not used for longest.
ALTER TABLE sessions DROP CONSTRAINT sessions_end_reason_known;
ALTER TABLE sessions ADD CONSTRAINT sessions_end_reason_known CHECK (
    end_reason IN (
        'revoked', 'reuse', 'password_changed', 'user_disabled', 'user_deleted', 'too_many'
    )
) NOT VALID;
