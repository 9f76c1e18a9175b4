//! HTTP exchanges in a file: HAR 1.2, which browsers can also read and write.
//!
//! Our entries contain the members of that format, and also some that start with `_`, which the format allows. Each of these can be
//! missing. Files of browsers have none of them.
//!
//! | member | of | meaning |
//! | --- | --- | --- |
//! | `_number` | an entry | the position in the order in which the requests began; entries are in the order in which they ended |
//! | `_baseUrl` | an entry | the base URL of the session |
//! | `_end` | an entry | how the exchange ended, if not with a complete response |
//! | `_encoding` | `postData` | `base64` if the body is not text |
//! | `_securityDetails` | an entry | the parameters of TLS and the certificates of the server; see `tls.rs` |

mod date;
mod debug;
mod read;
mod tls;
mod walk;
mod write;

pub use read::{HarError, LONGEST_FILE, read};
pub(crate) use tls::Chains;
pub(crate) use write::{HEAD, TAIL, entry_text};

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_net::TlsInfo;

/// One exchange.
#[derive(Clone, PartialEq)]
pub struct Entry {
    /// The number of the request, in the order in which the requests began, or `None` in files of other programs, whose entries are in
    /// that order.
    pub number: Option<u64>,
    /// The base URL of the request. Empty if there was none.
    pub base_url: String,
    /// The time when it began. It is written, but not read.
    pub started: SystemTime,
    /// The request.
    pub request: Request,
    /// The response, or `None` if there was none.
    pub response: Option<Response>,
    /// How long the phases took.
    pub timings: Timings,
    /// The parameters of TLS. `None` without TLS, or if the file does not contain them.
    pub tls: Option<Arc<TlsInfo>>,
    /// How it ended.
    pub end: End,
}

/// The request.
#[derive(Clone, Default, PartialEq)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The full URL.
    pub url: String,
    /// The names and values of the headers.
    pub headers: Vec<(String, String)>,
    /// The body, or `None` if there was none.
    pub body: Option<Content>,
}

/// The response.
#[derive(Clone, Default, PartialEq)]
pub struct Response {
    /// The status code, such as 200.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// The names and values of the headers.
    pub headers: Vec<(String, String)>,
    /// The decompressed body.
    pub content: Content,
    /// The size of the body as received, in bytes, or `None` if it is not known.
    pub wire_size: Option<u64>,
}

/// A body.
#[derive(Clone, Default, PartialEq)]
pub struct Content {
    /// The content type. Empty if there is none.
    pub mime: String,
    /// The bytes, or `None` if the file does not contain them.
    pub bytes: Option<Vec<u8>>,
    /// The number of bytes that there were.
    pub size: u64,
}

/// How long the phases of an exchange took. A value is `None` if the phase did not take place.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    /// The name lookup.
    pub dns: Option<Duration>,
    /// Connecting, including TLS, as the format requires.
    pub connect: Option<Duration>,
    /// The TLS handshake alone.
    pub tls: Option<Duration>,
    /// Sending the request.
    pub send: Duration,
    /// From the end of the request until the first byte of the response.
    pub wait: Duration,
    /// From the first byte of the response until its end.
    pub receive: Duration,
}

/// How an exchange ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum End {
    /// With a complete response.
    #[default]
    Whole,
    /// This side cancelled the exchange. The data until then is there.
    GivenUp,
    /// The body could not be decompressed and is not there.
    Packed,
    /// The exchange failed. The data until then is there.
    Failed(Failure),
}

/// A failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The kind of the failure.
    pub kind: FailureKind,
    /// The sentence for people.
    pub sentence: String,
    /// The time limit that passed, if the failure is one.
    pub limit: Duration,
}

/// The kinds of failures that have different consequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The name has no address.
    Resolve,
    /// No address accepted the connection.
    Connect,
    /// A proxy did not open a tunnel.
    Proxy,
    /// The TLS handshake failed.
    Tls,
    /// Connecting took too long.
    ConnectTimeout,
    /// There was no data for too long.
    Timeout,
    /// The connection ended.
    Ended,
    /// The connection was reset.
    Reset,
    /// The received data is not HTTP.
    Malformed,
}

impl FailureKind {
    const NAMES: [(Self, &'static str); 9] = [
        (Self::Resolve, "resolve"),
        (Self::Connect, "connect"),
        (Self::Proxy, "proxy"),
        (Self::Tls, "tls"),
        (Self::ConnectTimeout, "connect timeout"),
        (Self::Timeout, "timeout"),
        (Self::Ended, "ended"),
        (Self::Reset, "reset"),
        (Self::Malformed, "malformed"),
    ];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("reset", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, other)| *other == name).map(|(kind, _)| *kind)
    }
}

impl Content {
    /// Creates a body with these bytes.
    pub fn of(mime: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { mime: mime.into(), size: bytes.len() as u64, bytes: Some(bytes) }
    }

    /// Creates a body that is left out, with its size in bytes.
    pub fn left_out(mime: impl Into<String>, size: u64) -> Self {
        Self { mime: mime.into(), size, bytes: None }
    }
}
