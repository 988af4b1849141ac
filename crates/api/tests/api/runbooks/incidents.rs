//! Somebody has what one person or one client should have alone.

use serde_json::{Value, json};

use super::operator::{Client, Operator};
use crate::client::{Ask, PASSWORD, Reply};
use crate::program::Served;

/// What somebody gets for a password of any characters.
pub(super) fn log_in(server: &Served, name: &str, password: &str, scope: &str) -> Reply {
    let password = password.trim().replace('+', "%2B").replace(' ', "+");
    server.post_form(
        "/token",
        &format!("username={name}&password={password}&scope={scope}"),
    )
}

pub(super) fn token(operator: &mut Operator) {
    let (server, replica) = (operator.server(), operator.server());
    let (ada, matt) = (
        Client::registers(&server, "ada"),
        Client::registers(&server, "matt"),
    );
    operator.means("TOKEN=...", &format!("TOKEN={}", ada.access));
    operator.means(
        "https://id.example.com",
        &format!("http://{}", server.address()),
    );
    operator.runs("TOKEN=");
    operator.runs("curl");
    let told = operator.runs("passgate audit");
    assert_eq!(told.matches("session_ended").count(), 1, "{told}");
    let of_both = [&server, &replica];
    for server in of_both {
        server.refuses_soon(&ada.access, "/users/me");
        ada.asks_to_refresh(server).expect(400);
        matt.is_served(server);
    }

    // A refresh token ends its session as well.
    let ada = Client::logs_in(&server, "ada");
    let url = format!("http://{}/revoke", server.address());
    operator.types(&format!(
        "curl --fail --data-urlencode token={} {url}",
        ada.refresh
    ));
    ada.asks_to_refresh(&server).expect(400);

    // That of a registered client's session does not.
    let shop = operator.types("passgate clients add shop --grant password --scope profile --json");
    let shop: Value = serde_json::from_str(&shop).unwrap();
    let secret = shop["secret"].as_str().unwrap();
    let by = format!("username=ada&password={}", PASSWORD.replace(' ', "+"));
    let form = format!("{by}&client_id=shop&client_secret={secret}");
    let at_shop = server.post_form("/token", &form).expect(200);
    let at_shop = at_shop["access_token"].as_str().unwrap();
    let revoked = server.post_form("/revoke", &format!("token={at_shop}"));
    revoked.expect(401);

    let ada = [
        Client::logs_in(&server, "ada"),
        Client::logs_in(&replica, "ada"),
    ];
    let listed = operator.runs("passgate users sessions");
    assert_eq!(listed.matches("127.0.0.1").count(), 3, "{listed}");
    let told = operator.runs("passgate users log-out");
    assert!(told.contains("3 sessions"), "{told}");
    let told = operator.runs("passgate audit");
    assert!(
        told.contains("logged_in") && told.contains("sessions_ended"),
        "{told}"
    );
    for server in of_both {
        server.refuses_soon(at_shop, "/users/me");
        for ada in &ada {
            server.refuses_soon(&ada.access, "/users/me");
            ada.asks_to_refresh(server).expect(400);
        }
        matt.is_served(server);
    }
}

pub(super) fn password(operator: &mut Operator) {
    let server = operator.server();
    let thief = Client::registers(&server, "ada");
    operator.runs("passgate users disable");
    server.refuses_soon(&thief.access, "/users/me");
    thief.asks_to_refresh(&server).expect(400);
    server.log_in("ada", PASSWORD).expect(401);
    let told = operator.runs("passgate audit");
    assert!(told.contains("logged_in"), "{told}");
    operator.runs("PASSWORD=");
    operator.runs("passgate users set-password");
    operator.runs("passgate users enable");

    server.log_in("ada", PASSWORD).expect(401);
    let made = operator.types("echo \"$PASSWORD\"");
    let granted = log_in(&server, "ada", &made, "profile").expect(200);
    let change = json!({"current_password": made.trim(), "new_password": "a better horse battery"});
    let token = granted["access_token"].as_str().unwrap();
    let reply = server.ask_json(token, "PUT", "/users/me/password", &change);
    assert_eq!(reply.status, 204);
    server.log_in("ada", "a better horse battery").expect(200);
}

pub(super) fn client(operator: &mut Operator) {
    let server = operator.server();
    let added = operator.types("passgate clients add billing --scope todos:read --json");
    let added: Value = serde_json::from_str(&added).unwrap();
    let grant = |secret: &str| {
        let form =
            format!("grant_type=client_credentials&client_id=billing&client_secret={secret}");
        server.post_form("/token", &form)
    };
    let leaked = added["secret"].as_str().unwrap();
    let granted = grant(leaked).expect(200);
    let token = granted["access_token"].as_str().unwrap();
    assert_eq!(server.get_as(token, "/verify").status, 200);

    let shown = operator.runs("passgate clients show");
    assert!(shown.contains(&leaked[leaked.len() - 4..]), "{shown}");
    operator.runs("passgate clients remove-secret");
    server.refuses_soon(token, "/verify");
    grant(leaked).expect(401);
    let told = operator.runs("passgate clients add-secret");
    assert_eq!(server.get_as(token, "/verify").status, 401);
    grant(told.lines().last().unwrap()).expect(200);
    grant(leaked).expect(401);
    let told = operator.runs("passgate audit");
    assert!(told.contains("client_token_issued"), "{told}");
}
