//! The memory that a running transfer uses in addition to the received body, counted in bytes at the allocator.
//!
//! For an array that receives a body, only the length counts, and not the capacity: the system provides that memory only when it is written
//! to. The arrays of the engine are filled with zeros up to their length.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_fetch::exchange::{Dialer, Dialing, Exchange};
use http_fetch::{Buffer, Download, Request, Session, Settings, Task, Worker};
use http_net::{ByteBuffer, Context, Error, Interest, Link, Probe, Route, Stream, Wait};

/// A hang is a failure, but a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(120);
/// The maximum memory of each transfer, in bytes: half of what the engine's own node used when the two were compared.
const MOST: i64 = 12 << 10;

/// Counts the memory of all threads.
struct Counting;

static HELD: AtomicI64 = AtomicI64::new(0);
#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// Whether the memory of an array is being allocated or freed.
    static IS_ARRAY: Cell<bool> = const { Cell::new(false) };
}

fn count(bytes: i64) {
    if !IS_ARRAY.get() {
        HELD.fetch_add(bytes, Ordering::SeqCst);
    }
}

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller follows the contract of the trait.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

/// An array whose length counts.
struct Array(Vec<u8>);

impl Array {
    fn resize(&mut self, len: usize) {
        HELD.fetch_add(len as i64 - self.0.len() as i64, Ordering::SeqCst);
        IS_ARRAY.set(true);
        self.0.resize(len, 0);
        if len == 0 {
            self.0 = Vec::new();
        }
        IS_ARRAY.set(false);
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        self.resize(0);
    }
}

impl ByteBuffer for Array {
    fn with_len(len: usize) -> Self {
        let mut array = Self(Vec::new());
        array.resize(len);
        array
    }

    fn set_len(&mut self, len: usize) {
        self.resize(len);
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Buffer for Array {
    fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

/// A server that sends the same bytes on every connection, up to a limit that grows.
struct Server {
    wire: Vec<u8>,
    allowed: AtomicUsize,
    /// The number of bytes that all connections have read.
    read: AtomicUsize,
}

struct Connection {
    server: Arc<Server>,
    at: usize,
    /// Whether it has received a request.
    is_asked: bool,
}

impl Stream for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let allowed = if self.is_asked { self.server.allowed.load(Ordering::SeqCst) } else { 0 };
        let sent = &self.server.wire[self.at..allowed.max(self.at)];
        if sent.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = sent.len().min(buffer.len());
        buffer[..count].copy_from_slice(&sent[..count]);
        self.at += count;
        self.server.read.fetch_add(count, Ordering::SeqCst);
        Ok(count)
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        self.is_asked = true;
        Ok(head.len() + body.len())
    }

    fn probe(&mut self) -> io::Result<Probe> {
        Ok(Probe::Quiet)
    }

    fn wait_for(&self, _: Interest, wait: &mut Wait) {
        wait.ask_again(Duration::from_millis(20));
    }
}

impl Dialer for ToServer {
    fn dial(&self, route: Arc<Route>, _: Option<Duration>, _: Arc<str>, _: Instant) -> Result<Box<dyn Dialing>, Error> {
        Ok(Box::new(Dialed(self.0.clone(), route)))
    }

    fn context(&self) -> Arc<Context> {
        Context::shared().clone()
    }
}

struct ToServer(Arc<Server>);

struct Dialed(Arc<Server>, Arc<Route>);

impl Dialing for Dialed {
    fn advance(&mut self, now: Instant) -> Result<Option<Box<dyn Exchange>>, Error> {
        let stream = Connection { server: self.0.clone(), at: 0, is_asked: false };
        Ok(Some(Box::new(Link::along(self.1.clone(), Context::shared().clone(), Box::new(stream), now))))
    }

