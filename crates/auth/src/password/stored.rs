use std::fmt;

use argon2::{Algorithm, Version};
use passgate_domain::PasswordHash;
use password_hash::phc::{self, Output, ParamsString, Salt};

use super::arena::{Arena, Input};
use super::{Cost, PasswordError};

/// How a stored password was hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// What Passgate stores (RFC 9106).
    Argon2id,
    /// Checked, never made.
    Argon2i,
    /// Checked, never made.
    Argon2d,
    /// Checked, never made.
    #[cfg(feature = "legacy-bcrypt")]
    Bcrypt,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argon2id => "argon2id",
            Self::Argon2i => "argon2i",
            Self::Argon2d => "argon2d",
            #[cfg(feature = "legacy-bcrypt")]
            Self::Bcrypt => "bcrypt",
        })
    }
}

/// A stored hash taken apart, and within the bounds of what a check may cost.
pub(super) enum Stored {
    Argon2(Argon2Hash),
    #[cfg(feature = "legacy-bcrypt")]
    Bcrypt(PasswordHash),
}

pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    cost: Cost,
    salt: Salt,
    tag: Output,
}

/// Of a tag: what RFC 9106 section 4 recommends at least.
const MIN_TAG: usize = 16;

/// Of a tag that Passgate makes.
const TAG: usize = 32;

/// The greatest cost of bcrypt: about a second, two steps above the usual twelve.
#[cfg(feature = "legacy-bcrypt")]
const MAX_BCRYPT_COST: u32 = 14;

impl Stored {
    pub(super) fn parse(hash: &PasswordHash) -> Result<Self, PasswordError> {
        let text = hash.expose();
        if text.starts_with("$argon2") {
            return Argon2Hash::parse(text).map(Self::Argon2);
        }
        #[cfg(feature = "legacy-bcrypt")]
        if ["$2a$", "$2b$", "$2y$"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            return check_bcrypt(text).map(|()| Self::Bcrypt(hash.clone()));
        }
        Err(PasswordError::UnsupportedScheme)
    }

    pub(super) fn scheme(&self) -> Scheme {
        match self {
            Self::Argon2(hash) => match hash.algorithm {
                Algorithm::Argon2d => Scheme::Argon2d,
                Algorithm::Argon2i => Scheme::Argon2i,
                Algorithm::Argon2id => Scheme::Argon2id,
            },
            #[cfg(feature = "legacy-bcrypt")]
            Self::Bcrypt(_) => Scheme::Bcrypt,
        }
    }

    /// Whether the hash is weaker than a new one of `cost` would be.
    pub(super) fn wants_upgrade(&self, cost: Cost) -> bool {
        match self {
            Self::Argon2(hash) => {
                hash.algorithm != Algorithm::Argon2id
                    || hash.version != Version::V0x13
                    || hash.tag.len() < TAG
                    || !hash.cost.is_at_least(cost)
            }
            #[cfg(feature = "legacy-bcrypt")]
            Self::Bcrypt(_) => true,
        }
    }

    pub(super) fn matches(
        &self,
        password: &[u8],
        arena: &mut Arena,
    ) -> Result<bool, PasswordError> {
        arena.count();
        match self {
            Self::Argon2(hash) => hash.matches(password, arena),
            // Of a long password it reads 72 bytes, as every bcrypt of its time did.
            #[cfg(feature = "legacy-bcrypt")]
            Self::Bcrypt(hash) => bcrypt::verify(password, hash.expose())
                .map_err(|_| PasswordError::Corrupt("it is no bcrypt")),
        }
    }
}

