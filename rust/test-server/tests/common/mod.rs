//! A simple client that sends bytes and returns the received bytes unchanged.

#![allow(dead_code, reason = "each test file uses a part of this")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use test_server::TestServer;

/// Long enough for a slow machine. After this time, the client reports a hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// One server for all tests of a file, because a debug build needs a while to create a root certificate.
pub(crate) fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start().expect("the server starts"))
}

/// A reply, split into head and body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

/// A connection that reads one reply after the other.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    unread: Vec<u8>,
}

impl Client<TcpStream> {
    pub(crate) fn connect(address: SocketAddr) -> Client<TcpStream> {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Client<S> {
        Client { stream, unread: Vec::new() }
    }

    pub(crate) fn get(&mut self, target: &str) -> Reply {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        self.reply()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Reads a reply. Its body has a length, has chunks, or lasts until the end of the connection.
    pub(crate) fn reply(&mut self) -> Reply {
        let head = self.head();
        let mut reply = Reply { head, body: Vec::new() };
        if reply.field("transfer-encoding") == Some("chunked") {
            reply.body = self.chunks().concat();
            while self.line() != "\r\n" {}
        } else if let Some(length) = reply.field("content-length") {
            reply.body = self.exactly(length.parse().unwrap());
        } else if !matches!(reply.status(), "204" | "304" | "103" | "101") {
            reply.body = self.rest();
        }
        reply
    }

    pub(crate) fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push_str(&self.line());
        }
        head
    }

    /// All chunks up to the last one, which is empty and not included.
    pub(crate) fn chunks(&mut self) -> Vec<Vec<u8>> {
        let mut chunks = Vec::new();
        loop {
            let size = usize::from_str_radix(self.line().trim_end(), 16).expect("a chunk's size");
            if size == 0 {
                return chunks;
            }
            chunks.push(self.exactly(size));
            assert_eq!(self.exactly(2), b"\r\n");
        }
    }

    pub(crate) fn line(&mut self) -> String {
        let end = loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                break end + 1;
            }
            assert!(self.fill(), "the stream ended in a line");
        };
        String::from_utf8(self.unread.drain(..end).collect()).unwrap()
    }

    pub(crate) fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(self.fill(), "the stream ended after {} of {count} bytes", self.unread.len());
        }
        self.unread.drain(..count).collect()
    }

    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.unread)
    }

    fn fill(&mut self) -> bool {
        let mut piece = [0; 65536];
        let count = self.stream.read(&mut piece).expect("the server answers");
        self.unread.extend_from_slice(&piece[..count]);
        count > 0
    }
}
