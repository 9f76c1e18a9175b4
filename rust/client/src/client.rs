//! The client: one method for each method of Godot's `HTTPClient`. All of them can be called from any thread.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
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

/// A request body: any owner of bytes. It is not copied.
pub type Body = Box<dyn AsRef<[u8]> + Send>;

/// An HTTP/1.1 client for one connection at a time.
///
/// Every method takes `&self`, and several threads can use one client. Only one call at a time can use the connection. In the meantime, a
/// call of another thread returns [`ErrorCode::Busy`], getters return the state after the last call, and [`close`](Self::close) closes
/// the connection and ends the running call.
pub struct HttpClient {
    gate: Gate<Engine>,
    driver: Driver,
    /// The hold on the last connection whose raw bytes were requested. The lock is only held briefly.
    last_hold: Mutex<Weak<Hold<HttpClient>>>,
}

impl Default for HttpClient {
    fn default() -> Self {
        static DEFAULT: LazyLock<Arc<Settings>> = LazyLock::new(Arc::default);
        Self::new(DEFAULT.clone())
    }
}

impl HttpClient {
    /// Creates a client that is not connected. Many clients can share their first settings.
    pub fn new(settings: impl Into<Arc<Settings>>) -> Self {
        let mut settings = settings.into();
        let timeouts = (settings.connect_timeout, settings.read_timeout);
        let allowed = (capped(timeouts.0), capped(timeouts.1));
        if allowed != timeouts {
            let own = Arc::make_mut(&mut settings);
            (own.connect_timeout, own.read_timeout) = allowed;
        }
        Self { gate: Gate::new(settings), driver: Driver::default(), last_hold: Mutex::default() }
    }

    /// Closes the current connection and starts to connect to a server. `host` is a name or an address. It can start with `http://` or
    /// `https://`, which then decides about TLS instead of `secure`. A negative `port` means 80, or 443 with TLS. `tls` contains the
    /// options for a connection with TLS.
    pub fn connect_to_host(&self, host: &str, port: i64, secure: bool, tls: &TlsOptions) -> Result<(), Error> {
        self.run(|engine, settings| engine.connect_to_host(host, port, secure, tls, settings))
    }

    /// Closes the current connection and uses HTTP over `stream`, which must be connected. `host` is the value of the `Host` header: a
    /// name or an address, with or without a port.
    pub fn set_stream(&self, stream: Box<dyn Stream>, host: Option<String>) -> Result<(), Error> {
        self.adopt(stream, host, 0)
    }

    /// Sends a request. The status must be [`Status::Connected`]. `url` is the part after the host. Each header is a line `Name: value`.
    pub fn request(&self, method: Method, url: &str, headers: &[&str], body: Body) -> Result<(), Error> {
        let body = http_net::Body::Bytes(body);
        self.run(|engine, settings| engine.request(method, url, headers, body, settings))
    }

    /// Advances the current operation. Check [`status`](Self::status) afterwards.
    pub fn poll(&self) -> Result<(), Error> {
        self.run(|engine, settings| engine.poll(settings, &self.driver))
    }

    /// Reads a part of the response body. If the response is chunked, the part is one whole chunk, unless the chunk is longer than
    /// [`Settings::read_chunk_size`]. In all other cases it has up to that many bytes. The result is empty if nothing has arrived yet, or
    /// at the end.
    pub fn read_response_body_chunk<B: ByteBuffer>(&self) -> Result<B, Error> {
        self.read_chunk().map(|(bytes, _)| bytes)
    }

    /// Does the same, and also returns the status after it.
    pub fn read_chunk<B: ByteBuffer>(&self) -> Result<(B, Status), Error> {
        self.run(|engine, settings| Ok((engine.read_chunk(settings, &self.driver)?, engine.status())))
    }

    /// Reads all body data that has arrived, up to 16 MiB, regardless of chunk boundaries.
    pub fn read_response_body_available<B: ByteBuffer>(&self) -> Result<B, Error> {
        self.read_available().map(|(bytes, _)| bytes)
    }

    /// Does the same, and also returns the status after it.
    pub fn read_available<B: ByteBuffer>(&self) -> Result<(B, Status), Error> {
        self.run(|engine, settings| Ok((engine.read_available(settings, &self.driver)?, engine.status())))
    }

    /// Closes the connection and discards the response. A call that is blocked in another thread returns.
    pub fn close(&self) {
        self.gate.replace();
        self.driver.rest();
    }

    /// Returns the status of the client after the last call.
    pub fn status(&self) -> Status {
        self.gate.view(|view| view.status)
    }

    /// Returns whether there is a response whose headers have not been read yet.
    pub fn has_response(&self) -> bool {
        self.gate.view(|view| view.answer.as_ref().is_some_and(|answer| !answer.are_headers_read()))
    }

    /// Returns whether the response body is chunked.
    pub fn is_response_chunked(&self) -> bool {
        self.gate.view(|view| view.answer.as_ref().is_some_and(|answer| answer.chunked))
    }

    /// Returns the status code of the response, or 0 if there is no response.
    pub fn response_code(&self) -> u16 {
        self.gate.view(|view| view.answer.as_ref().map_or(0, |answer| answer.head.status))
    }

    /// Returns the head of the response. After this call, [`has_response`](Self::has_response) returns `false`.
    pub fn response_head(&self) -> Option<Arc<Head>> {
        self.gate.view(|view| {
            let answer = view.answer.as_ref()?;
            answer.note_headers_read();
            Some(answer.head.clone())
        })
    }

    /// Returns all values of one response header, in the order received.
    pub fn response_header_values(&self, name: &str) -> Vec<String> {
        let head = self.gate.view(|view| view.answer.as_ref().map(|answer| answer.head.clone()));
        let values = |head: Arc<Head>| head.fields.named(name).map(|field| field.value().into_owned()).collect();
        head.map(values).unwrap_or_default()
    }

