-- One row a log-in. A refresh changes it in place: nothing that changes is indexed, and pages keep
-- room for the next version of a row (heap-only tuples).
CREATE TABLE sessions (
    id           uuid,
    user_id      bigint NOT NULL,
    client_id    text NOT NULL,
    scope        text NOT NULL,
    generation   bigint NOT NULL,
    rotated_at   timestamptz NOT NULL,
    user_agent   text,
    address      text,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    idle_until   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    end_reason   text,

    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT sessions_generation_range CHECK (generation BETWEEN 1 AND 4294967295),
    CONSTRAINT sessions_user_agent_length CHECK (octet_length(user_agent) <= 255),
    CONSTRAINT sessions_end_reason_known CHECK (
        end_reason IN ('revoked', 'reuse', 'password_changed', 'user_disabled')
    ),
    CONSTRAINT sessions_end_has_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) WITH (fillfactor = 80);

CREATE INDEX sessions_of_user ON sessions (user_id);
