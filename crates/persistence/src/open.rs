//! The first connection, and what may be wrong with it.

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, PgConnection};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::dsn;

/// Why there is no connection. Repeats no password.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// No server answers.
    #[error("the database cannot be reached: {0}; is it running, and is the address right?")]
    Unreachable(String),
    /// The server does not take the user or the password.
    #[error("the database refuses the log-in: {0}; check user and password")]
    Refused(String),
    /// The server has no such database.
    #[error("{0}; create it with `createdb`, or name another")]
    NoDatabase(String),
    /// libpq does not understand the URL.
    #[error(
        "the database URL cannot be read; it looks like postgres://USER:PASSWORD@HOST:5432/NAME, \
         with special characters in the password percent-encoded"
    )]
    Malformed,
    /// Anything else.
    #[error("the database refuses the connection: {0}")]
    Other(String),
}

/// Connects, without the timeouts of a served request.
pub(crate) fn connect(url: &SecretString) -> Result<PgConnection, OpenError> {
    let url = dsn::with_defaults(url);
    PgConnection::establish(url.expose_secret()).map_err(|error| OpenError::from_libpq(&error))
}

impl OpenError {
    pub(crate) fn from_libpq(error: &ConnectionError) -> Self {
        let ConnectionError::BadConnection(message) = error else {
            return Self::Malformed;
        };
        // With several hosts there is a message for each, one a line.
        let message = message
            .lines()
            .map(str::trim)
            .collect::<Vec<_>>()
            .join("; ");
        let holds = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
        // What libpq says of a text that it cannot read repeats parts of it: of the password.
        if !["connection to server", "could not translate host name"]
            .iter()
            .any(|start| message.starts_with(start))
        {
            return Self::Malformed;
        }
        // An `@` in the password, not encoded: the rest of the password is in the "host name".
        if message.starts_with("could not translate") && message.contains('@') {
            return Self::Malformed;
        }
        if holds(&["does not exist"]) && holds(&["database \""]) {
            return Self::NoDatabase(message);
        }
        if holds(&[
            "authentication failed",
            "no password supplied",
            "role \"",
            "no pg_hba.conf",
        ]) {
            return Self::Refused(message);
        }
        if holds(&[
            "could not translate host name",
            "Connection refused",
            "No such file or directory",
            "timeout expired",
            "unreachable",
            "timed out",
            "session is not",
            "session is read-only",
        ]) {
            return Self::Unreachable(message);
        }
        Self::Other(message)
    }
}

/// What every pooled connection begins with: no request waits for the database longer than these,
/// in milliseconds, and none keeps a transaction open.
pub(crate) fn prepare(
    connection: &mut PgConnection,
    statement_timeout: u128,
) -> diesel::QueryResult<()> {
    connection.batch_execute(&format!(
        "SET statement_timeout = {statement_timeout}; \
         SET lock_timeout = {statement_timeout}; \
         SET idle_in_transaction_session_timeout = {statement_timeout}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str) -> OpenError {
        OpenError::from_libpq(&ConnectionError::BadConnection(message.to_owned()))
    }

    #[test]
    fn messages_of_libpq_are_told_apart() {
        let server = "connection to server at \"localhost\" (::1), port 5432 failed: ";
        assert!(matches!(
            read(&format!(
                "{server}FATAL:  database \"nope\" does not exist\n"
            )),
            OpenError::NoDatabase(_)
        ));
        assert!(matches!(
            read(&format!(
                "{server}FATAL:  password authentication failed for user \"u\"\n"
            )),
            OpenError::Refused(_)
        ));
        assert!(matches!(
            read(&format!("{server}FATAL:  role \"u\" does not exist\n")),
            OpenError::Refused(_)
        ));
        assert!(matches!(
            read(&format!(
                "{server}Connection refused\n\tIs the server running?\n"
            )),
            OpenError::Unreachable(_)
        ));
        assert!(matches!(
            read("could not translate host name \"x\" to address: Name or service not known\n"),
            OpenError::Unreachable(_)
        ));
    }

    #[test]
    fn what_libpq_cannot_read_is_not_repeated() {
        for message in [
            "invalid port number: \"topsecret@host\"",
            "could not translate host name \"topsecret@host\" to address: Name or service not known",
        ] {
            let error = read(message);
            assert!(matches!(error, OpenError::Malformed), "{error:?}");
            assert!(!format!("{error} {error:?}").contains("topsecret"));
        }
    }
}
