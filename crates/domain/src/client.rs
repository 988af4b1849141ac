//! Clients: programs that get tokens, for their users or for themselves (RFC 6749 section 2).
//!
//! Every registered client is confidential: it has a secret, and proves by it who it is. Whoever
//! gives another name only labels itself.

mod id;
mod secret;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::OffsetDateTime;

pub use id::{ClientId, InvalidClientId, MAX_ID_BYTES, SUBJECT_PREFIX};
pub use secret::{ClientSecret, NewClientSecret, NoSuchSlot, SecretDigest, SecretHint, Slot};

use crate::{Patch, Scope, ScopeSet};

/// The longest name of a client, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 255;

/// The text cannot be what people call a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a client's name has at most {MAX_NAME_BYTES} bytes and no control characters")]
pub struct InvalidClientName;

/// Checks what people are to call a client. A name of nothing but blanks is none.
///
/// # Errors
/// [`InvalidClientName`] if it is too long or could move a cursor.
pub fn check_name(text: &str) -> Result<Option<&str>, InvalidClientName> {
    if text.len() > MAX_NAME_BYTES || text.chars().any(char::is_control) {
        return Err(InvalidClientName);
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// A way to a token (RFC 6749 section 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// By a user's name and password.
    Password,
    /// By the refresh token of a session.
    RefreshToken,
    /// By the client's own secret, for itself.
    ClientCredentials,
}

/// The text names no grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a grant is one of: password, refresh_token, client_credentials")]
pub struct UnknownGrant;

impl Grant {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Password, Self::RefreshToken, Self::ClientCredentials];

    /// The `grant_type` of RFC 6749.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Grant {
    type Err = UnknownGrant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|grant| grant.as_str() == text)
            .ok_or(UnknownGrant)
    }
}

/// A registered client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name for programs, which never changes.
    pub id: ClientId,
    /// What people call it.
    pub name: Option<String>,
    /// How it may get tokens.
    pub grants: BTreeSet<Grant>,
    /// What its tokens may be used for at most, its users' included.
    pub scope: ScopeSet,
    /// Since when it may not be used, if so.
    pub disabled_since: Option<OffsetDateTime>,
    /// What proves it, by slot.
    pub secrets: Vec<ClientSecret>,
    /// When it was registered.
    pub created_at: OffsetDateTime,
    /// When anything about it last changed, its secrets included.
    pub updated_at: OffsetDateTime,
}

impl Client {
    /// Whether it may be used.
    pub fn is_enabled(&self) -> bool {
        self.disabled_since.is_none()
    }

    /// Whether it may get tokens this way.
    pub fn may(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }

    /// What its own tokens may be used for: everything but [`Scope::PROFILE`], since a client has
    /// no account.
    pub fn own_scope(&self) -> ScopeSet {
        let own = self.scope.iter();
        own.filter(|scope| scope.as_str() != Scope::PROFILE)
            .cloned()
            .collect()
    }

    /// Whether a token of its own, made at this time, is still worth something: it is enabled, has
    /// the grant, is the one that was registered then, and has a secret that is as old. A token from
    /// before the oldest of them was made with one that is gone.
    pub fn honours(&self, issued_at: OffsetDateTime) -> bool {
        // Tokens count whole seconds.
        let was_there = |at: OffsetDateTime| at.unix_timestamp() <= issued_at.unix_timestamp();
        self.is_enabled()
            && self.may(Grant::ClientCredentials)
            && was_there(self.created_at)
            && self
                .secrets
                .iter()
                .any(|secret| was_there(secret.created_at))
    }

    /// When a secret that the client is given now counts as made: now, unless its last one may have
    /// ended in this second. Tokens count whole seconds, and one of that secret would be good again; so
    /// it is the next one then.
    pub fn secret_time(&self, now: OffsetDateTime) -> OffsetDateTime {
        let changed = self.updated_at.unix_timestamp();
        if !self.secrets.is_empty() || changed < now.unix_timestamp() {
            return now;
        }
        let next = OffsetDateTime::from_unix_timestamp(changed + 1);
        next.ok().filter(is_near(now)).unwrap_or(now)
    }

