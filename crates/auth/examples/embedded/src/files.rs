//! What outlives a restart: the private key, and users with their hashes. A service of more than
//! one process keeps both in its database.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use passgate_auth::domain::{PasswordHash, Username};
use passgate_auth::jwt::{Algorithm, SigningKey};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::task::spawn_blocking;

/// The key in the file, or a new one if there is none: with another key, nobody's token would be
/// good any more.
pub fn signing_key(path: &Path) -> Result<SigningKey, Box<dyn std::error::Error>> {
    match fs::read_to_string(path) {
        Ok(pem) => Ok(SigningKey::from_pem(
            Algorithm::EdDsa,
            &SecretString::from(pem),
        )?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::generate(Algorithm::EdDsa)?;
            write(path, key.to_pem().expose_secret())?;
            Ok(key)
        }
        Err(error) => Err(error.into()),
    }
}

/// Users by the form of their names that is compared, each with a hash.
type Hashes = BTreeMap<String, PasswordHash>;

/// Cheap to clone; clones share the file.
#[derive(Clone)]
pub struct Users(Arc<(PathBuf, Mutex<Hashes>)>);

/// Why a user was not added.
#[derive(Debug, Error)]
pub enum AddError {
    #[error("the username is taken")]
    Taken,
    #[error("the file of users cannot be written")]
    File(#[from] io::Error),
}

impl Users {
    pub fn in_file(path: PathBuf) -> io::Result<Self> {
        let stored: BTreeMap<String, String> = match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let hashes = stored
            .into_iter()
            .map(|(name, hash)| (name, PasswordHash::new(hash)));
        Ok(Self(Arc::new((path, Mutex::new(hashes.collect())))))
    }

    pub fn find(&self, name: &Username) -> Option<PasswordHash> {
        self.hashes().get(name.key()).cloned()
    }

    pub async fn add(&self, name: Username, hash: PasswordHash) -> Result<(), AddError> {
        self.aside(move |users| {
            let mut hashes = users.hashes();
            if hashes.contains_key(name.key()) {
                return Err(AddError::Taken);
            }
            Ok(users.put(&mut hashes, &name, hash)?)
        })
        .await
    }

    pub async fn replace(&self, name: Username, hash: PasswordHash) -> Result<(), io::Error> {
        self.aside(move |users| users.put(&mut users.hashes(), &name, hash))
            .await
    }

    /// A disk is slow: never on a thread that serves others.
    async fn aside<T, E>(
        &self,
        work: impl FnOnce(Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<io::Error> + Send + 'static,
    {
        let users = self.clone();
        spawn_blocking(move || work(users))
            .await
            .map_err(io::Error::from)?
    }

    /// On disk first: what was not written was not done.
    fn put(&self, hashes: &mut Hashes, name: &Username, hash: PasswordHash) -> io::Result<()> {
        let mut next = hashes.clone();
        next.insert(name.key().to_owned(), hash);
        let exposed: BTreeMap<_, _> = next
            .iter()
            .map(|(name, hash)| (name, hash.expose()))
            .collect();
        write(&self.0.0, &serde_json::to_string(&exposed)?)?;
        *hashes = next;
        Ok(())
    }

    fn hashes(&self) -> MutexGuard<'_, Hashes> {
        self.0.1.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All of it or nothing, and for nobody else's eyes.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    // Its mode is set where it is made only.
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
