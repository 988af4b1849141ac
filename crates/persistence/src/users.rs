use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use passgate_domain::audit::{Act, Action, Deed};
use passgate_domain::ports::{
    CreateUserError, ImportSummary, ImportUsersError, StoreError, UserQuery, UserStore,
};
use passgate_domain::session::{EndReason, SessionId};
use passgate_domain::{
    Credentials, Email, ImportedUser, NewUser, PasswordHash, Role, User, UserChange, UserId,
    Username,
};

use crate::PgStore;
use crate::audit;
use crate::error::PgError;
use crate::import;
use crate::rows::{CredentialsRow, NewUserRow, UserRow};
use crate::schema::users;
use crate::sessions;

/// What stands in the place of a deleted user's hash. It is none.
const NO_HASH: &str = "-";

/// Accounts that were not deleted.
#[diesel::dsl::auto_type(no_type_alias)]
fn living() -> _ {
    users::table.filter(users::deleted_at.is_null())
}

impl UserStore for PgStore {
    fn find_credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        let row = self.read(|connection| {
            let row = living()
                .filter(users::username_key.eq(username.key()))
                .select(CredentialsRow::as_select())
                .first(connection)
                .optional()?;
            Ok(row)
        })?;
        row.map(CredentialsRow::into_credentials).transpose()
    }

    fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let row = self.read(|connection| {
            let row = living()
                .filter(users::id.eq(id.get()))
                .select(UserRow::as_select())
                .first(connection)
                .optional()?;
            Ok(row)
        })?;
        row.map(UserRow::into_user).transpose()
    }

    fn list_users(&self, query: &UserQuery, limit: u32) -> Result<Vec<User>, StoreError> {
        let rows: Vec<UserRow> = self.read(|connection| {
            let page = living()
                .select(UserRow::as_select())
                .limit(limit.into())
                .into_boxed();
            let page = match query {
                UserQuery::All { after } => page
                    .filter(users::id.gt(after.map_or(0, UserId::get)))
                    .order(users::id),
                UserQuery::ByUsername { prefix, after } => {
                    let mut page = page
                        .filter(users::username_key.ge(prefix))
                        .order(users::username_key);
                    if let Some(end) = after_all_with(prefix) {
                        page = page.filter(users::username_key.lt(end));
                    }
                    match after {
                        Some(after) => page.filter(users::username_key.gt(after)),
                        None => page,
                    }
                }
                UserQuery::ByEmail { prefix, after } => {
                    let mut page = page
                        .filter(users::email_key.ge(prefix))
                        .order(users::email_key);
                    if let Some(end) = after_all_with(prefix) {
                        page = page.filter(users::email_key.lt(end));
                    }
                    match after {
                        Some(after) => page.filter(users::email_key.gt(after)),
                        None => page,
                    }
                }
            };
            Ok(page.load(connection)?)
        })?;
        rows.into_iter().map(UserRow::into_user).collect()
    }

    fn create_user(&self, user: &NewUser, act: &Act) -> Result<User, CreateUserError> {
        self.with(|connection| {
            connection.transaction(|connection| {
                let row: UserRow = diesel::insert_into(users::table)
                    .values(NewUserRow::of(None, user, act.at))
                    .returning(UserRow::as_returning())
                    .get_result(connection)?;
                let user = row.into_user()?;
                let deed = Deed::new(Action::UserCreated).on(user.id);
                audit::write(connection, &deed, act)?;
                Ok(user)
            })
        })
        .map_err(CreateUserError::from)
    }

    fn import_users(
        &self,
        users: &[ImportedUser],
        act: &Act,
        progress: &mut dyn FnMut(usize),
    ) -> Result<ImportSummary, ImportUsersError> {
        self.with(|connection| {
            let outcome = connection
                .transaction(|connection| import::import(connection, users, act, progress));
            match outcome {
                Ok(summary) => Ok(Ok(summary)),
                Err(import::Failed::Conflicts(all)) => Ok(Err(ImportUsersError::Conflicts(all))),
                Err(import::Failed::Pg(error)) => Err(error),
            }
        })?
    }

    fn update_user(
        &self,
        id: UserId,
        change: &UserChange,
        act: &Act,
    ) -> Result<Option<User>, CreateUserError> {
        if *change == UserChange::default() {
            return Ok(self.find_user(id)?);
        }
        let takes = |(_, takes): &(_, bool)| *takes;
        let (user, _) = self.withdraw(takes, |connection| {
            connection.transaction(|connection| {
                let Some(user) = find(connection, id)? else {
                    return Ok((None, false));
                };
                let change = change.differing(&user);
                if change == UserChange::default() {
                    return Ok((Some(user), false));
                }
                let mut row = change_fields(connection, id, &change, act)?;
                if let Some(active) = change.active {
                    row = change_status(connection, id, active, act)?.or(row);
                }
                let user = match row {
                    Some(row) => Some(row.into_user()?),
                    // Somebody else was faster.
                    None => find(connection, id)?,
                };
                Ok((user, takes_away(&change)))
            })
        })?;
        Ok(user)
    }

    fn delete_user(&self, id: UserId, act: &Act) -> Result<bool, StoreError> {
        let deleted = self.withdraw(is_one, |connection| {
            connection.transaction(|connection| {
                let no_text = None::<&str>;
                let changed = diesel::update(living().filter(users::id.eq(id.get())))
                    .set((
                        users::deleted_at.eq(act.at),
                        users::updated_at.eq(act.at),
                        users::disabled_at.eq(act.at),
                        users::email.eq(no_text),
                        users::email_key.eq(no_text),
                        users::display_name.eq(no_text),
                        users::roles.eq(Vec::<&str>::new()),
                        users::password_hash.eq(NO_HASH),
                    ))
                    .execute(connection)?;
                if changed == 1 {
                    sessions::end_all(connection, id, None, EndReason::UserDeleted, act.at)?;
                    audit::write(connection, &Deed::new(Action::UserDeleted).on(id), act)?;
                }
                Ok(changed)
            })
        });
        Ok(is_one(&deleted?))
    }

    fn set_password_hash(
        &self,
        id: UserId,
        hash: &PasswordHash,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let changed = self.withdraw(is_one, |connection| {
            connection.transaction(|connection| {
                let changed = diesel::update(living().filter(users::id.eq(id.get())))
                    .set((
                        users::password_hash.eq(hash.expose()),
                        users::updated_at.eq(act.at),
                    ))
                    .execute(connection)?;
                if changed == 1 {
                    sessions::end_all(connection, id, None, EndReason::PasswordChanged, act.at)?;
                    audit::write(connection, &Deed::new(Action::PasswordReset).on(id), act)?;
                }
                Ok(changed)
            })
        });
        Ok(is_one(&changed?))
    }

    fn change_password(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
        keep: SessionId,
        act: &Act,
    ) -> Result<bool, StoreError> {
        let changed = self.withdraw(is_one, |connection| {
            connection.transaction(|connection| {
                let unchanged = living()
                    .filter(users::id.eq(id.get()))
                    .filter(users::password_hash.eq(from.expose()));
                let changed = diesel::update(unchanged)
                    .set((
                        users::password_hash.eq(to.expose()),
                        users::updated_at.eq(act.at),
                    ))
                    .execute(connection)?;
                if changed == 1 {
                    let reason = EndReason::PasswordChanged;
                    sessions::end_all(connection, id, Some(keep), reason, act.at)?;
                    audit::write(connection, &Deed::new(Action::PasswordChanged).on(id), act)?;
                }
                Ok(changed)
            })
        });
        Ok(is_one(&changed?))
    }

    fn upgrade_password_hash(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let changed = self.with(|connection| {
            let unchanged = living()
                .filter(users::id.eq(id.get()))
                .filter(users::password_hash.eq(from.expose()));
            // Not worth waiting for: an import holds the table, and the connection is wanted.
            let changed = connection.transaction(|connection| {
                connection.batch_execute("SET LOCAL lock_timeout = '100ms'")?;
                diesel::update(unchanged)
                    .set(users::password_hash.eq(to.expose()))
                    .execute(connection)
            })?;
            Ok(changed)
        });
        Ok(is_one(&changed?))
    }
}

