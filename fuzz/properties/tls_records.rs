//! Property: for all records that a server sends after the handshake, the client returns the sent data in order and once, or fails
//! permanently. No call reads more from the server than it should, and no wait sleeps while data is available.
//!
//! Input: one byte whose lowest bit makes the received bytes arrive in small pieces, and operations of one byte each, followed by one byte
//! for their size. The records are encrypted as the client expects, except garbage.

use std::io;
use std::task::Waker;

use http_net::streams::TlsStream;
use http_net::{Interest, Probe, Stream, Wait};

use crate::memory::{Records, TICKET};

/// The maximum number of bytes that one call may read from the stream below.
const TAKEN_PER_CALL: usize = 128 * 1024;
/// The maximum number of operations in one input.
const MOST: usize = 400;

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let [flags, operations @ ..] = data else { return };
    let (stream, server) = Records::secured();
    server.memory.between().at_once = if flags & 1 == 1 { 5 } else { usize::MAX };
    let mut run = Run { stream, server, sent: Vec::new(), received: 0, is_honest: true, is_over: false, failed: false };
    for operation in operations.chunks(2).take(MOST) {
        let size = usize::from(operation.get(1).copied().unwrap_or(0));
        run.step(operation[0], size);
    }
    run.finish();
}

struct Run {
    stream: TlsStream,
    server: Records,
    /// The data that was sent before anything that ends the connection.
    sent: Vec<u8>,
    received: usize,
    /// Whether nothing was sent that the client may refuse.
    is_honest: bool,
    /// Whether something was sent after which nothing counts.
    is_over: bool,
    failed: bool,
}

impl Run {
    fn step(&mut self, operation: u8, size: usize) {
        match operation % 12 {
            0 | 1 => self.send_data(size * 70),
            2 => self.send_data(1),
            3 => {
                self.server.send(22, &TICKET.repeat(size % 40 + 1));
            }
            // Only padding. A few such records in a row are allowed.
            4 => {
                self.server.send(0, &[&[23][..], &vec![0; size]].concat());
                self.is_honest = false;
            }
            // close_notify (RFC 8446 §6.1), or another alert.
            5 => {
                let is_goodbye = size.is_multiple_of(2);
                self.server.send(21, &[1 + u8::from(!is_goodbye), if is_goodbye { 0 } else { size as u8 }]);
                self.is_honest &= is_goodbye || self.is_over;
                self.is_over = true;
            }
            // A handshake message of any kind, which may be cut short.
            6 => {
                self.server.send(22, &[size as u8, 0, 0, size as u8, 1, 2, 3, 4, 5][..1 + size % 9]);
                self.is_honest = false;
            }
            // A record of any type except data.
            7 if size != 23 => {
                self.server.send(size as u8, &[size as u8; 3]);
                self.is_honest = false;
            }
            // Garbage instead of a record.
            8 => {
                self.server.memory.send(&[[23, 22, 20, 72][size % 4], 3, 3, 0, size as u8]);
                self.server.memory.send(&vec![7; size]);
                self.is_honest = false;
            }
            7 => self.send_data(23),
            9 => self.read(size * size),
            10 => self.probe(),
            _ => {
                self.server.memory.between().takes = !size.is_multiple_of(3);
                let written = self.bounded(|stream| stream.write(&[b'h'; 3][..size % 4], &vec![b'b'; size]));
                assert!(written.is_err() || self.failed || written.is_ok_and(|count| count <= 3 + size));
            }
        }
    }

    fn send_data(&mut self, size: usize) {
        let bytes: Vec<u8> =
            (self.sent.len()..self.sent.len() + size.max(1)).map(|index| (index % 251) as u8).collect();
        for record in bytes.chunks(16 * 1024) {
            self.server.send(23, record);
        }
        if !self.is_over {
            self.sent.extend(bytes);
        }
    }

    fn read(&mut self, size: usize) {
        let mut buffer = vec![0; size];
        let read = self.bounded(|stream| stream.read(&mut buffer));
        match read {
            Ok(count) => {
                assert!(!self.failed || count == 0 || size == 0, "bytes behind a failure");
                let expected = self.sent.get(self.received..self.received + count);
                assert!(Some(&buffer[..count]) == expected, "other bytes than were sent, after {}", self.received);
                self.received += count;
                if count == 0 && size > 0 {
                    assert!(self.is_over, "an end that nobody sent");
                    assert!(self.received == self.sent.len() || !self.is_honest, "an end before the last byte");
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                assert!(!self.is_honest, "{error}");
                assert!(!error.to_string().contains("Other("), "{error}");
                self.failed = true;
            }
        }
    }

    fn probe(&mut self) {
        match self.bounded(Stream::probe) {
            Ok(Probe::Data) => {
                assert!(self.received < self.sent.len(), "data that nobody sent");
                let before = self.received;
                self.read(1);
                assert!(self.received == before + 1, "data that cannot be read");
            }
            Ok(Probe::End) => assert!(self.is_over, "an end that nobody sent"),
            Ok(Probe::Quiet) => {}
            Err(error) => assert!(!self.is_honest, "{error}"),
        }
    }

    /// Makes a call, and checks how much it read from the server.
    fn bounded<T>(&mut self, call: impl FnOnce(&mut TlsStream) -> io::Result<T>) -> io::Result<T> {
        let before = self.server.memory.between().taken;
        let result = call(&mut self.stream);
        let taken = self.server.memory.between().taken - before;
        assert!(taken <= TAKEN_PER_CALL, "{taken} bytes in one call");
        result
    }

    /// Checks that the sent data arrives, and then nothing more.
    fn finish(&mut self) {
        let mut calls = 0;
        loop {
            calls += 1;
            assert!(calls < 100_000, "it comes to no end");
            let (received, taken) = (self.received, self.server.memory.between().taken);
            self.read(1000);
            self.read(1000);
            let moved = self.received > received || self.server.memory.between().taken > taken;
            let waits = self.server.memory.between().waits;
            self.stream.wait_for(Interest::Read, &mut Wait::new(Waker::noop()));
            if !moved && (self.failed || self.server.memory.between().waits > waits || self.is_over) {
                break;
            }
        }
        if self.is_honest {
            assert_eq!(self.received, self.sent.len(), "something is missing");
        }
    }
}
