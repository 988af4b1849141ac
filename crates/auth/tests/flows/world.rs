//! Everything that a flow needs, and somebody to use it.

use std::sync::Arc;
use std::time::Duration;

use passgate_auth::flows::{
    ClientCredentials, Granted, GuessLimits, Guessing, Lifetimes, LogIn, LogInError, LoggedIn,
    Refresh, RefreshError, Register, Revoke, RevokeError, Revoked, Tokens, log_in, refresh,
    register, revoke,
};
use passgate_auth::jwt::{
    Algorithm, Audience, Issuer, IssuerId, KeyRing, SigningKey, Ttl, Verifier,
};
use passgate_auth::password::{Cost, Passwords, Policy};
use passgate_auth::refresh::RefreshTokens;
use passgate_auth::seal::SealingKey;
use passgate_domain::audit::{Act, Actor};
use passgate_domain::ports::UserStore;
use passgate_domain::session::Device;
use passgate_domain::testing::{ManualClock, MemoryStore};
use passgate_domain::token::{TokenClaims, UserClaims};
use passgate_domain::{Clock, Password, PasswordHash, Role, ScopeSet, User, Username};
use secrecy::SecretString;
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);
pub(crate) const BCRYPT_1234: &str = "$2b$12$oO49VPpCnOjOk91AoVw7VeHQzal7x45OQU5lCly9v45l7yx48g/3G";

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) passwords: Passwords,
    pub(crate) ring: KeyRing,
    pub(crate) tokens: Tokens,
    pub(crate) guessing: Guessing,
    pub(crate) verifier: Verifier<UserClaims>,
    /// As the server itself has it, which takes the tokens of clients too.
    pub(crate) own_verifier: Verifier<TokenClaims>,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn world() -> World {
    let clock = Arc::new(ManualClock::at(NOW));
    let ring = KeyRing::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
    let id = IssuerId::parse("https://id.example.com").unwrap();
    let audience = Audience::parse("todos").unwrap();
    let ttl = Ttl::try_new(Duration::from_mins(25)).unwrap();
    World {
        store: MemoryStore::default(),
        guessing: Guessing::new(&sealing("abcd"), GuessLimits::default()).unwrap(),
        passwords: passwords(),
        ring: ring.clone(),
        tokens: Tokens::new(
            Issuer::new(id.clone(), ring.clone(), ttl, clock.clone()),
            audience.clone(),
            RefreshTokens::new(&sealing("abcd")).unwrap(),
            Lifetimes::default(),
            clock.clone(),
        ),
        own_verifier: Verifier::builder(id.clone(), audience.clone(), ring.clone())
            .clock(clock.clone())
            .build(),
        verifier: Verifier::builder(id, audience, ring)
            .clock(clock.clone())
            .build(),
        clock,
    }
}

fn passwords() -> Passwords {
    Passwords::builder()
        .cost(Cost::try_new(64, 1, 1).unwrap())
        .arenas(1)
        .build()
        .unwrap()
}

impl World {
    pub(crate) fn register(&self, username: &str, roles: &[&str]) -> User {
        let command = Register {
            username: Username::parse(username).unwrap(),
            password: Password::parse("correct horse").unwrap(),
            email: None,
            display_name: None,
            roles: roles
                .iter()
                .map(|role| Role::parse(role).unwrap())
                .collect(),
        };
        let policy = Policy::default();
        register(&self.store, &self.passwords, &policy, command, &self.act()).unwrap()
    }

    pub(crate) fn log_in(
        &self,
        username: &str,
        password: &str,
        scope: &str,
    ) -> Result<LoggedIn, LogInError> {
        self.log_in_with(None, username, password, scope)
    }

    pub(crate) fn log_in_with(
        &self,
        client: impl Into<Option<ClientCredentials>>,
        username: &str,
        password: &str,
        scope: &str,
    ) -> Result<LoggedIn, LogInError> {
        let command = LogIn {
            username: Username::parse(username).ok(),
            password: Password::parse(password).unwrap(),
            scope: ScopeSet::parse(scope).unwrap(),
            client: client.into(),
            device: Device::default(),
            device_token: None,
        };
        self.try_log_in(&command, &self.act())
    }

    pub(crate) fn try_log_in(&self, command: &LogIn, act: &Act) -> Result<LoggedIn, LogInError> {
        let Self {
            store,
            passwords,
            tokens,
            guessing,
            ..
        } = self;
        log_in(store, passwords, tokens, guessing, command, act)
    }

    pub(crate) fn refresh(&self, token: &str, scope: &str) -> Result<Granted, RefreshError> {
        self.refresh_with(None, token, scope)
    }

    pub(crate) fn refresh_with(
        &self,
        client: impl Into<Option<ClientCredentials>>,
        token: &str,
        scope: &str,
    ) -> Result<Granted, RefreshError> {
        let command = Refresh {
            refresh_token: SecretString::from(token),
            scope: ScopeSet::parse(scope).unwrap(),
            client: client.into(),
            device: Device::default(),
        };
        refresh(
            &self.store,
            &self.tokens,
            &self.guessing,
            &command,
            &self.act(),
        )
    }

    pub(crate) fn revoke(&self, token: &str) -> Revoked {
        self.revoke_with(None, token).unwrap()
    }

    pub(crate) fn revoke_with(
        &self,
        client: impl Into<Option<ClientCredentials>>,
        token: &str,
    ) -> Result<Revoked, RevokeError> {
        let Self {
            store,
            tokens,
            own_verifier,
            guessing,
            ..
        } = self;
        let command = Revoke {
            token: token.into(),
            client: client.into(),
        };
        revoke(store, tokens, own_verifier, guessing, &command, &self.act())
    }

    pub(crate) fn act(&self) -> Act {
        Act::new(self.clock.now(), Actor::Anonymous)
    }

    pub(crate) fn stored(&self, username: &str) -> PasswordHash {
        let username = Username::parse(username).unwrap();
        self.store
            .find_credentials(&username)
            .unwrap()
            .unwrap()
            .password_hash
    }
}

pub(crate) fn sealing(secret: &str) -> SealingKey {
    SealingKey::from_secret(&SecretString::from(secret.repeat(8))).unwrap()
}

/// The refresh token of an answer that has one.
pub(crate) fn refresh_token(granted: &Granted) -> &str {
    granted.refresh_token.as_ref().unwrap().expose()
}
