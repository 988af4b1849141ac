//! The crate `oauth2`, unmodified, on an HTTP client of ours.

use std::convert::Infallible;
use std::net::SocketAddr;

use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenResponse};
use oauth2::{
    AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IntrospectionUrl, RequestTokenError, ResourceOwnerPassword, ResourceOwnerUsername,
    RevocationUrl, Scope, StandardRevocableToken, TokenIntrospectionResponse, TokenResponse,
    TokenUrl, http,
};
use passgate_persistence::testing::TestDatabase;

use crate::client::{Ask, compose, send};
use crate::interop_clients::with_client;
use crate::program::folder;

type Client = BasicClient<EndpointNotSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointSet>;

/// Sends what the crate has made, as it is.
fn http(address: SocketAddr, request: &HttpRequest) -> HttpResponse {
    let headers: Vec<(&str, &str)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let body = std::str::from_utf8(request.body()).unwrap();
    let (method, path) = (request.method().as_str(), request.uri().path());
    let reply = send(address, &compose(address, method, path, &headers, body));
    let mut response = http::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(reply.body).unwrap()
}

fn client(address: SocketAddr, secret: &str, auth: AuthType) -> Client {
    let url = |path: &str| format!("http://{address}{path}");
    BasicClient::new(ClientId::new("app".to_owned()))
        .set_client_secret(ClientSecret::new(secret.to_owned()))
        .set_auth_type(auth)
        .set_token_uri(TokenUrl::new(url("/token")).unwrap())
        .set_introspection_url(IntrospectionUrl::new(url("/introspect")).unwrap())
        // It insists on https here; the HTTP client goes where it goes.
        .set_revocation_url(
            RevocationUrl::new(format!("https://localhost:{}/revoke", address.port())).unwrap(),
        )
}

fn refresh_token(answer: &BasicTokenResponse) -> &oauth2::RefreshToken {
    answer.refresh_token().unwrap()
}

#[test]
fn the_oauth2_crate_goes_all_the_way() {
    for auth in [AuthType::BasicAuth, AuthType::RequestBody] {
        let (folder, database) = (folder(), TestDatabase::new());
        let (server, secret) = with_client(folder.path(), &database);
        let address = server.address();
        let ask = |request: HttpRequest| Ok::<_, Infallible>(http(address, &request));
        let client_of = |secret: &str| client(address, secret, auth.clone());
        let app = client_of(&secret);

        let own = app
            .exchange_client_credentials()
            .add_scope(Scope::new("todos".to_owned()))
            .request(&ask)
            .unwrap();
        assert_eq!(own.scopes().unwrap(), &[Scope::new("todos".to_owned())]);
        assert!(own.refresh_token().is_none());
        let told = app.introspect(own.access_token()).request(&ask).unwrap();
        assert_eq!((told.active(), told.sub()), (true, Some("client:app")));

        let log_in = |client: &Client| {
            client
                .exchange_password(
                    &ResourceOwnerUsername::new("matt".to_owned()),
                    &ResourceOwnerPassword::new("1234".to_owned()),
                )
                .request(&ask)
        };
        let first = log_in(&app).unwrap();
        let second = app
            .exchange_refresh_token(refresh_token(&first))
            .request(&ask)
            .unwrap();
        let told = app.introspect(second.access_token()).request(&ask).unwrap();
        assert_eq!((told.active(), told.username()), (true, Some("matt")));
        assert_eq!(told.client_id().unwrap().as_str(), "app");
        assert!(told.exp().is_some() && told.jti().is_some());

        let last = StandardRevocableToken::from(refresh_token(&second));
        app.revoke_token(last).unwrap().request(&ask).unwrap();
        let told = app.introspect(second.access_token()).request(&ask).unwrap();
        assert!(!told.active());

        let refused = log_in(&client_of("wrong")).unwrap_err();
        let RequestTokenError::ServerResponse(refused) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(*refused.error(), BasicErrorResponseType::InvalidClient);
    }
}
