//! Why a command ended: one sentence on standard error that says what, where and what to do.

use std::error::Error;
use std::fmt;

use crate::request_log::chain;

/// The sentence.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure in one's own words.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// A failure in the words of an error and its causes.
    pub fn from_error(error: &dyn Error) -> Self {
        Self(chain(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::from_error(&error)
    }
}
