//! What was said over HTTP, as a file: HAR 1.2, which browsers write and read too.
//!
//! Beside the members of that format, which every reader knows, entries of our own have some that start with `_`, as the format allows.
//! Each may be missing: files of browsers have none of them.
//!
//! | member | of | says |
//! | --- | --- | --- |
//! | `_number` | an entry | the place in the order in which the requests began; entries stand in the order in which they ended |
//! | `_baseUrl` | an entry | the base URL of the session |
//! | `_end` | an entry | how it ended, where that is not by a whole response |
//! | `_encoding` | `postData` | `base64`, where the body is no text |
//! | `_securityDetails` | an entry | what TLS agreed on, and the certificates of the server; see `tls.rs` |

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
    /// Which request it was, in the order in which they began; none in files of others, which stand in that order.
    pub number: Option<u64>,
    /// What the request's URL was relative to; empty if nothing.
    pub base_url: String,
    /// When it began; written, and not read.
    pub started: SystemTime,
    /// What was asked.
    pub request: Request,
    /// What was answered; none without an answer.
    pub response: Option<Response>,
    /// How long the phases took.
    pub timings: Timings,
    /// What TLS agreed on; none without TLS, and where the file does not say it.
    pub tls: Option<Arc<TlsInfo>>,
    /// How it ended.
    pub end: End,
}

/// What was asked.
#[derive(Clone, Default, PartialEq)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body; none where there was none.
    pub body: Option<Content>,
}

/// What was answered.
#[derive(Clone, Default, PartialEq)]
pub struct Response {
    /// Such as 200.
    pub status: u16,
    /// The words beside it.
    pub reason: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body, unpacked.
    pub content: Content,
    /// Bytes of the body as it came; none if that is not known.
    pub wire_size: Option<u64>,
}

/// A body.
#[derive(Clone, Default, PartialEq)]
pub struct Content {
    /// Its type; empty if it has none.
    pub mime: String,
    /// Its bytes. None where the file does not have them, although there were some.
    pub bytes: Option<Vec<u8>>,
    /// How many there were.
    pub size: u64,
}

/// How long the phases of an exchange took; none of what did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    /// Looking the name up.
    pub dns: Option<Duration>,
    /// Making the connection, TLS included, as the format wants it.
    pub connect: Option<Duration>,
    /// TLS alone.
    pub tls: Option<Duration>,
    /// Sending the request.
    pub send: Duration,
    /// From then until the first byte of the response.
    pub wait: Duration,
    /// From then until its end.
    pub receive: Duration,
}

/// How an exchange ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum End {
    /// With a whole response.
    #[default]
    Whole,
    /// This side gave up while the other could have gone on: what came until then is there.
    GivenUp,
    /// The body could not be unpacked, and is not there.
    Packed,
    /// It failed; what came until then is there.
    Failed(Failure),
}

/// A failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Which.
    pub kind: FailureKind,
    /// A sentence for a person.
    pub sentence: String,
    /// The limit that passed, of a failure that is one.
    pub limit: Duration,
}

/// Kinds of failures, as far as what follows from them differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The name has no address.
    Resolve,
    /// No address answered.
    Connect,
    /// A proxy made no tunnel.
    Proxy,
    /// No TLS came about.
    Tls,
    /// Connecting took too long.
    ConnectTimeout,
    /// Nothing moved for too long.
    Timeout,
    /// The connection ended.
    Ended,
    /// The connection was reset.
    Reset,
    /// What came is not HTTP.
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
    /// A body that is there.
    pub fn of(mime: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { mime: mime.into(), size: bytes.len() as u64, bytes: Some(bytes) }
    }

    /// One that is not there, of so many bytes.
    pub fn left_out(mime: impl Into<String>, size: u64) -> Self {
        Self { mime: mime.into(), size, bytes: None }
    }
}
