//! Tests one client in several threads, blocking calls, and closing a client in every status.
#![allow(missing_docs)]

mod support;

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use http_client::{Error, ErrorCode, HttpClient, Interest, Method, Probe, RawConnection, Settings, Status, Stream};
use support::{
    PATIENCE, TEN_FRAMES, blocking, connect, get, no_body, one_connection, open, open_at, pause, request_until_body,
    server,
};

/// A call that uses the connection.
type Call = fn(&HttpClient) -> Result<(), Error>;

/// Creates a client that blocks without a time limit.
fn endless() -> Arc<HttpClient> {
    Arc::new(HttpClient::new(Settings { blocking: true, connect_timeout: None, ..Settings::default() }))
}

/// Starts another thread that makes `call`. Returns when it is in the call, because this thread is then refused.
fn in_another_thread(
    client: &Arc<HttpClient>,
    call: impl Fn(&HttpClient) -> Result<(), Error> + Send + 'static,
) -> thread::JoinHandle<Result<(), Error>> {
    let other = client.clone();
    let thread = thread::spawn(move || {
        loop {
            match call(&other) {
                // The check below was using the client.
                Err(error) if error.code == ErrorCode::Busy => thread::yield_now(),
                result => return result,
            }
        }
    });
    let started = Instant::now();
    while refusal(client) != ErrorCode::Busy {
        assert!(!thread.is_finished(), "the call did not block");
        pause(started);
    }
    thread
}

/// Returns the error of a call that uses the connection and is refused in any case.
fn refusal(client: &HttpClient) -> ErrorCode {
    client.request(Method::Get, "/", &["no colon"], no_body()).expect_err("such a header").code
}

/// Starts a server that accepts a connection but reads nothing.
fn never_reads() -> SocketAddr {
    // For the client, a connection in the queue of a listener is established.
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::mem::forget(listener);
    address
}

/// Starts a thread that makes the call, which blocks after `prepare`, and closes the client in the meantime.
fn assert_close_ends(client: &Arc<HttpClient>, prepare: impl Fn(&HttpClient), call: Call) {
    support::assert_in_time(TEN_FRAMES, || {
        prepare(client);
        let thread = in_another_thread(client, call);
        let started = Instant::now();
        client.close();
        let error = thread.join().unwrap().unwrap_err();
        let passed = started.elapsed();
        let (code, message) = (error.code, error.message.as_str());
        assert_eq!((code, message), (ErrorCode::Unconfigured, "the client was closed by another thread"));
        assert_eq!((client.status(), client.error_message().as_str()), (Status::Disconnected, ""));
        passed
    });
    connect(client, server().http());
    assert_eq!(get(client, "/hello").code, 200, "the client can be used again");
}

#[test]
fn close_ends_a_poll_that_waits_for_a_connection() {
    assert_close_ends(&endless(), |client| open_at(client, server().never_accepts()), HttpClient::poll);
}

#[test]
fn close_ends_a_poll_that_waits_for_a_response() {
    let request = |client: &HttpClient| {
        connect(client, server().raw());
        client.request(Method::Get, "/fault/never-answers", &[], no_body()).unwrap();
    };
    assert_close_ends(&endless(), request, HttpClient::poll);
}

#[test]
fn close_ends_a_poll_that_waits_for_room_to_send() {
    let address = never_reads();
    let upload = |client: &HttpClient| {
        connect(client, address);
        client.request(Method::Post, "/", &[], Box::new(vec![0; 64 << 20])).unwrap();
    };
    assert_close_ends(&endless(), upload, HttpClient::poll);
}

#[test]
fn close_ends_a_read_that_waits_for_a_body() {
    let reads: [Call; 2] = [
        |client| client.read_response_body_chunk::<Vec<u8>>().map(drop),
        |client| client.read_response_body_available::<Vec<u8>>().map(drop),
    ];
    for read in reads {
        let request = |client: &HttpClient| {
            connect(client, server().raw());
            let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
            request_until_body(client, &support::dictated(reply, ""));
        };
        assert_close_ends(&endless(), request, read);
    }
}

