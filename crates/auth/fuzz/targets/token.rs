//! Any text as a token, to a verifier with a key of each kind. Nothing may pass but the tokens
//! that the keys did sign, character by character.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use passgate_auth::jwt::{
    Algorithm, Audience, IssuerId, KeySet, Kid, NoExtra, Verifier, VerifyingKey,
};
use passgate_auth::test_util::FixedClock;
use time::OffsetDateTime;

const SIGNED: [&str; 3] = [
    include_str!("../seeds/token/eddsa"),
    include_str!("../seeds/token/es256"),
    include_str!("../seeds/token/rs256"),
];

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let key = |kid, algorithm, pem| {
        VerifyingKey::from_pem(Kid::parse(kid).unwrap(), algorithm, pem).unwrap()
    };
    let keys = KeySet::new([
        key(
            "ed",
            Algorithm::EdDsa,
            include_str!("../../tests/data/ed25519.pub.pem"),
        ),
        key(
            "ec",
            Algorithm::Es256,
            include_str!("../../tests/data/p256.pub.pem"),
        ),
        key(
            "rsa",
            Algorithm::Rs256,
            include_str!("../../tests/data/rsa2048.pub.pem"),
        ),
    ]);
    // A minute after the tokens were made.
    let now = OffsetDateTime::from_unix_timestamp(1_800_000_060).unwrap();
    Verifier::<NoExtra>::builder(
        IssuerId::parse("https://id.example").unwrap(),
        Audience::parse("api").unwrap(),
        keys,
    )
    .clock(Arc::new(FixedClock::at(now)))
    .build()
});

fuzz_target!(|token: &str| {
    let passed = VERIFIER.verify_now(token).is_ok();
    assert_eq!(passed, SIGNED.contains(&token));
});
