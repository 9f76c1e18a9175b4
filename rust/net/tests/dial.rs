//! Tests failing dials by type, and the time limits of every phase. The sockets are real, but the clock belongs to the test, so a limit
//! only passes when the test advances it.
#![allow(missing_docs)]

mod support;

use std::io::{ErrorKind as Io, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use http_net::{
    Context, Dial, Dialled, Error, ErrorKind, Host, Link, Pause, Phase, Proxy, ProxyProblem, Route, TlsFailureKind,
    TlsOptions, Verify, Wait,
};
use support::{Clock, FRAME, source};

const LIMIT: Duration = Duration::from_secs(30);
/// A hang is a failure, but a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(60);

fn any_certificate() -> TlsOptions {
    TlsOptions { verify: Verify::Nothing, ..TlsOptions::default() }
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The result of the resolver.
type Answer = Result<Vec<SocketAddr>, String>;

/// A context with its own clock and resolver.
struct World {
    clock: Clock,
    context: Arc<Context>,
}

impl World {
    fn new() -> Self {
        Self::with(|name| Err(format!("nobody asked for {name}")))
    }

    fn with(resolver: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let clock = Clock::new();
        let now = clock.clone();
        Self { clock, context: Arc::new(Context::new(move || now.now(), Some(Box::new(resolver)))) }
    }

    fn dial(&self, host: &str, port: u16, tls: Option<&TlsOptions>, proxy: Option<&Proxy>) -> Result<Dial, Error> {
        let host = Host::parse(host, port.into(), tls.is_some()).unwrap();
        let route = Route::new(host, proxy.cloned().map(Arc::new), tls.unwrap_or(&TlsOptions::default()));
        Dial::start(&self.context, Arc::new(route), Some(LIMIT), "test".into(), self.clock.now())
    }

    /// Advances the dial without advancing the clock, until `is_there` returns `true`.
    fn until(&self, dial: &mut Dial, mut is_there: impl FnMut(&Dial) -> bool) {
        let started = Instant::now();
        while !is_there(dial) {
            assert!(!matches!(dial.advance(self.clock.now()).unwrap(), Dialled::Link(_)), "it must not get so far");
            assert!(started.elapsed() < PATIENCE);
            thread::yield_now();
        }
    }

    /// Advances the dial to its end without advancing the clock, and returns the link or the error. It sleeps like a driver.
    fn finish(&self, mut dial: Dial) -> Result<Box<Link>, Error> {
        let mut pause = Pause::new().unwrap();
        let waker = pause.waker();
        let started = Instant::now();
        loop {
            match dial.advance(self.clock.now())? {
                Dialled::Link(link) => return Ok(link),
                Dialled::Resolved => {}
                Dialled::Pending => {
                    let mut wait = Wait::new(&waker);
                    dial.wait_for(&mut wait);
                    pause.wait(&wait, self.clock.now()).unwrap();
                }
            }
            assert!(started.elapsed() < PATIENCE);
        }
    }

    /// Advances the clock frame by frame until the dial fails. That must happen at the limit and not before.
    fn time_out(&self, mut dial: Dial, since: Instant) -> Error {
        loop {
            self.clock.pass(FRAME);
            let passed = self.clock.now() - since;
            match dial.advance(self.clock.now()) {
                Ok(_) => assert!(passed < LIMIT, "it goes on after {passed:?}"),
                Err(error) => {
                    assert!(passed >= LIMIT && passed < LIMIT + FRAME, "after {passed:?}: {error}");
                    return error;
                }
            }
        }
    }
}

fn assert_timeout(error: &Error, phase: Phase, name: &str) {
    assert!(error.is_timeout(), "{error:?}");
    match error.kind() {
        ErrorKind::Timeout { limit: LIMIT, hop: Some(hop), .. } => assert_eq!(hop.name, name),
        kind => panic!("{kind:?}"),
    }
    assert_eq!((error.phase(), error.has_response_begun(), source(error)), (phase, false, None));
}

#[test]
fn a_port_that_is_refused_is_no_connection_and_the_system_says_why() {
    let world = World::new();
    let (listener, address) = listener();
    drop(listener);
    let error = world.dial("127.0.0.1", address.port(), None, None).and_then(|dial| world.finish(dial)).unwrap_err();
    match error.kind() {
        ErrorKind::Connect { hop, .. } => assert_eq!((&*hop.name, &hop.proxy_for), ("127.0.0.1", &None)),
        kind => panic!("{kind:?}"),
    }
    assert!(error.is_connect() && !error.is_timeout() && !error.is_tls());
    assert_eq!((error.phase(), error.has_response_begun()), (Phase::Connect, false));
    assert_eq!(source(&error), Some(Io::ConnectionRefused));
}

#[test]
fn a_name_without_an_address_is_told_by_who_was_asked() {
    let world = World::with(|_| Err("it is not in the script".to_owned()));
    let error = world.finish(world.dial("unknown.test", 80, None, None).unwrap()).unwrap_err();
    match error.kind() {
        ErrorKind::Resolve { hop, reason } => {
            assert_eq!((&*hop.name, &**reason), ("unknown.test", "it is not in the script"));
        }
        kind => panic!("{kind:?}"),
    }
    assert!(error.is_connect());
    assert_eq!((error.phase(), error.has_response_begun()), (Phase::Resolve, false));
}

#[test]
fn the_name_that_is_asked_for_is_the_proxys_where_there_is_one() {
    let world =
        World::with(|name| if name == "proxy.test" { Err("no".to_owned()) } else { panic!("asked for {name}") });
    let proxy = Proxy::parse("user:secret@proxy.test", 3128).unwrap();
    let error = world.finish(world.dial("server.test", 80, None, Some(&proxy)).unwrap()).unwrap_err();
    match error.kind() {
        ErrorKind::Resolve { hop, .. } => {
            assert_eq!((&*hop.name, hop.proxy_for.as_deref()), ("proxy.test", Some("server.test:80")));
        }
        kind => panic!("{kind:?}"),
    }
    assert!(!format!("{error:?} {error}").contains("secret"));
}

#[test]
fn a_scripted_name_leads_to_a_link_and_its_port_is_the_hosts() {
    let (listener, address) = listener();
    // The ports of resolved addresses are ignored.
    let world = World::with(|_| Ok(vec![([127, 0, 0, 1], 9).into()]));
    let link = world.finish(world.dial("server.test", address.port(), None, None).unwrap()).unwrap();
    assert_eq!(link.addresses().0, Some(address));
    assert_eq!(link.route().unwrap().host().name(), "server.test");
    drop(listener);
}

/// Creates a resolver that returns when the sender is dropped.
fn hanging() -> (Sender<()>, World) {
    let (release, released) = channel();
    let released = std::sync::Mutex::new(released);
    let world = World::with(move |_| {
        let _ = released.lock().unwrap().recv();
        Err("too late".to_owned())
    });
    (release, world)
}

#[test]
fn without_file_descriptors_the_advice_is_about_this_program_and_otherwise_about_the_name() {
    for (reason, advice) in [("too many open files", "close files"), ("it has no address", "check its spelling")] {
        let world = World::with(move |_| Err(reason.to_owned()));
        let error = world.finish(world.dial("host.test", 80, None, None).unwrap()).unwrap_err().to_string();
        assert!(error.contains(&format!("{reason}; {advice}")), "{error}");
    }
}

#[test]
fn a_resolver_that_hangs_is_a_timeout_while_resolving() {
    let (_release, world) = hanging();
    let since = world.clock.now();
    let dial = world.dial("slow.test", 80, None, None).unwrap();
    assert_timeout(&world.time_out(dial, since), Phase::Resolve, "slow.test");
}

#[test]
fn a_server_that_takes_no_more_connections_is_a_timeout_while_connecting() {
    use socket2::{Domain, Socket, Type};
    // The queue of the listener has one place, which is taken.
    let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    full.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    let fillers: Vec<Socket> = (0..4)
        .map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            socket
        })
        .collect();
    let world = World::new();
    let since = world.clock.now();
    let dial = world.dial("127.0.0.1", address.as_socket().unwrap().port(), None, None).unwrap();
    let error = world.time_out(dial, since);
    assert_timeout(&error, Phase::Connect, "127.0.0.1");
    assert!(
        matches!(error.kind(), ErrorKind::Timeout { tried, .. } if *tried == address.as_socket().unwrap().to_string())
    );
    drop(fillers);
}

