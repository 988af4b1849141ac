mod attempt;
mod device;
mod fallback;
mod keys;
mod limits;

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use passgate_domain::audit::Act;
use passgate_domain::guess::{Budget, Charge, Counted, GuessKey, Guesser};
use passgate_domain::ports::{
    Guess, GuessStore, Opening, Prospect, SessionStore, StoreError, UserStore,
};
use passgate_domain::session::NewSession;
use passgate_domain::{ClientId, Credentials, PasswordHash, UserId, Username};
use thiserror::Error;
use time::OffsetDateTime;

use self::attempt::Attempt;
use self::device::Device;
use self::fallback::Fallback;
use self::keys::Keys;
use crate::seal::{SealError, SealingKey};

pub use device::{DEVICE_LIFE, DeviceToken};
pub use limits::{GuessLimits, TooManyGuesses};

/// Counts wrong guesses, with everybody who counts in the same store, and says whose next one is
/// looked at.
///
/// A guess is held to the budgets of its account, its address, its larger network and everybody's.
/// Where one of these is used up, a device that is known to the account has a budget of its own, so
/// that nobody is locked out by others. Names that nobody has are counted as any other.
///
/// If the store cannot count, each process counts for itself until it can again.
pub struct Guessing {
    limits: GuessLimits,
    keys: Keys,
    fallback: Fallback,
    refused: [AtomicU64; Guesser::ALL.len()],
}

/// A guess that is looked at, and what it is counted under if it is wrong.
pub(super) struct Admitted {
    charges: Vec<Charge>,
    by_store: bool,
}

