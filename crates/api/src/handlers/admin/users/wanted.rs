use passgate_domain::ports::UserQuery;
use passgate_domain::{Email, User, UserId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::handlers::page::{Page, PageQuery};
use crate::handlers::users::UserBody;

/// Which users are asked for: all, by number; or those whose name or address begins with a text,
/// by that name or address.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// What the username begins with.
    username: Option<String>,
    /// What the email address begins with.
    email: Option<String>,
    /// At most so many, 1 to 200; 50 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The `next` of the part before.
    after: Option<String>,
}

/// A list's kind, in its cursors.
const BY_NUMBER: char = 'n';
const BY_USERNAME: char = 'u';
const BY_EMAIL: char = 'e';

impl Wanted {
    pub(super) fn query(self) -> Result<(UserQuery, PageQuery), ApiError> {
        let page = PageQuery {
            limit: self.limit,
            after: self.after,
        };
        let query = match (self.username, self.email) {
            (None, None) => {
                let after = page.after_number(BY_NUMBER)?;
                let after = after.map(UserId::try_new).transpose();
                let after = after.map_err(|error| ApiError::Malformed(error.to_string()))?;
                UserQuery::All { after }
            }
            (Some(prefix), None) => UserQuery::by_username(&prefix, page.after(BY_USERNAME)?)
                .map_err(|error| ApiError::Malformed(format!("No username begins so: {error}")))?,
            (None, Some(prefix)) => UserQuery::by_email(&prefix, page.after(BY_EMAIL)?),
            (Some(_), Some(_)) => {
                let detail = "The query takes username or email, not both";
                return Err(ApiError::Malformed(detail.to_owned()));
            }
        };
        Ok((query, page))
    }
}

pub(super) fn page_of(query: &UserQuery, found: Vec<User>, limit: u32) -> Page<UserBody> {
    match query {
        UserQuery::All { .. } => Page::of(found, limit, BY_NUMBER, |user| user.id.to_string()),
        UserQuery::ByUsername { .. } => Page::of(found, limit, BY_USERNAME, |user| {
            user.username.key().to_owned()
        }),
        UserQuery::ByEmail { .. } => Page::of(found, limit, BY_EMAIL, |user| {
            user.email.as_ref().map_or("", Email::key).to_owned()
        }),
    }
}
