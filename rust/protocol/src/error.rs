//! What can go wrong, and whose fault it is: [`CallerError`] for the program that uses the crate, [`PeerError`] for
//! the server. Each prints as a sentence for a person, with the offending text in it: of a peer as an [`Excerpt`], of the caller without
//! what may be secret.

use std::fmt;

use crate::limits;
use crate::url_parts::without_user_info;

/// The caller asked for something that must not be sent. Nothing was sent and no state changed. Neither user and password of a URL nor the
/// value of a header is ever printed.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallerError {
    /// A control character (CR, LF, NUL, …) stands in the URL.
    ControlInTarget {
        /// The URL as it was given, without user and password.
        target: String,
    },
    /// The URL is not one that this method can be sent with.
    Target {
        /// The URL as it was given, without user and password.
        target: String,
        /// What is expected instead.
        expected: &'static str,
    },
    /// A header line cannot be sent.
    Header {
        /// Which one: its name, or where it stands. Its value may be a secret.
        which: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A part of the request that the caller's program gives cannot be sent.
    Part {
        /// Which one.
        part: &'static str,
        /// Its text.
        text: String,
    },
    /// A header that may stand once was given twice.
    RepeatedHeader {
        /// Its name.
        name: &'static str,
    },
    /// `Content-Length` says something else than the body.
    ContentLength {
        /// What the header says.
        said: String,
        /// How long the body is, in bytes.
        body: u64,
    },
    /// `Content-Length` was given for a body whose length is not known.
    LengthBesideChunks,
    /// `Transfer-Encoding` was given.
    TransferEncoding,
    /// A method that has no body was given one.
    BodyNotAllowed {
        /// The method's name.
        method: &'static str,
    },
    /// The connection cannot take a request now.
    NotIdle {
        /// What it is doing instead.
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

/// As it is displayed: what holds of a message holds of a log.
impl fmt::Debug for CallerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CallerError {}

/// A header line as it may be shown: its name. Without a colon all of it may be a value.
pub(crate) fn header_without_value(line: &str) -> String {
    let Some((name, _)) = line.split_once(':') else {
        return format!("a header of {} characters", line.chars().count());
    };
    // A name has no blanks in it. Behind one stands what was forgotten to be separated.
    let mut words = name.split_whitespace();
    let first = words.next().unwrap_or_default();
    let more = if words.next().is_some() { " …" } else { "" };
    format!("the header \"{:#}{more}\"", Excerpt::text(first))
}

/// The server sent something that is not HTTP/1.1, or ended too early. The connection cannot be used any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerError {
    /// The first bytes are not those of an HTTP/1 response.
    NotHttp {
        /// How the reply starts.
        seen: Excerpt,
    },
    /// The status line is malformed.
    StatusLine {
        /// The line.
        line: Excerpt,
    },
    /// A header or trailer line is malformed.
    Field {
        /// Where the trouble is.
        line: Excerpt,
    },
    /// More header than [`limits::HEADER_BYTES`].
    HeaderTooLarge,
    /// More fields than [`limits::FIELDS`].
    TooManyFields,
    /// `Content-Length` is not one number that makes sense.
    ContentLength {
        /// The value, or the values.
        value: Excerpt,
    },
    /// `Transfer-Encoding` is one that this client did not ask for.
    TransferCoding {
        /// The value, or the values.
        value: Excerpt,
    },
    /// A chunk-size line is malformed, or over a limit.
    ChunkSize {
        /// The line.
        line: Excerpt,
    },
    /// A chunk does not end where its size says.
    ChunkEnd {
        /// What stands there instead of CR LF.
        seen: Excerpt,
    },
    /// A chunk-size or trailer line longer than [`limits::CHUNKED_LINE_BYTES`].
    ChunkedLineTooLong,
    /// `101 Switching Protocols` without having been asked.
    UnaskedUpgrade,
    /// The connection ended before any byte of the response.
    NoResponse,
    /// The connection ended inside the head.
    HeadCutShort {
        /// Bytes of the head that came.
        received: usize,
    },
    /// The connection ended inside the body.
    BodyCutShort {
        /// Bytes of the body that came.
        received: u64,
        /// Bytes that were announced; none if the body is chunked.
        announced: Option<u64>,
    },
    /// Bytes came that answer no request.
    Unsolicited {
        /// How they start.
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

/// The start of something that a peer sent, for a message: at most 60 bytes, and printed with escapes, so that it can neither fill a log
/// nor write lines, colours or a direction of text into it. Whatever text of a peer gets into a message goes through here.
///
/// `{}` prints it in quotes, `{:#}` without.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(Vec<u8>);

impl Excerpt {
    const LONGEST: usize = 60;

    /// The first line of `bytes`, cut to a readable length.
    pub fn line(bytes: &[u8]) -> Self {
        Self::start(bytes.split(|&byte| byte == b'\n').next().unwrap_or_default())
    }

    /// The start of `bytes`, line ends included.
    pub fn start(bytes: &[u8]) -> Self {
        Self(bytes[..bytes.len().min(Self::LONGEST + 1)].to_vec())
    }

    /// The start of a text.
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
            // A quotation mark ends nothing here.
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
