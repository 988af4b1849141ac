//! One key has one algorithm, whatever a header says.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{Algorithm as Alg, EncodingKey};
use passgate_auth::jwt::{
    Algorithm, Audience, Issuer, IssuerId, KeyRing, SigningKey, Subject, Ttl, Verifier, VerifyError,
};
use passgate_domain::testing::ManualClock;
use serde_json::{Value, json};

use crate::forge::{self, AUDIENCE, Forger, ISSUER, NOW, SECRET};

/// Every algorithm that a verifier can be for, with everything that an attacker knows of its key.
struct Target {
    alg: &'static str,
    kid: String,
    verifier: Verifier,
    public: Vec<Vec<u8>>,
}

fn targets() -> Vec<Target> {
    let mut targets: Vec<Target> = Algorithm::ALL
        .into_iter()
        .map(|alg| {
            let forger = Forger::new(alg);
            let jwk = forger.key.public_jwk();
            let value: Value = serde_json::from_str(&jwk).unwrap();
            let mut public = vec![jwk.into_bytes(), forger.key.kid().as_str().into()];
            for member in ["x", "y", "n"] {
                if let Some(text) = value[member].as_str() {
                    use base64::Engine;
                    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text);
                    public.push(bytes.unwrap());
                    public.push(text.into());
                }
            }
            Target {
                alg: alg.as_str(),
                kid: forger.key.kid().to_string(),
                verifier: forger.verifier(),
                public,
            }
        })
        .collect();
    let secret = forge::shared_secret();
    targets.push(Target {
        alg: "HS256",
        kid: secret.kid().to_string(),
        verifier: forge::verifier(secret),
        public: Vec::new(),
    });
    targets
}

/// A key of the attacker's for each algorithm.
fn attackers() -> Vec<Forger> {
    Algorithm::ALL.into_iter().map(Forger::new).collect()
}

/// A token with `alg` and the target's `kid` in its header, really signed with `alg` by a key of
/// the attacker's.
fn attack(attackers: &[Forger], alg: &str, kid: &str) -> Vec<String> {
    let header = json!({"alg": alg, "kid": kid, "typ": "at+jwt"}).to_string();
    let claims = forge::claims().to_string();
    match alg.parse::<Algorithm>() {
        Ok(own) => attackers
            .iter()
            .filter(|attacker| attacker.alg == own)
            .map(|attacker| attacker.sign(&header, &claims))
            .collect(),
        Err(_) => [&b""[..], b"guess", &[0; 32]]
            .iter()
            .map(|secret| forge::sign_hs256(secret, &header, &claims))
            .collect(),
    }
}

#[test]
fn between_every_pair_of_algorithms_a_token_is_refused() {
    let attackers = attackers();
    let names = Algorithm::ALL.into_iter().map(Algorithm::as_str);
    for target in targets() {
        for alg in names.clone().chain(["HS256"]) {
            let tokens = attack(&attackers, alg, &target.kid);
            assert!(!tokens.is_empty());
            for token in tokens {
                let expected = if alg == target.alg {
                    VerifyError::BadSignature
                } else {
                    VerifyError::AlgorithmMismatch
                };
                let error = target.verifier.verify_now(&token).unwrap_err();
                assert_eq!(error, expected, "{alg} at a verifier for {}", target.alg);
            }
        }
    }
}

/// The header tells the truth about the key, and the signature is another algorithm's.
#[test]
fn a_signature_of_another_algorithm_under_the_keys_own_name_is_refused() {
    let attackers = attackers();
    for target in targets() {
        let header = json!({"alg": target.alg, "kid": target.kid, "typ": "at+jwt"}).to_string();
        let claims = forge::claims().to_string();
        for attacker in &attackers {
            let token = attacker.sign(&header, &claims);
            let error = target.verifier.verify_now(&token).unwrap_err();
            let (alg, at) = (attacker.alg, target.alg);
            assert_eq!(error, VerifyError::BadSignature, "{alg} as {at}");
        }
        let token = forge::sign_hs256(b"", &header, &claims);
        let error = target.verifier.verify_now(&token).unwrap_err();
        assert_eq!(error, VerifyError::BadSignature, "HS256 as {}", target.alg);
    }
}

