//! `POST /users`.

use std::collections::BTreeSet;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use passgate_auth::flows::{self, Register};
use passgate_auth::password::{Personal, Policy};
use passgate_domain::audit::Actor;
use passgate_domain::{Role, User};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::fields::Fields;
use super::refusals::{JsonBody, TooManyGuesses};
use crate::blocking;
use crate::config::Registration;
use crate::error::ApiError;
use crate::extract::{Json, Origin};
use crate::hashing;
use crate::request_log::Problem;
use crate::state::AppState;

/// An account to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterBody {
    /// The name to log in with.
    #[schema(example = "ada")]
    username: String,
    /// At least 12 characters unless configured otherwise.
    #[schema(value_type = String, format = Password, min_length = 1)]
    password: SecretString,
    /// Where mail reaches the user.
    #[schema(example = "ada@example.com")]
    email: Option<String>,
    /// What people call the user.
    #[schema(example = "Ada Lovelace")]
    display_name: Option<String>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserBody {
    /// The number that never changes.
    id: i64,
    /// The name to log in with.
    username: String,
    /// Where mail reaches the user.
    email: Option<String>,
    /// What people call the user.
    display_name: Option<String>,
    /// What the user is.
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<Role>,
    /// Whether the account may not be used.
    disabled: bool,
    /// When the account was made.
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When anything about it last changed.
    #[serde(with = "time::serde::rfc3339")]
    updated_at: OffsetDateTime,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.get(),
            username: user.username.as_str().to_owned(),
            email: user.email.map(|email| email.as_str().to_owned()),
            display_name: user.display_name,
            roles: user.roles,
            disabled: !user.status.is_active(),
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// Makes an account.
///
/// # Errors
/// As the OpenAPI description says.
#[utoipa::path(
    post,
    path = "/users",
    tag = "users",
    summary = "Make an account",
    request_body = RegisterBody,
    responses(
        (status = 201, description = "Made", body = UserBody),
        (status = 403, description = "Registration is closed", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The username or email address is taken", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Busy: try again after the time in `Retry-After`", body = Problem, content_type = "application/problem+json"),
        JsonBody,
        TooManyGuesses,
    )
)]
pub async fn register(
    state: web::Data<AppState>,
    origin: Origin,
    Json(body): Json<RegisterBody>,
) -> Result<HttpResponse, ApiError> {
    if state.registration == Registration::Closed {
        return Err(ApiError::RegistrationClosed);
    }
    let command = command(body, &state.policy)?;
    let (passwords, _present) = hashing::on_behalf_of(&state, &origin, Some(&command.username))?;
    let user = blocking::run::<_, ApiError, _>(move || {
        let AppState {
            store,
            policy,
            guessing,
            ..
        } = &**state;
        let act = origin.act(&state, Actor::Anonymous);
        guessing.count_registration(store, &act)?;
        Ok(flows::register(store, &passwords, policy, command, &act)?)
    })
    .await?;
    tracing::info!(user_id = %user.id, "registered");
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, "/users/me"))
        .json(UserBody::from(user)))
}

/// Holds every field against its rule and names all that break theirs.
fn command(body: RegisterBody, policy: &Policy) -> Result<Register, ApiError> {
    let mut fields = Fields::default();
    let username = fields.username(&body.username);
    let email = body.email.and_then(|email| fields.email(&email));
    let display_name = body.display_name.and_then(|name| fields.display_name(name));
    let owner = Personal {
        username: username.as_ref(),
        email: email.as_ref(),
        display_name: display_name.as_deref(),
    };
    let password = fields.new_password("password", body.password, policy, owner);
    let command = username.zip(password).map(|(username, password)| Register {
        username,
        password,
        email,
        display_name,
        roles: Vec::new(),
    });
    fields.finish(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_field_is_named_at_once_and_no_value_repeated() {
        let body = RegisterBody {
            username: "a\tb".to_owned(),
            password: SecretString::from("hunter\u{0}2"),
            email: Some("nowhere".to_owned()),
            display_name: Some("a\nb".to_owned()),
        };
        let Err(ApiError::Validation(errors)) = command(body, &Policy::default()) else {
            panic!("the body was taken");
        };
        let mut fields: Vec<_> = errors.iter().map(|error| error.field).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["display_name", "email", "password", "username"]);
        assert!(!format!("{errors:?}").contains("hunter"));
    }
}
