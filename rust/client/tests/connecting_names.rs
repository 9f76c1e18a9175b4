//! Tests names that have several addresses, some of which do not answer. The system decides which addresses a name has, so this runs in a
//! separate process with its own hosts file.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_client::{ErrorCode, HttpClient, Settings, Status, TlsOptions};
use socket2::{Domain, Socket, Type};
use support::{no_body, pause, send, server, take_head, until, until_failure};
use support_tls::pki::{Authority, Key};
use support_tls::{one_secured, secured, take_head_of, trusting, trusting_for, try_connect};

/// The environment variable that names the test in the process with the hosts file.
const CHILD: &str = "HTTP_CLIENT_TEST_CHILD";
const HOSTS: &str =
    "127.0.0.1 localhost four.test web.1 xn--a.example\n::1 six.test\n127.0.0.1 both.test\n::1 both.test\n";
const MOUNT: &str = "mount --bind \"$1\" /etc/hosts && mount --bind \"$2\" /etc/nsswitch.conf";
/// The time after which the next address is tried in parallel (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);
const TEN_TIMES: u32 = 10;

/// Runs the test with this name in a process with its own hosts file. Returns whether this is that process.
fn is_with_own_hosts(test: &str) -> bool {
    is_with_hosts_file(test, |path| std::fs::write(path, HOSTS).expect("a file"))
}

fn is_with_hosts_file(test: &str, make: impl FnOnce(&Path)) -> bool {
    if std::env::var(CHILD).is_ok_and(|name| name == test) {
        return true;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let hosts = folder.path().join("hosts");
    make(&hosts);
    // Only this file is used for lookups: names that are not in it do not exist.
    let order = folder.path().join("nsswitch.conf");
    std::fs::write(&order, "hosts: files\n").expect("a file");
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        command.args([&hosts, &order, &std::env::current_exe().expect("this test")]).arg(test).env(CHILD, test);
        command.output()
    };
    if !run(MOUNT).is_ok_and(|output| output.status.success()) {
        support_tls::left_out(&format!("{test}, which needs a hosts file of its own: unshare does not work here"));
        return false;
    }
    let output = run(&format!("{MOUNT} && exec \"$3\" --exact --nocapture \"$4\"")).expect("unshare");
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    false
}

/// Returns listeners at two addresses with the same port, one of each family.
fn both_families() -> (TcpListener, Socket) {
    for _ in 0..100 {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = four.local_addr().expect("it is bound").port();
        let six = Socket::new(Domain::IPV6, Type::STREAM, None).expect("a socket");
        six.set_only_v6(true).expect("an option");
        if six.bind(&SocketAddr::from((Ipv6Addr::LOCALHOST, port)).into()).is_ok() {
            return (four, six);
        }
    }
    panic!("no port is free in both families");
}

/// Fills the queue of a listener, so that the system accepts no further connection at its address.
fn fill(listener: &Socket) -> Vec<Socket> {
    listener.listen(0).expect("it listens");
    let address = listener.local_addr().expect("it is bound");
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).expect("a socket");
        socket.set_nonblocking(true).expect("an option");
        // The connection attempt is running, and may stay so.
        let _ = socket.connect(&address);
        waiting.push(socket);
    }
    waiting
}

fn answer_once(listener: TcpListener) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        take_head(&mut stream);
        send(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n");
    })
}

fn open(name: &str, port: u16) -> HttpClient {
    let client = HttpClient::default();
    client.connect_to_host(name, port.into(), false, &TlsOptions::default()).expect("a host");
    assert_eq!(client.status(), Status::Resolving);
    client
}

#[test]
fn a_dead_first_address_costs_no_more_than_the_stagger() {
    if !is_with_own_hosts("a_dead_first_address_costs_no_more_than_the_stagger") {
        return;
    }
    let (four, six) = both_families();
    let port = four.local_addr().unwrap().port();
    let _waiting = fill(&six);
    let server = answer_once(four);
    let client = open("both.test", port);
    until(&client, Status::Connected);
    let took = client.timings().connect.unwrap();
    assert!(took >= STAGGER, "the other address was not the first: {took:?}");
    assert!(took < STAGGER * TEN_TIMES, "{took:?}");
    client.request(http_client::Method::Get, "/", &[], no_body()).unwrap();
    until(&client, Status::Connected);
    server.join().unwrap();
}