#[test]
fn a_second_thread_is_refused_and_getters_answer_while_a_call_lasts() {
    let client = endless();
    connect(&client, server().raw());
    get(&client, "/fault/drip?ms=1");
    client.request(Method::Get, "/fault/never-answers", &[], no_body()).unwrap();
    let thread = in_another_thread(&client, HttpClient::poll);
    for _ in 0..1000 {
        assert_eq!((client.status(), client.response_code()), (Status::Requesting, 0));
        assert_eq!((client.response_body_length(), client.has_response()), (-1, false));
        assert!(client.request_bytes_sent() > 0 && client.response_head().is_none());
    }
    client.set_blocking_mode(true);
    client.set_read_chunk_size(4096).unwrap();
    let busy = [
        client.poll().unwrap_err(),
        client.request(Method::Get, "/", &[], no_body()).unwrap_err(),
        client.read_response_body_chunk::<Vec<u8>>().unwrap_err(),
        client.read_response_body_available::<Vec<u8>>().unwrap_err(),
        open(&client, "127.0.0.1", 80).unwrap_err(),
    ];
    for error in busy {
        assert_eq!(error.code, ErrorCode::Busy);
        assert!(client.error_message().contains("another thread"));
    }
    assert!(!thread.is_finished(), "the call went on undisturbed");
    assert_eq!(client.status(), Status::Requesting);
    client.close();
    thread.join().unwrap().unwrap_err();
}

