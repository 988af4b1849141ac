//! Keys that OpenSSL made, in the files that OpenSSL writes.

use passgate_auth::jwt::{Algorithm, KeyError, KeySet, Kid, SigningKey, VerifyingKey};
use secrecy::SecretString;

use crate::forge::{self, Forger};

/// `openssl genpkey -algorithm ...`, and `openssl pkey -pubout` of the same.
fn pair(algorithm: Algorithm) -> (&'static str, &'static str) {
    macro_rules! files {
        ($name:literal) => {
            (
                include_str!(concat!("../data/", $name, ".pem")),
                include_str!(concat!("../data/", $name, ".pub.pem")),
            )
        };
    }
    match algorithm {
        Algorithm::EdDsa => files!("ed25519"),
        Algorithm::Es256 => files!("p256"),
        Algorithm::Es384 => files!("p384"),
        _ => files!("rsa2048"),
    }
}

#[test]
fn a_key_that_openssl_made_signs_what_its_public_file_verifies() {
    for alg in Algorithm::ALL {
        let (private, public) = pair(alg);
        let key = SigningKey::from_pem(alg, &SecretString::from(private)).unwrap();
        let public = VerifyingKey::from_pem(key.kid().clone(), alg, public).unwrap();
        let forger = Forger { key, alg };
        let verifier = forge::verifier(KeySet::new([public]));
        assert!(verifier.verify_now(&forger.control()).is_ok(), "{alg}");
        let other = Forger::new(alg);
        let header = forger.header().to_string();
        let attack = other.sign(&header, &forge::claims().to_string());
        assert!(verifier.verify_now(&attack).is_err(), "{alg}");
    }
}

#[test]
fn a_file_is_for_algorithms_of_its_own_kind_only() {
    let kid = Kid::parse("k").unwrap();
    let file = |alg: Algorithm| pair(alg).1;
    for alg in Algorithm::ALL {
        for other in Algorithm::ALL {
            let read = VerifyingKey::from_pem(kid.clone(), other, file(alg));
            if file(alg) == file(other) {
                assert_eq!(read.unwrap().algorithm(), Some(other));
            } else {
                assert_eq!(read.unwrap_err(), KeyError::NotSpki(other), "{alg} {other}");
            }
        }
    }
}

#[test]
fn a_key_shows_its_name_and_its_algorithm_only() {
    let kid = Kid::parse("k1").unwrap();
    let key = VerifyingKey::from_pem(kid, Algorithm::Ps384, pair(Algorithm::Ps384).1).unwrap();
    let shown = format!("{key:?}");
    assert!(shown.contains("k1") && shown.contains("Ps384"), "{shown}");
    assert!(shown.len() < 100, "{shown}");
}

#[test]
fn a_key_reads_back_from_the_public_json_of_the_private_one() {
    for alg in [Algorithm::EdDsa, Algorithm::Es256] {
        let forger = Forger::new(alg);
        let key = VerifyingKey::from_jwk(&forger.key.public_jwk()).unwrap();
        assert_eq!((key.kid(), key.algorithm()), (forger.key.kid(), Some(alg)));
        let verifier = forge::verifier(KeySet::new([key]));
        assert!(verifier.verify_now(&forger.control()).is_ok());
    }
    for bad in ["", "[]", "7", r#"{"kid":"a"}"#] {
        assert!(VerifyingKey::from_jwk(bad).is_err(), "{bad}");
    }
}

#[test]
fn neither_a_private_key_nor_a_cut_one_is_a_public_key() {
    let kid = || Kid::parse("k").unwrap();
    for alg in Algorithm::ALL {
        let (private, public) = pair(alg);
        let read = VerifyingKey::from_pem(kid(), alg, private);
        assert_eq!(read.unwrap_err(), KeyError::NotPem("PUBLIC KEY"));
        let lines: Vec<&str> = public.lines().collect();
        for cut in 1..lines.len() - 1 {
            let mut rest = lines.clone();
            rest.remove(cut);
            assert!(VerifyingKey::from_pem(kid(), alg, &rest.join("\n")).is_err());
        }
    }
    let short = include_str!("../data/rsa1024.pub.pem");
    let read = VerifyingKey::from_pem(kid(), Algorithm::Rs256, short);
    assert_eq!(read.unwrap_err(), KeyError::Member("n"));
}