/// Advances the dial until the other end has received data, and returns that end.
fn until_sent(world: &World, dial: &mut Dial, listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut peer = None;
    world.until(dial, |_| {
        peer = peer.take().or_else(|| listener.accept().ok().map(|(peer, _)| peer));
        peer.as_ref().is_some_and(|peer: &TcpStream| {
            peer.set_nonblocking(true).unwrap();
            peer.peek(&mut [0]).is_ok_and(|count| count > 0)
        })
    });
    let peer = peer.unwrap();
    peer.set_nonblocking(false).unwrap();
    peer
}

#[test]
fn a_proxy_that_does_not_answer_is_a_timeout_while_asking_for_a_tunnel() {
    let world = World::new();
    let (listener, address) = listener();
    let proxy = Proxy::parse("127.0.0.1", address.port().into()).unwrap();
    let since = world.clock.now();
    let mut dial = world.dial("server.test", 443, Some(&any_certificate()), Some(&proxy)).unwrap();
    let _silent = until_sent(&world, &mut dial, &listener);
    let error = world.time_out(dial, since);
    assert_timeout(&error, Phase::Proxy, "127.0.0.1");
    assert!(error.is_connect());
}

#[test]
fn a_handshake_that_stands_still_is_a_timeout_of_tls() {
    let world = World::new();
    let (listener, address) = listener();
    let since = world.clock.now();
    let mut dial = world.dial("127.0.0.1", address.port(), Some(&any_certificate()), None).unwrap();
    let _silent = until_sent(&world, &mut dial, &listener);
    let error = world.time_out(dial, since);
    assert_timeout(&error, Phase::Tls, "127.0.0.1");
    assert!(error.is_tls());
}

