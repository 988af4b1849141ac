//! Hashes that other systems made, each with the command that made it.
//!
//! ```text
//! python3 -m venv v && v/bin/pip install passlib==1.7.4 bcrypt==4.0.1 argon2-cffi==25.1.0 Django==5.2.19
//! npm install firebase-scrypt@2
//! ```

use super::*;

/// Not ASCII, in NFC.
pub(super) const PASSWORD: &str = "pässwörd 1234";

/// `argon2.low_level.hash_secret(PASSWORD, b"saltsaltsaltsalt", time_cost=2, memory_cost=64,
/// parallelism=2, hash_len=32, type=T, version=V)` of argon2-cffi, and `passlib.hash.argon2
/// .using(type=T, rounds=2, memory_cost=64, parallelism=2).hash(PASSWORD)`.
const ARGON2: [(&str, Scheme); 7] = [
    (
        "$argon2i$v=16$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$Dz9Z4GBXm3GMj3Dy8rj37+xJKXIDGtCuQhEA9QknfE0",
        Scheme::Argon2i,
    ),
    (
        "$argon2d$v=16$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$UvCb63X7gEo+grUvl2XYuKjh6tTB9PguRpwIGT81kB8",
        Scheme::Argon2d,
    ),
    (
        "$argon2id$v=16$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$EbkZQV0vvF5XH5o2rvoCGSoAIFdpqzeYLSM5uZ0aOTs",
        Scheme::Argon2id,
    ),
    // With hash_len=24.
    (
        "$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$T1ytJcO3hLqRmdggf0iLEZkP+a+viez2",
        Scheme::Argon2id,
    ),
    (
        "$argon2i$v=19$m=64,t=2,p=2$dg7h3Jvzfs95TymFsDaGcA$X9efMeFwRW/gS1sbGAzXEEI/gCOEejEtF1vidEH7Lyc",
        Scheme::Argon2i,
    ),
    (
        "$argon2d$v=19$m=64,t=2,p=2$FGLsPcfY+9+7t1bKmXNubQ$AoKEtJvyQh6BFAcBjr9/RcSsmBPdFPKAZTv6G3nfNy8",
        Scheme::Argon2d,
    ),
    (
        "$argon2id$v=19$m=64,t=2,p=2$EkLo/f+/dw4hZCxl7D2HMA$JIAOtcAMlJxdiKfe9OcgXVyhsEgUFZHtcKR2hqrxa8A",
        Scheme::Argon2id,
    ),
];

/// `bcrypt.hashpw(PASSWORD, bcrypt.gensalt(4, prefix=P))` for `$2a$` and `$2b$`;
/// `perl -e 'print crypt("PASSWORD", q($2x$04$abcdefghijklmnopqrstuu))'` on Debian 12 (libxcrypt
/// 4.4) for the others.
#[cfg(feature = "legacy-bcrypt")]
const BCRYPT: [(&str, Scheme); 4] = [
    (
        "$2a$04$3YB3PETyRfr7vgTPP91KZ.WAIU2ZsXnCQgWNlEr.g7DYdzBNZHSya",
        Scheme::Bcrypt,
    ),
    (
        "$2b$04$bGw7FpaOgDbGg27nsDaJduJyKeiVyiwloYiDC9SyMwCjjsvGXKIRm",
        Scheme::Bcrypt,
    ),
    (
        "$2x$04$abcdefghijklmnopqrstuuD1OZI/uw/USxRCIGsAsqAilL3SFGu76",
        Scheme::Bcrypt,
    ),
    (
        "$2y$04$abcdefghijklmnopqrstuuM5DDCCf6Tln1WugAxV/6CmxIb.NZFNO",
        Scheme::Bcrypt,
    ),
];

/// `passlib.hash.scrypt.using(rounds=10, block_size=8, parallelism=2).hash(PASSWORD)`: a PHC
/// string, too.
#[cfg(feature = "legacy-scrypt")]
const SCRYPT: [(&str, Scheme); 1] = [(
    "$scrypt$ln=10,r=8,p=2$pXSuFSJEyLk3BiDEWAuBUA$+5ccaZNb8DnglLDYQlBX8FU8fxyD/kXg44aKgplQ/qI",
    Scheme::Scrypt,
)];

