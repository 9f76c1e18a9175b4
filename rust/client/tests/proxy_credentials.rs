//! Tests what only a proxy receives, and what nobody receives, and that no connection bypasses a configured proxy.
#![allow(missing_docs)]

mod support;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use http_client::{ErrorCode, HttpClient, Method, Probe, Status, Stream, TlsOptions};
use support::{exchange, get, no_body, one_connection, open, open_at, send, server, take_head, until};

const OWN: &str = "Proxy-Authorization: Bearer own";

/// A stream from outside this project.
struct Foreign(TcpStream);

impl Foreign {
    fn to(address: SocketAddr) -> Box<Self> {
        let stream = TcpStream::connect(address).expect("a server");
        stream.set_nonblocking(true).expect("an option");
        Box::new(Self(stream))
    }
}

impl Stream for Foreign {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        self.0.write(if head.is_empty() { body } else { head })
    }

    fn probe(&mut self) -> io::Result<Probe> {
        match self.0.peek(&mut [0]) {
            Ok(0) => Ok(Probe::End),
            Ok(_) => Ok(Probe::Data),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Probe::Quiet),
            Err(error) => Err(error),
        }
    }
}

/// Returns the head that a server receives of a request with credentials for a proxy.
fn head_sent(connect: impl FnOnce(&HttpClient, SocketAddr), method: Method, url: &str) -> String {
    let (address, server) = one_connection(|mut stream| {
        let head = take_head(&mut stream);
        send(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        head
    });
    let client = HttpClient::default();
    connect(&client, address);
    until(&client, Status::Connected);
    exchange(&client, method, url, &[OWN, "X-Other: stays"], no_body());
    drop(client);
    server.join().unwrap()
}

fn directly(client: &HttpClient, address: SocketAddr) {
    open_at(client, address);
}

fn over_a_foreign_stream(client: &HttpClient, address: SocketAddr) {
    client.set_stream(Foreign::to(address), None).unwrap();
}

fn through_a_proxy(client: &HttpClient, address: SocketAddr) {
    client.set_http_proxy(&address.ip().to_string(), address.port().into()).unwrap();
    open(client, "host.test", 80).unwrap();
}

#[test]
fn a_proxy_authorization_of_the_callers_own_reaches_only_a_proxy() {
    type Connect = fn(&HttpClient, SocketAddr);
    let ways: [(Connect, bool); 3] = [(directly, false), (over_a_foreign_stream, false), (through_a_proxy, true)];
    for (connect, is_proxy) in ways {
        // A whole URL does not mean that the server is a proxy.
        for url in ["/", "http://host.test/"] {
            let head = head_sent(connect, Method::Get, url);
            assert_eq!(head.contains(OWN), is_proxy, "{url}: {head}");
            assert!(head.contains("X-Other: stays"), "{head}");
        }
        // The peer of a CONNECT request is a proxy, regardless of how the connection was established.
        let head = head_sent(connect, Method::Connect, "host.test:443");
        assert!(head.contains(OWN), "{head}");
    }
}

#[test]
fn a_proxy_that_cannot_be_used_fails_the_next_connection_of_its_kind_and_no_other() {
    for (host, port, reason) in [
        ("socks5://user:s3cret@127.0.0.1", 1080, "its scheme is socks5://, but only http:// is supported"),
        ("https://127.0.0.1", 443, "its scheme is https://, but only http:// is supported"),
        ("127.0.0.1:81/path", 80, "the host contains port 81, but the port argument is 80; give only one of them"),
        ("user:s3c/ret@127.0.0.1", 80, "write a '/', '?' or '#' in its user or password as %2F, %3F or %23"),
        ("user:s3cret@a b", 80, "' ' cannot be in a host name; give the name only, such as \"example.com\""),
        ("127.0.0.1", 0, "there is no port 0; ports are 1 to 65535"),
    ] {
        for secure in [false, true] {
            // No connection reaches this listener: neither as the previous proxy, nor as the server without a proxy.
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let address = listener.local_addr().unwrap();
            let client = HttpClient::default();
            let set: fn(&HttpClient, &str, i64) -> Result<(), http_client::Error> =
                if secure { HttpClient::set_https_proxy } else { HttpClient::set_http_proxy };
            set(&client, "127.0.0.1", address.port().into()).unwrap();
            let told = set(&client, host, port).unwrap_err();
            assert_eq!((told.code, client.error_message()), (ErrorCode::InvalidParameter, told.message.clone()));
            assert!(told.message.starts_with("cannot use the proxy \"") && told.message.ends_with(reason), "{told}");
            assert!(!told.message.contains("s3c"), "{told}");
            let to = |client: &HttpClient| {
                client.connect_to_host("127.0.0.1", address.port().into(), secure, &TlsOptions::default())
            };
            for _ in 0..2 {
                assert_eq!(to(&client), Err(told.clone()), "it says so again");
                assert_eq!((client.status(), client.error_message()), (Status::Disconnected, told.message.clone()));
            }
            assert!(listener.accept().is_err(), "nothing goes past the proxy, {host}");
            // The proxy does not affect connections of the other kind.
            let other = if secure { server().http() } else { server().https() };
            let opened = client.connect_to_host("127.0.0.1", other.port().into(), !secure, &TlsOptions::default());
            assert_eq!(opened, Ok(()));
            set(&client, "", -1).unwrap();
            assert_eq!(to(&client), Ok(()), "without a proxy it is reached directly");
        }
    }
}

#[test]
fn a_path_behind_the_address_of_a_proxy_is_ignored() {
    let head = head_sent(
        |client, address| {
            let host = format!("http://{}/path/?query", address.ip());
            client.set_http_proxy(&host, address.port().into()).unwrap();
            open(client, "host.test", 80).unwrap();
        },
        Method::Get,
        "/",
    );
    assert!(head.starts_with("GET http://host.test:80/ HTTP/1.1\r\n"), "{head}");
}

#[test]
fn neither_user_nor_password_nor_a_header_is_in_a_message_or_a_log() {
    let client = HttpClient::default();
    client.set_http_proxy("lena:s3cret@127.0.0.1", server().refused_port().into()).unwrap();
    open(&client, "host.test", 80).unwrap();
    let mut messages = vec![support::until_failure(&client).message, format!("{:?}", client.settings())];
    client.set_http_proxy("", -1).unwrap();
    for host in ["lena:s3cret@host", "http://lena:s3c/ret@host/"] {
        messages.push(open(&client, host, 80).unwrap_err().message);
    }
    open_at(&client, server().http());
    until(&client, Status::Connected);
    let lines =
        ["Authorization: Bearer s3cret\n", "Cookie: s3cret\0", "s3cret", "Authorization Bearer: s3cret", "X : s3cret"];
    for line in lines {
        messages.push(client.request(Method::Get, "/", &[line], no_body()).unwrap_err().message);
    }
    for url in ["http://lena:s3cret@host/\n", "ftp://lena:s3cret@host/", "lena:s3cret@host:\0"] {
        messages.push(client.request(Method::Get, url, &[], no_body()).unwrap_err().message);
    }
    for message in messages {
        assert!(!message.contains("lena") && !message.contains("s3c"), "{message}");
    }
    assert_eq!(get(&client, "/hello").code, 200);
}

#[test]
fn where_a_foreign_stream_leads_is_checked_before_it_is_sent() {
    for (host, sent) in [
        ("host.test", "host.test"),
        ("host.test:81", "host.test:81"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:82", "[::1]:82"),
        ("[fe80::1%eth0]:82", "[fe80::1]:82"),
        ("bücher.test", "xn--bcher-kva.test"),
    ] {
        let connect = |client: &HttpClient, address| {
            client.set_stream(Foreign::to(address), Some(host.to_owned())).unwrap();
        };
        let head = head_sent(connect, Method::Get, "/");
        assert!(head.contains(&format!("\r\nHost: {sent}\r\n")), "{head}");
    }
    for host in ["a\r\nX-Planted: yes", "a\0", "a b", "user:s3cret@host", "a/b", "", "host:0", "[::1"] {
        let client = support::connected(server().http());
        let foreign = Foreign::to(server().http());
        let error = client.set_stream(foreign, Some(host.to_owned())).unwrap_err();
        assert_eq!((error.code, client.error_message()), (ErrorCode::InvalidParameter, error.message.clone()));
        assert!(error.message.starts_with("the stream is connected to the host \""), "{error}");
        assert!(!error.message.contains("s3cret") && !error.message.contains('\n'), "{error}");
        assert_eq!(get(&client, "/hello").code, 200, "what was open goes on");
    }
}
