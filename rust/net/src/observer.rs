//! Observers: they receive the phases, counts and failures of every connection and exchange, and also the content if they ask for it.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use http_protocol::{Head, Method};

use crate::address::Host;
use crate::error::{Error, Phase};
use crate::tls::TlsInfo;

/// Receives what connections do. The methods are called on the thread of the connection, between two steps of its work. They must return
/// soon and must not call the connection.
pub trait Observer: Send + Sync {
    /// Called when something happened. The event contains no secrets: no header values, no targets, no bodies.
    fn event(&self, connection: ConnectionId, event: &Event<'_>);

    /// Returns whether [`content`](Self::content) is called.
    fn wants_content(&self) -> bool {
        false
    }

    /// Called with the data that is sent and received, including credentials. Slices of a body come as they are read or written, without
    /// the transfer coding.
    fn content(&self, connection: ConnectionId, content: Content<'_>) {
        let _ = (connection, content);
    }
}

/// The number of a connection, or of an attempt to connect. It is unique in the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// Returns the number.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Something that happened on a connection.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// There is no connection, because the response comes from a store. This event comes before all others.
    Stored(Store),
    /// A name is being looked up.
    Resolving,
    /// A TCP connection is being established.
    Connecting {
        /// The number of addresses.
        addresses: usize,
    },
    /// The TCP connection is established.
    Connected {
        /// The address of the other end.
        peer: Option<SocketAddr>,
    },
    /// A proxy has opened a tunnel.
    Tunnelled,
    /// The TLS handshake is complete.
    Secured(&'a TlsInfo),
    /// A request begins.
    Request {
        /// The method of the request.
        method: Method,
        /// The length of the body in bytes, or `None` if it is not known.
        body: Option<u64>,
    },
    /// Bytes of the request, head or body, were passed to the operating system.
    Sent {
        /// The number of bytes.
        bytes: u64,
    },
    /// The final head of the response has arrived.
    Response {
        /// The status code.
        status: u16,
    },
    /// Bytes of the response body were passed to the caller.
    Received {
        /// The number of bytes.
        bytes: u64,
    },
    /// The exchange is complete.
    Complete,
    /// The connection, or the attempt to connect, failed.
    Failed(Failure),
    /// This end has closed the connection, or the attempt to connect is over. This is the last event of a connection.
    Closed,
}

/// The source of a response that does not come from a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Store {
    /// A recorded file.
    Replay,
    /// The cache of earlier responses.
    Cache,
}

/// A complete exchange with a store. See [`Context::tell_stored`](crate::Context::tell_stored).
#[derive(Clone, Copy, Debug)]
pub struct StoredExchange<'a> {
    /// The store.
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

/// A failure without the offending text, because the sentence of an [`Error`] can contain a part of a header or a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// A short name of the kind of failure.
    pub kind: &'static str,
    /// What the connection was doing.
    pub phase: Phase,
    /// Whether any byte of the response had arrived.
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

/// Data that is sent or received. Its debug output contains no data that can be secret.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Content<'a> {
    /// The destination of a connection. This comes before all other content.
    Destination {
        /// The server.
        host: &'a Host,
        /// The proxy, if there is one.
        proxy: Option<&'a Host>,
    },
    /// The head of a request as it is sent.
    RequestHead(&'a [u8]),
    /// A slice of a request body.
    RequestBody(&'a [u8]),
    /// The head of a response.
    ResponseHead(&'a Head),
    /// A slice of a response body.
    ResponseBody(&'a [u8]),
    /// The complete failure. The [`Event`] comes before it.
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

/// Returns the task for which this thread is working, as set with [`for_task`]. With it, an [`Observer`] can tell which task caused a
/// call.
///
/// The number is only unique for the code that counts the tasks: two workers with their own mailboxes both have a task 1.
pub fn task_of_this_thread() -> Option<u64> {
    TASK.get()
}

/// Notes that this thread works for a task until the result is dropped. `task` is a number of the caller. The result cannot move to
/// another thread:
///
/// ```compile_fail,E0277
/// let task = http_net::for_task(1);
/// std::thread::spawn(move || drop(task));
/// ```
#[must_use]
pub fn for_task(task: u64) -> ForTask {
    ForTask { before: TASK.replace(Some(task)), of_this_thread: PhantomData }
}

/// The guard that [`for_task`] returns.
#[derive(Debug)]
pub struct ForTask {
    before: Option<u64>,
    of_this_thread: PhantomData<*const ()>,
}

impl Drop for ForTask {
    fn drop(&mut self) {
        TASK.set(self.before);
    }
}

/// Holds one observer, and counts what it observes.
#[derive(Default)]
pub(crate) struct Observers {
    observer: RwLock<Option<Arc<dyn Observer>>>,
    /// Whether there is an observer. This is the only check if there is none.
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

    /// Notifies the observer that responses come from a store, and for which server.
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

    /// Notifies the observer that the connection is closed. It is called by `drop`, possibly because the observer panicked; a second panic
    /// would then end the process.
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

    /// Passes content to the observer. `content` is only called if the observer wants it.
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
