//! Functions that bring a client to the state that a test needs, the server of a test file, and small servers.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses only a part")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http_client::{Body, Context, Error, ErrorCode, HttpClient, Method, Settings, Status, TlsOptions};
use test_server::TestServer;

/// A hang is a failure, but a slow machine is not.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The maximum delay after a deadline: ten frames of 1/60 s.
pub const TEN_FRAMES: Duration = Duration::from_millis(167);

/// Asserts that `attempt` measures less than `limit` at least once in five tries: a busy machine sometimes delays a thread, and only a
/// constant delay is a fault.
pub fn assert_in_time(limit: Duration, mut attempt: impl FnMut() -> Duration) {
    let mut measured = Vec::new();
    while measured.len() < 5 {
        let passed = attempt();
        if passed < limit {
            return;
        }
        measured.push(passed);
    }
    panic!("this should take less than {limit:?}, and took {measured:?}");
}

/// Prints what a test did not do. The test harness hides the output of `println!` and `eprintln!`.
pub fn left_out(what: &str) {
    writeln!(std::io::stderr(), "left out: {what}").expect("stderr");
}

/// The current time, which only a test moves.
#[derive(Clone)]
pub struct Clock(Arc<Mutex<Instant>>);

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    pub fn context(&self) -> Arc<Context> {
        let clock = self.0.clone();
        Arc::new(Context::new(move || *clock.lock().unwrap(), None))
    }
}

/// One server for all tests of a file.
pub fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start().expect("the server starts"))
}

/// The outcome of one request.
#[derive(Debug)]
pub struct Reply {
    pub code: u16,
    /// The received part of the body, even if a failure followed.
    pub body: Vec<u8>,
    /// The error of the call that failed, or `None` if the response is complete.
    pub error: Option<Error>,
    pub status: Status,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// Returns the message of the failure, which must be a lost connection.
    pub fn failure(&self) -> &str {
        let error = self.error.as_ref().unwrap_or_else(|| panic!("this must fail: {self:?}"));
        assert_eq!((error.code, self.status), (ErrorCode::ConnectionError, Status::ConnectionError), "{self:?}");
        assert!(!error.message.is_empty());
        &error.message
    }
}

pub fn no_body() -> Body {
    Box::new(Vec::new())
}

pub fn blocking() -> HttpClient {
    HttpClient::new(Settings { blocking: true, ..Settings::default() })
}

pub fn with_read_timeout(timeout: Duration) -> HttpClient {
    HttpClient::new(Settings { read_timeout: Some(timeout), ..Settings::default() })
}

/// Starts to connect.
pub fn open(client: &HttpClient, host: &str, port: i64) -> Result<(), Error> {
    client.connect_to_host(host, port, false, &TlsOptions::default())
}

pub fn open_at(client: &HttpClient, address: SocketAddr) {
    open(client, &address.ip().to_string(), address.port().into()).expect("an address is a host");
}

pub fn connect(client: &HttpClient, address: SocketAddr) {
    open_at(client, address);
    until(client, Status::Connected);
}

pub fn connected(address: SocketAddr) -> HttpClient {
    let client = HttpClient::default();
    connect(&client, address);
    client
}

/// Polls until the client has this status. No call may fail before.
pub fn until(client: &HttpClient, wanted: Status) {
    let started = Instant::now();
    while client.status() != wanted {
        let polled = client.poll();
        assert!(polled.is_ok(), "{polled:?} on the way to {wanted:?}");
        pause(started);
    }
}

/// Polls until a call fails, and returns the error. The status and the message must agree with it.
pub fn until_failure(client: &HttpClient) -> Error {
    let started = Instant::now();
    loop {
        if let Err(error) = client.poll() {
            let status = match error.code {
                ErrorCode::CantResolve => Status::CantResolve,
                ErrorCode::CantConnect => Status::CantConnect,
                _ => Status::ConnectionError,
            };
            assert_eq!(client.status(), status, "{error:?}");
            assert_eq!(client.error_message(), error.message);
            assert!(!error.message.is_empty());
            return error;
        }
        pause(started);
    }
}

/// Sleeps briefly so that other threads can work. Panics if the test takes too long.
pub fn pause(started: Instant) {
    assert!(started.elapsed() < PATIENCE, "nothing came of it in {PATIENCE:?}");
    thread::sleep(Duration::from_micros(100));
}

pub fn get(client: &HttpClient, url: &str) -> Reply {
    exchange(client, Method::Get, url, &[], no_body())
}

/// Performs one whole exchange on a connected client. A failure ends it.
pub fn exchange(client: &HttpClient, method: Method, url: &str, headers: &[&str], body: Body) -> Reply {
    let error = client.request(method, url, headers, body).err().or_else(|| finish_request(client).err());
    if let Some(error) = error {
        return Reply { code: client.response_code(), body: Vec::new(), error: Some(error), status: client.status() };
    }
    let (body, error) = read_body(client);
    Reply { code: client.response_code(), body, error, status: client.status() }
}

pub fn finish_request(client: &HttpClient) -> Result<(), Error> {
    let started = Instant::now();
    while client.status() == Status::Requesting {
        client.poll()?;
        if client.status() == Status::Requesting {
            pause(started);
        }
    }
    Ok(())
}

/// Reads chunk by chunk until the body ends or fails.
pub fn read_body(client: &HttpClient) -> (Vec<u8>, Option<Error>) {
    let mut body = Vec::new();
    let error = read_chunks(client, |chunk| body.extend_from_slice(&chunk));
    (body, error)
}

pub fn read_chunks(client: &HttpClient, mut each: impl FnMut(Vec<u8>)) -> Option<Error> {
    let mut last = Instant::now();
    while client.status() == Status::Body {
        match client.read_response_body_chunk::<Vec<u8>>() {
            Ok(chunk) if chunk.is_empty() => pause(last),
            Ok(chunk) => {
                each(chunk);
                last = Instant::now();
            }
            Err(error) => return Some(error),
        }
    }
    None
}

/// Begins a request, and polls until STATUS_BODY.
pub fn request_until_body(client: &HttpClient, url: &str) {
    client.request(Method::Get, url, &[], no_body()).expect("a valid request");
    until(client, Status::Body);
}

/// Returns the URL path at which the raw server sends these bytes.
pub fn dictated(reply: &[u8], options: &str) -> String {
    format!("/reply?b64={}{options}", BASE64_URL_SAFE_NO_PAD.encode(reply))
}

/// Starts a server for one connection, which `serve` handles. Join the thread to receive the result of `serve`.
pub fn one_connection<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout that is not zero");
        serve(stream)
    });
    (address, thread)
}

/// Reads the head of a request.
pub fn take_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a whole head");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("a head is text")
}

/// Reads until the client ends the connection in any way, and returns the number of bytes.
pub fn drain(stream: &mut TcpStream) -> usize {
    let mut buffer = [0; 65536];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return total,
            Ok(count) => total += count,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return total,
            Err(error) => panic!("the client did not end the connection: {error}"),
        }
    }
}

pub fn send(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("the client reads");
}
