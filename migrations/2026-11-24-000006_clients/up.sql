-- Two secrets at most, in columns: a client is read, and its secrets changed, as one row.
CREATE TABLE clients (
    id              text COLLATE "C",
    name            text,
    grants          text[] NOT NULL,
    scope           text NOT NULL,
    disabled_at     timestamptz,
    secret_1_sha256 bytea,
    secret_1_hint   text,
    secret_1_at     timestamptz,
    secret_2_sha256 bytea,
    secret_2_hint   text,
    secret_2_at     timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,

    CONSTRAINT clients_pkey PRIMARY KEY (id),
    CONSTRAINT clients_id_form CHECK (id ~ '^[A-Za-z0-9._~-]{1,128}$' AND id <> 'passgate'),
    CONSTRAINT clients_name_length CHECK (octet_length(name) BETWEEN 1 AND 255),
    CONSTRAINT clients_grants_known CHECK (
        grants <@ ARRAY['password', 'refresh_token', 'client_credentials']
        AND array_position(grants, NULL) IS NULL
    ),
    CONSTRAINT clients_secret_1_whole CHECK (
        num_nulls(secret_1_sha256, secret_1_hint, secret_1_at) IN (0, 3)
        AND octet_length(secret_1_sha256) = 32
    ),
    CONSTRAINT clients_secret_2_whole CHECK (
        num_nulls(secret_2_sha256, secret_2_hint, secret_2_at) IN (0, 3)
        AND octet_length(secret_2_sha256) = 32
    )
);

-- Whether `client_id` is a registered client, which proved itself, or a label. No foreign key: a
-- session outlives its client, and is good for nothing then.
ALTER TABLE sessions ADD COLUMN of_client boolean NOT NULL DEFAULT false;

-- `client:ID` is the subject of a client's own tokens, and never somebody's name.
ALTER TABLE users ADD CONSTRAINT users_username_is_no_client CHECK (
    NOT starts_with(username_key, 'client:')
) NOT VALID;
ALTER TABLE users VALIDATE CONSTRAINT users_username_is_no_client;