/// `hashlib.pbkdf2_hmac(D, PASSWORD, b"saltsaltsaltsalt", 1200)` of Python, put into a PHC string,
/// and with 1 and 999 rounds, which are fewer than libraries take by themselves.
#[cfg(feature = "legacy-pbkdf2")]
const PBKDF2: [(&str, Scheme); 6] = [
    (
        "$pbkdf2-sha256$i=1$c2FsdHNhbHRzYWx0c2FsdA$3RTlB6vNW1mo7HsIk2550bop1dvxxjdg4qhY9t4/8xQ",
        Scheme::Pbkdf2Sha256,
    ),
    (
        "$pbkdf2-sha512$i=999$c2FsdHNhbHRzYWx0c2FsdA$qnpy2WgbbO/k3RMaml0ueLEokLHqg4A5YdGm7aH6Cz4TfpcuO7Kh9oI6Uefcqwlic0IC+rU/tiWls7AUI4VHPQ",
        Scheme::Pbkdf2Sha512,
    ),
    (
        "$pbkdf2-sha256$i=1200,l=32$c2FsdHNhbHRzYWx0c2FsdA$YzNUKfouhljzuD7eSbsQ3OwZryzQOWeZ0AYoxvjvgZY",
        Scheme::Pbkdf2Sha256,
    ),
    (
        "$pbkdf2-sha512$i=1200,l=64$c2FsdHNhbHRzYWx0c2FsdA$i/3mJgKysRjsZGt9OkDVfw3SAyOQ0DSYGIuz2SbOQk2g3GngAYGx5dGrxiK+DaoFnaNRmBma95fuSAFTDx2qRQ",
        Scheme::Pbkdf2Sha512,
    ),
    (
        "$pbkdf2-sha1$i=1200$c2FsdHNhbHRzYWx0c2FsdA$X3T8O2z6Re0CAZj4YScCLD6SAHc",
        Scheme::Pbkdf2Sha1,
    ),
    (
        "$pbkdf2$i=1200,l=20$c2FsdHNhbHRzYWx0c2FsdA$X3T8O2z6Re0CAZj4YScCLD6SAHc",
        Scheme::Pbkdf2Sha1,
    ),
];

/// `passlib.hash.X.using(rounds=1200).hash(PASSWORD)` for `pbkdf2_sha1` and so on, and
/// `passlib.hash.bcrypt_sha256.using(rounds=4, version=V).hash(PASSWORD)`.
#[cfg(feature = "legacy-passlib")]
const PASSLIB: [(&str, Scheme); 6] = [
    (
        "$pbkdf2$1200$VmrtHcM4ByDE2Pt/j5Fyrg$wwzHrXpkYdSgNsz2Qg7xB4qbnI0",
        Scheme::Pbkdf2Sha1,
    ),
    (
        "$pbkdf2-sha256$1200$1/rfOwegVEoJwXhvzVkrpQ$3MqPmuOb4vdxjcTNPdGNWhZFbDiY1je9n0ErmeHBuNI",
        Scheme::Pbkdf2Sha256,
    ),
    (
        "$pbkdf2-sha512$1200$wJhzTsk5h/CeE.L8n9NaKw$z/yflYRQjHqgxEd6hSeOi0Qhev235tN8Dd.ADJ0uGuTeVEnKAKbjCQlpZsnYtPUY.7SsVqr480..z3uOyX1ang",
        Scheme::Pbkdf2Sha512,
    ),
    (
        "$bcrypt-sha256$2b,4$f4Xq5xKDLLn3C8TcKzuUnO$8tdrGHQ7SE1DK.O4hO48jNctBiTN04K",
        Scheme::BcryptSha256,
    ),
    (
        "$bcrypt-sha256$2a,4$UeRV.rLkD.madl29yVJFYe$PfgbqUSNw.zZqRHkQOSHPTeu.R4H9lq",
        Scheme::BcryptSha256,
    ),
    (
        "$bcrypt-sha256$v=2,t=2b,r=4$Rpzbtb3bGIygN673kuHZVe$BgARkEp./MfKz/2ll6WF5xiKg0qy5qW",
        Scheme::BcryptSha256,
    ),
];

