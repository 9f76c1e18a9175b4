//! Calls without a thread, a socket or a clock: a script answers on connections in memory, and time passes when a test says so. All
//! policies work together here as in the worker.

mod anything;
mod bodies;
mod cache;
mod cache_files;
mod downloads;
mod ends;
mod events;
mod going_on;
mod replays;
mod watched;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http_net::memory::{self, MemoryStream};
use http_net::{Context, Dial, Dialled, Error, Host, Link, Route, TlsOptions, Wait};

use crate::call::Call;
use crate::cookie_file::Cookies;
use crate::engine::Engine;
use crate::exchange::{Dialer, Dialing, Exchange};
use crate::lock::lock;
use crate::mailbox::{Command, Mailbox};
use crate::settings::{Kind, Request, Settings};
use crate::task::{Notice, Shared, Task};

/// How a script replies to a request.
enum Reply {
    /// Sends these bytes, and keeps the connection.
    Send(Vec<u8>),
    /// Sends these bytes, and then closes the connection.
    End(Vec<u8>),
    /// Sends these bytes, and then resets the connection.
    Reset(Vec<u8>),
    /// Sends nothing.
    Silence,
}

type Script = Box<dyn FnMut(&str) -> Reply>;

struct Simulation {
    mailbox: Arc<Mailbox<Vec<u8>>>,
    engine: Engine<Vec<u8>>,
    network: Arc<Mutex<Network>>,
    cookies: Arc<Cookies>,
    settings: Settings,
    script: Script,
    now: Instant,
    wall: SystemTime,
    /// All requests, each after the host of its connection.
    requests: Vec<String>,
}

/// The server ends of the connections.
#[derive(Default)]
struct Network {
    connections: Vec<Connection>,
    /// How many of the next connections are refused.
    refused: usize,
    /// Whether dials never end.
    is_silent: bool,
    /// Whether dials panic.
    panics: bool,
    /// The context, or `None` for that of the process.
    context: Option<Arc<Context>>,
}

impl Network {
    fn context(&self) -> Arc<Context> {
        self.context.as_ref().unwrap_or(Context::shared()).clone()
    }
}

struct Connection {
    host: String,
    far: MemoryStream,
    received: String,
}

impl Simulation {
    fn new(script: impl FnMut(&str) -> Reply + 'static) -> Self {
        let mailbox = Arc::new(Mailbox::new());
        let network: Arc<Mutex<Network>> = Arc::default();
        let engine = Engine::new(mailbox.clone(), Arc::new(Scripted(network.clone())));
        Self {
            mailbox,
            engine,
            network,
            cookies: Arc::default(),
            settings: Settings::default(),
            script: Box::new(script),
            now: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            requests: Vec::new(),
        }
    }

    fn start(&self, kind: Kind, request: Request) -> Task {
        let task = Shared::new(self.mailbox.clone(), 1, &request.url);
        let settings = Arc::new(self.settings.clone());
        let call = Call::new(task.clone(), settings, self.cookies.clone(), kind, request);
        self.mailbox.send(Command::Start(Box::new(call)));
        Task(task)
    }

    fn get(&self, url: &str) -> Task {
        self.start(Kind::Fetch, Request::get(url))
    }

    /// Runs until nothing more happens at the current time.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            self.engine.run_all();
            self.engine.turn(self.now, self.wall, None);
            let answered = self.answer();
            if !answered && self.engine.longest(self.now) != Some(Duration::ZERO) {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Lets time pass, and stops at every deadline on the way.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while self.now < end {
            let step = self.engine.longest(self.now).map_or(time, |longest| longest.max(Duration::from_nanos(1)));
            let step = step.min(end - self.now);
            self.now += step;
            self.wall += step;
            self.settle();
        }
    }

    /// Answers the complete requests. Returns whether there were any.
    fn answer(&mut self) -> bool {
        let mut network = lock(&self.network);
        let mut answered = false;
        for connection in &mut network.connections {
            connection.received.push_str(&String::from_utf8_lossy(&connection.far.take()));
            let Some(head) = connection.received.find("\r\n\r\n").map(|at| at + 4) else { continue };
            let body_len = value(&connection.received[..head], "Content-Length").map_or(0, |len| len.parse().unwrap());
            if connection.received.len() < head + body_len {
                continue;
            }
            let request: String = connection.received.drain(..head + body_len).collect();
            answered = true;
            let reply = (self.script)(&request);
            self.requests.push(format!("{} {request}", connection.host));
            match reply {
                Reply::Send(bytes) => connection.far.push(&bytes),
                Reply::End(bytes) => {
                    connection.far.push(&bytes);
                    connection.far.finish();
                }
                Reply::Reset(bytes) => {
                    connection.far.push(&bytes);
                    connection.far.reset();
                }
                Reply::Silence => {}
            }
        }
        answered
    }

