//! Property: for every accepted host, the sent bytes name exactly one host, and using that name as the host gives the same result.
//!
//! Input: one byte whose lowest bit enables TLS, two for the port, and the host. Every connection goes to a proxy in this process, so that
//! no name is resolved and nothing leaves this machine.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use http_client::{HttpClient, Method, Status, TlsOptions};
use socket2::SockRef;

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let [flags, low, high, host @ ..] = data else { return };
    let port = i64::from(i16::from_le_bytes([*low, *high]));
    let secure = flags & 1 == 1;
    let host = String::from_utf8_lossy(host);
    let Some(named) = named(&host, port, secure) else { return };

    assert!((1..=65535).contains(&named.port), "{host:?}: {named:?}");
    assert!(named.host.bytes().all(|byte| byte.is_ascii_graphic()), "{host:?}: {named:?}");
    assert!(!named.host.contains(['/', '?', '#', '@', '\\', '%', ' ']), "{host:?}: {named:?}");
    if let Ok(port) = u16::try_from(port) {
        assert_eq!(named.port, i64::from(port), "{host:?}");
    }
    let again = self::named(&named.host, named.port, named.secure);
    assert_eq!(again.as_ref(), Some(&named), "{host:?}");
    let lower_case = host.to_ascii_lowercase();
    assert_eq!(self::named(&lower_case, port, secure), Some(named), "{lower_case:?}");
}

/// The destination of a client.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    host: String,
    port: i64,
    secure: bool,
}

/// Returns the destination that the client sends to its proxy, or `None` if the host is refused.
fn named(host: &str, port: i64, secure: bool) -> Option<Named> {
    static PROXY: OnceLock<TcpListener> = OnceLock::new();
    let proxy = PROXY.get_or_init(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    let proxy_port = proxy.local_addr().expect("it is bound").port();
    let client = HttpClient::default();
    client.set_http_proxy("127.0.0.1", proxy_port.into()).expect("an address");
    client.set_https_proxy("127.0.0.1", proxy_port.into()).expect("an address");
    if client.connect_to_host(host, port, secure, &TlsOptions::default()).is_err() {
        assert_eq!(client.status(), Status::Disconnected, "{host:?}");
        return None;
    }
    assert_eq!(client.status(), Status::Connecting, "{host:?}");
    let (mut peer, _) = proxy.accept().expect("a connection");
    // Reset the connection instead of closing it, so that the port can be reused immediately.
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("a socket");
    let head = head(&client, &mut peer);
    Some(match head.strip_prefix("CONNECT ") {
        Some(rest) => Named { secure: true, ..destination(rest.split(' ').next().unwrap_or_default(), 443) },
        None => {
            let target = head.strip_prefix("GET http://").unwrap_or_else(|| panic!("not a URL: {head:?}"));
            let named = destination(target.split('/').next().unwrap_or_default(), 80);
            // The port can be omitted if it is the default of the scheme.
            let fields: Vec<&str> = head.lines().filter_map(|line| line.strip_prefix("Host: ")).collect();
            assert_eq!(fields.len(), 1, "{host:?}: {head:?}");
            assert_eq!(destination(fields[0], 80), named, "{host:?}: {head:?}");
            named
        }
    })
}

/// Polls until a complete request has arrived, and returns its head.
fn head(client: &HttpClient, peer: &mut TcpStream) -> String {
    peer.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket");
    let mut head = Vec::new();
    let mut room = [0; 4096];
    for _ in 0..1000 {
        client.poll().expect("the proxy is there");
        if client.status() == Status::Connected {
            client.request(Method::Get, "/", &[], Box::new(Vec::new())).expect("a request");
        }
        if let Ok(count) = peer.read(&mut room) {
            head.extend_from_slice(&room[..count]);
        }
        if head.ends_with(b"\r\n\r\n") {
            let head = String::from_utf8(head).expect("only ASCII is sent");
            assert_eq!(head.matches("\r\n\r\n").count(), 1, "{head:?}");
            return head;
        }
    }
    panic!("no request came: {:?}", client.error_message());
}

fn destination(authority: &str, own_port: i64) -> Named {
    let after_address = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[after_address..].find(':') {
        Some(at) => {
            let port = &authority[after_address + at + 1..];
            (&authority[..after_address + at], port.parse().unwrap_or_else(|_| panic!("{authority:?}")))
        }
        None => (authority, own_port),
    };
    Named { host: host.to_owned(), port, secure: false }
}