fn find(connection: &mut PgConnection, id: UserId) -> Result<Option<User>, PgError> {
    let row: Option<UserRow> = living()
        .filter(users::id.eq(id.get()))
        .select(UserRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(UserRow::into_user).transpose()?)
}

/// Whether the user may have been good for something before that is over: by anything but what people
/// call the user.
fn takes_away(change: &UserChange) -> bool {
    let named = UserChange {
        display_name: change.display_name.clone(),
        ..UserChange::default()
    };
    *change != named
}

/// Changes everything but whether the user may log in. `None` where there is nothing to change,
/// or nobody.
fn change_fields(
    connection: &mut PgConnection,
    id: UserId,
    change: &UserChange,
    act: &Act,
) -> Result<Option<UserRow>, PgError> {
    let fields = change.fields();
    if fields.is_empty() {
        return Ok(None);
    }
    // What is `None` is left out of the statement.
    let email = change.email.changed().map(|email| {
        let (address, key) = (email.map(Email::as_str), email.map(Email::key));
        (users::email.eq(address), users::email_key.eq(key))
    });
    let display_name = change
        .display_name
        .changed()
        .map(|name| users::display_name.eq(name));
    let roles = change.roles.as_ref().map(|roles| {
        let roles: Vec<&str> = roles.iter().map(Role::as_str).collect();
        users::roles.eq(roles)
    });
    let row = diesel::update(living().filter(users::id.eq(id.get())))
        .set((email, display_name, roles, users::updated_at.eq(act.at)))
        .returning(UserRow::as_returning())
        .get_result(connection)
        .optional()?;
    if row.is_some() {
        let deed = Deed::new(Action::UserChanged).on(id);
        audit::write(connection, &deed.detail(fields.join(" ")), act)?;
    }
    Ok(row)
}

