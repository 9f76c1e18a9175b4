//! What getters are answered with, also while a call runs in another thread.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use http_net::{ConnectionId, Fields, Framing, Head, Link, PackedTimings, Response, TlsInfo};

use crate::error::Error;
use crate::status::Status;

/// How many clients may stand on each other's connections; see [`RawConnection::DEEPEST`](crate::RawConnection::DEEPEST).
pub(crate) const DEEPEST: usize = 4;

/// What the last call left.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) status: Status,
    /// The last response, until the next request.
    pub(crate) answer: Option<Arc<Answer>>,
    pub(crate) trailers: Option<Arc<Fields>>,
    pub(crate) bytes_sent: u64,
    pub(crate) timings: PackedTimings,
    /// What TLS agreed on; none without TLS.
    pub(crate) tls: Option<Arc<TlsInfo>>,
    /// What went wrong last; none if nothing did.
    pub(crate) message: Option<Arc<str>>,
    /// Why there is no connection: what failed first. It stays a part of the message until the next connect.
    pub(crate) cause: Option<Arc<Cause>>,
    /// The connection that is open.
    pub(crate) open: Option<Arc<Open>>,
    /// Nothing more comes from the connection, and nothing is held.
    pub(crate) has_ended: bool,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct Cause {
    pub(crate) sentence: Arc<str>,
    /// The same as a part of another sentence.
    clause: String,
}

/// A response without its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Arc<Head>,
    /// The length of its body in bytes; −1 if it is not known beforehand, or there is none.
    pub(crate) body_length: i64,
    pub(crate) chunked: bool,
    /// Its headers were asked for.
    headers_read: AtomicBool,
}

/// What does not change about a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    /// Of the other end, and of this one, where the connection goes over the network.
    pub(crate) addresses: (Option<SocketAddr>, Option<SocketAddr>),
    /// How many clients' connections it stands on.
    pub(crate) depth: usize,
}

/// A connection that is open. When the last view of it goes, who holds its bytes lets go of the client.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) connection: Connection,
    /// Who holds its bytes; none that is still there, if nobody does.
    pub(crate) holder: Mutex<Option<Weak<dyn Holder>>>,
}

/// Holds the bytes of a connection, and with them its client.
pub(crate) trait Holder: fmt::Debug + Send + Sync {
    /// The connection is over.
    fn let_go(&self);
}

impl View {
    /// Whether `other` says the same. Text and heads are compared by where they lie: new ones lie elsewhere.
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

    /// Takes over what a link counts.
    pub(crate) fn follow(&mut self, link: &Link) {
        self.has_ended = link.is_exhausted();
        self.bytes_sent = link.bytes_sent();
        self.timings = link.packed_timings();
    }

    /// Notes an error of the caller's. What ended the connection is said with it: it explains most of what goes wrong afterwards.
    pub(crate) fn note(&mut self, error: &Error) {
        self.message = Some(match &self.cause {
            Some(cause) => format!("{} (before that: {})", error.message, cause.clause).into(),
            None => error.message.as_str().into(),
        });
    }

    /// Notes why there is no connection. `clause` is the error's sentence as a part of another.
    pub(crate) fn note_cause(&mut self, error: &Error, clause: String) {
        let sentence: Arc<str> = error.message.as_str().into();
        self.message = Some(sentence.clone());
        self.cause = Some(Arc::new(Cause { sentence, clause }));
    }

    /// Why no request can be sent, while nothing is open. What ended the connection is in it already, and so it is noted as it is.
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
