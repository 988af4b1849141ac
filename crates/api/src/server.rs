//! From settings to a running server. Production and tests take the same way.

use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, rt, web};
use ipnet::IpNet;
use passgate_auth::flows::{Guessing, SigningKeys, Tokens};
use passgate_auth::jwt::{Audience, Issuer, IssuerId, Signer, Verifier};
use passgate_auth::refresh::RefreshTokens;
use passgate_auth::seal::SealingKeys;
use passgate_domain::ports::{AuditStore, GuessStore, SessionStore, SigningKeyStore, StoreError};
use passgate_domain::token::TokenClaims;
use passgate_domain::{Clock, SystemClock};
use passgate_persistence::PgStore;
use time::OffsetDateTime;

use crate::blocking;
use crate::capacity;
use crate::config::{MetricsFrom, ServeArgs};
use crate::database::{Database, Migrate};
use crate::descriptors;
use crate::failure::Failure;
use crate::keeper;
use crate::live::{self, LiveSessions};
use crate::metrics::{Metrics, Parts};
use crate::request_log::observe;
use crate::routes;
use crate::secret;
use crate::settings::{Settings, Signing, warning_of_plain_http};
use crate::state::AppState;
use crate::stopping::{self, Signals};
use crate::telemetry::{self, LogFilter, Traces};
use crate::tls::Tls;

/// How long a TLS handshake may take, and the header of a request to arrive.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept for its client's next request.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How many verified tokens are remembered: a kilobyte each, of whoever is about just now.
const VERIFIED_TOKENS: usize = 10_000;

/// Serves until told to stop.
///
/// # Errors
/// A [`Failure`] if the server cannot start; nothing is left half done then.
pub fn serve(args: &ServeArgs) -> Result<(), Failure> {
    let traces = Traces::start(&args.traces)?;
    let log = telemetry::start(args.log_format, &args.log, traces.as_ref())?;
    let outcome = serve_logged(args, log);
    if let Some(traces) = traces {
        traces.finish();
    }
    outcome
}

fn serve_logged(args: &ServeArgs, log: LogFilter) -> Result<(), Failure> {
    let tls = Tls::open(&args.tls)?;
    let listener = bind(args.listen)?;
    let settings = Settings::check(args, listener.local_addr()?)?;
    let migrate = if args.no_migrate {
        Migrate::Never
    } else {
        Migrate::First
    };
    let connections = args
        .database_connections
        .map_or_else(|| connections_for(cores()), usize::from);
    let database = Database::open(&args.database, migrate, connections)?;
    let outcome = serve_on(args, settings, &database, listener, tls, log);
    let closed = database.close();
    outcome.and(closed)
}

fn serve_on(
    args: &ServeArgs,
    settings: Settings,
    database: &Database,
    listener: TcpListener,
    tls: Option<Tls>,
    log: LogFilter,
) -> Result<(), Failure> {
    let address = listener.local_addr()?;
    if let Some(warning) = warning_of_plain_http(args, address, &settings.issuer) {
        tracing::warn!("{warning}");
    }
    let sealing = secret::sealing_keys(
        &args.secret,
        database.data_dir(),
        database.store().signing_keys()?.is_empty(),
    )?;
    let state = web::Data::new(AppState {
        log,
        ..build_state(args, settings, database.store().clone(), sealing)?
    });
    capacity::tell(&args.passwords, &state.passwords);
    let shared = state.clone().into_inner();
    let workers = args.workers.map_or_else(cores, usize::from);
    // Never dropped: it would wait for its threads, one of which may wait for a database that hangs.
    let system = ManuallyDrop::new(rt::System::new());
    system.block_on(async {
        // Before anybody is told that we listen, and may tell us to stop.
        let signals = Signals::listen()?;
        let server = run(listener, tls, state, workers, args.shutdown_timeout)?;
        announce(args.tls.scheme(), address)?;
        stopping::until_stopped(server, signals, &shared, args.drain_delay).await
    })?;
    Ok(())
}

/// How often what is over is looked for.
const TIDYING: Duration = Duration::from_mins(10);

/// How long sessions stay after their end, for whoever looks into what happened.
const KEPT: Duration = Duration::from_hours(24);

/// How long guesses stay after everything about them is forgiven.
const FORGIVEN: Duration = Duration::from_mins(1);

/// How many are removed at a time: a statement of milliseconds.
const BATCH: u32 = 1000;

