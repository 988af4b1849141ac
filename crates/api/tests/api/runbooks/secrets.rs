//! Keys and secrets that follow each other in peace.

use std::fs;

use super::operator::{Client, Operator};
use crate::client::Ask;

pub(super) fn rotates(operator: &mut Operator) {
    let server = operator.server();
    let mut ada = Client::registers(&server, "ada");
    let told = operator.runs("passgate keys rotate");
    assert!(told.contains("Nobody has to log in again"), "{told}");
    let listed = operator.runs("passgate keys list");
    assert!(
        listed.contains("announced") && listed.contains("active"),
        "{listed}"
    );
    ada.is_served(&server);
    ada.refreshes(&server);
    ada.is_served(&server);
}

pub(super) fn exchanges(operator: &mut Operator) {
    let server = operator.server();
    let mut ada = Client::registers(&server, "ada");
    let late = Client::registers(&server, "late");
    let keys = server.get("/.well-known/jwks.json").expect(200);

    operator.runs("NEW=");
    let next = operator.serves("PASSGATE_SECRET=$OLD");
    ada.refreshes(&next);
    ada.refreshes(&server);
    server.stop();
    operator.runs("export PASSGATE_SECRET=$NEW");
    let server = operator.serves("passgate");
    ada.refreshes(&server);
    ada.refreshes(&next);
    next.stop();
    ada.refreshes(&server);
    let told = operator.runs("passgate keys reseal");
    assert!(told.contains("none is encrypted with another"), "{told}");
    operator.runs("unset PASSGATE_ACCEPTED_SECRET");
    operator.runs("passgate config check --connect");
    let next = operator.serves("passgate");
    server.stop();
    ada.refreshes(&next);
    assert_eq!(next.get("/.well-known/jwks.json").expect(200), keys);
    late.is_served(&next);
    late.asks_to_refresh(&next).expect(400);
    next.stop();

    operator.types("unset PASSGATE_DATABASE_URL PASSGATE_SECRET");
    let server = operator.server();
    let mut ada = Client::registers(&server, "ada");
    server.stop();
    operator.runs("passgate keys reseal --new-secret");
    let server = operator.server();
    ada.refreshes(&server);
    server.stop();
    fs::remove_file(operator.folder().join(".passgate/accepted-secret")).unwrap();
    ada.refreshes(&operator.server());
}
