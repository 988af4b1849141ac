//! How long it takes to verify a token: ours against raw `jsonwebtoken` 11 with the same
//! provider, `jwt-simple` and `jwt-authorizer`, each through its public API, the same token.
//!
//! Contenders take turns within each round, so that a noisy machine hits all of them alike; what
//! is printed is the median over the rounds, and the median of each round's ratio to raw.

use std::hint::black_box;
use std::time::{Duration, Instant};

use jsonwebtoken::{DecodingKey, Validation};
use jwt_simple::prelude as simple;
use jwt_simple::prelude::{EdDSAPublicKeyLike, MACLike};
use jwt_simple::reexports::ct_codecs::Decoder;
use passgate_auth::domain::{ScopeSet, SystemClock};
use passgate_auth::jwt::{
    Algorithm, Audience, Issuer, IssuerId, KeyRing, KeySource, SharedSecret, SigningKey, Subject,
    Ttl, Verifier,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "orders";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const ROUNDS: usize = 41;
const ROUND: Duration = Duration::from_millis(20);

/// The application's claims, which all contenders read.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Extra {
    tenant: String,
    user_id: u64,
}

/// What raw `jsonwebtoken` reads: the claims that ours checks and keeps.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "read, as a service would, and not used here")]
struct RawClaims {
    iss: String,
    sub: String,
    aud: String,
    exp: u64,
    iat: u64,
    jti: String,
    scope: String,
    tenant: String,
    user_id: u64,
}

struct Contender<'a> {
    name: &'static str,
    verify: Box<dyn Fn() + 'a>,
}

fn contender<'a>(name: &'static str, verify: impl Fn() + 'a) -> Contender<'a> {
    Contender {
        name,
        verify: Box::new(verify),
    }
}

