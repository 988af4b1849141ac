//! How keys are kept fresh, in time that is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use passgate_auth::jwt::{KeySource, NoExtra, RemoteJwks, Verifier, VerifyError};
use passgate_auth::test_util::TestIssuer;

use crate::log::Log;
use crate::server::{Answer, Server};
use crate::time::{Paused, until};

const ISSUER: &str = "https://id.test";

fn issuer() -> TestIssuer {
    TestIssuer::new(ISSUER, "orders")
}

fn jwks(issuers: &[&TestIssuer]) -> String {
    let keys = issuers.iter().map(|issuer| {
        let body = issuer.key_ring().jwks().body().to_owned();
        let inner = body.strip_prefix("{\"keys\":[").unwrap();
        inner.strip_suffix("]}").unwrap().to_owned()
    });
    format!("{{\"keys\":[{}]}}", keys.collect::<Vec<_>>().join(","))
}

fn json(issuers: &[&TestIssuer]) -> Answer {
    Answer::Json(jwks(issuers), "")
}

fn verifier(keys: &RemoteJwks) -> Verifier<NoExtra> {
    Verifier::new(
        passgate_auth::jwt::IssuerId::parse(ISSUER).unwrap(),
        passgate_auth::jwt::Audience::parse("orders").unwrap(),
        keys.clone(),
    )
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_again_every_ten_minutes() {
    let time = Paused::start();
    let (old, new) = (issuer(), issuer());
    let server = Server::start(json(&[&old]));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    server.set(json(&[&new]));
    time.advance(Duration::from_mins(9)).await;
    assert_eq!(server.asked(), 1);
    time.advance(Duration::from_mins(1)).await;
    until(|| server.asked() == 2 && keys.status().age == Some(Duration::ZERO)).await;
    // A key that is gone from the set verifies nothing.
    let verifier = verifier(&keys);
    until(|| verifier.verify_now(&new.token("matt").build()).is_ok()).await;
    let error = verifier.verify_now(&old.token("matt").build()).unwrap_err();
    assert_eq!(error, VerifyError::UnknownKey);
}

#[tokio::test(start_paused = true)]
async fn an_issuers_cache_control_says_when() {
    let time = Paused::start();
    let answer = Answer::Json(jwks(&[&issuer()]), "cache-control: max-age=1800\r\n");
    let server = Server::start(answer);
    let _keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    time.advance(Duration::from_secs(1799)).await;
    assert_eq!(server.asked(), 1);
    time.advance(Duration::from_secs(1)).await;
    until(|| server.asked() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_says_of_keys_that_did_not_change_counts_too() {
    let time = Paused::start();
    let issuer = issuer();
    let server = Server::start(json(&[&issuer]));
    let builder = RemoteJwks::builder(&server.url()).serve_stale_for(Duration::ZERO);
    let keys = builder.start().await.unwrap();
    let verifier = verifier(&keys);
    let half_an_hour = "cache-control: max-age=1800\r\n";
    server.set(Answer::Json(jwks(&[&issuer]), half_an_hour));
    time.advance(Duration::from_mins(10)).await;
    until(|| keys.status().age == Some(Duration::ZERO)).await;
    time.jump(Duration::from_mins(30)).await;
    assert!(verifier.verify_now(&issuer.token("matt").build()).is_ok());
}

#[tokio::test(start_paused = true)]
async fn keys_that_did_not_change_stay_the_same_snapshot() {
    let time = Paused::start();
    let issuer = issuer();
    for answer in [json(&[&issuer]), Answer::Tagged(jwks(&[&issuer]), "\"v1\"")] {
        let server = Server::start(answer);
        let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
        let builder = Verifier::<NoExtra>::builder(
            passgate_auth::jwt::IssuerId::parse(ISSUER).unwrap(),
            passgate_auth::jwt::Audience::parse("orders").unwrap(),
            keys.clone(),
        );
        #[cfg(feature = "token-cache")]
        let builder = builder.cache(8);
        let verifier = builder.build();
        let token = issuer.token("matt").build();
        let before = verifier.verify_now(&token).unwrap().subject().clone();
        time.advance(Duration::from_mins(10)).await;
        until(|| server.asked() == 2 && keys.status().age == Some(Duration::ZERO)).await;
        let after = verifier.verify_now(&token).unwrap().subject().clone();
        let kept = std::ptr::eq(before.as_str(), after.as_str());
        assert_eq!(kept, cfg!(feature = "token-cache"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_for_an_hour_is_not_noticed_by_tokens_of_known_keys() {
    let time = Paused::start();
    let issuer = issuer();
    let server = Server::start(json(&[&issuer]));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    let verifier = verifier(&keys);
    server.set(Answer::Close);
    let unknown = TestIssuer::new(ISSUER, "orders");
    for minute in 1..=60 {
        time.advance(Duration::from_mins(1)).await;
        let good = issuer.token("matt").build();
        assert!(verifier.verify(&good).await.is_ok(), "minute {minute}");
        let error = verifier.verify(&unknown.token("eve").build()).await;
        // Before the first fetch that fails, the set is as good as new.
        if minute > 10 {
            assert_eq!(error.unwrap_err().status(), 503, "minute {minute}");
        }
    }
    assert!(keys.status().error.is_some());
    // It is back: the next attempt, a minute later at most, finds it.
    server.set(json(&[&issuer, &unknown]));
    time.advance(Duration::from_mins(1)).await;
    until(|| keys.status().error.is_none()).await;
    let token = unknown.token("matt").build();
    assert!(verifier.verify(&token).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_down_is_asked_less_and_less_often() {
    let time = Paused::start();
    let server = Server::start(Answer::Status(500));
    let keys = RemoteJwks::builder(&server.url()).start_lazy().unwrap();
    let mut last = None;
    for (asked, wait) in (1..).zip([1, 2, 4, 8, 16, 32, 60, 60]) {
        // Another failure than the last: the next wait has begun.
        until(|| {
            let failure = keys.status().error;
            failure.as_ref().map(Arc::as_ptr) != last.as_ref().map(Arc::as_ptr)
        })
        .await;
        last = keys.status().error;
        time.advance(Duration::from_millis(wait * 1000 - 1)).await;
        assert_eq!(server.asked(), asked, "before {wait} s");
        time.jump(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_confirmed_for_a_day_are_used_no_more() {
    let time = Paused::start();
    let issuer = issuer();
    let server = Server::start(json(&[&issuer]));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    let verifier = verifier(&keys);
    server.set(Answer::Status(500));
    let token = issuer.token("matt").build();
    // Ten minutes until they were to be confirmed, five seconds for that, and a day.
    time.jump(Duration::from_hours(24) + Duration::from_secs(605))
        .await;
    assert!(verifier.verify_now(&token).is_ok());
    time.jump(Duration::from_secs(1)).await;
    let error = verifier.verify_now(&token).unwrap_err();
    assert_eq!(error, VerifyError::KeysUnavailable);
    assert_eq!(verifier.verify(&token).await.unwrap_err().status(), 503);
    assert_eq!(keys.status().keys, 0);
}

#[tokio::test(start_paused = true)]
async fn of_an_issuer_that_is_well_no_key_is_ever_stale() {
    let time = Paused::start();
    let issuer = issuer();
    let second = Duration::from_secs(1);
    for stale in [Duration::ZERO, 5 * 60 * second, Duration::MAX] {
        let server = Server::start(json(&[&issuer]));
        let builder = RemoteJwks::builder(&server.url()).serve_stale_for(stale);
        let keys = builder.start().await.unwrap();
        let verifier = verifier(&keys);
        for round in 1..4 {
            let token = issuer.token("matt").build();
            time.jump(599 * second).await;
            assert!(verifier.verify_now(&token).is_ok(), "{stale:?}, {round}");
            server.set(Answer::Late(jwks(&[&issuer]), Duration::from_millis(50)));
            time.jump(second).await;
            assert!(verifier.verify_now(&token).is_ok(), "{stale:?}, {round}");
            until(|| keys.status().age == Some(Duration::ZERO)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_not_to_be_stale_are_used_for_as_long_as_a_fetch_may_take() {
    let time = Paused::start();
    let issuer = issuer();
    let second = Duration::from_secs(1);
    let server = Server::start(json(&[&issuer]));
    let keys = RemoteJwks::builder(&server.url())
        .refresh_every(60 * second)
        .timeout(3 * second)
        .serve_stale_for(2 * second)
        .start()
        .await
        .unwrap();
    let verifier = verifier(&keys);
    let token = issuer.token("matt").build();
    server.set(Answer::Status(500));
    time.jump(65 * second).await;
    until(|| keys.status().error.is_some()).await;
    assert!(verifier.verify_now(&token).is_ok());
    time.jump(Duration::from_millis(1)).await;
    let error = verifier.verify_now(&token).unwrap_err();
    assert_eq!(error, VerifyError::KeysUnavailable);
    // It is back, and so are they.
    server.set(json(&[&issuer]));
    time.advance(Duration::from_mins(1)).await;
    until(|| verifier.verify_now(&token).is_ok()).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_set_counts() {
    let time = Paused::start();
    let second = Duration::from_secs(1);
    let (old, new, newer) = (issuer(), issuer(), issuer());
    let server = Server::start(json(&[&old]));
    let body = jwks(&[&old, &new]);
    let keys = RemoteJwks::builder(&server.url())
        .refresh_every(1000 * second)
        .unknown_kid_cooldown(5 * second)
        .max_body(body.len())
        .start()
        .await
        .unwrap();
    let verifier = verifier(&keys);
    server.set(Answer::Json(body, ""));
    let unknown = newer.token("matt").build();
    assert!(verifier.verify(&new.token("matt").build()).await.is_ok());
    assert_eq!(server.asked(), 2);
    time.jump(4 * second).await;
    let error = verifier.verify(&unknown).await.unwrap_err();
    assert_eq!((error, server.asked()), (VerifyError::UnknownKey, 2));
    // One byte too many, and nobody knows any more which keys there are.
    server.set(Answer::Json(format!("{} ", jwks(&[&old, &newer])), ""));
    time.jump(second).await;
    let error = verifier.verify(&unknown).await.unwrap_err();
    assert_eq!((error, server.asked()), (VerifyError::KeysUnavailable, 3));
    server.set(json(&[&old, &new]));
    time.advance(second).await;
    until(|| server.asked() == 4 && keys.status().error.is_none()).await;
    time.advance(999 * second).await;
    assert_eq!(server.asked(), 4);
    time.advance(second).await;
    until(|| server.asked() == 5).await;
}

#[tokio::test(start_paused = true)]
async fn while_the_last_fetch_failed_an_unknown_key_is_a_503_without_waiting_too() {
    let time = Paused::start();
    let (issuer, unknown) = (issuer(), issuer());
    let server = Server::start(json(&[&issuer]));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    let verifier = verifier(&keys);
    let shared = Verifier::<NoExtra>::new(
        passgate_auth::jwt::IssuerId::parse(ISSUER).unwrap(),
        passgate_auth::jwt::Audience::parse("orders").unwrap(),
        std::sync::Arc::new(keys.clone()),
    );
    let (good, bad) = (issuer.token("matt").build(), unknown.token("eve").build());
    for verifier in [&verifier, &shared] {
        let error = verifier.verify_now(&bad).unwrap_err();
        assert_eq!(error, VerifyError::UnknownKey);
    }
    server.set(Answer::Close);
    time.advance(Duration::from_mins(10)).await;
    until(|| keys.status().error.is_some()).await;
    for verifier in [&verifier, &shared] {
        assert!(verifier.verify_now(&good).is_ok());
        let error = verifier.verify_now(&bad).unwrap_err();
        assert_eq!(error, VerifyError::KeysUnavailable);
        let error = verifier.verify(&bad).await.unwrap_err();
        assert_eq!(error, VerifyError::KeysUnavailable, "in the cooldown");
    }
    server.set(json(&[&issuer]));
    time.advance(Duration::from_mins(1)).await;
    until(|| keys.status().error.is_none()).await;
    let error = verifier.verify_now(&bad).unwrap_err();
    assert_eq!(error, VerifyError::UnknownKey);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_falls_ill_is_felt_by_tokens_of_unknown_keys_only() {
    let time = Paused::start();
    let (issuer, unknown) = (issuer(), issuer());
    for ill in [
        Answer::Hang,
        Answer::Trickle,
        Answer::Big(10 << 20, true),
        Answer::Big(10 << 20, false),
        Answer::Json("<html>".to_owned(), ""),
        Answer::Json("{\"keys\":[{}]}".to_owned(), ""),
        Answer::Status(404),
    ] {
        let server = Server::start(json(&[&issuer]));
        let builder = RemoteJwks::builder(&server.url()).timeout(Duration::from_secs(1));
        let keys = builder.start().await.unwrap();
        let verifier = verifier(&keys);
        server.set(ill);
        let (good, bad) = (issuer.token("matt").build(), unknown.token("eve").build());
        let waiting = tokio::spawn({
            let verifier = verifier.clone();
            async move { verifier.verify(&bad).await.map(drop) }
        });
        until(|| server.asked() == 2).await;
        // While the fetch is under way, and after it.
        assert!(verifier.verify(&good).await.is_ok());
        time.advance(Duration::from_secs(1)).await;
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error, VerifyError::KeysUnavailable);
        assert!(verifier.verify(&good).await.is_ok());
        assert_eq!(keys.status().keys, 1);
        assert!(keys.status().error.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_by_the_first_token_and_once_in_half_a_minute() {
    let time = Paused::start();
    let (old, new, newer) = (issuer(), issuer(), issuer());
    let server = Server::start(json(&[&old]));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    let verifier = verifier(&keys);
    server.set(json(&[&old, &new]));
    assert!(verifier.verify(&new.token("matt").build()).await.is_ok());
    assert_eq!(server.asked(), 2);
    server.set(json(&[&old, &new, &newer]));
    let token = newer.token("matt").build();
    let error = verifier.verify(&token).await.unwrap_err();
    assert_eq!((error, server.asked()), (VerifyError::UnknownKey, 2));
    time.advance(Duration::from_secs(30)).await;
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(server.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn one_bad_token_again_and_again_uses_up_no_fetches() {
    let time = Paused::start();
    let (good, evil) = (issuer(), issuer());
    let server = Server::start(json(&[&good]));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    let verifier = verifier(&keys);
    let bad = evil.token("eve").build();
    for _ in 0..4 {
        let error = verifier.verify(&bad).await.unwrap_err();
        assert_eq!(error, VerifyError::UnknownKey);
        time.advance(Duration::from_mins(1)).await;
    }
    assert_eq!(server.asked(), 2);
    time.advance(Duration::from_mins(1)).await;
    assert!(verifier.verify(&bad).await.is_err());
    assert_eq!(server.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_a_server_keys_from_a_file_verify() {
    let _time = Paused::start();
    let issuer = issuer();
    let server = Server::start(Answer::Close);
    let keys = RemoteJwks::builder(&server.url())
        .bootstrap(issuer.keys())
        .start_lazy()
        .unwrap();
    let verifier = verifier(&keys);
    assert!(verifier.verify_now(&issuer.token("matt").build()).is_ok());
    until(|| keys.status().error.is_some()).await;
    assert!(verifier.verify_now(&issuer.token("matt").build()).is_ok());
    assert_eq!(keys.status().age, None, "nobody confirmed them");
}

#[tokio::test(start_paused = true)]
async fn a_lazy_start_serves_503_until_there_are_keys() {
    let time = Paused::start();
    let issuer = issuer();
    let server = Server::start(Answer::Status(503));
    let keys = RemoteJwks::builder(&server.url()).start_lazy().unwrap();
    let verifier = verifier(&keys);
    let token = issuer.token("matt").build();
    // Joins the fetch that is under way.
    let error = verifier.verify(&token).await.unwrap_err();
    assert_eq!(error, VerifyError::KeysUnavailable);
    server.set(json(&[&issuer]));
    time.advance(Duration::from_secs(1)).await;
    until(|| verifier.verify_now(&token).is_ok()).await;
}

#[tokio::test(start_paused = true)]
async fn a_set_without_usable_keys_does_not_replace_the_one_held() {
    let time = Paused::start();
    let issuer = issuer();
    let server = Server::start(json(&[&issuer]));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    for bad in [
        Answer::Json("{\"keys\":[]}".to_owned(), ""),
        Answer::Big(1 << 20, false),
    ] {
        server.set(bad);
        let asked = server.asked();
        time.advance(Duration::from_mins(10)).await;
        until(|| server.asked() > asked && keys.status().error.is_some()).await;
        assert_eq!(keys.snapshot().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_left_out_are_logged_when_they_are_others_than_before() {
    let time = Paused::start();
    let (log, _logs) = Log::start();
    let logged = || log.count("a key of the JWK Set is left out");
    let good = jwks(&[&issuer()]);
    let after = |first: &str| Answer::Json(good.replacen('[', first, 1), "");
    let server = Server::start(after("[null,"));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    assert_eq!(logged(), 1);
    for (first, times) in [("[ null,", 1), ("[null,null,", 3)] {
        server.set(after(first));
        time.advance(Duration::from_mins(10)).await;
        until(|| keys.status().age == Some(Duration::ZERO)).await;
        assert_eq!(logged(), times, "{first}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_last_clone_is_dropped_the_fetching_stops() {
    let time = Paused::start();
    let server = Server::start(json(&[&issuer()]));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    let clone = keys.clone();
    drop(keys);
    time.advance(Duration::from_mins(10)).await;
    until(|| server.asked() == 2).await;
    drop(clone);
    for _ in 0..3 {
        time.advance(Duration::from_mins(10)).await;
    }
    assert_eq!(server.asked(), 2);
}

/// The fetch belongs to everybody who waits for it, not to the request that was first.
#[tokio::test(start_paused = true)]
async fn a_request_that_goes_away_does_not_take_the_fetch_with_it() {
    let _time = Paused::start();
    let (old, new) = (issuer(), issuer());
    let server = Server::start(json(&[&old]));
    let keys = RemoteJwks::builder(&server.url()).start().await.unwrap();
    let verifier = verifier(&keys);
    server.set(Answer::Late(jwks(&[&new]), Duration::from_millis(200)));
    let token = new.token("matt").build();
    let first = tokio::spawn({
        let (verifier, token) = (verifier.clone(), token.clone());
        async move { verifier.verify(&token).await.map(drop) }
    });
    until(|| server.asked() == 2).await;
    first.abort();
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(server.asked(), 2);
}
