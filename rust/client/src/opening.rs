//! From a host to an open connection: resolve, connect, have a proxy make a tunnel, secure.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_protocol::{Excerpt, Head, Method, Request};

use crate::connector::{Connector, Progress};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorCode};
use crate::host::{Host, to_ascii};
use crate::input::Input;
use crate::link::{Failure, Link, Patience};
use crate::proxy::Proxy;
use crate::resolver::{self, Lookup};
use crate::settings::Settings;
use crate::status::Status;
use crate::stream::{Stream, TcpStream};
use crate::timings::Timings;
use crate::tls::{self, PendingConfig, TlsInfo, TlsOptions, TlsStream};
use crate::wait::{self, Cancel, Interest};

/// How a server is reached.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) host: Host,
    /// A proxy in between.
    pub(crate) proxy: Option<Arc<Proxy>>,
    /// How the connection is secured; none is not at all.
    pub(crate) tls: Option<TlsOptions>,
}

/// A connection that is being opened.
pub(crate) struct Opening {
    pub(crate) route: Arc<Route>,
    step: Step,
    /// Made by a worker meanwhile.
    config: Option<PendingConfig>,
    deadline: Deadline,
    step_began: Instant,
    /// Of the first hop.
    addresses: Vec<SocketAddr>,
    /// The server broke off a handshake that offered a session; this attempt offers none.
    without_session: bool,
    pub(crate) timings: Timings,
}

enum Step {
    Resolving(Lookup),
    Connecting(Connector),
    /// The proxy was asked for a tunnel.
    Tunnelling(Box<Link>),
    /// The trusted certificates are still being read.
    AwaitingConfig {
        below: Box<dyn Stream>,
        received: Input,
    },
    Handshake(Box<TlsStream>),
    /// Between two steps.
    Over,
}

/// An open connection.
pub(crate) struct Opened {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) tls: Option<Arc<TlsInfo>>,
}

/// Why opening failed, and the status that shows it.
pub(crate) struct OpenFailure {
    pub(crate) status: Status,
    pub(crate) error: Error,
}

/// What came of one step.
enum Outcome {
    Pending,
    Next(Step),
    Opened(Opened),
}

impl Opening {
    pub(crate) fn start(route: Route, settings: &Settings) -> Result<Self, OpenFailure> {
        let now = Instant::now();
        let first_hop = route.first_hop().clone();
        let mut opening = Self {
            config: route.tls.as_ref().map(tls::config),
            route: Arc::new(route),
            step: Step::Over,
            deadline: Deadline::new(settings.connect_timeout, now),
            step_began: now,
            addresses: Vec::new(),
            without_session: false,
            timings: Timings::default(),
        };
        opening.step = match first_hop.direct_address() {
            Some(address) => opening.connect(&[address])?,
            None => Step::Resolving(resolver::look_up(&first_hop.name_to_resolve())),
        };
        Ok(opening)
    }

    pub(crate) fn status(&self) -> Status {
        if matches!(self.step, Step::Resolving(_)) { Status::Resolving } else { Status::Connecting }
    }

    /// Gets further: out of [`Status::Resolving`] in one call, through all that is [`Status::Connecting`] in another. The connection, once it is
    /// open.
    pub(crate) fn poll(&mut self, settings: &Settings, cancel: &Cancel) -> Result<Option<Opened>, OpenFailure> {
        loop {
            let status = self.status();
            let outcome = self.advance(settings, cancel)?;
            // The clock comes after the look: what is there counts, however late it is found.
            let now = Instant::now();
            self.deadline.look(now);
            match outcome {
                Outcome::Opened(opened) => return Ok(Some(opened)),
                Outcome::Next(step) => {
                    self.step = step;
                    self.deadline.next_step();
                    if self.status() != status {
                        return Ok(None);
                    }
                }
                Outcome::Pending if self.deadline.has_passed(now) => return Err(self.timed_out(settings)),
                Outcome::Pending if cancel.is_set() => {
                    return Err(OpenFailure { status: Status::Disconnected, error: Failure::Closed.into_error() });
                }
                Outcome::Pending if settings.blocking => self.sleep(),
                Outcome::Pending => return Ok(None),
            }
        }
    }

