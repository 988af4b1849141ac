//! What clients were told, and whether the database knows the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text, Uuid as SqlUuid};
use uuid::Uuid;

/// What became of something that was asked for, as far as its client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was acknowledged.
    Done,
    /// It was refused for a reason.
    Refused,
    /// There was no answer, or one that says to try later.
    Unsure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    Revoked,
    /// Somebody tried to end it, and does not know.
    Unsure,
}

#[derive(Debug, Default)]
struct Entries {
    users: BTreeMap<String, Fate>,
    sessions: BTreeMap<Uuid, Life>,
    log_ins_unsure: i64,
}

/// The client-side log.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Entries>);

#[derive(QueryableByName)]
struct UserRow {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct SessionRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Bool)]
    is_ended: bool,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl Ledger {
    fn with<T>(&self, work: impl FnOnce(&mut Entries) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    pub(crate) fn registered(&self, name: &str) {
        self.with(|entries| entries.users.insert(name.to_owned(), Fate::Done));
    }

    pub(crate) fn not_registered(&self, name: &str) {
        self.with(|entries| entries.users.insert(name.to_owned(), Fate::Refused));
    }

    pub(crate) fn perhaps_registered(&self, name: &str) {
        self.with(|entries| entries.users.insert(name.to_owned(), Fate::Unsure));
    }

    pub(crate) fn opened(&self, session: Uuid) {
        self.with(|entries| entries.sessions.insert(session, Life::Alive));
    }

    pub(crate) fn perhaps_opened(&self) {
        self.with(|entries| entries.log_ins_unsure += 1);
    }

    pub(crate) fn revoked(&self, session: Uuid) {
        self.with(|entries| entries.sessions.insert(session, Life::Revoked));
    }

    pub(crate) fn perhaps_revoked(&self, session: Uuid) {
        self.with(|entries| entries.sessions.insert(session, Life::Unsure));
    }

    /// Both in one.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut both = Entries::default();
        for ledger in [self, other] {
            ledger.with(|entries| {
                both.users.extend(entries.users.clone());
                both.sessions.extend(entries.sessions.clone());
                both.log_ins_unsure += entries.log_ins_unsure;
            });
        }
        Self(Mutex::new(both))
    }

    /// Replays the log against the database while nobody asks for anything, and returns what is
    /// not as it was told.
    pub(crate) fn differences(&self, connection: &mut PgConnection) -> Vec<String> {
        let users: Vec<UserRow> = diesel::sql_query("SELECT username AS name FROM users")
            .load(connection)
            .unwrap();
        let users: BTreeSet<String> = users.into_iter().map(|row| row.name).collect();
        let sessions: Vec<SessionRow> =
            diesel::sql_query("SELECT id, ended_at IS NOT NULL AS is_ended FROM sessions")
                .load(connection)
                .unwrap();
        let count: Count = diesel::sql_query(
            "SELECT count(*) AS number FROM audit_events WHERE action = 'logged_in'",
        )
        .get_result(connection)
        .unwrap();
        let mut found = Vec::new();
        self.with(|entries| {
            for (name, fate) in &entries.users {
                match (fate, users.contains(name)) {
                    (Fate::Done, false) => found.push(format!("the user {name} is lost")),
                    (Fate::Refused, true) => found.push(format!("{name} was refused and is there")),
                    _ => {}
                }
            }
            for name in users
                .iter()
                .filter(|name| !entries.users.contains_key(*name))
            {
                found.push(format!("nobody asked for the user {name}"));
            }
            let there: BTreeMap<Uuid, bool> =
                sessions.iter().map(|row| (row.id, row.is_ended)).collect();
            for (id, life) in &entries.sessions {
                match (life, there.get(id)) {
                    (_, None) => found.push(format!("the session {id} is lost")),
                    (Life::Revoked, Some(false)) => {
                        found.push(format!("the revocation of {id} is lost"));
                    }
                    (Life::Alive, Some(true)) => found.push(format!("{id} ended by itself")),
                    _ => {}
                }
            }
            let known = i64::try_from(entries.sessions.len()).unwrap();
            let all = i64::try_from(there.len()).unwrap();
            if all > known + entries.log_ins_unsure {
                let unsure = entries.log_ins_unsure;
                found.push(format!("{all} sessions, of {known} and perhaps {unsure}"));
            }
            if count.number != all {
                let number = count.number;
                found.push(format!(
                    "{all} sessions, and {number} log-ins in the audit log"
                ));
            }
        });
        found
    }
}
