//! Users: who can log in, and as what.

use std::collections::BTreeSet;

use thiserror::Error;
use time::OffsetDateTime;

use crate::{Email, PasswordHash, Role, Scope, ScopeSet, UserId, Username};

/// The longest display name, in bytes of UTF-8.
pub const MAX_DISPLAY_NAME_BYTES: usize = 255;

/// The text cannot be shown as somebody's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a display name has at most {MAX_DISPLAY_NAME_BYTES} bytes and no control characters")]
pub struct InvalidDisplayName;

/// Checks what people are to call a user.
///
/// # Errors
/// [`InvalidDisplayName`] if it is too long or could move a cursor.
pub fn check_display_name(text: &str) -> Result<(), InvalidDisplayName> {
    if text.len() > MAX_DISPLAY_NAME_BYTES || text.chars().any(char::is_control) {
        return Err(InvalidDisplayName);
    }
    Ok(())
}

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The number that never changes.
    pub id: UserId,
    /// The name to log in with.
    pub username: Username,
    /// Where mail reaches the user.
    pub email: Option<Email>,
    /// What people call the user.
    pub display_name: Option<String>,
    /// What the user is, for the services that read tokens.
    pub roles: BTreeSet<Role>,
    /// Whether the user may log in.
    pub status: UserStatus,
    /// When the account was made.
    pub created_at: OffsetDateTime,
    /// When anything about it last changed.
    pub updated_at: OffsetDateTime,
}

impl User {
    /// Every scope that this user may ask for.
    pub fn allowed_scopes(&self) -> ScopeSet {
        let administers = self.roles.iter().any(|role| role.as_str() == Role::ADMIN);
        [Scope::PROFILE]
            .into_iter()
            .chain(
                [Scope::ADMIN, Scope::INTROSPECT]
                    .into_iter()
                    .filter(|_| administers),
            )
            .filter_map(|scope| Scope::parse(scope).ok())
            .collect()
    }

    /// The scopes of a token when none were asked for: the user's own account, and nothing
    /// else. An administrator asks for `admin` by name, so that everyday tokens lack it.
    pub fn default_scopes() -> ScopeSet {
        Scope::parse(Scope::PROFILE).into_iter().collect()
    }
}

/// Whether an account is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// May log in.
    Active,
    /// May not log in, since the given time.
    Disabled {
        /// When the account was disabled.
        since: OffsetDateTime,
    },
}

impl UserStatus {
    /// Whether the user may log in.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Active)
    }
}

/// A user as a log-in needs it: the account and the stored form of its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// What the password is checked against.
    pub password_hash: PasswordHash,
}

/// An account to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name, which must be free.
    pub username: Username,
    /// The address, which must be free.
    pub email: Option<Email>,
    /// What people call the user.
    pub display_name: Option<String>,
    /// The roles held from the start.
    pub roles: BTreeSet<Role>,
    /// The stored form of the password.
    pub password_hash: PasswordHash,
}

/// What becomes of a value that may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is taken away.
    Clear,
    /// It is another from now on.
    Set(T),
}

impl<T> Patch<T> {
    /// The same for another form of the value.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Clear => Patch::Clear,
            Self::Set(value) => Patch::Set(form(value)),
        }
    }

    /// The value afterwards, if it does not stay.
    pub fn changed(&self) -> Option<Option<&T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }
}

impl<T: Clone> Patch<T> {
    /// The same, or nothing where the value is that already.
    fn unless(&self, is_so: impl FnOnce(Option<&T>) -> bool) -> Self {
        match self.changed() {
            Some(value) if !is_so(value) => self.clone(),
            _ => Self::Keep,
        }
    }
}

/// What is changed about a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserChange {
    /// Where mail reaches the user.
    pub email: Patch<Email>,
    /// What people call the user.
    pub display_name: Patch<String>,
    /// What the user is from now on.
    pub roles: Option<BTreeSet<Role>>,
    /// Whether the user may log in from now on.
    pub active: Option<bool>,
}

