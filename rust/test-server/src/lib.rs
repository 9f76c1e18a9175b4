//! The embedded HTTP server of the demo, the GDScript tests, the benchmark and the soak run.
//!
//! It is not part of the product. [`TestServer::start`] opens these addresses on 127.0.0.1, each on
//! a free port. Dropping the server closes them. The program `test-server` does the same from a
//! command line.
//!
//! | address | what it does |
//! | --- | --- |
//! | [`http`](TestServer::http) | correct HTTP/1.1, without a library: the routes below |
//! | [`https`](TestServer::https) | the same over TLS 1.2 and 1.3, ALPN `http/1.1`, with session tickets |
//! | [`hyper`](TestServer::hyper) | the common routes, served by hyper |
//! | [`hyper_tls`](TestServer::hyper_tls) | the same over TLS |
//! | [`raw`](TestServer::raw) | requested replies and faults, over plain TCP: the second table |
//! | [`speaks_first`](TestServer::speaks_first) | sends an SSH banner at once, then nothing |
//! | [`never_accepts`](TestServer::never_accepts) | a full queue: a connection attempt never ends |
//! | [`refused_port`](TestServer::refused_port) | refuses connections |
//!
//! # Routes of `http` and `https`, and those of `hyper`
//!
//! Every route accepts every method, and reads the request's body to its end before it answers. HEAD gets the same answer as GET,
//! without the body. The parameters are shown with their defaults.
//!
//! | route | answer |
//! | --- | --- |
//! | `/hello` | text: `Hello from the embedded server.` |
//! | `/slow?ms=500` | the same, after this time |
//! | `/json` | a JSON object with a list, a nested object, `true` and `null` |
//! | `/html` | a page |
//! | `/image.png?number=0` | a picture of 64 by 64 pixels, with different colors for each number |
//! | `/scores?ms=0` | a JSON object with a list of players and their scores, after this time |
//! | `/chat?delay_ms=0` | server-sent events like those of a language model: one for each word, and one of the type `done` |
//! | `/empty` | 200 with `Content-Length: 0` |
//! | `/echo` | JSON: `method`, `target`, `version`, `headers` (pairs of name and value, in the original spelling and order), `body_length`, `body_crc32`, `body_text` (null above 64 KiB or if it is not UTF-8) |
//! | `/upload` | JSON: `bytes` and `crc32` of the body, which is not stored |
//! | `/status/{code}?body=1` | this status, from 200 to 999, with a line of text (none for 204 and 304, an empty one for `body=0`) |
//! | `/redirect?to=/hello` | 302 with this `Location` |
//! | `/bytes/{n}?delay_ms=0` | `n` bytes (up to 2^40) with `Content-Length`: 1 MiB of pseudo-random bytes repeated; with a delay, a pause before each 64 KiB |
//! | `/crc/{n}` | JSON: `bytes` and `crc32` of the body of `/bytes/{n}`, `/chunked/{n}` and `/until-close/{n}` |
//! | `/chunked/{n}?size=16384&delay_ms=0` | the same bytes in chunks of exactly `size` (1 to 2^20); with a delay, a pause before each |
//! | `/gzip/{n}` | `n` bytes of text (up to 2^28) as `Content-Encoding: gzip`; each length is compressed once |
//! | `/until-close/{n}` | the same bytes as `/bytes/{n}`, without a length: the body ends with the connection |
//! | `/file/{n}?cut=…` | the same bytes with an `ETag`; `Range: bytes=N-` returns the rest with 206, or 416; the connection ends after `cut` bytes of a body |
//! | `/events?count=3&retry=10` | this number of server-sent events, `event 1`… or those after the `Last-Event-ID`, then the end |
//! | `/small/{n}?fields=13&size=20` | at most 1 MiB of the same bytes, after a head with this number of fields, in one write |
//! | `/stream?lines=5&delay_ms=100` | one chunk per line of text: `line 1 of 5` |
//! | `/close` | text with `Connection: close`, then closes |
//! | `/trailers` | chunked text, with the trailers `X-Checksum` (CRC-32 in hex) and `X-Lines` |
//! | `/early-hints` | 103 with a `Link`, then `/hello` |
//! | `/headers/{count}?size=20` | `/hello` with this number of fields `X-Field-1`… whose values have this size |
//! | `/set-cookies` | `/hello` with two `Set-Cookie` fields |
//! | `/cacheable?control=max-age%3D60&tag=v1&vary=X` | a number that grows with each answer, with these values of `Cache-Control`, `ETag` and `Vary`; 304 for an `If-None-Match` with the tag |
//! | `/upgrade-echo` | with `Upgrade: echo`: 101, then the server echoes every byte; otherwise 426 |
//! | `OPTIONS *` | 200 with `Allow` |
//!
//! hyper has no `/chunked`, `/until-close`, `/file`, `/events`, `/small`, `/trailers`, `/early-hints` and `/upgrade-echo`, and
//! shows the names of fields in lower case.
//!
//! Numbers in JSON (`crc32`, `bytes`) are integers and not negative. An invalid number in a path gives 400, and an unknown path
//! 404.
//!
//! # Routes of `raw`
//!
//! It reads the head of a request, and no byte of its body. The path selects the reply. If the connection stays open, another
//! request can follow. Then the server first skips a body that `Content-Length` announced.
//!
//! | route | what is sent |
//! | --- | --- |
//! | `/reply?b64=…&close=0&reset=0&split=0&delay_ms=0&ms=50` | exactly these bytes (base64url, padded or not), in pieces of `split` bytes with at least 1 ms between them; then the connection is closed, reset (`ms` later) or kept open |
//! | `/fault/never-answers` | nothing |
//! | `/fault/drip?ms=50` | a reply of 43 bytes, one byte at a time |
//! | `/fault/stop-in-head`, `stop-in-chunk`, `stop-between-chunks` | a reply up to this point, then nothing |
//! | `/fault/reset-at-once` | a reset |
//! | `/fault/reset-in-head?ms=50`, `reset-in-body`, `reset-in-chunk` | a reply up to this point and, `ms` later, a reset |
//! | `/fault/half-close` | a reply and the end of the stream; the server continues to read |
//! | `/fault/early-413?ms=50` | 413 with a body, before the request's body is read; then a reset |
//! | `/fault/early-413-keep-reading` | the same, but the server reads on until the client ends |
//! | `/fault/two-responses` | two replies for one request |
//! | `/fault/data-after-end` | a reply and more bytes after it |
//! | `/fault/body-cut-short` | 400 of 1000 bytes, then the end |
//! | `/fault/megabytes-of-header?mb=4` | this number of MiB of fields, then an empty body |
//! | `/fault/endless-1xx?delay_ms=0`, `endless-small-chunks` | 103 repeatedly; chunks of one byte |
//! | `/fault/length-max?ms=50` | `Content-Length` 2^63-1 and a byte from time to time |
//! | `/fault/gzip-bomb` | 10 MiB of zeros, compressed, as `Content-Encoding: gzip` |
//! | `/fault/garbage?seed=1&bytes=4096` | random bytes, then the end |
//! | `/fault/idle-close?ms=50` | a reply that keeps the connection open; the connection ends after this time |
//!
//! A fault ends when the client ends the connection, or after a minute.

