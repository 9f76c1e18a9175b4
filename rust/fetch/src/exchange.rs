//! The interface between calls and connections: [`Exchange`] sends requests and receives responses, and [`Dialer`] creates exchanges. A
//! [`Link`] of HTTP/1.1 is the usual exchange. A replayed file is another one, and so is the script of a test.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_net::{Body, Context, Dial, Dialled, Error, Link, Received, Request, Response, Route, Timings, TlsInfo, Wait};

/// Sends requests and receives their responses, one after the other. No method waits. To cancel an exchange, drop it.
pub trait Exchange: Send {
    /// Begins to send a request. An error is a mistake of the caller, or says that the connection is over.
    fn begin(&mut self, request: &Request<'_>, body: Body, now: Instant) -> Result<(), Error>;

    /// Makes progress with the request and the head of the response. Returns `None` until the head has arrived completely.
    fn receive_head(&mut self, now: Instant) -> Result<Option<Response>, Error>;

    /// Receives as much of the body as is available and fits into `room`, and continues to send the request.
    fn receive(&mut self, room: &mut [u8], now: Instant) -> Result<Received, Error>;

    /// Continues to send the request while nobody takes the received data.
    fn send(&mut self, now: Instant);

    /// Adds what the exchange is waiting for to `wait`. `reading` is whether data of the response is wanted.
    fn wait_for(&self, reading: bool, wait: &mut Wait);

    /// Returns the time at which there has been no data for `limit`.
    fn silent_at(&self, limit: Duration) -> Option<Instant>;

    /// Fails if there was no data for `limit`.
    fn check_silence(&mut self, limit: Duration, now: Instant) -> Result<(), Error>;

    /// Returns how many bytes of the request, including its head, were passed to the operating system.
    fn bytes_sent(&self) -> u64;

    /// Returns the same number for the body alone.
    fn body_bytes_sent(&self) -> u64;

    /// Returns whether the request is still being sent.
    fn is_sending(&self) -> bool;

    /// Returns how long the phases took. The phases of a connection are only part of its first exchange, so that the durations of a
    /// later exchange do not include them.
    fn timings(&self) -> Timings;

    /// Returns the parameters of TLS, or `None` without TLS.
    fn tls(&self) -> Option<Arc<TlsInfo>>;

    /// Returns the route that every request on this connection follows. A connection without a route is not kept for later requests.
    fn route(&self) -> Option<&Arc<Route>>;

    /// Returns whether the last exchange is over and another one can follow.
    fn is_reusable(&self) -> bool;

    /// Checks that this is still so: the connection has not ended, and no data came without a request.
    fn check_idle(&mut self) -> Result<(), Error>;

    /// Returns whether `begin` failed because the replayed file has no response. Always `false` on a network.
    fn has_missed(&self) -> bool {
        false
    }

    /// Returns the connection alone, without the wrapper that observed the last exchange.
    fn bare(self: Box<Self>) -> Box<dyn Exchange>;
}

/// Creates exchanges.
pub trait Dialer: Send + Sync {
    /// Starts to connect. This can take up to `limit`.
    fn dial(
        &self,
        route: Arc<Route>,
        limit: Option<Duration>,
        user_agent: Arc<str>,
        now: Instant,
    ) -> Result<Box<dyn Dialing>, Error>;

    /// Returns the context of the exchanges.
    fn context(&self) -> Arc<Context>;
}

/// An exchange that is being established.
pub trait Dialing: Send {
    /// Makes progress. Returns `None` while it is waiting for something.
    fn advance(&mut self, now: Instant) -> Result<Option<Box<dyn Exchange>>, Error>;

    /// Returns whether a name is still being looked up.
    fn is_resolving(&self) -> bool {
        false
    }

    /// Adds what it is waiting for to `wait`.
    fn wait_for(&self, wait: &mut Wait);
}

/// Connects over the network.
#[derive(Clone, Debug)]
pub struct Network(
    /// The context.
    pub Arc<Context>,
);

impl Dialer for Network {
    fn dial(
        &self,
        route: Arc<Route>,
        limit: Option<Duration>,
        user_agent: Arc<str>,
        now: Instant,
    ) -> Result<Box<dyn Dialing>, Error> {
        Ok(Box::new(Dial::start(&self.0, route, limit, user_agent, now)?))
    }

    fn context(&self) -> Arc<Context> {
        self.0.clone()
    }
}

impl Dialing for Dial {
    fn advance(&mut self, now: Instant) -> Result<Option<Box<dyn Exchange>>, Error> {
        loop {
            match Dial::advance(self, now)? {
                Dialled::Pending => return Ok(None),
                Dialled::Resolved => {}
                Dialled::Link(link) => return Ok(Some(link)),
            }
        }
    }

    fn is_resolving(&self) -> bool {
        Dial::is_resolving(self)
    }

    fn wait_for(&self, wait: &mut Wait) {
        Dial::wait_for(self, wait);
    }
}

impl Exchange for Link {
    fn begin(&mut self, request: &Request<'_>, body: Body, now: Instant) -> Result<(), Error> {
        Link::begin(self, request, body, now)
    }

    fn receive_head(&mut self, now: Instant) -> Result<Option<Response>, Error> {
        Link::receive_head(self, now)
    }

    fn receive(&mut self, room: &mut [u8], now: Instant) -> Result<Received, Error> {
        Link::receive(self, room, now)
    }

    fn send(&mut self, now: Instant) {
        Link::send(self, now);
    }

    fn wait_for(&self, reading: bool, wait: &mut Wait) {
        Link::wait_for(self, reading, wait);
    }

    fn silent_at(&self, limit: Duration) -> Option<Instant> {
        Link::silent_at(self, limit)
    }

    fn check_silence(&mut self, limit: Duration, now: Instant) -> Result<(), Error> {
        Link::check_silence(self, Some(limit), now)
    }

    fn bytes_sent(&self) -> u64 {
        Link::bytes_sent(self)
    }

    fn body_bytes_sent(&self) -> u64 {
        Link::body_bytes_sent(self)
    }

    fn is_sending(&self) -> bool {
        Link::is_sending(self)
    }

    fn timings(&self) -> Timings {
        Link::timings_of_exchange(self)
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        Link::tls(self).cloned()
    }

    fn route(&self) -> Option<&Arc<Route>> {
        Link::route(self)
    }

    fn is_reusable(&self) -> bool {
        Link::is_idle(self) && self.over_because().is_none()
    }

    fn check_idle(&mut self) -> Result<(), Error> {
        Link::check_idle(self)
    }

    fn bare(self: Box<Self>) -> Box<dyn Exchange> {
        self
    }
}