#[test]
fn the_limit_is_one_for_all_steps_together() {
    let world = World::new();
    let (listener, address) = listener();
    let since = world.clock.now();
    let mut dial = world.dial("127.0.0.1", address.port(), Some(&any_certificate()), None).unwrap();
    // A step that uses most of the limit leaves the rest to the next steps.
    for _ in 0..LIMIT.as_millis() / FRAME.as_millis() - 2 {
        world.clock.pass(FRAME);
        dial.advance(world.clock.now()).unwrap();
    }
    let _silent = until_sent(&world, &mut dial, &listener);
    assert_timeout(&world.time_out(dial, since), Phase::Tls, "127.0.0.1");
}

#[test]
fn a_process_that_stood_still_goes_on_where_it_was() {
    let world = World::new();
    let (listener, address) = listener();
    let proxy = Proxy::parse("127.0.0.1", address.port().into()).unwrap();
    let mut dial = world.dial("server.test", 443, Some(&any_certificate()), Some(&proxy)).unwrap();
    let peer = until_sent(&world, &mut dial, &listener);
    world.clock.pass(LIMIT * 20);
    assert!(matches!(dial.advance(world.clock.now()), Ok(Dialled::Pending)), "nobody could look");
    // The extension applies only once. From here on, the limit counts again.
    for _ in 0..2 * LIMIT.as_millis() / FRAME.as_millis() {
        world.clock.pass(FRAME);
        if let Err(error) = dial.advance(world.clock.now()) {
            return assert_timeout(&error, Phase::Proxy, "127.0.0.1");
        }
    }
    drop(peer);
    panic!("it is given time without end");
}

/// Starts a server that reads the first data, sends this reply and ends the connection.
fn answering(reply: Option<&'static [u8]>) -> (SocketAddr, thread::JoinHandle<()>) {
    let (listener, address) = listener();
    let thread = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut start = [0; 4096];
        let _ = peer.read(&mut start).unwrap();
        if let Some(reply) = reply {
            peer.write_all(reply).unwrap();
        }
    });
    (address, thread)
}