/// Seconds a call, over one round.
fn measure(verify: &dyn Fn()) -> f64 {
    let began = Instant::now();
    let mut calls = 0_u32;
    while began.elapsed() < ROUND {
        for _ in 0..16 {
            verify();
        }
        calls += 16;
    }
    began.elapsed().as_secs_f64() / f64::from(calls)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Prints a line a contender; the second is raw `jsonwebtoken`. Gives the ratio of the first.
fn compare(title: &str, contenders: &[Contender<'_>]) -> f64 {
    let mut rounds = vec![Vec::new(); contenders.len()];
    for round in 0..=ROUNDS {
        for (times, contender) in rounds.iter_mut().zip(contenders) {
            let time = measure(&*contender.verify);
            // The first round warms up.
            if round > 0 {
                times.push(time);
            }
        }
    }
    println!("\n{title}");
    let ratios: Vec<f64> = rounds
        .iter()
        .map(|times| {
            median(
                times
                    .iter()
                    .zip(&rounds[1])
                    .map(|(own, raw)| own / raw)
                    .collect(),
            )
        })
        .collect();
    for ((contender, times), ratio) in contenders.iter().zip(&rounds).zip(&ratios) {
        let micros = median(times.clone()) * 1e6;
        println!(
            "  {:<28} {micros:>8.2} us   {ratio:>5.2} of raw",
            contender.name
        );
    }
    ratios[0]
}

fn token(signer: impl Into<passgate_auth::jwt::Signer>) -> String {
    let issuer = Issuer::new(
        IssuerId::parse(ISSUER).unwrap(),
        signer,
        Ttl::try_new(Duration::from_secs(1500)).unwrap(),
        std::sync::Arc::new(SystemClock),
    );
    let scope = ScopeSet::parse("orders:read orders:write profile").unwrap();
    let extra = Extra {
        tenant: "acme".to_owned(),
        user_id: 4711,
    };
    let subject = Subject::parse("matt").unwrap();
    let audience = Audience::parse(AUDIENCE).unwrap();
    let mint = issuer.access(&subject, &audience).scope(&scope);
    mint.extra(&extra).sign().unwrap().as_str().to_owned()
}

fn ours(keys: impl KeySource, cached: bool) -> Verifier<Extra> {
    let issuer = IssuerId::parse(ISSUER).unwrap();
    let builder = Verifier::builder(issuer, Audience::parse(AUDIENCE).unwrap(), keys);
    if cached { builder.cache(1024) } else { builder }.build()
}

fn raw_rules(algorithm: jsonwebtoken::Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.validate_nbf = true;
    rules
}

fn simple_rules() -> simple::VerificationOptions {
    simple::VerificationOptions {
        allowed_issuers: Some([ISSUER.to_owned()].into()),
        allowed_audiences: Some([AUDIENCE.to_owned()].into()),
        ..Default::default()
    }
}

fn authorizer_rules() -> jwt_authorizer::Validation {
    jwt_authorizer::Validation::new()
        .iss(&[ISSUER])
        .aud(&[AUDIENCE])
        .nbf(true)
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();

    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let jwk: serde_json::Value = serde_json::from_str(&key.public_jwk()).unwrap();
    let x = jwk["x"].as_str().unwrap().to_owned();
    let ring = KeyRing::new(key);
    let jwks = ring.jwks().body().to_owned();
    let eddsa = token(ring.clone());
    let (plain, cached) = (ours(ring.clone(), false), ours(ring, true));
    let raw_key = DecodingKey::from_ed_components(&x).unwrap();
    let raw = raw_rules(jsonwebtoken::Algorithm::EdDSA);
    let simple_key = {
        let pad = simple::Base64UrlSafeNoPadding::decode_to_vec(&x, None).unwrap();
        simple::Ed25519PublicKey::from_bytes(&pad).unwrap()
    };
    let authorizer: jwt_authorizer::Authorizer<Extra> = runtime
        .block_on(
            jwt_authorizer::JwtAuthorizer::from_jwks_text(&jwks)
                .validation(authorizer_rules())
                .build(),
        )
        .unwrap();
    println!("token: {} bytes", eddsa.len());
    let eddsa_ratio = compare(
        "EdDSA",
        &[
            contender("passgate-auth", || {
                black_box(plain.verify_now(black_box(&eddsa)).unwrap());
            }),
            contender("jsonwebtoken 11, raw", || {
                black_box(
                    jsonwebtoken::decode::<RawClaims>(black_box(&eddsa), &raw_key, &raw).unwrap(),
                );
            }),
            contender("jwt-simple 0.15", || {
                let rules = Some(simple_rules());
                black_box(
                    simple_key
                        .verify_token::<Extra>(black_box(&eddsa), rules)
                        .unwrap(),
                );
            }),
            contender("jwt-authorizer 0.15", || {
                let checked = authorizer.check_auth(black_box(&eddsa));
                black_box(runtime.block_on(checked).unwrap());
            }),
        ],
    );

    let secret = SharedSecret::parse(&SecretString::from(SECRET)).unwrap();
    let hs256 = token(secret.clone());
    let verifier = ours(secret, false);
    let raw_key = DecodingKey::from_secret(SECRET.as_bytes());
    let raw = raw_rules(jsonwebtoken::Algorithm::HS256);
    let simple_key = simple::HS256Key::from_bytes(SECRET.as_bytes());
    let authorizer: jwt_authorizer::Authorizer<Extra> = runtime
        .block_on(
            jwt_authorizer::JwtAuthorizer::from_secret(SECRET)
                .validation(authorizer_rules())
                .build(),
        )
        .unwrap();
    let hs256_ratio = compare(
        "HS256",
        &[
            contender("passgate-auth", || {
                black_box(verifier.verify_now(black_box(&hs256)).unwrap());
            }),
            contender("jsonwebtoken 11, raw", || {
                black_box(
                    jsonwebtoken::decode::<RawClaims>(black_box(&hs256), &raw_key, &raw).unwrap(),
                );
            }),
            contender("jwt-simple 0.15", || {
                let rules = Some(simple_rules());
                black_box(
                    simple_key
                        .verify_token::<Extra>(black_box(&hs256), rules)
                        .unwrap(),
                );
            }),
            contender("jwt-authorizer 0.15", || {
                let checked = authorizer.check_auth(black_box(&hs256));
                black_box(runtime.block_on(checked).unwrap());
            }),
        ],
    );

    let again = || {
        black_box(cached.verify_now(black_box(&eddsa)).unwrap());
    };
    let hit = median((0..ROUNDS).map(|_| measure(&again) * 1e6).collect());
    println!("\nEdDSA, out of the cache: {hit:.2} us");

    let held = [
        ("EdDSA at most 1.05 of raw", eddsa_ratio <= 1.05),
        ("HS256 faster than raw", hs256_ratio < 1.0),
        ("out of the cache at most 1.0 us", hit <= 1.0),
    ];
    println!();
    for (what, is_so) in held {
        println!("{} {what}", if is_so { "held  " } else { "MISSED" });
    }
    if held.iter().any(|(_, is_so)| !is_so) {
        std::process::exit(1);
    }
}
