use std::net::IpAddr;

use time::OffsetDateTime;

use super::StoreError;
use crate::audit::Act;
use crate::guess::{Charge, Counted, GuessKey};
use crate::session::NewSession;
use crate::{Credentials, PasswordHash, Username};

/// A guess that somebody wants looked at.
#[derive(Debug, Clone, Copy)]
pub struct Guess<'a> {
    /// Whose password it is to be; `None` if the text given cannot be anybody's name.
    pub username: Option<&'a Username>,
    /// What it would be counted under.
    pub charges: &'a [Charge],
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// When.
    pub now: OffsetDateTime,
}

/// What there is to know before a guess is looked at.
#[derive(Debug, Default)]
pub struct Prospect {
    /// The account, if there is one.
    pub credentials: Option<Credentials>,
    /// Which of the keys have to wait, as [`Tally::waits`](crate::guess::Tally::waits) says, and until
    /// when.
    pub waiting: Vec<(GuessKey, OffsetDateTime)>,
    /// Whether the account has a session from the guess's network
    /// ([`subscriber`](crate::guess::subscriber)), of those that are kept. Says nothing if no key
    /// has to wait.
    pub is_from_known_address: bool,
}

/// What came of a wish to open a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It is open.
    Opened,
    /// The user is not active any more, or has another password.
    Stale,
    /// Too many guesses were made meanwhile: under which key, of several the one that waits longest, and
    /// until when.
    Waiting(GuessKey, OffsetDateTime),
}

/// Where wrong guesses are counted. What is kept here may be lost in a crash, and goes without
/// saying when everything about it is forgiven.
pub trait GuessStore: Send + Sync {
    /// Reads an account and what stands against a guess at its password, in one consistent read.
    /// Deleted accounts are not found, disabled ones are. The work MUST NOT depend on whether there
    /// is such an account more than finding it does.
    ///
    /// # Errors
    /// [`StoreError`].
    fn look_at_guess(&self, guess: &Guess) -> Result<Prospect, StoreError>;

    /// Counts a wrong guess under each key, as [`Tally::after`](crate::guess::Tally::after) says, in
    /// one change. Under a key that has to wait it MUST change nothing and say so
    /// ([`Counted::within`]): of any number of concurrent calls no more are within the budget than
    /// it has. No key is there twice. The order of what is returned is that of the keys.
    ///
    /// # Errors
    /// [`StoreError`].
    fn count_guess(
        &self,
        charges: &[Charge],
        now: OffsetDateTime,
    ) -> Result<Vec<Counted>, StoreError>;

    /// [`open_session`](super::SessionStore::open_session), unless one of the keys has to wait: of
    /// guesses at the same moment a right one is worth no more than a wrong one.
    ///
    /// # Errors
    /// [`StoreError`].
    fn open_session_within(
        &self,
        session: &NewSession,
        credential: &PasswordHash,
        charges: &[Charge],
        act: &Act,
    ) -> Result<Opening, StoreError>;

    /// Forgets at most `limit` keys of which everything was forgiven before `before`, and returns
    /// how many. MUST do nothing, and return 0, while another caller is at it.
    ///
    /// # Errors
    /// [`StoreError`].
    fn remove_forgiven_guesses(
        &self,
        before: OffsetDateTime,
        limit: u32,
    ) -> Result<usize, StoreError>;
}
