use std::fmt;
use std::hash::RandomState;
use std::sync::{Arc, Weak};
use std::time::Duration;

use passgate_domain::{Password, PasswordHash};

pub use self::builder::PasswordsBuilder;
use super::backend::InUse;
use super::caller::{Caller, Keys};
use super::engine::{Done, Engine, Ticket};
use super::pepper::{Pepper, Peppers};
use super::stored::Stored;
use super::work::Job;
use super::{Cost, PasswordError, Scheme};

mod builder;

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

/// Hashes and checks passwords. Cheap to clone; clones share threads and memory.
#[derive(Clone)]
pub struct Passwords {
    inner: Arc<Inner>,
    keys: Keys,
    present: Option<Weak<()>>,
}

struct Inner {
    cost: Cost,
    backend: InUse,
    peppers: Peppers,
    engine: Engine<Job>,
    /// What the password of an unknown user is checked against, made at the configured cost so
    /// that it cannot drift away from it.
    nobody: Arc<Stored>,
    hashes: RandomState,
}

/// Somebody waits, as long as this is not dropped; see [`Passwords::while_present`].
#[derive(Debug)]
#[must_use = "dropping it takes back every job of these `Passwords`"]
pub struct Presence(#[expect(dead_code, reason = "held, not read")] Arc<()>);

impl Passwords {
    /// Begins with the defaults.
    pub fn builder() -> PasswordsBuilder {
        PasswordsBuilder::default()
    }

    /// The same, on behalf of somebody, who then has no more than a fair share of the queue.
    #[must_use]
    pub fn for_caller(&self, caller: &Caller) -> Self {
        Self {
            keys: Keys::of(caller, &self.inner.hashes),
            ..self.clone()
        }
    }

    /// The same, for as long as somebody waits: when the [`Presence`] is dropped, what has not
    /// been begun is not begun any more, and a thread that waits for it gets
    /// [`PasswordError::Abandoned`]. Keep it in the future that is dropped with the connection.
    pub fn while_present(&self) -> (Self, Presence) {
        let presence = Arc::new(());
        let watched = Self {
            present: Some(Arc::downgrade(&presence)),
            ..self.clone()
        };
        (watched, Presence(presence))
    }

    /// Says whether a password could be hashed in time just now, before anything else is done
    /// for it.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if not.
    pub fn would_admit(&self) -> Result<(), PasswordError> {
        self.inner.engine.would_admit(&self.keys)
    }

    /// Hashes a password with argon2id and a new salt. Takes milliseconds: not for an async
    /// thread, which has [`Passwords::hash`].
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if it cannot be done in time.
    pub fn hash_blocking(&self, password: &Password) -> Result<PasswordHash, PasswordError> {
        hashed(self.begin_hash(password)?.wait()?)
    }

    /// Hashes a password with argon2id and a new salt. It is queued at once; dropping the future
    /// before the work is begun takes it back. Needs no particular runtime.
    ///
    /// # Errors
    /// As [`Passwords::hash_blocking`].
    pub fn hash(
        &self,
        password: &Password,
    ) -> impl Future<Output = Result<PasswordHash, PasswordError>> + Send + use<> {
        let begun = self.begin_hash(password);
        async move { hashed(begun?.await?) }
    }

    /// Checks a password against what is stored; `None` is an unknown user, for whom the work is
    /// that of a known one, unless that one's hash is of another scheme or cost and was not upgraded
    /// yet. Takes milliseconds: not for an async thread, which has [`Passwords::check`].
    ///
    /// New hashes are of the password's NFC form (RFC 8265 section 4.2.1). Other systems hash
    /// what they are sent, so a password that is not in that form is tried as it came, too.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] if it cannot be done in time; the others if the stored hash cannot
    /// be checked.
    pub fn check_blocking(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<Check, PasswordError> {
        let (begun, question) = self.begin_check(password, stored)?;
        question.answer(&begun.wait()?)
    }

    /// Checks a password as [`Passwords::check_blocking`] does. It is queued at once; dropping
    /// the future before the work is begun takes it back. Needs no particular runtime.
    ///
    /// # Errors
    /// As [`Passwords::check_blocking`].
    pub fn check(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> impl Future<Output = Result<Check, PasswordError>> + Send + use<> {
        let begun = self.begin_check(password, stored);
        async move {
            let (ticket, question) = begun?;
            question.answer(&ticket.await?)
        }
    }

    /// Says how a stored password was hashed, or why it could not be checked.
    ///
    /// # Errors
    /// Every [`PasswordError`] except [`PasswordError::Busy`].
    pub fn inspect(&self, stored: &PasswordHash) -> Result<Scheme, PasswordError> {
        self.parse(stored).map(|stored| stored.scheme())
    }

    fn parse(&self, stored: &PasswordHash) -> Result<Stored, PasswordError> {
        Stored::parse(stored, &self.inner.peppers)
    }

    fn pepper(&self) -> Option<&Pepper> {
        self.inner.peppers.current.as_ref()
    }

    fn begin_hash(&self, password: &Password) -> Result<Ticket, PasswordError> {
        self.begin(Job::hash(password, self.inner.cost, self.pepper()))
    }

    fn begin_check(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<(Ticket, Question), PasswordError> {
        let (known, stored) = match stored {
            Some(stored) => (true, Arc::new(self.parse(stored)?)),
            None => (false, Arc::clone(&self.inner.nobody)),
        };
        let question = Question {
            known,
            weaker: stored.wants_upgrade(self.inner.cost, self.pepper()),
        };
        let ticket = self.begin(Job::check(password, stored))?;
        Ok((ticket, question))
    }

    fn begin(&self, job: Job) -> Result<Ticket, PasswordError> {
        let engine = &self.inner.engine;
        engine.submit(self.keys, self.present.clone(), job)
    }
}

/// Figures, for settings pages and metrics.
impl Passwords {
    /// What a new hash costs.
    pub fn cost(&self) -> Cost {
        self.inner.cost
    }

    /// The code that computes argon2.
    pub fn backend(&self) -> InUse {
        self.inner.backend
    }

    /// How many hashes run at a time.
    pub fn arenas(&self) -> usize {
        self.inner.engine.limits().threads
    }

    /// How many hashes were computed so far, for matching and for new ones.
    pub fn computed(&self) -> u64 {
        self.inner.engine.computed()
    }

    /// How many hashes run at this moment.
    pub fn at_work(&self) -> usize {
        self.inner.engine.at_work()
    }

    /// How many wait for an arena at this moment.
    pub fn waiting(&self) -> usize {
        self.inner.engine.waiting()
    }

    /// How many were queued and then not hashed: because their time ran out, whoever asked went
    /// away, or others who ask less made them give way.
    pub fn dropped(&self) -> u64 {
        self.inner.engine.dropped()
    }

    /// How long a hash takes, lately.
    pub fn usual(&self) -> Duration {
        self.inner.engine.usual()
    }
}

/// What is asked of a stored hash.
#[derive(Clone, Copy)]
struct Question {
    known: bool,
    weaker: bool,
}

impl Question {
    fn answer(self, done: &Done) -> Result<Check, PasswordError> {
        let &Done::Checked {
            as_normal,
            as_typed,
        } = done
        else {
            return Err(PasswordError::Internal);
        };
        if self.known && (as_normal || as_typed) {
            Ok(Check::Match {
                upgrade: !as_normal || self.weaker,
            })
        } else {
            Ok(Check::Mismatch)
        }
    }
}

fn hashed(done: Done) -> Result<PasswordHash, PasswordError> {
    match done {
        Done::Hashed(hash) => Ok(hash),
        Done::Checked { .. } => Err(PasswordError::Internal),
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("cost", &self.inner.cost)
            .field("backend", &self.inner.backend)
            .field("pepper", &self.inner.peppers.current)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
