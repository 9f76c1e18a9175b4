//! News about one exchange: everything that changed since the last message about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_client::{Head, Timings, TlsInfo};

/// The size of an exchange without its texts and bodies, in bytes of a message.
pub(crate) const LEAST_SIZE: usize = 1024;

/// News about one exchange. Empty and missing values have not changed. Bodies contain only the new bytes.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Update {
    /// Only in the first news.
    pub(crate) opening: Option<Opening>,
    /// The current phase, such as `Connecting`. The panel shows this text.
    pub(crate) phase: Option<&'static str>,
    pub(crate) request: Option<Sent>,
    /// The request line and header lines, as they were sent.
    pub(crate) request_head: Option<Vec<u8>>,
    pub(crate) request_body: Vec<u8>,
    /// The number of all bytes of the request so far, including its head.
    pub(crate) bytes_sent: Option<u64>,
    /// The other end, as `address:port`.
    pub(crate) peer: Option<String>,
    pub(crate) tls: Option<Arc<TlsInfo>>,
    pub(crate) status: Option<u16>,
    pub(crate) response: Option<Answered>,
    pub(crate) response_body: Vec<u8>,
    /// The number of all bytes of the response's body so far, kept or not.
    pub(crate) bytes_received: Option<u64>,
    /// The number of bytes of heads and bodies that were dropped because the editor was too slow.
    pub(crate) left_out: Option<u64>,
    pub(crate) timings: Option<Timings>,
    /// An error message.
    pub(crate) error: Option<String>,
    /// No more news follows.
    pub(crate) is_over: bool,
}

/// The data that is known at the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) connection: u64,
    /// The number of the session's task, which its worker counts from 1. None for `HTTPClientRust`.
    pub(crate) task: Option<u64>,
    /// For example `https://example.com:8080`. Empty if it is not known yet.
    pub(crate) origin: String,
    /// The source of the answer, such as `cache`. Empty if it comes over a connection.
    pub(crate) store: &'static str,
    /// For example `proxy.example.com:3128`. Empty without a proxy.
    pub(crate) proxy: String,
    /// Since 1970.
    pub(crate) began: Duration,
    /// Whether the connection was used by an earlier exchange.
    pub(crate) is_on_kept: bool,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) method: &'static str,
    /// `http` or `https`, depending on the connection.
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

/// Prints names, numbers and lengths. The contents of heads, bodies and error messages are only for the panel.
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

    /// The approximate size in bytes of a message.
    pub(crate) fn size(&self) -> usize {
        self.reason.len() + self.header_lines.iter().map(|line| line.len() + 8).sum::<usize>()
    }
}

/// The approximate size of the TLS data in bytes of a message. Certificates are sent both as text and as parsed fields.
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
        // A body would be printed as a list of numbers.
        assert!(!printed.contains("secret") && !printed.contains("115, 101"), "{printed}");
    }
}
