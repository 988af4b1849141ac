use passgate_auth::flows::Register;
use passgate_auth::password::{Personal, Policy};
use passgate_domain::{Patch, UserChange};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::handlers::fields::{self, Fields};

/// An account to be made by an administrator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
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
    /// What the user is from the start.
    #[serde(default)]
    roles: Vec<String>,
}

impl NewUserBody {
    pub(super) fn check(self, policy: &Policy) -> Result<Register, ApiError> {
        let mut fields = Fields::default();
        let username = fields.username(&self.username);
        let email = self.email.and_then(|email| fields.email(&email));
        let display_name = self.display_name.and_then(|name| fields.display_name(name));
        let owner = Personal {
            username: username.as_ref(),
            email: email.as_ref(),
            display_name: display_name.as_deref(),
        };
        let password = fields.new_password("password", self.password, policy, owner);
        let roles = fields.roles(&self.roles).unwrap_or_default();
        let command = username.zip(password).map(|(username, password)| Register {
            username,
            password,
            email,
            display_name,
            roles: roles.into_iter().collect(),
        });
        fields.finish(command)
    }
}

/// What is to be changed about an account. What is left out stays, what is `null` is taken away.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChangeBody {
    /// Where mail reaches the user.
    #[serde(default, deserialize_with = "fields::patch")]
    #[schema(value_type = Option<String>, example = "ada@example.com")]
    email: Patch<String>,
    /// What people call the user.
    #[serde(default, deserialize_with = "fields::patch")]
    #[schema(value_type = Option<String>, example = "Ada Lovelace")]
    display_name: Patch<String>,
    /// What the user is from now on, all of it.
    roles: Option<Vec<String>>,
    /// Whether the account may not be used from now on.
    disabled: Option<bool>,
}

impl UserChangeBody {
    pub(super) fn check(self) -> Result<UserChange, ApiError> {
        let mut fields = Fields::default();
        let change = UserChange {
            email: fields.patch(self.email, |fields, email| fields.email(&email)),
            display_name: fields.patch(self.display_name, Fields::display_name),
            roles: self.roles.and_then(|roles| fields.roles(&roles)),
            active: self.disabled.map(|disabled| !disabled),
        };
        fields.finish(Some(change))
    }
}

/// A password that somebody gets from an administrator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasswordBody {
    /// At least 12 characters unless configured otherwise.
    #[schema(value_type = String, format = Password, min_length = 1, example = "correct horse battery")]
    pub(super) new_password: SecretString,
}
