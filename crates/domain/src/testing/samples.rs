use std::collections::BTreeSet;

use time::OffsetDateTime;
use time::macros::datetime;

use crate::audit::{Act, Actor};
use crate::signing_key::{SigningKeyState, StoredSigningKey};
use crate::{NewUser, PasswordHash, Username};

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

/// A key at rest that signs nothing.
pub fn signing_key(kid: &str, algorithm: &str) -> StoredSigningKey {
    StoredSigningKey {
        kid: kid.to_owned(),
        algorithm: algorithm.to_owned(),
        public_jwk: format!(r#"{{"kid":"{kid}"}}"#),
        sealed_private_key: kid.as_bytes().to_vec(),
        sealing_key_id: "sample".to_owned(),
        state: SigningKeyState::Active,
        created_at: datetime!(2026-11-01 12:00 UTC),
    }
}

/// Something that an operator does at a time.
pub fn act(at: OffsetDateTime) -> Act {
    Act::new(at, Actor::Operator)
}
