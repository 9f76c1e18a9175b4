//! What the panel is told of one exchange at once: what is new since it was told last.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_client::{Head, Timings, TlsInfo};

/// What an exchange costs beside its texts and bodies, in bytes of a message.
pub(crate) const LEAST_SIZE: usize = 1024;

/// News of one exchange. What is empty or none has not changed; bodies are what has come since.
#[derive(Clone, Default, PartialEq)]
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
    /// `http` or `https`, as the connection is.
    pub(crate) scheme: &'static str,
    /// Since 1970.
    pub(crate) began: Duration,
}

/// The head of a response.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) version: &'static str,
    pub(crate) reason: String,
    pub(crate) header_lines: Vec<String>,
}

/// Names, numbers and lengths: what is in heads, bodies and sentences is nobody's but the panel's.
impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("opening", &self.opening)
            .field("phase", &self.phase)
            .field("request", &self.request)
            .field("request_head", &self.request_head.as_ref().map(Vec::len))
            .field("request_body", &self.request_body.len())
            .field("bytes_sent", &self.bytes_sent)
            .field("peer", &self.peer)
            .field("tls", &self.tls.as_ref().map(|info| &info.version))
            .field("status", &self.status)
            .field("response", &self.response)
            .field("response_body", &self.response_body.len())
            .field("bytes_received", &self.bytes_received)
            .field("left_out", &self.left_out)
            .field("timings", &self.timings)
            .field("error", &self.error.as_ref().map(String::len))
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.header_lines.iter().map(|line| line.split(':').next().unwrap_or_default());
        f.debug_struct("Answered")
            .field("version", &self.version)
            .field("reason", &self.reason.len())
            .field("header_lines", &names.collect::<Vec<_>>())
            .finish()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_of_news_has_names_and_lengths_and_no_contents() {
        let news = Update {
            request_head: Some(b"GET /secret HTTP/1.1\r\n".to_vec()),
            request_body: b"secret".to_vec(),
            response: Some(Answered {
                version: "HTTP/1.1",
                reason: "secret".to_owned(),
                header_lines: vec!["Set-Cookie: secret".to_owned()],
            }),
            response_body: b"secret".to_vec(),
            error: Some("secret".to_owned()),
            ..Update::default()
        };
        let printed = format!("{news:?}");
        assert!(printed.contains("Set-Cookie") && printed.contains("request_head: Some(22)"), "{printed}");
        // The bytes of a body would be printed as numbers.
        assert!(!printed.contains("secret") && !printed.contains("115, 101"), "{printed}");
    }
}
