//! Establishes a link for a route: resolves the name, connects, asks a proxy for a tunnel, and performs the TLS handshake.
//!
//! ```text
//! Resolving      ──▶ Connecting        an address needs no look-up, and begins here
//! Connecting     ──▶ a link
//! Connecting     ──▶ Tunnelling        with TLS, through a proxy
//! Connecting     ──▶ AwaitingConfig    with TLS
//! Tunnelling     ──▶ AwaitingConfig
//! AwaitingConfig ──▶ Handshake
//! Handshake      ──▶ a link
//! Handshake      ──▶ Connecting        once more, where the server broke off a handshake that offered a session
//! ```
//!
//! An error can end every step. `drawing.rs` takes all steps and compares them with this diagram.

#[cfg(test)]
mod drawing;
mod race;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use http_protocol::Method;

use self::race::{Progress, Race};
use crate::body::Body;
use crate::context::Context;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Phase, ProxyProblem, TlsFailure};
use crate::input::Input;
use crate::link::{Link, Request};
use crate::observer::{ConnectionId, Content, Event};
use crate::proxy::refusal;
use crate::ready::{Interest, Wait};
use crate::resolve::Lookup;
use crate::route::Route;
use crate::timings::Timings;
use crate::tls::{PendingConfig, TlsInfo, TlsOptions, TlsStream, options_fail};
use crate::transport::{Stream, TcpStream};

/// A link that is being established.
pub struct Dial {
    id: ConnectionId,
    context: Arc<Context>,
    route: Arc<Route>,
    /// The value of `User-Agent` for a proxy.
    user_agent: Arc<str>,
    step: Step,
    /// Whether the link exists. It keeps the number of this dial.
    is_made: bool,
    /// The TLS configuration, which a worker prepares in the meantime.
    config: Option<PendingConfig>,
    limit: Option<Duration>,
    deadline: Deadline,
    step_began: Instant,
    /// The addresses of the first hop.
    addresses: Vec<SocketAddr>,
    /// Whether this attempt offers no session, because the server aborted a handshake that offered one.
    without_session: bool,
    timings: Timings,
}

enum Step {
    Resolving(Lookup),
    Connecting(Race),
    /// The proxy has been asked for a tunnel.
    Tunnelling(Box<Link>),
    /// The trusted certificates are still being read.
    AwaitingConfig {
        below: Box<dyn Stream>,
        received: Input,
    },
    Handshake(Box<TlsStream>),
    /// The state while a step is being taken.
    Over,
}

/// The result of one step.
enum Outcome {
    Pending(Step),
    Next(Step),
    Made(Box<Link>),
}

/// The progress of a [`Dial`].
#[derive(Debug)]
pub enum Dialled {
    /// The dial is waiting for something.
    Pending,
    /// The name is resolved, and the connection is being established.
    Resolved,
    /// The link is established.
    Link(Box<Link>),
}

impl Dial {
    /// Starts to establish a link. All steps together can take up to `limit`.
    pub fn start(
        context: &Arc<Context>,
        route: Arc<Route>,
        limit: Option<Duration>,
        user_agent: Arc<str>,
        now: Instant,
    ) -> Result<Self, Error> {
        let mut dial = Self {
            id: context.observers().next_id(),
            config: route.tls.as_ref().map(|options| context.tls().config(options)),
            context: context.clone(),
            user_agent,
            step: Step::Over,
            is_made: false,
            limit,
            deadline: Deadline::new(limit, now),
            step_began: now,
            addresses: Vec::new(),
            without_session: false,
            timings: Timings::default(),
            route,
        };
        context.observers().content(dial.id, || Content::Destination {
            host: &dial.route.host,
            proxy: dial.route.proxy.as_ref().map(|proxy| &proxy.host),
        });
        let hop = dial.route.first_hop();
        dial.step = match hop.direct_address() {
            Some(address) => dial.connect(vec![address], now).map_err(|error| dial.observed(error))?,
            None => {
                dial.observe(Event::Resolving);
                Step::Resolving(context.resolver().look_up(&hop.name_to_resolve(), now))
            }
        };
        Ok(dial)
    }

    /// Returns the route to the server.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// Returns whether the name is still being looked up.
    pub fn is_resolving(&self) -> bool {
        matches!(self.step, Step::Resolving(_))
    }