/// `make_password(PASSWORD, "saltsaltsaltsalt", hasher)` of `django.contrib.auth.hashers`, with
/// `iterations = 1200`, `work_factor = 1024`, `rounds = 4`; argon2 as Django makes it.
#[cfg(feature = "legacy-django")]
const DJANGO: [(&str, Scheme); 7] = [
    (
        "pbkdf2_sha256$1200$saltsaltsaltsalt$YzNUKfouhljzuD7eSbsQ3OwZryzQOWeZ0AYoxvjvgZY=",
        Scheme::Pbkdf2Sha256,
    ),
    (
        "pbkdf2_sha1$1200$saltsaltsaltsalt$X3T8O2z6Re0CAZj4YScCLD6SAHc=",
        Scheme::Pbkdf2Sha1,
    ),
    (
        "scrypt$1024$saltsaltsaltsalt$8$5$bkQ2eVTaw5E93D1NlSE9igy4Vqu85FxjZdAoZocH6UupYHyV3FMng+4anTEa4kT/gNZ7zjcNgGvdo2X2uNmMUA==",
        Scheme::Scrypt,
    ),
    (
        "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdHNhbHRzYWx0c2FsdA$x7+liL6/pdKVjsbHJJOqzg2e243WVrwlUAX+tiwBpfU",
        Scheme::Argon2id,
    ),
    (
        "bcrypt_sha256$$2b$04$5SJFF1/HZ0YkV3yStF2z7umt7c3ornr5BYTffYZxT/eCyxg/IBwBm",
        Scheme::BcryptSha256,
    ),
    (
        "bcrypt$$2b$04$aHr/IVMwOikp7/0kXZPVtOIZ77jHgzWu.0iiGsv/0gVFno9x6dEZ6",
        Scheme::Bcrypt,
    ),
    // `passlib.hash.django_pbkdf2_sha256.using(rounds=1200).hash(PASSWORD)`.
    (
        "pbkdf2_sha256$1200$Nu52FCP7ihFR$iOmoRDSN3HOsfyNrJYdt2i4OG38XldVmg4+LhmLoZpA=",
        Scheme::Pbkdf2Sha256,
    ),
];

/// `new FirebaseScrypt({memCost: 10, rounds: 8, saltSeparator: "Bw==", signerKey: SK}).hash(PASSWORD,
/// "42xEC+ixf3L2lw==")` of npm's firebase-scrypt, with the signer key of Firebase's own example.
#[cfg(feature = "legacy-firebase")]
const FIREBASE: [(&str, Scheme); 1] = [(
    "$fbscrypt$v=1,n=10,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$Ibk+jDsFbD8ns5ZUB7eLM5oZms1jgfOhHKe3wWC1Oygw9DodDhhvYTVVaZF+9IJbs+9p9BcfIylsMXlF+jS8QQ==",
    Scheme::FirebaseScrypt,
)];

fn with_schemes() -> Vec<(&'static str, Scheme)> {
    #[cfg_attr(
        not(feature = "legacy-bcrypt"),
        expect(unused_mut, reason = "nothing to add")
    )]
    let mut all = ARGON2.to_vec();
    #[cfg(feature = "legacy-bcrypt")]
    all.extend(BCRYPT);
    #[cfg(feature = "legacy-scrypt")]
    all.extend(SCRYPT);
    #[cfg(feature = "legacy-pbkdf2")]
    all.extend(PBKDF2);
    #[cfg(feature = "legacy-passlib")]
    all.extend(PASSLIB);
    #[cfg(feature = "legacy-django")]
    all.extend(DJANGO);
    #[cfg(feature = "legacy-firebase")]
    all.extend(FIREBASE);
    all
}

pub(super) fn all() -> Vec<&'static str> {
    with_schemes().into_iter().map(|(text, _)| text).collect()
}

fn matches(stored: &str, password: &str) -> bool {
    let mut arena = Arena::new(Cost::OWASP, InUse::Reference);
    let stored = read(stored).unwrap();
    stored.matches(password.as_bytes(), &mut arena).unwrap()
}

#[test]
fn what_other_systems_stored_matches_its_password_only_and_wants_an_upgrade() {
    for (text, scheme) in with_schemes() {
        assert_eq!(parse(text), Ok(scheme), "{text}");
        assert!(matches(text, PASSWORD), "{text}");
        for wrong in ["pässwörd 1235", "password 1234", "pässwörd 123", "", "x"] {
            assert!(!matches(text, wrong), "{text} {wrong}");
        }
        let stored = read(text).unwrap();
        let fine = text.contains("argon2id$v=19$m=102400");
        assert_eq!(stored.wants_upgrade(Cost::OWASP, None), !fine, "{text}");
    }
}

