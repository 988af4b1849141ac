use super::*;
use std::fs;
use std::sync::OnceLock;

const LINES: usize = 1_000_000;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("passgate-breached-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join("file");
        fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn password(text: &str) -> Password {
    Password::parse(text).unwrap()
}

fn line(hash: &Hash, count: u64) -> String {
    let number = hash[4..]
        .iter()
        .fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let [a, b, c, d] = [hash[0], hash[1], hash[2], hash[3]];
    format!("{a:02X}{b:02X}{c:02X}{d:02X}{number:032X}:{count}")
}

/// Some that no password has, in order, and that of `password 123456` in its place.
fn hashes() -> &'static [Hash] {
    const APART: usize = u32::MAX as usize / LINES;
    static HASHES: OnceLock<Vec<Hash>> = OnceLock::new();
    let number = |hash: &Hash| u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    HASHES.get_or_init(|| {
        let hash = |at: usize| {
            let mut hash = [7; 20];
            hash[..4].copy_from_slice(&u32::try_from(at * APART).unwrap().to_be_bytes());
            hash
        };
        let mut hashes: Vec<Hash> = (0..LINES).map(hash).collect();
        let known = hash_of("password 123456");
        hashes[number(&known) as usize / APART] = known;
        hashes
    })
}

#[test]
fn of_a_million_lines_each_is_found_and_no_other() {
    let folder = Folder::new("million");
    for (count, end, has_last_end) in [
        (LINES, "\r\n", false),
        (20_000, "\r\n", true),
        (20_000, "\n", false),
        (20_000, "\n", true),
    ] {
        let listed = &hashes()[..count];
        // Counts of every length.
        let counts = (0..64).map(|bits| u64::MAX >> bits).cycle();
        let lines = listed.iter().zip(counts);
        let lines: Vec<String> = lines.map(|(hash, count)| line(hash, count)).collect();
        let mut text = lines.join(end);
        if has_last_end {
            text += end;
        }
        let breached = BreachedPasswords::open(folder.file(text)).unwrap();
        let ends = [0, 1, count - 2, count - 1].map(|at| &listed[at]);
        for hash in listed.iter().step_by(count / 5000).chain(ends) {
            assert!(breached.has(hash).unwrap());
            // Its neighbour among numbers, which no password has.
            let mut other = *hash;
            other[19] ^= 1;
            assert!(!breached.has(&other).unwrap());
        }
        for hash in [[0; 20], [255; 20]] {
            assert!(!breached.has(&hash).unwrap());
        }
        if count == LINES {
            assert!(breached.contains(&password("password 123456")).unwrap());
            assert!(!breached.contains(&password("passphrase 123456")).unwrap());
        }
    }
}

#[test]
fn files_of_a_few_lines_are_searched_to_their_ends() {
    let folder = Folder::new("few");
    for count in 1..=9 {
        let few = &hashes()[..count];
        let text: String = few
            .iter()
            .map(|hash| line(hash, 1).to_lowercase() + "\n")
            .collect();
        let breached = BreachedPasswords::open(folder.file(text)).unwrap();
        assert!(few.iter().all(|hash| breached.has(hash).unwrap()));
        assert!(!breached.has(&hashes()[count]).unwrap());
    }
}

#[test]
fn a_password_is_looked_for_as_it_is_and_as_it_is_hashed() {
    let folder = Folder::new("nfc");
    let text = line(&hash_of("caf\u{e9} caf\u{e9}"), 3);
    let breached = BreachedPasswords::open(folder.file(text)).unwrap();
    for known in ["caf\u{e9} caf\u{e9}", "cafe\u{301} cafe\u{301}"] {
        assert!(breached.contains(&password(known)).unwrap());
    }
    for unknown in ["cafe cafe", "cafe\u{301} cafe"] {
        assert!(!breached.contains(&password(unknown)).unwrap());
    }
}

fn refusal(folder: &Folder, contents: &str) -> String {
    let error = BreachedPasswords::open(folder.file(contents)).unwrap_err();
    error.to_string()
}