/// CVE-2015-9235: the public key, in any spelling, taken for the secret of HS256.
#[test]
fn a_public_key_is_never_a_shared_secret() {
    for target in targets() {
        for secret in &target.public {
            for alg in ["HS256", target.alg] {
                let header = json!({"alg": alg, "kid": target.kid, "typ": "at+jwt"}).to_string();
                let token = forge::sign_hs256(secret, &header, &forge::claims().to_string());
                assert!(
                    target.verifier.verify_now(&token).is_err(),
                    "{alg} {}",
                    target.alg
                );
            }
        }
    }
}

#[test]
fn no_signature_at_all_is_refused() {
    for target in targets() {
        for alg in ["none", "None", "NONE", "nOnE", "", target.alg] {
            let header = json!({"alg": alg, "kid": target.kid, "typ": "at+jwt"}).to_string();
            let signed = forge::sign_hs256(b"x", &header, &forge::claims().to_string());
            let (message, _) = signed.rsplit_once('.').unwrap();
            let token = format!("{message}.");
            assert!(
                target.verifier.verify_now(&token).is_err(),
                "{alg} {}",
                target.alg
            );
        }
    }
}

#[test]
fn hs256_with_the_right_secret_is_accepted_by_its_own_verifier_only() {
    let secret = forge::shared_secret();
    let header = json!({"alg": "HS256", "kid": secret.kid().as_str(), "typ": "at+jwt"});
    let claims = forge::claims().to_string();
    let token = forge::sign_hs256(SECRET.as_bytes(), &header.to_string(), &claims);
    assert!(forge::verifier(secret).verify_now(&token).is_ok());
    for alg in Algorithm::ALL {
        let error = Forger::new(alg).verify(&token).unwrap_err();
        assert_eq!(error, VerifyError::UnknownKey, "{alg}");
    }
}

#[test]
fn what_is_issued_with_a_secret_is_verified_with_it() {
    let secret = forge::shared_secret();
    let issuer = Issuer::new(
        IssuerId::parse(ISSUER).unwrap(),
        secret.clone(),
        Ttl::try_new(Duration::from_mins(25)).unwrap(),
        Arc::new(ManualClock::at(NOW)),
    );
    let (subject, audience) = (
        Subject::parse("matt").unwrap(),
        Audience::parse(AUDIENCE).unwrap(),
    );
    let token = issuer.access(&subject, &audience).sign().unwrap();
    let verified = forge::verifier(secret).verify_now(token.as_str()).unwrap();
    assert_eq!(verified.subject(), &subject);
}

#[test]
fn stronger_relatives_of_the_keys_algorithm_are_refused_too() {
    let forger = Forger::new(Algorithm::Rs256);
    // The same numbers, under the same kid, for another algorithm.
    for alg in [Algorithm::Rs512, Algorithm::Ps256] {
        let key = SigningKey::from_pkcs8_der(alg, &forger.key.to_pkcs8_der()).unwrap();
        assert_eq!(key.kid(), forger.key.kid());
        let token = Forger { key, alg }.control();
        let error = forger.verify(&token).unwrap_err();
        assert_eq!(error, VerifyError::AlgorithmMismatch, "{alg}");
    }

    let secret = forge::shared_secret();
    let header = json!({"alg": "HS512", "kid": secret.kid().as_str(), "typ": "at+jwt"});
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = forge::sign_with(
        Alg::HS512,
        &key,
        &header.to_string(),
        &forge::claims().to_string(),
    );
    let error = forge::verifier(secret).verify_now(&token).unwrap_err();
    assert_eq!(error, VerifyError::AlgorithmMismatch);
}

#[test]
fn in_a_ring_of_several_algorithms_each_kid_keeps_its_own() {
    let (ed, rsa) = (Forger::new(Algorithm::EdDsa), Forger::new(Algorithm::Rs256));
    let active = SigningKey::from_pkcs8_der(Algorithm::EdDsa, &ed.key.to_pkcs8_der()).unwrap();
    let verifier = forge::verifier(KeyRing::with_published(
        active,
        vec![rsa.key.verifying_key()],
    ));
    assert!(verifier.verify_now(&ed.control()).is_ok());
    assert!(verifier.verify_now(&rsa.control()).is_ok());
    let swapped = ed.with_header(|header| header["kid"] = json!(rsa.key.kid().as_str()));
    assert_eq!(
        verifier.verify_now(&swapped).unwrap_err(),
        VerifyError::AlgorithmMismatch
    );
}
