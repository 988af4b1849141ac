use super::*;
use crate::password::backend::InUse;
use proptest::prelude::*;

mod vectors;

fn read(text: impl Into<String>) -> Result<Stored, PasswordError> {
    Stored::parse(&PasswordHash::new(text.into()), &Peppers::default())
}

fn parse(text: &str) -> Result<Scheme, PasswordError> {
    read(text).map(|stored| stored.scheme())
}

const SALT_AND_TAG: &str = "c29tZXNhbHRzb21lc2FsdA$Kq6fbmJ3QZ5aNGxM1Xw6ks7xU2Y4YQ3PqX0aV2Z0Q3U";
const BCRYPT: &str = "oO49VPpCnOjOk91AoVw7VeHQzal7x45OQU5lCly9v45l7yx48g/3G";

fn is_corrupt(text: &str) {
    let refused = parse(text);
    assert!(
        matches!(refused, Err(PasswordError::Corrupt(_))),
        "{text} {refused:?}"
    );
}

fn is_too_much(text: &str) {
    let refused = parse(text);
    assert!(
        matches!(refused, Err(PasswordError::LimitExceeded(_))),
        "{text} {refused:?}"
    );
}

#[test]
fn an_argon2_that_would_cost_too_much_is_refused_before_any_work() {
    for params in [
        "m=262145,t=1,p=1",
        "m=4294967295,t=1,p=1",
        "m=65536,t=40,p=1",
        "m=65536,t=1,p=17",
    ] {
        is_too_much(&format!("$argon2id$v=19${params}${SALT_AND_TAG}"));
    }
    let most = format!("$argon2id$v=19$m=262144,t=10,p=16${SALT_AND_TAG}");
    assert_eq!(parse(&most), Ok(Scheme::Argon2id));
}

#[test]
fn a_damaged_argon2_is_named_so() {
    let tag = SALT_AND_TAG;
    for text in [
        "$argon2id$".to_owned(),
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA".to_owned(),
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAA".to_owned(),
        format!("$argon2id$m=19456,t=2,p=1${tag}"),
        format!("$argon2id$v=20$m=19456,t=2,p=1${tag}"),
        format!("$argon2i$v=20$m=19456,t=2,p=1${tag}"),
        format!("$argon2id$v=19$m=19456,t=2${tag}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1,data=AAAA${tag}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1,keyid=A${tag}"),
        format!("$argon2id$v=19$m=7,t=2,p=1${tag}"),
        format!("$argon2id$v=19$m=19456,t=0,p=1${tag}"),
        format!("$argon2id$v=19$m=19456,t=2,p=1${tag}\n"),
    ] {
        is_corrupt(&text);
    }
}

#[test]
fn a_key_that_nobody_has_is_named_so() {
    let stored = format!("$argon2id$v=19$m=19456,t=2,p=1,keyid=cDE${SALT_AND_TAG}");
    assert_eq!(parse(&stored), Err(PasswordError::UnknownPepper));
}

#[test]
fn other_schemes_are_named_unsupported() {
    for text in [
        "",
        "$",
        "1234",
        "$1$abc$def",
        "$5$rounds=5000$abc$def",
        "$7$abc$def",
        "$argon2x$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
        "pbkdf2_md5$1$a$b",
        "argon2",
        "!unusable",
    ] {
        assert_eq!(parse(text), Err(PasswordError::UnsupportedScheme), "{text}");
    }
}

#[test]
fn a_text_longer_than_any_hash_is_not_looked_at() {
    is_corrupt(&format!("$argon2id${}", "a".repeat(1024)));
    is_corrupt(&"x".repeat(1 << 24));
    let longest = format!("md5${}", "a".repeat(1020));
    assert_eq!(parse(&longest), Err(PasswordError::UnsupportedScheme));
    is_corrupt(&format!("{longest}a"));
}

#[test]
fn a_tag_of_sixteen_bytes_is_the_shortest() {
    for before in [
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ",
        #[cfg(feature = "legacy-pbkdf2")]
        "$pbkdf2-sha256$i=1$c29tZXNhbHQ",
    ] {
        let (sixteen, fifteen) = ("A".repeat(22), "A".repeat(20));
        assert!(parse(&format!("{before}${sixteen}")).is_ok(), "{before}");
        is_corrupt(&format!("{before}${fifteen}"));
    }
}

#[test]
fn a_scheme_has_the_name_that_people_know() {
    for (scheme, name) in [
        (Scheme::Argon2id, "argon2id"),
        (Scheme::BcryptSha256, "bcrypt-sha256"),
        (Scheme::FirebaseScrypt, "firebase-scrypt"),
    ] {
        assert_eq!(scheme.to_string(), name);
    }
}

