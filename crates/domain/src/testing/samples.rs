use std::collections::BTreeSet;

use time::OffsetDateTime;
use time::macros::datetime;

use crate::audit::{Act, Actor};
use crate::client::{Grant, NewClient, NewClientSecret, SecretDigest, SecretHint};
use crate::signing_key::{SigningKeyState, StoredSigningKey};
use crate::{ClientId, NewUser, PasswordHash, ScopeSet, Username};

/// A user to be made, with a hash that names it and verifies nothing.
///
/// # Panics
/// If `username` is none.
#[expect(
    clippy::expect_used,
    reason = "test data: a wrong literal is the test's fault"
)]
pub fn new_user(username: &str) -> NewUser {
    NewUser {
        username: Username::parse(username).expect("a username"),
        email: None,
        display_name: None,
        roles: BTreeSet::new(),
        password_hash: PasswordHash::new(format!("$sample$hash of {username}")),
    }
}

/// A client to be registered, with every grant and a secret whose digest is none.
///
/// # Panics
/// If `id` or `scope` is none.
#[expect(
    clippy::expect_used,
    reason = "test data: a wrong literal is the test's fault"
)]
pub fn new_client(id: &str, scope: &str) -> NewClient {
    NewClient {
        id: ClientId::parse(id).expect("a client id"),
        name: None,
        grants: Grant::ALL.into_iter().collect(),
        scope: ScopeSet::parse(scope).expect("a scope"),
        secret: new_secret(1),
    }
}

/// A secret of a client that nobody knows.
pub fn new_secret(byte: u8) -> NewClientSecret {
    NewClientSecret {
        digest: SecretDigest::new([byte; 32]),
        hint: SecretHint::of(&format!("{byte:04}")),
    }
}

/// An active key at rest that signs nothing.
pub fn signing_key(kid: &str, algorithm: &str) -> StoredSigningKey {
    let made = datetime!(2026-11-01 12:00 UTC);
    StoredSigningKey {
        kid: kid.to_owned(),
        algorithm: algorithm.to_owned(),
        public_jwk: format!(r#"{{"kid":"{kid}"}}"#),
        sealed_private_key: kid.as_bytes().to_vec(),
        sealing_key_id: "sample".to_owned(),
        state: SigningKeyState::active(made),
        created_at: made,
    }
}

/// Something that an operator does at a time.
pub fn act(at: OffsetDateTime) -> Act {
    Act::new(at, Actor::Operator)
}