#[test]
fn an_address_that_refuses_costs_nothing() {
    if !is_with_own_hosts("an_address_that_refuses_costs_nothing") {
        return;
    }
    // The socket is bound but not listening, so it refuses connections and reserves the port.
    let (four, _six) = both_families();
    let server = answer_once(four.try_clone().unwrap());
    let client = open("both.test", four.local_addr().unwrap().port());
    until(&client, Status::Connected);
    let took = client.timings().connect.unwrap();
    assert!(took < STAGGER, "{took:?}");
    assert_eq!(support::get(&client, "/").code, 204);
    server.join().unwrap();
}

#[test]
fn names_of_one_family_are_connected_to() {
    if !is_with_own_hosts("names_of_one_family_are_connected_to") {
        return;
    }
    for (name, address) in [("four.test", IpAddr::from(Ipv4Addr::LOCALHOST)), ("six.test", Ipv6Addr::LOCALHOST.into())]
    {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = answer_once(listener);
        let client = open(name, port);
        until(&client, Status::Connected);
        assert_eq!(support::get(&client, "/").code, 204, "{name}");
        server.join().unwrap();
    }
}

#[test]
fn every_address_that_failed_is_named() {
    if !is_with_own_hosts("every_address_that_failed_is_named") {
        return;
    }
    let (four, _six) = both_families();
    let port = four.local_addr().unwrap().port();
    drop(four);
    let client = open("both.test", port);
    let error = until_failure(&client);
    assert_eq!(error.code, ErrorCode::CantConnect);
    for address in [format!("127.0.0.1:{port}: connection refused"), format!("[::1]:{port}: connection refused")] {
        assert!(error.message.contains(&address), "{error}");
    }
}

#[test]
fn dead_addresses_only_are_given_up_after_the_connect_timeout() {
    if !is_with_own_hosts("dead_addresses_only_are_given_up_after_the_connect_timeout") {
        return;
    }
    const TIMEOUT: Duration = Duration::from_millis(400);
    let (four, six) = both_families();
    drop(four);
    let _waiting = fill(&six);
    let client = HttpClient::new(Settings { connect_timeout: Some(TIMEOUT), ..Settings::default() });
    let started = Instant::now();
    let port = six.local_addr().unwrap().as_socket().unwrap().port();
    client.connect_to_host("six.test", port.into(), false, &TlsOptions::default()).unwrap();
    let error = until_failure(&client);
    let passed = started.elapsed();
    assert!(error.message.contains(&format!("[::1]:{port}: no answer in 0.4 s (connect_timeout)")), "{error}");
    assert!(passed >= TIMEOUT && passed < TIMEOUT * 10, "{passed:?}");
}

#[test]
fn two_hundred_clients_resolve_at_once_and_no_poll_waits_for_it() {
    if !is_with_own_hosts("two_hundred_clients_resolve_at_once_and_no_poll_waits_for_it") {
        return;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut attempt = 0;
    support::assert_in_time(support::TEN_FRAMES, || {
        attempt += 1;
        let clients: Vec<HttpClient> = (0..200)
            .map(|index| {
                let client = HttpClient::default();
                // One name that exists for all, and one for each that does not.
                let missing = format!("missing-{attempt}-{index}.invalid");
                let name = if index % 2 == 0 { "four.test" } else { &missing };
                client.connect_to_host(name, port.into(), false, &TlsOptions::default()).unwrap();
                client
            })
            .collect();
        let started = Instant::now();
        let mut longest = Duration::ZERO;
        while clients.iter().any(|client| matches!(client.status(), Status::Resolving | Status::Connecting)) {
            let round = Instant::now();
            for client in &clients {
                let _ = client.poll();
            }
            longest = longest.max(round.elapsed());
            pause(started);
        }
        for (index, client) in clients.iter().enumerate() {
            let expected = if index % 2 == 0 { Status::Connected } else { Status::CantResolve };
            assert_eq!(client.status(), expected, "{index}: {}", client.error_message());
        }
        longest
    });
}

#[test]
fn names_that_browsers_refuse_are_looked_up_as_curl_does() {
    if !is_with_own_hosts("names_that_browsers_refuse_are_looked_up_as_curl_does") {
        return;
    }
    for name in ["web.1", "xn--a.example"] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let head = take_head(&mut stream);
            send(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n");
            head
        });
        let client = open(name, port);
        until(&client, Status::Connected);
        assert_eq!(support::get(&client, "/").code, 204, "{name}");
        let head = server.join().unwrap();
        assert!(head.contains(&format!("\r\nHost: {name}:{port}\r\n")), "{head}");
    }
    for name in ["web.2", "xn--b.example", "1.2.3.4.5"] {
        assert_eq!(until_failure(&open(name, 80)).code, ErrorCode::CantResolve, "{name}");
    }
}