#[test]
fn a_proxy_that_refuses_is_told_by_its_status_and_one_that_fails_by_its_failure() {
    let refused = |reply| {
        let world = World::new();
        let (address, server) = answering(reply);
        let proxy = Proxy::parse("user:secret@127.0.0.1", address.port().into()).unwrap();
        let dial = world.dial("server.test", 443, Some(&any_certificate()), Some(&proxy)).unwrap();
        let error = world.finish(dial).unwrap_err();
        server.join().unwrap();
        assert!(error.is_connect() && !error.is_timeout(), "{error:?}");
        assert_eq!(error.phase(), Phase::Proxy);
        assert!(!format!("{error:?} {error}").contains("secret"));
        match error.kind() {
            ErrorKind::Proxy { hop, problem } => {
                assert_eq!(hop.proxy_for.as_deref(), Some("server.test:443"));
                problem.clone()
            }
            kind => panic!("{kind:?}"),
        }
    };
    for status in [403, 407, 502] {
        let reply = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n").leak().as_bytes();
        assert!(matches!(refused(Some(reply)), ProxyProblem::Answered { status: came, .. } if came == status));
    }
    match refused(None) {
        ProxyProblem::Failed(error) => assert!(matches!(error.kind(), ErrorKind::ClosedBeforeResponse(_)), "{error:?}"),
        problem => panic!("{problem:?}"),
    }
    match refused(Some(b"SSH-2.0\r\n")) {
        ProxyProblem::Failed(error) => assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{error:?}"),
        problem => panic!("{problem:?}"),
    }
}

#[test]
fn trouble_with_tls_has_a_kind() {
    let failure = |dial: Result<Dial, Error>, world: &World| {
        let error = dial.and_then(|dial| world.finish(dial)).unwrap_err();
        assert!(error.is_tls() && !error.is_connect() && !error.is_timeout(), "{error:?}");
        assert_eq!((error.phase(), error.has_response_begun()), (Phase::Tls, false));
        match error.kind() {
            ErrorKind::Tls(failure) => failure.kind,
            kind => panic!("{kind:?}"),
        }
    };
    let handshake_failure: &[u8] = &[21, 3, 3, 0, 2, 2, 40];
    for (reply, kind) in [
        (Some(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..]), TlsFailureKind::Malformed),
        (Some(b"SSH-2.0-OpenSSH_9.9\r\n"), TlsFailureKind::Malformed),
        (Some(handshake_failure), TlsFailureKind::Refused),
        (None, TlsFailureKind::Ended),
    ] {
        let world = World::new();
        let (address, server) = answering(reply);
        let dial = world.dial("127.0.0.1", address.port(), Some(&any_certificate()), None);
        assert_eq!(failure(dial, &world), kind, "{reply:?}");
        server.join().unwrap();
    }

    let world = World::new();
    let (_listener, address) = listener();
    let no_name = TlsOptions { name: Some("not a name".to_owned()), ..any_certificate() };
    let dial = world.dial("127.0.0.1", address.port(), Some(&no_name), None);
    assert_eq!(failure(dial, &world), TlsFailureKind::Options);

    let (address, server) = self_signed();
    let world = World::new();
    let untrusting =
        TlsOptions { trust: http_net::Trust::Pem(other_authority().into_bytes().into()), ..TlsOptions::default() };
    let dial = world.dial("127.0.0.1", address.port(), Some(&untrusting), None);
    assert_eq!(failure(dial, &world), TlsFailureKind::Certificate);
    server.join().unwrap();
}

fn other_authority() -> String {
    rcgen::generate_simple_self_signed(vec!["other.test".to_owned()]).unwrap().cert.pem()
}

/// Starts a TLS server with a self-signed certificate.
fn self_signed() -> (SocketAddr, thread::JoinHandle<()>) {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    let made = rcgen::generate_simple_self_signed(vec!["server.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let (listener, address) = listener();
    let thread = thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        // The client aborts the handshake.
        assert!(connection.complete_io(&mut peer).is_err());
    });
    (address, thread)
}