/// `None` where the user is that already, or there is none.
fn change_status(
    connection: &mut PgConnection,
    id: UserId,
    active: bool,
    act: &Act,
) -> Result<Option<UserRow>, PgError> {
    let of_other_status = living()
        .filter(users::id.eq(id.get()))
        .filter(users::disabled_at.is_null().ne(active));
    let since = (!active).then_some(act.at);
    let row = diesel::update(of_other_status)
        .set((users::disabled_at.eq(since), users::updated_at.eq(act.at)))
        .returning(UserRow::as_returning())
        .get_result(connection)
        .optional()?;
    if row.is_some() {
        let action = if active {
            Action::UserEnabled
        } else {
            sessions::end_all(connection, id, None, EndReason::UserDisabled, act.at)?;
            Action::UserDisabled
        };
        audit::write(connection, &Deed::new(action).on(id), act)?;
    }
    Ok(row)
}

/// The text that comes after all that begin with `prefix`, byte by byte; none if there is none.
/// A range, where `LIKE` would be a pattern: a prepared statement uses the index for it.
fn after_all_with(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "what looks at any outcome looks at it by reference"
)]
fn is_one(changed: &usize) -> bool {
    *changed == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_a_prefix_ends_after_everything_that_begins_with_it() {
        assert_eq!(after_all_with("matt").as_deref(), Some("matu"));
        assert_eq!(after_all_with("a\u{7f}").as_deref(), Some("a\u{80}"));
        assert_eq!(after_all_with("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(after_all_with("b\u{10ffff}").as_deref(), Some("c"));
        assert_eq!(after_all_with("\u{10ffff}"), None);
        assert_eq!(after_all_with(""), None);
    }
}