    /// Returns the trailer lines of the response. There are none before the end of a chunked body.
    pub fn response_trailers(&self) -> Vec<String> {
        let trailers = self.gate.view(|view| view.trailers.clone());
        let lines = |fields: Arc<Fields>| fields.iter().map(|field: Field<'_>| field.line().into_owned()).collect();
        trailers.map(lines).unwrap_or_default()
    }

    /// Returns the length of the response body in bytes, or −1 if it is not known in advance.
    pub fn response_body_length(&self) -> i64 {
        self.gate.view(|view| view.answer.as_ref().map_or(-1, |answer| answer.body_length))
    }

    /// Returns how many bytes of the current request, including its head, were passed to the operating system.
    pub fn request_bytes_sent(&self) -> u64 {
        self.gate.view(|view| view.bytes_sent)
    }

    /// Returns how long the phases of the current connection and request took.
    pub fn timings(&self) -> Timings {
        self.gate.view(|view| view.timings).into()
    }

    /// Returns the parameters of TLS, or `None` if the connection does not use TLS.
    pub fn tls_info(&self) -> Option<Arc<TlsInfo>> {
        self.gate.view(|view| view.tls.clone())
    }

    /// Returns a sentence that says what failed last. Empty if nothing has failed since the last connect or request.
    pub fn error_message(&self) -> String {
        let message = self.gate.view(|view| view.message.clone());
        message.as_deref().unwrap_or_default().to_owned()
    }

    /// Returns the settings.
    pub fn settings(&self) -> Arc<Settings> {
        self.gate.settings()
    }

    /// Sets whether `poll` and reads block until there is progress.
    pub fn set_blocking_mode(&self, enabled: bool) {
        self.gate.change_settings(|settings| settings.blocking = enabled);
    }

    /// Sets the maximum number of bytes that one read returns. Returns an error if it is not in [`Settings::READ_CHUNK_SIZES`].
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

    /// Sets the time limit for connecting, [`Settings::LONGEST_TIMEOUT`] at most. `None` means no limit. A change takes effect with the
    /// next `connect_to_host`.
    pub fn set_connect_timeout(&self, timeout: Option<Duration>) {
        self.gate.change_settings(|settings| settings.connect_timeout = capped(timeout));
    }

    /// Sets the maximum time without data from the server while a response is due, [`Settings::LONGEST_TIMEOUT`] at most. `None` means no
    /// limit.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) {
        self.gate.change_settings(|settings| settings.read_timeout = capped(timeout));
    }

    /// Sends connections without TLS through a proxy. `host` can start with `user:password@`. An empty host or a port of −1 disables the
    /// proxy. A `Proxy-Authorization` header of a request replaces these credentials. If the proxy cannot be used, the next connection
    /// fails.
    pub fn set_http_proxy(&self, host: &str, port: i64) -> Result<(), Error> {
        let proxy = Proxy::choose(host, port);
        self.gate.change_settings(|settings| settings.proxies.http.clone_from(&proxy));
        self.report(proxy.and_then(Result::err))
    }

    /// Sends connections with TLS through a tunnel of a proxy. The arguments are the same as in [`set_http_proxy`](Self::set_http_proxy).
    /// A `Proxy-Authorization` header of a request is not sent, because the server would receive it.
    pub fn set_https_proxy(&self, host: &str, port: i64) -> Result<(), Error> {
        let proxy = Proxy::choose(host, port);
        self.gate.change_settings(|settings| settings.proxies.https.clone_from(&proxy));
        self.report(proxy.and_then(Result::err))
    }

    /// Uses the proxies from the environment variables `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, by the rules of curl. All
    /// of them take effect even if one cannot be used. In that case, this method returns an error, and so does the next connection
    /// through that proxy.
    pub fn set_proxy_from_environment(&self) -> Result<(), Error> {
        let proxies = Proxies::of_process();
        let problem = proxies.problem();
        self.gate.change_settings(|settings| settings.proxies = proxies);
        self.report(problem)
    }

    /// Notes an error that was found before the client was called, and returns it.
    pub fn refused(&self, error: Error) -> Error {
        self.gate.change_view(|view| view.note(&error));
        error
    }

    pub(crate) fn last_hold(&self) -> MutexGuard<'_, Weak<Hold<HttpClient>>> {
        self.last_hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the open connection.
    pub(crate) fn open(&self) -> Option<Arc<Open>> {
        self.gate.view(|view| view.open.clone())
    }

    /// Whether this connection is open, and its other end was still connected at the last check.
    pub(crate) fn is_connected_by(&self, id: ConnectionId) -> bool {
        self.gate.view(|view| !view.has_ended && view.open.as_ref().is_some_and(|open| open.connection.id == id))
    }

    /// Passes this connection to `work`, outside the client's own calls, and sets no message. Returns `None` if the connection is over.
    pub(crate) fn with_link<T>(&self, id: ConnectionId, work: impl FnOnce(&mut Link) -> T) -> Result<Option<T>, Taken> {
        self.gate.run(|engine, _| engine.with_link(id, work))
    }

    /// Sleeps until this connection is ready, while other calls can use it. Returns whether the wait could be prepared.
    pub(crate) fn wait_for(&self, id: ConnectionId, interest: Interest, longest: Duration) -> bool {
        let asked = self.gate.run(|engine, settings| {
            let cancel = engine.canceller();
            let now = settings.context.now();
            let wait = self.driver.prepare(&cancel, |wait| {
                engine.wait_for(id, interest, wait);
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

    /// Passes the engine to `work`. A mistake of the caller sets the message.
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
