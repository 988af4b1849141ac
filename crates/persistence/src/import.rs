//! Users of another system, all or none.

use std::collections::{HashMap, HashSet};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use passgate_domain::audit::{Act, Action, Deed};
use passgate_domain::ports::{ImportConflict, ImportSummary, StoreError, UniqueField};
use passgate_domain::{Email, ImportedUser, UserId};
use time::OffsetDateTime;

use crate::audit;
use crate::error::{PgError, corrupt};
use crate::rows::NewUserRow;
use crate::schema::users;

/// Users in one statement: PostgreSQL takes 65 535 parameters, a user has eleven.
const BATCH: usize = 1000;

pub(crate) enum Failed {
    Conflicts(Vec<ImportConflict>),
    Pg(PgError),
}

impl From<diesel::result::Error> for Failed {
    fn from(error: diesel::result::Error) -> Self {
        Self::Pg(error.into())
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Pg(error.into())
    }
}

pub(crate) fn import(
    connection: &mut PgConnection,
    list: &[ImportedUser],
    act: &Act,
    progress: &mut dyn FnMut(usize),
) -> Result<ImportSummary, Failed> {
    // Nobody registers meanwhile, and reading goes on: no row can come between the look for
    // conflicts and the writing. A large import may take longer than a request.
    connection.batch_execute(
        "LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE; SET LOCAL statement_timeout = 0",
    )?;
    let (mut conflicts, mut fresh) = (Vec::new(), Vec::new());
    for (batch, users) in list.chunks(BATCH).enumerate() {
        let there = Holders::of(connection, users)?;
        for (place, user) in users.iter().enumerate() {
            let index = batch * BATCH + place;
            if !there.holds(user) {
                conflicts.extend(there.conflicts(index, user));
                fresh.push(index);
            }
        }
    }
    if !conflicts.is_empty() {
        return Err(Failed::Conflicts(conflicts));
    }
    // Given numbers first: a number given out must not be one that a later line brings.
    let (given, open): (Vec<usize>, Vec<usize>) = fresh
        .iter()
        .copied()
        .partition(|&index| list[index].id.is_some());
    let unchanged = list.len() - fresh.len();
    let mut done = unchanged;
    progress(done);
    for indexes in given.chunks(BATCH) {
        insert(connection, list, indexes, act.at)?;
        done += indexes.len();
        progress(done);
    }
    move_sequence(connection)?;
    for indexes in open.chunks(BATCH) {
        insert(connection, list, indexes, act.at)?;
        done += indexes.len();
        progress(done);
    }
    let summary = ImportSummary {
        created: fresh.len(),
        unchanged,
    };
    if summary.created > 0 {
        let deed = Deed::new(Action::UsersImported).detail(summary.to_string());
        audit::write(connection, &deed, act)?;
    }
    Ok(summary)
}

fn insert(
    connection: &mut PgConnection,
    list: &[ImportedUser],
    indexes: &[usize],
    now: OffsetDateTime,
) -> QueryResult<()> {
    let rows: Vec<NewUserRow<'_>> = indexes
        .iter()
        .map(|&index| {
            let imported = &list[index];
            let row = NewUserRow::of(imported.id, &imported.user, now);
            if imported.active {
                row
            } else {
                row.disabled(now)
            }
        })
        .collect();
    diesel::insert_into(users::table)
        .values(rows)
        .execute(connection)?;
    Ok(())
}

/// The next number given out is greater than every number there is.
fn move_sequence(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute(
        "SELECT setval(sequence, greatest(
             (SELECT max(id) FROM users),
             (SELECT last_value FROM pg_sequences
              WHERE (quote_ident(schemaname) || '.' || quote_ident(sequencename))::regclass
                    = sequence)))
         FROM (SELECT pg_get_serial_sequence('users', 'id')::regclass AS sequence) AS of_users
         WHERE EXISTS (SELECT FROM users)",
    )
}

/// Who has the numbers, names and addresses of a batch already.
struct Holders {
    ids: HashMap<i64, UserId>,
    usernames: HashMap<String, UserId>,
    emails: HashMap<String, UserId>,
    /// Of them, those who only keep their number and name from others.
    deleted: HashSet<UserId>,
}

impl Holders {
    fn of(connection: &mut PgConnection, batch: &[ImportedUser]) -> Result<Self, Failed> {
        let ids: Vec<i64> = batch
            .iter()
            .filter_map(|user| user.id)
            .map(UserId::get)
            .collect();
        let names: Vec<&str> = batch.iter().map(|user| user.user.username.key()).collect();
        let emails: Vec<&str> = batch
            .iter()
            .filter_map(|user| user.user.email.as_ref())
            .map(Email::key)
            .collect();
        let rows: Vec<(i64, String, Option<String>, bool)> = users::table
            .filter(
                users::id
                    .eq_any(ids)
                    .or(users::username_key.eq_any(names))
                    .or(users::email_key.assume_not_null().eq_any(emails)),
            )
            .select((
                users::id,
                users::username_key,
                users::email_key,
                users::deleted_at.is_not_null(),
            ))
            .load(connection)?;
        let mut holders = Self {
            ids: HashMap::new(),
            usernames: HashMap::new(),
            emails: HashMap::new(),
            deleted: HashSet::new(),
        };
        for (number, username, email, is_deleted) in rows {
            let id = UserId::try_new(number)
                .map_err(|cause| corrupt("users", "id", &number, cause.into()))?;
            if is_deleted {
                holders.deleted.insert(id);
            }
            holders.ids.insert(number, id);
            holders.usernames.insert(username, id);
            if let Some(email) = email {
                holders.emails.insert(email, id);
            }
        }
        Ok(holders)
    }

    /// Whether the user is there already.
    fn holds(&self, user: &ImportedUser) -> bool {
        self.usernames
            .get(user.user.username.key())
            .filter(|same| !self.deleted.contains(same))
            .is_some_and(|same| user.id.is_none_or(|id| id == *same))
    }

    fn conflicts(
        &self,
        index: usize,
        imported: &ImportedUser,
    ) -> impl Iterator<Item = ImportConflict> {
        let id = imported.id.and_then(|id| self.ids.get(&id.get()));
        let username = self.usernames.get(imported.user.username.key());
        let email = imported
            .user
            .email
            .as_ref()
            .and_then(|email| self.emails.get(email.key()));
        [
            (UniqueField::Id, id),
            (UniqueField::Username, username),
            (UniqueField::Email, email),
        ]
        .map(|(field, holder)| {
            holder.map(|&holder| ImportConflict {
                index,
                field,
                holder,
            })
        })
        .into_iter()
        .flatten()
    }
}