impl Argon2Hash {
    /// Hashes a password with a new salt.
    pub(super) fn make(
        password: &[u8],
        cost: Cost,
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
            secret: &[],
        };
        arena.argon2(&input, &mut tag)?;
        let tag = Output::new(&tag).map_err(|_| PasswordError::Internal)?;
        Ok(Self {
            algorithm,
            version,
            cost,
            salt,
            tag,
        })
    }

    fn matches(&self, password: &[u8], arena: &mut Arena) -> Result<bool, PasswordError> {
        let mut tag = [0; Output::MAX_LENGTH];
        let tag = &mut tag[..self.tag.len()];
        let input = Input {
            algorithm: self.algorithm,
            version: self.version,
            cost: self.cost,
            password,
            salt: &self.salt,
            secret: &[],
        };
        arena.argon2(&input, tag)?;
        let computed = Output::new(tag).map_err(|_| PasswordError::Internal)?;
        // `Output` compares in constant time.
        Ok(computed == self.tag)
    }

    /// Reads a PHC string, in which nothing may be left to a default: an argon2 that ignores a
    /// parameter checks another password than the one that was hashed.
    fn parse(text: &str) -> Result<Self, PasswordError> {
        let hash = phc::PasswordHash::new(text)
            .map_err(|_| PasswordError::Corrupt("it is no PHC string with a salt and a tag"))?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str())
            .map_err(|_| PasswordError::UnsupportedScheme)?;
        let version = match hash.version {
            Some(0x13) => Version::V0x13,
            Some(0x10) => Version::V0x10,
            _ => {
                return Err(PasswordError::Corrupt(
                    "its version is neither v=19 nor v=16",
                ));
            }
        };
        let cost = read_cost(&hash.params)?;
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
        })
    }

    pub(super) fn to_phc(&self) -> Result<PasswordHash, PasswordError> {
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
        .any(|(name, _)| !matches!(name.as_str(), "m" | "t" | "p"))
    {
        return Err(PasswordError::Corrupt(
            "it has parameters besides m, t and p",
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
        return Err(PasswordError::LimitExceeded("p is above 4"));
    }
    Cost::try_new(memory, iterations, lanes)
        .map_err(|_| PasswordError::Corrupt("m, t or p is below what argon2 allows"))
}

#[cfg(feature = "legacy-bcrypt")]
fn check_bcrypt(text: &str) -> Result<(), PasswordError> {
    let malformed = PasswordError::Corrupt("it is no bcrypt hash of 60 characters");
    if text.len() != 60 {
        return Err(malformed);
    }
    let parts: bcrypt::HashParts = text.parse().map_err(|_| malformed)?;
    match parts.get_cost() {
        4..=MAX_BCRYPT_COST => Ok(()),
        0..4 => Err(malformed),
        _ => Err(PasswordError::LimitExceeded(
            "the cost of bcrypt is above 14",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Scheme, PasswordError> {
        Stored::parse(&PasswordHash::new(text)).map(|stored| stored.scheme())
    }

    const BCRYPT: &str = "oO49VPpCnOjOk91AoVw7VeHQzal7x45OQU5lCly9v45l7yx48g/3G";
    const SALT_AND_TAG: &str = "c29tZXNhbHRzb21lc2FsdA$Kq6fbmJ3QZ5aNGxM1Xw6ks7xU2Y4YQ3PqX0aV2Z0Q3U";

    #[test]
    fn a_hash_that_would_cost_too_much_is_refused_before_any_work() {
        for params in [
            "m=262145,t=1,p=1",
            "m=4294967295,t=1,p=1",
            "m=65536,t=40,p=1",
            "m=65536,t=1,p=5",
        ] {
            let refused = parse(&format!("$argon2id$v=19${params}${SALT_AND_TAG}"));
            assert!(
                matches!(refused, Err(PasswordError::LimitExceeded(_))),
                "{params} {refused:?}"
            );
        }
        let bcrypt = format!("$2b$15${BCRYPT}");
        assert!(matches!(
            parse(&bcrypt),
            Err(PasswordError::LimitExceeded(_))
        ));
    }

    #[test]
    fn a_damaged_hash_is_named_so() {
        let tag = SALT_AND_TAG;
        for text in [
            "$argon2id$".to_owned(),
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA".to_owned(),
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAA".to_owned(),
            format!("$argon2id$m=19456,t=2,p=1${tag}"),
            format!("$argon2id$v=20$m=19456,t=2,p=1${tag}"),
            format!("$argon2id$v=19$m=19456,t=2${tag}"),
            format!("$argon2id$v=19$m=19456,t=2,p=1,data=AAAA${tag}"),
            format!("$argon2id$v=19$m=7,t=2,p=1${tag}"),
            format!("$argon2id$v=19$m=19456,t=0,p=1${tag}"),
            format!("$argon2id$v=19$m=19456,t=2,p=1${tag}\n"),
            "$2b$12$short".to_owned(),
            format!("$2b$xx${BCRYPT}"),
            format!("$2b$03${BCRYPT}"),
            format!("$2b$12${}", "!".repeat(53)),
        ] {
            assert!(
                matches!(parse(&text), Err(PasswordError::Corrupt(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn other_schemes_are_named_unsupported() {
        for text in [
            "",
            "1234",
            "$1$abc$def",
            "$2x$12$abc",
            "$argon2x$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "pbkdf2_sha256$1$a$b",
        ] {
            assert_eq!(parse(text), Err(PasswordError::UnsupportedScheme), "{text}");
        }
    }

    #[test]
    fn schemes_are_told_apart() {
        let argon2 = |name| format!("${name}$v=19$m=19456,t=2,p=1${SALT_AND_TAG}");
        assert_eq!(parse(&argon2("argon2id")), Ok(Scheme::Argon2id));
        assert_eq!(parse(&argon2("argon2i")), Ok(Scheme::Argon2i));
        assert_eq!(parse(&argon2("argon2d")), Ok(Scheme::Argon2d));
        for prefix in ["2a", "2b", "2y"] {
            assert_eq!(parse(&format!("${prefix}$12${BCRYPT}")), Ok(Scheme::Bcrypt));
        }
    }
}
