//! The rules that every `Stream` keeps to, one suite for all: TCP, memory, TLS of both versions, and one that is not ours.
#![allow(missing_docs)]

#[path = "support/tls_memory.rs"]
mod memory;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::{Duration, Instant};

use http_net::memory::MemoryStream;
use http_net::streams::{TcpStream, TlsStream};
use http_net::{Interest, Probe, Ready, Stream, Wait};
use memory::{Memory, Records, Server, TICKET, secured, secured_with};
use rustls::version::{TLS12, TLS13};
use socket2::Socket;

/// Far longer than anything takes here, and than a wait for what is there already may.
const LONG: Duration = Duration::from_secs(120);

/// The other end of a stream.
trait Peer {
    /// Sends bytes that arrive by themselves: in a record of their own, where there are records.
    fn send(&mut self, bytes: &[u8]);
    fn end(&mut self);
    /// Sends what makes reading fail.
    fn break_off(&mut self);
    fn received(&mut self) -> Vec<u8>;
    /// Takes nothing from now on, or takes again. What has only a room of its own is full by itself.
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

/// A TLS server whose TCP connection ends or breaks, without a word of TLS.
struct Impolite(Server);

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

struct TcpPeer(std::net::TcpStream);

impl Peer for TcpPeer {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }
    fn end(&mut self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }
    fn break_off(&mut self) {
        // With nothing of it left to send, closing it is a reset.
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

fn tcp() -> (Box<dyn Stream>, Box<dyn Peer>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (Box::new(TcpStream::new(Socket::from(near))), Box::new(TcpPeer(far)))
}

fn not_ours() -> (Box<dyn Stream>, Box<dyn Peer>) {
    let memory = Memory::new();
    (Box::new(memory.clone()), Box::new(memory))
}

/// The two ends that tests of a whole exchange use.
fn in_memory() -> (Box<dyn Stream>, Box<dyn Peer>) {
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

fn of(pair: (TlsStream, Server)) -> (Box<dyn Stream>, Box<dyn Peer>) {
    (Box::new(pair.0), Box::new(pair.1))
}

fn impolite() -> (Box<dyn Stream>, Box<dyn Peer>) {
    let (stream, server) = secured(&TLS13);
    (Box::new(stream), Box::new(Impolite(server)))
}

/// TLS whose bytes come in small pieces.
fn in_pieces() -> (Box<dyn Stream>, Box<dyn Peer>) {
    let (stream, server) = secured(&TLS13);
    server.memory.between().at_once = 7;
    (Box::new(stream), Box::new(server))
}

type Fixture = (&'static str, fn() -> (Box<dyn Stream>, Box<dyn Peer>));

const FIXTURES: [Fixture; 7] = [
    ("TCP", tcp),
    ("memory", in_memory),
    ("a stream that is not ours", not_ours),
    ("TLS 1.2", || of(secured(&TLS12))),
    ("TLS 1.3", || of(secured(&TLS13))),
    ("TLS over a stream that breaks", impolite),
    ("TLS in pieces of 7 bytes", in_pieces),
];

/// Runs a part of the suite with every stream.
fn every_stream(part: impl Fn(&str, &mut dyn Stream, &mut dyn Peer)) {
    for (name, make) in FIXTURES {
        let (mut stream, mut peer) = make();
        part(name, &mut *stream, &mut *peer);
    }
}

/// Waits until `probe` finds something: what the system carries takes a moment.
fn until_found(stream: &mut dyn Stream) -> io::Result<Probe> {
    let started = Instant::now();
    loop {
        match stream.probe() {
            Ok(Probe::Quiet) => assert!(started.elapsed() < LONG, "nothing came"),
            found => return found,
        }
    }
}

/// Reads into a buffer of this size.
fn read(stream: &mut dyn Stream, size: usize) -> io::Result<Vec<u8>> {
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

/// Reads these bytes, in however many pieces they come.
fn read_exactly(stream: &mut dyn Stream, bytes: &[u8]) {
    let mut read_so_far = Vec::new();
    while read_so_far.len() < bytes.len() {
        let part = read(stream, bytes.len() - read_so_far.len()).unwrap();
        assert!(!part.is_empty(), "the end after {read_so_far:?} of {bytes:?}");
        read_so_far.extend(part);
    }
    assert_eq!(read_so_far, bytes);
}

/// What the stream says that it waits for.
fn awaited(stream: &dyn Stream, interest: Interest, waker: &Waker) -> Wait {
    let mut wait = Wait::new(waker);
    stream.wait_for(interest, &mut wait);
    wait
}

/// Whether the stream says that there is something to do, without a look at a socket.
fn is_ready(stream: &dyn Stream, interest: Interest) -> bool {
    awaited(stream, interest, Waker::noop()).longest(Instant::now()) == Some(Duration::ZERO)
}

/// Sleeps until the stream is ready, as a driver does.
fn wait(stream: &dyn Stream, interest: Interest) {
    let mut ready = Ready::new().unwrap();
    let waker = ready.waker();
    let mut wait = awaited(stream, interest, &waker);
    wait.until(Instant::now() + LONG);
    ready.wait(&wait, Instant::now()).unwrap();
}

fn assert_quiet(name: &str, stream: &mut dyn Stream) {
    assert_eq!(stream.probe().unwrap(), Probe::Quiet, "{name}");
    assert_eq!(stream.read(&mut [0; 10]).unwrap_err().kind(), io::ErrorKind::WouldBlock, "{name}");
}

#[test]
fn bytes_behind_a_read_that_filled_its_buffer_are_found() {
    every_stream(|name, stream, peer| {
        assert_quiet(name, stream);
        for size in [5, 4, 1] {
            peer.send(b"hello");
            peer.send(b"world");
            read_exactly(stream, &b"hello"[..size]);
            assert_eq!(until_found(stream).unwrap(), Probe::Data, "{name}, {size} bytes were read");
            read_exactly(stream, &b"helloworld"[size..]);
            assert_quiet(name, stream);
        }
    });
}

#[test]
fn an_end_behind_the_last_bytes_is_found_and_stays() {
    for size in [5, 4, 100] {
        every_stream(|name, stream, peer| {
            peer.send(b"hello");
            peer.end();
            if size <= 5 {
                read_exactly(stream, &b"hello"[..size]);
                read_exactly(stream, &b"hello"[size..]);
            } else {
                read_exactly(stream, b"hello");
            }
            for _ in 0..3 {
                assert_eq!(until_found(stream).unwrap(), Probe::End, "{name}");
                assert_eq!(read(stream, 10).unwrap(), b"", "{name}");
            }
        });
    }
}

#[test]
fn after_the_end_of_one_direction_the_other_goes_on() {
    every_stream(|name, stream, peer| {
        peer.send(b"hello");
        peer.end();
        read_exactly(stream, b"hello");
        assert_eq!(stream.write(b"GET ", b"/").unwrap(), 5, "{name}: before the end was read");
        assert_eq!(peer.received(), b"GET /", "{name}");
        assert_eq!(read(stream, 10).unwrap(), b"", "{name}");
        assert_eq!(stream.write(b"more", b"").unwrap(), 4, "{name}: after it was read");
        assert_eq!(peer.received(), b"more", "{name}");
        assert_eq!(until_found(stream).unwrap(), Probe::End, "{name}");
    });
}

#[test]
fn an_alert_or_a_reset_behind_the_last_bytes_is_found_and_stays() {
    every_stream(|name, stream, peer| {
        peer.send(b"hello");
        peer.break_off();
        read_exactly(stream, b"hello");
        until_found(stream).expect_err(name);
        for _ in 0..3 {
            let error = read(stream, 10).expect_err(name);
            assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "{name}");
            stream.probe().expect_err(name);
        }
    });
}

#[test]
fn an_alert_that_was_left_behind_is_found_by_a_read_alone() {
    every_stream(|name, stream, peer| {
        peer.send(b"hello");
        peer.break_off();
        read_exactly(stream, b"hell");
        read_exactly(stream, b"o");
        read(stream, 10).expect_err(name);
        read(stream, 10).expect_err(name);
    });
}

#[test]
fn an_empty_buffer_gets_nothing_and_loses_nothing() {
    every_stream(|name, stream, peer| {
        assert_eq!(stream.read(&mut []).unwrap(), 0, "{name}, quiet");
        assert_quiet(name, stream);
        peer.send(b"hello");
        assert_eq!(until_found(stream).unwrap(), Probe::Data, "{name}");
        assert_eq!(stream.read(&mut []).unwrap(), 0, "{name}, with bytes");
        read_exactly(stream, b"hello");
        peer.end();
        assert_eq!(until_found(stream).unwrap(), Probe::End, "{name}");
        assert_eq!(stream.read(&mut []).unwrap(), 0, "{name}, at the end");
    });
}

#[test]
fn what_is_there_is_not_waited_for() {
    every_stream(|name, stream, peer| {
        let started = Instant::now();
        peer.send(b"hello");
        peer.send(b"world");
        read_exactly(stream, b"hello");
        wait(stream, Interest::Read);
        wait(stream, Interest::Both);
        read_exactly(stream, b"world");
        peer.end();
        assert_eq!(until_found(stream).unwrap(), Probe::End, "{name}");
        wait(stream, Interest::Read);
        assert_eq!(read(stream, 10).unwrap(), b"", "{name}");
        wait(stream, Interest::Read);
        assert!(started.elapsed() < LONG, "{name}");
    });
}

#[test]
fn an_empty_write_takes_nothing_and_says_so() {
    every_stream(|name, stream, peer| {
        assert_eq!(stream.write(b"", b"").unwrap(), 0, "{name}");
        assert_eq!(stream.write(b"", b"hello").unwrap(), 5, "{name}");
        assert_eq!(peer.received(), b"hello", "{name}");
    });
}

/// Writes until the stream takes no more, and says what it took.
fn write_all_that_fits(name: &str, stream: &mut dyn Stream) -> Vec<u8> {
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

/// Takes what comes until it is as much as `sent`; in between, `meanwhile` is done.
fn assert_arrives(name: &str, peer: &mut dyn Peer, sent: &[u8], mut meanwhile: impl FnMut()) {
    let (started, mut received) = (Instant::now(), Vec::new());
    while received.len() < sent.len() {
        received.extend(peer.received());
        meanwhile();
        assert!(started.elapsed() < LONG, "{name}: {} of {} bytes came", received.len(), sent.len());
    }
    assert!(received == sent, "{name}");
}

#[test]
fn what_was_taken_arrives_although_the_stream_is_dropped_right_behind_the_write() {
    for (name, make) in FIXTURES {
        let (mut stream, mut peer) = make();
        peer.stall(true);
        let sent = write_all_that_fits(name, &mut *stream);
        drop(stream);
        peer.stall(false);
        assert_arrives(name, &mut *peer, &sent, || {});
    }
}

#[test]
fn a_flush_says_when_all_that_was_taken_is_out() {
    every_stream(|name, stream, peer| {
        assert_eq!(stream.flush().unwrap(), 0, "{name}: nothing was written");
        peer.stall(true);
        let sent = write_all_that_fits(name, stream);
        let held = stream.flush().unwrap();
        assert_eq!(held > 0, name.starts_with("TLS"), "{name}: {held} bytes");
        if held > 0 {
            assert!(!is_ready(stream, Interest::Write), "{name}: there is no room");
        }
        peer.stall(false);
        if held > 0 {
            wait(stream, Interest::Write);
        }
        assert_eq!(stream.flush().unwrap(), 0, "{name}");
        // All of it is the peer's, without another call.
        assert_arrives(name, peer, &sent, || {});
    });
}

#[test]
fn what_a_peer_does_not_take_is_given_up_once_its_time_is_over() {
    let clock = Arc::new(Mutex::new(Instant::now()));
    let (mut stream, server) = memory::secured_in(&memory::context_with(&clock), &TLS13);
    server.memory.between().takes = false;
    assert_eq!(stream.write(b"hello", b"").unwrap(), 5);
    drop(stream);
    let is_kept = || Arc::strong_count(server.memory.shared()) > 1;
    assert!(is_kept(), "it is waited for");
    *clock.lock().unwrap() += Duration::from_secs(16);
    let started = Instant::now();
    while is_kept() {
        assert!(started.elapsed() < LONG, "it is kept for ever");
        std::thread::yield_now();
    }
}

#[test]
fn tls_does_not_ask_a_stream_for_ever_that_takes_nothing() {
    for version in [&TLS12, &TLS13] {
        let (mut stream, mut server) = secured(version);
        server.memory.between().takes = false;
        assert_eq!(stream.write(b"hello", b"").unwrap(), 5, "one piece is kept");
        assert_eq!(stream.write(b"world", b"").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(stream.probe().unwrap(), Probe::Quiet);
        server.send(b"answer");
        read_exactly(&mut stream, b"answer");
        server.memory.between().takes = true;
        assert_eq!(stream.write(b"world", b"").unwrap(), 5);
        assert_eq!(server.received(), b"helloworld");
    }
}

#[test]
fn what_a_server_answered_before_it_was_gone_is_read_after_a_write_that_failed() {
    for version in [&TLS12, &TLS13] {
        let (mut stream, mut server) = secured(version);
        server.send(b"too large");
        server.memory.between().refuses = Some(io::ErrorKind::BrokenPipe);
        assert_eq!(stream.write(b"hello", b"").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(stream.probe().unwrap(), Probe::Data);
        read_exactly(&mut stream, b"too large");
        assert_eq!(stream.read(&mut [0; 10]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_wait_does_not_go_below_while_a_whole_record_waits() {
    let (mut stream, mut server) = secured(&TLS13);
    server.send(b"hello");
    server.send(b"world");
    read_exactly(&mut stream, b"hello");
    assert!(is_ready(&stream, Interest::Read));
    assert_eq!(server.memory.between().waits, 0);
    read_exactly(&mut stream, b"world");
    assert!(!is_ready(&stream, Interest::Read));
    assert_eq!(server.memory.between().waits, 1, "nothing is there any more");
}

/// The most that one call may take from the stream below: what is asked for at once, twice.
const TAKEN_PER_CALL: usize = 128 * 1024;

/// What one call works off beyond what it gives out: two records, at most.
const WORKED_OFF_PER_CALL: usize = 40 * 1024;

#[test]
fn one_call_works_off_a_bounded_part_of_a_flood_of_session_tickets() {
    let (mut stream, mut server) = Records::secured();
    let tickets = TICKET.repeat(10);
    while server.memory.between().to_client.len() < 4_000_000 {
        server.send(22, &tickets);
        // Empty, but for padding.
        server.send(0, &[&[23][..], &[0; 400]].concat());
    }
    server.send(23, b"hello");
    let flood = server.memory.between().to_client.len();
    let mut calls = 0;
    let mut buffer = vec![0; 16 * 1024 * 1024];
    let mut taken = server.memory.between().taken;
    let count = loop {
        let result = if calls % 2 == 0 { stream.read(&mut buffer) } else { probed(&mut stream) };
        calls += 1;
        let now = server.memory.between().taken;
        assert!(now - taken <= TAKEN_PER_CALL, "{} bytes in one call", now - taken);
        taken = now;
        match result {
            Ok(0) => {}
            Ok(count) => break count,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
        }
        assert!(is_ready(&stream, Interest::Read), "the rest is not slept away");
    };
    assert_eq!(&buffer[..count], b"hello", "what comes behind it is not lost");
    assert!(calls > flood / WORKED_OFF_PER_CALL, "{calls} calls for {flood} bytes");
}

#[test]
fn handshake_messages_that_never_end_end_the_connection() {
    // 20,000 tickets, of which each record has the last one only in part.
    let (mut stream, mut server) = secured_with(&TLS13, |config| config.send_tls13_tickets = 20_000);
    server.send(b"hello");
    let flood = server.memory.between().to_client.len();
    assert!(flood > 1_000_000, "{flood}");
    let error = loop {
        match stream.read(&mut [0; 100]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => break result.unwrap_err(),
        }
    };
    assert_eq!(error.to_string(), "the server sends handshake messages without end");
    assert!(server.memory.between().taken < 2 * TAKEN_PER_CALL, "it is not kept");
}

/// A probe as if it were a read of nothing.
fn probed(stream: &mut TlsStream) -> io::Result<usize> {
    stream.probe().map(|_| 0)
}

#[test]
fn one_call_takes_a_bounded_part_of_a_flood_of_tiny_records() {
    for version in [&TLS12, &TLS13] {
        let (mut stream, mut server) = secured(version);
        for _ in 0..100_000 {
            server.connection.writer().write_all(b"x").unwrap();
        }
        server.pump();
        let mut buffer = vec![0; 1024 * 1024];
        let (mut total, mut pauses) = (0, 0);
        let mut taken = server.memory.between().taken;
        while total < 100_000 {
            match stream.read(&mut buffer) {
                Ok(count) => total += count,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    // Whoever reads in a loop is stopped, and comes back at once.
                    pauses += 1;
                    assert!(is_ready(&stream, Interest::Read));
                }
            }
            let now = server.memory.between().taken;
            assert!(now - taken <= TAKEN_PER_CALL, "{} bytes in one call", now - taken);
            taken = now;
        }
        assert_eq!(total, 100_000);
        assert!(pauses > 10, "{pauses}");
    }
}

#[test]
fn a_large_body_in_large_records_is_read_in_one_call() {
    let (mut stream, mut server) = secured(&TLS13);
    let body: Vec<u8> = (0..4_000_000_u32).map(|index| (index * 7 % 251) as u8).collect();
    server.send(&body);
    let mut buffer = vec![0; body.len()];
    assert_eq!(stream.read(&mut buffer).unwrap(), body.len());
    assert!(buffer == body);
}

#[test]
fn a_handshake_takes_a_long_chain_in_bounded_parts() {
    for version in [&TLS12, &TLS13] {
        let mut server = Server::new(version, |config| {
            let made = rcgen::generate_simple_self_signed(
                (0..500).map(|n| format!("name-{n}.server.test")).collect::<Vec<_>>(),
            )
            .unwrap();
            let key = made.signing_key.serialize_der();
            let provider = rustls::crypto::aws_lc_rs::default_provider();
            let key = provider
                .key_provider
                .load_private_key(rustls::pki_types::PrivatePkcs8KeyDer::from(key).into())
                .unwrap();
            let chain = vec![made.cert.der().clone(); 4];
            assert!(chain.iter().map(|certificate| certificate.len()).sum::<usize>() > 40 * 1024);
            let certified = rustls::sign::CertifiedKey::new(chain, key);
            config.cert_resolver = std::sync::Arc::new(rustls::sign::SingleCertAndKey::from(certified));
        });
        let mut stream = memory::client(&server.memory);
        server.memory.between().at_once = 4096;
        let mut most = 0;
        for calls in 0.. {
            assert!(calls < 1000, "it does not come to an end");
            let before = server.memory.between().taken;
            let done = stream.handshake().unwrap();
            most = most.max(server.memory.between().taken - before);
            assert!(server.pump());
            if done {
                break;
            }
        }
        assert!(most <= 32 * 1024, "{most} bytes in one call");
        server.send(b"hello");
        read_exactly(&mut stream, b"hello");
    }
}

#[test]
fn who_waits_for_room_is_not_woken_by_bytes_that_nobody_takes() {
    for version in [&TLS12, &TLS13] {
        let (mut stream, mut server) = memory::secured(version);
        stream.probe().expect("tickets, if anything");
        server.memory.between().takes = false;
        stream.write(&[], &[7; 1000]).expect("it is encrypted");
        server.send(b"hello");
        assert_eq!(stream.write(&[], &[7; 1000]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(!is_ready(&stream, Interest::Write), "there is no room");
        assert!(is_ready(&stream, Interest::Read));
        server.memory.between().takes = true;
        assert!(is_ready(&stream, Interest::Write));
    }
}
