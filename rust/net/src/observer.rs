//! Who watches: phases, counts and failures of every connection and exchange, and, only if asked for, what is in them.

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use http_protocol::{Head, Method};

use crate::address::Host;
use crate::error::{Error, Phase};
use crate::tls::TlsInfo;

/// Is told what connections do. It is called on the thread that works on the connection, between two steps of that work: it must
/// return soon, and must not call the connection.
pub trait Observer: Send + Sync {
    /// Something happened. There are no secrets in it: no header values, no targets, no bodies.
    fn event(&self, connection: ConnectionId, event: &Event<'_>);

    /// Whether [`content`](Self::content) is to be called.
    fn wants_content(&self) -> bool {
        false
    }

    /// What is sent and received, credentials included. Slices of a body come as they are read or written, transfer coding removed.
    fn content(&self, connection: ConnectionId, content: Content<'_>) {
        let _ = (connection, content);
    }
}

/// Tells a connection, or the attempt to make one, from every other of the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Something that happened on a connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// There is no connection: the answer is one that was kept. It comes before all else.
    Stored(Store),
    /// A name is being looked up.
    Resolving,
    /// A TCP connection is being made.
    Connecting {
        /// How many addresses there are.
        addresses: usize,
    },
    /// The TCP connection is made.
    Connected {
        /// To where.
        peer: Option<SocketAddr>,
    },
    /// A proxy has made a tunnel.
    Tunnelled,
    /// TLS is agreed on.
    Secured(&'a TlsInfo),
    /// A request begins.
    Request {
        /// Its method.
        method: Method,
        /// The body's length in bytes; none if it is not known.
        body: Option<u64>,
    },
    /// Bytes of the request, head or body, were handed to the system.
    Sent {
        /// How many.
        bytes: u64,
    },
    /// The final head of the response has come.
    Response {
        /// The status code.
        status: u16,
    },
    /// Bytes of the response's body were given out.
    Received {
        /// How many.
        bytes: u64,
    },
    /// The exchange is complete.
    Complete,
    /// The connection, or the attempt to make it, failed.
    Failed(Failure),
    /// The connection is closed at this end, or the attempt to make it is over. It is the last of its events.
    Closed,
}

/// From where an answer comes that no connection brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Store {
    /// A file that was recorded.
    Replay,
    /// What is kept of earlier answers.
    Cache,
}

/// A whole exchange with a store: see [`Context::tell_stored`](crate::Context::tell_stored).
#[derive(Clone, Copy, Debug)]
pub struct StoredExchange<'a> {
    /// Which.
    pub store: Store,
    /// The server that would have been asked.
    pub host: &'a Host,
    /// The request's method.
    pub method: Method,
    /// The head of the request as it would have been sent.
    pub request_head: &'a [u8],
    /// The head of the response.
    pub head: &'a Head,
    /// The body of the response.
    pub body: &'a [u8],
}

/// A failure without the text that gave offence: the sentence of an [`Error`] may have a piece of a header or a body in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What kind of failure it is, in a few words that are the same each time.
    pub kind: &'static str,
    /// What the connection was doing.
    pub phase: Phase,
    /// Whether any byte of the response had come.
    pub response_begun: bool,
}

impl Failure {
    pub(crate) fn of(error: &Error) -> Self {
        Self { kind: error.kind().name(), phase: error.phase(), response_begun: error.has_response_begun() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.kind, self.phase)
    }
}