    /// Makes progress. One call ends the name lookup, and another one can take all further steps. A deadline only counts if there is
    /// nothing to process.
    pub fn advance(&mut self, now: Instant) -> Result<Dialled, Error> {
        loop {
            let was_resolving = self.is_resolving();
            let outcome = self.take_step(now);
            self.deadline.look(now);
            match outcome {
                Ok(Outcome::Made(link)) => return Ok(Dialled::Link(link)),
                Ok(Outcome::Next(step)) => {
                    self.step = step;
                    self.deadline.next_step();
                    if was_resolving && !self.is_resolving() {
                        return Ok(Dialled::Resolved);
                    }
                }
                Ok(Outcome::Pending(step)) => {
                    self.step = step;
                    return if self.deadline.has_passed(now) {
                        Err(self.observed(self.timed_out()))
                    } else {
                        Ok(Dialled::Pending)
                    };
                }
                Err(error) => return Err(self.observed(error)),
            }
        }
    }

    /// Adds what the dial is waiting for to `wait`.
    pub fn wait_for(&self, wait: &mut Wait) {
        if let Some(deadline) = self.deadline.at() {
            wait.until(deadline);
        }
        match &self.step {
            Step::Resolving(lookup) => lookup.wait_for(wait),
            Step::Connecting(race) => race.wait_for(wait),
            Step::Tunnelling(link) => link.wait_for(true, wait),
            Step::AwaitingConfig { .. } => self.config.iter().for_each(|config| config.wait_for(wait)),
            Step::Handshake(stream) => stream.wait_for(Interest::Read, wait),
            Step::Over => wait.now(),
        }
    }

