use std::cmp::Ordering;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use passgate_domain::Password;
use sha1::{Digest, Sha1};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// A SHA-1.
type Hash = [u8; 20];

/// The hash of a line, in digits.
const DIGITS: usize = 40;

/// The longest line with its end: the digits, a colon, a count of twenty digits, CR and LF.
const LINE: usize = DIGITS + 1 + 20 + 2;

/// How many places of a file are looked at when it is opened.
const PLACES: u64 = 1000;

/// Passwords that are known from data breaches, in a file: looked up where it lies, of tens of
/// gigabytes in some thirty-five small reads, and never read as a whole.
///
/// The file is Have I Been Pwned's *ordered by hash*: lines of a password's SHA-1 in hexadecimal,
/// a colon and a count, as the official downloader writes them.
pub struct BreachedPasswords {
    file: File,
    path: PathBuf,
    length: u64,
}

/// Why a file of breached passwords cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InvalidBreachedFile {
    /// It cannot be read.
    #[error("{} cannot be read: {cause}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// There is nothing in it.
    #[error("{} is empty, or no regular file", .0.display())]
    Empty(PathBuf),
    /// A line is none of ours.
    #[error(
        "{} has a line of another form at byte {at}: each is the SHA-1 of a password in 40 \
         hexadecimal digits, a colon and a count", path.display()
    )]
    Form {
        /// Which file.
        path: PathBuf,
        /// Where the line begins.
        at: u64,
    },
    /// The lines are in another order.
    #[error(
        "{} is not sorted at byte {at}: the file ordered by hash is wanted, not the one ordered by \
         count; `LC_ALL=C sort` does it, too", path.display()
    )]
    Order {
        /// Which file.
        path: PathBuf,
        /// Where the line begins that is less than the one before.
        at: u64,
    },
}

/// A line: its hash, where it begins and where the next one does.
struct Line {
    hash: Hash,
    begins: u64,
    ends: u64,
}

/// What was met in the place of a line.
enum Malformed {
    At(u64),
    Io(io::Error),
}