/// `argon2i` of before 2016, as Debian's `argon2 -i -v 10` still makes it, but for the version,
/// which is not written: `echo -n PASSWORD | argon2 saltsaltsaltsalt -i -v 10 -k 64 -t 2 -p 2`.
#[test]
fn an_argon2_that_names_no_version_is_of_the_first() {
    let first = ARGON2[0].0.replace("$v=16", "");
    assert!(matches(&first, PASSWORD));
}

/// `bcrypt.hashpw((71 * "x" + "ab" + 10 * "y").encode(), bcrypt.gensalt(4))`.
#[cfg(feature = "legacy-bcrypt")]
#[test]
fn bcrypt_reads_the_first_72_bytes_and_no_more() {
    let stored = "$2b$04$c1yyy/h7V/IoMbWQi53BueJbdRZJmi4PX24j5TTA.nPQv3zzqUN6W";
    let long = format!("{}ab{}", "x".repeat(71), "y".repeat(10));
    assert!(matches(stored, &long));
    assert!(matches(stored, &long[..72]));
    assert!(matches(stored, &format!("{}z", &long[..72])));
    assert!(!matches(stored, &long[..71]));
    assert!(!matches(stored, &format!("{}b", &long[..71])));
}

/// `perl -e 'print crypt("pä" x 30, q($2x$04$abcdefghijklmnopqrstuu))'` and of "1234", on Debian 12.
#[cfg(feature = "legacy-bcrypt")]
#[test]
fn the_signed_bcrypt_differs_beyond_ascii_only() {
    let long = "$2x$04$abcdefghijklmnopqrstuuZastWI7g.tOT.VxZcvXOuhrAsd0GDW6";
    assert!(matches(long, &"pä".repeat(30)));
    assert!(!matches(&long.replace("2x", "2y"), &"pä".repeat(30)));
    let ascii = "$2x$04$abcdefghijklmnopqrstuuLmbu5vDTuG9XSinpEFXpa/UakZY.oz6";
    for version in ["2a", "2b", "2x", "2y"] {
        assert!(matches(&ascii.replace("2x", version), "1234"));
    }
}

/// Some implementations fill the spare bits of the salt's and the tag's last character.
#[cfg(feature = "legacy-bcrypt")]
#[test]
fn spare_bits_of_bcrypt_do_not_matter() {
    let stored = BCRYPT[3].0;
    let spare = stored.replace("stuuM5", "stuvM5");
    assert_ne!(stored, spare);
    assert!(matches(&spare, PASSWORD));
}

/// Made of `71 * "x" + "ab" + 10 * "y"` by Django and by passlib: a digest has no 72 bytes.
#[cfg(all(feature = "legacy-django", feature = "legacy-passlib"))]
#[test]
fn bcrypt_of_a_digest_reads_all_of_a_password() {
    let long = format!("{}ab{}", "x".repeat(71), "y".repeat(10));
    for stored in [
        "bcrypt_sha256$$2b$04$8fMq3g9GIcceQMCxdTulE.SHA6B55vWP3X3YYvmNxYYskVQJ2OjOO",
        "$bcrypt-sha256$v=2,t=2b,r=4$cDMQN7PLu/gxucUITo75M.$9fEhzS8.TbTtOJMnMO0tH52F8UZ.HPO",
    ] {
        assert!(matches(stored, &long));
        assert!(!matches(stored, &long[..72]));
    }
}

/// The example of <https://github.com/firebase/scrypt>, at its real cost, also in the alphabet
/// of the Admin SDK.
#[cfg(feature = "legacy-firebase")]
#[test]
fn the_example_of_firebase_matches() {
    let stored = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
    assert!(matches(stored, "user1password"));
    assert!(matches(
        &stored.replace('+', "-").replace('/', "_"),
        "user1password"
    ));
    assert!(!matches(stored, "user2password"));
    assert!(!matches(
        &stored.replace("ss=Bw==", "ss=Cw=="),
        "user1password"
    ));
}

/// `Password` takes no NUL, at which C's bcrypt stops reading.
#[cfg(feature = "legacy-bcrypt")]
#[test]
fn a_password_with_a_nul_never_comes_as_far_as_bcrypt() {
    assert!(passgate_domain::Password::parse("1234\0more").is_err());
}
