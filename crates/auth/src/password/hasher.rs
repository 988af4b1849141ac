use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use passgate_domain::{Password, PasswordHash};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::arena::Arenas;
use super::stored::{Argon2Hash, Stored};
use super::{Cost, PasswordError, Scheme};

/// How many callers wait for an arena at most.
const QUEUE: usize = 64;

/// How long each of them waits at most: after two seconds people press the button again.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Check {
    /// The password is the one that was hashed.
    Match {
        /// Whether the stored hash is weaker than a new one would be: hash the password again
        /// and store that.
        upgrade: bool,
    },
    /// The password is another, or there is no user.
    Mismatch,
}

/// Hashes and checks passwords. Cheap to clone; clones share their arenas.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    cost: Cost,
    arenas: Arenas,
    /// What the password of an unknown user is checked against, made at the configured cost so
    /// that it cannot drift away from it.
    nobody: PasswordHash,
}

/// The settings of [`Passwords`].
#[derive(Debug, Clone)]
#[must_use = "nothing is made before `build`"]
pub struct PasswordsBuilder {
    cost: Cost,
    arenas: Option<usize>,
    queue: usize,
    patience: Duration,
}

impl PasswordsBuilder {
    /// What a new hash costs. The default is [`Cost::OWASP`].
    pub fn cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }

    /// How many hashes run at a time; at least one. The default is one a core, and more only
    /// makes all of them slower.
    pub fn arenas(mut self, arenas: usize) -> Self {
        self.arenas = Some(arenas.max(1));
        self
    }

    /// How many callers wait for an arena before the next is refused, and how long each waits.
    /// The default is 64, and two seconds.
    pub fn queue(mut self, length: usize, patience: Duration) -> Self {
        (self.queue, self.patience) = (length, patience);
        self
    }

    /// Takes the memory and makes one hash.
    ///
    /// # Errors
    /// [`PasswordError::Internal`] if that fails.
    pub fn build(self) -> Result<Passwords, PasswordError> {
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        let arenas = self.arenas.unwrap_or_else(cores);
        let arenas = Arenas::new(arenas, self.cost, self.queue, self.patience);
        let nobody = {
            let mut lease = arenas.lease()?;
            Argon2Hash::make(b"nobody's", self.cost, &mut lease)?.to_phc()?
        };
        Ok(Passwords(Arc::new(Inner {
            cost: self.cost,
            arenas,
            nobody,
        })))
    }
}

impl Passwords {
    /// Begins with the defaults.
    pub fn builder() -> PasswordsBuilder {
        PasswordsBuilder {
            cost: Cost::OWASP,
            arenas: None,
            queue: QUEUE,
            patience: PATIENCE,
        }
    }

    /// What a new hash costs.
    pub fn cost(&self) -> Cost {
        self.0.cost
    }

    /// How many hashes were computed so far, for matching and for new ones.
    pub fn computed(&self) -> u64 {
        self.0.arenas.computed()
    }

    /// Hashes a password with argon2id and a new salt. Takes milliseconds of one core: not for
    /// an async thread.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if no arena becomes free in time.
    pub fn hash_blocking(&self, password: &Password) -> Result<PasswordHash, PasswordError> {
        let normal = nfc(password);
        let mut lease = self.0.arenas.lease()?;
        Argon2Hash::make(normal.as_bytes(), self.0.cost, &mut lease)?.to_phc()
    }

