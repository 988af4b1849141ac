use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use passgate_domain::ports::{
    CreateUserError, ImportSummary, ImportUsersError, StoreError, UserPage, UserStore,
};
use passgate_domain::session::{EndReason, SessionId};
use passgate_domain::{
    Credentials, Email, ImportedUser, NewUser, PasswordHash, ProfileChange, User, UserId,
    UserStatus, Username,
};
use time::OffsetDateTime;

use crate::PgStore;
use crate::error::PgError;
use crate::import;
use crate::rows::{CredentialsRow, NewUserRow, UserRow};
use crate::schema::users;
use crate::sessions;

impl UserStore for PgStore {
    fn find_credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        let row = self.read(|connection| {
            let row = users::table
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
            let row = users::table
                .find(id.get())
                .select(UserRow::as_select())
                .first(connection)
                .optional()?;
            Ok(row)
        })?;
        row.map(UserRow::into_user).transpose()
    }

    fn list_users(&self, page: UserPage) -> Result<Vec<User>, StoreError> {
        let rows: Vec<UserRow> = self.read(|connection| {
            let rows = users::table
                .filter(users::id.gt(page.after.map_or(0, UserId::get)))
                .order(users::id)
                .limit(page.limit.into())
                .select(UserRow::as_select())
                .load(connection)?;
            Ok(rows)
        })?;
        rows.into_iter().map(UserRow::into_user).collect()
    }

    fn create_user(&self, user: &NewUser, now: OffsetDateTime) -> Result<User, CreateUserError> {
        let row: UserRow = self.with(|connection| {
            let row = diesel::insert_into(users::table)
                .values(NewUserRow::of(None, user, now))
                .returning(UserRow::as_returning())
                .get_result(connection)?;
            Ok(row)
        })?;
        Ok(row.into_user()?)
    }

    fn import_users(
        &self,
        users: &[ImportedUser],
        now: OffsetDateTime,
        progress: &mut dyn FnMut(usize),
    ) -> Result<ImportSummary, ImportUsersError> {
        self.with(|connection| {
            let outcome = connection
                .transaction(|connection| import::import(connection, users, now, progress));
            match outcome {
                Ok(summary) => Ok(Ok(summary)),
                Err(import::Failed::Conflicts(all)) => Ok(Err(ImportUsersError::Conflicts(all))),
                Err(import::Failed::Pg(error)) => Err(error),
            }
        })?
    }

    fn set_status(
        &self,
        id: UserId,
        status: UserStatus,
        now: OffsetDateTime,
    ) -> Result<Option<User>, StoreError> {
        let since = match status {
            UserStatus::Active => None,
            UserStatus::Disabled { since } => Some(since),
        };
        let row = self.with(|connection| {
            connection.transaction(|connection| {
                // Nothing changes where the user is that already.
                let of_other_status = users::table
                    .find(id.get())
                    .filter(users::disabled_at.is_null().eq(since.is_some()));
                let changed = diesel::update(of_other_status)
                    .set((users::disabled_at.eq(since), users::updated_at.eq(now)))
                    .returning(UserRow::as_returning())
                    .get_result(connection)
                    .optional()?;
                if since.is_some() {
                    sessions::end_all(connection, id, None, EndReason::UserDisabled, now)?;
                }
                match changed {
                    Some(row) => Ok(Some(row)),
                    None => Ok(users::table
                        .find(id.get())
                        .select(UserRow::as_select())
                        .first(connection)
                        .optional()?),
                }
            })
        });
        row.map_err(StoreError::from)?
            .map(UserRow::into_user)
            .transpose()
    }

    fn update_profile(
        &self,
        id: UserId,
        change: &ProfileChange,
        now: OffsetDateTime,
    ) -> Result<Option<User>, CreateUserError> {
        if *change == ProfileChange::default() {
            return Ok(self.find_user(id)?);
        }
        let row: Option<UserRow> = self.with(|connection| {
            // What is `None` is left out of the statement.
            let email = change.email.changed().map(|email| {
                let (address, key) = (email.map(Email::as_str), email.map(Email::key));
                (users::email.eq(address), users::email_key.eq(key))
            });
            let display_name = change
                .display_name
                .changed()
                .map(|name| users::display_name.eq(name));
            let row = diesel::update(users::table.find(id.get()))
                .set((email, display_name, users::updated_at.eq(now)))
                .returning(UserRow::as_returning())
                .get_result(connection)
                .optional()?;
            Ok(row)
        })?;
        Ok(row.map(UserRow::into_user).transpose()?)
    }

    fn set_password_hash(
        &self,
        id: UserId,
        hash: &PasswordHash,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let changed = self.with(|connection| {
            let changed = connection.transaction(|connection| {
                let changed = diesel::update(users::table.find(id.get()))
                    .set((
                        users::password_hash.eq(hash.expose()),
                        users::updated_at.eq(now),
                    ))
                    .execute(connection)?;
                sessions::end_all(connection, id, None, EndReason::PasswordChanged, now)?;
                QueryResult::Ok(changed)
            })?;
            Ok(changed)
        });
        is_one(changed)
    }

    fn change_password(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
        keep: SessionId,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let changed = self.with(|connection| {
            let changed = connection.transaction(|connection| {
                let unchanged = users::table
                    .find(id.get())
                    .filter(users::password_hash.eq(from.expose()));
                let changed = diesel::update(unchanged)
                    .set((
                        users::password_hash.eq(to.expose()),
                        users::updated_at.eq(now),
                    ))
                    .execute(connection)?;
                if changed == 1 {
                    let reason = EndReason::PasswordChanged;
                    sessions::end_all(connection, id, Some(keep), reason, now)?;
                }
                QueryResult::Ok(changed)
            })?;
            Ok(changed)
        });
        is_one(changed)
    }

    fn upgrade_password_hash(
        &self,
        id: UserId,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let changed = self.with(|connection| {
            let unchanged = users::table
                .find(id.get())
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
        is_one(changed)
    }
}

fn is_one(changed: Result<usize, PgError>) -> Result<bool, StoreError> {
    Ok(changed? == 1)
}
