use super::{
    Algorithm, Duration, Engine, HmacKey, Map, Serialize, SigningKey, TestIssuer, URL_SAFE_NO_PAD,
    Value, json,
};

/// A token in the making: good as it is, and made wrong by one word.
#[must_use = "a token is made by `build`"]
pub struct TestToken<'a> {
    issuer: &'a TestIssuer,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    now: i64,
    ending: Ending<'a>,
}

/// What stands after the last dot.
enum Ending<'a> {
    Signature(&'a SigningKey),
    /// HMAC, with the public key for a secret.
    PublicKey,
    Nothing,
    /// The signature of other claims.
    Tampered,
}

/// How long a token lives here, in seconds.
const LIFE: i64 = 600;

impl<'a> TestToken<'a> {
    pub(super) fn new(issuer: &'a TestIssuer, subject: &str) -> Self {
        let now = issuer.clock.now().unix_timestamp();
        let mut token = Self {
            issuer,
            header: Map::new(),
            claims: Map::new(),
            now,
            ending: Ending::Signature(&issuer.key),
        }
        .header("alg", issuer.key.algorithm().as_str())
        .header("kid", issuer.key.kid().as_str())
        .header("typ", "at+jwt");
        for (name, value) in [
            ("iss", json!(issuer.issuer)),
            ("sub", json!(subject)),
            ("aud", json!(issuer.audience)),
            ("iat", json!(now)),
            ("exp", json!(now + LIFE)),
            ("jti", json!(uuid::Uuid::new_v4().to_string())),
        ] {
            token = token.claim(name, value);
        }
        token
    }

    /// Sets a claim, whatever it is.
    pub fn claim(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.claims.insert(name.to_owned(), value);
        self
    }

    /// Sets every claim of something that serialises to a JSON object.
    pub fn claims(mut self, claims: impl Serialize) -> Self {
        if let Ok(Value::Object(claims)) = serde_json::to_value(claims) {
            self.claims.extend(claims);
        }
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, claim: &str) -> Self {
        self.claims.remove(claim);
        self
    }

