use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use passgate_domain::client::Client;
use passgate_domain::session::{Device, Generation, NewSession, SessionId};
use passgate_domain::token::{TokenClaims, UserClaims};
use passgate_domain::{Clock, ScopeSet, User};
use thiserror::Error;
use time::OffsetDateTime;

use super::authenticate::Identified;
use crate::jwt::{Audience, IssueError, Issuer, IssuerId, Minted, Subject};
use crate::refresh::{RefreshToken, RefreshTokens};

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    idle: Duration,
    absolute: Duration,
    grace: Duration,
}

/// The durations make no sense together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a session lives from one minute to ten years, unused for no longer than that, and a refresh \
     token that was used is answered again for one minute at most"
)]
pub struct InvalidLifetimes;

const TEN_YEARS: Duration = Duration::from_hours(10 * 365 * 24);

impl Lifetimes {
    /// Checks the durations: how long a session lives unused, how long however it is used, and how
    /// long the refresh token before the newest is answered with the newest again.
    ///
    /// # Errors
    /// [`InvalidLifetimes`].
    pub fn try_new(
        idle: Duration,
        absolute: Duration,
        grace: Duration,
    ) -> Result<Self, InvalidLifetimes> {
        let minute = Duration::from_mins(1);
        let lives = minute..=TEN_YEARS;
        if lives.contains(&idle) && lives.contains(&absolute) && idle <= absolute && grace <= minute
        {
            Ok(Self {
                idle,
                absolute,
                grace,
            })
        } else {
            Err(InvalidLifetimes)
        }
    }
}

impl Default for Lifetimes {
    /// Two weeks unused, ninety days in all, ten seconds of grace.
    fn default() -> Self {
        let day = Duration::from_hours(24);
        Self {
            idle: 14 * day,
            absolute: 90 * day,
            grace: Duration::from_secs(10),
        }
    }
}

/// What makes tokens: both kinds, and the rules of sessions.
#[derive(Clone)]
pub struct Tokens {
    issuer: Issuer,
    audience: Audience,
    refresh: Arc<RefreshTokens>,
    lifetimes: Lifetimes,
    clock: Arc<dyn Clock>,
}

/// What a client is answered with.
#[derive(Debug)]
pub struct Granted {
    /// The token for services.
    pub access_token: Minted,
    /// The token for the next access token, if the client may use one.
    pub refresh_token: Option<RefreshToken>,
    /// What the access token may be used for.
    pub scope: ScopeSet,
    /// Whose they are.
    pub user: User,
    /// The session that they belong to.
    pub session: SessionId,
}

/// What a client is answered with that asked for itself.
#[derive(Debug)]
pub struct ClientGranted {
    /// The token for services.
    pub access_token: Minted,
    /// What it may be used for.
    pub scope: ScopeSet,
}

impl Tokens {
    /// Puts the parts together.
    pub fn new(
        issuer: Issuer,
        audience: Audience,
        refresh: RefreshTokens,
        lifetimes: Lifetimes,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            issuer,
            audience,
            refresh: Arc::new(refresh),
            lifetimes,
            clock,
        }
    }

    /// Who makes the tokens.
    pub fn issuer_id(&self) -> &IssuerId {
        self.issuer.id()
    }

    /// Whom access tokens are for.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// Looks whether tokens can be signed just now.
    ///
    /// # Errors
    /// [`IssueError::KeysUnavailable`].
    pub fn ready(&self) -> Result<(), IssueError> {
        self.issuer.ready()
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    pub(super) fn refresh_tokens(&self) -> &RefreshTokens {
        &self.refresh
    }

    pub(super) fn grace_since(&self) -> OffsetDateTime {
        self.now() - self.lifetimes.grace
    }

    pub(super) fn idle_until(&self) -> OffsetDateTime {
        self.now() + self.lifetimes.idle
    }

    pub(super) fn new_session(
        &self,
        user: &User,
        client: &Identified,
        scope: &ScopeSet,
        device: Device,
    ) -> NewSession {
        NewSession {
            id: SessionId::random(),
            user_id: user.id,
            client_id: client.name().to_owned(),
            of_client: client.client().is_some(),
            scope: scope.clone(),
            device,
            idle_until: self.idle_until(),
            expires_at: self.now() + self.lifetimes.absolute,
        }
    }

    pub(super) fn grant(
        &self,
        user: User,
        session: SessionId,
        generation: Generation,
        client_id: &str,
        scope: ScopeSet,
    ) -> Result<Granted, IssueError> {
        let subject = Subject::parse(user.username.as_str())?;
        let claims = UserClaims {
            user_id: user.id,
            sid: Some(session),
        };
        let access_token = self
            .issuer
            .access(&subject, &self.audience)
            .scope(&scope)
            .roles(&user.roles)
            .client_id(client_id)
            .extra(&claims)
            .sign()?;
        Ok(Granted {
            access_token,
            refresh_token: Some(self.refresh.make(session, generation)),
            scope,
            user,
            session,
        })
    }
}

impl Tokens {
    /// A token that is about the client itself (RFC 9068 section 2.2).
    pub(super) fn grant_to_client(
        &self,
        client: &Client,
        scope: ScopeSet,
    ) -> Result<ClientGranted, IssueError> {
        let subject = Subject::parse(&client.id.subject())?;
        let access_token = self
            .issuer
            .access(&subject, &self.audience)
            .scope(&scope)
            .roles(&BTreeSet::new())
            .client_id(client.id.as_str())
            .extra(&TokenClaims::default())
            .made_at(client.token_time(self.now()))
            .sign()?;
        Ok(ClientGranted {
            access_token,
            scope,
        })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .field("lifetimes", &self.lifetimes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_fit_each_other() {
        let (minute, day) = (Duration::from_mins(1), Duration::from_hours(24));
        let grace = Duration::from_secs(10);
        assert!(Lifetimes::try_new(day, 30 * day, grace).is_ok());
        assert!(Lifetimes::try_new(day, day, Duration::ZERO).is_ok());
        for (idle, absolute, grace) in [
            (30 * day, day, grace),
            (Duration::from_secs(59), day, grace),
            (day, 11 * 365 * day, grace),
            (day, day, minute + grace),
        ] {
            assert_eq!(
                Lifetimes::try_new(idle, absolute, grace),
                Err(InvalidLifetimes)
            );
        }
    }
}
