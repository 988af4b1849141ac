//! The secret that encrypts signing keys: given, or made once and kept beside the private
//! database.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use passgate_auth::seal::SealingKey;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use crate::config::{SecretArgs, is_given};
use crate::failure::Failure;

/// The secret's file in the data directory.
const FILE: &str = "secret";

/// How much randomness a made secret has, in bytes.
const RANDOM_BYTES: usize = 32;

/// Finds the secret. `data_dir` is where one may be made: with the private database only, since
/// replicas on a shared one have to agree, and only while `is_first`, before there are keys that
/// another secret encrypted.
///
/// # Errors
/// A [`Failure`] if there is none, it is too short, or its file cannot be used.
pub fn sealing_key(
    args: &SecretArgs,
    data_dir: Option<&Path>,
    is_first: bool,
) -> Result<SealingKey, Failure> {
    match (
        args.secret.as_ref().filter(|secret| is_given(secret)),
        data_dir,
    ) {
        (Some(secret), _) => SealingKey::from_secret(secret)
            .map_err(|error| Failure::new(format!("PASSGATE_SECRET cannot be used: {error}"))),
        (None, Some(data_dir)) => kept_in(&data_dir.join(FILE), is_first),
        (None, None) => Err(Failure::new(
            "PASSGATE_SECRET is missing: it encrypts the signing keys in the database; set it to \
             at least 32 random bytes, for example from `openssl rand -base64 32`, the same for \
             every replica",
        )),
    }
}

fn kept_in(file: &Path, is_first: bool) -> Result<SealingKey, Failure> {
    let shown = file.display();
    let secret = match read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_first => {
            make(file).and(read(file))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::new(format!(
                "the secret in {shown} is missing, and the signing keys in the database are \
                 encrypted with it: put it back from a backup, or set PASSGATE_SECRET to what it \
                 holds"
            )));
        }
        outcome => outcome,
    };
    let secret = secret.map_err(|error| {
        Failure::new(format!(
            "the secret in {shown} cannot be read or made: {error}"
        ))
    })?;
    SealingKey::from_secret(&secret)
        .map_err(|error| Failure::new(format!("the secret in {shown} cannot be used: {error}")))
}

/// Reads the file if it is its owner's alone, and that is whoever owns the folder around it:
/// somebody else may have put theirs there.
fn read(path: &Path) -> io::Result<SecretString> {
    let mut file = OpenOptions::new().read(true).open(path)?;
    let (meta, around) = (file.metadata()?, fs::metadata(path.with_file_name("."))?);
    if meta.permissions().mode() & 0o077 != 0 {
        let advice = format!(
            "it can be read by others; run `chmod 600 {}`",
            path.display()
        );
        return Err(io::Error::other(advice));
    }
    if meta.uid() != around.uid() {
        return Err(io::Error::other(
            "it does not belong to the owner of its folder",
        ));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text)?;
    Ok(SecretString::from(text.trim_end()))
}

/// Makes the file whole or not at all; of several that try at once, the first wins.
fn make(file: &Path) -> io::Result<()> {
    let draft = file.with_extension(Uuid::new_v4().simple().to_string());
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let outcome = written
        .write_all(format!("{}\n", random_text()?).as_bytes())
        .and_then(|()| written.sync_all())
        .and_then(|()| match fs::hard_link(&draft, file) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        });
    fs::remove_file(&draft)?;
    outcome
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this crate where chance enters"
)]
fn random_text() -> io::Result<String> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(secret: Option<&str>) -> SecretArgs {
        SecretArgs {
            secret: secret.map(SecretString::from),
        }
    }

    #[test]
    fn a_shared_database_needs_a_secret_given() {
        let failure = sealing_key(&args(None), None, true)
            .unwrap_err()
            .to_string();
        assert!(failure.contains("PASSGATE_SECRET is missing"), "{failure}");
    }

    #[test]
    fn a_short_secret_is_refused_and_not_repeated() {
        let failure = sealing_key(&args(Some("hunter2")), None, true)
            .unwrap_err()
            .to_string();
        assert!(
            failure.contains("32 bytes") && !failure.contains("hunter2"),
            "{failure}"
        );
    }

    #[test]
    fn a_made_secret_stays_the_same_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let first = sealing_key(&args(None), Some(folder.path()), true).unwrap();
        let again = sealing_key(&args(None), Some(folder.path()), true).unwrap();
        assert_eq!(first.key_id(), again.key_id());
        let mode = fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left"
        );
    }

    #[test]
    fn a_secret_that_was_lost_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let failure = sealing_key(&args(None), Some(folder.path()), false)
            .unwrap_err()
            .to_string();
        assert!(failure.contains("is missing"), "{failure}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_secret_open_to_others_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        sealing_key(&args(None), Some(folder.path()), true).unwrap();
        let file = folder.path().join(FILE);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let failure = sealing_key(&args(None), Some(folder.path()), true)
            .unwrap_err()
            .to_string();
        assert!(failure.contains("chmod 600"), "{failure}");
    }

    #[test]
    fn those_who_start_together_keep_one_secret() {
        let folder = tempfile::tempdir().unwrap();
        let ids: Vec<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| sealing_key(&args(None), Some(folder.path()), true).unwrap())
                })
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap().key_id().to_owned())
                .collect()
        });
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
