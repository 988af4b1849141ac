CREATE TABLE signing_keys (
    kid                text COLLATE "C",
    algorithm          text NOT NULL,
    public_jwk         text NOT NULL,
    sealed_private_key bytea NOT NULL,
    sealing_key_id     text NOT NULL,
    state              text NOT NULL,
    created_at         timestamptz NOT NULL,

    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid),
    CONSTRAINT signing_keys_kid_present CHECK (kid <> ''),
    CONSTRAINT signing_keys_state_known CHECK (state IN ('active', 'retired'))
);

-- What makes replicas that start together agree on one key.
CREATE UNIQUE INDEX signing_keys_one_active_per_algorithm
    ON signing_keys (algorithm) WHERE state = 'active';
