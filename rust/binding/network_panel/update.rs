//! What the panel is told of one exchange at once: what is new since it was told last.

use std::sync::Arc;
use std::time::Duration;

use http_client::{Head, Timings, TlsInfo};

/// What an exchange costs beside its texts and bodies, in bytes of a message.
pub(crate) const LEAST_SIZE: usize = 1024;

/// News of one exchange. What is empty or none has not changed; bodies are what has come since.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Update {
    /// Only the first time.
    pub(crate) opening: Option<Opening>,
    /// What goes on, such as `Connecting`; a panel shows it as it is.
    pub(crate) phase: Option<&'static str>,
    pub(crate) request: Option<Sent>,
    /// As it is sent: request line and header lines.
    pub(crate) request_head: Option<Vec<u8>>,
    pub(crate) request_body: Vec<u8>,
    /// Bytes of the request in all, its head included.
    pub(crate) bytes_sent: Option<u64>,
    /// The other end, as `address:port`.
    pub(crate) peer: Option<String>,
    pub(crate) tls: Option<Arc<TlsInfo>>,
    pub(crate) status: Option<u16>,
    pub(crate) response: Option<Answered>,
    pub(crate) response_body: Vec<u8>,
    /// Bytes of the response's body in all, kept or not.
    pub(crate) bytes_received: Option<u64>,
    /// Bytes of its bodies and heads that would have been kept, had the editor been faster.
    pub(crate) left_out: Option<u64>,
    pub(crate) timings: Option<Timings>,
    /// A sentence.
    pub(crate) error: Option<String>,
    /// Nothing follows.
    pub(crate) is_over: bool,
}

/// What is known from the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) connection: u64,
    /// A session's task; none for `HTTPClientRust`.
    pub(crate) task: Option<u64>,
    /// Such as `https://example.com:8080`; empty if nobody knows yet.
    pub(crate) origin: String,
    /// From where the answer comes, such as `cache`; empty if a connection brings it.
    pub(crate) store: &'static str,
    /// Such as `proxy.example.com:3128`; empty without one.
    pub(crate) proxy: String,
    /// Since 1970.
    pub(crate) began: Duration,
    /// An earlier exchange had its connection.
    pub(crate) is_on_kept: bool,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    /// Such as `http://example.com`, for a target that names no host.
    pub(crate) scheme: &'static str,
    /// Since 1970.
    pub(crate) began: Duration,
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) version: &'static str,
    pub(crate) reason: String,
    pub(crate) header_lines: Vec<String>,
}

impl Answered {
    pub(crate) fn of(head: &Head) -> Self {
        Self {
            version: if head.minor_version == 0 { "HTTP/1.0" } else { "HTTP/1.1" },
            reason: head.reason.clone(),
            header_lines: head.fields.iter().map(|field| field.line().into_owned()).collect(),
        }
    }

    /// In bytes of a message, nearly.
    pub(crate) fn size(&self) -> usize {
        self.reason.len() + self.header_lines.iter().map(|line| line.len() + 8).sum::<usize>()
    }
}

/// What TLS agreed on, in bytes of a message, nearly: certificates go as they are, and as facts.
pub(crate) fn size_of_tls(info: &TlsInfo) -> usize {
    info.peer_certificates.iter().map(|text| text.len() * 2).sum::<usize>() + LEAST_SIZE
}
