//! The errors of this crate: [`CallerError`] for mistakes of the program that uses it, [`PeerError`] for faults of the server. Each is
//! displayed as one sentence that contains the offending text: text from a server as an [`Excerpt`], text from the caller without secrets.

use std::fmt;

use crate::limits;
use crate::url_parts::without_user_info;

/// The caller asked for something that must not be sent. Nothing was sent, and no state changed. The user and password of a URL and the
/// values of headers are never printed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallerError {
    /// The URL contains a control character (CR, LF, NUL, …).
    ControlInTarget {
        /// The URL as the caller passed it. It is printed without user and password.
        target: String,
    },
    /// The URL does not fit the method.
    Target {
        /// The URL as the caller passed it. It is printed without user and password.
        target: String,
        /// What is expected instead.
        expected: &'static str,
    },
    /// A header line cannot be sent.
    Header {
        /// The header: its name, or its length if it has no name. The value can be a secret and is not part of it.
        which: String,
        /// The problem with the header.
        problem: &'static str,
    },
    /// A part of the request that the program itself sets cannot be sent.
    Part {
        /// The name of the part.
        part: &'static str,
        /// The text of the part.
        text: String,
    },
    /// A header that is only allowed once was given twice.
    RepeatedHeader {
        /// Its name.
        name: &'static str,
    },
    /// `Content-Length` contradicts the length of the body.
    ContentLength {
        /// The value of the header.
        said: String,
        /// The length of the body in bytes.
        body: u64,
    },
    /// `Content-Length` was given for a body whose length is not known.
    LengthBesideChunks,
    /// `Transfer-Encoding` was given.
    TransferEncoding,
    /// The method does not allow a body, but the request has one.
    BodyNotAllowed {
        /// The method's name.
        method: &'static str,
    },
    /// The connection cannot take a request now.
    NotIdle {
        /// What the connection is doing instead, as a sentence.
        because: String,
    },
}

impl fmt::Display for CallerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlInTarget { target } => {
                let target = without_user_info(target);
                write!(f, "the URL {target:?} contains a control character; percent-encode it or leave it out")
            }
            Self::Target { target, expected } => {
                write!(f, "the URL {:?} cannot be requested; expected {expected}", without_user_info(target))
            }
            Self::Header { which, problem } => {
                write!(f, "{which} {problem}; write it as \"Name: value\"")
            }
            Self::Part { part, text } => write!(
                f,
                "the {part} {} contains a character that is not allowed there; leave it out",
                Excerpt::start(text.as_bytes())
            ),
            Self::RepeatedHeader { name } => {
                write!(f, "the header {name} was given more than once; give it once")
            }
            Self::ContentLength { said, body } => write!(
                f,
                "the header says Content-Length: {:#}, but the body has {body} bytes; leave it out, and it is set \
                 automatically",
                Excerpt::text(said)
            ),
            Self::LengthBesideChunks => f.write_str(
                "the header Content-Length was given for a body whose length is not known; leave it out, and the \
                 body is sent in chunks",
            ),
            Self::TransferEncoding => f.write_str(
                "the header Transfer-Encoding was given; leave it out, and it is set automatically if the length of the \
                 body is not known",
            ),
            Self::BodyNotAllowed { method } => {
                write!(f, "a {method} request cannot have a body; send it without one")
            }
            Self::NotIdle { because } => f.write_str(because),
        }
    }
}

/// The same as `Display`, so that logs contain no secrets either.
impl fmt::Debug for CallerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CallerError {}

/// Returns the part of a header line that may be shown: its name. Without a colon, the whole line may be a value.
pub(crate) fn header_without_value(line: &str) -> String {
    let Some((name, _)) = line.split_once(':') else {
        let count = line.chars().count();
        return format!("a header of {count} character{}", if count == 1 { "" } else { "s" });
    };
    // A name contains no white space. Text after white space may be a value whose separator was forgotten.
    let mut words = name.split_whitespace();
    let first = words.next().unwrap_or_default();
    let more = if words.next().is_some() { " …" } else { "" };
    format!("the header \"{:#}{more}\"", Excerpt::text(first))
}

