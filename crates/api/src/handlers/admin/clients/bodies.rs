use std::collections::BTreeSet;

use passgate_auth::client_secret::IssuedSecret;
use passgate_auth::flows::RegisterClient;
use passgate_domain::client::{Client, ClientChange, ClientSecret, Grant, check_name};
use passgate_domain::scope::check_scope;
use passgate_domain::{ClientId, Patch, ScopeSet};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::handlers::fields::{self, Fields};

/// A client to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClientBody {
    /// Its name for programs: 1 to 128 of A-Z a-z 0-9 . _ ~ -
    #[schema(example = "billing")]
    id: String,
    /// What people call it.
    #[schema(example = "Billing")]
    name: Option<String>,
    /// What its tokens may be used for at most, those of its users included: words separated by
    /// spaces.
    #[serde(default)]
    #[schema(example = "todos:read introspect")]
    scope: String,
    /// How it may get tokens, of `password`, `refresh_token` and `client_credentials`; the last
    /// unless given.
    grants: Option<Vec<String>>,
}

impl NewClientBody {
    pub(super) fn check(self) -> Result<RegisterClient, ApiError> {
        let mut fields = Fields::default();
        let id = fields.checked("id", ClientId::parse(&self.id));
        let name = self.name.and_then(|name| client_name(&mut fields, name));
        let scope = client_scope(&mut fields, &self.scope);
        let grants = match &self.grants {
            Some(grants) => client_grants(&mut fields, grants).unwrap_or_default(),
            None => BTreeSet::from([Grant::ClientCredentials]),
        };
        let command = id.zip(scope).map(|(id, scope)| RegisterClient {
            id,
            name,
            grants,
            scope,
        });
        fields.finish(command)
    }
}

/// What is to be changed about a client. What is left out stays, what is `null` is taken away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientChangeBody {
    /// What people call it.
    #[serde(default, deserialize_with = "fields::patch")]
    #[schema(value_type = Option<String>, example = "Billing")]
    name: Patch<String>,
    /// What its tokens may be used for from now on, all of it.
    scope: Option<String>,
    /// How it may get tokens from now on, all of them.
    grants: Option<Vec<String>>,
    /// Whether it may not be used from now on.
    disabled: Option<bool>,
}

impl ClientChangeBody {
    pub(super) fn check(self) -> Result<ClientChange, ApiError> {
        let mut fields = Fields::default();
        let change = ClientChange {
            name: fields.patch(self.name, client_name),
            scope: self
                .scope
                .and_then(|scope| client_scope(&mut fields, &scope)),
            grants: self
                .grants
                .and_then(|grants| client_grants(&mut fields, &grants)),
            enabled: self.disabled.map(|disabled| !disabled),
        };
        fields.finish(Some(change))
    }
}

fn client_name(fields: &mut Fields, text: String) -> Option<String> {
    let name = fields.checked("name", check_name(&text).map(|name| name.is_some()));
    name.filter(|is_one| *is_one).map(|_| text)
}

fn client_scope(fields: &mut Fields, text: &str) -> Option<ScopeSet> {
    let scope = fields.checked("scope", ScopeSet::parse(text))?;
    fields.checked("scope", check_scope(&scope)).map(|()| scope)
}

fn client_grants(fields: &mut Fields, texts: &[String]) -> Option<BTreeSet<Grant>> {
    let grants: Result<_, _> = texts.iter().map(|text| text.parse()).collect();
    fields.checked("grants", grants)
}

/// A client, without what would prove it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientBody {
    /// Its name for programs.
    id: String,
    /// What people call it.
    name: Option<String>,
    /// What its tokens may be used for at most.
    scope: String,
    /// How it may get tokens.
    #[schema(value_type = Vec<String>)]
    grants: BTreeSet<Grant>,
    /// Whether it may not be used.
    disabled: bool,
    /// Its secrets, two at most.
    secrets: Vec<SecretBody>,
    /// When it was registered.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When anything about it last changed, its secrets included.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

impl From<Client> for ClientBody {
    fn from(client: Client) -> Self {
        Self {
            disabled: !client.is_enabled(),
            id: client.id.to_string(),
            name: client.name,
            scope: client.scope.to_string(),
            grants: client.grants,
            secrets: client.secrets.into_iter().map(SecretBody::from).collect(),
            created_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

/// That a client has a secret, and which.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretBody {
    /// Where it is: 1 or 2.
    slot: u8,
    /// Its last characters.
    hint: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

impl From<ClientSecret> for SecretBody {
    fn from(secret: ClientSecret) -> Self {
        Self {
            slot: secret.slot.number(),
            hint: secret.hint.to_string(),
            created_at: secret.created_at,
        }
    }
}

/// A client that was just registered.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeClientBody {
    #[serde(flatten)]
    client: ClientBody,
    /// What proves it, shown this once.
    #[schema(format = Password, example = "pgc_BrJ0...")]
    secret: String,
}

impl MadeClientBody {
    pub(super) fn of(client: Client, secret: &IssuedSecret) -> Self {
        Self {
            client: client.into(),
            secret: secret.expose().to_owned(),
        }
    }
}

/// A secret that was just made.
#[derive(Serialize, ToSchema)]
pub(super) struct MadeSecretBody {
    #[serde(flatten)]
    kept: SecretBody,
    /// The secret, shown this once.
    #[schema(format = Password, example = "pgc_BrJ0...")]
    secret: String,
}

impl MadeSecretBody {
    pub(super) fn of(kept: ClientSecret, secret: &IssuedSecret) -> Self {
        Self {
            kept: kept.into(),
            secret: secret.expose().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_field_is_named_at_once() {
        let body = NewClientBody {
            id: "a b".to_owned(),
            name: Some("a\nb".to_owned()),
            scope: "a  b".to_owned(),
            grants: Some(vec!["implicit".to_owned()]),
        };
        let Err(ApiError::Validation(errors)) = body.check() else {
            panic!("the body was taken");
        };
        let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["id", "name", "scope", "grants"]);
    }

    #[test]
    fn a_client_acts_for_itself_unless_told_otherwise() {
        let body = NewClientBody {
            id: "billing".to_owned(),
            name: Some(" ".to_owned()),
            scope: String::new(),
            grants: None,
        };
        let command = body.check().unwrap();
        assert_eq!(command.grants, BTreeSet::from([Grant::ClientCredentials]));
        assert_eq!(command.name, None);
    }
}
