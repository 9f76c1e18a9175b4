//! Moves the client from one status to the next, as in `HTTPClient.poll()`. One thread at a time uses an engine.

use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Instant;

use http_net::{
    Body, ByteBuffer, ConnectionId, Dial, Dialled, Host, Interest, Link, Method, Over, Piece, Request, Route, Stream,
    TlsOptions, Wait,
};

use crate::driver::{Cancel, Driver};
use crate::error::{Ends, Error, ErrorCode};
use crate::gate;
use crate::settings::Settings;
use crate::status::Status;
use crate::view::{Answer, Connection, Open, View};

/// The work of one client, from `connect_to_host` to `close`.
pub(crate) struct Engine {
    stage: Stage,
    view: View,
    /// Whether the view already contains the error that the call is about to return.
    is_noted: bool,
    cancel: Arc<Cancel>,
}

/// The stage of the connection, which determines `get_status()`.
enum Stage {
    /// There is no connection. The status says why.
    Closed(Status),
    /// A connection is being established.
    Dialing(Box<Dial>),
    /// The connection is open.
    Open(Box<Link>, Turn),
}

/// The next action on an open connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// A request may be sent.
    Connected,
    /// The head of the response is awaited.
    Requesting,
    /// The body can be read.
    Body,
}

impl Stage {
    fn status(&self) -> Status {
        match self {
            Self::Closed(status) => *status,
            Self::Dialing(dial) if dial.is_resolving() => Status::Resolving,
            Self::Dialing(_) => Status::Connecting,
            Self::Open(_, Turn::Connected) => Status::Connected,
            Self::Open(_, Turn::Requesting) => Status::Requesting,
            Self::Open(_, Turn::Body) => Status::Body,
        }
    }
}

impl gate::Engine for Engine {
    type View = View;
    type Settings = Settings;
    type Cancel = Cancel;

    fn new(cancel: Arc<Cancel>) -> Self {
        Self { stage: Stage::Closed(Status::Disconnected), view: View::default(), is_noted: false, cancel }
    }

    fn view(&self) -> &View {
        &self.view
    }

    fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    fn is_same(one: &View, other: &View) -> bool {
        one.is_same(other)
    }

    fn cancel(cancel: &Cancel) {
        cancel.set();
    }
}

impl Drop for Engine {
    /// After a panic, nothing else wakes the calls that wait for the connection.
    fn drop(&mut self) {
        self.stage = Stage::Closed(Status::Disconnected);
        self.cancel.wake();
    }
}

