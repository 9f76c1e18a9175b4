//! Tests when a server counts as silent, on a clock that only a test or a wait moves.
//!
//! Only these deadlines need the real clock:
//!
//! - an upload to a slow reader, in this file: the system determines how fast its buffer is sent;
//! - `connecting*.rs`, `proxy_scripted.rs`, `tls_faults.rs`: they test that a call, blocking or not, returns when its limit has passed.
//!   `rust/net/tests/dial.rs` tests the limits of a dial phase by phase in virtual time;
//! - `faults.rs`, `early_answers.rs`: the same for a whole exchange over TCP. `rust/net/tests/errors.rs` tests it in virtual time;
//! - `threads.rs`, `wake_ups.rs`: they test that a blocking call sleeps, and for how long.
#![allow(missing_docs)]

mod support;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http_client::{HttpClient, Interest, Method, Probe, Settings, Status, Stream, Wait};
use support::{Clock, no_body};

const TIMEOUT: Duration = Duration::from_secs(20);
const SILENT: &str = "nothing came from the server for 20 s (read_timeout)";
/// How long the process is paused.
const FROZEN: Duration = Duration::from_secs(40);

/// The results of the next calls of the stream.
#[derive(Default)]
struct Script {
    /// Each read returns one entry. An empty one means that nothing has arrived, and so do all reads after the last entry.
    reads: VecDeque<&'static [u8]>,
    /// Each write accepts as many bytes as one entry. 0 means that there is no space. After the last entry, everything is accepted.
    writes: VecDeque<usize>,
    /// Each call of `unsent` returns one entry. The last one is repeated.
    unsent: VecDeque<usize>,
    asked: usize,
}

/// A stream on which every wait pauses the process for longer than the timeout.
struct Scripted {
    script: Arc<Mutex<Script>>,
    clock: Clock,
}

impl Stream for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut script = self.script.lock().unwrap();
        match script.reads.pop_front() {
            None | Some(b"") => Err(io::ErrorKind::WouldBlock.into()),
            Some(bytes) => {
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                if count < bytes.len() {
                    script.reads.push_front(&bytes[count..]);
                }
                Ok(count)
            }
        }
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        let all = head.len() + body.len();
        match self.script.lock().unwrap().writes.pop_front() {
            Some(0) => Err(io::ErrorKind::WouldBlock.into()),
            Some(count) => Ok(count.min(all)),
            None => Ok(all),
        }
    }

    fn probe(&mut self) -> io::Result<Probe> {
        Ok(Probe::Quiet)
    }

    fn wait_for(&self, _: Interest, wait: &mut Wait) {
        self.clock.pass(FROZEN);
        wait.now();
    }

    fn unsent(&mut self) -> Option<usize> {
        let mut script = self.script.lock().unwrap();
        script.asked += 1;
        if script.unsent.len() > 1 { script.unsent.pop_front() } else { script.unsent.front().copied() }
    }
}

/// A client over a scripted stream.
struct Scene {
    client: HttpClient,
    script: Arc<Mutex<Script>>,
    clock: Clock,
}

impl Scene {
    fn new(blocking: bool, script: Script) -> Self {
        let clock = Clock::new();
        let context = clock.context();
        let client =
            HttpClient::new(Settings { context, blocking, read_timeout: Some(TIMEOUT), ..Settings::default() });
        let script = Arc::new(Mutex::new(script));
        client.set_stream(Box::new(Scripted { script: script.clone(), clock: clock.clone() }), None).unwrap();
        Self { client, script, clock }
    }

    /// Pauses the process, unless a blocking client does so in its waits.
    fn freeze(&self) {
        if !self.client.settings().blocking {
            self.clock.pass(FROZEN);
        }
    }

    /// Polls until the head of the response is received, and pauses in between.
    fn finish(&self) -> Result<(), http_client::Error> {
        while self.client.status() == Status::Requesting {
            self.freeze();
            self.client.poll()?;
        }
        Ok(())
    }
}

fn upload() -> http_client::Body {
    Box::new(vec![1; 1 << 20])
}

#[test]
fn what_came_while_the_process_stood_still_is_received() {
    for blocking in [false, true] {
        let mut reads: VecDeque<&[u8]> =
            [&b"HTTP/1.1 200 OK\r\nContent-"[..], b"Length: 10\r\n\r\nhel", b"lo wor", b"ld"].into();
        if blocking {
            // In a head, the client sleeps after each read; in a body, after a read that returned nothing.
            reads.insert(2, b"");
        }
        let scene = Scene::new(blocking, Script { reads, ..Script::default() });
        scene.client.request(Method::Get, "/", &[], no_body()).unwrap();
        scene.finish().unwrap();
        let mut body = Vec::new();
        while scene.client.status() == Status::Body {
            scene.freeze();
            body.extend(scene.client.read_response_body_chunk::<Vec<u8>>().unwrap());
        }
        assert_eq!((body.as_slice(), scene.client.status()), (&b"hello worl"[..], Status::Connected));
    }
}