/// Removes sessions, events and guesses that are over, as long as the server runs. Of several replicas one
/// does at a time.
async fn tidy(state: Arc<AppState>) {
    let mut turns = rt::time::interval(TIDYING);
    loop {
        turns.tick().await;
        let state = Arc::clone(&state);
        let removed = blocking::patiently(TIDYING, move || {
            match state.store.estimates() {
                Ok(estimates) => state.metrics.estimated(estimates),
                Err(error) => tracing::warn!(%error, "the rows were not estimated"),
            }
            remove_what_is_over(&state.store, state.clock.now(), state.audit_retention)
        })
        .await;
        let Some(removed) = removed else {
            tracing::warn!("what is over was not removed: the database hangs");
            continue;
        };
        let [sessions, events, guesses] = removed.unwrap_or_default();
        if sessions + events + guesses > 0 {
            tracing::info!(sessions, events, guesses, "removed what was over");
        }
    }
}

/// Returns how many sessions, how many events, and how many keys of guesses. None of the three waits for
/// another: the next turn comes.
fn remove_what_is_over(
    store: &PgStore,
    now: OffsetDateTime,
    audit_retention: Duration,
) -> [usize; 3] {
    let (sessions, events) = (now - KEPT, now - audit_retention);
    [
        in_batches("sessions", || store.remove_ended_sessions(sessions, BATCH)),
        in_batches("events", || store.remove_events(events, BATCH)),
        // Other replicas' clocks may be a little behind.
        in_batches("guesses", || {
            store.remove_forgiven_guesses(now - FORGIVEN, BATCH)
        }),
    ]
}

fn in_batches(what: &str, remove: impl Fn() -> Result<usize, StoreError>) -> usize {
    let mut removed = 0;
    loop {
        match remove() {
            Ok(0) => return removed,
            Ok(batch) => removed += batch,
            Err(error) => {
                tracing::warn!(%what, %error, "what is over was not removed");
                return removed;
            }
        }
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).map_err(|error| {
        Failure::new(match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "{address} is in use by another program: stop it, or choose another address with \
                 --listen"
            ),
            _ => format!("cannot listen on {address}: {error}; choose an address with --listen"),
        })
    })?;
    give_up_who_reads_nothing(&listener)?;
    Ok(listener)
}

/// Connections end whose other side is gone, or takes nothing of an answer. Each inherits it.
#[cfg(target_os = "linux")]
fn give_up_who_reads_nothing(listener: &TcpListener) -> io::Result<()> {
    let millis = u32::try_from(KEEP_ALIVE.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(listener, millis)?;
    Ok(())
}

/// Elsewhere the system's own patience has to do.
#[cfg(not(target_os = "linux"))]
fn give_up_who_reads_nothing(_: &TcpListener) -> io::Result<()> {
    Ok(())
}

/// The one line on standard output, for people and for scripts that wait for it.
fn announce(scheme: &str, address: SocketAddr) -> io::Result<()> {
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "started");
    let mut out = io::stdout();
    writeln!(
        out,
        "passgate listening on {scheme}://{address}, try it at {scheme}://{address}/docs/"
    )?;
    out.flush()
}

/// The number of cores this process may use.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The connections that a process with so many cores opens at most. A statement that writes waits
/// for the disk rather than for a core, and those that wait together are written together.
fn connections_for(cores: usize) -> usize {
    (4 * cores).max(16)
}

/// Puts together what the handlers need.
///
/// # Errors
/// A [`Failure`] that names the key that is wrong.
pub fn build_state(
    args: &ServeArgs,
    settings: Settings,
    store: PgStore,
    sealing: impl Into<SealingKeys>,
) -> Result<AppState, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let Settings {
        issuer,
        audience,
        ttl,
        lifetimes,
        signing,
        passwords,
        policy,
    } = settings;
    let sealing = Arc::new(sealing.into());
    let refresh = refresh_tokens(&sealing)?;
    let guessing = Arc::new(guessing(args, &sealing)?);
    let (signer, verifier, keys) = signer(signing, &store, sealing, &clock, &issuer, &audience)?;
    let issuer = Issuer::new(issuer, signer, ttl, Arc::clone(&clock));
    Ok(AppState {
        live: LiveSessions::default(),
        metrics: Metrics::new(Parts {
            store: store.clone(),
            passwords: passwords.clone(),
            guessing: Arc::clone(&guessing),
            issuer: issuer.clone(),
            keys: keys.as_ref().map(|keys| keys.ring().clone()),
        }),
        guessing,
        store,
        passwords,
        policy,
        tokens: Tokens::new(issuer, audience, refresh, lifetimes, Arc::clone(&clock)),
        verifier,
        keys,
        log: LogFilter::of_others(&args.log),
        is_traced: args.traces.collector().is_some(),
        registration: args.registration,
        audit_retention: args.audit_retention,
        allowed_origins: args.allowed_origin.clone(),
        trusted_proxies: args.trusted_proxy.clone(),
        metrics_from: metrics_from(&args.metrics_from),
        draining: AtomicBool::new(false),
        clock,
    })
}

