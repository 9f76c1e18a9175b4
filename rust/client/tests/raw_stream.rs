//! Tests how the raw connection and HTTP on it affect each other, and clients that use each other's connections.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::io::{self, ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::time::{Duration, Instant};

use http_client::{ErrorCode, HttpClient, Interest, Method, Probe, RawConnection, Settings, Status, Stream, Wait};
use support::{
    PATIENCE, connect, drain, finish_request, get, no_body, one_connection, pause, send, server, take_head, until,
};
use support_tls::pki::{Authority, Key};
use support_tls::{one_secured, secured, take_head_of, trusting, try_connect};

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A stream over another client's connection, as the Godot class creates it.
struct Over(RawConnection);

impl Stream for Over {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        self.0.write(if head.is_empty() { body } else { head })
    }

    fn probe(&mut self) -> io::Result<Probe> {
        Ok(match (self.0.available(), self.0.look()) {
            (1.., _) => Probe::Data,
            (0, true) => Probe::Quiet,
            (0, false) => Probe::End,
        })
    }
}

fn connected(address: std::net::SocketAddr) -> Arc<HttpClient> {
    let client = Arc::new(HttpClient::default());
    connect(&client, address);
    client
}

fn raw_of(client: &Arc<HttpClient>) -> RawConnection {
    RawConnection::of(client).expect("it is connected")
}

fn over(below: &Arc<HttpClient>) -> Arc<HttpClient> {
    let client = Arc::new(HttpClient::default());
    let below = raw_of(below);
    client.set_stream_over(Box::new(Over(below.clone())), None, &below).unwrap();
    client
}

fn code_of(error: &io::Error) -> Option<ErrorCode> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<http_client::Error>()).map(|error| error.code)
}

