use std::fmt;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use crate::cluster::{self, Cluster, NAME};
use crate::home::Home;
use crate::lease::{Lease, StartLock, Watcher};
use crate::{Event, LocalPostgresError, Places, Programs, programs};

/// What a crash of the whole machine may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Nothing that was committed.
    #[default]
    Full,
    /// Everything: for tests, which run faster so.
    Disposable,
}

/// A private server, in use by this process.
pub struct LocalPostgres {
    home: Home,
    programs: Programs,
    durability: Durability,
    start_lock: PathBuf,
    socket_folder: PathBuf,
    password: SecretString,
    lease: Lease,
    watcher: Option<Watcher>,
}

/// The settings of a [`LocalPostgres`].
#[must_use = "nothing happens before `start`"]
pub struct LocalPostgresBuilder {
    data_dir: PathBuf,
    durability: Durability,
    places: Option<Places>,
    fetch: bool,
    progress: Box<dyn Fn(&Event)>,
}

impl LocalPostgresBuilder {
    /// Is told of everything that takes a moment.
    pub fn progress(mut self, progress: impl Fn(&Event) + 'static) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// What a crash may cost. Decided when the server starts, not when it is shared.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Looks for PostgreSQL here instead of everywhere.
    pub fn places(mut self, places: Places) -> Self {
        self.places = Some(places);
        self
    }

    /// Whether PostgreSQL is downloaded where none is found; it is unless told otherwise, with
    /// the feature `fetch`.
    pub fn fetch(mut self, fetch: bool) -> Self {
        self.fetch = fetch;
        self
    }

    /// Starts the server, or joins those who use it already. The first start makes the cluster,
    /// with an empty database `passgate`.
    ///
    /// # Errors
    /// [`LocalPostgresError`]. A start given up half-way leaves nothing that the next one stumbles
    /// over.
    pub fn start(self) -> Result<LocalPostgres, LocalPostgresError> {
        let report = &*self.progress;
        let data_dir = make_data_dir(&self.data_dir)?;
        let start_lock = data_dir.join("postgres.lock");
        let _starting = StartLock::take(&start_lock, || report(&Event::Waiting))?;
        let home = Home::of(&data_dir, self.durability)?;
        let programs = self.find_programs(&home)?;
        let lease = Lease::take(&home.file("lease"), home.account())?;
        let cluster = Cluster {
            home: &home,
            programs: &programs,
            durability: self.durability,
        };
        // Before there is a server: whenever we are killed from now on, it stops. Others may have
        // a watcher, too; the first one to come stops the server, and the rest find it stopped.
        let watcher = watch(&cluster);
        if cluster::version_of(&home)?.is_none() {
            cluster.initialise(report)?;
        }
        let socket_folder = cluster.start(report)?;
        let password = home.password()?;
        Ok(LocalPostgres {
            durability: self.durability,
            home,
            programs,
            start_lock,
            socket_folder,
            password,
            lease,
            watcher,
        })
    }

    fn find_programs(&self, home: &Home) -> Result<Programs, LocalPostgresError> {
        let wanted = cluster::version_of(home)?;
        let found = self.places.clone().unwrap_or_else(Places::system).search();
        let fits = |programs: &&Programs| wanted.is_none_or(|wanted| programs.major() == wanted);
        if let Some(programs) = found.iter().find(fits) {
            return Ok(programs.clone());
        }
        let fetched = self.fetch_programs(wanted);
        match (fetched, wanted) {
            (Ok(programs), _) => Ok(programs),
            (Err(_), Some(wanted)) if !found.is_empty() => Err(LocalPostgresError::OtherVersion {
                data: home.file("data"),
                wanted,
                found: found
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
            (Err(fetch), _) => Err(LocalPostgresError::NotFound {
                hint: programs::install_hint(),
                fetch,
            }),
        }
    }

    #[cfg(feature = "fetch")]
    fn fetch_programs(&self, major: Option<u32>) -> Result<Programs, Option<String>> {
        if self.fetch {
            crate::fetch::fetch(major, &*self.progress).map_err(Some)
        } else {
            Err(None)
        }
    }

    #[cfg(not(feature = "fetch"))]
    #[expect(clippy::unused_self, reason = "with the feature `fetch` it is used")]
    fn fetch_programs(&self, _: Option<u32>) -> Result<Programs, Option<String>> {
        Err(None)
    }
}

/// Makes the folder, or takes one that is there if it is ours and nobody else can put a secret or
/// a cluster of theirs into it.
fn make_data_dir(path: &Path) -> Result<PathBuf, LocalPostgresError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .map_err(LocalPostgresError::file(path, "made"))?;
    let path = fs::canonicalize(path).map_err(LocalPostgresError::file(path, "read"))?;
    let meta = fs::metadata(&path).map_err(LocalPostgresError::file(&path, "read"))?;
    let (owner, we) = (meta.uid(), Uid::effective().as_raw());
    if owner != we {
        return Err(LocalPostgresError::OtherOwner { path, owner, we });
    }
    if meta.mode() & 0o002 != 0 {
        return Err(LocalPostgresError::OpenToAll(path));
    }
    Ok(path)
}

fn watch(cluster: &Cluster<'_>) -> Option<Watcher> {
    let stop = cluster.stop_command();
    let stop: Vec<&str> = stop.iter().map(String::as_str).collect();
    let (home, account) = (cluster.home.path(), cluster.home.account());
    Watcher::start(account, home, Path::new("lease"), &stop)
}

impl LocalPostgres {
    /// Begins with the defaults: durable, found anywhere, else fetched.
    pub fn builder(data_dir: impl Into<PathBuf>) -> LocalPostgresBuilder {
        LocalPostgresBuilder {
            data_dir: data_dir.into(),
            durability: Durability::Full,
            places: None,
            fetch: true,
            progress: Box::new(|_| ()),
        }
    }

    /// How to connect to a database as the superuser, for libpq. Holds the password.
    pub fn url(&self, database: &str) -> SecretString {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        format!(
            "postgresql://{NAME}:{}@/{}?host={}",
            encode(self.password.expose_secret()),
            encode(database),
            encode(&self.socket_folder.display().to_string()),
        )
        .into()
    }

    /// The PostgreSQL that it is of.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The folder of the cluster itself.
    pub fn data(&self) -> PathBuf {
        self.home.file("data")
    }

    /// Ends the use. The server stops unless another process uses it.
    ///
    /// # Errors
    /// [`LocalPostgresError`] if it does not stop.
    pub fn stop(self) -> Result<(), LocalPostgresError> {
        let _stopping = StartLock::take(&self.start_lock, || ())?;
        let cluster = Cluster {
            home: &self.home,
            programs: &self.programs,
            durability: self.durability,
        };
        // It would compete with us for the last lease.
        let watched = self.watcher.map(Watcher::dismiss).is_some();
        if self.lease.is_last()? {
            return cluster.stop();
        }
        if watched {
            // For those who stay.
            watch(&cluster);
        }
        // If somebody's watcher was faster, until it has stopped the server.
        self.lease.wait()
    }
}

impl fmt::Debug for LocalPostgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPostgres")
            .field("home", &self.home.path())
            .finish_non_exhaustive()
    }
}