    fn take_step(&mut self, now: Instant) -> Result<Outcome, Error> {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Resolving(lookup) => match lookup.result() {
                None => Ok(Outcome::Pending(Step::Resolving(lookup))),
                Some(answer) => {
                    self.timings.dns = Some(self.finish_step(now));
                    match answer.addresses {
                        Ok(addresses) => {
                            let port = self.route.first_hop().port;
                            let with_port = |mut address: SocketAddr| {
                                address.set_port(port);
                                address
                            };
                            self.connect(addresses.iter().copied().map(with_port).collect(), now).map(Outcome::Next)
                        }
                        Err(reason) => {
                            let kind = ErrorKind::Resolve { hop: self.route.hop(), reason: reason.to_string() };
                            Err(Error::new(Phase::Resolve, kind))
                        }
                    }
                }
            },
            Step::Connecting(mut race) => match race.advance(now) {
                Progress::Pending => Ok(Outcome::Pending(Step::Connecting(race))),
                Progress::Failed(reason, source) => Err(self.cannot_connect(reason, source)),
                Progress::Connected(socket) => {
                    let stream: Box<dyn Stream> = Box::new(TcpStream::new(socket));
                    self.observe(Event::Connected { peer: stream.peer_addr() });
                    if self.route.is_tunnelled() {
                        return self.ask_for_tunnel(stream, now).map(Outcome::Next);
                    }
                    self.note_connected(now);
                    Ok(match self.route.tls {
                        None => self.made(stream, None, now),
                        Some(_) => {
                            Outcome::Next(Step::AwaitingConfig { below: stream, received: self.context.input() })
                        }
                    })
                }
            },
            Step::Tunnelling(link) => self.advance_tunnel(link, now),
            Step::AwaitingConfig { below, received } => {
                let Some(config) = self.config.as_ref().and_then(PendingConfig::result) else {
                    return Ok(Outcome::Pending(Step::AwaitingConfig { below, received }));
                };
                let config = config.map_err(|sentence| Error::tls(options_fail(&*sentence)))?;
                let options = self.route.tls.clone().unwrap_or_default();
                let name = &self.route.host.name;
                let stream = TlsStream::new(&config, &options, name, below, received, !self.without_session);
                Ok(Outcome::Next(Step::Handshake(Box::new(stream.map_err(Error::tls)?))))
            }
            Step::Handshake(mut stream) => match stream.handshake() {
                Ok(false) => Ok(Outcome::Pending(Step::Handshake(stream))),
                Ok(true) => {
                    self.note_handshake(now);
                    let tls = Arc::new(stream.info());
                    self.observe(Event::Secured(&tls));
                    Ok(self.made(stream, Some(tls), now))
                }
                // Try again without a session (RFC 5246 §7.2.2, RFC 8446 §6.2).
                Err(_) if !self.without_session && stream.forget_sessions() => {
                    self.without_session = true;
                    self.note_handshake(now);
                    let addresses = std::mem::take(&mut self.addresses);
                    self.connect(addresses, now).map(Outcome::Next)
                }
                Err(failure) => Err(Error::tls(failure)),
            },
            Step::Over => Err(self.cannot_connect("the attempt is over".to_owned(), None)),
        }
    }

    fn connect(&mut self, addresses: Vec<SocketAddr>, now: Instant) -> Result<Step, Error> {
        self.observe(Event::Connecting { addresses: addresses.len() });
        let mut race = Race::new(&addresses, now);
        self.addresses = addresses;
        if race.is_hopeless()
            && let Progress::Failed(reason, source) = race.advance(now)
        {
            return Err(self.cannot_connect(reason, source));
        }
        Ok(Step::Connecting(race))
    }

    fn ask_for_tunnel(&self, stream: Box<dyn Stream>, now: Instant) -> Result<Step, Error> {
        let authority = self.route.host.authority();
        let authorization = self.route.proxy.as_ref().and_then(|proxy| proxy.authorization_header());
        let request = Request {
            method: Method::Connect,
            url: &authority,
            headers: &authorization.iter().map(String::as_str).collect::<Vec<_>>(),
            user_agent: &self.user_agent,
        };
        let mut link = Link::of_id(self.id, self.context.clone(), stream, Some(authority.clone()), now).silent();
        link.begin(&request, Body::empty(), now)?;
        Ok(Step::Tunnelling(Box::new(link)))
    }

    fn advance_tunnel(&mut self, mut link: Box<Link>, now: Instant) -> Result<Outcome, Error> {
        match link.receive_head(now) {
            Ok(None) => Ok(Outcome::Pending(Step::Tunnelling(link))),
            Ok(Some(_)) if link.is_switched() => {
                self.note_connected(now);
                self.observe(Event::Tunnelled);
                let (below, received) = link.into_parts();
                Ok(Outcome::Next(Step::AwaitingConfig { below, received }))
            }
            Ok(Some(response)) => Err(self.proxy_failed(refusal(&response.head))),
            Err(error) => Err(self.proxy_failed(ProxyProblem::Failed(error))),
        }
    }

    fn made(&mut self, stream: Box<dyn Stream>, tls: Option<Arc<TlsInfo>>, now: Instant) -> Outcome {
        self.is_made = true;
        let link = Link::of_id(self.id, self.context.clone(), stream, None, now);
        Outcome::Made(Box::new(link.made_by(self.route.clone(), self.timings).secured_by(tls)))
    }

    fn note_connected(&mut self, now: Instant) {
        let step = self.finish_step(now);
        Timings::add(&mut self.timings.connect, step);
    }

    fn note_handshake(&mut self, now: Instant) {
        let step = self.finish_step(now);
        Timings::add(&mut self.timings.tls, step);
    }

    /// Returns the duration of a step, and starts measuring the next one.
    fn finish_step(&mut self, now: Instant) -> Duration {
        now.saturating_duration_since(std::mem::replace(&mut self.step_began, now))
    }

    fn timed_out(&self) -> Error {
        let (phase, tried) = match &self.step {
            Step::Resolving(_) => (Phase::Resolve, String::new()),
            Step::Connecting(race) => (Phase::Connect, race.addresses()),
            Step::Tunnelling(_) => (Phase::Proxy, String::new()),
            Step::AwaitingConfig { .. } | Step::Handshake(_) | Step::Over => (Phase::Tls, String::new()),
        };
        let limit = self.limit.unwrap_or_default();
        Error::new(phase, ErrorKind::Timeout { limit, hop: Some(self.route.hop()), tried })
    }

    fn cannot_connect(&self, reason: String, source: Option<Arc<io::Error>>) -> Error {
        Error::new(Phase::Connect, ErrorKind::Connect { hop: self.route.hop(), reason }).because_of(source)
    }

    fn proxy_failed(&self, problem: ProxyProblem) -> Error {
        Error::new(Phase::Proxy, ErrorKind::Proxy { hop: self.route.hop(), problem })
    }

    fn observe(&self, event: Event<'_>) {
        self.context.observers().event(self.id, event);
    }

    fn observed(&self, error: Error) -> Error {
        self.context.observers().failure(self.id, &error);
        error
    }
}

impl Drop for Dial {
    fn drop(&mut self) {
        if !self.is_made {
            self.context.observers().closed(self.id);
        }
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").field("route", &self.route).finish_non_exhaustive()
    }
}

/// For the tests and the fuzz targets of this repository.
impl TlsStream {
    /// Starts TLS over `below` with the server of this name. Blocks while certificates are read.
    #[doc(hidden)]
    pub fn start(
        context: &Context,
        below: Box<dyn Stream>,
        host: &str,
        options: &TlsOptions,
    ) -> Result<Self, TlsFailure> {
        let pending = context.tls().config(options);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            if let Some(config) = pending.result() {
                let config = config.map_err(|sentence| options_fail(&*sentence))?;
                return Self::new(&config, options, host, below, context.input(), true);
            }
            let mut wait = Wait::new(&waker);
            pending.wait_for(&mut wait);
            if wait.longest(context.now()).is_none() {
                thread::park();
            }
        }
    }
}

/// Wakes a thread that waits for a worker. It uses no file descriptor.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
