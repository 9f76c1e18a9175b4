//! The client as its user sees it: one method per method of Godot's `HTTPClient`, callable from every thread.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use http_net::{
    ByteBuffer, ConnectionId, Field, Fields, Head, Interest, Link, Method, Proxies, Proxy, Stream, Timings, TlsInfo,
    TlsOptions,
};

use crate::driver::Driver;
use crate::engine::Engine;
use crate::error::{Error, ErrorCode};
use crate::gate::{Gate, Taken};
use crate::hold::Hold;
use crate::settings::Settings;
use crate::status::Status;
use crate::view::{DEEPEST, Open, too_deep};

/// A request's body. It is not copied: any owner of bytes will do.
pub type Body = Box<dyn AsRef<[u8]> + Send>;

/// An HTTP/1.1 client for one connection at a time.
///
/// Every method takes `&self`. A call that works on the connection takes the engine out for as long as it lasts; another thread's call
/// meanwhile gets [`ErrorCode::Busy`], getters answer from what the last call left, and [`close`](Self::close) puts a new
/// engine in its place and has the running call return.
pub struct HttpClient {
    gate: Gate<Engine>,
    driver: Driver,
    /// Of the last connection whose bytes somebody asked for. Locked for moments only.
    last_hold: Mutex<Weak<Hold<HttpClient>>>,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl HttpClient {
    /// A client that is not connected.
    pub fn new(mut settings: Settings) -> Self {
        settings.connect_timeout = capped(settings.connect_timeout);
        settings.read_timeout = capped(settings.read_timeout);
        Self { gate: Gate::new(settings), driver: Driver::default(), last_hold: Mutex::default() }
    }

    /// Closes what is open and starts to connect to a server. `host` is a name or an address, with or without `http://` or
    /// `https://`, which then decides on TLS instead of `secure`. A negative `port` is 80, or 443 with TLS. `tls` says how a connection
    /// with TLS is secured.
    pub fn connect_to_host(&self, host: &str, port: i64, secure: bool, tls: &TlsOptions) -> Result<(), Error> {
        self.run(|engine, settings| engine.connect_to_host(host, port, secure, tls, settings))
    }

    /// Closes what is open and speaks HTTP over `stream`, which is connected already. `host` is for the header of that name: a name or an
    /// address, with or without a port.
    pub fn set_stream(&self, stream: Box<dyn Stream>, host: Option<String>) -> Result<(), Error> {
        self.adopt(stream, host, 0)
    }

    /// Sends a request; the client must be [`Status::Connected`]. `url` is the part after the host; each header is a line `Name: value`.
    pub fn request(&self, method: Method, url: &str, headers: &[&str], body: Body) -> Result<(), Error> {
        let body = http_net::Body::Bytes(body);
        self.run(|engine, settings| engine.request(method, url, headers, body, settings))
    }

    /// Gets further with what is under way. Look at [`status`](Self::status) afterwards.
    pub fn poll(&self) -> Result<(), Error> {
        self.run(|engine, settings| engine.poll(settings, &self.driver))
    }

    /// Reads one chunk of the response's body: of a chunked one a whole chunk, if it is at most [`Settings::read_chunk_size`], of
    /// every other at most that many bytes. Empty if nothing is there yet, or at the end.
    pub fn read_response_body_chunk<B: ByteBuffer>(&self) -> Result<B, Error> {
        self.run(|engine, settings| engine.read_chunk(settings, &self.driver))
    }

    /// Reads all of the body that has arrived, up to 16 MiB, however it was chunked.
    pub fn read_response_body_available<B: ByteBuffer>(&self) -> Result<B, Error> {
        self.run(|engine, settings| engine.read_available(settings, &self.driver))
    }

    /// Closes the connection and forgets the response. Ends a call that another thread is blocked in.
    pub fn close(&self) {
        self.gate.replace();
        self.driver.rest();
    }

    /// What the client is doing, as of the last call.
    pub fn status(&self) -> Status {
        self.gate.view(|view| view.status)
    }

    /// Whether there is a response whose headers were not asked for yet.
    pub fn has_response(&self) -> bool {
        self.gate.view(|view| view.answer.as_ref().is_some_and(|answer| !answer.are_headers_read()))
    }

    /// Whether the response's body comes in chunks.
    pub fn is_response_chunked(&self) -> bool {
        self.gate.view(|view| view.answer.as_ref().is_some_and(|answer| answer.chunked))
    }

    /// The response's status code; 0 without a response.
    pub fn response_code(&self) -> u16 {
        self.gate.view(|view| view.answer.as_ref().map_or(0, |answer| answer.head.status))
    }

    /// The head of the response. [`has_response`](Self::has_response) is false from then on.
    pub fn response_head(&self) -> Option<Arc<Head>> {
        self.gate.view(|view| {
            let answer = view.answer.as_ref()?;
            answer.note_headers_read();
            Some(answer.head.clone())
        })
    }

    /// The values of one header of the response, in the order received.
    pub fn response_header_values(&self, name: &str) -> Vec<String> {
        let head = self.gate.view(|view| view.answer.as_ref().map(|answer| answer.head.clone()));
        let values = |head: Arc<Head>| head.fields.named(name).map(|field| field.value().into_owned()).collect();
        head.map(values).unwrap_or_default()
    }

    /// The response's trailer lines; there are none before the end of a chunked body.
    pub fn response_trailers(&self) -> Vec<String> {
        let trailers = self.gate.view(|view| view.trailers.clone());
        let lines = |fields: Arc<Fields>| fields.iter().map(|field: Field<'_>| field.line().into_owned()).collect();
        trailers.map(lines).unwrap_or_default()
    }

    /// The length of the response's body in bytes; −1 if it is not known beforehand.
    pub fn response_body_length(&self) -> i64 {
        self.gate.view(|view| view.answer.as_ref().map_or(-1, |answer| answer.body_length))
    }

    /// How many bytes of the current request, head and body, were handed to the system.
    pub fn request_bytes_sent(&self) -> u64 {
        self.gate.view(|view| view.bytes_sent)
    }

    /// How long the phases of the current connection and request took.
    pub fn timings(&self) -> Timings {
        self.gate.view(|view| view.timings)
    }

    /// What TLS agreed on; none without a TLS connection.
    pub fn tls_info(&self) -> Option<Arc<TlsInfo>> {
        self.gate.view(|view| view.tls.clone())
    }

    /// What went wrong last, as a sentence; empty if nothing did since the last connect or request.
    pub fn error_message(&self) -> String {
        let message = self.gate.view(|view| view.message.clone());
        message.as_deref().unwrap_or_default().to_owned()
    }

    /// The settings.
    pub fn settings(&self) -> Arc<Settings> {
        self.gate.settings()
    }

    /// Whether `poll` and reads wait, sleeping, until they have got further.
    pub fn set_blocking_mode(&self, enabled: bool) {
        self.gate.change_settings(|settings| settings.blocking = enabled);
    }

    /// The most bytes that one read gives; an error outside [`Settings::READ_CHUNK_SIZES`].
    pub fn set_read_chunk_size(&self, bytes: i64) -> Result<(), Error> {
        let allowed = Settings::READ_CHUNK_SIZES;
        match usize::try_from(bytes) {
            Ok(bytes) if allowed.contains(&bytes) => {
                self.gate.change_settings(|settings| settings.read_chunk_size = bytes);
                Ok(())
            }
            _ => Err(self.refused(Error::invalid(format!(
                "a read chunk size of {bytes} bytes is not possible; use {} to {}",
                allowed.start(),
                allowed.end()
            )))),
        }
    }

    /// How long making a connection may take, [`Settings::LONGEST_TIMEOUT`] at most; none is for ever. Holds from the next
    /// `connect_to_host`.
    pub fn set_connect_timeout(&self, timeout: Option<Duration>) {
        self.gate.change_settings(|settings| settings.connect_timeout = capped(timeout));
    }

    /// How long the server may be silent while a response is due, [`Settings::LONGEST_TIMEOUT`] at most; none is for ever.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) {
        self.gate.change_settings(|settings| settings.read_timeout = capped(timeout));
    }

    /// Has connections without TLS go through a proxy: `host`, or `user:password@host`. An empty host or port −1 is none. A
    /// `Proxy-Authorization` among a request's headers replaces these credentials. With a proxy that cannot be used, the next connection fails.
    pub fn set_http_proxy(&self, host: &str, port: i64) -> Result<(), Error> {
        let proxy = Proxy::choose(host, port);
        self.gate.change_settings(|settings| settings.proxies.http.clone_from(&proxy));
        self.report(proxy.and_then(Result::err))
    }

    /// Has connections with TLS go through a tunnel of a proxy. The arguments are those of [`set_http_proxy`](Self::set_http_proxy).
    /// A `Proxy-Authorization` among a request's headers is left out, since the server would read it.
    pub fn set_https_proxy(&self, host: &str, port: i64) -> Result<(), Error> {
        let proxy = Proxy::choose(host, port);
        self.gate.change_settings(|settings| settings.proxies.https.clone_from(&proxy));
        self.report(proxy.and_then(Result::err))
    }

    /// Takes the proxies from the environment variables `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, by the rules of
    /// curl. All of them count, also if one cannot be used, which is an error here and at the next connection that would go through it.
    pub fn set_proxy_from_environment(&self) -> Result<(), Error> {
        let proxies = Proxies::of_process();
        let problem = proxies.problem();
        self.gate.change_settings(|settings| settings.proxies = proxies);
        self.report(problem)
    }

    /// Notes an error that was found before the engine was asked, and hands it back.
    pub fn refused(&self, error: Error) -> Error {
        self.gate.change_view(|view| view.note(&error));
        error
    }

    pub(crate) fn last_hold(&self) -> MutexGuard<'_, Weak<Hold<HttpClient>>> {
        self.last_hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that is open.
    pub(crate) fn open(&self) -> Option<Arc<Open>> {
        self.gate.view(|view| view.open.clone())
    }

    /// Whether this connection is open, and its other end still there as far as the last call saw.
    pub(crate) fn is_connected_by(&self, id: ConnectionId) -> bool {
        self.gate.view(|view| !view.has_ended && view.open.as_ref().is_some_and(|open| open.connection.id == id))
    }

    /// Lends this connection to something that is not a call of the client's own, and leaves no message. None if it is over.
    pub(crate) fn with_link<T>(&self, id: ConnectionId, work: impl FnOnce(&mut Link) -> T) -> Result<Option<T>, Taken> {
        self.gate.run(|engine, _| engine.with_link(id, work))
    }

    /// Sleeps until this connection is ready, without keeping others from it. Says whether it could be asked.
    pub(crate) fn wait_for(&self, id: ConnectionId, interest: Interest, longest: Duration) -> bool {
        let asked = self.gate.run(|engine, settings| {
            let cancel = engine.canceller();
            let now = settings.context.now();
            let wait = self.driver.prepare(&cancel, |wait| {
                let found = engine.with_link(id, |link| link.raw().wait_for(interest, wait));
                if found.is_none() {
                    wait.now();
                }
                if let Some(deadline) = now.checked_add(longest) {
                    wait.until(deadline);
                }
            });
            (wait, cancel, now)
        });
        match asked {
            Ok((wait, cancel, now)) => {
                self.driver.sleep(wait, &cancel, now);
                true
            }
            Err(_) => false,
        }
    }

    pub(crate) fn adopt(&self, stream: Box<dyn Stream>, host: Option<String>, depth: usize) -> Result<(), Error> {
        let host =
            host.map(|host| http_net::host_field(&host)).transpose().map_err(|error| self.refused(error.into()))?;
        self.run(|engine, settings| {
            if depth > DEEPEST {
                return Err(Error::invalid(too_deep()));
            }
            engine.adopt(stream, host, depth, settings);
            Ok(())
        })
    }

    fn report(&self, problem: Option<http_net::Error>) -> Result<(), Error> {
        problem.map_or(Ok(()), |error| Err(self.refused(error.into())))
    }

    /// Lends the engine to `work`. A mistake of the caller's leaves its message.
    fn run<T>(&self, work: impl FnOnce(&mut Engine, &Settings) -> Result<T, Error>) -> Result<T, Error> {
        let noting = |engine: &mut Engine, settings: &Settings| {
            work(engine, settings).inspect_err(|error| {
                if error.is_misuse() {
                    engine.note(error);
                }
            })
        };
        self.gate.run(noting).unwrap_or_else(|taken| Err(self.refused(taken.into())))
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl From<Taken> for Error {
    fn from(taken: Taken) -> Self {
        let message = match taken {
            Taken::ByAnotherThread => {
                "another thread is using this client; wait until its call returns, or call close()"
            }
            Taken::ByThisThread => {
                "the stream in this client's connection called the client during a call; return from the stream first"
            }
        };
        Self::new(ErrorCode::Busy, message)
    }
}

fn capped(timeout: Option<Duration>) -> Option<Duration> {
    timeout.map(|timeout| timeout.min(Settings::LONGEST_TIMEOUT))
}
