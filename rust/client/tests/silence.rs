//! When a server counts as silent, over a stream on which time passes only in `wait`.
#![allow(missing_docs)]

mod support;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http_client::{HttpClient, Interest, Method, Probe, Settings, Status, Stream};
use support::no_body;

const TIMEOUT: Duration = Duration::from_millis(20);
/// Longer than the timeout, however coarse the clock is.
const FROZEN: Duration = Duration::from_millis(40);

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
struct Scripted(Arc<Mutex<Script>>);

impl Stream for Scripted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut script = self.0.lock().unwrap();
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
        match self.0.lock().unwrap().writes.pop_front() {
            Some(0) => Err(io::ErrorKind::WouldBlock.into()),
            Some(count) => Ok(count.min(all)),
            None => Ok(all),
        }
    }

    fn probe(&mut self) -> io::Result<Probe> {
        Ok(Probe::Quiet)
    }

    fn wait(&mut self, _: Interest, _: Duration) -> io::Result<()> {
        thread::sleep(FROZEN);
        Ok(())
    }

    fn unsent(&mut self) -> Option<usize> {
        let mut script = self.0.lock().unwrap();
        script.asked += 1;
        if script.unsent.len() > 1 { script.unsent.pop_front() } else { script.unsent.front().copied() }
    }
}

fn client(blocking: bool, script: Script) -> (HttpClient, Arc<Mutex<Script>>) {
    let client = HttpClient::new(Settings { blocking, read_timeout: Some(TIMEOUT), ..Settings::default() });
    let script = Arc::new(Mutex::new(script));
    client.set_stream(Box::new(Scripted(script.clone())), None).unwrap();
    (client, script)
}

/// Polls until the response's head is there, standing still in between where the client does not.
fn finish(client: &HttpClient) -> Result<(), http_client::Error> {
    while client.status() == Status::Requesting {
        if !client.settings().blocking {
            thread::sleep(FROZEN);
        }
        client.poll()?;
    }
    Ok(())
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
        let (client, _) = client(blocking, Script { reads, ..Script::default() });
        client.request(Method::Get, "/", &[], no_body()).unwrap();
        finish(&client).unwrap();
        let mut body = Vec::new();
        while client.status() == Status::Body {
            if !blocking {
                thread::sleep(FROZEN);
            }
            body.extend(client.read_response_body_chunk::<Vec<u8>>().unwrap());
        }
        assert_eq!((body.as_slice(), client.status()), (&b"hello worl"[..], Status::Connected));
    }
}

#[test]
fn chunks_that_came_while_the_process_stood_still_are_received() {
    for available in [false, true] {
        let reads: [&[u8]; 6] =
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nh", b"", b"ello\r", b"", b"\n0\r\n\r", b"\n"];
        let (client, _) = client(true, Script { reads: reads.into(), ..Script::default() });
        client.request(Method::Get, "/", &[], no_body()).unwrap();
        finish(&client).unwrap();
        let mut body = Vec::new();
        while client.status() == Status::Body {
            body.extend(match available {
                false => client.read_response_body_chunk::<Vec<u8>>().unwrap(),
                true => client.read_response_body_available::<Vec<u8>>().unwrap(),
            });
        }
        assert_eq!((body.as_slice(), client.status()), (&b"hello"[..], Status::Connected));
    }
}

#[test]
fn bytes_that_drip_into_one_blocking_read_are_no_silence() {
    let reads: [&[u8]; 8] = [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"a", b"", b"b", b"", b"c", b"", b"d"];
    let (client, _) = client(true, Script { reads: reads.into(), ..Script::default() });
    client.request(Method::Get, "/", &[], no_body()).unwrap();
    finish(&client).unwrap();
    assert_eq!(client.read_response_body_chunk::<Vec<u8>>(), Ok(b"abcd".to_vec()));
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
        let (client, _) = client(blocking, script);
        client.request(Method::Post, "/", &[], upload()).unwrap();
        finish(&client).unwrap();
        assert_eq!((client.status(), client.response_code()), (Status::Connected, 204));
    }
}

#[test]
fn a_server_of_which_nothing_is_there_is_given_up() {
    for blocking in [false, true] {
        let (client, script) = client(blocking, Script { unsent: [1_000_000, 10].into(), ..Script::default() });
        client.request(Method::Get, "/", &[], no_body()).unwrap();
        let error = finish(&client).unwrap_err();
        assert_eq!(error.message, "nothing came from the server for 0.02 s, which is read_timeout");
        assert_eq!(script.lock().unwrap().asked, 0, "a small request is not looked after");
    }
}

#[test]
fn an_upload_that_leaves_the_system_is_no_silence() {
    for blocking in [false, true] {
        let script = Script { unsent: [700_000, 400_000, 100, 0].into(), ..Script::default() };
        let (client, script) = client(blocking, script);
        client.request(Method::Post, "/", &[], upload()).unwrap();
        while script.lock().unwrap().unsent.len() > 1 {
            if !blocking {
                thread::sleep(FROZEN);
                client.poll().unwrap();
                continue;
            }
            // One call would wait for ever for an answer: it comes behind the last byte.
            script.lock().unwrap().reads.extend([&b""[..]; 5]);
            script.lock().unwrap().reads.push_back(b"HTTP/1.1 204 No Content\r\n\r\n");
            client.poll().unwrap();
            assert_eq!(client.status(), Status::Connected);
        }
        if !blocking {
            let error = finish(&client).unwrap_err();
            assert_eq!(error.message, "nothing came from the server for 0.02 s, which is read_timeout");
        }
        assert!(script.lock().unwrap().asked >= 4);
    }
}

#[test]
fn an_upload_that_stays_in_the_system_is_silence() {
    for blocking in [false, true] {
        let (client, script) = client(blocking, Script { unsent: [700_000].into(), ..Script::default() });
        client.request(Method::Post, "/", &[], upload()).unwrap();
        let error = finish(&client).unwrap_err();
        assert_eq!(error.message, "nothing came from the server for 0.02 s, which is read_timeout");
        assert_eq!(script.lock().unwrap().asked, 2, "once for what there is, once for what is left");
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