#[test]
fn chunks_that_came_while_the_process_stood_still_are_received() {
    for available in [false, true] {
        let reads: [&[u8]; 6] =
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nh", b"", b"ello\r", b"", b"\n0\r\n\r", b"\n"];
        let scene = Scene::new(true, Script { reads: reads.into(), ..Script::default() });
        scene.client.request(Method::Get, "/", &[], no_body()).unwrap();
        scene.finish().unwrap();
        let mut body = Vec::new();
        while scene.client.status() == Status::Body {
            body.extend(match available {
                false => scene.client.read_response_body_chunk::<Vec<u8>>().unwrap(),
                true => scene.client.read_response_body_available::<Vec<u8>>().unwrap(),
            });
        }
        assert_eq!((body.as_slice(), scene.client.status()), (&b"hello"[..], Status::Connected));
    }
}

#[test]
fn bytes_that_drip_into_one_blocking_read_are_no_silence() {
    let reads: [&[u8]; 8] = [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"a", b"", b"b", b"", b"c", b"", b"d"];
    let scene = Scene::new(true, Script { reads: reads.into(), ..Script::default() });
    scene.client.request(Method::Get, "/", &[], no_body()).unwrap();
    scene.finish().unwrap();
    assert_eq!(scene.client.read_response_body_chunk::<Vec<u8>>(), Ok(b"abcd".to_vec()));
}

#[test]
fn room_that_was_made_while_the_process_stood_still_is_used() {
    for blocking in [false, true] {
        let script = Script {
            reads: [&b"HTTP/1.1 204 No Content\r\n\r\n"[..]].into(),
            writes: [1000, 0, 100_000, 0].into(),
            unsent: [0].into(),
            ..Script::default()
        };
        let scene = Scene::new(blocking, script);
        scene.client.request(Method::Post, "/", &[], upload()).unwrap();
        scene.finish().unwrap();
        assert_eq!((scene.client.status(), scene.client.response_code()), (Status::Connected, 204));
    }
}

#[test]
fn a_server_of_which_nothing_is_there_is_given_up() {
    for blocking in [false, true] {
        let scene = Scene::new(blocking, Script { unsent: [1_000_000, 10].into(), ..Script::default() });
        scene.client.request(Method::Get, "/", &[], no_body()).unwrap();
        let error = scene.finish().unwrap_err();
        assert_eq!(error.message, SILENT);
        assert_eq!(scene.script.lock().unwrap().asked, 0, "a small request is not looked after");
    }
}

#[test]
fn an_upload_that_leaves_the_system_is_no_silence() {
    for blocking in [false, true] {
        let script = Script { unsent: [700_000, 400_000, 100, 0].into(), ..Script::default() };
        let scene = Scene::new(blocking, script);
        scene.client.request(Method::Post, "/", &[], upload()).unwrap();
        while scene.script.lock().unwrap().unsent.len() > 1 {
            if !blocking {
                scene.freeze();
                scene.client.poll().unwrap();
                continue;
            }
            // A blocking call would wait forever for a response, so it arrives after the last byte.
            scene.script.lock().unwrap().reads.extend([&b""[..]; 4]);
            scene.script.lock().unwrap().reads.push_back(b"HTTP/1.1 204 No Content\r\n\r\n");
            scene.client.poll().unwrap();
            assert_eq!(scene.client.status(), Status::Connected);
        }
        if !blocking {
            let error = scene.finish().unwrap_err();
            assert_eq!(error.message, SILENT);
        }
        assert!(scene.script.lock().unwrap().asked >= 4);
    }
}

#[test]
fn an_upload_that_stays_in_the_system_is_silence() {
    for blocking in [false, true] {
        let scene = Scene::new(blocking, Script { unsent: [700_000].into(), ..Script::default() });
        scene.client.request(Method::Post, "/", &[], upload()).unwrap();
        let error = scene.finish().unwrap_err();
        assert_eq!(error.message, SILENT);
        assert_eq!(scene.script.lock().unwrap().asked, 2, "once for what there is, once for what is left");
    }
}

#[test]
fn an_upload_to_a_slow_reader_takes_as_long_as_it_takes() {
    use std::io::Read;
    const LENGTH: usize = 2_400_000;
    for blocking in [false, true] {
        let (address, server) = support::one_connection(|mut stream| {
            support::take_head(&mut stream);
            let mut left = LENGTH;
            let mut buffer = vec![0; 40_000];
            while left > 0 {
                thread::sleep(Duration::from_millis(50));
                let most = left.min(buffer.len());
                stream.read_exact(&mut buffer[..most]).unwrap();
                left -= most;
            }
            support::send(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n");
        });
        // The server needs 3 s, and the system receives the last bytes long before that.
        let client = support::with_read_timeout(Duration::from_secs(1));
        client.set_blocking_mode(blocking);
        support::connect(&client, address);
        let reply = support::exchange(&client, Method::Post, "/", &[], Box::new(vec![1; LENGTH]));
        assert_eq!((reply.code, &reply.error, reply.status), (204, &None, Status::Connected));
        server.join().unwrap();
    }
}
