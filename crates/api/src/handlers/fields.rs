use std::collections::BTreeSet;

use passgate_auth::password::{BreachCheckError, Personal, Policy};
use passgate_domain::role::check_roles;
use passgate_domain::user::check_display_name;
use passgate_domain::{Email, Password, Patch, Role, Username};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::error::{ApiError, FieldError};

/// Holds fields against their rules and remembers every one that breaks its own, so that a form
/// is told all of them at once. Repeats no value.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<FieldError>);

impl Fields {
    pub(super) fn refuse(&mut self, field: &'static str, code: &'static str, message: String) {
        self.0.push(FieldError {
            field,
            code,
            message,
        });
    }

    pub(super) fn checked<T, E: ToString>(
        &mut self,
        field: &'static str,
        outcome: Result<T, E>,
    ) -> Option<T> {
        outcome
            .map_err(|error| self.refuse(field, "invalid", error.to_string()))
            .ok()
    }

    pub(super) fn username(&mut self, text: &str) -> Option<Username> {
        self.checked("username", Username::parse(text))
    }

    pub(super) fn email(&mut self, text: &str) -> Option<Email> {
        self.checked("email", Email::parse(text))
    }

    /// A password that somebody has, whatever the policy says by now.
    pub(super) fn password(&mut self, field: &'static str, text: SecretString) -> Option<Password> {
        self.checked(field, Password::parse(text))
    }

    /// A password to be, which has to satisfy the policy and be nothing that everybody knows of
    /// its owner.
    pub(super) fn new_password(
        &mut self,
        field: &'static str,
        text: SecretString,
        policy: &Policy,
        owner: Personal,
    ) -> Option<Password> {
        let password = self.password(field, text)?;
        match policy.check(&password, owner) {
            Ok(()) => Some(password),
            Err(violations) => {
                self.0.extend(FieldError::of_password(field, &violations));
                None
            }
        }
    }

    /// A name of nothing but blanks is none.
    pub(super) fn display_name(&mut self, text: String) -> Option<String> {
        if text.trim().is_empty() {
            return None;
        }
        let checked = check_display_name(&text);
        self.checked("display_name", checked).map(|()| text)
    }

    pub(super) fn roles(&mut self, texts: &[String]) -> Option<BTreeSet<Role>> {
        let roles: Result<BTreeSet<Role>, _> = texts.iter().map(|text| Role::parse(text)).collect();
        let roles = self.checked("roles", roles)?;
        self.checked("roles", check_roles(&roles)).map(|()| roles)
    }

    /// The same rule for a value that may stay, or go. What is refused, or is none, goes.
    pub(super) fn patch<T, U>(
        &mut self,
        patch: Patch<T>,
        rule: impl FnOnce(&mut Self, T) -> Option<U>,
    ) -> Patch<U> {
        match patch {
            Patch::Keep => Patch::Keep,
            Patch::Clear => Patch::Clear,
            Patch::Set(value) => rule(self, value).map_or(Patch::Clear, Patch::Set),
        }
    }

    /// Passes a value on unless a field was refused.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, ApiError> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(ApiError::Validation(self.0)),
        }
    }
}

/// Holds a new password against the breached ones, on a thread that may wait for a file.
pub(super) fn check_breached(
    field: &'static str,
    password: &Password,
    policy: &Policy,
) -> Result<(), ApiError> {
    policy
        .check_breached(password)
        .map_err(|error| match error {
            BreachCheckError::Breached(violations) => {
                ApiError::Validation(FieldError::of_password(field, &violations))
            }
            BreachCheckError::Unreadable(error) => ApiError::Internal(error.into()),
        })
}

/// Tells `null` from a field that is not there.
pub(super) fn patch<'de, D, T>(deserializer: D) -> Result<Patch<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let value = Option::deserialize(deserializer)?;
    Ok(value.map_or(Patch::Clear, Patch::Set))
}
