//! When a server counts as silent, on a clock that moves only when a test, or a wait, moves it.
//!
//! Of all deadlines, these need the real clock:
//!
//! - an upload to a slow reader, here: how fast the system's buffer empties is the system's own time;
//! - `connecting*.rs`, `proxy_scripted.rs`, `tls_faults.rs`: that a call, blocking or not, comes back when its limit has passed is what they
//!   are about. What the limits do to a dial, phase by phase, stands in `rust/net/tests/dial.rs`, in virtual time;
//! - `faults.rs`, `early_answers.rs`: the same of a whole exchange over TCP. In virtual time it stands in `rust/net/tests/errors.rs`;
//! - `threads.rs`, `wake_ups.rs`: that a blocking call sleeps, and for how long.
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
/// How long the process stands still.
const FROZEN: Duration = Duration::from_secs(40);

/// What comes of the stream's next calls.
#[derive(Default)]
struct Script {
    /// Each read gives one; an empty one is that nothing has come. Past the last nothing ever comes.
    reads: VecDeque<&'static [u8]>,
    /// Each write takes as much; 0 is that there is no room. Past the last all is taken.
    writes: VecDeque<usize>,
    /// Each question gets one. Past the last it is the last again.
    unsent: VecDeque<usize>,
    asked: usize,
}

/// The process stands still in every wait, for longer than the timeout.
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

    /// The process stands still where the client does not see to it.
    fn freeze(&self) {
        if !self.client.settings().blocking {
            self.clock.pass(FROZEN);
        }
    }

    /// Polls until the response's head is there, standing still in between.
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
            // A head is slept for after each read, a body after one that has brought nothing.
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
            // One call would wait for ever for an answer: it comes behind the last byte.
            scene.script.lock().unwrap().reads.extend([&b""[..]; 5]);
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
        // The server takes 3 s, and the last bytes are with the system long before.
        let client = support::with_read_timeout(Duration::from_secs(1));
        client.set_blocking_mode(blocking);
        support::connect(&client, address);
        let reply = support::exchange(&client, Method::Post, "/", &[], Box::new(vec![1; LENGTH]));
        assert_eq!((reply.code, &reply.error, reply.status), (204, &None, Status::Connected));
        server.join().unwrap();
    }
}
