//! From one status to the next: what `HTTPClient.poll()` does. One engine is used by one thread at a time.

use std::net::SocketAddr;
use std::sync::Arc;

use http_protocol::{Fields, Framing, Head, Method, Over, Request};

use crate::body::{Body, ByteBuffer};
use crate::error::{Error, ErrorCode};
use crate::host::Host;
use crate::link::{Failure, Link, Patience};
use crate::opening::{OpenFailure, Opened, Opening, Route};
use crate::proxy;
use crate::settings::Settings;
use crate::status::Status;
use crate::stream::Stream;
use crate::timings::Timings;
use crate::tls::{TlsInfo, TlsOptions};
use crate::wait::Cancel;

/// The work of one client, from `connect_to_host` to `close`.
pub(crate) struct Engine {
    stage: Stage,
    /// How the server is reached; none before the first `connect_to_host`, and over a stream of the caller's.
    route: Option<Arc<Route>>,
    /// What the caller's stream leads to, as far as that is known.
    adopted_host: Option<String>,
    /// What getters are answered with.
    pub(crate) view: View,
    cancel: Arc<Cancel>,
}

enum Stage {
    /// Nothing is open; `View::status` says why.
    Closed,
    Opening(Box<Opening>),
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
    pub(crate) timings: Timings,
    /// What TLS agreed on; none without TLS.
    pub(crate) tls: Option<Arc<TlsInfo>>,
    /// What went wrong last; empty if nothing did.
    pub(crate) message: Option<Arc<str>>,
    /// Why there is no connection: what failed first. It stays a part of the message until the next connect.
    pub(crate) cause: Option<Arc<str>>,
    /// The open connection; see [`Link::id`].
    pub(crate) connection: Option<u64>,
    /// Its [`Link::addresses`].
    pub(crate) addresses: (Option<SocketAddr>, Option<SocketAddr>),
    /// How many clients' connections it stands on.
    pub(crate) depth: usize,
    /// Nothing more comes from it; see [`Link::has_ended`].
    pub(crate) has_ended: bool,
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
            timings: Timings::default(),
            tls: None,
            message: None,
            cause: None,
            connection: None,
            addresses: (None, None),
            depth: 0,
            has_ended: false,
        }
    }
}

impl Engine {
    pub(crate) fn new(cancel: Arc<Cancel>) -> Self {
        Self { stage: Stage::Closed, route: None, adopted_host: None, view: View::default(), cancel }
    }

    /// Closes what is open and starts to connect.
    pub(crate) fn connect_to_host(
        &mut self,
        host: &str,
        port: i64,
        secure: bool,
        tls: &TlsOptions,
        settings: &Settings,
    ) -> Result<(), Error> {
        self.stage = Stage::Closed;
        self.route = None;
        self.view = View::default();
        let reached = Host::parse(host, port, secure)
            .and_then(|host| settings.proxies.for_host(&host).map(|proxy| Route::new(host, proxy, tls)));
        let route = match reached {
            Ok(route) => route,
            Err(error) => {
                self.view.note_cause(&error);
                return Err(error);
            }
        };
        match Opening::start(route, settings) {
            Ok(opening) => {
                self.route = Some(opening.route.clone());
                self.view.status = opening.status();
                self.stage = Stage::Opening(Box::new(opening));
                Ok(())
            }
            Err(failure) => Err(self.cannot_open(failure)),
        }
    }