impl Engine {
    /// Closes the current connection and starts to connect.
    pub(crate) fn connect_to_host(
        &mut self,
        host: &str,
        port: i64,
        secure: bool,
        tls: &TlsOptions,
        settings: &Settings,
    ) -> Result<(), Error> {
        self.enter(Stage::Closed(Status::Disconnected));
        self.view = View::default();
        let started = Host::parse(host, port, secure).and_then(|host| {
            let proxy = settings.proxies.for_host(&host)?;
            let route = Arc::new(Route::new(host, proxy, tls));
            let context = &settings.context;
            Dial::start(context, route, settings.connect_timeout, settings.user_agent.clone(), context.now())
        });
        match started {
            Ok(dial) => {
                self.enter(Stage::Dialing(Box::new(dial)));
                Ok(())
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Closes the current connection and uses a stream of the caller. `depth` is the number of clients whose connections the stream uses.
    pub(crate) fn adopt(&mut self, stream: Box<dyn Stream>, host: Option<String>, depth: usize, settings: &Settings) {
        let context = settings.context.clone();
        let now = context.now();
        self.view = View::default();
        self.open(Link::over(context, stream, host, now), depth);
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
        let Stage::Open(link, turn) = &mut self.stage else {
            self.is_noted = true;
            return Err(self.view.note_not_open());
        };
        let request = Request { method, url, headers, user_agent: &settings.user_agent };
        match link.begin(&request, body, settings.context.now()) {
            Ok(()) => {
                *turn = Turn::Requesting;
                let (open, tls) = (self.view.open.take(), self.view.tls.take());
                self.view = View { status: Status::Requesting, open, tls, ..View::default() };
                self.view.follow(link);
                Ok(())
            }
            Err(error) if error.is_misuse() => Err(error.into()),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// Advances by one status, as far as that is possible now. In blocking mode, waits until it is possible.
    pub(crate) fn poll(&mut self, settings: &Settings, driver: &Driver) -> Result<(), Error> {
        if settings.blocking && matches!(self.stage, Stage::Open(_, Turn::Requesting)) {
            // A read right after the request would nearly always find nothing.
            self.pause_if(Wait::is_watched, settings, driver)?;
        }
        loop {
            match &mut self.stage {
                Stage::Closed(_) => return self.closed_error(),
                Stage::Dialing(dial) => match dial.advance(settings.context.now()) {
                    Ok(Dialled::Pending) => {}
                    Ok(Dialled::Resolved) => {
                        self.view.status = self.stage.status();
                        return Ok(());
                    }
                    Ok(Dialled::Link(link)) => {
                        self.open(*link, 0);
                        return Ok(());
                    }
                    Err(error) => return Err(self.fail(error)),
                },
                Stage::Open(link, Turn::Requesting) => {
                    let now = settings.context.now();
                    let received = match link.receive_head(now) {
                        Ok(None) => link.check_silence(settings.read_timeout, now).map(|()| None),
                        received => received,
                    };
                    self.view.follow(link);
                    match received {
                        Ok(None) => {}
                        Ok(Some(response)) => {
                            let turn = if link.is_in_body() { Turn::Body } else { Turn::Connected };
                            self.view.answer = Some(Arc::new(Answer::of(response)));
                            self.turn(turn);
                            return Ok(());
                        }
                        Err(error) => return Err(self.fail(error)),
                    }
                }
                Stage::Open(link, Turn::Body) => {
                    // Only reading ends a body. The time is only requested if it is needed, because most polls do nothing.
                    if link.is_sending() {
                        link.send(settings.context.now());
                    }
                    self.view.follow(link);
                    return Ok(());
                }
                Stage::Open(link, Turn::Connected) => {
                    let checked = link.check_idle();
                    self.view.follow(link);
                    self.wake_readers();
                    return checked.map_err(|error| self.fail(error));
                }
            }
            if !settings.blocking {
                return Ok(());
            }
            self.pause(settings, driver)?;
        }
    }

    /// Reads a chunk of the body. Bytes before a failure are returned first, and the next call returns the failure.
    pub(crate) fn read_chunk<B: ByteBuffer>(&mut self, settings: &Settings, driver: &Driver) -> Result<B, Error> {
        let size = settings.read_chunk_size;
        if let Some(chunk) = self.body()?.held_chunk(size) {
            return Ok(chunk);
        }
        loop {
            let now = settings.context.now();
            let link = self.body()?;
            link.send(now);
            match link.read_chunk::<B>(size, settings.blocking, now) {
                Ok(Some(piece)) if !piece.is_empty() || !link.is_sending() => {
                    return self.give_out(piece, now, settings, driver);
                }
                Ok(_) => {
                    if let Err(silence) = link.check_silence(settings.read_timeout, now) {
                        // Do not wait for the rest of the chunk. The available part is returned.
                        let rest = link.rest_before(silence, size, now);
                        return rest.map_err(|error| self.fail(error)).inspect(|_| self.settle());
                    }
                }
                Err(error) => return Err(self.fail(error)),
            }
            if !settings.blocking {
                self.settle();
                return Ok(B::with_len(0));
            }
            self.pause(settings, driver)?;
        }
    }

    /// Reads the available part of the body.
    pub(crate) fn read_available<B: ByteBuffer>(&mut self, settings: &Settings, driver: &Driver) -> Result<B, Error> {
        loop {
            let now = settings.context.now();
            let link = self.body()?;
            link.send(now);
            let read = link.read_available::<B>(now).and_then(|mut data| {
                if data.as_mut_slice().is_empty() && (link.is_in_body() || link.is_sending()) {
                    link.check_silence(settings.read_timeout, now).map(|()| None)
                } else {
                    Ok(Some(data))
                }
            });
            match read {
                Ok(Some(data)) => {
                    self.settle();
                    return Ok(data);
                }
                Ok(None) if settings.blocking => self.pause(settings, driver)?,
                Ok(None) => {
                    self.settle();
                    return Ok(B::with_len(0));
                }
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// Passes the connection to the user of its raw bytes, if it is the open connection.
    pub(crate) fn with_link<T>(&mut self, id: ConnectionId, work: impl FnOnce(&mut Link) -> T) -> Option<T> {
        match &mut self.stage {
            Stage::Open(link, _) if link.id() == id => {
                let result = work(link);
                self.view.follow(link);
                self.wake_readers();
                Some(result)
            }
            _ => None,
        }
    }

    /// Adds to `wait` what the user of the raw bytes waits for. If this is not the open connection, there is nothing to wait for.
    pub(crate) fn wait_for(&mut self, id: ConnectionId, interest: Interest, wait: &mut Wait) {
        match &mut self.stage {
            Stage::Open(link, _) if link.id() == id => link.raw().wait_for(interest, wait),
            _ => wait.now(),
        }
    }

    /// Wakes the calls that wait for raw bytes, if there are bytes to read. The current call may have received them without returning
    /// them. Then the system does not report them to the waiting calls.
    fn wake_readers(&mut self) {
        let Stage::Open(link, _) = &mut self.stage else { return };
        if self.cancel.has_sleepers() {
            let mut wait = Wait::new(Waker::noop());
            link.raw().wait_for(Interest::Read, &mut wait);
            if wait.is_ready() {
                self.cancel.wake();
            }
        }
    }

    /// Returns the status.
    pub(crate) fn status(&self) -> Status {
        self.view.status
    }

    /// Returns the canceller of the call that uses this engine.
    pub(crate) fn canceller(&self) -> Arc<Cancel> {
        self.cancel.clone()
    }

    /// Notes a mistake of the caller, unless it has already been noted.
    pub(crate) fn note(&mut self, error: &Error) {
        if !std::mem::take(&mut self.is_noted) {
            self.view.note(error);
        }
    }

    /// Returns a piece that was read at `now`. In blocking mode, fills it first.
    fn give_out<B: ByteBuffer>(
        &mut self,
        mut piece: Piece<B>,
        mut now: Instant,
        settings: &Settings,
        driver: &Driver,
    ) -> Result<B, Error> {
        while settings.blocking && !piece.is_full() {
            let link = self.body()?;
            if link.has_ended() {
                break;
            }
            if let Err(silence) = link.check_silence(settings.read_timeout, now) {
                link.fail_later(silence);
                break;
            }
            self.pause(settings, driver)?;
            now = settings.context.now();
            let link = self.body()?;
            link.send(now);
            link.fill(&mut piece, now);
        }
        let data = self.body()?.give_out(piece, now);
        self.settle();
        Ok(data)
    }

    /// Returns the connection, if there is a body to read.
    fn body(&mut self) -> Result<&mut Link, Error> {
        match &mut self.stage {
            Stage::Open(link, Turn::Body) => Ok(link),
            _ => Err(Error::invalid("there is no body to read; wait for STATUS_BODY")),
        }
    }

    /// Checks after a read whether the exchange is over. It is not over until the request has been sent completely.
    fn settle(&mut self) {
        let Stage::Open(link, Turn::Body) = &mut self.stage else { return };
        self.view.follow(link);
        if link.is_in_body() || link.is_sending() {
            return;
        }
        let trailers = link.take_trailers();
        self.view.trailers = (!trailers.is_empty()).then(|| Arc::new(trailers));
        if link.over_because() == Some(Over::EndedWithBody) {
            self.enter(Stage::Closed(Status::Disconnected));
        } else {
            self.turn(Turn::Connected);
        }
    }

    fn open(&mut self, link: Link, depth: usize) {
        self.view.tls = link.tls().cloned();
        let connection = Connection { id: link.id(), addresses: link.addresses(), depth };
        self.view.follow(&link);
        self.enter(Stage::Open(Box::new(link), Turn::Connected));
        self.view.open = Some(Arc::new(Open { connection, holder: Mutex::default() }));
    }

    fn turn(&mut self, next: Turn) {
        if let Stage::Open(_, turn) = &mut self.stage {
            *turn = next;
        }
        self.view.status = self.stage.status();
    }

    fn enter(&mut self, stage: Stage) {
        if !matches!(stage, Stage::Open(..)) {
            self.view.open = None;
        }
        self.stage = stage;
        self.view.status = self.stage.status();
        // Calls that wait for raw bytes of the previous connection keep its socket open until they wake.
        self.cancel.wake();
    }

    /// Closes the connection after a failure. The received part of a response stays readable.
    fn fail(&mut self, error: http_net::Error) -> Error {
        let Ends { status, error, clause } = Ends::of(&error);
        self.enter(Stage::Closed(status));
        self.view.note_cause(&error, clause);
        self.is_noted = error.is_misuse();
        error
    }

    /// Sleeps until there is something to do.
    fn pause(&mut self, settings: &Settings, driver: &Driver) -> Result<(), Error> {
        self.pause_if(|_| true, settings, driver)
    }

    /// Does the same, but only if `sleeps` accepts the wait.
    fn pause_if(&mut self, sleeps: fn(&Wait) -> bool, settings: &Settings, driver: &Driver) -> Result<(), Error> {
        let stage = &self.stage;
        driver.wait(&self.cancel, settings.context.now(), |wait| {
            match stage {
                Stage::Closed(_) => wait.now(),
                Stage::Dialing(dial) => dial.wait_for(wait),
                Stage::Open(link, _) => {
                    link.wait_for(true, wait);
                    if let Some(deadline) = settings.read_timeout.and_then(|limit| link.silent_at(limit)) {
                        wait.until(deadline);
                    }
                }
            }
            if !sleeps(wait) {
                wait.now();
            }
        });
        if self.cancel.is_set() { Err(self.fail(http_net::Error::cancelled())) } else { Ok(()) }
    }

    /// Returns the result of `poll` while there is no connection.
    fn closed_error(&mut self) -> Result<(), Error> {
        let code = match self.view.status {
            Status::CantResolve => ErrorCode::CantResolve,
            Status::CantConnect => ErrorCode::CantConnect,
            Status::ConnectionError | Status::TlsHandshakeError => ErrorCode::ConnectionError,
            _ => ErrorCode::Unconfigured,
        };
        if let Some(cause) = &self.view.cause {
            self.view.message = Some(cause.sentence.clone());
            return Err(Error::new(code, &*cause.sentence));
        }
        Err(Error::new(code, "there is no connection; call connect_to_host() first"))
    }
}
