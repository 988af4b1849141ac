use aes::Aes256;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use password_hash::phc::Output;
use secrecy::{ExposeSecret, SecretSlice};
use zeroize::Zeroizing;

use super::scrypt::ScryptCost;
use super::{same, text};
use crate::password::PasswordError;

/// A hash of Firebase Authentication: the project's signer key, encrypted with a key that scrypt
/// makes of the password (<https://github.com/firebase/scrypt>).
pub(in crate::password) struct FirebaseHash {
    cost: ScryptCost,
    /// The user's salt, and the project's separator after it.
    salt: Vec<u8>,
    signer_key: SecretSlice<u8>,
    tag: Output,
}

/// Of the key of AES-256, in bytes.
const KEY: usize = 32;

impl FirebaseHash {
    /// Reads the form in which Supabase's server keeps them, too:
    /// `$fbscrypt$v=1,n=14,r=8,p=1,ss=SEPARATOR,sk=SIGNER_KEY$SALT$TAG`, with Firebase's
    /// `mem_cost` in `n`, `rounds` in `r`, and everything else in base64 as Firebase gives it.
    pub(super) fn parse(stored: &str) -> Result<Self, PasswordError> {
        let malformed = PasswordError::Corrupt("it is no fbscrypt hash of v, n, r, p, ss and sk");
        let parts: Vec<&str> = stored.split('$').collect();
        let ["", "fbscrypt", params, salt, tag] = parts[..] else {
            return Err(malformed);
        };
        let values = text::values(params, ["v", "n", "r", "p", "ss", "sk"]).ok_or(malformed)?;
        let ["1", log_n, r, p, separator, signer_key] = values else {
            return Err(malformed);
        };
        let cost = ScryptCost::try_new(text::number(log_n), text::number(r), text::number(p))?;
        let mut salt = padded(salt).ok_or(malformed)?;
        salt.extend(padded(separator).ok_or(malformed)?);
        let signer_key = padded(signer_key).ok_or(malformed)?;
        let tag = text::tag(padded(tag))?;
        if signer_key.len() != tag.len() {
            return Err(PasswordError::Corrupt(
                "its tag is not as long as the signer key",
            ));
        }
        Ok(Self {
            cost,
            salt,
            signer_key: signer_key.into(),
            tag,
        })
    }

    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, PasswordError> {
        let mut key = Zeroizing::new([0; KEY]);
        self.cost.compute(password, &self.salt, &mut key[..])?;
        let cipher = Aes256::new(&Array(*key));
        let encrypted = counter_mode(&cipher, self.signer_key.expose_secret());
        same(&encrypted, &self.tag)
    }
}

/// AES in counter mode (NIST SP 800-38A section 6.5), counting from zero.
fn counter_mode(cipher: &Aes256, text: &[u8]) -> Vec<u8> {
    let blocks = text.chunks(16).zip(0_u128..);
    let encrypted = blocks.flat_map(|(chunk, counter)| {
        let mut block = Array(counter.to_be_bytes());
        cipher.encrypt_block(&mut block);
        let pairs = chunk.iter().zip(block.0);
        pairs.map(|(byte, key)| byte ^ key).collect::<Vec<u8>>()
    });
    encrypted.collect()
}

/// The command line exports base64, the Admin SDK its alphabet for URLs.
fn padded(text: &str) -> Option<Vec<u8>> {
    text::padded(&text.replace('-', "+").replace('_', "/"))
}
