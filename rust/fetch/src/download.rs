//! Downloads to a file (RFC 9110 §13.1.5, §14): what to request if a part of the file already exists, and what the response means for it.
//!
//! The body is written to [`part_path`]. [`notes_path`] stores where the part comes from. The file gets its own name when it is complete.

use std::fmt;
use std::path::{Path, PathBuf};

/// Returns the path of an incomplete file: `PATH.part`.
pub fn part_path(path: &Path) -> PathBuf {
    with_suffix(path, ".part")
}

/// Returns the path of the notes about the part: `PATH.part.info`.
pub fn notes_path(path: &Path) -> PathBuf {
    with_suffix(path, ".part.info")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// A validator: it identifies one version of a file (RFC 9110 §8.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validator {
    /// A strong `ETag`, with its quotes.
    ETag(String),
    /// A date as the server wrote it.
    LastModified(String),
}

/// The notes about a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notes {
    /// The requested URL, without its fragment.
    pub url: String,
    /// The validator of the response that the part comes from.
    pub validator: Validator,
}

/// The fields of a response that are needed here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    /// `Content-Range`.
    pub content_range: Option<&'a str>,
    /// The length of the body, if it is known.
    pub body_len: Option<u64>,
    /// `ETag`.
    pub etag: Option<&'a str>,
    /// `Last-Modified`.
    pub last_modified: Option<&'a str>,
    /// Whether `Content-Encoding` contains a coding other than `identity`.
    pub is_encoded: bool,
}

/// What to request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The whole file.
    Whole,
    /// The `Range` header of the script. The body is the file, and a part is never continued.
    ByHand,
    /// The missing rest.
    Rest {
        /// The number of bytes that already exist.
        from: u64,
        /// The version that they belong to.
        validator: Validator,
    },
}

/// What a response means for the part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Empty the part, then write the body to it. `len` is the length of the file, if it is known.
    StartOver {
        /// In bytes.
        len: Option<u64>,
    },
    /// Append the body to the part. `len` is the length of the file.
    Append {
        /// In bytes.
        len: u64,
    },
    /// The file is already complete. No body is needed.
    Complete,
    /// Discard this response and the part, and request the whole file.
    AskAgain,
    /// Create no file, because the response is an error page or similar. The part is kept.
    NoFile,
}

/// Why a response does not fit the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownloadError {
    /// The response is a part of the file, but the whole file was requested.
    UnaskedPart,
    /// The response is a different part than the requested one, or an unknown one.
    OtherRange {
        /// The first byte that was requested.
        from: u64,
    },
    /// The body is longer or shorter than announced.
    WrongLength {
        /// The number of bytes, including those that existed before.
        found: u64,
        /// The announced number of bytes.
        expected: u64,
    },
}

impl Plan {
    /// Decides by the files on the disk. `range_by_hand` is whether the script set a `Range` header itself.
    pub fn new(url: &str, part_len: Option<u64>, notes: Option<Notes>, range_by_hand: bool) -> Plan {
        match (part_len, notes) {
            _ if range_by_hand => Plan::ByHand,
            (Some(from @ 1..), Some(notes)) if notes.url == url => Plan::Rest { from, validator: notes.validator },
            // A part without valid notes or of another URL cannot be continued.
            _ => Plan::Whole,
        }
    }

    /// Returns the header lines to add to those of the script.
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
    // The server ignored If-Range, or compressed the body although it was asked not to.
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

/// Checks the length of a finished file against the announced length.
pub fn check_length(found: u64, expected: Option<u64>) -> Result<(), DownloadError> {
    match expected {
        Some(expected) if expected != found => Err(DownloadError::WrongLength { found, expected }),
        _ => Ok(()),
    }
}

/// A `Content-Range` value (RFC 9110 §14.4) in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes 5-9/10`, with `first <= last < len`.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
        /// The length of the file, or `None` for `*`.
        len: Option<u64>,
    },
    /// `bytes */10`.
    Unsatisfied {
        /// The length of the file.
        len: u64,
    },
}

impl ContentRange {
    /// Reads a value. Returns `None` if it is invalid.
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

/// Parses a number that consists of digits only.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

const FIRST_LINE: &str = "HTTPClientRust download 1";

/// The maximum size of a notes file, in bytes.
pub const LONGEST_NOTES: usize = 64 << 10;

impl Notes {
    /// Returns the notes about a response whose body is written to a part. Returns `None` if it has nothing that identifies its version
    /// for a later request.
    pub fn of(url: &str, fields: &Fields<'_>) -> Option<Notes> {
        // A part that was decompressed on its way to the disk has no byte positions that the server knows.
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

    /// Returns the text of the notes file.
    pub fn to_text(&self) -> String {
        let (name, value) = match &self.validator {
            Validator::ETag(etag) => ("etag", etag),
            Validator::LastModified(date) => ("last-modified", date),
        };
        format!("{FIRST_LINE}\nurl {}\n{name} {value}\n", self.url)
    }

    /// Reads a text. Returns `None` if [`Notes::to_text`] did not write it.
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
