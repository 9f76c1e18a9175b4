//! Tests raw access to a connection for another protocol than HTTP.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use http_client::{HttpClient, Interest, Method, RawConnection, Status};
use support::{drain, no_body, one_connection, open_at, pause, send, server, take_head, until};
use support_tls::{trusting, try_connect};

const UPGRADE: [&str; 2] = ["Connection: Upgrade", "Upgrade: echo"];
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

fn switched(client: &Arc<HttpClient>) -> RawConnection {
    client.request(Method::Get, "/upgrade-echo", &UPGRADE, no_body()).unwrap();
    until(client, Status::Connected);
    assert_eq!(client.response_code(), 101);
    RawConnection::of(client).expect("it is connected")
}

/// Reads `count` bytes, sleeping on the connection in between.
fn receive(raw: &RawConnection, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    let mut filled = 0;
    let started = Instant::now();
    while filled < count {
        match raw.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                raw.wait(Interest::Read, Duration::from_millis(50));
                pause(started);
            }
            Err(error) => panic!("{error}"),
        }
    }
    bytes.truncate(filled);
    bytes
}

fn send_all(raw: &RawConnection, mut bytes: &[u8]) {
    let started = Instant::now();
    while !bytes.is_empty() {
        match raw.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => raw.wait(Interest::Write, Duration::from_millis(50)),
            Err(error) => panic!("{error}"),
        }
        pause(started);
    }
}

#[test]
fn after_101_bytes_go_both_ways_with_and_without_tls() {
    for tls in [false, true] {
        let client = Arc::new(HttpClient::default());
        if tls {
            try_connect(&client, "127.0.0.1", server().https().port(), &trusting(server().ca_pem())).unwrap();
        } else {
            open_at(&client, server().http());
            until(&client, Status::Connected);
        }
        let raw = switched(&client);
        assert!(raw.is_of(&client) && raw.is_open() && raw.is_connected());
        assert_eq!(raw.peer_addr(), Some(if tls { server().https() } else { server().http() }));
        assert!(raw.local_addr().is_some());
        raw.set_no_delay(true).unwrap();
        for size in [1, 100, 40_000] {
            let sent: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            send_all(&raw, &sent);
            assert!(receive(&raw, size) == sent, "{size} bytes, TLS: {tls}");
        }
        client.poll().unwrap();
        assert_eq!(client.status(), Status::Connected);
    }
}

#[test]
fn what_came_right_behind_the_head_comes_first_and_then_the_end() {
    let (address, peer) = one_connection(|mut stream| {
        take_head(&mut stream);
        send(&mut stream, &[SWITCHING, b"first"].concat());
        stream.flush().unwrap();
        send(&mut stream, b" second");
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        drain(&mut stream)
    });
    let client = Arc::new(HttpClient::default());
    open_at(&client, address);
    until(&client, Status::Connected);
    let raw = switched(&client);
    assert_eq!(receive(&raw, 3), b"fir");
    assert_eq!(receive(&raw, 100), b"st second");
    assert_eq!(raw.read(&mut [0; 8]).unwrap(), 0, "the end stays the end");
    assert_eq!((raw.available(), raw.is_connected(), raw.is_open()), (0, false, true));
    // The other direction still works.
    send_all(&raw, b"bye");
    raw.close();
    assert_eq!((raw.is_open(), client.status()), (false, Status::Disconnected));
    assert_eq!(peer.join().unwrap(), 3);
}

#[test]
fn a_connection_outlives_its_client_and_ends_with_the_clients_next_one() {
    let client = Arc::new(HttpClient::default());
    open_at(&client, server().http());
    until(&client, Status::Connected);
    let raw = switched(&client);
    let only = {
        open_at(&client, server().http());
        until(&client, Status::Connected);
        assert!(!raw.is_open(), "the client has another connection");
        assert_eq!(raw.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(raw.write(b"x").unwrap_err().kind(), ErrorKind::NotConnected);
        raw.close();
        assert_eq!(client.status(), Status::Connected, "closing the old one leaves the new one alone");
        switched(&client)
    };
    drop((client, raw));
    send_all(&only, b"still");
    assert_eq!(receive(&only, 5), b"still");
}

#[test]
fn one_thread_reads_while_another_writes() {
    const SIZE: usize = 3_000_000;
    let client = Arc::new(HttpClient::default());
    try_connect(&client, "127.0.0.1", server().https().port(), &trusting(server().ca_pem())).unwrap();
    let raw = switched(&client);
    let sent: Vec<u8> = (0..SIZE).map(|index| (index % 253) as u8).collect();
    let received = thread::scope(|scope| {
        scope.spawn(|| send_all(&raw, &sent));
        receive(&raw, SIZE)
    });
    assert!(received == sent);
}
