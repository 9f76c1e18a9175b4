//! HTTP over a stream of the caller's: what it says of itself is checked like everything else.
#![allow(missing_docs)]

mod support;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_client::{ErrorCode, HttpClient, Interest, Method, Probe, Status, Stream};
use support::no_body;

/// Takes everything, and keeps it for the test.
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Stream for Sink {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend([head, body].concat());
        Ok(head.len() + body.len())
    }

    fn probe(&mut self) -> io::Result<Probe> {
        Ok(Probe::Quiet)
    }

    fn wait(&mut self, _: Interest, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

/// What a request to a stream that leads to `host` writes, or why it is refused.
fn written(host: &str) -> Result<String, http_client::Error> {
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let client = HttpClient::default();
    client.set_stream(Box::new(Sink(bytes.clone())), Some(host.to_owned())).unwrap();
    let requested = client.request(Method::Get, "/", &[], no_body());
    let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
    if let Err(error) = &requested {
        assert_eq!((text.as_str(), client.status()), ("", Status::Connected), "nothing is sent");
        assert_eq!(client.error_message(), error.message);
    }
    requested.map(|()| text)
}

#[test]
fn the_host_of_a_stream_cannot_write_headers() {
    for host in ["a\r\nX-Injected: 1", "a\n", "a\0", "a b", "a\r\n\r\nGET / HTTP/1.1"] {
        let error = written(host).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidParameter, "{host:?}");
        assert!(error.message.starts_with("the host \"") && !error.message.contains(['\r', '\n']), "{error}");
    }
    assert!(written("example.com:81").unwrap().contains("\r\nHost: example.com:81\r\n"));
}
