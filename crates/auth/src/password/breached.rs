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
mod tests;
