//! The secret that encrypts signing keys and proves refresh tokens: given, or made once and kept
//! beside the private database; and the one that it is exchanged for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use passgate_auth::seal::{SealingKey, SealingKeys};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use crate::config::{SecretArgs, is_given};
use crate::failure::Failure;

/// The secret's file in the data directory.
const FILE: &str = "secret";

/// The file of the one before it, while it is accepted.
const ACCEPTED_FILE: &str = "accepted-secret";

/// How much randomness a made secret has, in bytes.
const RANDOM_BYTES: usize = 32;

/// Finds the secret, and the one that is accepted besides. `data_dir` is where one may be made: with
/// the private database only, since replicas on a shared one have to agree, and only while
/// `is_first`, before there are keys that another secret encrypted.
///
/// # Errors
/// A [`Failure`] if there is none, one is too short, or its file cannot be used.
pub fn sealing_keys(
    args: &SecretArgs,
    data_dir: Option<&Path>,
    is_first: bool,
) -> Result<SealingKeys, Failure> {
    let given = |secret: &Option<SecretString>, name: &str| {
        let secret = secret.as_ref().filter(|secret| is_given(secret));
        let key = secret.map(SealingKey::from_secret).transpose();
        key.map_err(|error| Failure::new(format!("{name} cannot be used: {error}")))
    };
    let current = match (given(&args.secret, "PASSGATE_SECRET")?, data_dir) {
        (Some(secret), _) => secret,
        (None, Some(data_dir)) => kept_in(&data_dir.join(FILE), is_first)?,
        (None, None) => {
            return Err(Failure::new(
                "PASSGATE_SECRET is missing: it encrypts the signing keys in the database; set it \
                 to at least 32 random bytes, for example from `openssl rand -base64 32`, the same \
                 for every replica",
            ));
        }
    };
    let mut keys = SealingKeys::from(current);
    if let Some(accepted) = given(&args.accepted_secret, "PASSGATE_ACCEPTED_SECRET")? {
        keys = keys.accepting(accepted);
    }
    if let Some(accepted) = data_dir.map(|data_dir| data_dir.join(ACCEPTED_FILE))
        && let Some(accepted) = kept(&accepted)?
    {
        keys = keys.accepting(accepted);
    }
    Ok(keys)
}

/// Makes a new secret and accepts the one so far. Whatever happens in between, each is in one of
/// the two files.
///
/// # Errors
/// A [`Failure`] if the secret is not in the data directory, or is being exchanged already.
pub fn renew(args: &SecretArgs, data_dir: Option<&Path>) -> Result<(), Failure> {
    let (Some(data_dir), None) = (
        data_dir,
        args.secret.as_ref().filter(|secret| is_given(secret)),
    ) else {
        return Err(Failure::new(
            "--new-secret is for the secret that Passgate made beside its private database; this \
             one is yours: exchange PASSGATE_SECRET and PASSGATE_ACCEPTED_SECRET, then run \
             `passgate keys reseal`",
        ));
    };
    let (file, accepted) = (data_dir.join(FILE), data_dir.join(ACCEPTED_FILE));
    let current = kept_in(&file, false)?;
    match kept(&accepted)? {
        None => fs::hard_link(&file, &accepted)?,
        // Somebody was interrupted before the exchange.
        Some(same) if same.key_id() == current.key_id() => {}
        Some(_) => {
            return Err(Failure::new(format!(
                "the secret is being exchanged already: run `passgate keys reseal`, and remove {} \
                 when no session is left from before, after --session-lifetime",
                accepted.display()
            )));
        }
    }
    fs::rename(draft(&file)?, &file)?;
    // The keys are encrypted with the new one next: it must not get lost.
    File::open(data_dir)?.sync_all()?;
    Ok(())
}

/// Reads a file that need not be there.
fn kept(file: &Path) -> Result<Option<SealingKey>, Failure> {
    match read(file) {
        Ok(secret) => usable(&secret, file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn kept_in(file: &Path, is_first: bool) -> Result<SealingKey, Failure> {
    let secret = match read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_first => {
            make(file).and(read(file))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Failure::new(format!(
                "the secret in {} is missing, and the signing keys in the database are encrypted \
                 with it: put it back from a backup, or set PASSGATE_SECRET to what it holds",
                file.display()
            )));
        }
        outcome => outcome,
    };
    usable(&secret.map_err(|error| unreadable(file, &error))?, file)
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    let shown = file.display();
    Failure::new(format!(
        "the secret in {shown} cannot be read or made: {error}"
    ))
}

fn usable(secret: &SecretString, file: &Path) -> Result<SealingKey, Failure> {
    let shown = file.display();
    SealingKey::from_secret(secret)
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
    let draft = draft(file)?;
    let outcome = match fs::hard_link(&draft, file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome,
    };
    fs::remove_file(&draft)?;
    outcome
}

/// Makes a secret in a file beside the one that it is for.
fn draft(file: &Path) -> io::Result<PathBuf> {
    let draft = file.with_extension(Uuid::new_v4().simple().to_string());
    let mut written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let outcome = written
        .write_all(format!("{}\n", random_text()?).as_bytes())
        .and_then(|()| written.sync_all());
    match outcome {
        Ok(()) => Ok(draft),
        Err(error) => {
            fs::remove_file(&draft)?;
            Err(error)
        }
    }
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
            accepted_secret: None,
        }
    }

    fn sealing_key(
        args: &SecretArgs,
        data_dir: Option<&Path>,
        is_first: bool,
    ) -> Result<String, Failure> {
        sealing_keys(args, data_dir, is_first).map(|keys| keys.current().key_id().to_owned())
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
        assert_eq!(first, again);
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
                .map(|start| start.join().unwrap())
                .collect()
        });
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
    }
    #[test]
    fn a_second_secret_is_accepted_and_held_to_the_same_rules() {
        let old = "the old secret of these tests, long enough";
        let args = |accepted: &str| SecretArgs {
            accepted_secret: Some(SecretString::from(accepted)),
            ..args(Some("the new secret of these tests, long enough"))
        };
        let keys = sealing_keys(&args(old), None, true).unwrap();
        let of_old = SealingKey::from_secret(&SecretString::from(old)).unwrap();
        assert!(keys.named(of_old.key_id()).is_some());
        assert_ne!(keys.current().key_id(), of_old.key_id());
        assert!(sealing_keys(&args(""), None, true).is_ok(), "none is given");
        let failure = sealing_keys(&args("hunter2"), None, true).unwrap_err();
        let said = failure.to_string();
        assert!(
            said.contains("PASSGATE_ACCEPTED_SECRET") && !said.contains("hunter2"),
            "{said}"
        );
    }

    #[test]
    fn a_made_secret_is_exchanged_once_at_a_time_and_the_old_one_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = Some(folder.path());
        let open = || sealing_keys(&args(None), data_dir, false).unwrap();
        let old = sealing_key(&args(None), data_dir, true).unwrap();
        // As if it had been interrupted.
        fs::hard_link(folder.path().join(FILE), folder.path().join(ACCEPTED_FILE)).unwrap();
        assert_eq!(open().current().key_id(), old);
        renew(&args(None), data_dir).unwrap();
        let keys = open();
        assert_ne!(keys.current().key_id(), old);
        assert!(keys.named(&old).is_some());
        let again = renew(&args(None), data_dir).unwrap_err().to_string();
        assert!(again.contains("accepted-secret"), "{again}");
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 2, "no draft is left");
        let given = args(Some("a secret of the operator's own, long enough"));
        assert!(renew(&given, data_dir).is_err());
        assert!(renew(&args(None), None).is_err());
    }
}
