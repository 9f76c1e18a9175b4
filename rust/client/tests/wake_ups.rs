//! Tests that blocking calls sleep without waking up while nothing happens, and that close() ends them in every situation. The tests count
//! how often the thread gave up the processor, as Linux reports it.
#![allow(missing_docs)]
#![cfg(target_os = "linux")]

mod support;

use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http_client::{Context, HttpClient, Interest, Method, RawConnection, Settings, Status, TlsOptions, Verify};
use support::{PATIENCE, connect, dictated, no_body, open_at, request_until_body, server};

/// A thread in a blocking call.
struct Asleep {
    id: String,
    thread: JoinHandle<()>,
}

fn call(call: impl FnOnce() + Send + 'static) -> Asleep {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        let link = std::fs::read_link("/proc/thread-self").expect("procfs");
        tell.send(link.file_name().expect("a thread's number").to_string_lossy().into_owned()).expect("it is awaited");
        call();
    });
    Asleep { id: told.recv().expect("the thread's number"), thread }
}

impl Asleep {
    /// Returns how often the thread has gone to sleep.
    fn sleeps(&self) -> u64 {
        let path = format!("/proc/self/task/{}/status", self.id);
        let status = std::fs::read_to_string(path).expect("the thread is there");
        let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.and_then(|count| count.trim().parse().ok()).expect("a count")
    }

    /// Waits until the thread sleeps permanently. A thread that wakes up repeatedly never does.
    fn rest(&self) -> u64 {
        let started = Instant::now();
        loop {
            let before = self.sleeps();
            thread::sleep(Duration::from_millis(100));
            if self.sleeps() == before && before > 0 {
                return before;
            }
            assert!(started.elapsed() < PATIENCE, "it wakes up and wakes up");
        }
    }

    fn join(self) {
        let started = Instant::now();
        while !self.thread.is_finished() {
            assert!(started.elapsed() < PATIENCE, "close() does not end it");
            thread::sleep(Duration::from_millis(1));
        }
        self.thread.join().expect("no panic");
    }
}

/// Asserts that the call sleeps continuously until the client is closed.
fn assert_sleeps_until_close(what: &str, client: &Arc<HttpClient>, work: impl FnOnce(&HttpClient) + Send + 'static) {
    let asleep = call({
        let client = client.clone();
        move || work(&client)
    });
    let before = asleep.rest();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(asleep.sleeps(), before, "{what}: it woke up although nothing happened");
    assert!(!asleep.thread.is_finished(), "{what}: it came back although nothing happened");
    client.close();
    asleep.join();
    assert_eq!(client.status(), Status::Disconnected, "{what}");
}

fn endless(context: Arc<Context>) -> Arc<HttpClient> {
    Arc::new(HttpClient::new(Settings { context, blocking: true, connect_timeout: None, ..Settings::default() }))
}

fn client() -> Arc<HttpClient> {
    endless(Context::shared().clone())
}

fn fails(client: &HttpClient) {
    client.poll().expect_err("nothing comes but close()");
}

/// A resolver that does not return until the test releases it.
#[derive(Default)]
struct Hanging(Arc<(Mutex<bool>, Condvar)>);

