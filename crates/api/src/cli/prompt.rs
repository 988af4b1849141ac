use std::io::{self, BufRead, IsTerminal};

use passgate_domain::Password;
use passgate_domain::password::MAX_BYTES;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::failure::Failure;

/// Gets a new password: from a line of standard input, or asked for twice without echo.
pub(super) fn new_password(from_stdin: bool) -> Result<Password, Failure> {
    let text = if from_stdin {
        from_standard_input()?
    } else {
        from_terminal()?
    };
    Ok(Password::parse(text)?)
}

fn from_standard_input() -> Result<SecretString, Failure> {
    let mut line = Zeroizing::new(String::new());
    let mut limited = io::Read::take(io::stdin().lock(), MAX_BYTES as u64 + 2);
    limited.read_line(&mut line)?;
    let text = line.strip_suffix('\n').unwrap_or(&line);
    Ok(SecretString::from(text.strip_suffix('\r').unwrap_or(text)))
}

fn from_terminal() -> Result<SecretString, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new(
            "there is no terminal to ask for the password on: give it on standard input with \
             --password-stdin",
        ));
    }
    let first = SecretString::from(rpassword::prompt_password("Password: ")?);
    let again = SecretString::from(rpassword::prompt_password("The same again: ")?);
    if first.expose_secret() != again.expose_secret() {
        return Err(Failure::new(
            "the two passwords differ: nothing was changed",
        ));
    }
    Ok(first)
}
