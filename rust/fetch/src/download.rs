//! Downloads to a file (RFC 9110 §13.1.5, §14): what is asked for when a part is there already, and what the answer means for it.
//!
//! The body goes to [`part_path`]; beside it, [`notes_path`] remembers where the part comes from. The file gets its own name when
//! it is whole.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where the body goes while it is not whole: `PATH.part`.
pub fn part_path(path: &Path) -> PathBuf {
    with_suffix(path, ".part")
}

/// What is remembered of the part: `PATH.part.info`.
pub fn notes_path(path: &Path) -> PathBuf {
    with_suffix(path, ".part.info")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What tells one version of a file from another (RFC 9110 §8.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validator {
    /// A strong `ETag`, with its quotes.
    ETag(String),
    /// A date as the server wrote it.
    LastModified(String),
}

/// What is remembered beside a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notes {
    /// The URL that was asked for, without its fragment.
    pub url: String,
    /// Of the response that the part's bytes are from.
    pub validator: Validator,
}

/// The fields of a response that matter here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    /// `Content-Range`.
    pub content_range: Option<&'a str>,
    /// How long the body is, if that is known.
    pub body_len: Option<u64>,
    /// `ETag`.
    pub etag: Option<&'a str>,
    /// `Last-Modified`.
    pub last_modified: Option<&'a str>,
    /// Whether `Content-Encoding` names one other than `identity`.
    pub is_encoded: bool,
}

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The whole file.
    Whole,
    /// What a script's own `Range` asks for: the body is the file, and none is gone on with.
    ByHand,
    /// What is missing.
    Rest {
        /// Bytes that are there.
        from: u64,
        /// Of which version.
        validator: Validator,
    },
}

/// What an answer means for the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Empty the part, then write the body to it. `len` is the file's length, if it is known.
    StartOver {
        /// In bytes.
        len: Option<u64>,
    },
    /// Write the body behind what is there. `len` is the file's length.
    Append {
        /// In bytes.
        len: u64,
    },
    /// All of it is there already: no body is wanted.
    Complete,
    /// Drop this response and the part, and ask again for the whole.
    AskAgain,
    /// No file: the response is an error page or the like. The part stays.
    NoFile,
}

/// An answer that fits nothing that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownloadError {
    /// A part of the file that was not asked for.
    UnaskedPart,
    /// Another part than the one that was asked for, or one that cannot be told.
    OtherRange {
        /// Where it should have started.
        from: u64,
    },
    /// The body is longer or shorter than the file is said to be.
    WrongLength {
        /// Bytes that came, with those that were there before.
        found: u64,
        /// Bytes that were announced.
        expected: u64,
    },
}

impl Plan {
    /// Decides by what is on the disk. `range_by_hand` is whether the script gave a `Range` itself.
    pub fn new(url: &str, part_len: Option<u64>, notes: Option<Notes>, range_by_hand: bool) -> Plan {
        match (part_len, notes) {
            _ if range_by_hand => Plan::ByHand,
            (Some(from @ 1..), Some(notes)) if notes.url == url => Plan::Rest { from, validator: notes.validator },
            // A part without notes, of another URL, or by somebody else is nothing to build on.
            _ => Plan::Whole,
        }
    }

    /// The header lines to send besides the script's own.
    pub fn header_lines(&self) -> Vec<String> {
        let mut lines = vec!["Accept-Encoding: identity".to_owned()];
        if let Plan::Rest { from, validator } = self {
            let (Validator::ETag(version) | Validator::LastModified(version)) = validator;
            lines.push(format!("Range: bytes={from}-"));
            lines.push(format!("If-Range: {version}"));
        }
        lines
    }

    /// Judges the final response.
    pub fn judge(&self, status: u16, fields: &Fields<'_>) -> Result<Verdict, DownloadError> {
        match (self, status) {
            (Plan::Rest { from, validator }, 206) => rest(*from, validator, fields),
            (Plan::Rest { from, validator }, 416) => Ok(nothing_left(*from, validator, fields)),
            (Plan::Whole, 206) => Err(DownloadError::UnaskedPart),
            (_, 200..=299) => {
                let len = fields.body_len.filter(|_| !fields.is_encoded);
                Ok(Verdict::StartOver { len })
            }
            _ => Ok(Verdict::NoFile),
        }
    }
}

fn rest(from: u64, validator: &Validator, fields: &Fields<'_>) -> Result<Verdict, DownloadError> {
    // A server that takes no notice of If-Range, or packs what it was asked to send as it is.
    if is_other_version(validator, fields) || fields.is_encoded {
        return Ok(Verdict::AskAgain);
    }
    let range = fields.content_range.and_then(ContentRange::read);
    let Some(ContentRange::Part { first, last, len: Some(len) }) = range else {
        return Err(DownloadError::OtherRange { from });
    };
    let is_the_rest = first == from && last + 1 == len;
    let fits_body = fields.body_len.is_none_or(|body| body == len - first);
    if is_the_rest && fits_body { Ok(Verdict::Append { len }) } else { Err(DownloadError::OtherRange { from }) }
}