    /// When a token of its own that is made now says that it was: now, or as soon as one of its secrets
    /// counts as made. Verifiers have more leeway than that.
    pub fn token_time(&self, now: OffsetDateTime) -> OffsetDateTime {
        let oldest = self.secrets.iter().map(|secret| secret.created_at).min();
        oldest.filter(is_near(now)).unwrap_or(now).max(now)
    }
}

/// How far the clocks of those who change clients and make tokens may be apart, for what is told by the
/// second.
const APART: Duration = Duration::from_secs(5);

fn is_near(now: OffsetDateTime) -> impl Fn(&OffsetDateTime) -> bool {
    move |at| *at <= now + APART
}

/// A client to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClient {
    /// Its name for programs, which must be free.
    pub id: ClientId,
    /// What people call it.
    pub name: Option<String>,
    /// How it may get tokens.
    pub grants: BTreeSet<Grant>,
    /// What its tokens may be used for at most.
    pub scope: ScopeSet,
    /// What proves it, in the first slot.
    pub secret: NewClientSecret,
}

/// What is changed about a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientChange {
    /// What people call it.
    pub name: Patch<String>,
    /// How it may get tokens from now on.
    pub grants: Option<BTreeSet<Grant>>,
    /// What its tokens may be used for from now on.
    pub scope: Option<ScopeSet>,
    /// Whether it may be used from now on.
    pub enabled: Option<bool>,
}

impl ClientChange {
    /// The change that enables or disables.
    pub fn enabled(enabled: bool) -> Self {
        Self {
            enabled: Some(enabled),
            ..Self::default()
        }
    }

    /// Makes the change, and names what it changed. Disabling what is disabled keeps the time.
    pub fn apply(&self, client: &mut Client, now: OffsetDateTime) -> Vec<&'static str> {
        let mut changed = Vec::new();
        if let Some(name) = self.name.changed() {
            client.name = name.cloned();
            changed.push("name");
        }
        if let Some(grants) = &self.grants {
            client.grants.clone_from(grants);
            changed.push("grants");
        }
        if let Some(scope) = &self.scope {
            client.scope = scope.clone();
            changed.push("scope");
        }
        match self.enabled {
            Some(true) if !client.is_enabled() => {
                client.disabled_since = None;
                changed.push("enabled");
            }
            Some(false) if client.is_enabled() => {
                client.disabled_since = Some(now);
                changed.push("disabled");
            }
            _ => {}
        }
        if !changed.is_empty() {
            client.updated_at = now;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-01 12:00:00.5 UTC);

    fn client() -> Client {
        Client {
            id: ClientId::parse("billing").unwrap(),
            name: None,
            grants: BTreeSet::from([Grant::ClientCredentials]),
            scope: ScopeSet::parse("admin profile todos").unwrap(),
            disabled_since: None,
            secrets: vec![ClientSecret {
                slot: Slot::First,
                digest: SecretDigest::new([7; 32]),
                hint: SecretHint::of("pgc_secret"),
                created_at: NOW,
            }],
            created_at: NOW,
            updated_at: NOW,
        }
    }

    #[test]
    fn a_grant_is_known_by_its_name() {
        for grant in Grant::ALL {
            assert_eq!(grant.as_str().parse(), Ok(grant));
        }
        assert_eq!("authorization_code".parse::<Grant>(), Err(UnknownGrant));
    }

    #[test]
    fn a_name_can_be_shown() {
        assert_eq!(check_name("Billing é"), Ok(Some("Billing é")));
        assert_eq!(check_name("  "), Ok(None));
        for bad in ["a\nb", &"é".repeat(128)] {
            assert_eq!(check_name(bad), Err(InvalidClientName), "{bad}");
        }
    }

    #[test]
    fn a_client_has_no_account_of_its_own() {
        assert_eq!(client().own_scope().to_string(), "admin todos");
    }

    #[test]
    fn a_token_is_worth_nothing_without_its_client() {
        assert!(client().honours(NOW.replace_nanosecond(0).unwrap()));
        assert!(
            !client().honours(NOW - Duration::SECOND),
            "another of the name"
        );
        let without = |change: fn(&mut Client)| {
            let mut client = client();
            change(&mut client);
            client.honours(NOW)
        };
        assert!(!without(|client| client.disabled_since = Some(NOW)));
        assert!(!without(|client| client.secrets.clear()));
        assert!(!without(
            |client| client.grants = BTreeSet::from([Grant::Password])
        ));
    }

