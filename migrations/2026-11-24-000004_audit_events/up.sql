-- No foreign keys: an event outlives whom it concerns.
CREATE TABLE audit_events (
    id         bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL,
    action     text COLLATE "C" NOT NULL,
    actor      text COLLATE "C" NOT NULL,
    user_id    bigint,
    target     text,
    detail     text,
    address    text,
    request_id text,

    CONSTRAINT audit_events_pkey PRIMARY KEY (id),
    CONSTRAINT audit_events_action_present CHECK (action <> ''),
    CONSTRAINT audit_events_actor_present CHECK (actor <> '')
);

CREATE INDEX audit_events_of_user ON audit_events (user_id, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor, id);
CREATE INDEX audit_events_of_action ON audit_events (action, id);

-- Rows are added, and go when their time is over. Whoever removes them says so in the transaction:
-- `SET LOCAL passgate.audit_retention = 'on'`.
CREATE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('passgate.audit_retention', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only: % is not for it', TG_OP;
END
$$;

CREATE TRIGGER audit_events_stay
    BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_events_stay();
