//! The client as its user sees it: one method per method of Godot's `HTTPClient`, callable from every thread.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use http_protocol::{Field, Fields, Head, Method};

use crate::body::{Body, ByteBuffer};
use crate::engine::{Engine, View};
use crate::error::{Error, ErrorCode};
use crate::host::Host;
use crate::link::Link;
use crate::proxy::{Proxies, Proxy};
use crate::raw::{Hold, RawConnection, too_deep};
use crate::settings::Settings;
use crate::status::Status;
use crate::stream::Stream;
use crate::sync::{Mutex, MutexGuard, this_thread};
use crate::timings::Timings;
use crate::tls::{TlsInfo, TlsOptions};
use crate::wait::Cancel;

/// An HTTP/1.1 client for one connection at a time.
///
/// Every method takes `&self`. A call that works on the connection takes the engine out for as long as it lasts; another thread's call
/// meanwhile gets [`ErrorCode::Busy`], getters answer from what the last call left, and [`close`](Self::close) puts a new
/// engine in its place and has the running call return.
pub struct HttpClient {
    gate: Mutex<Gate>,
}

/// Locked for moments only, never while working on the connection.
struct Gate {
    /// None while a call has it.
    engine: Option<Box<Engine>>,
    /// The thread whose call had it last.
    lent_to: usize,
    /// Set to end the call that has the engine of this generation.
    cancel: Arc<Cancel>,
    /// Counts the engines, so that a call which comes back with a replaced one drops it.
    generation: u64,
    settings: Arc<Settings>,
    view: View,
    /// The headers of the response in `view` were asked for.
    headers_read: bool,
    /// By which somebody holds a connection, and which one: that in `view`, or one that is over since this was looked at.
    hold: Option<(u64, Weak<Hold>)>,
}

/// Who has the engine that a call needs.
pub(crate) enum Taken {
    ByAnotherThread,
    /// A call further up on this thread: a script's stream below the client came back to it.
    ByThisThread,
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
        let cancel = Arc::new(Cancel::default());
        let gate = Gate {
            engine: Some(Box::new(Engine::new(cancel.clone()))),
            lent_to: 0,
            cancel,
            generation: 0,
            settings: Arc::new(settings),
            view: View::default(),
            headers_read: false,
            hold: None,
        };
        Self { gate: Mutex::new(gate) }
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

    /// [`set_stream`](Self::set_stream) with a stream that stands on a client's connection, `below`. An error if that makes more than
    /// [`RawConnection::DEEPEST`] on each other.
    pub fn set_stream_over(
        &self,
        stream: Box<dyn Stream>,
        host: Option<String>,
        below: &RawConnection,
    ) -> Result<(), Error> {
        self.adopt(stream, host, below.depth() + 1)
    }

    /// Sends a request; the client must be [`Status::Connected`]. `url` is the part after the host; each header is a line `Name: value`.
    pub fn request(&self, method: Method, url: &str, headers: &[&str], body: Body) -> Result<(), Error> {
        self.run(|engine, settings| engine.request(method, url, headers, body, settings))
    }

    /// Gets further with what is under way. Look at [`status`](Self::status) afterwards.
    pub fn poll(&self) -> Result<(), Error> {
        self.run(Engine::poll)
    }

    /// Reads one chunk of the response's body: of a chunked one a whole chunk, if it is at most [`Settings::read_chunk_size`], of
    /// every other at most that many bytes. Empty if nothing is there yet, or at the end.
    pub fn read_response_body_chunk<B: ByteBuffer>(&self) -> Result<B, Error> {
        self.run(Engine::read_chunk)
    }

    /// Reads all of the body that has arrived, up to 16 MiB, however it was chunked.
    pub fn read_response_body_available<B: ByteBuffer>(&self) -> Result<B, Error> {
        self.run(Engine::read_available)
    }

