//! Whatever happens to sessions, in whatever order: the store on PostgreSQL and the one in memory
//! say the same.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use passgate_domain::audit::{self, EventFilter};
use passgate_domain::client::ClientChange;
use passgate_domain::ports::{AuditStore, ClientStore, SessionStore, UserStore};
use passgate_domain::session::{
    Device, EndReason, Generation, NewSession, Presenter, Rotate, Rotation, SessionId,
};
use passgate_domain::testing::{MemoryStore, act, new_client, new_user};
use passgate_domain::{ClientId, PasswordHash, ScopeSet, UserChange, UserId};
use passgate_persistence::testing::TestStore;
use proptest::prelude::*;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

const START: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);
const GRACE: Duration = Duration::seconds(10);
const IDLE: Duration = Duration::minutes(10);
const LIFE: Duration = Duration::minutes(30);

/// What can happen. Sessions and generations are named by small numbers, so that they meet.
#[derive(Debug, Clone)]
enum Event {
    LogIn {
        user: usize,
        with_old_password: bool,
        by_client: bool,
    },
    /// `behind` generations before the newest, as far as the test knows.
    Refresh {
        session: usize,
        behind: u32,
        presenter: Presenter,
        scope: &'static str,
    },
    Revoke {
        session: usize,
    },
    RevokeToken {
        session: usize,
        by_client: bool,
    },
    EnableClient(bool),
    DeleteClient,
    RegisterClient,
    LogOutOthers {
        session: usize,
    },
    Disable {
        user: usize,
    },
    Enable {
        user: usize,
    },
    SetPassword {
        user: usize,
    },
    ChangePassword {
        session: usize,
    },
    Upgrade {
        user: usize,
    },
    Tidy,
    Pass {
        seconds: i64,
    },
}

fn app() -> ClientId {
    ClientId::parse("app").unwrap()
}

