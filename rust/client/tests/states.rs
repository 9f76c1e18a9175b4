//! Compares the diagram of the statuses of a client in docs/architecture.md with its behaviour.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use http_client::{Context, Error, HttpClient, Method, Settings, Status, TlsOptions, Verify};
use http_net::memory::{self, MemoryStream};

/// The previous status, the call, and the new status.
type Transition = (&'static str, &'static str, &'static str);

const STATUSES: [(Status, &str); 10] = [
    (Status::Disconnected, "DISCONNECTED"),
    (Status::Resolving, "RESOLVING"),
    (Status::CantResolve, "CANT_RESOLVE"),
    (Status::Connecting, "CONNECTING"),
    (Status::CantConnect, "CANT_CONNECT"),
    (Status::Connected, "CONNECTED"),
    (Status::Requesting, "REQUESTING"),
    (Status::Body, "BODY"),
    (Status::ConnectionError, "CONNECTION_ERROR"),
    (Status::TlsHandshakeError, "TLS_HANDSHAKE_ERROR"),
];
const CALLS: [&str; 6] = ["connect_to_host()", "set_connection()", "request()", "poll()", "read()", "close()"];

/// The responses of a server.
const ANSWERS: [&[u8]; 9] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nhello",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"SSH-2.0-OpenSSH\r\n",
    b"",
];

#[test]
fn the_statuses_change_as_they_are_drawn_and_in_no_other_way() {
    let mut seen = BTreeSet::new();
    for (from, _) in STATUSES {
        for host in ["a.test", "127.0.0.1", "not a host"] {
            Driven::to(from, &mut seen).connect(host, 80, false);
        }
        let mut refused = Driven::to(from, &mut seen);
        let _ = refused.client.set_http_proxy("not a proxy", 80);
        refused.connect("a.test", 80, false);
        Driven::to(from, &mut seen).adopt();
        Driven::to(from, &mut seen).call("close()", |client| {
            client.close();
            Ok(())
        });
        Driven::to(from, &mut seen).request();
        Driven::to(from, &mut seen).read();
    }
    for answer in ANSWERS {
        for ends in [false, true] {
            let mut driven = Driven::to(Status::Connected, &mut seen);
            driven.request();
            driven.far().push(answer);
            if ends {
                driven.far().finish();
            }
            for _ in 0..3 {
                driven.poll();
                driven.read();
            }
        }
    }
    let mut over = Driven::to(Status::Connected, &mut seen);
    over.far().finish();
    over.request();
    let mut over = Driven::to(Status::Connected, &mut seen);
    over.far().finish();
    over.poll();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut whole = Driven::new(&mut seen);
    whole.connect("a.test", listener.local_addr().unwrap().port(), false);
    whole.poll_to(Status::Connected);

    let drawn = drawn();
    let missing: Vec<_> = seen.difference(&drawn).collect();
    let untrue: Vec<_> = drawn.difference(&seen).collect();
    assert!(missing.is_empty() && untrue.is_empty(), "not drawn: {missing:?}; drawn, but never seen: {untrue:?}");
}

/// A client whose changes of status are recorded.
struct Driven<'a> {
    client: HttpClient,
    far: Option<MemoryStream>,
    seen: &'a mut BTreeSet<Transition>,
}