    /// Closes the connection and forgets the response. Ends a call that another thread is blocked in.
    pub fn close(&self) {
        let mut gate = self.lock();
        gate.cancel.set();
        gate.cancel = Arc::default();
        gate.generation += 1;
        let engine = Box::new(Engine::new(gate.cancel.clone()));
        let closed = gate.engine.replace(engine);
        gate.view = View::default();
        gate.headers_read = false;
        let hold = gate.hold.take();
        drop(gate);
        drop(closed);
        let_go(hold);
    }

    /// What the client is doing, as of the last call.
    pub fn status(&self) -> Status {
        self.lock().view.status
    }

    /// Whether there is a response whose headers were not asked for yet.
    pub fn has_response(&self) -> bool {
        let gate = self.lock();
        gate.view.head.is_some() && !gate.headers_read
    }

    /// Whether the response's body comes in chunks.
    pub fn is_response_chunked(&self) -> bool {
        self.lock().view.chunked
    }

    /// The response's status code; 0 without a response.
    pub fn response_code(&self) -> u16 {
        self.lock().view.head.as_ref().map_or(0, |head| head.status)
    }

    /// The head of the response. [`has_response`](Self::has_response) is false from then on.
    pub fn response_head(&self) -> Option<Arc<Head>> {
        let mut gate = self.lock();
        gate.headers_read = true;
        gate.view.head.clone()
    }

    /// The values of one header of the response, in the order received.
    pub fn response_header_values(&self, name: &str) -> Vec<String> {
        let head = self.lock().view.head.clone();
        let values = |head: Arc<Head>| head.fields.named(name).map(|field| field.value().into_owned()).collect();
        head.map(values).unwrap_or_default()
    }

    /// The response's trailer lines; there are none before the end of a chunked body.
    pub fn response_trailers(&self) -> Vec<String> {
        let trailers = self.lock().view.trailers.clone();
        let lines = |fields: Arc<Fields>| fields.iter().map(|field: Field<'_>| field.line().into_owned()).collect();
        trailers.map(lines).unwrap_or_default()
    }

    /// The length of the response's body in bytes; −1 if it is not known beforehand.
    pub fn response_body_length(&self) -> i64 {
        self.lock().view.body_length
    }

    /// How many bytes of the current request, head and body, were handed to the system.
    pub fn request_bytes_sent(&self) -> u64 {
        self.lock().view.bytes_sent
    }

    /// How long the phases of the current connection and request took.
    pub fn timings(&self) -> Timings {
        self.lock().view.timings
    }

    /// What TLS agreed on; none without a TLS connection.
    pub fn tls_info(&self) -> Option<Arc<TlsInfo>> {
        self.lock().view.tls.clone()
    }

    /// What went wrong last, as a sentence; empty if nothing did since the last connect or request.
    pub fn error_message(&self) -> String {
        self.lock().view.message.as_deref().unwrap_or_default().to_owned()
    }

    /// The settings.
    pub fn settings(&self) -> Arc<Settings> {
        self.lock().settings.clone()
    }

    /// Whether `poll` and reads wait, sleeping, until they have got further.
    pub fn set_blocking_mode(&self, enabled: bool) {
        self.change(|settings| settings.blocking = enabled);
    }

    /// The most bytes that one read gives; an error outside [`Settings::READ_CHUNK_SIZES`].
    pub fn set_read_chunk_size(&self, bytes: i64) -> Result<(), Error> {
        let allowed = Settings::READ_CHUNK_SIZES;
        match usize::try_from(bytes) {
            Ok(bytes) if allowed.contains(&bytes) => {
                self.change(|settings| settings.read_chunk_size = bytes);
                Ok(())
            }
            _ => Err(self.refused(Error::invalid(format!(
                "a read chunk size of {bytes} bytes is not possible; give {} to {}",
                allowed.start(),
                allowed.end()
            )))),
        }
    }

    /// How long making a connection may take, [`Settings::LONGEST_TIMEOUT`] at most; none is for ever. Holds from the next
    /// `connect_to_host`.
    pub fn set_connect_timeout(&self, timeout: Option<Duration>) {
        self.change(|settings| settings.connect_timeout = capped(timeout));
    }

    /// How long the server may be silent while a response is due, [`Settings::LONGEST_TIMEOUT`] at most; none is for ever.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) {
        self.change(|settings| settings.read_timeout = capped(timeout));
    }

