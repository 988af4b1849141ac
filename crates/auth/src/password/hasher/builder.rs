use std::hash::RandomState;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use passgate_domain::Password;

use super::{Inner, Passwords, hashed};
use crate::password::arena::Arena;
use crate::password::backend::Backend;
use crate::password::caller::Keys;
use crate::password::engine::{Engine, Limits};
use crate::password::pepper::{Pepper, Peppers};
use crate::password::stored::Stored;
use crate::password::work::Job;
use crate::password::{Cost, PasswordError};

/// How many jobs wait at most.
const QUEUE: usize = 64;

/// How long each of them waits at most: after two seconds people press the button again.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an arena that nobody needs keeps what the last password left in it. Long enough that it is kept
/// through anything that deserves the name of a load.
const REST: Duration = Duration::from_secs(1);

/// The settings of [`Passwords`].
#[derive(Debug, Clone)]
#[must_use = "nothing is made before `build`"]
pub struct PasswordsBuilder {
    cost: Cost,
    arenas: Option<usize>,
    queue: usize,
    patience: Duration,
    backend: Backend,
    peppers: Peppers,
}

impl Default for PasswordsBuilder {
    fn default() -> Self {
        Self {
            cost: Cost::OWASP,
            arenas: None,
            queue: QUEUE,
            patience: PATIENCE,
            backend: Backend::Auto,
            peppers: Peppers::default(),
        }
    }
}

impl PasswordsBuilder {
    /// What a new hash costs. The default is [`Cost::OWASP`].
    pub fn cost(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }

    /// How many hashes run at a time: at least one, and no more than there are cores, since
    /// argon2 is bound by memory and one more slows down all the others. The default is one a
    /// core.
    pub fn arenas(mut self, arenas: usize) -> Self {
        self.arenas = Some(arenas);
        self
    }

    /// How many wait for an arena before the next is refused, and how long each waits at most.
    /// The default is 64, and two seconds.
    pub fn queue(mut self, length: usize, patience: Duration) -> Self {
        (self.queue, self.patience) = (length, patience);
        self
    }

    /// Which code computes argon2. The default is [`Backend::Auto`].
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// What goes into every new hash. A hash without it, or with a previous one, still matches and
    /// asks for an upgrade. The default is none.
    pub fn pepper(mut self, pepper: Pepper) -> Self {
        self.peppers.current = Some(pepper);
        self
    }

    /// A pepper that older hashes have; may be called several times. Keep it as long as such
    /// hashes are stored: without it they are [`PasswordError::UnknownPepper`].
    pub fn previous_pepper(mut self, pepper: Pepper) -> Self {
        self.peppers.previous.push(pepper);
        self
    }

    /// Puts the backend to the test, starts the threads and makes one hash.
    ///
    /// # Errors
    /// [`PasswordError::Internal`] if that fails.
    pub fn build(self) -> Result<Passwords, PasswordError> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let limits = Limits {
            threads: self.arenas.unwrap_or(cores).clamp(1, cores),
            queue: self.queue,
            patience: self.patience,
            rest: REST,
        };
        let (cost, backend) = (self.cost, self.backend.choose());
        let engine = Engine::start(limits, || Arena::new(cost, backend))
            .map_err(|_| PasswordError::Internal)?;
        let nobody = Password::parse("nobody's").map_err(|_| PasswordError::Internal)?;
        let nobody = Job::hash(&nobody, cost, self.peppers.current.as_ref());
        let nobody = hashed(engine.submit(Keys::default(), None, nobody)?.wait()?)?;
        let nobody = Arc::new(Stored::parse(&nobody, &self.peppers)?);
        Ok(Passwords {
            inner: Arc::new(Inner {
                cost,
                backend,
                peppers: self.peppers,
                engine,
                nobody,
                hashes: RandomState::new(),
            }),
            keys: Keys::default(),
            present: None,
        })
    }
}