fn presenter() -> impl Strategy<Value = Presenter> {
    prop_oneof![
        3 => Just(Presenter::Nobody),
        2 => Just(Presenter::Label("app".to_owned())),
        1 => Just(Presenter::Label("other".to_owned())),
        3 => Just(Presenter::Client(app())),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let (user, session) = (0..2_usize, 0..4_usize);
    prop_oneof![
        3 => (user.clone(), prop::bool::weighted(0.1), any::<bool>())
            .prop_map(|(user, with_old_password, by_client)| Event::LogIn {
                user, with_old_password, by_client
            }),
        10 => (
            session.clone(),
            prop_oneof![4 => Just(0), 3 => Just(1), 1 => Just(2), 1 => Just(u32::MAX)],
            presenter(),
            prop_oneof![4 => Just(""), 2 => Just("profile"), 1 => Just("admin")],
        )
            .prop_map(|(session, behind, presenter, scope)| Event::Refresh {
                session, behind, presenter, scope
            }),
        1 => (session.clone(), any::<bool>())
            .prop_map(|(session, by_client)| Event::RevokeToken { session, by_client }),
        2 => any::<bool>().prop_map(Event::EnableClient),
        1 => Just(Event::DeleteClient),
        2 => Just(Event::RegisterClient),
        1 => session.clone().prop_map(|session| Event::Revoke { session }),
        1 => session.clone().prop_map(|session| Event::LogOutOthers { session }),
        1 => user.clone().prop_map(|user| Event::Disable { user }),
        1 => user.clone().prop_map(|user| Event::Enable { user }),
        1 => user.clone().prop_map(|user| Event::SetPassword { user }),
        1 => session.prop_map(|session| Event::ChangePassword { session }),
        1 => user.prop_map(|user| Event::Upgrade { user }),
        1 => Just(Event::Tidy),
        4 => prop_oneof![Just(1), Just(9), Just(10), Just(11), Just(300), Just(599), Just(600)]
            .prop_map(|seconds| Event::Pass { seconds }),
    ]
}

/// What the test itself remembers: names and numbers, no rules.
struct Script {
    now: OffsetDateTime,
    hashes: [String; 2],
    hash_number: u32,
    sessions: Vec<(SessionId, UserId, u32)>,
}

impl Script {
    fn next_hash(&mut self) -> String {
        self.hash_number += 1;
        format!("$sample${}", self.hash_number)
    }
}

fn play<S: UserStore + SessionStore + ClientStore + AuditStore>(
    store: &S,
    events: &[Event],
    names: &[SessionId],
) -> Vec<String> {
    let mut script = Script {
        now: START,
        hashes: ["$sample$a".to_owned(), "$sample$b".to_owned()],
        hash_number: 0,
        sessions: Vec::new(),
    };
    let users = ["a", "b"].map(|name| {
        let mut user = new_user(name);
        user.password_hash = PasswordHash::new(format!("$sample${name}"));
        store.create_user(&user, &act(START)).unwrap().id
    });
    let mut names = names.iter();
    let mut outcomes: Vec<String> = events
        .iter()
        .map(|event| step(store, event, &mut script, &users, &mut names))
        .collect();
    let everything = EventFilter {
        limit: 10_000,
        ..EventFilter::default()
    };
    // Numbers may have gaps; what was written down, and in which order, is the same.
    outcomes.extend(store.events(&everything).unwrap().iter().map(|written| {
        let id = 0;
        format!(
            "{:?}",
            audit::Event {
                id,
                ..written.clone()
            }
        )
    }));
    outcomes
}

#[expect(clippy::too_many_lines, reason = "a table: one arm an event")]
fn step<S: UserStore + SessionStore + ClientStore>(
    store: &S,
    event: &Event,
    script: &mut Script,
    users: &[UserId; 2],
    names: &mut std::slice::Iter<'_, SessionId>,
) -> String {
    let now = script.now;
    match *event {
        Event::LogIn {
            user,
            with_old_password,
            by_client,
        } => {
            let hash = if with_old_password {
                "$sample$old"
            } else {
                &script.hashes[user]
            };
            let session = NewSession {
                id: *names.next().unwrap(),
                user_id: users[user],
                client_id: "app".to_owned(),
                of_client: by_client,
                scope: ScopeSet::parse("profile").unwrap(),
                device: Device::new(Some("agent"), None),
                idle_until: now + IDLE,
                expires_at: now + LIFE,
            };
            let opened = store
                .open_session(&session, &PasswordHash::new(hash), &act(now))
                .unwrap();
            if opened {
                script.sessions.push((session.id, users[user], 1));
            }
            format!("{opened}")
        }
        Event::Refresh {
            session,
            behind,
            ref presenter,
            scope,
        } => {
            let Some((id, _, newest)) = script.sessions.get_mut(session) else {
                return String::new();
            };
            let rotate = Rotate {
                id: *id,
                generation: Generation::new(newest.saturating_sub(behind).max(1)).unwrap(),
                presenter: presenter.clone(),
                scope: ScopeSet::parse(scope).unwrap(),
                grace_since: now - GRACE,
                idle_until: now + IDLE,
                device: Device::new(Some("other"), Some("192.0.2.1".to_owned())),
            };
            let rotation = store.rotate_session(&rotate, &act(now)).unwrap();
            if let Rotation::Rotated { session, .. } = &rotation {
                *newest = session.generation.get();
            }
            format!("{rotation:?}")
        }
        Event::Revoke { session } => with_session(script, session, |id, _| {
            store
                .end_session(id, EndReason::Revoked, &act(now))
                .unwrap()
                .to_string()
        }),
        Event::RevokeToken { session, by_client } => with_session(script, session, |id, _| {
            let client = by_client.then(app);
            let revoked = store.revoke_session(id, client.as_ref(), &act(now));
            format!("{:?}", revoked.unwrap())
        }),
        Event::EnableClient(enabled) => {
            let change = ClientChange::enabled(enabled);
            format!("{:?}", store.update_client(&app(), &change, &act(now)))
        }
        Event::DeleteClient => store.delete_client(&app(), &act(now)).unwrap().to_string(),
        Event::RegisterClient => {
            let made = store.create_client(&new_client("app", "profile"), &act(now));
            format!("{:?}", made.map_err(|error| error.to_string()))
        }
        Event::LogOutOthers { session } => with_session(script, session, |id, user| {
            store
                .end_sessions(user, Some(id), EndReason::Revoked, &act(now))
                .unwrap()
                .to_string()
        }),
        Event::Disable { user } => {
            format!(
                "{:?}",
                store
                    .update_user(users[user], &UserChange::active(false), &act(now))
                    .unwrap()
            )
        }
        Event::Enable { user } => {
            format!(
                "{:?}",
                store
                    .update_user(users[user], &UserChange::active(true), &act(now))
                    .unwrap()
            )
        }
        Event::SetPassword { user } => {
            let hash = script.next_hash();
            script.hashes[user].clone_from(&hash);
            let hash = PasswordHash::new(hash);
            store
                .set_password_hash(users[user], &hash, &act(now))
                .unwrap()
                .to_string()
        }
        Event::ChangePassword { session } => {
            let Some(&(id, user, _)) = script.sessions.get(session) else {
                return String::new();
            };
            let index = usize::from(user != users[0]);
            let new = script.next_hash();
            let old = std::mem::replace(&mut script.hashes[index], new.clone());
            let (old, new) = (PasswordHash::new(old), PasswordHash::new(new));
            store
                .change_password(user, &old, &new, id, &act(now))
                .unwrap()
                .to_string()
        }
        Event::Upgrade { user } => {
            let new = script.next_hash();
            let old = std::mem::replace(&mut script.hashes[user], new.clone());
            let (old, new) = (PasswordHash::new(old), PasswordHash::new(new));
            store
                .upgrade_password_hash(users[user], &old, &new)
                .unwrap()
                .to_string()
        }
        Event::Tidy => store.remove_ended_sessions(now, 100).unwrap().to_string(),
        Event::Pass { seconds } => {
            script.now += Duration::seconds(seconds);
            let living = |user: &UserId| store.sessions_of(*user, script.now).unwrap();
            let reasons: Vec<_> = script
                .sessions
                .iter()
                .map(|(id, ..)| {
                    let reason = store.end_reason(*id).unwrap();
                    let user = store.find_session_user(*id, script.now).unwrap();
                    (
                        reason,
                        user,
                        store.find_live_session(*id, script.now).unwrap(),
                    )
                })
                .collect();
            format!(
                "{:?} {:?} {reasons:?}",
                living(&users[0]),
                living(&users[1])
            )
        }
    }
}

fn with_session(
    script: &Script,
    session: usize,
    work: impl FnOnce(SessionId, UserId) -> String,
) -> String {
    script
        .sessions
        .get(session)
        .map_or_else(String::new, |&(id, user, _)| work(id, user))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 300, ..Default::default() })]

    #[test]
    fn both_stores_say_the_same(events in prop::collection::vec(event(), 1..60)) {
        let names: Vec<SessionId> = events.iter().map(|_| SessionId::random()).collect();
        let real = play(&*TestStore::new(), &events, &names);
        let model = play(&MemoryStore::default(), &events, &names);
        for ((event, real), model) in events.iter().zip(real).zip(model) {
            prop_assert_eq!(real, model, "{:?}", event);
        }
    }
}
