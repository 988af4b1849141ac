use std::net::SocketAddr;

use passgate_auth::actix::{RequiredRole, RequiredScope};
use passgate_auth::jwt::{Verified, Verifier};
use passgate_auth::test_util::TestIssuer;
use serde::{Deserialize, Serialize};

/// The claims of the service under test.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) tenant: String,
}

#[derive(Debug)]
pub(crate) struct OrdersRead;

impl RequiredScope for OrdersRead {
    const SCOPE: &'static str = "orders:read";
}

#[derive(Debug)]
pub(crate) struct Clerk;

impl RequiredRole for Clerk {
    const ROLE: &'static str = "clerk";
}

/// What each handler answers about whom it lets pass.
pub(crate) fn greet(who: &Verified<Tenant>) -> String {
    format!("{} of {}", who.subject(), who.extra().tenant)
}

/// A service with these paths:
/// `/bearer`, `/maybe` and `/maybe-extractor` (optional), `/scoped` and `/in-role` (extractors),
/// `/layer/token`, `/layer/scope` and `/layer/role` (middleware), `/handler` (asks for the scope
/// itself), `/jwks`, `/two` (middleware of one audience, extractor of another).
pub(crate) struct Service {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
}

pub(crate) struct Parts {
    pub(crate) issuer: TestIssuer,
    pub(crate) verifier: Verifier<Tenant>,
    /// Of the same issuer and keys, for another audience.
    pub(crate) other: Verifier<Tenant>,
}

pub(crate) fn parts() -> Parts {
    let issuer = TestIssuer::new("https://id.test", "orders");
    let other = Verifier::new(
        passgate_auth::jwt::IssuerId::parse("https://id.test").unwrap(),
        passgate_auth::jwt::Audience::parse("admin").unwrap(),
        issuer.keys(),
    );
    Parts {
        verifier: issuer.verifier(),
        other,
        issuer,
    }
}

impl Parts {
    pub(crate) fn services(&self) -> [Service; 2] {
        [
            super::on_actix::serve(self, true),
            super::on_axum::serve(self),
        ]
    }

    pub(crate) fn token(&self) -> passgate_auth::test_util::TestToken<'_> {
        self.issuer.token("matt").claim("tenant", "acme")
    }
}
