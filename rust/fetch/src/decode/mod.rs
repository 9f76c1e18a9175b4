//! Decompresses bodies while they arrive, in limited steps (`Content-Encoding`, RFC 9110 §8.4).

mod brotli;
mod chain;
mod deflate;
mod gzip;
mod zstd;

use std::fmt;

use http_protocol::Method;

use crate::header_line;

pub use chain::{Decoder, State, Step};

/// The header line with the supported codings.
pub const ACCEPT_ENCODING: &str = "Accept-Encoding: gzip, deflate, br, zstd";

/// The maximum number of codings over each other.
pub const MOST_CODINGS: usize = 5;

/// A supported coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// RFC 1952, with any number of members.
    Gzip,
    /// RFC 1950, and RFC 1951 alone, which some servers send under this name.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878, with windows up to 8 MiB (RFC 9659).
    Zstd,
}

/// Why a body cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are more codings than [`MOST_CODINGS`].
    TooManyCodings,
    /// The body ended before its compressed data was complete.
    Truncated(Coding),
    /// The body does not have this coding, or was damaged.
    Damaged(Coding),
    /// Decompressing it needs a window of more than 8 MiB.
    WindowTooLarge,
    /// The body itself, or the data between two codings, is much larger than the result or its limit.
    Hollow,
    /// The decompressed body is larger than the limit.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

impl Coding {
    /// Returns the codings of a body from its `Content-Encoding` fields, in the order in which they were applied. If one of them is
    /// unknown, the whole body is left as it came, as in browsers, because the value may not be a coding at all, such as `utf-8`.
    pub fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Vec<Coding>, DecodeError> {
        let mut codings = Vec::new();
        for name in values.into_iter().flat_map(|value| value.split(',')) {
            let coding = match name.trim().to_ascii_lowercase().as_str() {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => Coding::Gzip,
                "deflate" => Coding::Deflate,
                "br" => Coding::Brotli,
                "zstd" => Coding::Zstd,
                _ => return Ok(Vec::new()),
            };
            if codings.len() == MOST_CODINGS {
                return Err(DecodeError::TooManyCodings);
            }
            codings.push(coding);
        }
        Ok(codings)
    }

    /// Returns the name in HTTP headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Returns whether a session that accepts compression asks for it in this request. It does not if the script sets `Accept-Encoding`
/// itself, or asks for a range, which would be a range of the compressed data.
pub fn is_accepted(header_lines: &[String]) -> bool {
    !header_line::has(header_lines, "Accept-Encoding") && !header_line::has(header_lines, "Range")
}

/// Returns whether `Content-Encoding` has a meaning for this response. Without a body there is nothing to decompress.
pub fn applies(method: Method, status: u16) -> bool {
    method != Method::Head && !matches!(status, 204 | 304)
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyCodings => {
                write!(f, "the server compressed the body more than {MOST_CODINGS} times, which is the limit")
            }
            Self::Truncated(coding) => {
                write!(f, "the body ended before its {} data was complete; it was cut off", coding.as_str())
            }
            Self::Damaged(coding) => {
                write!(f, "the body is not valid {} data, although the server says so", coding.as_str())
            }
            Self::WindowTooLarge => {
                f.write_str("the body's zstd data needs more than 8 MiB of memory to decompress, which is the limit")
            }
            Self::Hollow => f.write_str("the body consists mostly of compressed data that decompresses to nothing"),
            Self::TooLarge { limit } => {
                write!(f, "the decompressed body has more than {limit} bytes, which is the limit (body_size_limit)")
            }
        }
    }
}

impl std::error::Error for DecodeError {}