    /// Closes what is open and goes on with a stream of the caller's, which stands on `depth` connections of clients.
    pub(crate) fn adopt(&mut self, stream: Box<dyn Stream>, host: Option<String>, depth: usize) {
        self.route = None;
        self.adopted_host = host;
        let link = Link::new(stream);
        self.view = View { status: Status::Connected, depth, ..View::default() };
        self.view.follow(&link);
        self.stage = Stage::Open(Box::new(link));
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
            return Err(Error::invalid(self.view.not_open()));
        };
        let host = match &self.route {
            Some(route) => route.host.header_value(),
            None => self.adopted_host.clone().unwrap_or_else(|| "localhost".to_owned()),
        };
        let proxy_prefix = self.route.as_ref().map(|route| route.proxy_prefix()).unwrap_or_default();
        let own = self.route.as_ref().and_then(|route| route.proxy_authorization());
        // Who is asked for a tunnel is a proxy too.
        let reader_is_proxy =
            method == Method::Connect || self.route.as_ref().is_some_and(|route| route.leads_to_proxy());
        let headers = proxy::header_lines(headers, reader_is_proxy, own.as_deref());
        let request = Request {
            method,
            url,
            headers: &headers,
            body_len: (*body).as_ref().len() as u64,
            host: &host,
            user_agent: &settings.user_agent,
            proxy_prefix: &proxy_prefix,
        };
        let (head, facts) = request.encode()?;
        if (link.connection.is_idle() || link.connection.over().is_some())
            && !link.is_sending()
            && let Err(failure) = link.check_idle()
        {
            return Err(self.fail(failure));
        }
        link.begin(head, facts, body)?;
        let (tls, depth) = (self.view.tls.take(), self.view.depth);
        self.view = View { status: Status::Requesting, tls, depth, ..View::default() };
        self.view.follow(link);
        Ok(())
    }

    /// Gets one status further, as far as that is possible now.
    pub(crate) fn poll(&mut self, settings: &Settings) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Closed => self.closed_error(),
            Stage::Opening(opening) => match opening.poll(settings, &self.cancel) {
                Ok(None) => {
                    self.view.status = opening.status();
                    Ok(())
                }
                Ok(Some(opened)) => {
                    let timings = opening.timings;
                    self.opened(opened, timings);
                    Ok(())
                }
                Err(failure) => Err(self.cannot_open(failure)),
            },
            Stage::Open(link) => {
                let polled = match self.view.status {
                    Status::Requesting => {
                        let received = link.receive_head(patience(settings, &self.cancel));
                        received.map(|received| {
                            if let Some((head, framing)) = received {
                                self.view.respond(head, framing, link);
                            }
                        })
                    }
                    Status::Body => {
                        // Only reading ends a body.
                        link.send();
                        Ok(())
                    }
                    _ => link.check_idle(),
                };
                self.view.follow(link);
                polled.map_err(|failure| self.fail(failure))
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

    /// Lends the open connection with this id to who speaks another protocol on it.
    pub(crate) fn with_link<T>(&mut self, id: u64, work: impl FnOnce(&mut Link) -> T) -> Option<T> {
        match &mut self.stage {
            Stage::Open(link) if link.id == id => {
                let result = work(link);
                self.view.follow(link);
                Some(result)
            }
            _ => None,
        }
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
            Err(failure) => return Err(self.fail(failure)),
        };
        self.view.follow(link);
        // While the server has not had all of the request, the exchange is not over: the caller is to go on reading.
        if !link.connection.is_in_body() && link.failure.is_none() && !link.is_sending() {
            let trailers = link.connection.take_trailers();
            self.view.trailers = (!trailers.is_empty()).then(|| Arc::new(trailers));
            if link.connection.over() == Some(Over::EndedWithBody) {
                self.stage = Stage::Closed;
                self.view.status = Status::Disconnected;
                self.view.connection = None;
            } else {
                self.view.status = Status::Connected;
            }
        }
        Ok(data)
    }

    fn opened(&mut self, opened: Opened, timings: Timings) {
        let mut link = Link::new(opened.stream);
        link.timings = timings;
        self.view.status = Status::Connected;
        self.view.tls = opened.tls;
        self.view.follow(&link);
        self.stage = Stage::Open(Box::new(link));
    }

    fn cannot_open(&mut self, failure: OpenFailure) -> Error {
        self.stage = Stage::Closed;
        self.view.status = failure.status;
        self.view.note_cause(&failure.error);
        failure.error
    }

    /// Closes the connection for a failure. What was received of a response stays readable.
    fn fail(&mut self, failure: Failure) -> Error {
        self.stage = Stage::Closed;
        let error = failure.into_error();
        self.view.connection = None;
        self.view.status = Status::ConnectionError;
        self.view.note_cause(&error);
        error
    }

    /// What `poll` says while nothing is open.
    fn closed_error(&mut self) -> Result<(), Error> {
        let code = match self.view.status {
            Status::CantResolve => ErrorCode::CantResolve,
            Status::CantConnect => ErrorCode::CantConnect,
            Status::ConnectionError | Status::TlsHandshakeError => ErrorCode::ConnectionError,
            _ => ErrorCode::Unconfigured,
        };
        if let Some(cause) = &self.view.cause {
            self.view.message = Some(cause.clone());
            return Err(Error::new(code, &**cause));
        }
        Err(Error::new(code, "there is no connection; call connect_to_host() first"))
    }
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
        let facts = |view: &Self| {
            (view.status, view.connection, view.has_ended, view.bytes_sent, view.body_length, view.chunked)
        };
        facts(self) == facts(other)
            && same(&self.head, &other.head)
            && same(&self.message, &other.message)
            && same(&self.cause, &other.cause)
            && same(&self.trailers, &other.trailers)
            && same(&self.tls, &other.tls)
            && self.timings == other.timings
    }

    /// Notes an error of the caller's. What ended the connection is said with it: it explains most of what goes wrong afterwards.
    pub(crate) fn note(&mut self, error: &Error) {
        self.message = Some(match &self.cause {
            Some(cause) if !error.message.contains(short(cause)) => {
                format!("{} (before that: {})", error.message, short(cause)).into()
            }
            _ => error.message.as_str().into(),
        });
    }

    /// Notes why there is no connection.
    fn note_cause(&mut self, error: &Error) {
        let cause: Arc<str> = error.message.as_str().into();
        self.message = Some(cause.clone());
        self.cause = Some(cause);
    }

    /// Why no request can be sent, while nothing is open.
    fn not_open(&self) -> String {
        match (self.status, &self.cause) {
            (Status::Resolving | Status::Connecting, _) => {
                "the connection is not made yet; poll() until STATUS_CONNECTED".to_owned()
            }
            (_, Some(cause)) => format!("there is no connection, since {}; call connect_to_host() again", short(cause)),
            (_, None) => "there is no connection; call connect_to_host() and poll() first".to_owned(),
        }
    }

    /// Takes over what a link counts.
    fn follow(&mut self, link: &Link) {
        self.connection = Some(link.id);
        self.addresses = link.addresses;
        self.has_ended = link.has_ended();
        self.bytes_sent = link.bytes_sent;
        self.timings = link.timings;
    }

    /// Takes over a response's head.
    fn respond(&mut self, head: Head, framing: Framing, link: &Link) {
        self.status = if link.connection.is_in_body() { Status::Body } else { Status::Connected };
        self.body_length = match framing {
            Framing::Length(length) => i64::try_from(length).unwrap_or(i64::MAX),
            Framing::None | Framing::Empty { .. } | Framing::Switched | Framing::Chunked | Framing::UntilClose => -1,
        };
        self.chunked = head.fields.list("Transfer-Encoding").any(|coding| coding.eq_ignore_ascii_case(b"chunked"));
        self.head = Some(Arc::new(head));
    }
}

/// A cause without the advice to connect again, which the sentence around it gives.
fn short(cause: &str) -> &str {
    cause.strip_suffix("; connect again").unwrap_or(cause)
}

fn patience<'a>(settings: &Settings, cancel: &'a Cancel) -> Patience<'a> {
    Patience { blocking: settings.blocking, read_timeout: settings.read_timeout, cancel }
}
