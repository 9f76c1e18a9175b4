//! The state that getters return, even while a call runs in another thread.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use http_net::{ConnectionId, Fields, Framing, Head, Link, PackedTimings, Response, TlsInfo};

use crate::error::Error;
use crate::status::Status;

/// The maximum number of clients that use each other's connections; see [`RawConnection::DEEPEST`](crate::RawConnection::DEEPEST).
pub(crate) const DEEPEST: usize = 4;

/// The state after the last call.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) status: Status,
    /// The last response, until the next request.
    pub(crate) answer: Option<Arc<Answer>>,
    pub(crate) trailers: Option<Arc<Fields>>,
    pub(crate) bytes_sent: u64,
    pub(crate) timings: PackedTimings,
    /// The parameters of TLS, or `None` without TLS.
    pub(crate) tls: Option<Arc<TlsInfo>>,
    /// The last error message, or `None` if nothing failed.
    pub(crate) message: Option<Arc<str>>,
    /// Why there is no connection: the first failure. It stays a part of the message until the next connect.
    pub(crate) cause: Option<Arc<Cause>>,
    /// The open connection.
    pub(crate) open: Option<Arc<Open>>,
    /// Whether the connection has ended and all received data was used.
    pub(crate) has_ended: bool,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct Cause {
    pub(crate) sentence: Arc<str>,
    /// The sentence as a clause of another sentence.
    clause: String,
}

/// A response without its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Arc<Head>,
    /// The length of the body in bytes, or −1 if it is not known in advance or there is no body.
    pub(crate) body_length: i64,
    pub(crate) chunked: bool,
    /// Whether the headers were read.
    headers_read: AtomicBool,
}

/// The constant properties of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    /// The addresses of the other end and of this end, if the connection uses the network.
    pub(crate) addresses: (Option<SocketAddr>, Option<SocketAddr>),
    /// The number of clients whose connections this one uses.
    pub(crate) depth: usize,
}

/// An open connection. When its last view is dropped, the holder of its bytes drops the client.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) connection: Connection,
    /// The holder of its bytes, if there is one.
    pub(crate) holder: Mutex<Option<Weak<dyn Holder>>>,
}

/// Holds the raw bytes of a connection, and therefore its client.
pub(crate) trait Holder: fmt::Debug + Send + Sync {
    /// Drops the client, because the connection is over.
    fn let_go(&self);
}

impl View {
    /// Whether `other` is equal. Texts and heads are compared by their addresses, because new ones have new addresses.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        fn same<T: ?Sized>(one: &Option<Arc<T>>, other: &Option<Arc<T>>) -> bool {
            match (one, other) {
                (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                (None, None) => true,
                _ => false,
            }
        }
        (self.status, self.has_ended, self.bytes_sent) == (other.status, other.has_ended, other.bytes_sent)
            && same(&self.answer, &other.answer)
            && same(&self.open, &other.open)
            && same(&self.message, &other.message)
            && same(&self.cause, &other.cause)
            && same(&self.trailers, &other.trailers)
            && same(&self.tls, &other.tls)
            && self.timings == other.timings
    }

    /// Copies the counts of a link.
    pub(crate) fn follow(&mut self, link: &Link) {
        self.has_ended = link.is_exhausted();
        self.bytes_sent = link.bytes_sent();
        self.timings = link.packed_timings();
    }

    /// Notes an error of the caller. The message also contains the failure that ended the connection, because it explains most later
    /// errors.
    pub(crate) fn note(&mut self, error: &Error) {
        self.message = Some(match &self.cause {
            Some(cause) => format!("{} (before that: {})", error.message, cause.clause).into(),
            None => error.message.as_str().into(),
        });
    }

    /// Notes why there is no connection. `clause` is the sentence of the error as a clause of another sentence.
    pub(crate) fn note_cause(&mut self, error: &Error, clause: String) {
        let sentence: Arc<str> = error.message.as_str().into();
        self.message = Some(sentence.clone());
        self.cause = Some(Arc::new(Cause { sentence, clause }));
    }

    /// Returns why no request can be sent without an open connection, and notes it unchanged, because it already contains the failure that
    /// ended the connection.
    pub(crate) fn note_not_open(&mut self) -> Error {
        let error = Error::invalid(self.not_open());
        self.message = Some(error.message.as_str().into());
        error
    }

    fn not_open(&self) -> String {
        match (self.status, &self.cause) {
            (Status::Resolving | Status::Connecting, _) => {
                "the connection is not established yet; call poll() until STATUS_CONNECTED".to_owned()
            }
            (_, Some(cause)) => {
                format!("there is no connection because {}; call connect_to_host() again", cause.clause)
            }
            (_, None) => "there is no connection; call connect_to_host() and poll() first".to_owned(),
        }
    }
}

impl Answer {
    pub(crate) fn of(response: Response) -> Self {
        let Response { head, framing } = response;
        let body_length = match framing {
            Framing::Length(length) => i64::try_from(length).unwrap_or(i64::MAX),
            _ => -1,
        };
        let chunked = head.fields.list("Transfer-Encoding").any(|coding| coding.eq_ignore_ascii_case(b"chunked"));
        Self { head, body_length, chunked, headers_read: AtomicBool::new(false) }
    }

    pub(crate) fn note_headers_read(&self) {
        self.headers_read.store(true, Ordering::Relaxed);
    }

    pub(crate) fn are_headers_read(&self) -> bool {
        self.headers_read.load(Ordering::Relaxed)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let holder = self.holder.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(holder) = holder.and_then(|holder| holder.upgrade()) {
            holder.let_go();
        }
    }
}

pub(crate) fn too_deep() -> String {
    format!("more than {DEEPEST} clients use each other's connections; connect to the server directly")
}