/// Returns the addresses of this machine that are only valid on one interface, with the number and name of the interface.
fn scoped_addresses() -> Vec<(Ipv6Addr, u32, String)> {
    let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let address = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let bits = u128::from_str_radix(fields.first()?, 16).ok()?;
        let index = u32::from_str_radix(fields.get(1)?, 16).ok()?;
        Some((Ipv6Addr::from(bits), index, (*fields.get(5)?).to_owned()))
    };
    table.lines().filter_map(address).filter(|(address, ..)| address.is_unicast_link_local()).collect()
}

#[test]
fn an_address_with_a_scope_is_connected_to_and_the_server_is_not_told_of_it() {
    let Some((address, index, interface)) = scoped_addresses().into_iter().next() else {
        support_tls::left_out("addresses with a scope: no interface of this machine has one");
        return;
    };
    for host in [
        format!("{address}%{interface}"),
        format!("{address}%{index}"),
        format!("[{address}%{interface}]"),
        format!("http://[{address}%25{interface}]/"),
    ] {
        let listener = TcpListener::bind(SocketAddrV6::new(address, 0, 0, index)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let head = take_head(&mut stream);
            send(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n");
            head
        });
        let client = open(&host, port);
        until(&client, Status::Connected);
        assert_eq!(support::get(&client, "/").code, 204, "{host}");
        let head = server.join().unwrap();
        assert!(head.contains(&format!("\r\nHost: [{address}]:{port}\r\n")), "{head}");
    }
    // Without a scope, the system reports what is missing.
    let client = HttpClient::default();
    let refused = support::open(&client, &address.to_string(), 9).err().unwrap_or_else(|| until_failure(&client));
    assert_eq!(refused.code, ErrorCode::CantConnect);
    let nowhere = open(&format!("{address}%nowhere9"), 80);
    let error = until_failure(&nowhere);
    assert_eq!(error.code, ErrorCode::CantResolve);
    assert!(error.message.contains(&format!("\"{address}%nowhere9\"")), "{error}");
}

#[test]
fn an_address_with_a_scope_is_secured_by_its_certificate() {
    let Some((address, index, interface)) = scoped_addresses().into_iter().next() else { return };
    let root = Authority::root("root", Key::P256);
    let identity = root.issue(Key::P256, &[&address.to_string()]);
    let (end, secured_server) = one_secured(&identity, |mut stream| {
        let head = take_head_of(&mut stream);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        stream.flush().unwrap();
        head
    });
    let listener = TcpListener::bind(SocketAddrV6::new(address, 0, 0, index)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let carrier = std::thread::spawn(move || {
        let (mut near, _) = listener.accept().unwrap();
        let mut far = std::net::TcpStream::connect(end).unwrap();
        let (mut near_back, mut far_back) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let back = std::thread::spawn(move || std::io::copy(&mut far_back, &mut near_back).is_ok());
        let _ = std::io::copy(&mut near, &mut far);
        drop((near, far));
        back
    });
    let client = HttpClient::default();
    try_connect(&client, &format!("{address}%{interface}"), port, &trusting(&root.pem)).unwrap();
    assert_eq!(support::get(&client, "/").code, 204);
    drop(client);
    assert!(secured_server.join().unwrap().contains(&format!("\r\nHost: [{address}]:{port}\r\n")));
    carrier.join().unwrap();
}

#[test]
fn an_international_name_of_tls_options_is_asked_for_in_ascii() {
    let root = Authority::root("root", Key::P256);
    for name in ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"] {
        let identity = root.issue(Key::P256, &["xn--bcher-kva.example"]);
        let (address, server) = one_secured(&identity, |mut stream| {
            take_head_of(&mut stream);
            let asked_for = stream.conn.server_name().map(str::to_owned);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            stream.flush().unwrap();
            asked_for
        });
        let client = secured("127.0.0.1", address, &trusting_for(&root.pem, name));
        assert_eq!(support::get(&client, "/").code, 204, "{name}");
        drop(client);
        assert_eq!(server.join().unwrap().as_deref(), Some("xn--bcher-kva.example"), "{name}");
    }
}

