//! One HTTP/1.1 connection: the stream, the state of the protocol, and the bytes between the two.
//!
//! No call blocks. Each call processes the available data. [`Link::wait_for`] returns what the next call would wait for, and
//! [`Link::check_silence`] detects a server that has sent nothing for too long.

mod body;
mod head;
mod raw;
mod receive;
mod send;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_protocol::{Connection, Fields, Over, PeerError};

pub use self::body::Piece;
pub use self::head::Response;
pub use self::raw::Raw;
pub use self::receive::Received;
use self::send::Outgoing;
pub use self::send::Request;
use crate::address::Host;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Phase};
use crate::input::Input;
use crate::observer::{ConnectionId, Content, Event, Store};
use crate::ready::{Interest, Wait};
use crate::route::Route;
use crate::timings::{PackedTimings, Timings};
use crate::tls::TlsInfo;
use crate::transport::{Ending, NAP, Nothing, Probe, Stream};

/// A connection on which requests are sent and responses received, one exchange after the other.
pub struct Link {
    id: ConnectionId,
    context: Arc<Context>,
    /// Whether the observer is not notified, because this link is only a part of another one that reports it.
    is_silent: bool,
    /// The route to the server, which decides which requests may use this link. `None` over a stream of the caller.
    route: Option<Arc<Route>>,
    /// The value of `Host` over a stream of the caller.
    host: Option<String>,
    tls: Option<Arc<TlsInfo>>,
    stream: Box<dyn Stream>,
    connection: Connection,
    /// The number of requests so far.
    exchanges: u64,
    /// Whether bytes that belong to no request were written between two exchanges, so that the reply to them is not a response.
    is_in_other_hands: bool,
    /// Bytes that were received and not used.
    input: Input,
    /// Whether the input was examined and does not contain enough for the next step.
    is_lacking: bool,
    /// The request, until it has been written completely.
    outgoing: Option<Box<Outgoing>>,
    /// The number of bytes of the current request, head and body, that have been written.
    bytes_sent: u64,
    /// The length of the head of the current request, in bytes.
    head_len: u64,
    /// The number of returned body bytes that have not been reported to the observer.
    untold: u64,
    /// The reason why writing failed. The response may have arrived anyway, and is read first.
    write_error: Option<Arc<io::Error>>,
    /// How the stream ended. Nothing more is read from it.
    ended: Option<Ending>,
    /// The failure after bytes that were returned. The next read returns it.
    failure: Option<Error>,
    /// The head of a response that ends with its head before the request has been sent completely.
    early: Option<Response>,
    /// When the last byte was received, written, or found to have left the system.
    last_activity: Instant,
    /// A smaller number of unsent bytes in the system shows that the request makes progress.
    unsent: usize,
    /// When the current request began.
    began: Instant,
    timings: PackedTimings,
}

impl Link {
    /// Creates a link over a connected stream of the caller. `host` is the value of the `Host` header.
    pub fn over(context: Arc<Context>, stream: Box<dyn Stream>, host: Option<String>, now: Instant) -> Self {
        let id = context.observers().next_id();
        Self::of_id(id, context, stream, host, now)
    }

    /// Creates a link over a stream of the caller that leads to the same place as `route`.
    pub fn along(route: Arc<Route>, context: Arc<Context>, stream: Box<dyn Stream>, now: Instant) -> Self {
        Self::over(context, stream, None, now).made_by(route, Timings::default())
    }

    pub(crate) fn of_id(
        id: ConnectionId,
        context: Arc<Context>,
        stream: Box<dyn Stream>,
        host: Option<String>,
        now: Instant,
    ) -> Self {
        Self {
            input: context.input(),
            id,
            context,
            is_silent: false,
            route: None,
            host,
            tls: None,
            stream,
            connection: Connection::new(),
            exchanges: 0,
            is_in_other_hands: false,
            is_lacking: false,
            outgoing: None,
            bytes_sent: 0,
            untold: 0,
            head_len: 0,
            write_error: None,
            ended: None,
            failure: None,
            early: None,
            last_activity: now,
            unsent: 0,
            began: now,
            timings: PackedTimings::default(),
        }
    }

    /// Notifies the observer that the data of this link comes from a store, and which server would have been asked. Call it before the
    /// first request.
    pub fn tell_stored(&self, store: Store, host: &Host) {
        self.context.observers().stored(self.id, store, host);
    }

    /// Notifies the observer of a failure of the store.
    pub fn tell_failure(&self, error: &Error) {
        self.context.observers().failure(self.id, error);
    }

