//! Tests many TLS connections at once, addresses of both families, including some that do not answer, and the time limits of the phases.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use http_client::{HttpClient, Settings, Status, TlsOptions};
use support::{get, no_body, one_connection, pause, server, take_head, until, until_failure};
use support_tls::{info, secured, trusting};

fn test_tls() -> TlsOptions {
    trusting(server().ca_pem())
}

fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        support_tls::left_out("IPv6, which this machine does not have");
    }
    has
}

/// Forwards connections at `::1` to an IPv4 address, so that a server of one family is reached through the other.
fn at_ipv6(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((mut near, _)) = listener.accept() {
            let mut far = std::net::TcpStream::connect(to).unwrap();
            let (mut near_back, mut far_back) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut near, &mut far));
            thread::spawn(move || std::io::copy(&mut far_back, &mut near_back));
        }
    });
    address
}

#[test]
fn an_ipv6_address_is_connected_to_with_and_without_tls() {
    if !has_ipv6() {
        return;
    }
    let plain = at_ipv6(server().http());
    for host in ["::1", "[::1]", "http://[::1]/"] {
        let client = HttpClient::default();
        client.connect_to_host(host, plain.port().into(), false, &TlsOptions::default()).unwrap();
        until(&client, Status::Connected);
        let echo = get(&client, "/echo").json();
        assert_eq!(echo["headers"][0], serde_json::json!(["Host", plain.to_string()]), "{host}");
    }
    // The certificate of the embedded server contains this address.
    let client = secured("[::1]", at_ipv6(server().https()), &test_tls());
    assert_eq!(get(&client, "/hello").code, 200);
}

#[test]
fn two_hundred_handshakes_run_side_by_side() {
    let clients: Vec<HttpClient> = (0..200).map(|_| HttpClient::default()).collect();
    for client in &clients {
        client.connect_to_host("localhost", server().https().port().into(), true, &test_tls()).unwrap();
    }
    let started = Instant::now();
    while clients.iter().any(|client| client.status() != Status::Connected) {
        for client in clients.iter().filter(|client| client.status() != Status::Connected) {
            client.poll().unwrap();
        }
        pause(started);
    }
    for (index, client) in clients.iter().enumerate() {
        client.request(http_client::Method::Get, &format!("/bytes/{}", 1000 + index), &[], no_body()).unwrap();
    }
    for (index, client) in clients.iter().enumerate() {
        until(client, Status::Body);
        let (body, error) = support::read_body(client);
        assert_eq!((body.len(), error), (1000 + index, None));
    }
}

#[test]
fn eight_threads_make_handshakes_at_once() {
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            thread::spawn(move || {
                for round in 0..25 {
                    let client = HttpClient::default();
                    client.set_blocking_mode(round % 2 == 0);
                    client.connect_to_host("localhost", server().https().port().into(), true, &test_tls()).unwrap();
                    until(&client, Status::Connected);
                    let length = 1000 * thread + round;
                    let reply = get(&client, &format!("/bytes/{length}"));
                    assert_eq!((reply.body.len(), reply.error), (length, None));
                    assert_eq!(info(&client).alpn, "http/1.1");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn the_connect_timeout_counts_every_phase_together() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    // A proxy that uses most of the time, and then a handshake that never ends.
    let (address, proxy) = one_connection(|mut stream| {
        take_head(&mut stream);
        thread::sleep(TIMEOUT * 3 / 5);
        support::send(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n");
        support::drain(&mut stream)
    });
    let client = HttpClient::new(Settings { connect_timeout: Some(TIMEOUT), ..Settings::default() });
    client.set_https_proxy("127.0.0.1", address.port().into()).unwrap();
    let started = Instant::now();
    let sentence = support_tls::refusal_of(&client, "host.test", SocketAddr::new(address.ip(), 443), &test_tls());
    let passed = started.elapsed();
    assert_eq!(sentence, "the handshake was not complete in 2 s (connect_timeout)");
    assert!(passed >= TIMEOUT && passed < TIMEOUT * 10, "{passed:?}");
    assert!(proxy.join().unwrap() > 0);
}

#[test]
fn the_read_timeout_holds_inside_tls_too() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    for blocking in [false, true] {
        let client = HttpClient::new(Settings { blocking, read_timeout: Some(TIMEOUT), ..Settings::default() });
        client.connect_to_host("127.0.0.1", server().https().port().into(), true, &test_tls()).unwrap();
        until(&client, Status::Connected);
        let started = Instant::now();
        let reply = get(&client, "/slow?ms=10000");
        let passed = started.elapsed();
        assert!(reply.failure().contains("0.3 s (read_timeout)"), "{reply:?}");
        assert!(passed >= TIMEOUT && passed < TIMEOUT * 10, "{passed:?}");
    }
}

#[test]
fn a_client_that_is_closed_in_the_middle_of_a_handshake_can_be_used_again() {
    let client = HttpClient::default();
    for _ in 0..20 {
        client.connect_to_host("localhost", server().https().port().into(), true, &test_tls()).unwrap();
        client.poll().unwrap();
        client.close();
        assert_eq!(client.status(), Status::Disconnected);
    }
    support_tls::try_connect(&client, "localhost", server().https().port(), &test_tls()).unwrap();
    assert_eq!(get(&client, "/hello").code, 200);
}

#[test]
fn a_blocked_handshake_is_ended_by_close() {
    let (address, peer) = one_connection(|mut stream| support::drain(&mut stream));
    let client = HttpClient::new(Settings { blocking: true, connect_timeout: None, ..Settings::default() });
    client.connect_to_host("127.0.0.1", address.port().into(), true, &test_tls()).unwrap();
    thread::scope(|scope| {
        let blocked = scope.spawn(|| while client.poll().is_ok() {});
        thread::sleep(Duration::from_millis(100));
        client.close();
        blocked.join().unwrap();
    });
    assert_eq!(client.status(), Status::Disconnected);
    assert!(peer.join().unwrap() > 0);
}

#[test]
fn the_timings_tell_the_phases_apart() {
    let client = HttpClient::default();
    support_tls::try_connect(&client, "localhost", server().https().port(), &test_tls()).unwrap();
    let opened = client.timings();
    assert!(opened.dns.is_some() && opened.connect.is_some() && opened.tls.is_some(), "{opened:?}");
    assert_eq!((opened.send, opened.first_byte, opened.total), (None, None, None));
    assert_eq!(get(&client, "/slow?ms=50").code, 200);
    let done = client.timings();
    assert_eq!((done.dns, done.connect, done.tls), (opened.dns, opened.connect, opened.tls));
    assert!(done.send <= done.first_byte && done.first_byte <= done.total, "{done:?}");
    assert!(done.first_byte >= Some(Duration::from_millis(50)), "{done:?}");
    let failing = HttpClient::default();
    failing.connect_to_host("127.0.0.1", server().refused_port().into(), true, &test_tls()).unwrap();
    until_failure(&failing);
    assert_eq!(failing.timings().tls, None);
}