/// Why a guess is not looked at.
#[derive(Debug, Error)]
pub(super) enum NotAdmitted {
    #[error(transparent)]
    TooMany(#[from] TooManyGuesses),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Guessing {
    /// With keys from the secret that also seals the signing keys, under labels of their own.
    ///
    /// # Errors
    /// [`SealError::Internal`] if the library fails.
    pub fn new(secret: &SealingKey, limits: GuessLimits) -> Result<Self, SealError> {
        Ok(Self {
            limits,
            keys: Keys::new(secret)?,
            fallback: Fallback::default(),
            refused: Default::default(),
        })
    }

    /// Knows devices that were known with another secret, too.
    ///
    /// # Errors
    /// [`SealError::Internal`] if the library fails.
    pub fn accepting(mut self, other: &SealingKey) -> Result<Self, SealError> {
        self.keys.accept(other)?;
        Ok(self)
    }

    /// How many guesses were not looked at, by whose budget was used up.
    pub fn refused(&self, guesser: Guesser) -> u64 {
        self.refused[guesser as usize].load(Ordering::Relaxed)
    }

    /// How often the store could not count.
    pub fn failures(&self) -> u64 {
        self.fallback.failures()
    }

    /// Reads the account, and whether a guess at its password is looked at. One round trip.
    pub(super) fn admit<S: UserStore + GuessStore + ?Sized>(
        &self,
        store: &S,
        username: Option<&Username>,
        attempt: &Attempt,
        now: OffsetDateTime,
    ) -> Result<(Option<Credentials>, Admitted), NotAdmitted> {
        let charges: Vec<Charge> = attempt.charges().copied().collect();
        let guess = Guess {
            username,
            charges: &charges,
            address: attempt.address,
            now,
        };
        let (prospect, by_store) = self.look(store, &guess)?;
        let waits = |charge: &Charge| until(&prospect.waiting, charge);
        let charges = match longest(&attempt.general, &prospect.waiting) {
            None => attempt.general.clone(),
            Some((until, charge)) => {
                let is_known_here = prospect.is_from_known_address;
                let at_address = attempt.at_address.iter().filter(|_| is_known_here);
                let known: Vec<&Charge> = attempt.proved.iter().chain(at_address).collect();
                let Some(own) = known.iter().find(|charge| waits(charge).is_none()) else {
                    let soonest = known.into_iter().filter_map(waits).fold(until, Ord::min);
                    return Err(self.refuse(charge, soonest, now).into());
                };
                vec![**own]
            }
        };
        Ok((prospect.credentials, Admitted { charges, by_store }))
    }

    /// Whether a guess that was admitted would be still: before its outcome is told in another way
    /// than by [`Guessing::count`] or [`Guessing::open`]. Its refusal is not among those that are told of
    /// yet, see [`Guessing::given_up`].
    pub(super) fn still<S: UserStore + GuessStore + ?Sized>(
        &self,
        store: &S,
        admitted: &Admitted,
        now: OffsetDateTime,
    ) -> Result<(), NotAdmitted> {
        let guess = Guess {
            username: None,
            charges: &admitted.charges,
            address: None,
            now,
        };
        let (prospect, _) = self.look(store, &guess)?;
        match longest(&admitted.charges, &prospect.waiting) {
            None => Ok(()),
            Some((until, charge)) => Err(refusal(charge, until, now).into()),
        }
    }

    /// Says that a guess which was overtaken is refused, and not tried again under another budget.
    pub(super) fn given_up(&self, error: NotAdmitted) -> NotAdmitted {
        if let NotAdmitted::TooMany(refusal) = &error {
            self.tell_of(refusal);
        }
        error
    }

    /// Counts a wrong guess, and says which budgets it has used up. A guess that was overtaken by
    /// others is told nothing.
    pub(super) fn count<S: GuessStore + ?Sized>(
        &self,
        store: &S,
        admitted: &Admitted,
        now: OffsetDateTime,
    ) -> Result<Vec<Guesser>, TooManyGuesses> {
        let charges = &admitted.charges;
        let counted = self.count_all(store, charges, admitted.by_store, now);
        self.told(charges, &counted, now)?;
        let used_up = |charge: &&Charge| {
            let mut counted = counted.iter();
            counted.any(|counted| {
                let waits = counted.tally.waits(&charge.budget, now).is_some();
                counted.key == charge.key && waits
            })
        };
        let used_up = charges.iter().filter(used_up);
        Ok(used_up.map(|charge| charge.guesser).collect())
    }

    /// Opens a session for a right guess, unless it was overtaken by wrong ones: see
    /// [`Guessing::given_up`].
    pub(super) fn open<S: SessionStore + GuessStore + ?Sized>(
        &self,
        store: &S,
        admitted: &Admitted,
        session: &NewSession,
        credential: &PasswordHash,
        act: &Act,
    ) -> Result<bool, NotAdmitted> {
        let charges = &admitted.charges;
        if admitted.by_store {
            match store.open_session_within(session, credential, charges, act) {
                Ok(Opening::Opened) => return Ok(true),
                Ok(Opening::Stale) => return Ok(false),
                Ok(Opening::Waiting(key, until)) => {
                    let charge = charges.iter().find(|charge| charge.key == key);
                    let refusal = charge.map(|charge| refusal(charge, until, act.at));
                    return refusal.map_or(Ok(false), |refusal| Err(refusal.into()));
                }
                // Whether that was the table of guesses shows when it is left out.
                Err(error @ StoreError::Internal(_)) => self.fallback.begin(&error, act.at),
                Err(error) => return Err(error.into()),
            }
        }
        match longest(charges, &self.fallback.waiting(charges, act.at)) {
            Some((until, charge)) => Err(refusal(charge, until, act.at).into()),
            None => Ok(store.open_session(session, credential, act)?),
        }
    }

    /// Counts a client that did not prove itself. Its secret was looked at: nobody guesses 256 random
    /// bits, and a client with the right one is never kept waiting.
    pub(super) fn count_client<S: GuessStore + ?Sized>(
        &self,
        store: &S,
        act: &Act,
    ) -> Result<(), TooManyGuesses> {
        let (Some(budget), Some(address)) = (self.limits.address, address(act)) else {
            return Ok(());
        };
        let at = self.keys.of_client_at(address);
        let network = self.keys.of_client_in(address);
        let charges = at_place(Guesser::Client, budget, at, network);
        self.count_alone(store, &charges, act.at)
    }

    /// Counts a wish for an account from outside, before it is looked at: what comes of it tells which
    /// names there are.
    ///
    /// # Errors
    /// [`TooManyGuesses`] if there were too many from the address before.
    pub fn count_registration<S: GuessStore + ?Sized>(
        &self,
        store: &S,
        act: &Act,
    ) -> Result<(), TooManyGuesses> {
        self.count_alone(store, &self.of_registration(act), act.at)
    }

    /// Counts a user's wish for another email address, before it is looked at: what comes of it tells
    /// which addresses are others'. It has the budgets of registrations, and the user one besides,
    /// from wherever they ask.
    ///
    /// # Errors
    /// [`TooManyGuesses`] if there were too many before.
    pub fn count_email<S: GuessStore + ?Sized>(
        &self,
        store: &S,
        user: UserId,
        act: &Act,
    ) -> Result<(), TooManyGuesses> {
        let mut charges = self.of_registration(act);
        charges.extend(self.limits.registration.map(|budget| Charge {
            guesser: Guesser::Registration,
            key: self.keys.of_email_by(user),
            budget,
        }));
        charges.extend(self.of_user(user));
        self.count_alone(store, &charges, act.at)
    }

    /// Counts a change that a user makes to the own account, before it is made: each leaves an event.
    /// One of the email address is [`Guessing::count_email`]'s.
    ///
    /// # Errors
    /// [`TooManyGuesses`] if the user made too many before.
    pub fn count_change<S: GuessStore + ?Sized>(
        &self,
        store: &S,
        user: UserId,
        act: &Act,
    ) -> Result<(), TooManyGuesses> {
        let charges: Vec<Charge> = self.of_user(user).into_iter().collect();
        self.count_alone(store, &charges, act.at)
    }

    /// Counts a token that a client gets for itself, before it is made: each leaves an event. Nobody
    /// else can use this up, since the client has proved itself.
    pub(super) fn count_token<S: GuessStore + ?Sized>(
        &self,
        store: &S,
        client: &ClientId,
        now: OffsetDateTime,
    ) -> Result<(), TooManyGuesses> {
        let charge = limits::of_client().map(|budget| Charge {
            guesser: Guesser::Caller,
            key: self.keys.of_client(client),
            budget,
        });
        let charges: Vec<Charge> = charge.into_iter().collect();
        self.count_alone(store, &charges, now)
    }

    fn of_user(&self, user: UserId) -> Option<Charge> {
        Some(Charge {
            guesser: Guesser::Caller,
            key: self.keys.of_user(user),
            budget: limits::of_user()?,
        })
    }

    fn of_registration(&self, act: &Act) -> Vec<Charge> {
        let (Some(budget), Some(address)) = (self.limits.registration, address(act)) else {
            return Vec::new();
        };
        let at = self.keys.of_registration_at(address);
        let network = self.keys.of_registration_in(address);
        at_place(Guesser::Registration, budget, at, network)
    }

    /// A proof that the device is known to the account, for the next time.
    pub(super) fn device_token(
        &self,
        username: &Username,
        known: Option<Device>,
        now: OffsetDateTime,
    ) -> DeviceToken {
        let device = known.unwrap_or_else(Device::random);
        self.keys.make_device(device, username.key(), now)
    }

    /// Counts what no password is hashed for. Where one of the budgets is used up that costs a read, and
    /// nobody waits for anybody's row: the counting would lock all of them, and make those that are not
    /// there.
    fn count_alone<S: GuessStore + ?Sized>(
        &self,
        store: &S,
        charges: &[Charge],
        now: OffsetDateTime,
    ) -> Result<(), TooManyGuesses> {
        if let Some((until, charge)) = longest(charges, &self.waiting(store, charges, now)) {
            return Err(self.refuse(charge, until, now));
        }
        let counted = self.count_all(store, charges, true, now);
        self.told(charges, &counted, now)
    }

    /// Whether the outcome of what was counted is told.
    fn told(
        &self,
        charges: &[Charge],
        counted: &[Counted],
        now: OffsetDateTime,
    ) -> Result<(), TooManyGuesses> {
        let beyond = counted.iter().filter(|counted| !counted.within);
        let beyond: Vec<_> = beyond
            .map(|beyond| (beyond.key, beyond.tally.not_before))
            .collect();
        match longest(charges, &beyond) {
            None => Ok(()),
            Some((until, charge)) => Err(self.refuse(charge, until, now)),
        }
    }

    fn count_all<S: GuessStore + ?Sized>(
        &self,
        store: &S,
        charges: &[Charge],
        by_store: bool,
        now: OffsetDateTime,
    ) -> Vec<Counted> {
        if charges.is_empty() {
            return Vec::new();
        }
        if by_store && !self.fallback.is_on(now) {
            match store.count_guess(charges, now) {
                Ok(counted) => return counted,
                Err(error) => self.fallback.begin(&error, now),
            }
        }
        self.fallback.count(charges, now)
    }

    fn waiting<S: GuessStore + ?Sized>(
        &self,
        store: &S,
        charges: &[Charge],
        now: OffsetDateTime,
    ) -> Vec<(GuessKey, OffsetDateTime)> {
        if charges.is_empty() {
            return Vec::new();
        }
        let guess = Guess {
            username: None,
            charges,
            address: None,
            now,
        };
        if !self.fallback.is_on(now) {
            match store.look_at_guess(&guess) {
                Ok(prospect) => return prospect.waiting,
                Err(error) => self.fallback.begin(&error, now),
            }
        }
        self.fallback.waiting(charges, now)
    }

    fn look<S: UserStore + GuessStore + ?Sized>(
        &self,
        store: &S,
        guess: &Guess,
    ) -> Result<(Prospect, bool), StoreError> {
        let counts = !guess.charges.is_empty();
        if counts && !self.fallback.is_on(guess.now) {
            match store.look_at_guess(guess) {
                Ok(prospect) => return Ok((prospect, true)),
                Err(error @ StoreError::Corrupt { .. }) => return Err(error),
                Err(error) => {
                    self.fallback.begin(&error, guess.now);
                    // Nothing else would be answered, either; and whoever waited has waited.
                    if matches!(error, StoreError::Unavailable(_)) {
                        return Err(error);
                    }
                }
            }
        }
        let credentials = match guess.username {
            Some(username) => store.find_credentials(username)?,
            None => None,
        };
        let prospect = Prospect {
            credentials,
            waiting: self.fallback.waiting(guess.charges, guess.now),
            is_from_known_address: false,
        };
        Ok((prospect, false))
    }

    fn refuse(
        &self,
        charge: &Charge,
        until: OffsetDateTime,
        now: OffsetDateTime,
    ) -> TooManyGuesses {
        let refusal = refusal(charge, until, now);
        self.tell_of(&refusal);
        refusal
    }

    fn tell_of(&self, refusal: &TooManyGuesses) {
        self.refused[refusal.guesser as usize].fetch_add(1, Ordering::Relaxed);
    }
}

fn refusal(charge: &Charge, until: OffsetDateTime, now: OffsetDateTime) -> TooManyGuesses {
    let wait = Duration::try_from(until - now).ok();
    TooManyGuesses {
        guesser: charge.guesser,
        budget: charge.budget,
        retry_after: wait
            .filter(|wait| !wait.is_zero())
            .unwrap_or(Duration::from_secs(1)),
    }
}

/// What is charged to an address, and tenfold to its larger network, if it has one.
fn at_place(
    guesser: Guesser,
    budget: Budget,
    at: GuessKey,
    network: Option<GuessKey>,
) -> Vec<Charge> {
    let charge = |key, budget| Charge {
        guesser,
        key,
        budget,
    };
    let network = network.map(|key| charge(key, budget.tenfold()));
    std::iter::once(charge(at, budget)).chain(network).collect()
}

type Waiting = [(GuessKey, OffsetDateTime)];

/// Until when a budget has to wait.
fn until(waiting: &Waiting, charge: &Charge) -> Option<OffsetDateTime> {
    let of_charge = waiting.iter().filter(|(key, _)| *key == charge.key);
    of_charge.map(|(_, until)| *until).max()
}

/// The budget that has to wait longest, if any has to.
fn longest<'a>(charges: &'a [Charge], waiting: &Waiting) -> Option<(OffsetDateTime, &'a Charge)> {
    let all = charges.iter();
    all.filter_map(|charge| Some((until(waiting, charge)?, charge)))
        .max_by_key(|(until, _)| *until)
}

/// The network address of whoever acts.
pub(super) fn address(act: &Act) -> Option<IpAddr> {
    act.address.as_deref()?.parse().ok()
}

impl fmt::Debug for Guessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guessing")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
