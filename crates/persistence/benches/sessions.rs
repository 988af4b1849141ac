//! What a refresh costs in the store when there are a thousand sessions, and when there are a
//! million; and what a session weighs. Fails if the medians are further apart than 1.3.
//!
//! ```text
//! cargo bench -p passgate-persistence --bench sessions
//! ```
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench fails by panicking and prints a table"
)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use passgate_domain::ScopeSet;
use passgate_domain::ports::SessionStore;
use passgate_domain::session::{Device, Generation, Presenter, Rotate, Rotation, SessionId};
use passgate_domain::testing::act;
use passgate_persistence::PgStore;
use passgate_persistence::testing::TestDatabase;
use time::macros::datetime;

/// Refreshes of each table in a round.
const SAMPLES: usize = 500;

/// Rounds, in turn. They use up the small table.
const ROUNDS: usize = 2;

/// Of the medians.
const MOST: f64 = 1.3;

/// Sessions are spread over the users, ten each.
const FILL: &str = "
    INSERT INTO users (username, username_key, password_hash, created_at, updated_at)
    SELECT 'user' || n, 'user' || n, 'x', '2026-11-01', '2026-11-01'
    FROM generate_series(1, COUNT / 10) AS n;
    INSERT INTO sessions (id, user_id, client_id, scope, generation, rotated_at, user_agent,
                          address, created_at, last_used_at, idle_until, expires_at)
    SELECT gen_random_uuid(), 1 + n % (COUNT / 10), 'passgate', 'profile', 1, '2026-11-01',
           'Mozilla/5.0 (X11, Linux x86_64, rv:145.0) Gecko/20100101 Firefox/145.0',
           '192.0.2.1', '2026-11-01', '2026-11-01', '2026-11-15', '2027-01-30'
    FROM generate_series(1, COUNT) AS n;
    VACUUM ANALYZE users;
    VACUUM ANALYZE sessions";

#[derive(QueryableByName)]
struct Bytes {
    #[diesel(sql_type = BigInt)]
    bytes: i64,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = SqlUuid)]
    id: uuid::Uuid,
}

struct Table {
    sessions: usize,
    database: TestDatabase,
    store: PgStore,
    times: Vec<Duration>,
}

impl Table {
    fn of(sessions: usize) -> Self {
        let database = TestDatabase::new();
        let mut connection = database.connect();
        for statement in FILL.replace("COUNT", &sessions.to_string()).split(';') {
            connection.batch_execute(statement).unwrap();
        }
        Self {
            sessions,
            store: database.store(),
            database,
            times: Vec::new(),
        }
    }

    /// Refreshes sessions from all over the table, each once.
    fn measure(&mut self) {
        let names: Vec<Name> = diesel::sql_query(
            "SELECT id FROM sessions WHERE generation = 1 ORDER BY random() LIMIT $1",
        )
        .bind::<BigInt, _>(i64::try_from(SAMPLES).unwrap())
        .load(&mut self.database.connect())
        .unwrap();
        let now = datetime!(2026-11-02 12:00 UTC);
        for (sample, Name { id }) in names.into_iter().enumerate() {
            let rotate = Rotate {
                id: SessionId::from_uuid(id),
                generation: Generation::FIRST,
                presenter: Presenter::Nobody,
                scope: ScopeSet::default(),
                grace_since: now - Duration::from_secs(10),
                idle_until: now + Duration::from_hours(14 * 24),
                device: Device::default(),
            };
            let begun = Instant::now();
            let rotation = self.store.rotate_session(&rotate, &act(now)).unwrap();
            let took = begun.elapsed();
            assert!(matches!(rotation, Rotation::Rotated { .. }), "{rotation:?}");
            // The first ones warm the connection and the caches.
            if sample >= SAMPLES / 10 {
                self.times.push(took);
            }
        }
    }

    fn bytes(&self) -> i64 {
        let total: Bytes = diesel::sql_query("SELECT pg_total_relation_size('sessions') AS bytes")
            .get_result(&mut self.database.connect())
            .unwrap();
        total.bytes / i64::try_from(self.sessions).unwrap()
    }

    fn percentile(&mut self, percent: usize) -> f64 {
        self.times.sort();
        self.times[self.times.len() * percent / 100].as_secs_f64() * 1e6
    }
}

fn main() -> ExitCode {
    let mut tables = [Table::of(1_000), Table::of(1_000_000)];
    for _ in 0..ROUNDS {
        tables.iter_mut().for_each(Table::measure);
    }
    println!(
        "{:>10} {:>12} {:>12} {:>14}",
        "sessions", "median us", "p90 us", "bytes/session"
    );
    for table in &mut tables {
        let (median, p90) = (table.percentile(50), table.percentile(90));
        println!(
            "{:>10} {median:>12.0} {p90:>12.0} {:>14}",
            table.sessions,
            table.bytes()
        );
    }
    let [small, big] = &mut tables;
    let ratio = big.percentile(50) / small.percentile(50);
    println!("median of a million over a thousand: {ratio:.2} (at most {MOST})");
    if ratio > MOST {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
