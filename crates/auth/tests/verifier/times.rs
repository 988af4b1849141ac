use std::sync::Arc;
use std::time::Duration;

use passgate_auth::jwt::{
    Algorithm, Audience, IssuerId, KeyRing, SigningKey, Ttl, Verifier, VerifyError,
};
use passgate_domain::testing::ManualClock;
use serde_json::{Value, json};

use crate::forge::{AUDIENCE, Forger, ISSUER, NOW};

fn verify(times: &[(&str, Value)]) -> Result<(), VerifyError> {
    let forger = Forger::new(Algorithm::EdDsa);
    let token = forger.with_claims(|claims| {
        for (claim, value) in times {
            claims[*claim] = value.clone();
        }
    });
    forger.verify(&token).map(drop)
}

fn at(seconds: i64) -> Value {
    json!(NOW.unix_timestamp() + seconds)
}

#[test]
fn leeway_is_thirty_seconds_and_no_more() {
    let long_ago = ("iat", at(-1000));
    let nbf = ("nbf", at(-1000));
    let expired = |seconds: i64| verify(&[long_ago.clone(), nbf.clone(), ("exp", at(-seconds))]);
    assert_eq!(expired(29), Ok(()));
    assert_eq!(expired(30), Err(VerifyError::Expired));
    assert_eq!(expired(59), Err(VerifyError::Expired));

    let early = |seconds| verify(&[("nbf", at(seconds))]);
    assert_eq!(early(30), Ok(()));
    assert_eq!(early(31), Err(VerifyError::NotYetValid));
}

#[test]
fn a_token_whose_time_has_not_come_is_refused() {
    assert_eq!(
        verify(&[("nbf", at(3600)), ("exp", at(7200))]),
        Err(VerifyError::NotYetValid)
    );
}

#[test]
fn a_token_issued_in_the_future_is_refused() {
    let year = 365 * 24 * 3600;
    assert_eq!(
        verify(&[("iat", at(year)), ("exp", at(year + 60))]),
        Err(VerifyError::NotYetValid)
    );
    // With `nbf` in order, too.
    assert_eq!(
        verify(&[("iat", at(31)), ("nbf", at(0)), ("exp", at(60))]),
        Err(VerifyError::NotYetValid)
    );
}

#[test]
fn nbf_may_be_left_out() {
    let forger = Forger::new(Algorithm::EdDsa);
    let token = forger.with_claims(|claims| drop(claims.as_object_mut().unwrap().remove("nbf")));
    assert!(forger.verify(&token).is_ok());
}

#[test]
fn a_time_beyond_every_calendar_is_refused() {
    for bad in [
        json!(1e18),
        json!(1e300),
        json!(-1),
        json!(u64::MAX),
        json!(253_402_300_800_i64),
    ] {
        assert_eq!(
            verify(&[("exp", bad.clone())]),
            Err(VerifyError::BadClaim("exp")),
            "{bad}"
        );
    }
}

/// `datetime.max`, as others write "never".
#[test]
fn the_last_second_of_the_calendar_is_a_time_like_any_other() {
    let last = json!(253_402_300_799_i64);
    assert_eq!(
        verify(&[("exp", last.clone())]),
        Err(VerifyError::LivesTooLong)
    );
    assert_eq!(
        verify(&[("nbf", last.clone())]),
        Err(VerifyError::NotYetValid)
    );
    assert!(verify(&[("iat", last.clone()), ("exp", last)]).is_err());
}

#[test]
fn a_life_longer_than_a_day_is_refused() {
    assert_eq!(verify(&[("exp", at(24 * 3600))]), Ok(()));
    assert_eq!(
        verify(&[("exp", at(24 * 3600 + 1))]),
        Err(VerifyError::LivesTooLong)
    );
}

#[test]
fn a_token_that_ends_before_it_begins_is_refused() {
    assert_eq!(
        verify(&[("iat", at(10)), ("exp", at(10))]),
        Err(VerifyError::BadClaim("exp"))
    );
}

#[test]
fn fractions_of_seconds_are_read() {
    assert_eq!(verify(&[("iat", json!(1_793_534_399.5))]), Ok(()));
}

#[test]
fn settings_of_the_builder_only_narrow() {
    let forger = Forger::new(Algorithm::EdDsa);
    let ring = || {
        let der = forger.key.to_pkcs8_der();
        KeyRing::new(SigningKey::from_pkcs8_der(Algorithm::EdDsa, &der).unwrap())
    };
    let builder = || {
        Verifier::<passgate_auth::jwt::NoExtra>::builder(
            IssuerId::parse(ISSUER).unwrap(),
            Audience::parse(AUDIENCE).unwrap(),
            ring(),
        )
        .clock(Arc::new(ManualClock::at(NOW)))
    };
    let ten_minutes = Ttl::try_new(Duration::from_mins(10)).unwrap();
    let day = Ttl::try_new(Ttl::MAX).unwrap();
    // The control token lives for 25 minutes.
    let short = builder().max_life(ten_minutes).build();
    assert_eq!(
        short.verify_now(&forger.control()).unwrap_err(),
        VerifyError::LivesTooLong
    );
    let widened = builder().max_life(ten_minutes).max_life(day).build();
    assert_eq!(
        widened.verify_now(&forger.control()).unwrap_err(),
        VerifyError::LivesTooLong
    );
    let recent = |seconds| builder().max_age(Duration::from_secs(seconds)).build();
    let made = |seconds: i64| forger.with_claims(|claims| claims["iat"] = at(-seconds));
    assert!(recent(60).verify_now(&made(90)).is_ok());
    assert_eq!(
        recent(60).verify_now(&made(91)).unwrap_err(),
        VerifyError::TooOld
    );
    let widened = builder()
        .max_age(Duration::from_mins(1))
        .max_age(Duration::MAX)
        .build();
    assert_eq!(
        widened.verify_now(&made(91)).unwrap_err(),
        VerifyError::TooOld
    );
    // An hour of leeway is taken for five minutes.
    let lenient = builder().leeway(Duration::from_hours(1)).build();
    let expired = |seconds: i64| {
        forger.with_claims(|claims| {
            claims["iat"] = at(-2000);
            claims["nbf"] = at(-2000);
            claims["exp"] = at(-seconds);
        })
    };
    assert!(lenient.verify_now(&expired(299)).is_ok());
    assert_eq!(
        lenient.verify_now(&expired(300)).unwrap_err(),
        VerifyError::Expired
    );
}