impl UserChange {
    /// The change that enables or disables.
    pub fn active(active: bool) -> Self {
        Self {
            active: Some(active),
            ..Self::default()
        }
    }

    /// What of it the user is not already. An email address that is spelt in another way is another.
    #[must_use]
    pub fn differing(&self, user: &User) -> Self {
        let spelt = |email: Option<&Email>| email.map(|email| email.as_str().to_owned());
        let has_email = |email: Option<&Email>| spelt(email) == spelt(user.email.as_ref());
        let has_name = |name: Option<&String>| name == user.display_name.as_ref();
        let roles = self.roles.as_ref().filter(|roles| **roles != user.roles);
        let is_other = |active: &bool| *active != user.status.is_active();
        Self {
            email: self.email.unless(has_email),
            display_name: self.display_name.unless(has_name),
            roles: roles.cloned(),
            active: self.active.filter(is_other),
        }
    }

    /// The fields that it is about, but for whether the user may log in.
    pub fn fields(&self) -> Vec<&'static str> {
        [
            (self.email != Patch::Keep, "email"),
            (self.display_name != Patch::Keep, "display_name"),
            (self.roles.is_some(), "roles"),
        ]
        .into_iter()
        .filter_map(|(is_changed, name)| is_changed.then_some(name))
        .collect()
    }
}

/// An account brought over from another system.
#[derive(Debug, Clone)]
pub struct ImportedUser {
    /// The number it had there, which it keeps. Left out, it gets the next one.
    pub id: Option<UserId>,
    /// Everything else.
    pub user: NewUser,
    /// Whether it could log in there.
    pub active: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn user(roles: &[&str]) -> User {
        User {
            id: UserId::try_new(1).unwrap(),
            username: Username::parse("matt").unwrap(),
            email: None,
            display_name: None,
            roles: roles
                .iter()
                .map(|role| Role::parse(role).unwrap())
                .collect(),
            status: UserStatus::Active,
            created_at: datetime!(2026-11-01 12:00 UTC),
            updated_at: datetime!(2026-11-01 12:00 UTC),
        }
    }

    #[test]
    fn only_administrators_may_ask_for_more_than_their_profile() {
        assert_eq!(user(&["editor"]).allowed_scopes().to_string(), "profile");
        assert_eq!(
            user(&["admin"]).allowed_scopes().to_string(),
            "admin introspect profile"
        );
    }

    #[test]
    fn a_change_is_what_a_user_is_not_already() {
        let ada = User {
            email: Email::parse("ada@example.com").ok(),
            display_name: Some("Ada".to_owned()),
            ..user(&["admin"])
        };
        let change = |email: Patch<&str>, display_name: Patch<&str>| UserChange {
            email: email.map(|email| Email::parse(email).unwrap()),
            display_name: display_name.map(str::to_owned),
            roles: Some(ada.roles.clone()),
            active: Some(true),
        };
        let same = change(Patch::Set("ada@example.com"), Patch::Set("Ada"));
        assert_eq!(same.differing(&ada), UserChange::default());
        let bare = change(Patch::Clear, Patch::Clear).differing(&ada);
        assert_eq!(bare.fields(), ["email", "display_name"]);
        assert_eq!(bare.differing(&user(&["admin"])), UserChange::default());
        // One may want to be written to as Ada.
        let spelt = change(Patch::Set("Ada@example.com"), Patch::Keep).differing(&ada);
        assert_eq!(spelt.fields(), ["email"]);
        let other = UserChange {
            roles: Some(BTreeSet::new()),
            ..UserChange::active(false)
        };
        assert_eq!(other.differing(&ada), other);
    }

    #[test]
    fn a_display_name_is_short_and_visible() {
        assert!(check_display_name(&"é".repeat(127)).is_ok());
        for bad in ["a\nb", "\u{1b}[2J", &"a".repeat(256)] {
            assert_eq!(check_display_name(bad), Err(InvalidDisplayName), "{bad:?}");
        }
    }

    #[test]
    fn default_scopes_are_never_administrative() {
        assert_eq!(User::default_scopes().to_string(), "profile");
    }
}
