//! Ten thousand tokens of keys that do not exist. Alone in its binary, since it measures.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg(all(feature = "jwks-http", feature = "test-util"))]

#[path = "../remote_jwks/server.rs"]
#[expect(dead_code, reason = "it can answer in more ways than are wanted here")]
mod server;

use std::time::{Duration, Instant};

use passgate_auth::jwt::{Audience, IssuerId, NoExtra, RemoteJwks, Verifier, VerifyError};
use passgate_auth::test_util::TestIssuer;

use crate::server::{Answer, Server};

/// How long the server takes to answer: whoever waits for it stands out.
const SLOW: Duration = Duration::from_millis(500);

/// How long verifying a token of a known key takes, in order.
async fn samples(verifier: &Verifier<NoExtra>, token: &str, count: usize) -> Vec<Duration> {
    let mut all = Vec::new();
    for _ in 0..count {
        let began = Instant::now();
        assert!(verifier.verify(token).await.is_ok());
        all.push(began.elapsed());
        tokio::task::yield_now().await;
    }
    all.sort_unstable();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_unknown_keys_makes_one_fetch_and_known_ones_never_wait() {
    let issuer = TestIssuer::new("https://id.test", "orders");
    let body = issuer.key_ring().jwks().body().to_owned();
    let server = Server::start(Answer::Json(body.clone(), ""));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    let verifier: Verifier<NoExtra> = Verifier::new(
        IssuerId::parse("https://id.test").unwrap(),
        Audience::parse("orders").unwrap(),
        keys,
    );
    let good = issuer.token("matt").build();
    samples(&verifier, &good, 500).await;
    let calm = samples(&verifier, &good, 2000).await;

    let tokens: Vec<String> = (0..10_000)
        .map(|i| {
            issuer
                .token("eve")
                .header("kid", format!("random-{i}"))
                .build()
        })
        .collect();
    server.set(Answer::Late(body, SLOW));
    let began = Instant::now();
    let flood: Vec<_> = tokens
        .into_iter()
        .map(|token| {
            let verifier = verifier.clone();
            tokio::spawn(async move { verifier.verify(&token).await.map(drop) })
        })
        .collect();
    let flooded = samples(&verifier, &good, 2000).await;
    for refused in flood {
        assert_eq!(refused.await.unwrap(), Err(VerifyError::UnknownKey));
    }
    let took = began.elapsed();
    assert_eq!(
        server.asked(),
        2,
        "one fetch at the start, one for the flood"
    );

    let p99 = |sorted: &[Duration]| sorted[sorted.len() * 99 / 100];
    let ratio = p99(&flooded).as_secs_f64() / p99(&calm).as_secs_f64();
    println!(
        "10,000 unknown kids in {took:?}: 1 fetch; known kid p99 {:?} calm, {:?} flooded, ratio {ratio:.2}",
        p99(&calm),
        p99(&flooded)
    );
    assert!(
        *flooded.last().unwrap() < SLOW,
        "a known key waited for the fetch"
    );
}