    /// Has connections without TLS go through a proxy: `host`, or `user:password@host`. An empty host or port −1 is none. A
    /// `Proxy-Authorization` among a request's headers replaces these credentials. With a proxy that cannot be used, the next connection fails.
    pub fn set_http_proxy(&self, host: &str, port: i64) -> Result<(), Error> {
        let proxy = Proxy::choose(host, port);
        self.change(|settings| settings.proxies.http.clone_from(&proxy));
        self.report(proxy.and_then(Result::err))
    }

    /// Has connections with TLS go through a tunnel of a proxy. The arguments are those of [`set_http_proxy`](Self::set_http_proxy).
    /// A `Proxy-Authorization` among a request's headers is left out, since the server would read it.
    pub fn set_https_proxy(&self, host: &str, port: i64) -> Result<(), Error> {
        let proxy = Proxy::choose(host, port);
        self.change(|settings| settings.proxies.https.clone_from(&proxy));
        self.report(proxy.and_then(Result::err))
    }

    /// Takes the proxies from the environment variables `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, by the rules of
    /// curl. All of them count, also if one cannot be used, which is an error here and at the next connection that would go through it.
    pub fn set_proxy_from_environment(&self) -> Result<(), Error> {
        // What is not text is no proxy either, and must not count as none.
        let variable = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let proxies = Proxies::from_environment(variable);
        let problem = proxies.problem();
        self.change(|settings| settings.proxies = proxies);
        self.report(problem)
    }

    /// Which connection is open; see [`RawConnection`](crate::RawConnection).
    pub(crate) fn connection_id(&self) -> Option<u64> {
        self.lock().view.connection
    }

    /// Whether the connection with this id is open, and its other end still there as far as the last call saw.
    pub(crate) fn is_connected_with(&self, id: u64) -> bool {
        let gate = self.lock();
        gate.view.connection == Some(id) && !gate.view.has_ended
    }

    /// Of the connection with this id: the address of the other end, and of this one.
    pub(crate) fn addresses_of(&self, id: u64) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let gate = self.lock();
        if gate.view.connection == Some(id) { gate.view.addresses } else { (None, None) }
    }

    /// How many clients' connections the one with this id stands on.
    pub(crate) fn depth_of(&self, id: u64) -> usize {
        let gate = self.lock();
        if gate.view.connection == Some(id) { gate.view.depth } else { 0 }
    }

    /// What holds the open connection; the same for everybody who asks while somebody has it.
    pub(crate) fn hold(this: &Arc<Self>) -> Option<Arc<Hold>> {
        let mut gate = this.lock();
        let id = gate.view.connection?;
        let known = gate.hold.as_ref().filter(|(of, _)| *of == id).and_then(|(_, hold)| hold.upgrade());
        Some(known.unwrap_or_else(|| {
            let hold = Arc::new(Hold::new(id, this.clone()));
            gate.hold = Some((id, Arc::downgrade(&hold)));
            hold
        }))
    }

    /// Lends the connection with this id to something that is not a call of the client's own, and leaves no message. None if that
    /// connection is over.
    pub(crate) fn with_link<T>(&self, id: u64, work: impl FnOnce(&mut Link) -> T) -> Result<Option<T>, Taken> {
        let mut loan = self.lend()?;
        let result = loan.engine_mut().ok().and_then(|engine| engine.with_link(id, work));
        loan.is_sound = true;
        Ok(result)
    }

    fn adopt(&self, stream: Box<dyn Stream>, host: Option<String>, depth: usize) -> Result<(), Error> {
        let checked = host.map(|host| Host::parse(&host, -1, false).map(|host| host.header_value())).transpose();
        let host = checked.map_err(|error| {
            let message =
                error.message.replacen("cannot connect to the host", "the stream is connected to the host", 1);
            self.refused(Error::invalid(message))
        })?;
        self.run(|engine, _| {
            if depth > RawConnection::DEEPEST {
                return Err(Error::invalid(too_deep()));
            }
            engine.adopt(stream, host, depth);
            Ok(())
        })
    }

    fn report(&self, problem: Option<Error>) -> Result<(), Error> {
        problem.map_or(Ok(()), |error| Err(self.refused(error)))
    }

    /// Notes an error that was found before the engine was asked, and hands it back.
    pub fn refused(&self, error: Error) -> Error {
        let mut gate = self.lock();
        gate.view.note(&error);
        let message = gate.view.message.clone();
        if let Some(engine) = &mut gate.engine {
            engine.view.message = message;
        }
        error
    }

    /// Lends the engine to `work`.
    fn run<T>(&self, work: impl FnOnce(&mut Engine, &Settings) -> Result<T, Error>) -> Result<T, Error> {
        let mut loan = self.lend().map_err(|taken| self.refused(taken.into()))?;
        let settings = loan.settings.clone();
        let result = work(loan.engine_mut()?, &settings);
        loan.is_sound = true;
        if let (Err(error), Ok(engine)) = (&result, loan.engine_mut())
            && error.is_misuse()
        {
            engine.view.note(error);
        }
        result
    }

    fn lend(&self) -> Result<Loan<'_>, Taken> {
        let mut gate = self.lock();
        match gate.engine.take() {
            Some(engine) => {
                gate.lent_to = this_thread();
                Ok(Loan {
                    client: self,
                    engine: Some(engine),
                    is_sound: false,
                    generation: gate.generation,
                    settings: gate.settings.clone(),
                })
            }
            None if gate.lent_to == this_thread() => Err(Taken::ByThisThread),
            None => Err(Taken::ByAnotherThread),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(Arc::make_mut(&mut self.lock().settings));
    }

    fn lock(&self) -> MutexGuard<'_, Gate> {
        // Nothing in the gate is half done when a panic passes through.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// An engine that is out of its gate; it goes back when the loan ends.