#[cfg(feature = "legacy-bcrypt")]
#[test]
fn the_bounds_of_bcrypt() {
    for prefix in ["2a", "2b", "2x", "2y"] {
        assert_eq!(parse(&format!("${prefix}$14${BCRYPT}")), Ok(Scheme::Bcrypt));
        is_too_much(&format!("${prefix}$15${BCRYPT}"));
        is_too_much(&format!("${prefix}$31${BCRYPT}"));
    }
    for text in [
        "$2b$12$short".to_owned(),
        format!("$2b$xx${BCRYPT}"),
        format!("$2b$+4${BCRYPT}"),
        format!("$2b$03${BCRYPT}"),
        format!("$2b$4${BCRYPT}"),
        format!("$2b$12${BCRYPT}A"),
        format!("$2b$12${}", "!".repeat(53)),
        format!("$2b$12${}é", "a".repeat(51)),
    ] {
        is_corrupt(&text);
    }
}

#[cfg(feature = "legacy-pbkdf2")]
#[test]
fn the_bounds_of_pbkdf2() {
    let tag = "c29tZXNhbHQ$Kq6fbmJ3QZ5aNGxM1Xw6ks7xU2Y4YQ3PqX0aV2Z0Q3U";
    let most = format!("$pbkdf2-sha256$i=4000000,l=32${tag}");
    assert_eq!(parse(&most), Ok(Scheme::Pbkdf2Sha256));
    for params in ["i=4000001", "i=4294967295", "i=4000001,l=32"] {
        is_too_much(&format!("$pbkdf2-sha256${params}${tag}"));
    }
    // 32 bytes are two blocks of SHA-1, and each costs all rounds.
    is_too_much(&format!("$pbkdf2-sha1$i=2000001${tag}"));
    for params in [
        "i=0",
        "i=",
        "i=x",
        "i=-1",
        "i=4294967296",
        "l=32,i=1",
        "i=1,l=31",
        "i=1,x=1",
    ] {
        is_corrupt(&format!("$pbkdf2-sha256${params}${tag}"));
    }
    is_corrupt(&format!("$pbkdf2-sha256${tag}"));
    is_corrupt(&format!("$pbkdf2-sha256$i=1000${tag}$more"));
    is_corrupt("$pbkdf2-sha256$i=1000$c29tZXNhbHQ$AAAA");
    is_corrupt(&format!(
        "$pbkdf2-sha512$i=1$c29tZXNhbHQ${}",
        "A".repeat(87)
    ));
}

#[cfg(feature = "legacy-scrypt")]
#[test]
fn the_bounds_of_scrypt() {
    let tag = "c29tZXNhbHQ$Kq6fbmJ3QZ5aNGxM1Xw6ks7xU2Y4YQ3PqX0aV2Z0Q3U";
    let of = |params: &str| format!("$scrypt${params}${tag}");
    assert_eq!(parse(&of("ln=17,r=8,p=1")), Ok(Scheme::Scrypt));
    assert_eq!(parse(&of("ln=18,r=8,p=2")), Ok(Scheme::Scrypt));
    for params in [
        "ln=19,r=8,p=1",
        "ln=18,r=9,p=1",
        "ln=18,r=8,p=3",
        "ln=10,r=8,p=1000",
        "ln=63,r=1,p=1",
        "ln=64,r=1,p=1",
        "ln=4294967295,r=4294967295,p=4294967295",
        "ln=1,r=4294967295,p=4294967295",
    ] {
        is_too_much(&of(params));
    }
    for params in [
        "ln=0,r=8,p=1",
        "ln=10,r=0,p=1",
        "ln=10,r=8,p=0",
        "ln=10,r=8",
        "r=8,ln=10,p=1",
    ] {
        is_corrupt(&of(params));
    }
}

#[cfg(feature = "legacy-django")]
#[test]
fn the_bounds_of_django() {
    let tag = "Kq6fbmJ3QZ5aNGxM1Xw6ks7xU2Y4YQ3PqX0aV2Z0Q3U=";
    is_too_much(&format!("pbkdf2_sha256$4000001$salt${tag}"));
    is_too_much(&format!("scrypt$524288$salt$8$1${tag}"));
    is_too_much(&format!("bcrypt$$2b$15${BCRYPT}"));
    is_too_much(&format!("bcrypt_sha256$$2b$15${BCRYPT}"));
    is_too_much(&format!(
        "argon2$argon2id$v=19$m=262145,t=1,p=1${SALT_AND_TAG}"
    ));
    for text in [
        "argon2$".to_owned(),
        "argon2$argon2id$".to_owned(),
        "bcrypt$2b$12$x".to_owned(),
        format!("bcrypt${BCRYPT}"),
        format!("pbkdf2_sha256$0$salt${tag}"),
        format!("pbkdf2_sha256$salt${tag}"),
        "pbkdf2_sha256$1000$salt$AAAA".to_owned(),
        "pbkdf2_sha256$1000$salt$???".to_owned(),
        format!("scrypt$1000$salt$8$1${tag}"),
        format!("scrypt$1024$salt$8${tag}"),
    ] {
        is_corrupt(&text);
    }
}

