//! Tests the exact bytes that are sent to a proxy, and proxies with all kinds of responses.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use http_client::{ErrorCode, HttpClient, Method, Settings, Status, TlsOptions};
use support::{drain, exchange, get, no_body, one_connection, send, server, take_head, until};
use support_tls::pki::{Authority, Key};
use support_tls::{one_secured, take_head_of, trusting, try_connect};

fn with_proxy(address: SocketAddr, user: &str) -> HttpClient {
    let client = HttpClient::default();
    let host = format!("{user}{}", address.ip());
    client.set_http_proxy(&host, address.port().into()).unwrap();
    client.set_https_proxy(&host, address.port().into()).unwrap();
    client
}

/// Transfers bytes between a client and a server until either ends.
fn tunnel(client: TcpStream, to: SocketAddr) {
    let server = TcpStream::connect(to).unwrap();
    let pump = |mut from: TcpStream, mut to: TcpStream| {
        let mut buffer = [0; 16384];
        while let Ok(count) = from.read(&mut buffer) {
            if count == 0 || to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    };
    let (back_from, back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let back = std::thread::spawn(move || pump(back_from, back_to));
    pump(client, server);
    back.join().unwrap();
}

#[test]
fn a_request_to_a_proxy_has_the_whole_url() {
    let (address, proxy) = one_connection(|mut stream| {
        let heads = [take_head(&mut stream), {
            send(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            take_head(&mut stream)
        }];
        send(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n");
        heads
    });
    let client = with_proxy(address, "us%65r:p%40ss@");
    client.connect_to_host("Host.Test", 8080, false, &TlsOptions::default()).unwrap();
    until(&client, Status::Connected);
    assert_eq!(get(&client, "/path?a=b#fragment").code, 200);
    assert_eq!(get(&client, "/").code, 204);
    let [first, second] = proxy.join().unwrap();
    assert!(first.starts_with("GET http://host.test:8080/path?a=b HTTP/1.1\r\n"), "{first}");
    assert!(second.starts_with("GET http://host.test:8080/ HTTP/1.1\r\n"), "{second}");
    for head in [first, second] {
        assert!(head.contains("\r\nHost: host.test:8080\r\n"), "{head}");
        assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
    }
}

#[test]
fn a_proxy_authorization_of_the_callers_own_replaces_the_automatic_one() {
    let (address, proxy) = one_connection(|mut stream| {
        let head = take_head(&mut stream);
        send(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n");
        head
    });
    let client = with_proxy(address, "user:pass@");
    client.connect_to_host("host.test", 80, false, &TlsOptions::default()).unwrap();
    until(&client, Status::Connected);
    exchange(&client, Method::Get, "/", &["proxy-authorization: Bearer own"], no_body());
    let head = proxy.join().unwrap();
    assert_eq!(head.to_lowercase().matches("proxy-authorization").count(), 1, "{head}");
    assert!(head.contains("\r\nproxy-authorization: Bearer own\r\n"), "{head}");
}

#[test]
fn a_proxy_authorization_of_the_callers_own_does_not_reach_the_server_behind_a_tunnel() {
    let (address, proxy) = one_connection(|mut stream| {
        take_head(&mut stream);
        send(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n");
        tunnel(stream, server().https());
    });
    let client = with_proxy(address, "");
    try_connect(&client, "localhost", server().https().port(), &trusting(server().ca_pem())).unwrap();
    let headers = ["Proxy-Authorization: Bearer own", "X-Other: stays"];
    let echo = exchange(&client, Method::Get, "/echo", &headers, no_body()).json();
    let sent = echo["headers"].to_string().to_lowercase();
    assert!(!sent.contains("proxy-authorization") && sent.contains("x-other"), "{sent}");
    drop(client);
    proxy.join().unwrap();
}

#[test]
fn a_proxy_at_the_end_of_a_tunnel_gets_the_authorization_that_it_is_given() {
    let root = Authority::root("root", Key::P256);
    let (end, second_proxy) = one_secured(&root.issue(Key::P256, &["localhost"]), |mut stream| {
        let head = take_head_of(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        stream.flush().unwrap();
        head
    });
    let (address, first_proxy) = one_connection(move |mut stream| {
        take_head(&mut stream);
        send(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n");
        tunnel(stream, end);
    });
    let client = with_proxy(address, "");
    try_connect(&client, "localhost", end.port(), &trusting(&root.pem)).unwrap();
    client.request(Method::Connect, "host.test:443", &["Proxy-Authorization: Bearer own"], no_body()).unwrap();
    until(&client, Status::Connected);
    drop(client);
    first_proxy.join().unwrap();
    let head = second_proxy.join().unwrap();
    assert!(head.contains("\r\nProxy-Authorization: Bearer own\r\n"), "{head}");
}

#[test]
fn a_tunnel_is_asked_for_by_connect_and_every_2xx_opens_it() {
    for answer in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\nProxy-Agent: x\r\n\r\n",
        "HTTP/1.1 201 Created\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 299 Fine\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 200 OK\r\nVia : a\u{1}b\r\nPHP Warning: x\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let (address, proxy) = one_connection(move |mut stream| {
            let head = take_head(&mut stream);
            send(&mut stream, answer.as_bytes());
            tunnel(stream, server().https());
            head
        });
        let client = with_proxy(address, "user:pass@");
        let opened = try_connect(&client, "localhost", server().https().port(), &trusting(server().ca_pem()));
        assert_eq!(opened, Ok(()), "{answer:?}");
        let echo = get(&client, "/echo").json();
        assert_eq!(echo["target"], "/echo", "{answer:?}");
        assert!(!echo["headers"].to_string().to_lowercase().contains("proxy-authorization"), "{echo}");
        drop(client);
        let head = proxy.join().unwrap();
        let port = server().https().port();
        assert!(
            head.starts_with(&format!("CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\n")),
            "{head}"
        );
        assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{head}");
    }
}

#[test]
fn what_a_proxy_answers_otherwise_is_said() {
    for (answer, expected) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno",
            "answered 407 Proxy Authentication Required when asked for host.test:443; check the user and password for the proxy",
        ),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "answered 403 Forbidden"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "answered 502 Bad Gateway"),
        ("HTTP/1.1 502\r\n\r\n", "answered 502 when"),
        ("HTTP/1.1 503 Can't\r\n\r\n", "answered 503 Can't when"),
        ("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", "answered 302 Found"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "failed when asked for host.test:443: "),
        ("", "failed when asked for host.test:443: "),
        ("HTTP/1.1 200 OK\r\nX", "failed when asked for host.test:443: "),
    ] {
        let (address, proxy) = one_connection(move |mut stream| {
            take_head(&mut stream);
            send(&mut stream, answer.as_bytes());
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            drain(&mut stream);
        });
        let client = with_proxy(address, "");
        let error = try_connect(&client, "host.test", 443, &trusting(server().ca_pem())).unwrap_err();
        assert!(error.message.starts_with(&format!("proxy {address} {expected}")), "{answer:?}: {error}");
        assert!(error.message.contains(" when asked for host.test:443"), "{answer:?}: {error}");
        assert_eq!((error.code, client.status()), (ErrorCode::CantConnect, Status::CantConnect), "{answer:?}");
        proxy.join().unwrap();
    }
}

#[test]
fn a_proxy_that_wants_another_way_to_log_in_than_basic_is_told_so() {
    let check = "; check the user and password for the proxy";
    for (status, challenges, hint) in [
        (407, "Proxy-Authenticate: NTLM\r\n", "; it requires NTLM, but only Basic is supported"),
        (
            407,
            "Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n",
            "; it requires Negotiate, NTLM, but only Basic is supported",
        ),
        (
            407,
            "Proxy-Authenticate: Digest realm=\"a\", nonce=\"b\", algorithm=MD5, Negotiate\r\n",
            "; it requires Digest, Negotiate, but only Basic is supported",
        ),
        (401, "WWW-Authenticate: NTLM\r\n", "; it requires NTLM, but only Basic is supported"),
        (407, "Proxy-Authenticate: NTLM, basic realm=\"a\"\r\n", check),
        (407, "Proxy-Authenticate: Basic\r\nProxy-Authenticate: Negotiate\r\n", check),
        (407, "", check),
        (407, "Proxy-Authenticate: \x1b[31m\r\n", check),
    ] {
        let answer = format!("HTTP/1.1 {status} No\r\n{challenges}Content-Length: 0\r\n\r\n");
        let error = refused_tunnel(answer);
        // If the proxy sends an invalid header, the message may report that instead.
        let expected = format!(" answered {status} No when asked for host.test:443{hint}");
        assert!(error.ends_with(&expected) || challenges.contains('\x1b'), "{challenges}: {error}");
        assert!(!error.contains('\x1b'), "{error:?}");
    }
}

#[test]
fn what_a_proxy_says_is_cut_short_and_escaped() {
    let long = "x".repeat(20_000);
    let schemes: String = (0..1000).map(|n| format!("Scheme{n}, ")).collect();
    for answer in [
        format!("HTTP/1.1 502 {long}\r\n\r\n"),
        format!("HTTP/1.1 502 {}\r\n\r\n", long.repeat(10)),
        "HTTP/1.1 502 \u{1b}[31mred\u{202e}\r\n\r\n".to_owned(),
        format!("HTTP/1.1 407 No\r\nProxy-Authenticate: {schemes}X\r\n\r\n"),
        format!("HTTP/1.1 407 No\r\nProxy-Authenticate: {long}\r\n\r\n"),
        format!("\u{1b}{long}"),
    ] {
        let error = refused_tunnel(answer);
        assert!(error.len() < 400 && !error.contains(['\u{1b}', '\u{202e}', '\r', '\n']), "{error:?}");
    }
}

/// Returns the message for this response to CONNECT.
fn refused_tunnel(answer: String) -> String {
    let (address, proxy) = one_connection(move |mut stream| {
        take_head(&mut stream);
        // The client closes the connection when it has read enough.
        let _ = stream.write_all(answer.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        drain(&mut stream);
    });
    let client = with_proxy(address, "");
    let error = try_connect(&client, "host.test", 443, &trusting(server().ca_pem())).unwrap_err();
    assert_eq!((error.code, client.status()), (ErrorCode::CantConnect, Status::CantConnect));
    drop(client);
    proxy.join().unwrap();
    error.message
}

/// A game that the system paused continues, and the data that it waited for has arrived. The rest of the connection needs the network
/// again.
#[test]
fn a_client_that_was_frozen_beyond_its_connect_timeout_goes_on_where_it_was() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    let (done, is_done) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel();
    let (address, proxy) = one_connection(move |mut stream| {
        take_head(&mut stream);
        done.send(()).unwrap();
        may_go_on.recv().unwrap();
        send(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n");
        done.send(()).unwrap();
        may_go_on.recv().unwrap();
        tunnel(stream, server().https());
    });
    let clock = support::Clock::new();
    let settings = Settings { context: clock.context(), connect_timeout: Some(TIMEOUT), ..Settings::default() };
    let client = HttpClient::new(settings);
    client.set_https_proxy(&address.ip().to_string(), address.port().into()).unwrap();
    client.connect_to_host("localhost", server().https().port().into(), true, &trusting(server().ca_pem())).unwrap();
    while is_done.try_recv().is_err() {
        client.poll().unwrap();
    }
    go_on.send(()).unwrap();
    is_done.recv().unwrap();
    clock.pass(TIMEOUT + TIMEOUT / 2);
    // This call receives the response and starts TLS.
    client.poll().unwrap();
    go_on.send(()).unwrap();
    until(&client, Status::Connected);
    assert_eq!(get(&client, "/hello").code, 200);
    drop(client);
    proxy.join().unwrap();
}

#[test]
fn a_proxy_that_does_not_answer_is_given_up_after_the_connect_timeout() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    for blocking in [false, true] {
        let client = HttpClient::new(Settings { blocking, connect_timeout: Some(TIMEOUT), ..Settings::default() });
        let (address, proxy) = one_connection(|mut stream| drain(&mut stream));
        client.set_https_proxy(&address.ip().to_string(), address.port().into()).unwrap();
        let tls = trusting(server().ca_pem());
        let started = Instant::now();
        let error = try_connect(&client, "host.test", 443, &tls).unwrap_err();
        let passed = started.elapsed();
        assert_eq!(
            error.message,
            format!("proxy {address} did not answer in 0.3 s (connect_timeout) when asked for host.test:443")
        );
        assert!(passed >= TIMEOUT && passed < TIMEOUT * 10, "{passed:?}");
        proxy.join().unwrap();
    }
}

#[test]
fn what_follows_a_tunnels_head_at_once_belongs_to_tls() {
    // A proxy that sends the head and the start of the server's data in one piece, as a busy one does.
    let (address, proxy) = one_connection(|mut client| {
        take_head(&mut client);
        // The client sends first in TLS. A proxy that sends data before that violates the protocol.
        send(&mut client, b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n");
        drain(&mut client);
    });
    let client = with_proxy(address, "");
    let error = try_connect(&client, "host.test", 443, &trusting(server().ca_pem())).unwrap_err();
    assert!(error.message.starts_with("TLS: the server"), "{error}");
    assert_eq!(client.status(), Status::TlsHandshakeError);
    drop(client);
    proxy.join().unwrap();
}
