//! One stream of every kind with its other end, to test the rules of `Stream` with all of them.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses only a part")]

#[path = "tls_memory.rs"]
pub mod memory;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::task::Waker;
use std::time::{Duration, Instant};

use http_net::memory::MemoryStream;
use http_net::streams::{TcpStream, TlsStream};
use http_net::{Interest, Pause, Probe, Stream, Wait};
use memory::{Memory, Server, secured, secured_over};
use rustls::version::{TLS12, TLS13};
use socket2::Socket;

/// Much longer than any step of these tests, and than any wait for available data may take.
pub const LONG: Duration = Duration::from_secs(120);

/// The other end of a stream.
pub trait Peer {
    /// Sends bytes that arrive separately, with TLS in a separate record.
    fn send(&mut self, bytes: &[u8]);
    fn end(&mut self);
    /// Sends something that makes reading fail.
    fn break_off(&mut self);
    fn received(&mut self) -> Vec<u8>;
    /// Stops reading, or reads again. A stream with its own limited space needs no implementation, because it becomes full by itself.
    fn stall(&mut self, stalls: bool) {
        let _ = stalls;
    }
}

impl Peer for Memory {
    fn send(&mut self, bytes: &[u8]) {
        Memory::send(self, bytes);
    }
    fn end(&mut self) {
        self.between().ended = true;
    }
    fn break_off(&mut self) {
        self.between().error = Some(io::ErrorKind::ConnectionReset);
    }
    fn received(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.between().to_server)
    }
    fn stall(&mut self, stalls: bool) {
        self.between().takes = !stalls;
    }
}

impl Peer for Server {
    fn send(&mut self, bytes: &[u8]) {
        Server::send(self, bytes);
    }
    fn end(&mut self) {
        self.send_close_notify();
    }
    fn break_off(&mut self) {
        self.send_alert();
    }
    fn received(&mut self) -> Vec<u8> {
        Server::received(self)
    }
    fn stall(&mut self, stalls: bool) {
        self.memory.between().takes = !stalls;
    }
}

/// A TLS server whose TCP connection ends or breaks without close_notify.
pub struct Impolite(Server);

impl Peer for Impolite {
    fn send(&mut self, bytes: &[u8]) {
        self.0.send(bytes);
    }
    fn end(&mut self) {
        self.0.send_close_notify();
        self.0.memory.between().ended = true;
    }
    fn break_off(&mut self) {
        self.0.memory.between().error = Some(io::ErrorKind::ConnectionReset);
    }
    fn received(&mut self) -> Vec<u8> {
        self.0.received()
    }
    fn stall(&mut self, stalls: bool) {
        Peer::stall(&mut self.0, stalls);
    }
}

pub struct TcpPeer(std::net::TcpStream);

impl Peer for TcpPeer {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }
    fn end(&mut self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }
    fn break_off(&mut self) {
        // With this option, closing the socket is a reset.
        let socket = socket2::SockRef::from(&self.0);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        let elsewhere = std::net::TcpStream::connect(self.0.local_addr().unwrap());
        let other = elsewhere.unwrap_or_else(|_| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap()
        });
        drop(std::mem::replace(&mut self.0, other));
    }
    fn received(&mut self) -> Vec<u8> {
        let mut buffer = [0; 4096];
        let count = self.0.read(&mut buffer).unwrap();
        buffer[..count].to_vec()
    }
}

pub fn tcp() -> (Box<dyn Stream>, Box<dyn Peer>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (Box::new(TcpStream::new(Socket::from(near))), Box::new(TcpPeer(far)))
}

pub fn not_ours() -> (Box<dyn Stream>, Box<dyn Peer>) {
    let memory = Memory::new();
    (Box::new(memory.clone()), Box::new(memory))
}

/// Returns the two connected ends in memory that tests of whole exchanges use.
pub fn in_memory() -> (Box<dyn Stream>, Box<dyn Peer>) {
    let (near, far) = http_net::memory::pair(1 << 16);
    (Box::new(near), Box::new(far))
}

impl Peer for MemoryStream {
    fn send(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }
    fn end(&mut self) {
        self.finish();
    }
    fn break_off(&mut self) {
        self.reset();
    }
    fn received(&mut self) -> Vec<u8> {
        self.take()
    }
}

pub fn of(pair: (TlsStream, Server)) -> (Box<dyn Stream>, Box<dyn Peer>) {
    (Box::new(pair.0), Box::new(pair.1))
}

pub fn impolite() -> (Box<dyn Stream>, Box<dyn Peer>) {
    let (stream, server) = secured(&TLS13);
    (Box::new(stream), Box::new(Impolite(server)))
}

/// Returns a TLS stream whose bytes arrive in small pieces.
pub fn in_pieces() -> (Box<dyn Stream>, Box<dyn Peer>) {
    let (stream, server) = secured(&TLS13);
    server.memory.between().at_once = 7;
    (Box::new(stream), Box::new(server))
}

/// A stream that holds some bytes that the stream below does not accept, like TLS, and sends them in later calls.
pub struct Holding {
    below: Memory,
    held: Vec<u8>,
}

impl Holding {
    /// More than the contents of one record, and less than those of two.
    const ROOM: usize = 20_000;

    fn send_on(&mut self) -> io::Result<()> {
        let count = self.below.write(&self.held, &[])?;
        self.held.drain(..count);
        Ok(())
    }
}