impl<'a> Driven<'a> {
    /// Creates a client for which "nowhere.test" has no address, and every other name has the address of this computer.
    fn new(seen: &'a mut BTreeSet<Transition>) -> Self {
        let resolver = |name: &str| match name {
            "nowhere.test" => Err("no such name".to_owned()),
            _ => Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]),
        };
        let context = Arc::new(Context::new(Instant::now, Some(Box::new(resolver))));
        let client = HttpClient::new(Settings { context, ..Settings::default() });
        Self { client, far: None, seen }
    }

    /// Creates a client with this status.
    fn to(status: Status, seen: &'a mut BTreeSet<Transition>) -> Self {
        let mut driven = Self::new(seen);
        match status {
            Status::Disconnected => {}
            Status::Resolving => driven.connect("a.test", 80, false),
            Status::CantResolve => driven.connect("nowhere.test", 80, false),
            Status::Connecting => driven.connect("127.0.0.1", 80, false),
            Status::CantConnect => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                let port = listener.local_addr().unwrap().port();
                drop(listener);
                driven.connect("127.0.0.1", port, false);
            }
            Status::TlsHandshakeError => {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                driven.connect("127.0.0.1", listener.local_addr().unwrap().port(), true);
                thread::spawn(move || listener.accept().unwrap().0.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
            }
            Status::Connected | Status::Requesting | Status::Body | Status::ConnectionError => {
                driven.adopt();
                if status != Status::Connected {
                    driven.request();
                }
                match status {
                    Status::Body => driven.far().push(ANSWERS[0]),
                    Status::ConnectionError => driven.far().push(b"SSH-2.0-OpenSSH\r\n"),
                    _ => {}
                }
            }
        }
        let takes_a_poll = [
            Status::CantResolve,
            Status::CantConnect,
            Status::Body,
            Status::ConnectionError,
            Status::TlsHandshakeError,
        ];
        if takes_a_poll.contains(&status) {
            driven.poll_to(status);
        }
        assert_eq!(driven.client.status(), status);
        driven
    }

    fn far(&self) -> &MemoryStream {
        self.far.as_ref().expect("the client has a stream in memory")
    }

    fn call(&mut self, name: &'static str, call: impl FnOnce(&HttpClient) -> Result<(), Error>) {
        let before = name_of(self.client.status());
        // Most of these calls are errors; only the status matters here.
        let _ = call(&self.client);
        let after = name_of(self.client.status());
        if before != after {
            self.seen.insert((before, name, after));
        }
    }

    fn connect(&mut self, host: &str, port: u16, secure: bool) {
        let tls = TlsOptions { verify: Verify::Nothing, ..TlsOptions::default() };
        self.call("connect_to_host()", |client| client.connect_to_host(host, port.into(), secure, &tls));
    }

    fn adopt(&mut self) {
        let (near, far) = memory::pair(65536);
        self.call("set_connection()", |client| client.set_stream(Box::new(near), None));
        self.far = Some(far);
    }

    fn request(&mut self) {
        self.call("request()", |client| client.request(Method::Get, "/", &[], Box::new(Vec::new())));
    }

    fn poll(&mut self) {
        self.call("poll()", HttpClient::poll);
    }

    fn read(&mut self) {
        self.call("read()", |client| client.read_response_body_available::<Vec<u8>>().map(drop));
        self.call("read()", |client| client.read_response_body_chunk::<Vec<u8>>().map(drop));
    }

    /// Polls until the client has this status, or a deadline of the connection leads to another status.
    fn poll_to(&mut self, status: Status) {
        while matches!(self.client.status(), Status::Resolving | Status::Connecting | Status::Requesting) {
            self.poll();
            thread::yield_now();
        }
        assert_eq!(self.client.status(), status, "{}", self.client.error_message());
    }
}

fn name_of(status: Status) -> &'static str {
    STATUSES.iter().find(|(known, _)| *known == status).expect("every status is listed").1
}

/// Reads the lines `FROM --> TO: call` of the diagram. The text after the call is the condition.
fn drawn() -> BTreeSet<Transition> {
    let mut drawn = BTreeSet::new();
    let named = |name: &str| STATUSES.iter().find(|(_, known)| *known == name).map(|(_, known)| *known);
    for line in include_str!("../../../docs/architecture.md").lines() {
        let Some((from, rest)) = line.split_once(" --> ") else { continue };
        let (to, label) = rest.split_once(": ").expect(line);
        let to = named(to.trim()).expect(line);
        let call = CALLS.into_iter().find(|call| label.split(' ').next() == Some(call)).expect(line);
        match from.trim() {
            "ANY" => {
                drawn.extend(STATUSES.map(|(_, from)| (from, call, to)).into_iter().filter(|(from, ..)| *from != to))
            }
            from => drop(drawn.insert((named(from).expect(line), call, to))),
        }
    }
    drawn
}