    #[test]
    fn a_token_ends_with_the_secrets_that_it_can_have_been_made_with() {
        let later = NOW + Duration::HOUR;
        let mut client = client();
        let second = ClientSecret {
            slot: Slot::Second,
            created_at: later,
            ..client.secrets[0].clone()
        };
        client.secrets.push(second);
        assert!(client.honours(NOW) && client.honours(later));
        client.secrets.remove(0);
        assert!(client.honours(later.replace_nanosecond(0).unwrap()));
        assert!(!client.honours(later - Duration::SECOND));
        assert!(!client.honours(NOW));
    }

    #[test]
    fn a_token_does_not_come_back_with_a_secret_of_the_same_second() {
        let second = |millis| NOW.replace_millisecond(millis).unwrap();
        let mut client = client();
        client.secrets.clear();
        client.updated_at = second(200);
        let next = NOW.replace_nanosecond(0).unwrap() + Duration::SECOND;
        let made = client.secret_time(second(400));
        assert_eq!(made, next);
        client.secrets.push(ClientSecret {
            slot: Slot::First,
            digest: SecretDigest::new([8; 32]),
            hint: SecretHint::of("pgc_secret"),
            created_at: made,
        });
        assert!(!client.honours(second(100)));
        // Its own are good from the beginning, also where a clock is a little behind.
        for now in [second(500), second(0) - Duration::SECOND, next] {
            assert!(client.honours(client.token_time(now)), "{now}");
        }
        let later = NOW + Duration::HOUR;
        assert_eq!(client.token_time(later), later);
    }

    #[test]
    fn a_secret_is_made_when_it_is_if_another_is_there_or_none_was_of_late() {
        assert_eq!(client().secret_time(NOW), NOW);
        let mut client = client();
        client.secrets.clear();
        let later = NOW + Duration::SECOND;
        assert_eq!(client.secret_time(later), later);
        // The clock was far ahead when it was changed: nobody waits for that.
        assert_eq!(
            client.secret_time(NOW - Duration::HOUR),
            NOW - Duration::HOUR
        );
    }

    proptest! {
        #[test]
        fn a_change_touches_what_it_names_and_nothing_else(
            name in prop_oneof![
                Just(Patch::Keep), Just(Patch::Clear), Just(Patch::Set("Billing".to_owned()))
            ],
            grants in proptest::option::of(prop::sample::subsequence(Grant::ALL.to_vec(), 0..=3)),
            scope in proptest::option::of("[a-c]( [d-f])?"),
            enabled in proptest::option::of(any::<bool>()),
            was_disabled in any::<bool>(),
        ) {
            let mut before = client();
            before.disabled_since = was_disabled.then_some(NOW);
            let change = ClientChange {
                name,
                grants: grants.map(|grants| grants.into_iter().collect()),
                scope: scope.map(|scope| ScopeSet::parse(&scope).unwrap()),
                enabled,
            };
            let later = NOW + Duration::HOUR;
            let mut after = before.clone();
            let changed = change.apply(&mut after, later);
            prop_assert_eq!(after.updated_at == later, !changed.is_empty());
            prop_assert_eq!(after.is_enabled(), enabled.unwrap_or(!was_disabled));
            if was_disabled && !after.is_enabled() {
                prop_assert_eq!(after.disabled_since, Some(NOW));
            }
            // Again, it changes no status, and everything to what it is.
            let again = change.apply(&mut after.clone(), later);
            prop_assert!(!again.contains(&"enabled") && !again.contains(&"disabled"));
            for (field, is_same) in [
                ("name", after.name == before.name),
                ("grants", after.grants == before.grants),
                ("scope", after.scope == before.scope),
            ] {
                prop_assert!(is_same || changed.contains(&field), "{field}");
            }
            prop_assert_eq!((&after.id, &after.secrets), (&before.id, &before.secrets));
        }
    }
}