    /// Returns the number of this link. It is unique in the context.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Returns the route to the server, which is also the route of every request on this link. Returns `None` over a stream of the
    /// caller.
    pub fn route(&self) -> Option<&Arc<Route>> {
        self.route.as_ref()
    }

    /// Returns the parameters of TLS, or `None` without TLS.
    pub fn tls(&self) -> Option<&Arc<TlsInfo>> {
        self.tls.as_ref()
    }

    /// Returns whether no exchange is running and anyone can start another one. Returns `false` after bytes of another protocol were
    /// written ([`Raw::write`]).
    pub fn is_idle(&self) -> bool {
        self.connection.is_idle() && self.outgoing.is_none() && !self.is_in_other_hands
    }

    /// Returns the addresses of the other end and of this end, if the stream uses the network.
    pub fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        (self.stream.peer_addr(), self.stream.local_addr())
    }

    /// Returns whether a body, or its end, can be read.
    pub fn is_in_body(&self) -> bool {
        self.connection.is_in_body() || self.failure.is_some()
    }

    /// Returns whether the connection has switched to another protocol.
    pub fn is_switched(&self) -> bool {
        self.connection.is_switched()
    }

    /// Returns why the link cannot take another request, or `None` if it can.
    pub fn over_because(&self) -> Option<Over> {
        self.connection.over()
    }

    /// Returns whether the request is still being sent.
    pub fn is_sending(&self) -> bool {
        self.outgoing.is_some()
    }

    /// Returns how many bytes of the current request, including its head, were passed to the operating system.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent
    }

    /// Returns the same number without the head. If the length of the body is not known, the framing of its chunks counts, too.
    pub fn body_bytes_sent(&self) -> u64 {
        self.bytes_sent.saturating_sub(self.head_len)
    }

    /// Returns how long the phases took. The phases of the connection are the same for every request on it.
    pub fn timings(&self) -> Timings {
        self.timings.into()
    }

    /// Returns how long the phases of the current exchange took. The phases of the connection are `None` if an earlier exchange used it, as
    /// in HAR 1.2.
    pub fn timings_of_exchange(&self) -> Timings {
        let timings = self.timings();
        if self.exchanges > 1 { Timings { dns: None, connect: None, tls: None, ..timings } } else { timings }
    }

    /// Returns the same durations in a smaller form, for storage.
    pub fn packed_timings(&self) -> PackedTimings {
        self.timings
    }

    /// Takes the trailer fields of the last chunked body.
    pub fn take_trailers(&mut self) -> Fields {
        self.connection.take_trailers()
    }

    /// Adds what the link is waiting for to `wait`. `reading` is whether data of the response is wanted.
    pub fn wait_for(&self, reading: bool, wait: &mut Wait) {
        // The next read returns it. Whoever does not read now would only be woken repeatedly.
        let has_failure = reading && self.failure.is_some();
        // Data after the response answers no request, and would only wake the caller repeatedly.
        let reading = reading && (self.is_receiving() || self.outgoing.is_none());
        if has_failure || (reading && !self.input.is_empty() && !(self.is_lacking && self.is_receiving())) {
            return wait.now();
        }
        let is_starved = self.outgoing.as_ref().is_some_and(|outgoing| outgoing.is_starved);
        if is_starved {
            // Waiting for a stream that accepts data would only wake the caller repeatedly.
            wait.ask_again(NAP);
        }
        match (reading, self.outgoing.is_some() && !is_starved) {
            (true, true) => self.stream.wait_for(Interest::Both, wait),
            (true, false) => self.stream.wait_for(Interest::Read, wait),
            (false, true) => self.stream.wait_for(Interest::Write, wait),
            (false, false) => {}
        }
    }

    /// Returns the time at which there has been no data for `limit`, or `None` if the clock cannot represent it.
    pub fn silent_at(&self, limit: Duration) -> Option<Instant> {
        self.last_activity.checked_add(limit)
    }

    /// Fails if there was no data for `limit`. Call it when there is nothing to read: a program that was paused for longer first receives
    /// the data that arrived in the meantime.
    pub fn check_silence(&mut self, limit: Option<Duration>, now: Instant) -> Result<(), Error> {
        let Some(limit) = limit else { return Ok(()) };
        if self.silent_at(limit).is_none_or(|deadline| now < deadline) || self.request_gets_on(now) {
            return Ok(());
        }
        let phase = if self.is_receiving() { self.phase() } else { Phase::Sending };
        Err(self.failed(phase, ErrorKind::Timeout { limit, hop: None, tried: String::new() }))
    }

    /// Returns whether bytes of the request have left the system since the last call, or since the last write. The first call returns
    /// `true`, because it is unknown when the bytes left.
    fn request_gets_on(&mut self, now: Instant) -> bool {
        if self.unsent == 0 {
            return false;
        }
        let Some(unsent) = self.stream.unsent() else { return false };
        let gets_on = unsent < self.unsent;
        self.unsent = unsent;
        if gets_on {
            self.last_activity = now;
        }
        gets_on
    }

    /// Checks whether a request can be sent: the server has not ended the connection and has not sent data without a request.
    pub fn check_idle(&mut self) -> Result<(), Error> {
        if let Some(over) = self.connection.over() {
            return Err(self.failed(Phase::Idle, ErrorKind::NotReusable(over)));
        }
        if self.connection.is_switched() && (!self.input.is_empty() || self.ended.is_some()) {
            // The user of the other protocol reads the rest and finds the end.
            return Ok(());
        }
        if !self.input.is_empty() {
            let unsolicited = self.connection.unsolicited(self.input.bytes());
            return Err(self.unsolicited(unsolicited));
        }
        let probed = match &self.ended {
            None => self.stream.probe(),
            // A user of the raw bytes has already found the end.
            Some(ended) => ended.again().map(|_| Probe::End),
        };
        match probed {
            Ok(Probe::Quiet) => Ok(()),
            Ok(Probe::Data) if self.connection.is_switched() => Ok(()),
            Ok(Probe::Data) => {
                let mut start = [0; 64];
                let count = self.stream.read(&mut start).unwrap_or(0);
                let unsolicited = self.connection.unsolicited(&start[..count]);
                Err(self.unsolicited(unsolicited))
            }
            Ok(Probe::End) => Err(self.failed(Phase::Idle, ErrorKind::ClosedIdle)),
            Err(error) => Err(self.failed_because(Phase::Idle, ErrorKind::Broken, Some(Arc::new(error)))),
        }
    }

    /// Returns the stream, and the received bytes that have not been used.
    pub(crate) fn into_parts(mut self) -> (Box<dyn Stream>, Input) {
        let stream = std::mem::replace(&mut self.stream, Box::new(Nothing));
        (stream, std::mem::take(&mut self.input))
    }

    /// Sets the route and the timings of a link that was just established.
    pub(crate) fn made_by(mut self, route: Arc<Route>, timings: Timings) -> Self {
        self.route = Some(route);
        self.timings = timings.into();
        self
    }

    /// Disables the notifications of the observer for this link.
    pub(crate) fn silent(mut self) -> Self {
        self.is_silent = true;
        self
    }

    pub(crate) fn secured_by(mut self, tls: Option<Arc<TlsInfo>>) -> Self {
        self.tls = tls;
        self
    }

    /// Returns the current phase, for an error.
    fn phase(&self) -> Phase {
        if self.connection.is_in_body() { Phase::Body } else { Phase::Request }
    }

    /// Creates an error, and notifies the observer.
    fn failed(&mut self, phase: Phase, kind: ErrorKind) -> Error {
        self.failed_because(phase, kind, None)
    }

    fn failed_because(&mut self, phase: Phase, kind: ErrorKind, source: Option<Arc<io::Error>>) -> Error {
        self.tell_received();
        let begun = phase != Phase::Idle && self.timings.first_byte.is_some();
        let error = Error::new(phase, kind).after_response_began(begun).because_of(source);
        if !self.is_silent {
            self.context.observers().failure(self.id, &error);
        }
        error
    }

    fn unsolicited(&mut self, error: PeerError) -> Error {
        self.failed(Phase::Idle, ErrorKind::Unsolicited(error))
    }

    /// Notes that bytes were received.
    fn touch(&mut self, now: Instant) {
        self.last_activity = now;
        if self.outgoing.is_none() {
            self.unsent = 0;
        }
    }

    fn observe(&self, event: Event<'_>) {
        if !self.is_silent {
            self.context.observers().event(self.id, event);
        }
    }

    fn show<'a>(&self, content: impl FnOnce() -> Content<'a>) {
        if !self.is_silent {
            self.context.observers().content(self.id, content);
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.is_silent {
            self.context.observers().closed(self.id);
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("id", &self.id).field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Creates a link in memory that has sent a GET, and its other end.
#[cfg(test)]
fn asked(now: Instant) -> (Link, crate::memory::MemoryStream) {
    let (near, far) = crate::memory::pair(1 << 20);
    let mut link = Link::over(Context::shared().clone(), Box::new(near), None, now);
    let request = Request { method: http_protocol::Method::Get, url: "/", headers: &[], user_agent: "" };
    link.begin(&request, crate::Body::empty(), now).unwrap();
    (link, far)
}
