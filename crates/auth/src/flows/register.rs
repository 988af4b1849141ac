use passgate_domain::audit::Act;
use passgate_domain::ports::{CreateUserError, StoreError, UniqueField, UserStore};
use passgate_domain::{Email, NewUser, Password, Role, User, Username};
use thiserror::Error;

use crate::password::{
    BreachCheckError, PasswordError, Passwords, Personal, Policy, PolicyViolations,
};

/// An account to be made, from values that are each valid by themselves.
#[derive(Debug)]
pub struct Register {
    /// The name to log in with.
    pub username: Username,
    /// The password, not yet held against the policy.
    pub password: Password,
    /// Where mail reaches the user.
    pub email: Option<Email>,
    /// What people call the user.
    pub display_name: Option<String>,
    /// What the user is from the start.
    pub roles: Vec<Role>,
}

/// Why no account was made.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// The password breaks the policy.
    #[error(transparent)]
    Policy(#[from] PolicyViolations),
    /// The file of breached passwords cannot be read.
    #[error("the password could not be looked for among the breached ones")]
    Breached(#[source] std::io::Error),
    /// Somebody has this username or email address.
    #[error("the {0} is already taken")]
    Taken(UniqueField),
    /// The password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BreachCheckError> for RegisterError {
    fn from(error: BreachCheckError) -> Self {
        match error {
            BreachCheckError::Breached(violations) => Self::Policy(violations),
            BreachCheckError::Unreadable(error) => Self::Breached(error),
        }
    }
}

impl From<CreateUserError> for RegisterError {
    fn from(error: CreateUserError) -> Self {
        match error {
            CreateUserError::Taken(field) => Self::Taken(field),
            CreateUserError::Store(error) => Self::Store(error),
        }
    }
}

/// Makes an account.
///
/// # Errors
/// [`RegisterError`]; nothing is written then.
pub fn register<S: UserStore + ?Sized>(
    store: &S,
    passwords: &Passwords,
    policy: &Policy,
    command: Register,
    act: &Act,
) -> Result<User, RegisterError> {
    let Register {
        username,
        password,
        email,
        display_name,
        roles,
    } = command;
    let owner = Personal {
        username: Some(&username),
        email: email.as_ref(),
        display_name: display_name.as_deref(),
    };
    policy.check(&password, owner)?;
    policy.check_breached(&password)?;
    let password_hash = super::hashing(|| passwords.hash_blocking(&password))?;
    let user = NewUser {
        username,
        email,
        display_name,
        roles: roles.into_iter().collect(),
        password_hash,
    };
    Ok(store.create_user(&user, act)?)
}