    fn advance(&mut self, settings: &Settings, cancel: &Cancel) -> Result<Outcome, OpenFailure> {
        match std::mem::replace(&mut self.step, Step::Over) {
            Step::Resolving(lookup) => match lookup.result() {
                None => Ok(self.wait_in(Step::Resolving(lookup))),
                Some(answer) => {
                    self.timings.dns = Some(self.finish_step());
                    match answer.addresses {
                        Ok(addresses) => self.connect(&addresses).map(Outcome::Next),
                        Err(reason) => {
                            Err(self.cannot_resolve(&format!("{reason}; check its spelling and the network")))
                        }
                    }
                }
            },
            Step::Connecting(mut connector) => match connector.poll() {
                Progress::Pending => Ok(self.wait_in(Step::Connecting(connector))),
                Progress::Failed(reason) => Err(self.cannot_connect(&reason)),
                Progress::Connected(socket) => {
                    let stream: Box<dyn Stream> = Box::new(TcpStream::new(socket));
                    if self.route.is_tunnelled() {
                        return self.ask_for_tunnel(stream, settings).map(Outcome::Next);
                    }
                    self.timings.connect = Some(self.finish_step());
                    Ok(match self.route.tls {
                        None => Outcome::Opened(Opened { stream, tls: None }),
                        Some(_) => Outcome::Next(Step::AwaitingConfig { below: stream, received: Input::default() }),
                    })
                }
            },
            Step::Tunnelling(link) => self.advance_tunnel(link, cancel),
            Step::AwaitingConfig { below, received } => {
                let Some(config) = self.config.as_ref().and_then(PendingConfig::result) else {
                    return Ok(self.wait_in(Step::AwaitingConfig { below, received }));
                };
                let config = config.map_err(|reason| self.tls_failed(&reason))?;
                let options = self.route.tls.clone().unwrap_or_default();
                let stream =
                    TlsStream::new(&config, &options, &self.route.host.name, below, received, !self.without_session);
                Ok(Outcome::Next(Step::Handshake(Box::new(stream.map_err(|reason| self.tls_failed(&reason))?))))
            }
            Step::Handshake(mut stream) => match stream.handshake() {
                Ok(false) => Ok(self.wait_in(Step::Handshake(stream))),
                Ok(true) => {
                    self.timings.tls = Some(self.finish_step());
                    let tls = Some(Arc::new(stream.info()));
                    Ok(Outcome::Opened(Opened { stream, tls }))
                }
                // Once more, as a stranger (RFC 5246 §7.2.2, RFC 8446 §6.2).
                Err(_) if !self.without_session && stream.forget_sessions() => {
                    self.without_session = true;
                    let addresses = self.addresses.clone();
                    self.connect(&addresses).map(Outcome::Next)
                }
                Err(reason) => Err(self.tls_failed(&reason)),
            },
            Step::Over => Err(self.cannot_connect("the attempt is over")),
        }
    }

    fn connect(&mut self, addresses: &[SocketAddr]) -> Result<Step, OpenFailure> {
        self.addresses = addresses.to_vec();
        let mut connector = Connector::new(addresses, self.route.first_hop().port);
        if connector.is_hopeless()
            && let Progress::Failed(reason) = connector.poll()
        {
            return Err(self.cannot_connect(&reason));
        }
        Ok(Step::Connecting(connector))
    }

    fn ask_for_tunnel(&self, stream: Box<dyn Stream>, settings: &Settings) -> Result<Step, OpenFailure> {
        let authority = self.route.host.authority();
        let authorization = self.route.proxy.as_ref().and_then(|proxy| proxy.authorization_header());
        let request = Request {
            method: Method::Connect,
            url: &authority,
            headers: &authorization.iter().map(String::as_str).collect::<Vec<_>>(),
            body_len: 0,
            host: &authority,
            user_agent: &settings.user_agent,
            proxy_prefix: "",
        };
        let mut link = Box::new(Link::new(stream));
        let begun = match request.encode() {
            Ok((head, facts)) => link.begin(head, facts, Box::new([0; 0])),
            Err(error) => Err(error.into()),
        };
        begun.map_err(|error| self.cannot_connect(&error.message))?;
        Ok(Step::Tunnelling(link))
    }

    fn advance_tunnel(&mut self, mut link: Box<Link>, cancel: &Cancel) -> Result<Outcome, OpenFailure> {
        // It is this loop that waits, and the connect timeout that ends it.
        let patience = Patience { blocking: false, read_timeout: None, cancel };
        match link.receive_head(patience) {
            Ok(None) => Ok(self.wait_in(Step::Tunnelling(link))),
            Ok(Some(_)) if link.connection.is_switched() => {
                self.timings.connect = Some(self.finish_step());
                let (below, received) = link.into_parts();
                Ok(Outcome::Next(Step::AwaitingConfig { below, received }))
            }
            Ok(Some((head, _))) => Err(self.proxy_failed(&refusal(&head))),
            Err(failure) => Err(self.proxy_failed(&format!("failed: {}", failure.into_error().message))),
        }
    }

    /// Takes the step up again and reports that it needs more time.
    fn wait_in(&mut self, step: Step) -> Outcome {
        self.step = step;
        Outcome::Pending
    }

    fn sleep(&mut self) {
        let longest = wait::slice(self.deadline.at());
        let waited = match &mut self.step {
            Step::Connecting(connector) => connector.wait(longest),
            Step::Tunnelling(link) => link.stream.wait(Interest::Read, longest),
            Step::Handshake(stream) => stream.wait(Interest::Read, longest),
            Step::Resolving(lookup) => return lookup.wait(longest),
            Step::AwaitingConfig { .. } => return self.config.iter().for_each(|config| config.wait(longest)),
            Step::Over => return,
        };
        // An error shows in the next attempt to get further.
        drop(waited);
    }