/// The server sent something that is not HTTP/1.1, or ended the connection too early. The connection cannot be used again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerError {
    /// The first bytes are not an HTTP/1 response.
    NotHttp {
        /// The start of the reply.
        seen: Excerpt,
    },
    /// The status line is malformed.
    StatusLine {
        /// The line.
        line: Excerpt,
    },
    /// A header or trailer line is malformed.
    Field {
        /// The malformed line.
        line: Excerpt,
    },
    /// The headers are larger than [`limits::HEADER_BYTES`].
    HeaderTooLarge,
    /// There are more fields than [`limits::FIELDS`].
    TooManyFields,
    /// `Content-Length` is not one valid number.
    ContentLength {
        /// The value or values.
        value: Excerpt,
    },
    /// `Transfer-Encoding` names a coding that this client does not support.
    TransferCoding {
        /// The value or values.
        value: Excerpt,
    },
    /// A chunk-size line is malformed, or over a limit.
    ChunkSize {
        /// The line.
        line: Excerpt,
    },
    /// A chunk does not end after the number of bytes that its size says.
    ChunkEnd {
        /// The bytes that were found instead of CR LF.
        seen: Excerpt,
    },
    /// A chunk-size or trailer line is longer than [`limits::CHUNKED_LINE_BYTES`].
    ChunkedLineTooLong,
    /// The server sent `101 Switching Protocols`, but the request did not ask for it.
    UnaskedUpgrade,
    /// The connection ended before any byte of the response.
    NoResponse,
    /// The connection ended in the middle of the head.
    HeadCutShort {
        /// The number of bytes of the head that arrived.
        received: usize,
    },
    /// The connection ended in the middle of the body.
    BodyCutShort {
        /// The number of bytes of the body that arrived.
        received: u64,
        /// The announced length, or `None` if the body is chunked.
        announced: Option<u64>,
    },
    /// The server sent bytes without a request.
    Unsolicited {
        /// The start of these bytes.
        seen: Excerpt,
    },
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp { seen } => write!(
                f,
                "the reply starts with {seen}, which is not HTTP/1.1; check host, port and whether TLS is needed"
            ),
            Self::StatusLine { line } => write!(f, "the server sent a malformed status line: {line}"),
            Self::Field { line } => write!(f, "the server sent a malformed header: {line}"),
            Self::HeaderTooLarge => {
                write!(f, "the server sent more than {} bytes of headers, which is the limit", limits::HEADER_BYTES)
            }
            Self::TooManyFields => {
                write!(f, "the server sent more than {} header fields, which is the limit", limits::FIELDS)
            }
            Self::ContentLength { value } => write!(
                f,
                "the server sent a Content-Length that is not one number from 0 to {}: {value}",
                limits::BODY_BYTES
            ),
            Self::TransferCoding { value } => {
                write!(f, "the server sent a Transfer-Encoding that was not asked for: {value}")
            }
            Self::ChunkSize { line } => write!(f, "the server sent a malformed chunk size: {line}"),
            Self::ChunkEnd { seen } => {
                write!(f, "a chunk of the body does not end where its size says; {seen} was found there")
            }
            Self::ChunkedLineTooLong => write!(
                f,
                "a line of the chunked body is longer than {} bytes, which is the limit",
                limits::CHUNKED_LINE_BYTES
            ),
            Self::UnaskedUpgrade => {
                f.write_str("the server switched protocols (101) although the request had no Upgrade header")
            }
            Self::NoResponse => f.write_str("the server closed the connection without answering"),
            Self::HeadCutShort { received } => {
                write!(f, "the connection ended in the middle of the response headers, after {received} bytes")
            }
            Self::BodyCutShort { received, announced: Some(announced) } => {
                write!(f, "the connection ended after {received} of {announced} bytes of the body")
            }
            Self::BodyCutShort { received, announced: None } => {
                write!(f, "the connection ended after {received} bytes of a chunked body, before its last chunk")
            }
            Self::Unsolicited { seen } => {
                write!(f, "the server sent {seen} without a request; the connection cannot be used again")
            }
        }
    }
}

impl std::error::Error for PeerError {}

/// The start of a text from a server, for use in a message. It contains at most 60 bytes and is printed with escapes, so it cannot fill a
/// log, and cannot add lines, colors or text directions to it. All text from a server in a message uses this type.
///
/// `{}` prints it in quotes, `{:#}` without.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(Vec<u8>);

impl Excerpt {
    const LONGEST: usize = 60;

    /// Creates an excerpt of the first line of `bytes`.
    pub fn line(bytes: &[u8]) -> Self {
        Self::start(bytes.split(|&byte| byte == b'\n').next().unwrap_or_default())
    }

    /// Creates an excerpt of the start of `bytes`, including line ends.
    pub fn start(bytes: &[u8]) -> Self {
        Self(bytes[..bytes.len().min(Self::LONGEST + 1)].to_vec())
    }

    /// Creates an excerpt of the start of `text`.
    pub fn text(text: &str) -> Self {
        Self::start(text.as_bytes())
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(Self::LONGEST)];
        let more = if self.0.len() > Self::LONGEST { "…" } else { "" };
        if !f.alternate() {
            return write!(f, "\"{}{more}\"", shown.escape_ascii());
        }
        for &byte in shown {
            // There are no enclosing quotes, so quotation marks need no escape.
            if matches!(byte, b'\'' | b'"') {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "{}", byte.escape_ascii())?;
            }
        }
        f.write_str(more)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_has_no_control_characters() {
        let hostile = format!("it's \u{1b}[31m\r\n\0\u{202e}\u{7f}{}", "x".repeat(200_000));
        for shown in [Excerpt::text(&hostile).to_string(), format!("{:#}", Excerpt::text(&hostile))] {
            assert!(shown.len() < 300, "{}", shown.len());
            assert!(shown.chars().all(|c| c == '…' || matches!(c, ' '..='~')), "{shown}");
            assert!(shown.contains(r"\x1b[31m\r\n\x00\xe2\x80\xae\x7fxxx"), "{shown}");
        }
        assert_eq!(Excerpt::text("it's").to_string(), "\"it\\'s\"");
        assert_eq!(format!("{:#}", Excerpt::text("it's \"so\"")), "it's \"so\"");
    }

    #[test]
    fn an_error_about_a_header_or_a_url_shows_no_secret_in_a_message_nor_in_a_log() {
        let header = |line: &str| CallerError::Header { which: header_without_value(line), problem: "is wrong" };
        let errors = [
            header("Authorization: Bearer secret\n"),
            header("Authorization Bearer secret: x"),
            header("secret"),
            header("Cookie:secret\0"),
            CallerError::ControlInTarget { target: "http://user:secret@host/\n".to_owned() },
            CallerError::Target { target: "ftp://secret@host/".to_owned(), expected: "a path" },
        ];
        for error in errors {
            let text = format!("{error} {error:?}");
            assert!(!text.contains("secret") && !text.contains('\n'), "{text}");
        }
    }
}
