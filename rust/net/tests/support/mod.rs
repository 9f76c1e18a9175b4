//! A link and a scripted server at its other end, in memory, on a clock that only the test moves.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses only a part")]

use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::{Duration, Instant};

use http_net::memory::{MemoryStream, pair};
use http_net::{Body, Context, Error, Link, Method, Request, Response, Wait};

/// Shorter than any pause that extends a deadline.
pub const FRAME: Duration = Duration::from_millis(500);

/// The current time.
#[derive(Clone)]
pub struct Clock(Arc<Mutex<Instant>>);

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    pub fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    pub fn context(&self) -> Arc<Context> {
        let clock = self.clone();
        Arc::new(Context::new(move || clock.now(), None))
    }
}

/// Both ends of a connection, and the clock.
pub struct Scene {
    pub clock: Clock,
    pub context: Arc<Context>,
    pub link: Link,
    pub server: MemoryStream,
}

/// The outcome of an exchange.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub status: u16,
    pub body: Vec<u8>,
    pub trailers: Vec<String>,
}

impl Scene {
    pub fn new() -> Self {
        Self::with_room(1 << 20)
    }

    /// Creates a scene in which each direction holds `room` bytes.
    pub fn with_room(room: usize) -> Self {
        let clock = Clock::new();
        let context = clock.context();
        Self::of(clock, context, room)
    }

    pub fn of(clock: Clock, context: Arc<Context>, room: usize) -> Self {
        let (near, server) = pair(room);
        let link = Link::over(context.clone(), Box::new(near), Some("server.test".to_owned()), clock.now());
        Self { clock, context, link, server }
    }

    /// Creates a scene in which a GET was sent.
    pub fn requested() -> Self {
        let mut scene = Self::new();
        scene.get("/");
        scene
    }

    /// Creates a scene in which the head of a response was received.
    pub fn in_body(head: &str) -> Self {
        let mut scene = Self::requested();
        scene.server.push(head.as_bytes());
        scene.head().unwrap().expect("a whole head");
        scene
    }

    pub fn begin(&mut self, method: Method, url: &str, headers: &[&str], body: Body) -> Result<(), Error> {
        let request = Request { method, url, headers, user_agent: "test" };
        self.link.begin(&request, body, self.clock.now())
    }

    pub fn get(&mut self, url: &str) -> String {
        self.begin(Method::Get, url, &[], Body::empty()).unwrap();
        String::from_utf8(self.server.take()).unwrap()
    }

    pub fn head(&mut self) -> Result<Option<Response>, Error> {
        self.link.receive_head(self.clock.now())
    }

    pub fn read(&mut self) -> Result<Vec<u8>, Error> {
        self.link.read_available(self.clock.now())
    }

    /// Receives the available data and then checks for silence, like a driver of the link.
    pub fn step(&mut self, limit: Duration) -> Result<Option<Response>, Error> {
        match self.head()? {
            None => self.link.check_silence(Some(limit), self.clock.now()).map(|()| None),
            response => Ok(response),
        }
    }

    /// Receives the available part of a response, in addition to the part received before. Returns whether the response is complete.
    pub fn receive(&mut self, outcome: &mut Outcome) -> Result<bool, Error> {
        if outcome.status == 0 {
            let Some(response) = self.head()? else { return Ok(false) };
            outcome.status = response.head.status;
        }
        if self.link.is_in_body() || self.link.is_sending() {
            outcome.body.extend(self.read()?);
        }
        let is_over = !self.link.is_in_body() && !self.link.is_sending();
        if is_over {
            let trailers = self.link.take_trailers();
            outcome.trailers.extend(trailers.iter().map(|field| field.line().into_owned()));
        }
        Ok(is_over)
    }

    /// Performs an exchange whose response is already available.
    pub fn exchange(&mut self, reply: &[u8]) -> Outcome {
        self.get("/");
        self.server.push(reply);
        let mut outcome = Outcome::default();
        assert!(self.receive(&mut outcome).unwrap(), "{}", reply.escape_ascii());
        outcome
    }

    /// Returns what the link waits for.
    pub fn wait(&self) -> Wait {
        let mut wait = Wait::new(Waker::noop());
        self.link.wait_for(true, &mut wait);
        wait
    }

    /// Whether there is something to do immediately.
    pub fn is_ready(&self) -> bool {
        self.wait().longest(self.clock.now()) == Some(Duration::ZERO)
    }
}

/// Returns `bytes` in pieces of `size`, with `WouldBlock` before each.
pub struct Slow {
    bytes: io::Cursor<Vec<u8>>,
    size: usize,
    paused: bool,
    /// The error after the last byte.
    error: Option<io::ErrorKind>,
}

impl Slow {
    pub fn new(bytes: &[u8], size: usize) -> Self {
        Self { bytes: io::Cursor::new(bytes.to_vec()), size, paused: false, error: None }
    }

    pub fn then(self, error: io::ErrorKind) -> Self {
        Self { error: Some(error), ..self }
    }
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.paused = !self.paused;
        if self.paused {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = self.size.min(buffer.len());
        match (self.bytes.read(&mut buffer[..most]), self.error) {
            (Ok(0), Some(error)) => Err(error.into()),
            (read, _) => read,
        }
    }
}

/// A body whose bytes the test provides. Without bytes, it returns `WouldBlock`, or the end if the test has set it.
#[derive(Clone, Default)]
pub struct Fed(Arc<Mutex<(Vec<u8>, bool)>>);

impl Fed {
    pub fn give(&self, bytes: &[u8], is_end: bool) {
        let mut place = self.0.lock().unwrap();
        place.0.extend_from_slice(bytes);
        place.1 = is_end;
    }
}

impl Read for Fed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut place = self.0.lock().unwrap();
        if place.0.is_empty() && !place.1 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = place.0.len().min(buffer.len());
        buffer[..count].copy_from_slice(&place.0[..count]);
        place.0.drain(..count);
        Ok(count)
    }
}

/// Returns the kind of the system's error below the error.
pub fn source(error: &Error) -> Option<io::ErrorKind> {
    let source = std::error::Error::source(error)?;
    Some(source.downcast_ref::<io::Error>().expect("a system's error").kind())
}