impl Hanging {
    fn context(&self) -> Arc<Context> {
        let place = self.0.clone();
        let resolver = move |_: &str| {
            let released = place.0.lock().unwrap();
            drop(place.1.wait_while(released, |released| !*released));
            Err("nobody answers".to_owned())
        };
        Arc::new(Context::new(Instant::now, Some(Box::new(resolver))))
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

#[test]
fn a_poll_that_waits_for_a_name_sleeps_until_close() {
    let hanging = Hanging::default();
    let client = endless(hanging.context());
    support::open(&client, "hanging.test", 80).unwrap();
    assert_sleeps_until_close("a name", &client, fails);
}

#[test]
fn a_poll_that_waits_for_a_connection_sleeps_until_close() {
    let client = client();
    open_at(&client, server().never_accepts());
    assert_sleeps_until_close("a connection", &client, fails);
}

#[test]
fn a_poll_that_waits_for_a_handshake_sleeps_until_close() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client();
    let port = listener.local_addr().unwrap().port();
    // No authorities are read, because that might take time.
    let tls = TlsOptions { verify: Verify::Nothing, ..TlsOptions::default() };
    client.connect_to_host("127.0.0.1", port.into(), true, &tls).unwrap();
    let (silent, _) = listener.accept().unwrap();
    silent.set_nonblocking(true).unwrap();
    // A worker creates the TLS configuration, which may take time. The handshake has begun when its first bytes arrive.
    client.set_blocking_mode(false);
    let started = Instant::now();
    while silent.peek(&mut [0]).is_err() {
        client.poll().unwrap();
        support::pause(started);
    }
    client.set_blocking_mode(true);
    assert_sleeps_until_close("a handshake", &client, fails);
}

#[test]
fn a_poll_that_waits_for_a_proxys_tunnel_sleeps_until_close() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client();
    client.set_https_proxy("127.0.0.1", listener.local_addr().unwrap().port().into()).unwrap();
    client.connect_to_host("host.test", 443, true, &TlsOptions::default()).unwrap();
    let _silent = listener.accept().unwrap();
    assert_sleeps_until_close("a tunnel", &client, fails);
}

#[test]
fn a_poll_that_waits_for_a_response_sleeps_until_close() {
    let client = client();
    connect(&client, server().raw());
    client.request(Method::Get, "/fault/never-answers", &[], no_body()).unwrap();
    assert_sleeps_until_close("a response", &client, fails);
}

#[test]
fn a_poll_that_waits_for_room_to_send_sleeps_until_close() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client();
    connect(&client, listener.local_addr().unwrap());
    client.request(Method::Post, "/", &[], Box::new(vec![0; 64 << 20])).unwrap();
    assert_sleeps_until_close("room to send", &client, fails);
}

#[test]
fn reads_that_wait_for_a_body_sleep_until_close() {
    let reads: [fn(&HttpClient); 2] = [
        |client| drop(client.read_response_body_chunk::<Vec<u8>>().unwrap_err()),
        |client| drop(client.read_response_body_available::<Vec<u8>>().unwrap_err()),
    ];
    for read in reads {
        let client = client();
        connect(&client, server().raw());
        request_until_body(&client, &dictated(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ""));
        assert_sleeps_until_close("a body", &client, read);
        // A partial chunk is returned with its rest, or with the end.
        connect(&client, server().raw());
        request_until_body(&client, &dictated(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhel", ""));
        let begun: fn(&HttpClient) = |client| {
            while client.read_response_body_chunk::<Vec<u8>>().is_ok() {}
        };
        assert_sleeps_until_close("the rest of a chunk", &client, begun);
    }
}

#[test]
fn two_threads_that_wait_for_one_connection_both_sleep_and_both_end_with_close() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client();
    connect(&client, listener.local_addr().unwrap());
    let raw = RawConnection::of(&client).unwrap();
    let waiting: Vec<Asleep> = (0..2)
        .map(|_| {
            let raw = raw.clone();
            call(move || raw.wait(Interest::Read, Duration::from_secs(3600)))
        })
        .collect();
    let before: Vec<u64> = waiting.iter().map(Asleep::rest).collect();
    // Neither of them prevents a third, shorter wait.
    raw.wait(Interest::Read, Duration::from_millis(1));
    // They do not prevent the client's own call from sleeping either.
    client.request(Method::Get, "/", &[], no_body()).unwrap();
    let polling = call({
        let client = client.clone();
        move || fails(&client)
    });
    let polls = polling.rest();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(waiting.iter().map(Asleep::sleeps).collect::<Vec<_>>(), before);
    assert_eq!(polling.sleeps(), polls);
    client.close();
    waiting.into_iter().chain([polling]).for_each(Asleep::join);
}