#[test]
fn names_that_hang_hold_up_no_tls_to_an_address() {
    const TEST: &str = "names_that_hang_hold_up_no_tls_to_an_address";
    if !is_with_hosts_file(TEST, make_pipe) {
        return;
    }
    // More lookups than threads are kept for. Some are waited for, some are abandoned.
    let clients: Vec<HttpClient> = (0..100).map(|n| open(&format!("hangs-{n}.test"), 80)).collect();
    let mut kept = clients.into_iter();
    let waiting: Vec<_> = kept.by_ref().take(50).collect();
    drop(kept);
    let client = secured("127.0.0.1", server().https(), &trusting(server().ca_pem()));
    assert_eq!(support::get(&client, "/hello").code, 200);
    assert!(waiting.iter().all(|client| client.poll().is_ok() && client.status() == Status::Resolving));
}

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
}

/// The system's resolver opens a hosts file that is a pipe, and blocks until something is written to it.
#[test]
fn while_the_resolver_hangs_timeouts_and_close_work_and_addresses_are_connected_to() {
    const TEST: &str = "while_the_resolver_hangs_timeouts_and_close_work_and_addresses_are_connected_to";
    const TIMEOUT: Duration = Duration::from_millis(300);
    if !is_with_hosts_file(TEST, make_pipe) {
        return;
    }
    for blocking in [false, true] {
        support::assert_in_time(TIMEOUT + support::TEN_FRAMES, || {
            let settings = Settings { blocking, connect_timeout: Some(TIMEOUT), ..Settings::default() };
            let client = HttpClient::new(settings);
            let started = Instant::now();
            support::open(&client, "four.test", 80).unwrap();
            assert_eq!(client.status(), Status::Resolving);
            let error = until_failure(&client);
            let passed = started.elapsed();
            assert_eq!(error.code, ErrorCode::CantResolve, "{error:?}");
            assert_eq!(
                error.message,
                "the host name \"four.test\" could not be resolved: no answer in 0.3 s (connect_timeout)"
            );
            assert!(passed >= TIMEOUT, "{passed:?}");
            passed
        });
    }
    support::assert_in_time(support::TEN_FRAMES, || {
        let settings = Settings { blocking: true, connect_timeout: None, ..Settings::default() };
        let client = Arc::new(HttpClient::new(settings));
        support::open(&client, "four.test", 80).unwrap();
        let polled = std::thread::spawn({
            let client = client.clone();
            move || client.poll()
        });
        std::thread::sleep(TIMEOUT);
        assert!(!polled.is_finished(), "the call did not block");
        let started = Instant::now();
        client.close();
        let error = polled.join().unwrap().unwrap_err();
        assert_eq!((error.code, client.status()), (ErrorCode::Unconfigured, Status::Disconnected));
        started.elapsed()
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = HttpClient::default();
    support::open_at(&client, listener.local_addr().unwrap());
    until(&client, Status::Connected);
}

#[test]
fn answers_are_remembered_for_a_while_and_failures_for_a_moment() {
    if !is_with_own_hosts("answers_are_remembered_for_a_while_and_failures_for_a_moment") {
        return;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    until(&open("four.test", port), Status::Connected);
    assert_eq!(until_failure(&open("late.test", port)).code, ErrorCode::CantResolve);
    // One name disappears, and the other one appears.
    std::fs::write("/etc/hosts", "127.0.0.1 late.test\n").unwrap();
    until(&open("four.test", port), Status::Connected);
    let failed = Instant::now();
    loop {
        let client = HttpClient::default();
        client.connect_to_host("late.test", port.into(), false, &TlsOptions::default()).unwrap();
        while client.poll().is_ok() && client.status() != Status::Connected {
            pause(failed);
        }
        if client.status() == Status::Connected {
            break;
        }
        assert!(failed.elapsed() < Duration::from_secs(5), "a failure is remembered for half a second");
    }
}
