//! Any text as a stored password hash, in every scheme. Nothing is computed: what is read is
//! within the bounds of what a check may cost, or refused.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use passgate_auth::domain::PasswordHash;
use passgate_auth::password::{Backend, PasswordError, Passwords, Pepper};
use secrecy::SecretString;

static PASSWORDS: LazyLock<Passwords> = LazyLock::new(|| {
    let pepper = Pepper::from_secret(&SecretString::from("0123456789abcdef0123456789abcdef"));
    Passwords::builder()
        .arenas(1)
        .backend(Backend::Reference)
        .pepper(pepper.unwrap())
        .build()
        .unwrap()
});

fuzz_target!(|text: &str| {
    match PASSWORDS.inspect(&PasswordHash::new(text.to_owned())) {
        Ok(_) => assert!(text.len() <= 1024),
        Err(refused) => assert_ne!(refused, PasswordError::Internal),
    }
});
