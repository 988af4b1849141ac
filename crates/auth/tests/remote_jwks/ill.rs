//! What a first fetch makes of a server that is not well.

use std::time::{Duration, Instant};

use passgate_auth::jwt::{Algorithm, JwksError, KeyError, RemoteJwks};
use passgate_auth::test_util::TestIssuer;

use crate::server::{Answer, Server};

async fn start(server: &Server) -> Result<RemoteJwks, JwksError> {
    RemoteJwks::builder(&server.url())
        .timeout(Duration::from_millis(500))
        .start()
        .await
}

fn jwks() -> String {
    let ring = TestIssuer::new("i", "a").key_ring();
    ring.jwks().body().to_owned()
}

#[tokio::test]
async fn keys_of_a_server_that_is_well_are_there_at_once() {
    let server = Server::start(Answer::Json(jwks(), ""));
    let keys = start(&server).await.unwrap();
    assert_eq!((keys.status().keys, server.asked()), (1, 1));
    assert!(keys.status().error.is_none());
    assert!(format!("{keys:?}").contains("keys: 1"), "{keys:?}");
}

#[tokio::test]
async fn start_fails_fast_where_nobody_listens() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/jwks", free.local_addr().unwrap());
    drop(free);
    let error = RemoteJwks::builder(&url).start().await.unwrap_err();
    assert!(matches!(error, JwksError::Transport(_)), "{error}");
    // The innermost cause.
    assert!(error.to_string().contains("refused"), "{error}");
    let server = Server::start(Answer::Close);
    let error = start(&server).await.unwrap_err();
    assert!(matches!(error, JwksError::Transport(_)), "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_or_trickles_costs_no_more_than_the_timeout() {
    for answer in [Answer::Hang, Answer::Trickle] {
        let server = Server::start(answer);
        let began = Instant::now();
        let error = start(&server).await.unwrap_err();
        assert_eq!(error, JwksError::Timeout(Duration::from_millis(500)));
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn ten_megabytes_are_not_read() {
    for announced in [true, false] {
        let server = Server::start(Answer::Big(10 << 20, announced));
        let error = start(&server).await.unwrap_err();
        assert_eq!(error, JwksError::TooLarge(256 * 1024), "{announced}");
    }
}

#[tokio::test]
async fn a_body_of_no_announced_length_is_read_to_the_last_byte_that_is_allowed() {
    let server = Server::start(Answer::Big(100, false));
    let length = "{\"keys\":[\"\"]}".len() + 100;
    let builder = RemoteJwks::builder(&server.url());
    let error = builder.clone().max_body(length).start().await.unwrap_err();
    assert!(matches!(error, JwksError::NoKeys(_)), "{error}");
    let error = builder.max_body(length - 1).start().await.unwrap_err();
    assert_eq!(error, JwksError::TooLarge(length - 1));
}

#[tokio::test]
async fn garbage_is_no_key_set() {
    for body in ["", "<html>", "{\"keys\":{}}", "[]", "\u{0}"] {
        let server = Server::start(Answer::Json(body.to_owned(), ""));
        assert_eq!(start(&server).await.unwrap_err(), JwksError::NotJwks);
    }
    for status in [204, 404, 500, 304] {
        let server = Server::start(Answer::Status(status));
        let error = start(&server).await.unwrap_err();
        assert_eq!(error, JwksError::Status(status));
    }
}

#[tokio::test]
async fn a_redirect_is_followed_on_the_same_host_only() {
    let well = Server::start(Answer::Json(jwks(), ""));
    for elsewhere in [
        well.url(),
        format!("http://localhost:{}/", well.address.port()),
        "https://127.0.0.1/jwks".to_owned(),
    ] {
        let server = Server::start(Answer::Redirect(elsewhere.clone()));
        let error = start(&server).await.unwrap_err();
        assert_eq!(error, JwksError::Redirect, "{elsewhere}");
    }
    assert_eq!(well.asked(), 0);
    // The client knows no such scheme, and keeps the answer.
    let server = Server::start(Answer::Redirect("file:///etc/passwd".to_owned()));
    assert_eq!(start(&server).await.unwrap_err(), JwksError::Status(302));
    // To itself, again and again.
    let server = Server::start(Answer::Redirect("/jwks.json".to_owned()));
    assert_eq!(start(&server).await.unwrap_err(), JwksError::Redirect);
    assert_eq!(server.asked(), 4);
}

#[tokio::test]
async fn one_broken_key_does_not_hurt_the_others() {
    let good = jwks();
    let broken = [
        r#"{"kty":"AKP","kid":"pq","alg":"ML-DSA-44","pub":"AA"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","kid":"short","x":"AA"}"#,
        r#"{"kty":"oct","kid":"secret","k":"AAAA"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","kid":7,"x":"AA"}"#,
        "null",
    ];
    let body = good.replacen('[', &format!("[{},", broken.join(",")), 1);
    let server = Server::start(Answer::Json(body, ""));
    let keys = start(&server).await.unwrap();
    let status = keys.status();
    assert_eq!((status.keys, status.skipped.len()), (1, broken.len()));
    assert_eq!(status.skipped[1].reason, KeyError::Member("x"));

    let server = Server::start(Answer::Json(format!("{{\"keys\":[{}]}}", broken[1]), ""));
    let error = start(&server).await.unwrap_err();
    assert!(matches!(error, JwksError::NoKeys(skipped) if skipped.len() == 1));
}

#[tokio::test]
async fn keys_for_algorithms_that_are_not_allowed_are_left_out() {
    let server = Server::start(Answer::Json(jwks(), ""));
    let builder = RemoteJwks::builder(&server.url()).algorithms(&[Algorithm::Es256]);
    let error = builder.start().await.unwrap_err();
    assert!(matches!(error, JwksError::NoKeys(_)), "{error}");
}

#[test]
fn debug_shows_no_password_of_an_address() {
    let builder = RemoteJwks::builder("https://user:secret@id.example/jwks");
    let shown = format!("{builder:?}");
    assert!(
        !shown.contains("secret") && !shown.contains("user"),
        "{shown}"
    );
    assert!(shown.contains("serve_stale_for: 86400s"), "{shown}");
}

#[test]
fn without_a_runtime_there_is_no_background() {
    let builder = RemoteJwks::builder("http://127.0.0.1:1/jwks");
    assert_eq!(builder.start_lazy().unwrap_err(), JwksError::NoRuntime);
}