fn nothing_left(from: u64, validator: &Validator, fields: &Fields<'_>) -> Verdict {
    let range = fields.content_range.and_then(ContentRange::read);
    let is_whole = range == Some(ContentRange::Unsatisfied { len: from });
    if is_whole && !is_other_version(validator, fields) { Verdict::Complete } else { Verdict::AskAgain }
}

fn is_other_version(validator: &Validator, fields: &Fields<'_>) -> bool {
    match validator {
        Validator::ETag(etag) => fields.etag.is_some_and(|other| other.trim() != etag),
        Validator::LastModified(date) => fields.last_modified.is_some_and(|other| other.trim() != date),
    }
}

/// Checks a file that ended against the length that was announced for it.
pub fn check_length(found: u64, expected: Option<u64>) -> Result<(), DownloadError> {
    match expected {
        Some(expected) if expected != found => Err(DownloadError::WrongLength { found, expected }),
        _ => Ok(()),
    }
}

/// A `Content-Range` (RFC 9110 §14.4) in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes 5-9/10`, with `first <= last < len`.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
        /// Of so many; none for `*`.
        len: Option<u64>,
    },
    /// `bytes */10`.
    Unsatisfied {
        /// Of so many.
        len: u64,
    },
}

impl ContentRange {
    /// Reads a value; none if it is not one that makes sense.
    pub fn read(value: &str) -> Option<ContentRange> {
        let (unit, rest) = value.trim().split_once(' ')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (range, len) = rest.trim_start().split_once('/')?;
        let len = if len == "*" { None } else { Some(number(len)?) };
        if range == "*" {
            return len.map(|len| ContentRange::Unsatisfied { len });
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        let makes_sense = first <= last && len.is_none_or(|len| last < len) && last < u64::MAX;
        makes_sense.then_some(ContentRange::Part { first, last, len })
    }
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

const FIRST_LINE: &str = "HTTPClientRust download 1";

/// A file of notes is not longer.
pub const LONGEST_NOTES: usize = 64 << 10;

impl Notes {
    /// What to remember of a response whose body is written to a part; none if there is nothing that a later request could be
    /// sure by.
    pub fn of(url: &str, fields: &Fields<'_>) -> Option<Notes> {
        // What is unpacked on its way to the disk has no place in it that a server knows.
        if fields.is_encoded {
            return None;
        }
        let validator = match (fields.etag.map(str::trim), fields.last_modified.map(str::trim)) {
            (Some(etag), _) if is_strong(etag) => Validator::ETag(etag.to_owned()),
            (_, Some(date)) if httpdate::parse_http_date(date).is_ok() => Validator::LastModified(date.to_owned()),
            _ => return None,
        };
        let notes = Notes { url: url.to_owned(), validator };
        (notes.to_text().len() <= LONGEST_NOTES).then_some(notes)
    }

    /// The text of the file of notes.
    pub fn to_text(&self) -> String {
        let (name, value) = match &self.validator {
            Validator::ETag(etag) => ("etag", etag),
            Validator::LastModified(date) => ("last-modified", date),
        };
        format!("{FIRST_LINE}\nurl {}\n{name} {value}\n", self.url)
    }

    /// Reads a text; none if it is not one that [`Notes::to_text`] writes.
    pub fn read(text: &str) -> Option<Notes> {
        if text.len() > LONGEST_NOTES {
            return None;
        }
        let mut lines = text.split('\n');
        if lines.next() != Some(FIRST_LINE) {
            return None;
        }
        let url = lines.next()?.strip_prefix("url ")?;
        let validator = match lines.next()?.split_once(' ')? {
            ("etag", etag) if is_strong(etag) => Validator::ETag(etag.to_owned()),
            ("last-modified", date) if httpdate::parse_http_date(date).is_ok() => {
                Validator::LastModified(date.to_owned())
            }
            _ => return None,
        };
        let is_whole = lines.next() == Some("") && lines.next().is_none() && !url.contains('\r');
        is_whole.then(|| Notes { url: url.to_owned(), validator })
    }
}

/// A strong entity tag: `"…"` with neither quotes nor control characters in it.
fn is_strong(etag: &str) -> bool {
    let inner = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.contains('"') && !inner.bytes().any(|byte| byte.is_ascii_control()))
}

impl fmt::Display for DownloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnaskedPart => {
                f.write_str("the server sent only a part of the file (206), although the whole file was requested")
            }
            Self::OtherRange { from } => write!(
                f,
                "the server sent a different part of the file than requested (from byte {from}); the existing data \
                 was kept"
            ),
            Self::WrongLength { found, expected } => {
                write!(f, "the file has {found} bytes, but the server announced {expected}")
            }
        }
    }
}

impl std::error::Error for DownloadError {}