    /// The time that a step took.
    fn finish_step(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.step_began, now)
    }

    fn timed_out(&self, settings: &Settings) -> OpenFailure {
        let seconds = settings.connect_timeout.unwrap_or_default().as_secs_f64();
        let limit = format!("in {seconds} s, which is connect_timeout");
        match &self.step {
            Step::Resolving(_) => self.cannot_resolve(&format!("no answer {limit}")),
            Step::Connecting(connector) => {
                self.cannot_connect(&format!("{}: no answer {limit}", connector.addresses()))
            }
            Step::Tunnelling(_) => self.proxy_failed(&format!("did not answer {limit}")),
            Step::AwaitingConfig { .. } | Step::Handshake(_) | Step::Over => {
                self.tls_failed(&format!("the handshake did not come to an end {limit}"))
            }
        }
    }

    fn cannot_resolve(&self, reason: &str) -> OpenFailure {
        let hop = self.route.first_hop();
        let what = if self.route.proxy.is_some() { "proxy's name" } else { "host name" };
        let message = format!("the {what} {:?} could not be resolved: {reason}", hop.name_to_resolve());
        OpenFailure { status: Status::CantResolve, error: Error::new(ErrorCode::CantResolve, message) }
    }

    fn cannot_connect(&self, reason: &str) -> OpenFailure {
        let hop = self.route.first_hop();
        let what = if self.route.proxy.is_some() { "proxy " } else { "" };
        let message = format!(
            "cannot connect to {what}{} ({reason}); check that the server runs and listens there",
            hop.authority()
        );
        OpenFailure { status: Status::CantConnect, error: Error::new(ErrorCode::CantConnect, message) }
    }

    fn proxy_failed(&self, what: &str) -> OpenFailure {
        let hop = self.route.first_hop().authority();
        let message = format!("proxy {hop} {what} when asked for {}", self.route.host.authority());
        OpenFailure { status: Status::CantConnect, error: Error::new(ErrorCode::CantConnect, message) }
    }

    fn tls_failed(&self, reason: &str) -> OpenFailure {
        let error = Error::new(ErrorCode::CantConnect, format!("TLS: {reason}"));
        OpenFailure { status: Status::TlsHandshakeError, error }
    }
}

/// How a proxy refused a tunnel, and what to do about it.
fn refusal(head: &Head) -> String {
    let reason = head.reason.trim();
    let reason = if reason.is_empty() { String::new() } else { format!(" {:#}", Excerpt::text(reason)) };
    // 401 is for servers, but some proxies say it.
    let hint = match head.status {
        401 | 407 => match schemes_without_basic(head) {
            Some(schemes) => format!("; it wants {schemes}, and only Basic is possible here"),
            None => "; check the user and password for the proxy".to_owned(),
        },
        _ => String::new(),
    };
    format!("answered {}{reason}{hint}", head.status)
}

/// The ways to log in that a proxy names, if Basic is not among them.
fn schemes_without_basic(head: &Head) -> Option<String> {
    let field = if head.status == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
    let mut schemes: Vec<&[u8]> = Vec::new();
    // A scheme begins a challenge; the other elements of the list are its parameters (RFC 9110 §11.6.1).
    for element in head.fields.list(field) {
        let scheme = element.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        let is_token = scheme.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-._~+".contains(&byte));
        if is_token && !scheme.is_empty() && !schemes.contains(&scheme) {
            schemes.push(scheme);
        }
    }
    let has_basic = schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case(b"Basic"));
    (!has_basic && !schemes.is_empty()).then(|| format!("{:#}", Excerpt::start(&schemes.join(&b", "[..]))))
}

impl Route {
    /// `tls` is for a host that is reached with it. Its name may be an international one.
    pub(crate) fn new(host: Host, proxy: Option<Arc<Proxy>>, tls: &TlsOptions) -> Self {
        let with_ascii_name = |tls: &TlsOptions| {
            // What cannot be a name is refused by TLS, in its own words.
            let name = tls.name.as_ref().map(|name| to_ascii(name).unwrap_or_else(|| name.clone()));
            TlsOptions { name, ..tls.clone() }
        };
        let tls = host.secure.then(|| with_ascii_name(tls));
        Self { host, proxy, tls }
    }

    /// What the TCP connection goes to.
    fn first_hop(&self) -> &Host {
        self.proxy.as_ref().map_or(&self.host, |proxy| &proxy.host)
    }

    /// What stands before the path in requests: the whole URL's start for a proxy that is not asked for a tunnel.
    pub(crate) fn proxy_prefix(&self) -> String {
        if self.leads_to_proxy() { format!("http://{}", self.host.authority()) } else { String::new() }
    }

    /// The header with the proxy's credentials, where the proxy reads the requests. Through a tunnel the server would.
    pub(crate) fn proxy_authorization(&self) -> Option<String> {
        self.proxy.as_ref().filter(|_| self.leads_to_proxy()).and_then(|proxy| proxy.authorization_header())
    }

    /// Whether a proxy reads the requests.
    pub(crate) fn leads_to_proxy(&self) -> bool {
        self.proxy.is_some() && self.tls.is_none()
    }

    /// Whether a proxy only carries bytes, and never reads the requests.
    pub(crate) fn is_tunnelled(&self) -> bool {
        self.proxy.is_some() && self.tls.is_some()
    }
}