#[test]
fn what_is_wrong_with_a_file_is_said_at_the_start() {
    let folder = Folder::new("wrong");
    let good: Vec<String> = hashes()[..5000].iter().map(|hash| line(hash, 17)).collect();
    let by_count = good.iter().rev().cloned().collect::<Vec<_>>().join("\n");
    let said = refusal(&folder, &by_count);
    assert!(
        said.contains("not sorted at byte 44") && said.contains("ordered by hash"),
        "{said}"
    );
    let mut late = good.clone();
    late.swap(4998, 4999);
    assert!(refusal(&folder, &late.join("\n")).contains("not sorted"));
    let form = [
        "",
        "\n",
        "hunter2hunter2\n",
        ":1\n",
        &good[0][..40],
        &good[0][..41],
        &format!("{}7x", &good[0][..41]),
        &format!("{}{}", good[0], "7".repeat(5000)),
        &"A".repeat(5000),
    ];
    for (at, bad) in form.iter().enumerate() {
        let said = refusal(&folder, bad);
        let expected = if at == 0 {
            "is empty"
        } else {
            "another form at byte 0"
        };
        assert!(said.contains(expected), "{bad}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let ntlm = format!("{}:17\n", &good[0][..32]);
    assert!(refusal(&folder, &ntlm).contains("40 hexadecimal digits"));
    let half = format!("{}\n\n{}\n", good[0], good[1]);
    assert!(refusal(&folder, &half).contains("another form at byte 44"));
    let missing = BreachedPasswords::open(folder.0.join("none")).unwrap_err();
    assert!(missing.to_string().contains("cannot be read"), "{missing}");
    let folder_itself = BreachedPasswords::open(&folder.0).unwrap_err();
    assert!(
        folder_itself.to_string().contains("no regular file"),
        "{folder_itself}"
    );
}

#[test]
fn what_is_out_of_order_is_noticed_in_the_middle_and_at_the_end() {
    let folder = Folder::new("order");
    let text = |count: u64, end: &str, parts: &[std::ops::Range<usize>]| {
        let hashes = parts.iter().flat_map(|part| &hashes()[part.clone()]);
        let lines = hashes.map(|hash| line(hash, count) + end);
        lines.collect::<String>()
    };
    let middle = [0..1250, 2500..3750, 1250..2500, 3750..5000];
    // The last two lines of a file whose lines are as long as they can be.
    let last = [0..4998, 4999..5000, 4998..4999];
    for (count, end, parts) in [
        (17, "\n", middle.as_slice()),
        (17, "\n", last.as_slice()),
        (u64::MAX, "\r\n", last.as_slice()),
    ] {
        let said = refusal(&folder, &text(count, end, parts));
        assert!(said.contains("not sorted"), "{said}");
        let whole = folder.file(text(count, end, &[0..2500, 2500..5000]));
        assert!(BreachedPasswords::open(whole).is_ok());
    }
}

#[test]
fn the_end_of_a_line_that_is_too_long_is_no_line() {
    let folder = Folder::new("long");
    let path = folder.file("x".repeat(100) + &line(&hashes()[0], 1) + &"1".repeat(30));
    let breached = BreachedPasswords {
        file: File::open(&path).unwrap(),
        length: fs::metadata(&path).unwrap().len(),
        path,
    };
    let read = breached.line_at(100 + LINE as u64, 0);
    assert!(matches!(read, Err(Malformed::At(100))));
}

#[test]
fn a_file_that_cannot_be_read_any_more_is_an_error() {
    let folder = Folder::new("unreadable");
    let path = folder.0.join("file");
    let breached = BreachedPasswords {
        // To be written only.
        file: File::create(&path).unwrap(),
        length: 44,
        path,
    };
    let error = breached.contains(&password("x")).unwrap_err();
    assert_ne!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("cannot be read"), "{error}");
}

#[test]
fn debug_says_which_file_it_is() {
    let folder = Folder::new("debug");
    let breached = BreachedPasswords::open(folder.file(line(&hashes()[0], 1))).unwrap();
    let shown = format!("{breached:?}");
    assert!(shown.contains("-debug/file"), "{shown}");
}

#[test]
fn a_file_that_changes_under_us_is_an_error_and_not_an_answer() {
    let folder = Folder::new("changed");
    let path = folder.file(line(&hashes()[0], 1));
    let breached = BreachedPasswords::open(&path).unwrap();
    fs::write(&path, "x".repeat(42)).unwrap();
    let error = breached.contains(&password("x")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("another form"), "{error}");
}