impl From<io::Error> for Malformed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl BreachedPasswords {
    /// Opens a file and looks at a thousand places of it, to see whether it is one.
    ///
    /// # Errors
    /// [`InvalidBreachedFile`] says what is wrong with it, and where.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, InvalidBreachedFile> {
        let path = path.as_ref().to_owned();
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = match opened {
            Ok(opened) => opened,
            Err(cause) => return Err(InvalidBreachedFile::Unreadable { path, cause }),
        };
        if !metadata.is_file() || metadata.len() == 0 {
            return Err(InvalidBreachedFile::Empty(path));
        }
        let opened = Self {
            file,
            length: metadata.len(),
            path,
        };
        opened.look_around()?;
        Ok(opened)
    }

    /// Whether a password is in the file: as it is, or in Unicode's NFC, in which it is hashed here.
    /// Reads from the file, and waits for it.
    ///
    /// # Errors
    /// An I/O error that names the file, if it cannot be read any more or has another form where it
    /// was read.
    pub fn contains(&self, password: &Password) -> io::Result<bool> {
        let typed = password.expose();
        let normal: String = typed.nfc().collect();
        let normal = zeroize::Zeroizing::new(normal);
        Ok(self.has(&hash_of(typed))? || (*normal != typed && self.has(&hash_of(&normal))?))
    }

    fn has(&self, wanted: &Hash) -> io::Result<bool> {
        // Each is where a line begins, or the end of the file.
        let (mut from, mut until) = (0, self.length);
        while from < until {
            let line = self.line_at(from + (until - from) / 2, from);
            let line = line.map_err(|malformed| self.explain(malformed))?;
            match wanted.cmp(&line.hash) {
                Ordering::Equal => return Ok(true),
                Ordering::Less => until = line.begins,
                Ordering::Greater => from = line.ends,
            }
        }
        Ok(false)
    }

    /// The line that a byte belongs to. `from` is where a line begins, not behind it.
    fn line_at(&self, at: u64, from: u64) -> Result<Line, Malformed> {
        let begin = at.saturating_sub(LINE as u64).max(from);
        let mut buffer = [0; 2 * LINE];
        let length = read_at(&self.file, &mut buffer, begin)?;
        let bytes = &buffer[..length];
        let place = usize::try_from(at - begin).unwrap_or(length).min(length);
        let start = bytes[..place].iter().rposition(|b| *b == b'\n');
        // Where nothing ends before it, the line begins where we do, or it is too long to be one.
        let start = start.map_or(0, |end| end + 1);
        let begins = begin + start as u64;
        let malformed = || Malformed::At(begins);
        if start == 0 && begin > from {
            return Err(malformed());
        }
        let rest = &bytes[start..];
        let is_last = begin + length as u64 >= self.length;
        let (line, ends) = match rest.iter().position(|b| *b == b'\n') {
            Some(end) => (&rest[..end], end + 1),
            None if is_last => (rest, rest.len()),
            None => return Err(malformed()),
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Line {
            hash: parse(line).ok_or_else(malformed)?,
            begins,
            ends: begins + ends as u64,
        })
    }

    /// Holds lines all over the file, and those behind them, against the rules.
    fn look_around(&self) -> Result<(), InvalidBreachedFile> {
        let mut before: Option<Hash> = None;
        let mut from = 0;
        let mut look = |at: u64| {
            let at = at.max(from);
            if at < self.length {
                let line = self.line_at(at, from).map_err(|error| self.refuse(error))?;
                if before.is_some_and(|before| line.hash <= before) {
                    let (path, at) = (self.path.clone(), line.begins);
                    return Err(InvalidBreachedFile::Order { path, at });
                }
                (before, from) = (Some(line.hash), line.ends);
            }
            Ok(())
        };
        for place in 0..PLACES {
            look(self.length / PLACES * place)?;
            // And the one behind it.
            look(0)?;
        }
        // The last two.
        look(self.length.saturating_sub(LINE as u64 + 1))?;
        look(self.length - 1)
    }

    fn refuse(&self, malformed: Malformed) -> InvalidBreachedFile {
        let path = self.path.clone();
        match malformed {
            Malformed::At(at) => InvalidBreachedFile::Form { path, at },
            Malformed::Io(cause) => InvalidBreachedFile::Unreadable { path, cause },
        }
    }

    fn explain(&self, malformed: Malformed) -> io::Error {
        let kind = match &malformed {
            Malformed::At(_) => io::ErrorKind::InvalidData,
            Malformed::Io(cause) => cause.kind(),
        };
        io::Error::new(kind, self.refuse(malformed))
    }
}

impl fmt::Debug for BreachedPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreachedPasswords")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn hash_of(password: &str) -> Hash {
    Sha1::digest(password.as_bytes()).into()
}

fn parse(line: &[u8]) -> Option<Hash> {
    let (digits, rest) = line.split_at_checked(DIGITS)?;
    let count = rest.strip_prefix(b":")?;
    if count.is_empty() || !count.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut hash = [0; 20];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let value = digit(pair[0])? * 16 + digit(pair[1])?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(hash)
}

/// Fills the buffer from a place of the file on, as far as there is something, without moving
/// where others read.
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match read_once(file, &mut buffer[length..], at + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(unix)]
fn read_once(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_once(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

#[cfg(not(any(unix, windows)))]
fn read_once(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
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

    fn line(hash: &Hash, count: usize) -> String {
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
            let lines = listed.iter().enumerate();
            let lines: Vec<String> = lines.map(|(at, hash)| line(hash, 1 << (at % 60))).collect();
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
        assert!(!breached.contains(&password("cafe cafe")).unwrap());
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
    fn a_file_that_changes_under_us_is_an_error_and_not_an_answer() {
        let folder = Folder::new("changed");
        let path = folder.file(line(&hashes()[0], 1));
        let breached = BreachedPasswords::open(&path).unwrap();
        fs::write(&path, "x".repeat(42)).unwrap();
        let error = breached.contains(&password("x")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("another form"), "{error}");
    }
}
