//! The guards, without Passgate and without a database: tokens are made here, good and bad.

use axum::body::Body;
use axum::http::Request;
use passgate_auth::test_util::TestIssuer;
use tower_service::Service;

use super::*;

/// What is answered, once without a token and once for each of these.
async fn answers(issuer: &TestIssuer, path: &str, tokens: &[String]) -> Vec<(StatusCode, String)> {
    let mut app = app(AppState {
        verifier: issuer.verifier(),
        todos: Todos::of("host=127.0.0.1 port=1 connect_timeout=1").unwrap(),
    });
    let mut answers = Vec::new();
    for token in [None].into_iter().chain(tokens.iter().map(Some)) {
        let mut request = Request::get(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = app
            .call(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let challenge = answer.headers().get(header::WWW_AUTHENTICATE);
        let challenge = challenge.map_or("", |value| value.to_str().unwrap());
        answers.push((answer.status(), challenge.to_owned()));
    }
    answers
}

#[tokio::test]
async fn nobody_passes_without_a_good_token() {
    let issuer = TestIssuer::new("https://id.test", "todos");
    let mut tokens: Vec<String> = issuer
        .every_invalid_token("ada")
        .into_iter()
        .map(|(_, token)| token)
        .collect();
    // Good, and not about anybody who could have todos.
    tokens.push(issuer.token("ada").build());
    for path in ["/todos", "/todos/1", "/admin/todos"] {
        for (status, challenge) in answers(&issuer, path, &tokens).await {
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(challenge.starts_with("Bearer realm="), "{challenge}");
        }
    }
}

#[tokio::test]
async fn a_good_token_gets_as_far_as_the_database_and_only_a_role_to_everybodys() {
    let issuer = TestIssuer::new("https://id.test", "todos");
    let user = || issuer.token("ada").claim("user_id", 1);
    let tokens = [user().build(), user().roles(&["admin"]).build()];
    let statuses = async |path| {
        let answers = answers(&issuer, path, &tokens).await;
        [answers[1].0, answers[2].0]
    };
    let reached = StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(statuses("/todos").await, [reached, reached]);
    assert_eq!(
        statuses("/admin/todos").await,
        [StatusCode::FORBIDDEN, reached]
    );
}
