use password_hash::phc::Output;
use scrypt::{Params, scrypt};

use super::{same, text};
use crate::password::PasswordError;

/// A hash of scrypt (RFC 7914).
pub(in crate::password) struct ScryptHash {
    cost: ScryptCost,
    salt: Vec<u8>,
    tag: Output,
}

/// What scrypt costs, within the ceilings.
#[derive(Clone, Copy)]
pub(super) struct ScryptCost(Params);

/// 256 MiB, as for argon2. OWASP's first choice takes 128 MiB.
const MAX_MEMORY: u64 = 256 << 20;

/// 512 MiB, filled one after another: about a second.
const MAX_WORK: u64 = 512 << 20;

impl ScryptCost {
    /// Takes the logarithm of N, r and p.
    pub(super) fn try_new(
        log_n: Option<u32>,
        r: Option<u32>,
        p: Option<u32>,
    ) -> Result<Self, PasswordError> {
        let wrong = PasswordError::Corrupt("N, r and p are not what scrypt knows");
        let (Some(log_n @ 1..), Some(r @ 1..), Some(p @ 1..)) = (log_n, r, p) else {
            return Err(wrong);
        };
        let memory = 1_u64
            .checked_shl(log_n)
            .and_then(|n| n.checked_mul(128))
            .and_then(|bytes| bytes.checked_mul(u64::from(r)))
            .filter(|memory| *memory <= MAX_MEMORY)
            .ok_or(PasswordError::LimitExceeded(
                "128 times N times r, the memory of scrypt, is above 256 MiB",
            ))?;
        if memory.saturating_mul(u64::from(p)) > MAX_WORK {
            return Err(PasswordError::LimitExceeded(
                "128 times N times r times p, the work of scrypt, is above 512 MiB",
            ));
        }
        let log_n = u8::try_from(log_n).map_err(|_| wrong)?;
        Params::new(log_n, r, p).map(Self).map_err(|_| wrong)
    }

    pub(super) fn compute(
        self,
        password: &[u8],
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), PasswordError> {
        scrypt(password, salt, &self.0, out).map_err(|_| PasswordError::Internal)
    }
}

impl ScryptHash {
    pub(super) fn try_new(
        cost: ScryptCost,
        salt: Option<Vec<u8>>,
        tag: Option<Vec<u8>>,
    ) -> Result<Self, PasswordError> {
        Ok(Self {
            cost,
            salt: salt.ok_or(PasswordError::Corrupt("its salt cannot be read"))?,
            tag: text::tag(tag)?,
        })
    }

    /// Reads a PHC string, which passlib's is, too.
    pub(super) fn parse(stored: &str) -> Result<Self, PasswordError> {
        let malformed = PasswordError::Corrupt("it is no scrypt hash of ln, r and p");
        let parts: Vec<&str> = stored.split('$').collect();
        let ["", "scrypt", params, salt, tag] = parts[..] else {
            return Err(malformed);
        };
        let values = text::values(params, ["ln", "r", "p"]).ok_or(malformed)?;
        let [log_n, r, p] = values.map(text::number);
        let cost = ScryptCost::try_new(log_n, r, p)?;
        Self::try_new(cost, text::unpadded(salt), text::unpadded(tag))
    }

    pub(super) fn matches(&self, password: &[u8]) -> Result<bool, PasswordError> {
        let mut computed = [0; Output::MAX_LENGTH];
        let computed = &mut computed[..self.tag.len()];
        self.cost.compute(password, &self.salt, computed)?;
        same(computed, &self.tag)
    }
}