struct Loan<'a> {
    client: &'a HttpClient,
    engine: Option<Box<Engine>>,
    /// The call returned. After a panic the engine may be half way through something.
    is_sound: bool,
    generation: u64,
    settings: Arc<Settings>,
}

impl Loan<'_> {
    fn engine_mut(&mut self) -> Result<&mut Engine, Error> {
        self.engine.as_deref_mut().ok_or_else(|| Error::new(ErrorCode::Failed, "the client lost its engine"))
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut gate = self.client.lock();
        if gate.generation != self.generation {
            // The client was closed meanwhile. The engine goes with the loan, after the lock.
            return;
        }
        let mut engine = self.engine.take();
        if !self.is_sound {
            // The one that panicked goes after the lock too: it may own a script's stream, whose end may be anything.
            self.engine = engine.replace(Box::new(Engine::new(gate.cancel.clone())));
        }
        let Some(engine) = engine else { return };
        if !gate.view.is_same(&engine.view) {
            if engine.view.head.is_none() || gate.view.head.is_none() {
                gate.headers_read = false;
            }
            gate.view.clone_from(&engine.view);
        }
        gate.engine = Some(engine);
        let connection = gate.view.connection;
        let over = gate.hold.take_if(|(id, _)| connection != Some(*id));
        drop(gate);
        let_go(over);
    }
}

impl From<Taken> for Error {
    fn from(taken: Taken) -> Self {
        let message = match taken {
            Taken::ByAnotherThread => {
                "another thread is in the middle of a call on this client; wait for it, or close()"
            }
            Taken::ByThisThread => {
                "a call on this client is under way and led back to it, through the stream that was given to it; return first"
            }
        };
        Self::new(ErrorCode::Busy, message)
    }
}

/// Has who holds a connection that is over let go of its client. Never under a lock: see [`Hold::let_go`].
fn let_go(hold: Option<(u64, Weak<Hold>)>) {
    if let Some(hold) = hold.and_then(|(_, hold)| hold.upgrade()) {
        hold.let_go();
    }
}

fn capped(timeout: Option<Duration>) -> Option<Duration> {
    timeout.map(|timeout| timeout.min(Settings::LONGEST_TIMEOUT))
}