    fn wait_for(&self, wait: &mut Wait) {
        wait.now();
    }
}

/// Lets only one test measure at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until a condition is true.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns how many bytes each of `count` transfers uses in addition to its body, after `pieces` have arrived one after the other. The
/// first piece contains the head. `start` starts a transfer. `take` is called for each one after each piece.
fn held_by_each(
    count: usize,
    pieces: &[Vec<u8>],
    of_body: i64,
    start: impl Fn(&Session<Array>, usize) -> Task<Array>,
    take: impl Fn(&Task<Array>),
) -> i64 {
    let server = Arc::new(Server { wire: pieces.concat(), allowed: AtomicUsize::new(0), read: AtomicUsize::new(0) });
    let worker = Worker::with_dialer(Context::shared().clone(), Arc::new(ToServer(server.clone())));
    let settings =
        Settings { max_connections_per_host: count, stall_timeout: None, body_size_limit: None, ..Settings::default() };
    let session = Session::on(worker, settings);
    // Allocations that are made once do not count.
    let before = HELD.load(Ordering::SeqCst);
    let tasks: Vec<_> = (0..count).map(|at| start(&session, at)).collect();
    for piece in pieces {
        server.allowed.fetch_add(piece.len(), Ordering::SeqCst);
        until("it does not come", || {
            tasks.iter().for_each(&take);
            server.read.load(Ordering::SeqCst) == count * server.allowed.load(Ordering::SeqCst)
        });
    }
    until("it does not come to rest", || {
        let now = HELD.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(60));
        tasks.iter().for_each(&take);
        now == HELD.load(Ordering::SeqCst)
    });
    let held = (HELD.load(Ordering::SeqCst) - before) / count as i64 - of_body;
    println!("{held} bytes for each of {count}");
    session.cancel_all();
    for task in &tasks {
        task.wait();
    }
    held
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nServer: somebody's\r\n";

/// Returns a head with these lines, and the pieces.
fn wire(lines: &str, pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let head = format!("{HEAD}{lines}\r\n\r\n").into_bytes();
    std::iter::once(head).chain(pieces).collect()
}

fn chunks(count: usize, size: usize) -> Vec<Vec<u8>> {
    let chunk = [format!("{size:x}\r\n").as_bytes(), &vec![7; size], b"\r\n"].concat();
    vec![chunk; count]
}

fn get(session: &Session<Array>, _: usize) -> Task<Array> {
    session.fetch(Request::get("http://a/"))
}

#[test]
fn each_of_a_thousand_slow_transfers_holds_little_beside_its_body() {
    let _alone = alone();
    let chunked = wire("Transfer-Encoding: chunked", chunks(9, 8192));
    let held = held_by_each(1000, &chunked, 9 * 8192, get, |_| {});
    assert!(held <= MOST, "{held} bytes for each, of unknown length");
    let known = wire("Content-Length: 1000000000", vec![vec![7; 8192]; 9]);
    let held = held_by_each(1000, &known, 9 * 8192, get, |_| {});
    assert!(held <= MOST, "{held} bytes for each, of known length");
}

#[test]
fn a_transfer_that_has_come_far_holds_no_more_beside_its_body_than_one_that_has_begun() {
    let _alone = alone();
    let chunked = wire("Transfer-Encoding: chunked", chunks(65, 8192));
    let held = held_by_each(50, &chunked, 65 * 8192, get, |_| {});
    assert!(held <= MOST, "{held} bytes for each");
}

#[test]
fn what_has_not_all_come_of_a_line_or_a_chunk_is_held_in_as_much_memory_as_it_needs() {
    let _alone = alone();
    // The start of the line of a chunk, with an extension.
    let mut pieces = wire("Transfer-Encoding: chunked", chunks(2, 8192));
    pieces.push([b"2000;".to_vec(), vec![b'x'; 700]].concat());
    let held = held_by_each(200, &pieces, 2 * 8192, get, |_| {});
    assert!(held <= MOST, "{held} bytes for each");
}

#[test]
fn streams_and_downloads_hold_as_little_as_bodies_in_memory() {
    let _alone = alone();
    let known = wire("Content-Length: 1000000000", vec![vec![7; 8192]; 9]);
    let stream = |session: &Session<Array>, _| session.stream(Request::get("http://a/"));
    let held = held_by_each(200, &known, 0, stream, |task| drop(task.take_notices()));
    assert!(held <= MOST, "{held} bytes for each stream");
    let folder = tempfile::tempdir().unwrap();
    let download = |session: &Session<Array>, at: usize| {
        let path = folder.path().join(at.to_string());
        session.download(Request::get("http://a/"), Download { path, resumes: false, limit: None })
    };
    // This includes data that is not written yet.
    let held = held_by_each(100, &known, 0, download, |_| {});
    assert!(held <= 4 * MOST, "{held} bytes for each download");
}

#[test]
fn what_came_of_a_packed_body_is_held_no_longer_than_it_takes_to_unpack_it() {
    let _alone = alone();
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut pieces = Vec::new();
    for at in 0..9_u8 {
        let mut piece: Vec<u8> =
            (0..4096_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8 ^ at).collect();
        piece.extend([at; 4096]);
        io::Write::write_all(&mut packer, &piece).unwrap();
        io::Write::flush(&mut packer).unwrap();
        pieces.push(std::mem::take(packer.get_mut()));
    }
    let held = held_by_each(200, &wire("Content-Encoding: deflate", pieces), 9 * 8192, get, |_| {});
    // The window of the coding alone has 32 KiB. The rest needs about as much again.
    assert!(held <= 5 * MOST, "{held} bytes for each");
}
