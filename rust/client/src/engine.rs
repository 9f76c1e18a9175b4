//! From one status to the next: what `HTTPClient.poll()` does. One engine is used by one thread at a time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_protocol::{Fields, Framing, Head, Method, Over, Request};

use crate::body::{Body, ByteBuffer};
use crate::connector::{Connector, Progress};
use crate::error::{Error, ErrorCode};
use crate::host::Host;
use crate::link::{Failure, Link, Patience};
use crate::resolver::{self, Lookup};
use crate::settings::Settings;
use crate::status::Status;
use crate::stream::TcpStream;
use crate::wait::{self, Cancel};

/// The work of one client, from `connect_to_host` to `close`.
pub(crate) struct Engine {
    stage: Stage,
    /// The server; none before the first `connect_to_host`.
    host: Option<Host>,
    /// What getters are answered with.
    pub(crate) view: View,
    cancel: Arc<Cancel>,
}

enum Stage {
    /// Nothing is open; `View::status` says why.
    Closed,
    Resolving {
        lookup: Lookup,
        deadline: Option<Instant>,
    },
    Connecting {
        connector: Connector,
        deadline: Option<Instant>,
    },
    Open(Box<Link>),
}

/// What getters are answered with, also while a call runs in another thread.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) status: Status,
    /// The last response's head, until the next request.
    pub(crate) head: Option<Arc<Head>>,
    /// The length of its body in bytes; −1 if it is not known beforehand, or there is none.
    pub(crate) body_length: i64,
    pub(crate) chunked: bool,
    pub(crate) trailers: Option<Arc<Fields>>,
    pub(crate) bytes_sent: u64,
    /// What went wrong last; empty if nothing did.
    pub(crate) message: Option<Arc<str>>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            status: Status::Disconnected,
            head: None,
            body_length: -1,
            chunked: false,
            trailers: None,
            bytes_sent: 0,
            message: None,
        }
    }
}

impl Engine {
    pub(crate) fn new(cancel: Arc<Cancel>) -> Self {
        Self { stage: Stage::Closed, host: None, view: View::default(), cancel }
    }

    /// Closes what is open and starts to connect.
    pub(crate) fn connect_to_host(
        &mut self,
        host: &str,
        port: i64,
        secure: bool,
        settings: &Settings,
    ) -> Result<(), Error> {
        self.stage = Stage::Closed;
        self.view = View::default();
        let host = Host::parse(host, port, secure)?;
        if host.secure {
            return Err(Error::new(ErrorCode::Unavailable, "TLS is not available yet; connect with http://"));
        }
        let deadline = settings.connect_timeout.map(|timeout| Instant::now() + timeout);
        match host.address {
            Some(address) => {
                self.host = Some(host);
                self.start_connecting(&[address], deadline)
            }
            None => {
                self.stage = Stage::Resolving { lookup: resolver::look_up(&host.name), deadline };
                self.view.status = Status::Resolving;
                self.host = Some(host);
                Ok(())
            }
        }
    }

    /// Checks a request and begins to send it.
    pub(crate) fn request(
        &mut self,
        method: Method,
        url: &str,
        headers: &[&str],
        body: Body,
        settings: &Settings,
    ) -> Result<(), Error> {
        let Stage::Open(link) = &mut self.stage else {
            return Err(Error::invalid(match self.view.status {
                Status::Disconnected => "there is no connection; call connect_to_host() and poll() first",
                Status::Resolving | Status::Connecting => {
                    "the connection is not made yet; poll() until STATUS_CONNECTED"
                }
                _ => "the connection failed; call connect_to_host() again",
            }));
        };
        let host = self.host.as_ref().map(Host::header_value).unwrap_or_default();
        let request = Request {
            method,
            url,
            headers,
            body_len: (*body).as_ref().len() as u64,
            host: &host,
            user_agent: &settings.user_agent,
            proxy_prefix: "",
        };
        let (head, facts) = request.encode()?;
        if (link.connection.is_idle() || link.connection.over().is_some())
            && let Err(failure) = link.check_idle()
        {
            return Err(self.fail(Status::ConnectionError, ErrorCode::ConnectionError, failure));
        }
        link.begin(head, facts, body)?;
        self.view = View { status: Status::Requesting, bytes_sent: link.bytes_sent, ..View::default() };
        Ok(())
    }

