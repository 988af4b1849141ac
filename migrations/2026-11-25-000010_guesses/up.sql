-- Wrong guesses, as two times a key; a key is a keyed hash, of which nobody can tell whose it is.
-- What is here may be lost in a crash, and writing it waits for no disk. No time is indexed, and
-- pages keep room: each guess is a heap-only update.
CREATE UNLOGGED TABLE guesses (
    key        bytea,
    arrival    timestamptz NOT NULL,
    not_before timestamptz NOT NULL,

    CONSTRAINT guesses_pkey PRIMARY KEY (key),
    CONSTRAINT guesses_key_length CHECK (octet_length(key) = 16)
) WITH (fillfactor = 70);