/// The networks that are named, if any are: `none` is one of nobody.
fn metrics_from(named: &[MetricsFrom]) -> Option<Vec<IpNet>> {
    let networks = named.iter().filter_map(|MetricsFrom(network)| *network);
    (!named.is_empty()).then(|| networks.collect())
}

fn guessing(args: &ServeArgs, sealing: &SealingKeys) -> Result<Guessing, Failure> {
    let mut guessing = Guessing::new(sealing.current(), args.guesses.limits())?;
    for accepted in sealing.accepted() {
        guessing = guessing.accepting(accepted)?;
    }
    Ok(guessing)
}

fn refresh_tokens(sealing: &SealingKeys) -> Result<RefreshTokens, Failure> {
    let mut tokens = RefreshTokens::new(sealing.current())?;
    for accepted in sealing.accepted() {
        tokens = tokens.accepting(accepted)?;
    }
    Ok(tokens)
}

fn signer(
    signing: Signing,
    store: &PgStore,
    sealing: Arc<SealingKeys>,
    clock: &Arc<dyn Clock>,
    issuer: &IssuerId,
    audience: &Audience,
) -> Result<(Signer, Verifier<TokenClaims>, Option<SigningKeys>), Failure> {
    let (issuer, audience) = (issuer.clone(), audience.clone());
    match signing {
        Signing::Keys {
            algorithm,
            schedule,
        } => {
            let keys = SigningKeys::open(store, sealing, algorithm, schedule, Arc::clone(clock))?;
            let verifier = Verifier::builder(issuer, audience, keys.ring().clone())
                .cache(VERIFIED_TOKENS)
                .build();
            Ok((keys.ring().clone().into(), verifier, Some(keys)))
        }
        Signing::Secret(secret) => {
            let verifier = Verifier::builder(issuer, audience, secret.clone())
                .cache(VERIFIED_TOKENS)
                .build();
            Ok((secret.into(), verifier, None))
        }
    }
}

/// Starts the server on a bound listener, and beside it what follows the signing keys, the
/// certificate and the sessions in use, and removes what is over.
///
/// # Errors
/// An I/O error if the listener cannot be used.
pub fn run(
    listener: TcpListener,
    tls: Option<Tls>,
    state: web::Data<AppState>,
    workers: usize,
    shutdown_timeout: Duration,
) -> io::Result<Server> {
    rt::spawn(keeper::keep(state.clone().into_inner()));
    rt::spawn(live::renew(state.clone().into_inner()));
    rt::spawn(tidy(state.clone().into_inner()));
    if let Some(tls) = &tls {
        state.metrics.watch(tls.served());
    }
    let most = descriptors::connections_a_worker(
        descriptors::raise(),
        workers,
        state.store.most_connections(),
    );
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .configure(routes::configure)
            .wrap(from_fn(observe))
    })
    .workers(workers)
    .max_connections(most)
    .client_request_timeout(HEADER_TIMEOUT)
    .tls_handshake_timeout(HEADER_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    // Who closes the connection is not worked for any longer: no hash, no query.
    .h1_allow_half_closed(false)
    // In whole seconds; a part of one is one.
    .shutdown_timeout(shutdown_timeout.as_secs() + u64::from(shutdown_timeout.subsec_nanos() > 0))
    .disable_signals();
    let server = match tls {
        None => server.listen(listener)?,
        Some(tls) => {
            let config = tls.server_config().map_err(io::Error::other)?;
            rt::spawn(tls.follow());
            server.listen_rustls_0_23(listener, config)?
        }
    };
    Ok(server.run())
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::connection::SimpleConnection;
    use passgate_domain::audit::{Action, Deed};
    use passgate_domain::guess::{Budget, Charge, GuessKey, Guesser};
    use passgate_domain::testing::act;
    use passgate_persistence::testing::TestDatabase;
    use time::macros::datetime;

    #[test]
    fn what_is_over_is_removed_where_something_else_cannot_be() {
        let (database, then) = (TestDatabase::new(), datetime!(2026-11-01 12:00 UTC));
        let store = database.store();
        store
            .record(&Deed::new(Action::KeyRetired), &act(then))
            .unwrap();
        let guess = Charge {
            guesser: Guesser::Account,
            key: GuessKey::new([7; GuessKey::BYTES]),
            budget: Budget::try_new(5, Duration::from_mins(1)).unwrap(),
        };
        store.count_guess(&[guess], then).unwrap();
        database
            .connect()
            .batch_execute("ALTER TABLE sessions RENAME TO others")
            .unwrap();
        let now = then + time::Duration::days(7);
        let removed = remove_what_is_over(&store, now, Duration::from_hours(24));
        assert_eq!(removed, [0, 1, 1]);
    }
}
