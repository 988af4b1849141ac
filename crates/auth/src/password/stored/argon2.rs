use argon2::{Algorithm, Version};
use passgate_domain::PasswordHash;
use password_hash::phc::{self, Output, ParamsString, Salt};

use super::{MIN_TAG, same};
use crate::password::arena::{Arena, Input};
use crate::password::pepper::{Pepper, Peppers};
use crate::password::{Cost, PasswordError, Scheme};

/// A hash of argon2 (RFC 9106) in a PHC string.
pub(in crate::password) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    cost: Cost,
    salt: Salt,
    tag: Output,
    pepper: Option<Pepper>,
}

/// Of a tag that Passgate makes.
const TAG: usize = 32;

impl Argon2Hash {
    /// Hashes a password with a new salt.
    pub(in crate::password) fn make(
        password: &[u8],
        cost: Cost,
        pepper: Option<Pepper>,
        arena: &mut Arena,
    ) -> Result<Self, PasswordError> {
        let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
        let salt = Salt::generate();
        let mut tag = [0; TAG];
        arena.count();
        let input = Input {
            algorithm,
            version,
            cost,
            password,
            salt: &salt,
            secret: secret(pepper.as_ref()),
        };
        arena.argon2(&input, &mut tag)?;
        let tag = Output::new(&tag).map_err(|_| PasswordError::Internal)?;
        Ok(Self {
            algorithm,
            version,
            cost,
            salt,
            tag,
            pepper,
        })
    }

    pub(super) fn matches(
        &self,
        password: &[u8],
        arena: &mut Arena,
    ) -> Result<bool, PasswordError> {
        let mut tag = [0; Output::MAX_LENGTH];
        let tag = &mut tag[..self.tag.len()];
        let input = Input {
            algorithm: self.algorithm,
            version: self.version,
            cost: self.cost,
            password,
            salt: &self.salt,
            secret: secret(self.pepper.as_ref()),
        };
        arena.argon2(&input, tag)?;
        same(tag, &self.tag)
    }

    pub(super) fn scheme(&self) -> Scheme {
        match self.algorithm {
            Algorithm::Argon2d => Scheme::Argon2d,
            Algorithm::Argon2i => Scheme::Argon2i,
            Algorithm::Argon2id => Scheme::Argon2id,
        }
    }

    /// Whether a new hash of `cost` would be stronger.
    pub(super) fn wants_upgrade(&self, cost: Cost, pepper: Option<&Pepper>) -> bool {
        self.algorithm != Algorithm::Argon2id
            || self.version != Version::V0x13
            || self.tag.len() < TAG
            || !self.cost.is_at_least(cost)
            || self.pepper.as_ref() != pepper
    }

    /// Reads a PHC string, in which nothing may be left to a default: an argon2 that ignores a
    /// parameter checks another password than the one that was hashed.
    pub(super) fn parse(text: &str, peppers: &Peppers) -> Result<Self, PasswordError> {
        let hash = phc::PasswordHash::new(text)
            .map_err(|_| PasswordError::Corrupt("it is no PHC string with a salt and a tag"))?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str())
            .map_err(|_| PasswordError::UnsupportedScheme)?;
        let version = match hash.version {
            Some(0x13) => Version::V0x13,
            Some(0x10) => Version::V0x10,
            // The reference implementation named no version before it knew a second one, and
            // Argon2id came with that.
            None if algorithm != Algorithm::Argon2id => Version::V0x10,
            _ => {
                return Err(PasswordError::Corrupt(
                    "its version is neither v=19 nor v=16",
                ));
            }
        };
        let cost = read_cost(&hash.params)?;
        let pepper = read_pepper(&hash.params, peppers)?;
        let salt = hash.salt.ok_or(PasswordError::Corrupt("it has no salt"))?;
        let tag = hash.hash.ok_or(PasswordError::Corrupt("it has no tag"))?;
        if tag.len() < MIN_TAG {
            return Err(PasswordError::Corrupt("its tag is shorter than 16 bytes"));
        }
        Ok(Self {
            algorithm,
            version,
            cost,
            salt,
            tag,
            pepper,
        })
    }

    pub(in crate::password) fn to_phc(&self) -> Result<PasswordHash, PasswordError> {
        let mut params = ParamsString::new();
        for (name, value) in [
            ("m", self.cost.memory_kib()),
            ("t", self.cost.iterations()),
            ("p", self.cost.parallelism()),
        ] {
            params
                .add_decimal(name, value)
                .map_err(|_| PasswordError::Internal)?;
        }
        if let Some(pepper) = &self.pepper {
            params
                .add_b64_bytes("keyid", pepper.id())
                .map_err(|_| PasswordError::Internal)?;
        }
        let hash = phc::PasswordHash {
            algorithm: self.algorithm.ident(),
            version: Some(self.version.into()),
            params,
            salt: Some(self.salt),
            hash: Some(self.tag),
        };
        Ok(PasswordHash::new(hash.to_string()))
    }
}

fn read_cost(params: &ParamsString) -> Result<Cost, PasswordError> {
    if params
        .iter()
        .any(|(name, _)| !matches!(name.as_str(), "m" | "t" | "p" | "keyid"))
    {
        return Err(PasswordError::Corrupt(
            "it has parameters besides m, t, p and keyid",
        ));
    }
    let figure = |name| {
        let missing = PasswordError::Corrupt("m, t and p are not all given as numbers");
        params.get_decimal(name).ok_or(missing)
    };
    let (memory, iterations, lanes) = (figure("m")?, figure("t")?, figure("p")?);
    if memory > Cost::MAX_MEMORY_KIB {
        return Err(PasswordError::LimitExceeded("m is above 262144 KiB"));
    }
    if iterations > Cost::MAX_ITERATIONS {
        return Err(PasswordError::LimitExceeded("t is above 10"));
    }
    if lanes > Cost::MAX_PARALLELISM {
        return Err(PasswordError::LimitExceeded("p is above 16"));
    }
    Cost::try_new(memory, iterations, lanes)
        .map_err(|_| PasswordError::Corrupt("m, t or p is below what argon2 allows"))
}

/// Finds the pepper that the hash names, if it names one.
fn read_pepper(params: &ParamsString, peppers: &Peppers) -> Result<Option<Pepper>, PasswordError> {
    let Some(id) = params.get("keyid") else {
        return Ok(None);
    };
    let mut bytes = [0; phc::Output::MAX_LENGTH];
    let id = id
        .b64_decode(&mut bytes)
        .map_err(|_| PasswordError::Corrupt("its keyid is no base64"))?;
    match peppers.find(id) {
        Some(pepper) => Ok(Some(pepper.clone())),
        None => Err(PasswordError::UnknownPepper),
    }
}

fn secret(pepper: Option<&Pepper>) -> &[u8] {
    pepper.map_or(&[], Pepper::key)
}
