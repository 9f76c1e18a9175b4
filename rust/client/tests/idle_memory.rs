//! Tests how much memory an idle client uses, as the number of allocated bytes: a game may keep hundreds of clients.
#![allow(missing_docs, unsafe_code, reason = "a counting allocator needs unsafe code")]

mod support;
mod support_tls;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use http_client::{Context, HttpClient, Method, Settings, Status, TlsOptions};
use support_tls::pki::{Authority, Key};
use support_tls::{one_secured, take_head_of, trusting, try_connect};

/// The maximum number of bytes for one client: the current use, and a little more. A change that needs more must explain it here.
const MOST: i64 = 1280;

thread_local! {
    /// The number of bytes that this thread has allocated and not freed.
    static HELD: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

impl Counting {
    fn note(bytes: usize, sign: i64) {
        // A thread that is ending no longer has a counter.
        let _ = HELD.try_with(|held| held.set(held.get() + sign * bytes as i64));
    }
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note(layout.size(), 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Self::note(layout.size(), -1);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_client_that_made_an_exchange_and_stays_connected_holds_little() {
    const CLIENTS: usize = 50;
    let port = serve();
    let mut clients = Vec::with_capacity(2 * CLIENTS);
    // The first clients allocate the shared data.
    clients.extend((0..10).map(|_| connected(port)));
    let before = HELD.get();
    clients.extend((0..CLIENTS).map(|_| connected(port)));
    let each = (HELD.get() - before) / CLIENTS as i64;
    assert!((500..=MOST).contains(&each), "{each} bytes");
}

#[test]
fn after_an_exchange_by_tls_no_client_keeps_a_buffer_for_the_next() {
    const CLIENTS: usize = 40;
    const LENGTH: usize = 300_000;
    let authority = Authority::root("the authority of a test", Key::P256);
    let identity = authority.issue(Key::P256, &["localhost"]);
    // This test has its own spare buffers, because the other test counts in another thread.
    let context = Arc::new(Context::new(Instant::now, None));
    let connected = || {
        let (address, server) = one_secured(&identity, |mut stream| {
            take_head_of(&mut stream);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n");
            stream.write_all(&[head.as_bytes(), &[b'x'; LENGTH]].concat()).unwrap();
            stream
        });
        let client = HttpClient::new(Settings { context: context.clone(), ..Settings::default() });
        try_connect(&client, "localhost", address.port(), &trusting(&authority.pem)).unwrap();
        assert_eq!(support::get(&client, "/").body.len(), LENGTH);
        (client, server.join().unwrap())
    };
    // The first client allocates the shared data.
    let mut all = vec![connected()];
    let before = HELD.get();
    all.extend((0..CLIENTS).map(|_| connected()));
    // The configurations of the servers count, too: 31 KiB each.
    let each = (HELD.get() - before) / CLIENTS as i64;
    assert!(each < 48 * 1024, "{each} bytes");
}

/// Starts a server that sends the same few bytes for every request.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = |mut stream: TcpStream| {
        let mut request = [0; 4096];
        while stream.read(&mut request).is_ok_and(|count| count > 0) {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello").unwrap();
        }
    };
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap()));
        }
    });
    port
}

fn connected(port: u16) -> HttpClient {
    let client = HttpClient::default();
    client.connect_to_host("127.0.0.1", port.into(), false, &TlsOptions::default()).unwrap();
    while client.status() < Status::Connected {
        client.poll().unwrap();
    }
    client.request(Method::Get, "/", &[], Box::new(Vec::new())).unwrap();
    while client.status() == Status::Requesting {
        client.poll().unwrap();
    }
    let mut body = Vec::new();
    while client.status() == Status::Body {
        body.extend(client.read_response_body_chunk::<Vec<u8>>().unwrap());
    }
    assert_eq!((body.as_slice(), client.status()), (&b"hello"[..], Status::Connected));
    client
}
