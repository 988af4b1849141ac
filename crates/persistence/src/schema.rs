// Generated from the migrated database, and held against it, by tests/schema.rs.

diesel::table! {
    audit_events (id) {
        id -> Int8,
        at -> Timestamptz,
        action -> Text,
        actor -> Text,
        user_id -> Nullable<Int8>,
        target -> Nullable<Text>,
        detail -> Nullable<Text>,
        address -> Nullable<Text>,
        request_id -> Nullable<Text>,
    }
}

diesel::table! {
    clients (id) {
        id -> Text,
        name -> Nullable<Text>,
        grants -> Array<Text>,
        scope -> Text,
        disabled_at -> Nullable<Timestamptz>,
        secret_1_sha256 -> Nullable<Bytea>,
        secret_1_hint -> Nullable<Text>,
        secret_1_at -> Nullable<Timestamptz>,
        secret_2_sha256 -> Nullable<Bytea>,
        secret_2_hint -> Nullable<Text>,
        secret_2_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    guesses (key) {
        key -> Bytea,
        arrival -> Timestamptz,
        not_before -> Timestamptz,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        user_id -> Int8,
        client_id -> Text,
        scope -> Text,
        generation -> Int8,
        rotated_at -> Timestamptz,
        user_agent -> Nullable<Text>,
        address -> Nullable<Text>,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
        idle_until -> Timestamptz,
        expires_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        end_reason -> Nullable<Text>,
        of_client -> Bool,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        algorithm -> Text,
        public_jwk -> Text,
        sealed_private_key -> Bytea,
        sealing_key_id -> Text,
        state -> Text,
        created_at -> Timestamptz,
        promotable_at -> Nullable<Timestamptz>,
        promoted_at -> Nullable<Timestamptz>,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    users (id) {
        id -> Int8,
        username -> Text,
        username_key -> Text,
        email -> Nullable<Text>,
        email_key -> Nullable<Text>,
        display_name -> Nullable<Text>,
        password_hash -> Text,
        roles -> Array<Text>,
        disabled_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(sessions -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(sessions, users);