#[cfg(feature = "legacy-passlib")]
#[test]
fn the_bounds_of_passlib() {
    let (salt, tag) = BCRYPT.split_at(22);
    is_too_much("$pbkdf2-sha256$4000001$c29tZXNhbHQ$Kq6fbmJ3QZ5aNGxM1Xw6ks7xU2Y4YQ3PqX0aV2Z0Q3U");
    is_too_much(&format!("$bcrypt-sha256$v=2,t=2b,r=15${salt}${tag}"));
    is_too_much(&format!("$bcrypt-sha256$2b,15${salt}${tag}"));
    for params in [
        "v=3,t=2b,r=4",
        "v=2,t=2c,r=4",
        "v=2,t=2b",
        "2b",
        "2b,3",
        "2b,4,5",
        "",
    ] {
        is_corrupt(&format!("$bcrypt-sha256${params}${salt}${tag}"));
    }
    is_corrupt(&format!("$bcrypt-sha256$v=2,t=2b,r=4${salt}"));
    is_corrupt("$pbkdf2-sha256$0$c29tZXNhbHQ$Kq6fbmJ3QZ5aNGxM1Xw6ks7xU2Y4YQ3PqX0aV2Z0Q3U");
}

#[cfg(feature = "legacy-firebase")]
#[test]
fn the_bounds_of_firebase() {
    let of = |n: &str, tag: &str| {
        format!(
            "$fbscrypt$v=1,n={n},r=8,p=1,ss=Bw==,sk=Kq6fbmJ3QZ5aNGxM1Xw6ks7xU2Y4YQ==$42xEC+ixf3L2lw==${tag}"
        )
    };
    let tag = "jxspr8Ki0RYycVU8zykbdLGjFQ3McA==";
    assert_eq!(parse(&of("14", tag)), Ok(Scheme::FirebaseScrypt));
    is_too_much(&of("19", tag));
    is_corrupt(&of("0", tag));
    is_corrupt(&of("14", "jxspr8Ki0RYycVU8zykbdLGjFQ3McAAA"));
    is_corrupt(&of("14", "AAAA"));
    is_corrupt("$fbscrypt$v=1,n=14,r=8,p=1$42xEC+ixf3L2lw==$AAAA");
}

/// Real strings, changed anywhere: whatever comes of it, it is an answer, and what is taken is
/// within the ceilings, so that the test below can afford to check it.
fn damaged() -> impl Strategy<Value = String> {
    let real = prop::sample::select(vectors::all());
    let noise = prop::sample::select(vec![
        "", "$", ",", "=", "0", "9", "x", "é", "\0", "\n", "$v=1",
    ]);
    (real, any::<prop::sample::Index>(), 0..3_usize, noise).prop_map(|(real, at, cut, noise)| {
        let chars: Vec<char> = real.chars().collect();
        let at = at.index(chars.len() + 1);
        let before: String = chars[..at].iter().collect();
        let after: String = chars[(at + cut).min(chars.len())..].iter().collect();
        format!("{before}{noise}{after}")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn no_text_makes_reading_panic(text in any::<String>()) {
        let _ = parse(&text);
        let _ = parse(&format!("${text}"));
    }

    #[test]
    fn no_damage_makes_reading_panic(text in damaged()) {
        let begun = std::time::Instant::now();
        let _ = parse(&text);
        prop_assert!(begun.elapsed().as_millis() < 500, "{}", text);
    }

    #[test]
    fn no_figures_make_reading_panic(a in any::<u64>(), b in any::<u32>(), c in any::<u32>()) {
        for text in [
            format!("$argon2id$v=19$m={a},t={b},p={c}${SALT_AND_TAG}"),
            format!("$scrypt$ln={a},r={b},p={c}${SALT_AND_TAG}"),
            format!("$scrypt$ln={},r={b},p={c}${SALT_AND_TAG}", a % 70),
            format!("$pbkdf2-sha1$i={a}${SALT_AND_TAG}"),
            format!("$2b${:02}${BCRYPT}", a % 100),
        ] {
            let _ = parse(&text);
        }
    }
}

#[test]
fn a_damaged_hash_never_matches() {
    let mut arena = Arena::new(Cost::OWASP, InUse::Reference);
    for real in vectors::all() {
        let stored = read(real).unwrap();
        assert!(
            !stored.matches(b"another password", &mut arena).unwrap(),
            "{real}"
        );
        // The tag's first character, so that no spare bits at its end are meant.
        let at = real.rfind('$').unwrap();
        let at = if real.starts_with("$2") || real.contains("$$2b") {
            real.len() - 31
        } else {
            at + 1
        };
        let other = if &real[at..=at] == "A" { "B" } else { "A" };
        let damaged = format!("{}{other}{}", &real[..at], &real[at + 1..]);
        let stored = read(damaged).unwrap();
        assert!(
            !stored
                .matches(vectors::PASSWORD.as_bytes(), &mut arena)
                .unwrap(),
            "{real}"
        );
    }
}