    fn connections(&self) -> usize {
        lock(&self.network).connections.len()
    }

    /// Sends bytes on the latest connection.
    fn push(&self, bytes: &[u8]) {
        lock(&self.network).connections.last().unwrap().far.push(bytes);
    }

    fn finish(&self) {
        lock(&self.network).connections.last().unwrap().far.finish();
    }

    /// Runs until a task ends, for as much time as it needs.
    fn run(&mut self, task: &Task) -> Arc<crate::Response> {
        self.settle();
        for _ in 0..1000 {
            if let Some(response) = task.response() {
                return response;
            }
            let step = self.engine.longest(self.now).expect("it waits for something");
            self.pass(step);
        }
        panic!("it does not end");
    }
}

/// Returns a response with this status code, these header lines and this body.
fn response(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len()).into_bytes();
    for line in headers {
        bytes.extend([line.as_bytes(), b"\r\n"].concat());
    }
    [&bytes, &b"\r\n"[..], body].concat()
}

fn ok(body: &str) -> Reply {
    Reply::Send(response(200, &[], body))
}

/// Returns the path of a request, or the text in its place.
fn target(request: &str) -> &str {
    request.split(' ').nth(1).unwrap()
}

/// Returns the value of a header of a request.
fn value<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request.lines().find_map(|line| {
        let (other, value) = line.split_once(": ")?;
        other.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// Returns a short text for each notice.
fn short(notices: Vec<Notice>) -> Vec<String> {
    let name = |notice: Notice| match notice {
        Notice::ResponseStarted(facts) => format!("started {}", facts.code),
        Notice::Progress { bytes, total } => format!("progress {bytes} of {total:?}"),
        Notice::UploadProgress { bytes, total } => format!("sent {bytes} of {total}"),
        Notice::Chunk(chunk) => format!("chunk {}", chunk.len()),
        Notice::Event(event) => format!("event {} {} {}", event.kind, event.data, event.id),
        Notice::Retrying { attempt, reason, .. } => format!("retrying {attempt}: {reason}"),
        Notice::Completed(response) => format!("completed {}", response.result),
    };
    notices.into_iter().map(name).collect()
}

/// Connects to the script.
struct Scripted(Arc<Mutex<Network>>);

struct Dialed(Arc<Mutex<Network>>, Arc<Route>);

impl Dialer for Scripted {
    fn dial(&self, route: Arc<Route>, _: Option<Duration>, _: Arc<str>, _: Instant) -> Result<Box<dyn Dialing>, Error> {
        Ok(Box::new(Dialed(self.0.clone(), route)))
    }

    fn context(&self) -> Arc<Context> {
        lock(&self.0).context()
    }
}

impl Dialing for Dialed {
    fn advance(&mut self, now: Instant) -> Result<Option<Box<dyn Exchange>>, Error> {
        let mut network = lock(&self.0);
        if network.is_silent {
            return Ok(None);
        }
        if std::mem::take(&mut network.panics) {
            panic!("a fault in one call");
        }
        if network.refused > 0 {
            network.refused -= 1;
            return Err(refusal());
        }
        let (near, far) = memory::pair(1 << 20);
        let host = self.1.host().header_value();
        network.connections.push(Connection { host, far, received: String::new() });
        Ok(Some(Box::new(Link::along(self.1.clone(), network.context(), Box::new(near), now))))
    }

    fn wait_for(&self, wait: &mut Wait) {
        if !lock(&self.0).is_silent {
            wait.now();
        }
    }
}

/// Returns the error of a connection that a real port refused. Only a real connection can produce it.
fn refusal() -> Error {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap();
    let host = Host::parse(&free.to_string(), -1, false).unwrap();
    let route = Arc::new(Route::new(host, None, &TlsOptions::default()));
    let mut dial = match Dial::start(Context::shared(), route, None, "".into(), Instant::now()) {
        Ok(dial) => dial,
        Err(error) => return error,
    };
    loop {
        match dial.advance(Instant::now()) {
            Err(error) => return error,
            Ok(Dialled::Link(_)) => panic!("somebody listens there: {}", io::Error::last_os_error()),
            Ok(_) => std::thread::yield_now(),
        }
    }
}