/// What is sent or received. Its debug form is without what may be secret.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Content<'a> {
    /// Where a connection is to lead, or would. It comes before all other contents.
    Destination {
        /// The server.
        host: &'a Host,
        /// A proxy in between.
        proxy: Option<&'a Host>,
    },
    /// The head of a request as it is sent.
    RequestHead(&'a [u8]),
    /// A slice of a request's body.
    RequestBody(&'a [u8]),
    /// The head of a response.
    ResponseHead(&'a Head),
    /// A slice of a response's body.
    ResponseBody(&'a [u8]),
    /// A failure in full. The [`Event`] comes before it.
    Failure(&'a Error),
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Destination { host, proxy } => write!(f, "Destination({host:?}, {proxy:?})"),
            Self::RequestHead(bytes) => write!(f, "RequestHead({} bytes)", bytes.len()),
            Self::RequestBody(bytes) => write!(f, "RequestBody({} bytes)", bytes.len()),
            Self::ResponseHead(head) => write!(f, "ResponseHead({head:?})"),
            Self::ResponseBody(bytes) => write!(f, "ResponseBody({} bytes)", bytes.len()),
            Self::Failure(error) => write!(f, "Failure({:?})", Failure::of(error)),
        }
    }
}

thread_local! {
    static TASK: Cell<Option<u64>> = const { Cell::new(None) };
}

/// For which of a program's tasks this thread works, as [`for_task`] was told: whose doing it is that an [`Observer`] is called now.
pub fn task_of_this_thread() -> Option<u64> {
    TASK.get()
}

/// This thread works for a task, by a number of the caller's, until the value is dropped.
#[must_use]
pub fn for_task(task: u64) -> ForTask {
    ForTask { before: TASK.replace(Some(task)) }
}

/// See [`for_task`].
#[derive(Debug)]
pub struct ForTask {
    before: Option<u64>,
}

impl Drop for ForTask {
    fn drop(&mut self) {
        TASK.set(self.before);
    }
}

/// The place of one observer, and the numbers of what it observes.
#[derive(Default)]
pub(crate) struct Observers {
    observer: RwLock<Option<Arc<dyn Observer>>>,
    /// Whether there is one: all that is looked at where there is none.
    is_there: AtomicBool,
    last_id: AtomicU64,
}

impl Observers {
    pub(crate) fn set(&self, observer: Option<Arc<dyn Observer>>) {
        let is_there = observer.is_some();
        let before = {
            let mut place = self.observer.write().unwrap_or_else(PoisonError::into_inner);
            self.is_there.store(is_there, Ordering::Release);
            std::mem::replace(&mut *place, observer)
        };
        drop(before);
    }

    pub(crate) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    pub(crate) fn next_id(&self) -> ConnectionId {
        ConnectionId(self.last_id.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(crate) fn event(&self, id: ConnectionId, event: Event<'_>) {
        if let Some(observer) = self.get() {
            observer.event(id, &event);
        }
    }

    /// That answers come from a store, and for which server.
    pub(crate) fn stored(&self, id: ConnectionId, store: Store, host: &Host) {
        self.event(id, Event::Stored(store));
        self.content(id, || Content::Destination { host, proxy: None });
    }

    pub(crate) fn stored_exchange(&self, exchange: &StoredExchange<'_>) {
        let id = self.next_id();
        self.stored(id, exchange.store, exchange.host);
        self.event(id, Event::Request { method: exchange.method, body: Some(0) });
        self.content(id, || Content::RequestHead(exchange.request_head));
        self.event(id, Event::Response { status: exchange.head.status });
        self.content(id, || Content::ResponseHead(exchange.head));
        self.event(id, Event::Received { bytes: exchange.body.len() as u64 });
        self.content(id, || Content::ResponseBody(exchange.body));
        self.event(id, Event::Complete);
        self.closed(id);
    }

    /// To be called when the connection is dropped, perhaps since the observer panicked: a second panic then would end the process.
    pub(crate) fn closed(&self, id: ConnectionId) {
        let told = catch_unwind(AssertUnwindSafe(|| self.event(id, Event::Closed)));
        if let Err(panic) = told
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }

    pub(crate) fn failure(&self, id: ConnectionId, error: &Error) {
        self.event(id, Event::Failed(Failure::of(error)));
        self.content(id, || Content::Failure(error));
    }

    /// `content` is made only where it is wanted.
    pub(crate) fn content<'a>(&self, id: ConnectionId, content: impl FnOnce() -> Content<'a>) {
        if let Some(observer) = self.get().filter(|observer| observer.wants_content()) {
            observer.content(id, content());
        }
    }

    fn get(&self) -> Option<Arc<dyn Observer>> {
        if !self.is_there() {
            return None;
        }
        self.observer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
