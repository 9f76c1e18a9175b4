//! What a call knows of connections: something to exchange on, and something that makes one. A [`Link`] of HTTP/1.1 is the first kind;
//! one that answers from a file is another, and so is a test's script.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_net::{Body, Context, Dial, Dialled, Error, Link, Received, Request, Response, Route, Timings, TlsInfo, Wait};

/// Something that requests are sent on and responses received from, one after the other. Nothing here waits; to cancel one, drop it.
pub trait Exchange: Send {
    /// Begins to send a request. An error here is a misuse, or says that the connection is over.
    fn begin(&mut self, request: &Request<'_>, body: Body, now: Instant) -> Result<(), Error>;

    /// Gets further with the request and the response's head; none as long as the head has not all arrived.
    fn receive_head(&mut self, now: Instant) -> Result<Option<Response>, Error>;

    /// Receives as much of the body as is there and `room` takes, and goes on with the request.
    fn receive(&mut self, room: &mut [u8], now: Instant) -> Result<Received, Error>;

    /// Goes on with the request alone, while nobody takes what is received.
    fn send(&mut self, now: Instant);

    /// Says what to wait for until there is something to do; `reading` is whether bytes of the response are wanted.
    fn wait_for(&self, reading: bool, wait: &mut Wait);

    /// When nothing will have moved for this long.
    fn silent_at(&self, limit: Duration) -> Option<Instant>;

    /// Fails if nothing moved for `limit`.
    fn check_silence(&mut self, limit: Duration, now: Instant) -> Result<(), Error>;

    /// Bytes of the request, head included, that were handed to the system.
    fn bytes_sent(&self) -> u64;

    /// The same of its body alone.
    fn body_bytes_sent(&self) -> u64;

    /// Whether the request is not all written.
    fn is_sending(&self) -> bool;

    /// How long the phases took.
    fn timings(&self) -> Timings;

    /// What TLS agreed on; none without TLS.
    fn tls(&self) -> Option<Arc<TlsInfo>>;

    /// Whether the last exchange is over and another may follow.
    fn is_reusable(&self) -> bool;

    /// Looks whether it still is, now: nobody has ended it, and no bytes are left over that answer nothing.
    fn check_idle(&mut self) -> Result<(), Error>;

    /// Whether `begin` failed because a file that answers has no answer; on a network nothing does.
    fn has_missed(&self) -> bool {
        false
    }

    /// The connection alone, without who watches the exchange that is over.
    fn bare(self: Box<Self>) -> Box<dyn Exchange>;
}

/// Makes something to exchange on.
pub trait Dialer: Send + Sync {
    /// Starts. It may take `limit`.
    fn dial(
        &self,
        route: Arc<Route>,
        limit: Option<Duration>,
        user_agent: Arc<str>,
        now: Instant,
    ) -> Result<Box<dyn Dialing>, Error>;

    /// The world that what it makes is in.
    fn context(&self) -> Arc<Context>;
}

/// Something to exchange on that is being made.
pub trait Dialing: Send {
    /// Gets further; none as long as it waits for something.
    fn advance(&mut self, now: Instant) -> Result<Option<Box<dyn Exchange>>, Error>;

    /// Whether a name is still being looked up.
    fn is_resolving(&self) -> bool {
        false
    }

    /// Says what to wait for until there is something to do.
    fn wait_for(&self, wait: &mut Wait);
}

/// Dials over the network.
#[derive(Clone, Debug)]
pub struct Network(
    /// The world around it.
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
        Link::timings(self)
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        Link::tls(self).cloned()
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