#[test]
fn many_threads_on_one_client_get_an_answer_or_are_told_that_it_is_busy() {
    let client = Arc::new(HttpClient::default());
    let threads: Vec<_> = (0..8)
        .map(|index| {
            let client = client.clone();
            thread::spawn(move || {
                for round in 0..300 {
                    match (index + round) % 6 {
                        0 => drop(open(&client, "127.0.0.1", server().http().port().into())),
                        1 => drop(client.request(Method::Get, "/chunked/1000?size=10", &[], no_body())),
                        2 => drop(client.read_response_body_chunk::<Vec<u8>>()),
                        3 if round % 50 == 0 => client.close(),
                        4 => drop(client.response_head()),
                        _ => drop(client.poll()),
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    connect(&client, server().http());
    assert_eq!(get(&client, "/hello").code, 200);
}

/// A stream that panics at every request.
struct Panicking;

impl Stream for Panicking {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, _: &[u8], _: &[u8]) -> io::Result<usize> {
        panic!("as it was asked to");
    }

    fn probe(&mut self) -> io::Result<Probe> {
        Ok(Probe::Quiet)
    }
}

/// `gate_model.rs` tries every order for the gate alone.
#[test]
fn who_holds_a_connection_is_let_go_whichever_call_ends_it() {
    let ends: [fn(&HttpClient); 3] = [
        HttpClient::close,
        |client| client.set_stream(Box::new(Panicking), None).expect("nobody else has the engine for long"),
        |client| {
            let request = || client.request(Method::Get, "/", &[], no_body());
            drop(catch_unwind(AssertUnwindSafe(request)));
        },
    ];
    for end in ends {
        for _ in 0..200 {
            let client = Arc::new(HttpClient::default());
            client.set_stream(Box::new(Panicking), None).unwrap();
            let ending = thread::spawn({
                let client = client.clone();
                move || end(&client)
            });
            let held = RawConnection::of(&client);
            ending.join().unwrap();
            let now = RawConnection::of(&client);
            let Some(held) = held else { continue };
            assert_eq!(held.is_open(), now.as_ref() == Some(&held));
            drop(now);
            let watched = Arc::downgrade(&client);
            drop(client);
            assert_eq!(watched.upgrade().is_some(), held.is_open(), "only an open connection keeps its client");
        }
    }
}

#[test]
fn whatever_ends_a_connection_ends_the_wait_for_its_bytes_and_reaches_the_server() {
    let ends: [fn(&HttpClient); 4] = [
        HttpClient::close,
        |client| open_at(client, server().http()),
        |client| client.set_stream(Box::new(Panicking), None).expect("nobody else uses the client"),
        |client| {
            client.set_read_timeout(Some(Duration::from_millis(1)));
            client.request(Method::Get, "/", &[], no_body()).unwrap();
            let error = support::until_failure(client);
            assert!(error.message.contains("read_timeout"), "{error:?}");
        },
    ];
    for end in ends {
        let (address, peer) = one_connection(|mut stream| support::drain(&mut stream));
        let client = Arc::new(HttpClient::default());
        connect(&client, address);
        let raw = RawConnection::of(&client).expect("it is connected");
        let waiting = thread::spawn(move || raw.wait(Interest::Read, 100 * PATIENCE));
        // Usually, the thread sleeps by then.
        thread::sleep(Duration::from_millis(100));
        end(&client);
        let started = Instant::now();
        while !waiting.is_finished() {
            pause(started);
        }
        peer.join().expect("the end of the connection");
    }
}

/// A pseudo-random sequence that is the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Makes one random call on a client or on its raw connection.
fn any_call(random: &mut Random, client: &Arc<HttpClient>, other: &Arc<HttpClient>) {
    const TARGETS: [&str; 4] = ["/hello", "/chunked/5000?size=100", "/upgrade-echo", "/bytes/100000"];
    let raw = RawConnection::of(client);
    let raw = raw.as_ref();
    match random.below(24) {
        0 | 1 => drop(open(client, "127.0.0.1", server().http().port().into())),
        2 | 3 => {
            let target = TARGETS[random.below(4) as usize];
            let headers = ["Connection: Upgrade", "Upgrade: echo"];
            let headers = if target == "/upgrade-echo" { &headers[..] } else { &[] };
            drop(client.request(Method::Get, target, headers, no_body()));
        }
        4 => drop(client.request(Method::Post, "/upload", &[], Box::new(vec![7; 300_000]))),
        5 | 6 => drop(client.read_response_body_chunk::<Vec<u8>>()),
        7 => drop(client.read_response_body_available::<Vec<u8>>()),
        8 if random.below(20) == 0 => client.close(),
        9 => drop((client.response_head(), client.response_trailers(), client.error_message(), client.tls_info())),
        10 => drop((client.status(), client.has_response(), client.response_body_length(), client.timings())),
        11 => client.set_blocking_mode(random.below(2) == 0),
        12 => client.set_read_timeout(Some(Duration::from_millis(1 + random.below(50)))),
        13 => drop(raw.map(|raw| raw.read(&mut [0; 700]))),
        14 => drop(raw.map(|raw| raw.write(b"some bytes"))),
        15 => drop(raw.map(RawConnection::available)),
        16 => drop(raw.map(RawConnection::look)),
        17 => drop(raw.map(|raw| (raw.is_connected(), raw.is_open(), raw.is_of(client), raw.is_of(other)))),
        18 => drop(raw.map(|raw| (raw.peer_addr(), raw.local_addr(), raw.set_no_delay(true)))),
        19 => drop(raw.map(|raw| raw.wait(Interest::Both, Duration::from_micros(100)))),
        20 if random.below(20) == 0 => drop(raw.map(RawConnection::close)),
        _ => drop(client.poll()),
    }
}

/// This test can also run under a memory checker: `valgrind target/debug/deps/threads-… any_calls`. Its lock checkers do not support Rust's
/// locks; tests/gate_model.rs covers these.
#[test]
fn any_calls_from_several_threads_on_two_clients_and_their_connections_leave_them_usable() {
    const THREADS: u64 = 4;
    const CALLS: u64 = 1500;
    let clients = [Arc::new(HttpClient::default()), Arc::new(HttpClient::default())];
    thread::scope(|scope| {
        for seed in 1..=THREADS {
            let clients = &clients;
            scope.spawn(move || {
                let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                for _ in 0..CALLS {
                    let which = random.below(2) as usize;
                    any_call(&mut random, &clients[which], &clients[1 - which]);
                }
            });
        }
    });
    for client in clients {
        client.set_blocking_mode(false);
        client.set_read_timeout(None);
        connect(&client, server().http());
        assert_eq!(get(&client, "/hello").code, 200);
        let watched = Arc::downgrade(&client);
        drop(client);
        assert!(watched.upgrade().is_none(), "nothing else keeps it");
    }
}

/// The processor time that this thread has used.
#[cfg(unix)]
fn processor_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The processor time that this thread has used.
#[cfg(windows)]
fn processor_time() -> Duration {
    use windows_sys::Win32::Foundation::FILETIME;
    use windows_sys::Win32::System::Threading::{GetCurrentThread, GetThreadTimes};
    let [mut created, mut ended, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: the handle is this thread's own, and the four places live for as long as the call.
    let known = unsafe { GetThreadTimes(GetCurrentThread(), &mut created, &mut ended, &mut kernel, &mut user) };
    assert_ne!(known, 0, "{}", std::io::Error::last_os_error());
    // The times are in units of 100 ns.
    let units = |time: FILETIME| (u64::from(time.dwHighDateTime) << 32) + u64::from(time.dwLowDateTime);
    Duration::from_nanos(100 * (units(kernel) + units(user)))
}

fn assert_sleeps(call: impl FnOnce()) {
    let (started, used) = (Instant::now(), processor_time());
    call();
    let (passed, used) = (started.elapsed(), processor_time() - used);
    assert!(passed >= Duration::from_millis(990), "it waited for {passed:?}");
    assert!(used < Duration::from_millis(50), "{used:?} of processor time in {passed:?}");
}

#[test]
fn a_blocking_call_sleeps_while_it_waits() {
    let second = Some(Duration::from_secs(1));
    let client = HttpClient::new(Settings { blocking: true, connect_timeout: second, ..Settings::default() });
    open_at(&client, server().never_accepts());
    assert_sleeps(|| assert_eq!(client.poll().unwrap_err().code, ErrorCode::CantConnect));

    let client = blocking();
    connect(&client, server().http());
    client.request(Method::Get, "/slow?ms=1000", &[], no_body()).unwrap();
    assert_sleeps(|| client.poll().unwrap());
    assert_eq!(client.status(), Status::Body, "one call was enough");
    support::read_body(&client);

    request_until_body(&client, "/stream?lines=2&delay_ms=1000");
    assert_sleeps(|| assert_eq!(client.read_response_body_chunk(), Ok(b"line 1 of 2\n".to_vec())));
    assert_sleeps(|| assert_eq!(client.read_response_body_available(), Ok(b"line 2 of 2\n".to_vec())));
}

#[test]
fn a_blocking_upload_sleeps_while_the_server_does_not_read() {
    let client =
        HttpClient::new(Settings { blocking: true, read_timeout: Some(Duration::from_secs(1)), ..Settings::default() });
    connect(&client, never_reads());
    client.request(Method::Post, "/", &[], Box::new(vec![0; 64 << 20])).unwrap();
    assert_sleeps(|| assert!(client.poll().unwrap_err().message.contains("read_timeout")));
}

#[test]
fn a_read_sleeps_while_the_rest_of_the_upload_does_not_get_away() {
    let (address, server) = one_connection(|mut stream| {
        support::take_head(&mut stream);
        support::send(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        thread::sleep(Duration::from_millis(1200));
        support::send(&mut stream, b"hello");
        support::drain(&mut stream)
    });
    let client = blocking();
    connect(&client, address);
    client.request(Method::Post, "/", &[], Box::new(vec![0; 64 << 20])).unwrap();
    client.poll().unwrap();
    assert_eq!(client.status(), Status::Body);
    assert_sleeps(|| assert_eq!(client.read_response_body_chunk(), Ok(b"hello".to_vec())));
    client.close();
    assert!(server.join().unwrap() < 64 << 20);
}

#[test]
fn poll_does_not_block_while_connected_even_in_blocking_mode() {
    let client = blocking();
    connect(&client, server().http());
    let started = Instant::now();
    for _ in 0..100 {
        client.poll().unwrap();
    }
    assert!(started.elapsed() < PATIENCE);
    assert_eq!(client.status(), Status::Connected);
}

#[test]
fn a_client_can_be_dropped_in_every_status() {
    let new = HttpClient::default;
    let at = |address: SocketAddr| {
        let client = new();
        open_at(&client, address);
        client
    };
    let resolving = new();
    open(&resolving, "drop.invalid", 80).unwrap();
    let cannot_resolve = new();
    open(&cannot_resolve, "name.invalid", 80).unwrap();
    support::until_failure(&cannot_resolve);
    let cannot_connect = new();
    open(&cannot_connect, "127.0.0.1", server().refused_port().into()).unwrap();
    support::until_failure(&cannot_connect);
    let failed = at(server().speaks_first());
    support::until(&failed, Status::Connected);
    support::until_failure(&failed);
    for (client, status) in [
        (new(), Status::Disconnected),
        (resolving, Status::Resolving),
        (cannot_resolve, Status::CantResolve),
        (at(server().never_accepts()), Status::Connecting),
        (cannot_connect, Status::CantConnect),
        (failed, Status::ConnectionError),
    ] {
        assert_eq!(client.status(), status);
        drop(client);
    }
}

#[test]
fn dropping_a_client_ends_its_connection() {
    for status in [Status::Connected, Status::Requesting, Status::Body] {
        let (address, server) = one_connection(move |mut stream| {
            if status == Status::Body {
                support::take_head(&mut stream);
                support::send(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
            }
            support::drain(&mut stream)
        });
        let client = HttpClient::default();
        connect(&client, address);
        if status != Status::Connected {
            client.request(Method::Get, "/", &[], no_body()).unwrap();
        }
        support::until(&client, status);
        drop(client);
        let received = server.join().expect("the server saw the end");
        assert_eq!(received > 0, status == Status::Requesting);
    }
}
