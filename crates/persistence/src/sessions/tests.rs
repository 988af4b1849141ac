use super::*;
use crate::reads::rows_read;
use crate::testing::TestDatabase;
use diesel::connection::SimpleConnection;
use passgate_domain::ScopeSet;
use passgate_domain::ports::UserStore;
use passgate_domain::session::Device;
use passgate_domain::testing::{act, new_user};
use time::Duration;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-11-28 12:00 UTC);

/// Users, the first of whom has so many sessions, of which so many live.
fn full(sessions: u32, living: u32) -> (TestDatabase, User) {
    let database = TestDatabase::new();
    let store = database.store();
    let user = store.create_user(&new_user("matt"), &act(NOW)).unwrap();
    for other in ["ada", "ben", "cat"] {
        store.create_user(&new_user(other), &act(NOW)).unwrap();
    }
    let row = |user: &str, ended: &str, count: u32| {
        format!(
            "INSERT INTO sessions (id, user_id, client_id, scope, generation, rotated_at,
                                   created_at, last_used_at, idle_until, expires_at, ended_at,
                                   end_reason)
             SELECT gen_random_uuid(), {user}, 'app', 'profile', 1, at, at, at,
                    at + interval '14 days', at + interval '90 days', {ended}
             FROM generate_series(1, {count}) AS n,
                  LATERAL (SELECT timestamptz '2026-11-28 11:00Z' + n * interval '1 ms' AS at)
                      AS one;"
        )
    };
    let id = user.id.to_string();
    let live = row(&id, "NULL, NULL", living);
    let over = row(&id, "at, 'revoked'", sessions - living);
    let others = row(&format!("{id} + 1 + n % 3"), "NULL, NULL", 10_000);
    database
        .connect()
        .batch_execute(&format!("{live} {over} {others} ANALYZE sessions"))
        .unwrap();
    (database, user)
}

fn log_in(connection: &mut PgConnection, user: &User) -> bool {
    let session = NewSession {
        id: SessionId::random(),
        user_id: user.id,
        client_id: "app".to_owned(),
        of_client: false,
        scope: ScopeSet::default(),
        device: Device::default(),
        idle_until: NOW + Duration::days(14),
        expires_at: NOW + Duration::days(90),
    };
    let hash = new_user("matt").password_hash;
    let opened = open::open(connection, &session, &hash, &[], &act(NOW)).unwrap();
    match opened {
        open::Opened::No => panic!("not opened"),
        open::Opened::Yes => false,
        open::Opened::InPlaceOfOthers => true,
    }
}

#[test]
fn a_log_in_reads_as_few_sessions_as_it_can() {
    for (sessions, living, makes_room, most) in [
        (5, 5, false, 20),
        // Those that ended are not looked at.
        (5_000, 5, false, 20),
        (1_000, 999, false, 1_100),
        (6_000, 1_000, true, 2_200),
        // Nor all of a great many.
        (20_000, 20_000, true, 3_500),
    ] {
        let (database, user) = full(sessions, living);
        let mut connection = database.connect();
        // Beyond the fifth time a plan is kept.
        for _ in 0..7 {
            let read = rows_read(&mut connection, "sessions", |connection| {
                assert_eq!(log_in(connection, &user), makes_room, "{sessions} {living}");
            });
            assert!(read <= most, "{sessions} {living}: {read}");
            if living == 999 {
                break;
            }
        }
    }
}

#[test]
fn sessions_without_a_bound_end_in_batches_within_one_change() {
    let (database, user) = full(25_000, 25_000);
    let store = database.store();
    database
        .connect()
        .batch_execute(
            "CREATE FUNCTION few() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF (SELECT count(*) FROM changed) > 10000 THEN
                     RAISE EXCEPTION 'too many at once';
                 END IF;
                 RETURN NULL;
             END $$;
             CREATE TRIGGER few AFTER UPDATE ON sessions REFERENCING NEW TABLE AS changed
                 FOR EACH STATEMENT EXECUTE FUNCTION few()",
        )
        .unwrap();
    let sessions = store.sessions_of(user.id, NOW).unwrap();
    assert_eq!(sessions.len(), 1000);
    let keep = sessions[500].id;
    let revoked = EndReason::Revoked;
    let ended = store.end_sessions(user.id, Some(keep), revoked, &act(NOW));
    assert_eq!(ended.unwrap(), 24_999);
    let left = store.sessions_of(user.id, NOW).unwrap();
    assert_eq!(left.iter().map(|left| left.id).collect::<Vec<_>>(), [keep]);
    let others: i64 = sessions::table
        .filter(sessions::ended_at.is_null())
        .count()
        .get_result(&mut database.connect())
        .unwrap();
    assert_eq!(others, 10_001);
}