    /// Checks a password against what is stored; `None` is an unknown user, for whom the work is
    /// that of a known one. Takes milliseconds of one core: not for an async thread.
    ///
    /// New hashes are of the password's NFC form (RFC 8265 section 4.2.1). Other systems hash
    /// what they are sent, so a password that is not in that form is tried as it came, too.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if no arena becomes free in time; the others if the stored hash
    /// cannot be checked.
    pub fn check_blocking(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Check, PasswordError> {
        let known = stored.is_some();
        let stored = Stored::parse(stored.unwrap_or(&self.0.nobody))?;
        let normal = nfc(password);
        let mut lease = self.0.arenas.lease()?;
        let as_normal = stored.matches(normal.as_bytes(), &mut lease)?;
        let as_typed = *normal != password.expose()
            && stored.matches(password.expose().as_bytes(), &mut lease)?;
        if known && (as_normal || as_typed) {
            Ok(Check::Match {
                upgrade: !as_normal || stored.wants_upgrade(self.0.cost),
            })
        } else {
            Ok(Check::Mismatch)
        }
    }

    /// Says how a stored password was hashed, or why it could not be checked.
    ///
    /// # Errors
    /// Every [`PasswordError`] except [`PasswordError::Busy`].
    pub fn inspect(&self, stored: &PasswordHash) -> Result<Scheme, PasswordError> {
        Stored::parse(stored).map(|stored| stored.scheme())
    }
}

fn nfc(password: &Password) -> Zeroizing<String> {
    // Room for the whole, so that growing leaves no copies behind: NFC is at most three times
    // as long (Unicode Standard Annex 15, table 6).
    let mut normal = Zeroizing::new(String::with_capacity(3 * password.expose().len()));
    normal.extend(password.expose().nfc());
    normal
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("cost", &self.0.cost)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::{Argon2, PasswordHasher, PasswordVerifier};
    use password_hash::phc;

    fn passwords() -> Passwords {
        Passwords::builder()
            .cost(Cost::try_new(64, 1, 1).unwrap())
            .arenas(1)
            .build()
            .unwrap()
    }

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    fn check(stored: &str, text: &str) -> Check {
        passwords()
            .check_blocking(&password(text), Some(&PasswordHash::new(stored)))
            .unwrap()
    }

    const UPGRADE: Check = Check::Match { upgrade: true };
    const MATCH: Check = Check::Match { upgrade: false };

    #[test]
    fn a_hash_matches_its_own_password_only() {
        let passwords = passwords();
        let stored = passwords.hash_blocking(&password("correct horse")).unwrap();
        let check = |text| {
            passwords
                .check_blocking(&password(text), Some(&stored))
                .unwrap()
        };
        assert_eq!(check("correct horse"), MATCH);
        for wrong in [
            "correct horsf",
            "correct hors",
            "correct horse ",
            "Correct horse",
        ] {
            assert_eq!(check(wrong), Check::Mismatch, "{wrong}");
        }
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        let passwords = passwords();
        let hash = || passwords.hash_blocking(&password("correct horse")).unwrap();
        assert_ne!(hash(), hash());
    }

    #[test]
    fn new_hashes_say_what_they_cost() {
        let passwords = Passwords::builder().arenas(1).build().unwrap();
        let stored = passwords.hash_blocking(&password("correct horse")).unwrap();
        let prefix = "$argon2id$v=19$m=19456,t=2,p=1$";
        assert!(stored.expose().starts_with(prefix));
        // 16 bytes of salt, 32 bytes of tag.
        assert_eq!(stored.expose().len(), prefix.len() + 22 + 1 + 43);
    }

    /// `bcrypt.hashpw(b"1234", ...)`, as passlib stores it (`pip install passlib bcrypt`).
    #[test]
    fn a_bcrypt_hash_of_passlib_matches_and_wants_an_upgrade() {
        for prefix in ["2a", "2b", "2y"] {
            let stored =
                format!("${prefix}$12$oO49VPpCnOjOk91AoVw7VeHQzal7x45OQU5lCly9v45l7yx48g/3G");
            assert_eq!(check(&stored, "1234"), UPGRADE);
            assert_eq!(check(&stored, "12345"), Check::Mismatch);
        }
    }

    /// `argon2.PasswordHasher().hash("1234")` of argon2-cffi.
    #[test]
    fn a_hash_of_argon2_cffi_matches() {
        let stored = "$argon2id$v=19$m=65536,t=3,p=4$nMt7TRhGIEmPjTYyqBCCvg$dy9CC/3Vj6OXlGy5GMlmOdEi6qBrV2rB8GynPTNui2c";
        assert_eq!(check(stored, "1234"), MATCH);
        assert_eq!(check(stored, "1235"), Check::Mismatch);
    }

    #[test]
    fn the_plain_library_accepts_our_hashes_and_we_accept_its() {
        let ours = passwords()
            .hash_blocking(&password("correct horse"))
            .unwrap();
        let parsed = phc::PasswordHash::new(ours.expose()).unwrap();
        Argon2::default()
            .verify_password(b"correct horse", &parsed)
            .unwrap();
        let theirs: phc::PasswordHash = Argon2::default().hash_password(b"correct horse").unwrap();
        assert_eq!(check(&theirs.to_string(), "correct horse"), MATCH);
    }

    #[test]
    fn weaker_and_older_hashes_want_an_upgrade() {
        use argon2::{Algorithm, Params, Version};
        let made = |algorithm, version, m, t| {
            let params = Params::new(m, t, 1, None).unwrap();
            let hash: phc::PasswordHash = Argon2::new(algorithm, version, params)
                .hash_password(b"pw")
                .unwrap();
            check(&hash.to_string(), "pw")
        };
        let (id, v19) = (Algorithm::Argon2id, Version::V0x13);
        assert_eq!(made(id, v19, 64, 1), MATCH);
        assert_eq!(made(id, v19, 128, 2), MATCH);
        assert_eq!(made(id, v19, 32, 4), UPGRADE);
        assert_eq!(made(id, Version::V0x10, 64, 1), UPGRADE);
        assert_eq!(made(Algorithm::Argon2i, v19, 64, 1), UPGRADE);
        assert_eq!(made(Algorithm::Argon2d, v19, 64, 1), UPGRADE);
    }

    #[test]
    fn an_unknown_user_costs_the_same_work_and_never_matches() {
        let passwords = passwords();
        let stored = passwords.hash_blocking(&password("nobody's")).unwrap();
        let work = |stored: Option<&PasswordHash>, text: &str| {
            let before = passwords.computed();
            let check = passwords.check_blocking(&password(text), stored).unwrap();
            (check, passwords.computed() - before)
        };
        assert_eq!(work(Some(&stored), "nobody's"), (MATCH, 1));
        assert_eq!(work(Some(&stored), "somebody's"), (Check::Mismatch, 1));
        assert_eq!(work(None, "nobody's"), (Check::Mismatch, 1));
        // Not in NFC: tried in two forms, whoever it is.
        assert_eq!(work(Some(&stored), "cafe\u{301}"), (Check::Mismatch, 2));
        assert_eq!(work(None, "cafe\u{301}"), (Check::Mismatch, 2));
    }

    #[test]
    fn an_accent_typed_in_another_way_is_the_same_password() {
        let passwords = passwords();
        let stored = passwords.hash_blocking(&password("caf\u{e9}")).unwrap();
        let check = passwords
            .check_blocking(&password("cafe\u{301}"), Some(&stored))
            .unwrap();
        assert_eq!(check, MATCH);
    }

    #[test]
    fn a_system_that_hashed_what_it_was_sent_is_understood() {
        let raw: phc::PasswordHash = Argon2::default()
            .hash_password("cafe\u{301}".as_bytes())
            .unwrap();
        assert_eq!(check(&raw.to_string(), "cafe\u{301}"), UPGRADE);
    }

    #[test]
    fn what_cannot_be_checked_is_an_error_and_costs_nothing() {
        let passwords = passwords();
        let before = passwords.computed();
        let huge = PasswordHash::new(
            "$argon2id$v=19$m=4294967295,t=9,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAA",
        );
        let refused = passwords.check_blocking(&password("pw"), Some(&huge));
        assert!(matches!(refused, Err(PasswordError::LimitExceeded(_))));
        assert_eq!(passwords.computed(), before);
    }

    #[test]
    fn with_every_arena_at_work_the_answer_is_busy() {
        let passwords = Passwords::builder()
            .cost(Cost::try_new(8, 1, 1).unwrap())
            .arenas(1)
            .queue(0, Duration::ZERO)
            .build()
            .unwrap();
        let lease = passwords.0.arenas.lease().unwrap();
        let refused = passwords.check_blocking(&password("pw"), None);
        assert!(matches!(refused, Err(PasswordError::Busy { .. })));
        drop(lease);
        assert_eq!(
            passwords.check_blocking(&password("pw"), None),
            Ok(Check::Mismatch)
        );
    }

    #[test]
    fn debug_shows_the_cost_and_no_hash() {
        assert!(!format!("{:?}", passwords()).contains("argon2id$"));
    }
}