/// Makes all queries, often enough for sent data to arrive.
fn ask(raw: &RawConnection) {
    for _ in 0..200 {
        assert!(raw.look() && raw.is_connected() && raw.is_open());
        assert_eq!(raw.available(), 0, "what comes belongs to the response");
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn asking_the_connection_swallows_no_response() {
    let (address, peer) = one_connection(|mut stream| {
        take_head(&mut stream);
        send(&mut stream, REPLY);
        drain(&mut stream)
    });
    let client = connected(address);
    let raw = raw_of(&client);
    client.request(Method::Get, "/", &[], no_body()).unwrap();
    ask(&raw);
    finish_request(&client).unwrap();
    ask(&raw);
    assert_eq!(support::read_body(&client), (b"hello".to_vec(), None));
    client.close();
    peer.join().unwrap();
}

#[test]
fn a_read_in_the_middle_of_a_head_is_refused_and_takes_nothing() {
    let (go_on, wait) = mpsc::channel();
    let (address, peer) = one_connection(move |mut stream| {
        take_head(&mut stream);
        send(&mut stream, &REPLY[..20]);
        wait.recv().unwrap();
        send(&mut stream, &REPLY[20..]);
        drain(&mut stream)
    });
    let client = connected(address);
    let raw = raw_of(&client);
    client.request(Method::Get, "/", &[], no_body()).unwrap();
    for _ in 0..50 {
        client.poll().unwrap();
        let error = raw.read(&mut [0; 100]).unwrap_err();
        assert_eq!(code_of(&error), Some(ErrorCode::Busy), "{error}");
        std::thread::sleep(Duration::from_millis(1));
    }
    go_on.send(()).unwrap();
    finish_request(&client).unwrap();
    let error = raw.read(&mut [0; 100]).unwrap_err();
    assert_eq!(code_of(&error), Some(ErrorCode::Busy), "nor in the middle of a body: {error}");
    assert_eq!(support::read_body(&client).0, b"hello");
    assert_eq!(raw.read(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock, "an idle one may be read");
    client.close();
    peer.join().unwrap();
}

#[test]
fn a_write_in_the_middle_of_an_upload_is_refused() {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = connected(listener.local_addr().unwrap());
    client.request(Method::Post, "/", &[], Box::new(vec![0; 64 << 20])).unwrap();
    let error = raw_of(&client).write(b"between").unwrap_err();
    assert_eq!(code_of(&error), Some(ErrorCode::Busy), "{error}");
}

#[test]
fn what_was_found_on_the_raw_connection_ends_an_idle_one() {
    for (sent, message) in [(&b"HTTP/1.1 200 OK\r\n\r\n"[..], "without a request"), (b"", "closed the idle connection")]
    {
        let (address, peer) = one_connection(move |mut stream| send(&mut stream, sent));
        let client = connected(address);
        let raw = raw_of(&client);
        peer.join().unwrap();
        let started = Instant::now();
        while raw.available() == 0 && raw.is_connected() {
            pause(started);
        }
        let error = client.request(Method::Get, "/", &[], no_body()).unwrap_err();
        assert!(error.message.contains(message), "{error}");
    }
}

#[test]
fn over_tls_a_write_takes_64_kib_at_most() {
    let client = Arc::new(HttpClient::default());
    try_connect(&client, "127.0.0.1", server().https().port(), &trusting(server().ca_pem())).unwrap();
    let upgrade = ["Connection: Upgrade", "Upgrade: echo"];
    client.request(Method::Get, "/upgrade-echo", &upgrade, no_body()).unwrap();
    until(&client, Status::Connected);
    let written = raw_of(&client).write(&vec![7; 8 << 20]).unwrap();
    assert!((1..=64 << 10).contains(&written), "{written} bytes");
}

#[test]
fn addresses_and_status_are_told_while_another_thread_is_in_a_call_and_no_message_is_left() {
    let (go_on, wait) = mpsc::channel();
    let (address, peer) = one_connection(move |mut stream| {
        take_head(&mut stream);
        wait.recv().unwrap();
        send(&mut stream, REPLY);
        drain(&mut stream)
    });
    let client = Arc::new(HttpClient::new(Settings { blocking: true, ..Settings::default() }));
    connect(&client, address);
    let raw = raw_of(&client);
    client.request(Method::Get, "/", &[], no_body()).unwrap();
    std::thread::scope(|scope| {
        // One of the two calls finds the client busy for a moment.
        let poll = scope.spawn(|| {
            loop {
                match client.poll() {
                    Err(error) if error.code == ErrorCode::Busy => {}
                    polled => break polled,
                }
            }
        });
        let started = Instant::now();
        // The result is the same whether the client is busy or not.
        while raw.write(b"").err().map(|error| error.kind()) != Some(ErrorKind::WouldBlock) {
            assert!(raw.look());
            pause(started);
        }
        for _ in 0..100 {
            assert!(raw.look() && raw.is_connected());
            assert_eq!((raw.peer_addr(), raw.local_addr().is_some()), (Some(address), true));
            assert_eq!(raw.available(), 0);
        }
        assert_eq!(client.error_message(), "", "it is not the script's mistake");
        go_on.send(()).unwrap();
        poll.join().unwrap().unwrap();
    });
    client.close();
    peer.join().unwrap();
}

#[test]
fn two_clients_on_each_others_connections_are_freed() {
    let watched: Vec<Weak<HttpClient>> = {
        let first = connected(server().http());
        let second = connected(server().http());
        let of_first = raw_of(&first);
        first.set_stream(Box::new(Over(raw_of(&second))), None).unwrap();
        assert!(!of_first.is_open(), "the client stands on another stream");
        second.set_stream(Box::new(Over(raw_of(&first))), None).unwrap();
        assert_ne!(first.request(Method::Get, "/", &[], no_body()), Ok(()));
        assert_ne!(second.request(Method::Get, "/", &[], no_body()), Ok(()));
        first.set_stream(Box::new(Over(of_first)), None).unwrap();
        [&first, &second].map(Arc::downgrade).into()
    };
    assert!(watched.iter().all(|client| client.upgrade().is_none()));
}

#[test]
fn a_connection_that_is_over_keeps_nothing_alive() {
    let ends: [fn(&HttpClient); 3] = [
        HttpClient::close,
        |client| support::open_at(client, server().http()),
        |client| {
            client.request(Method::Get, &support::dictated(b"", "&close=1"), &[], no_body()).unwrap();
            support::until_failure(client);
        },
    ];
    for end in ends {
        let client = connected(server().raw());
        let raw = raw_of(&client);
        end(&client);
        assert!(!raw.is_open() && !raw.is_connected());
        let watched = Arc::downgrade(&client);
        drop(client);
        assert!(watched.upgrade().is_none(), "only the dead connection is left");
    }
}

#[test]
fn connections_on_each_other_work_up_to_a_depth_and_are_then_refused() {
    let mut chain = vec![connected(server().http())];
    for depth in 1..=RawConnection::DEEPEST {
        chain.push(over(chain.last().unwrap()));
        assert_eq!(get(chain.last().unwrap(), "/hello").code, 200, "depth {depth}");
    }
    let below = raw_of(chain.last().unwrap());
    let too_deep = HttpClient::default();
    let error = too_deep.set_stream_over(Box::new(Over(below.clone())), None, &below).unwrap_err();
    assert!(error.message.contains("more than 4 clients"), "{error}");
    assert_eq!((error.code, too_deep.status()), (ErrorCode::InvalidParameter, Status::Disconnected));
    for client in &chain {
        assert_eq!(client.status(), Status::Connected, "those below go on");
    }
    // A client whose stream does not declare its depth cannot be refused in advance, but its calls are refused at the same depth.
    too_deep.set_stream(Box::new(Over(below)), None).unwrap();
    assert_ne!(too_deep.request(Method::Get, "/", &[], no_body()).and_then(|()| finish_request(&too_deep)), Ok(()));
}

#[test]
fn a_timeout_of_any_length_is_cut_to_one_that_the_clock_can_name() {
    let longest = Some(Duration::MAX);
    let client = HttpClient::new(Settings {
        blocking: true,
        connect_timeout: longest,
        read_timeout: longest,
        ..Settings::default()
    });
    let cut = Some(Settings::LONGEST_TIMEOUT);
    assert_eq!((client.settings().connect_timeout, client.settings().read_timeout), (cut, cut));
    client.set_connect_timeout(longest);
    client.set_read_timeout(longest);
    assert_eq!((client.settings().connect_timeout, client.settings().read_timeout), (cut, cut));
    connect(&client, server().http());
    assert_eq!(get(&client, "/slow?ms=20").code, 200);
}

#[test]
fn bytes_that_another_thread_found_and_did_not_read_end_a_wait_for_them() {
    type Find = fn(&HttpClient, &RawConnection);
    let finds: [Find; 3] = [
        |_, raw| _ = raw.available(),
        |_, raw| _ = raw.look(),
        // The result is an error while the other thread uses the client.
        |client, _| _ = client.poll(),
    ];
    let authority = Authority::root("the authority of a test", Key::P256);
    let identity = authority.issue(Key::P256, &["localhost"]);
    for find in finds {
        let (address, peer) = one_secured(&identity, |mut stream| {
            take_head_of(&mut stream);
            stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n").unwrap();
            let mut byte = [0];
            while stream.read(&mut byte).is_ok_and(|count| count > 0) {
                std::thread::sleep(Duration::from_millis(1));
                stream.write_all(&byte).unwrap();
            }
        });
        let client = Arc::new(secured("localhost", address, &trusting(&authority.pem)));
        let headers = ["Connection: Upgrade", "Upgrade: echo"];
        client.request(Method::Get, "/", &headers, no_body()).unwrap();
        until(&client, Status::Connected);
        let raw = raw_of(&client);
        for _ in 0..30 {
            let waiting = std::thread::spawn({
                let raw = raw.clone();
                move || raw.wait(Interest::Read, Duration::from_secs(10_000))
            });
            while !matches!(raw.write(b"x"), Ok(1)) {}
            let started = Instant::now();
            while !waiting.is_finished() {
                find(&client, &raw);
                assert!(started.elapsed() < PATIENCE, "it sleeps beside the bytes");
            }
            let mut byte = [0];
            while raw.read(&mut byte).is_err() {
                pause(started);
            }
        }
        client.close();
        peer.join().unwrap();
    }
}

/// A stream that always has bytes to read and never accepts any. Counts the waits until it accepts bytes.
struct Full(Arc<AtomicUsize>);

impl Stream for Full {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn write(&mut self, _: &[u8], _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }

    fn probe(&mut self) -> io::Result<Probe> {
        Ok(Probe::Data)
    }

    fn wait_for(&self, interest: Interest, wait: &mut Wait) {
        if interest == Interest::Read {
            return wait.now();
        }
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn threads_that_wait_until_they_can_write_do_not_wake_each_other() {
    let (client, waits) = (Arc::new(HttpClient::default()), Arc::new(AtomicUsize::new(0)));
    client.set_stream(Box::new(Full(waits.clone())), None).unwrap();
    let raw = raw_of(&client);
    let waiting = std::thread::spawn({
        let raw = raw.clone();
        move || raw.wait(Interest::Write, Duration::from_secs(10_000))
    });
    let started = Instant::now();
    while waits.load(Ordering::SeqCst) == 0 {
        pause(started);
    }
    while waits.load(Ordering::SeqCst) < 20 {
        raw.wait(Interest::Write, Duration::from_millis(1));
    }
    assert!(!waiting.is_finished(), "nothing has changed for it");
    client.close();
    waiting.join().unwrap();
}
