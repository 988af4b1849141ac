//! Refresh tokens: opaque to clients, and for us a session's id, a generation and a proof.
//!
//! The proof is an HMAC-SHA256 under a key that is derived from the operator's secret, so that a
//! copy of the database makes no token, and a forged one costs no query. The same session and
//! generation always give the same token: a client whose answer was lost gets it again.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passgate_domain::session::{Generation, SessionId};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::seal::{SealError, SealingKey};

/// What every token begins with, for people and for scanners of leaked secrets.
pub const PREFIX: &str = "pgr_";

/// The first byte: how to read the rest.
const FORMAT: u8 = 1;

/// Format, name of the key, session, generation.
const SIGNED: usize = 1 + 4 + 16 + 4;

/// All of it and the proof.
const LENGTH: usize = SIGNED + 32;

/// Makes and reads refresh tokens.
pub struct RefreshTokens {
    current: Key,
    accepted: Vec<Key>,
}

struct Key {
    hmac: hmac::Key,
    name: [u8; 4],
}

impl Key {
    fn of(secret: &SealingKey) -> Result<Self, SealError> {
        let key = secret.derive(b"refresh token hmac-sha256 v1")?;
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, &key[..]);
        let mut name = [0; 4];
        name.copy_from_slice(&hmac::sign(&hmac, b"name").as_ref()[..4]);
        Ok(Self { hmac, name })
    }

    fn proves(&self, signed: &[u8], proof: &[u8]) -> bool {
        signed.get(1..5) == Some(&self.name) && hmac::verify(&self.hmac, signed, proof).is_ok()
    }
}

/// A token, to be sent to its holder and kept nowhere. Redacted in `Debug`, wiped when dropped.
pub struct RefreshToken(Zeroizing<String>);

impl RefreshTokens {
    /// With a key from the secret that also seals the signing keys, under a label of its own.
    ///
    /// # Errors
    /// [`SealError::Internal`] if the library fails.
    pub fn new(secret: &SealingKey) -> Result<Self, SealError> {
        Ok(Self {
            current: Key::of(secret)?,
            accepted: Vec::new(),
        })
    }

    /// Reads tokens that were made with another secret, too, and makes none with it.
    ///
    /// # Errors
    /// [`SealError::Internal`] if the library fails.
    pub fn accepting(mut self, other: &SealingKey) -> Result<Self, SealError> {
        self.accepted.push(Key::of(other)?);
        Ok(self)
    }

    /// The token of a session's generation.
    pub fn make(&self, session: SessionId, generation: Generation) -> RefreshToken {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH));
        bytes.push(FORMAT);
        bytes.extend_from_slice(&self.current.name);
        bytes.extend_from_slice(session.as_uuid().as_bytes());
        bytes.extend_from_slice(&generation.get().to_be_bytes());
        let proof = hmac::sign(&self.current.hmac, &bytes);
        bytes.extend_from_slice(proof.as_ref());
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 2 * LENGTH));
        text.push_str(PREFIX);
        URL_SAFE_NO_PAD.encode_string(&bytes[..], &mut text);
        RefreshToken(text)
    }

    /// Reads a token; `None` unless we made it.
    pub fn read(&self, text: &str) -> Option<(SessionId, Generation)> {
        let encoded = text.strip_prefix(PREFIX)?;
        let mut bytes = Zeroizing::new([0; LENGTH + 3]);
        let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes[..]).ok()?;
        let (signed, proof) = bytes.get(..length)?.split_at_checked(SIGNED)?;
        let rest = signed.strip_prefix(&[FORMAT])?.get(4..)?;
        // The names only save work: two keys may have the same.
        let mut keys = std::iter::once(&self.current).chain(&self.accepted);
        keys.find(|key| key.proves(signed, proof))?;
        let (session, generation) = rest.split_at_checked(16)?;
        let session = SessionId::from_uuid(Uuid::from_slice(session).ok()?);
        let generation = u32::from_be_bytes(generation.try_into().ok()?);
        Some((session, Generation::new(generation)?))
    }
}

impl fmt::Debug for RefreshTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshTokens")
    }
}

impl RefreshToken {
    /// The token itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn tokens(secret: &str) -> RefreshTokens {
        let secret = SecretString::from(secret.repeat(8));
        RefreshTokens::new(&SealingKey::from_secret(&secret).unwrap()).unwrap()
    }

    fn generation(number: u32) -> Generation {
        Generation::new(number).unwrap()
    }

    #[test]
    fn a_token_names_its_session_and_generation() {
        let session = SessionId::random();
        for number in [1, 2, 255, 65_536, u32::MAX] {
            let token = tokens("abcd").make(session, generation(number));
            assert!(token.expose().starts_with("pgr_"));
            let read = tokens("abcd").read(token.expose());
            assert_eq!(read, Some((session, generation(number))));
        }
    }

    #[test]
    fn the_same_generation_is_the_same_token() {
        let session = SessionId::random();
        let make = || {
            tokens("abcd")
                .make(session, generation(7))
                .expose()
                .to_owned()
        };
        assert_eq!(make(), make());
    }

    #[test]
    fn what_we_did_not_make_is_no_token() {
        let token = tokens("abcd").make(SessionId::random(), generation(7));
        let text = token.expose();
        assert_eq!(tokens("efgh").read(text), None);
        for place in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(tokens("abcd").read(&changed), None, "at {place}");
        }
        let longer = [
            format!("{text}A"),
            format!("{text}="),
            format!("{text}AAAAAAAA"),
        ];
        for other in longer
            .iter()
            .map(String::as_str)
            .chain(["", "pgr_", "pgr_AQ", &text[4..]])
        {
            assert_eq!(tokens("abcd").read(other), None, "{other}");
        }
        for length in 0..text.len() {
            assert_eq!(tokens("abcd").read(&text[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_token_outlives_the_secret_that_is_exchanged() {
        let secret =
            |text: &str| SealingKey::from_secret(&SecretString::from(text.repeat(8))).unwrap();
        let of_old = tokens("abcd").make(SessionId::random(), generation(7));
        let both = tokens("efgh").accepting(&secret("abcd")).unwrap();
        let session = both.read(of_old.expose()).unwrap().0;
        let of_new = both.make(session, generation(8));
        let expected = Some((session, generation(8)));
        assert_eq!(tokens("efgh").read(of_new.expose()), expected);
        assert_eq!(tokens("abcd").read(of_new.expose()), None);
        assert_eq!(tokens("efgh").read(of_old.expose()), None);
    }

    #[test]
    fn debug_shows_no_token() {
        let token = tokens("abcd").make(SessionId::random(), generation(1));
        assert!(!format!("{token:?}").contains("pgr_"));
    }
}
