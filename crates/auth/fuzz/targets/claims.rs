//! Any header and any claims, signed by the key that the verifier has: what is behind the
//! signature. The input is the header, a line feed, and the claims.
#![no_main]

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use passgate_auth::jwt::{Audience, IssuerId, SharedSecret, Verifier};
use passgate_auth::test_util::FixedClock;
use secrecy::SecretString;
use serde_json::{Map, Value};
use sha2::Sha256;
use time::{Duration, OffsetDateTime};

const SECRET: &str = "a secret for nothing but the fuzzer";

static NOW: LazyLock<OffsetDateTime> =
    LazyLock::new(|| OffsetDateTime::from_unix_timestamp(1_800_000_060).unwrap());

/// The application's own claims are anything, to read every payload to its end.
static VERIFIER: LazyLock<Verifier<Map<String, Value>>> = LazyLock::new(|| {
    let secret = SharedSecret::parse(&SecretString::from(SECRET)).unwrap();
    Verifier::builder(
        IssuerId::parse("https://id.example").unwrap(),
        Audience::parse("api").unwrap(),
        secret,
    )
    .clock(Arc::new(FixedClock::at(*NOW)))
    .build()
});

/// The secret's name is derived from it; the seeds say `KID`.
static KID: LazyLock<String> = LazyLock::new(|| {
    let secret = SharedSecret::parse(&SecretString::from(SECRET)).unwrap();
    secret.kid().as_str().to_owned()
});

fuzz_target!(|input: &[u8]| {
    let Some(split) = input.iter().position(|byte| *byte == b'\n') else {
        return;
    };
    let (header, claims) = input.split_at(split);
    let header = String::from_utf8_lossy(header).replace("KID", &KID);
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(&claims[1..])
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    let tag = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    let Ok(verified) = VERIFIER.verify_now(&format!("{signed}.{tag}")) else {
        return;
    };
    let life = verified.expires_at() - verified.issued_at();
    assert!(life.is_positive() && life <= Duration::DAY);
    assert!(verified.expires_at() > *NOW - Duration::seconds(30));
    assert!(verified.issued_at() <= *NOW + Duration::seconds(30));
    assert!(!verified.subject().as_str().is_empty());
});