impl Stream for Holding {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let _ = self.send_on();
        self.below.read(buffer)
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        self.send_on()?;
        let taken = (head.len() + body.len()).min(Self::ROOM - self.held.len());
        self.held.extend([head, body].concat().drain(..taken));
        self.send_on()?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<usize> {
        self.send_on()?;
        Ok(self.held.len())
    }

    fn probe(&mut self) -> io::Result<Probe> {
        let _ = self.send_on();
        self.below.probe()
    }

    fn wait_for(&self, interest: Interest, wait: &mut Wait) {
        self.below.wait_for(interest, wait);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        // The system does the same with the data in a socket.
        self.below.between().to_server.append(&mut self.held);
    }
}

pub fn over_one_that_holds() -> (Box<dyn Stream>, Box<dyn Peer>) {
    of(secured_over(|below| Box::new(Holding { below, held: Vec::new() })))
}

pub type Fixture = (&'static str, fn() -> (Box<dyn Stream>, Box<dyn Peer>));

pub const FIXTURES: [Fixture; 8] = [
    ("TCP", tcp),
    ("memory", in_memory),
    ("a stream that is not ours", not_ours),
    ("TLS 1.2", || of(secured(&TLS12))),
    ("TLS 1.3", || of(secured(&TLS13))),
    ("TLS over a stream that breaks", impolite),
    ("TLS in pieces of 7 bytes", in_pieces),
    ("TLS over a stream that holds bytes", over_one_that_holds),
];

/// Runs a part of the tests with every stream.
pub fn every_stream(part: impl Fn(&str, &mut dyn Stream, &mut dyn Peer)) {
    for (name, make) in FIXTURES {
        let (mut stream, mut peer) = make();
        part(name, &mut *stream, &mut *peer);
    }
}

/// Waits until `probe` finds something, because data takes a moment to pass through the system.
pub fn until_found(stream: &mut dyn Stream) -> io::Result<Probe> {
    let started = Instant::now();
    loop {
        match stream.probe() {
            Ok(Probe::Quiet) => assert!(started.elapsed() < LONG, "nothing came"),
            found => return found,
        }
    }
}

/// Reads into a buffer of this size.
pub fn read(stream: &mut dyn Stream, size: usize) -> io::Result<Vec<u8>> {
    let started = Instant::now();
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                assert!(started.elapsed() < LONG, "nothing came");
            }
            result => return result.map(|count| buffer[..count].to_vec()),
        }
    }
}

/// Reads these bytes, in any number of pieces.
pub fn read_exactly(stream: &mut dyn Stream, bytes: &[u8]) {
    let mut read_so_far = Vec::new();
    while read_so_far.len() < bytes.len() {
        let part = read(stream, bytes.len() - read_so_far.len()).unwrap();
        assert!(!part.is_empty(), "the end after {read_so_far:?} of {bytes:?}");
        read_so_far.extend(part);
    }
    assert_eq!(read_so_far, bytes);
}

/// Returns what the stream waits for.
pub fn awaited(stream: &dyn Stream, interest: Interest, waker: &Waker) -> Wait {
    let mut wait = Wait::new(waker);
    stream.wait_for(interest, &mut wait);
    wait
}

/// Whether the stream reports that there is something to do, without checking a socket.
pub fn is_ready(stream: &dyn Stream, interest: Interest) -> bool {
    awaited(stream, interest, Waker::noop()).longest(Instant::now()) == Some(Duration::ZERO)
}

/// Sleeps until the stream is ready, like a driver.
pub fn wait(stream: &dyn Stream, interest: Interest) {
    let mut pause = Pause::new().unwrap();
    let waker = pause.waker();
    let mut wait = awaited(stream, interest, &waker);
    wait.until(Instant::now() + LONG);
    pause.wait(&wait, Instant::now()).unwrap();
}

pub fn assert_quiet(name: &str, stream: &mut dyn Stream) {
    assert_eq!(stream.probe().unwrap(), Probe::Quiet, "{name}");
    assert_eq!(stream.read(&mut [0; 10]).unwrap_err().kind(), io::ErrorKind::WouldBlock, "{name}");
}

/// Writes until the stream accepts no more, and returns the accepted bytes.
pub fn write_all_that_fits(name: &str, stream: &mut dyn Stream) -> Vec<u8> {
    let mut taken: Vec<u8> = Vec::new();
    loop {
        let piece: Vec<u8> = (0..1000).map(|index| ((taken.len() + index) % 251) as u8).collect();
        match stream.write(&piece[..10], &piece[10..]) {
            Ok(0) => return taken,
            Ok(count) => taken.extend(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return taken,
            Err(error) => panic!("{name}: {error}"),
        }
        assert!(taken.len() < 100_000_000, "{name}: it takes everything");
    }
}

/// Receives data until it has the length of `sent`. Calls `meanwhile` in between.
pub fn assert_arrives(name: &str, peer: &mut dyn Peer, sent: &[u8], mut meanwhile: impl FnMut()) {
    let (started, mut received) = (Instant::now(), Vec::new());
    while received.len() < sent.len() {
        received.extend(peer.received());
        meanwhile();
        assert!(started.elapsed() < LONG, "{name}: {} of {} bytes came", received.len(), sent.len());
    }
    assert!(received == sent, "{name}");
}