mod body;
mod by_hand;
mod by_hand_server;
mod content;
mod faults;
mod head;
mod hyper_server;
mod listeners;
mod raw;
mod received;
mod routes;
mod stream;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime;
use tokio::sync::oneshot;

use crate::listeners::{FullListener, RefusedPort, accept, listen, speak_first};

/// The ports to listen on. 0, the default, means any free port.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// The port of [`TestServer::http`].
    pub http: u16,
    /// The port of [`TestServer::https`].
    pub https: u16,
    /// The port of [`TestServer::raw`].
    pub raw: u16,
}

/// A running server. Dropping it ends every connection and closes every port.
///
/// ```
/// use std::io::{Read, Write};
///
/// let server = test_server::TestServer::start()?;
/// let mut stream = std::net::TcpStream::connect(server.http())?;
/// stream.write_all(b"GET /close HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
/// let mut reply = String::new();
/// stream.read_to_string(&mut reply)?;
/// assert!(reply.ends_with("\r\n\r\nThis connection ends now.\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TestServer {
    addresses: Addresses,
    ca_pem: String,
    never_accepts_at: SocketAddr,
    refused_at: u16,
    /// Only held. They have an effect while they are open.
    _passive: (FullListener, RefusedPort),
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The addresses that the server's thread reports to its owner.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    http: SocketAddr,
    https: SocketAddr,
    hyper: SocketAddr,
    hyper_tls: SocketAddr,
    raw: SocketAddr,
    speaks_first: SocketAddr,
}

impl TestServer {
    /// Starts a server on 127.0.0.1 at free ports, with its own root certificate.
    ///
    /// # Errors
    /// A socket, a thread or a certificate could not be created.
    pub fn start() -> io::Result<TestServer> {
        TestServer::start_at(Ports::default())
    }