    /// Gets one status further, as far as that is possible now.
    pub(crate) fn poll(&mut self, settings: &Settings) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Closed => self.closed_error(),
            Stage::Resolving { .. } => self.poll_resolving(settings),
            Stage::Connecting { .. } => self.poll_connecting(settings),
            Stage::Open(link) => {
                let polled = match self.view.status {
                    Status::Requesting => return self.poll_requesting(settings),
                    Status::Body => {
                        // Only reading ends a body.
                        link.send();
                        Ok(())
                    }
                    _ => link.check_idle(),
                };
                self.view.bytes_sent = link.bytes_sent;
                polled.map_err(|failure| self.fail(Status::ConnectionError, ErrorCode::ConnectionError, failure))
            }
        }
    }

    /// Reads a chunk of the body.
    pub(crate) fn read_chunk<B: ByteBuffer>(&mut self, settings: &Settings) -> Result<B, Error> {
        self.read(settings, |link, patience| link.read_chunk(settings.read_chunk_size, patience))
    }

    /// Reads what has arrived of the body.
    pub(crate) fn read_available<B: ByteBuffer>(&mut self, settings: &Settings) -> Result<B, Error> {
        self.read(settings, Link::read_available)
    }

    fn read<B>(
        &mut self,
        settings: &Settings,
        read: impl FnOnce(&mut Link, Patience<'_>) -> Result<B, Failure>,
    ) -> Result<B, Error> {
        let (Stage::Open(link), Status::Body) = (&mut self.stage, self.view.status) else {
            return Err(Error::invalid("there is no body to read; wait for STATUS_BODY"));
        };
        link.send();
        let data = match read(link, patience(settings, &self.cancel)) {
            Ok(data) => data,
            Err(failure) => return Err(self.fail(Status::ConnectionError, ErrorCode::ConnectionError, failure)),
        };
        self.view.bytes_sent = link.bytes_sent;
        if !link.connection.is_in_body() && link.failure.is_none() {
            let trailers = link.connection.take_trailers();
            self.view.trailers = (!trailers.is_empty()).then(|| Arc::new(trailers));
            if link.connection.over() == Some(Over::EndedWithBody) {
                self.stage = Stage::Closed;
                self.view.status = Status::Disconnected;
            } else {
                self.view.status = Status::Connected;
            }
        }
        Ok(data)
    }

    fn poll_resolving(&mut self, settings: &Settings) -> Result<(), Error> {
        let Stage::Resolving { lookup, deadline } = &self.stage else { return Ok(()) };
        let deadline = *deadline;
        let answer = loop {
            match lookup.result() {
                None if self.cancel.is_set() => return Err(closed()),
                None if is_past(deadline) => break None,
                None if settings.blocking => lookup.wait(wait::slice(deadline)),
                None => return Ok(()),
                answer => break answer,
            }
        };
        let name = self.host.as_ref().map_or("", |host| &host.name);
        let message = match answer {
            Some(Ok(addresses)) => return self.start_connecting(&addresses, deadline),
            Some(Err(reason)) => {
                format!("the host name {name:?} could not be resolved: {reason}; check its spelling and the network")
            }
            None => format!("the host name {name:?} could not be resolved in {}", timed_out(settings)),
        };
        Err(self.fail(Status::CantResolve, ErrorCode::CantResolve, Failure::Lost(message)))
    }

    fn start_connecting(&mut self, addresses: &[IpAddr], deadline: Option<Instant>) -> Result<(), Error> {
        let port = self.host.as_ref().map_or(0, |host| host.port);
        let mut connector = Connector::new(addresses, port);
        if connector.is_hopeless() {
            let Progress::Failed(reason) = connector.poll() else { return Ok(()) };
            return Err(self.cannot_connect(&reason));
        }
        self.stage = Stage::Connecting { connector, deadline };
        self.view.status = Status::Connecting;
        Ok(())
    }

    fn poll_connecting(&mut self, settings: &Settings) -> Result<(), Error> {
        let Stage::Connecting { connector, deadline } = &mut self.stage else { return Ok(()) };
        let reason = loop {
            match connector.poll() {
                Progress::Connected(socket) => {
                    self.stage = Stage::Open(Box::new(Link::new(Box::new(TcpStream::new(socket)))));
                    self.view.status = Status::Connected;
                    return Ok(());
                }
                Progress::Failed(reason) => break reason,
                Progress::Pending if self.cancel.is_set() => return Err(closed()),
                Progress::Pending if is_past(*deadline) => {
                    break format!("{}: no answer in {}", connector.addresses(), timed_out(settings));
                }
                Progress::Pending if settings.blocking => {
                    if let Err(error) = connector.wait(wait::slice(*deadline)) {
                        break error.to_string();
                    }
                }
                Progress::Pending => return Ok(()),
            }
        };
        Err(self.cannot_connect(&reason))
    }

    fn poll_requesting(&mut self, settings: &Settings) -> Result<(), Error> {
        let Stage::Open(link) = &mut self.stage else { return Ok(()) };
        let received = link.receive_head(patience(settings, &self.cancel));
        self.view.bytes_sent = link.bytes_sent;
        match received {
            Ok(None) => Ok(()),
            Ok(Some((head, framing))) => {
                self.view.status = if link.connection.is_in_body() { Status::Body } else { Status::Connected };
                self.view.body_length = match framing {
                    Framing::Length(length) => i64::try_from(length).unwrap_or(i64::MAX),
                    // As the built-in tells it of a response to HEAD.
                    Framing::None if link.connection.is_in_body() => 0,
                    Framing::None | Framing::Switched | Framing::Chunked | Framing::UntilClose => -1,
                };
                self.view.chunked =
                    head.fields.list("Transfer-Encoding").any(|coding| coding.eq_ignore_ascii_case(b"chunked"));
                self.view.head = Some(Arc::new(head));
                Ok(())
            }
            Err(failure) => Err(self.fail(Status::ConnectionError, ErrorCode::ConnectionError, failure)),
        }
    }

    fn cannot_connect(&mut self, reason: &str) -> Error {
        let server = self.host.as_ref().map(Host::authority).unwrap_or_default();
        let message = format!("cannot connect to {server} ({reason}); check that the server runs and listens there");
        self.fail(Status::CantConnect, ErrorCode::CantConnect, Failure::Lost(message))
    }

    /// Closes the connection for a failure. What was received of a response stays readable.
    fn fail(&mut self, status: Status, code: ErrorCode, failure: Failure) -> Error {
        self.stage = Stage::Closed;
        match failure {
            Failure::Closed => {
                self.view = View::default();
                closed()
            }
            Failure::Lost(message) => {
                self.view.status = status;
                self.view.message = Some(message.as_str().into());
                Error::new(code, message)
            }
        }
    }

    /// What `poll` says while nothing is open.
    fn closed_error(&self) -> Result<(), Error> {
        let code = match self.view.status {
            Status::CantResolve => ErrorCode::CantResolve,
            Status::CantConnect => ErrorCode::CantConnect,
            Status::ConnectionError | Status::TlsHandshakeError => ErrorCode::ConnectionError,
            _ => ErrorCode::Unconfigured,
        };
        let message = self.view.message.as_deref().unwrap_or("there is no connection; call connect_to_host() first");
        Err(Error::new(code, message))
    }
}

fn patience<'a>(settings: &Settings, cancel: &'a Cancel) -> Patience<'a> {
    Patience { blocking: settings.blocking, read_timeout: settings.read_timeout, cancel }
}

fn closed() -> Error {
    Error::new(ErrorCode::Unconfigured, "the client was closed by another thread")
}

fn is_past(deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| Instant::now() >= deadline)
}

fn timed_out(settings: &Settings) -> String {
    let seconds = settings.connect_timeout.unwrap_or(Duration::ZERO).as_secs_f64();
    format!("{seconds} s, which is connect_timeout")
}