    /// Sets a header parameter, whatever it is.
    pub fn header(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).unwrap_or_default();
        self.header.insert(name.to_owned(), value);
        self
    }

    /// What the token may be used for: words, each separated by a space.
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// What its user is.
    pub fn roles(self, roles: &[&str]) -> Self {
        self.claim("roles", roles)
    }

    /// Another life than ten minutes.
    pub fn expires_in(self, life: Duration) -> Self {
        let end = self.now.saturating_add_unsigned(life.as_secs());
        self.claim("exp", end)
    }

    /// Ended an hour ago.
    pub fn expired(self) -> Self {
        let (made, ended) = (self.now - 3600 - LIFE, self.now - 3600);
        self.claim("iat", made).claim("exp", ended)
    }

    /// Begins in an hour.
    pub fn not_yet_valid(self) -> Self {
        let begins = self.now + 3600;
        self.claim("nbf", begins).claim("exp", begins + LIFE)
    }

    /// Made in an hour.
    pub fn made_in_the_future(self) -> Self {
        let made = self.now + 3600;
        self.claim("iat", made).claim("exp", made + LIFE)
    }

    /// Lives for a year.
    pub fn lives_too_long(self) -> Self {
        let end = self.now + 365 * 24 * 3600;
        self.claim("exp", end)
    }

    /// Has no end.
    pub fn without_expiry(self) -> Self {
        self.without("exp")
    }

    /// Signed by somebody else's key, under the name of the right one.
    pub fn wrong_key(mut self) -> Self {
        self.ending = Ending::Signature(&self.issuer.other_key);
        self
    }

    /// Signed by somebody else's key, under that key's own name.
    pub fn unknown_key(self) -> Self {
        let kid = self.issuer.other_key.kid().to_string();
        self.wrong_key().header("kid", kid)
    }

    /// HS256, keyed with the public key as a JWK Set shows it: good for a verifier that believes the
    /// header (RFC 8725 section 2.1).
    pub fn signed_with_public_key(mut self) -> Self {
        self.ending = Ending::PublicKey;
        self.header("alg", "HS256")
    }

    /// Names no key.
    pub fn without_kid(mut self) -> Self {
        self.header.remove("kid");
        self
    }

    /// For somebody else.
    pub fn wrong_audience(self) -> Self {
        self.claim("aud", "somebody-else")
    }

    /// From somebody else.
    pub fn wrong_issuer(self) -> Self {
        self.claim("iss", "https://evil.example")
    }

    /// Another kind of token.
    pub fn wrong_type(self) -> Self {
        self.header("typ", "JWT")
    }

    /// Says that it is signed with another algorithm.
    pub fn other_algorithm(self, algorithm: Algorithm) -> Self {
        self.header("alg", algorithm.as_str())
    }

    /// `alg: none`, without a signature.
    pub fn unsigned(mut self) -> Self {
        self.ending = Ending::Nothing;
        self.header("alg", "none")
    }

    /// Asks for an extension to be understood (RFC 7515 section 4.1.11).
    pub fn critical(self) -> Self {
        self.header("crit", ["b64"])
    }

    /// Its claims were changed after it was signed.
    pub fn tampered(mut self) -> Self {
        self.ending = Ending::Tampered;
        self
    }

    /// Longer than any token is read.
    pub fn too_long(self) -> Self {
        self.claim("padding", "a".repeat(9000))
    }

    /// Makes the token.
    pub fn build(self) -> String {
        let part = |object: &Map<String, Value>| {
            URL_SAFE_NO_PAD.encode(Value::Object(object.clone()).to_string())
        };
        let sign = |key: &SigningKey, message: &str| {
            URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).unwrap_or_default())
        };
        let message = format!("{}.{}", part(&self.header), part(&self.claims));
        let ending = match self.ending {
            Ending::Signature(key) => sign(key, &message),
            Ending::PublicKey => {
                let secret = HmacKey::new(self.issuer.key.public_jwk().as_bytes());
                URL_SAFE_NO_PAD.encode(secret.sign(message.as_bytes()).unwrap_or_default())
            }
            Ending::Nothing => String::new(),
            Ending::Tampered => {
                let mut others = self.claims;
                others.insert("sub".to_owned(), json!("somebody-else"));
                let others = format!("{}.{}", part(&self.header), part(&others));
                sign(&self.issuer.key, &others)
            }
        };
        format!("{message}.{ending}")
    }

    pub(super) fn every_invalid(token: impl Fn() -> TestToken<'a>) -> Vec<(&'static str, String)> {
        let mut all: Vec<(&'static str, String)> = Vec::new();
        let other = match token().issuer.key.algorithm() {
            Algorithm::Es256 => Algorithm::EdDsa,
            _ => Algorithm::Es256,
        };
        for (name, token) in [
            ("expired", token().expired()),
            ("not yet valid", token().not_yet_valid()),
            ("made in the future", token().made_in_the_future()),
            ("lives too long", token().lives_too_long()),
            ("wrong key", token().wrong_key()),
            ("unknown key", token().unknown_key()),
            ("no kid", token().without_kid()),
            ("wrong audience", token().wrong_audience()),
            ("wrong issuer", token().wrong_issuer()),
            ("wrong type", token().wrong_type()),
            ("other algorithm", token().other_algorithm(other)),
            (
                "signed with the public key",
                token().signed_with_public_key(),
            ),
            ("unsigned", token().unsigned()),
            ("critical", token().critical()),
            ("tampered", token().tampered()),
            ("too long", token().too_long()),
            ("no exp", token().without("exp")),
            ("no iat", token().without("iat")),
            ("no sub", token().without("sub")),
            ("no aud", token().without("aud")),
            ("no iss", token().without("iss")),
            ("no jti", token().without("jti")),
        ] {
            all.push((name, token.build()));
        }
        all.push(("not a token", "not.a.token".to_owned()));
        all
    }
}