    /// Starts a server at these ports.
    ///
    /// # Errors
    /// The same as for [`TestServer::start`], or a port is in use.
    pub fn start_at(ports: Ports) -> io::Result<TestServer> {
        let identity = tls::new_identity()?;
        let never_accepts = FullListener::new()?;
        let refused = RefusedPort::new()?;
        let (stop, stopped) = oneshot::channel();
        let (started, addresses) = mpsc::channel();
        let acceptor = identity.acceptor;
        // The runtime needs its own thread: it cannot be dropped inside another async runtime.
        let thread = thread::Builder::new().name("test-server".to_owned()).spawn(move || {
            let runtime = runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("test-server-io")
                .enable_all()
                .build();
            let outcome = runtime.and_then(|runtime| {
                let addresses = runtime.block_on(async { open(ports, acceptor) })?;
                Ok((runtime, addresses))
            });
            match outcome {
                Ok((runtime, addresses)) => {
                    if started.send(Ok(addresses)).is_ok() {
                        // The owner wants the end in both cases: it sends a message, or drops the sender.
                        let _ = runtime.block_on(stopped);
                    }
                }
                Err(error) => drop(started.send(Err(error))),
            }
        })?;
        let addresses = addresses.recv().map_err(io::Error::other)??;
        Ok(TestServer {
            addresses,
            ca_pem: identity.ca_pem,
            never_accepts_at: never_accepts.address()?,
            refused_at: refused.port()?,
            _passive: (never_accepts, refused),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The well-behaved server over plain TCP.
    pub fn http(&self) -> SocketAddr {
        self.addresses.http
    }

    /// The well-behaved server over TLS, with a certificate for `localhost`, `127.0.0.1` and `::1`.
    pub fn https(&self) -> SocketAddr {
        self.addresses.https
    }

    /// The common routes over plain TCP, served by hyper: a server that we did not write.
    pub fn hyper(&self) -> SocketAddr {
        self.addresses.hyper
    }

    /// The common routes over TLS, served by hyper, with the certificate of [`TestServer::https`].
    pub fn hyper_tls(&self) -> SocketAddr {
        self.addresses.hyper_tls
    }

    /// The server for requested replies and for faults. It also never answers a TLS handshake.
    pub fn raw(&self) -> SocketAddr {
        self.addresses.raw
    }

    /// A server that sends bytes before any request, as SSH does.
    pub fn speaks_first(&self) -> SocketAddr {
        self.addresses.speaks_first
    }

    /// An address where a connection attempt neither succeeds nor fails, because the queue of its listener is full.
    ///
    /// This is the behavior of Linux. Other systems may refuse the connection, or accept it and then stay silent.
    pub fn never_accepts(&self) -> SocketAddr {
        self.never_accepts_at
    }

    /// A port of 127.0.0.1 that refuses connections while the server runs.
    pub fn refused_port(&self) -> u16 {
        self.refused_at
    }

    /// The root certificate that a client of [`TestServer::https`] must trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed. A second panic here would hide it.
            let _ = thread.join();
        }
    }
}

/// Opens the listeners that answer. Must be called inside the runtime.
fn open(ports: Ports, acceptor: tokio_rustls::TlsAcceptor) -> io::Result<Addresses> {
    let http = listen(ports.http)?;
    let https = listen(ports.https)?;
    let hyper = listen(0)?;
    let hyper_tls = listen(0)?;
    let raw = listen(ports.raw)?;
    let first = listen(0)?;
    let addresses = Addresses {
        http: http.local_addr()?,
        https: https.local_addr()?,
        hyper: hyper.local_addr()?,
        hyper_tls: hyper_tls.local_addr()?,
        raw: raw.local_addr()?,
        speaks_first: first.local_addr()?,
    };
    tokio::spawn(accept(http, by_hand_server::serve));
    tokio::spawn(accept(hyper, hyper_server::serve));
    let acceptor_of_hyper = acceptor.clone();
    tokio::spawn(accept(https, move |stream| {
        let acceptor = acceptor.clone();
        async move { by_hand_server::serve(acceptor.accept(stream).await?).await }
    }));
    tokio::spawn(accept(hyper_tls, move |stream| {
        let acceptor = acceptor_of_hyper.clone();
        async move { hyper_server::serve(acceptor.accept(stream).await?).await }
    }));
    tokio::spawn(accept(raw, raw::serve));
    tokio::spawn(accept(first, speak_first));
    Ok(addresses)
}
