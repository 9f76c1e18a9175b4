//! Bodies that were packed for the way (`Content-Encoding`, RFC 9110 §8.4): unpacked while they come, in bounded steps.

mod brotli;
mod chain;
mod deflate;
mod gzip;
mod zstd;

use std::fmt;

use http_protocol::Method;

use crate::header_line;

pub use chain::{Decoder, State, Step};

/// What a request says that it can unpack.
pub const ACCEPT_ENCODING: &str = "Accept-Encoding: gzip, deflate, br, zstd";

/// More codings over one another are refused.
pub const MOST_CODINGS: usize = 5;

/// A coding that can be undone.
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

/// A body that cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// More codings than [`MOST_CODINGS`].
    TooManyCodings,
    /// The body ended before its coding did.
    Truncated(Coding),
    /// The body is not of this coding, or was changed on its way.
    Damaged(Coding),
    /// Unpacking it takes a larger window than 8 MiB.
    WindowTooLarge,
    /// Packed several times, it is large in between and makes nothing in the end.
    Hollow,
    /// It unpacks to more than the limit.
    TooLarge {
        /// In bytes.
        limit: u64,
    },
}

impl Coding {
    /// The codings of a body by the values of its `Content-Encoding` fields, in the order in which they were applied. One that
    /// is unknown leaves the whole body as it came, as in browsers: it may be no coding at all, such as `utf-8`.
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

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }
}

/// Whether a session that accepts compression does so for this request: not where the script says itself what it takes, or asks
/// for a range, which is one of the packed bytes.
pub fn is_accepted(header_lines: &[String]) -> bool {
    !header_line::has(header_lines, "Accept-Encoding") && !header_line::has(header_lines, "Range")
}

/// Whether a `Content-Encoding` means anything for this response: without a body there is nothing to unpack.
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
            Self::Hollow => f.write_str("the body was compressed several times, and decompressing it produces no data"),
            Self::TooLarge { limit } => {
                write!(f, "the decompressed body has more than {limit} bytes, which is the limit (body_size_limit)")
            }
        }
    }
}

impl std::error::Error for DecodeError {}
