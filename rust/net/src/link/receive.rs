//! Receives a body into space of the caller, such as the buffer of a file or the next part of a growing array.

use std::time::Instant;

use super::Link;
use super::body::Next;
use crate::error::Error;

/// The maximum number of bytes that one call receives in addition to the size of the buffer: a server can frame each byte of a body with
/// kilobytes.
const FRAMING_PER_CALL: usize = 64 * 1024;

/// The result of [`Link::receive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The number of body bytes at the start of `room`.
    pub bytes: usize,
    /// Whether the exchange is over: the response and the request are complete.
    pub is_over: bool,
}

impl Link {
    /// Receives as much of the body as is available and fits into `room`, regardless of chunk boundaries. Also continues to send the
    /// request if it is not complete. A failure after data is returned by the next call.
    pub fn receive(&mut self, room: &mut [u8], now: Instant) -> Result<Received, Error> {
        self.raise_failure()?;
        self.send(now);
        let mut filled = 0;
        let received = self.receive_into(room, &mut filled, now);
        self.tell_received();
        match received {
            Ok(is_over) => Ok(Received { bytes: filled, is_over }),
            Err(failure) if filled > 0 => {
                self.fail_later(failure);
                Ok(Received { bytes: filled, is_over: false })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Returns whether the exchange is over.
    fn receive_into(&mut self, room: &mut [u8], filled: &mut usize, now: Instant) -> Result<bool, Error> {
        let mut taken = 0;
        loop {
            let left = room.len() - *filled;
            match self.next_body(0, left, now)? {
                Next::Over => {
                    let is_sent = self.finish_sending(now);
                    self.raise_failure()?;
                    return Ok(is_sent);
                }
                // The buffer is full, so the call only checked for the end.
                Next::Data(_) | Next::Missing if left == 0 => return Ok(false),
                Next::Data(len) => {
                    let place = &mut room[*filled..*filled + len];
                    place.copy_from_slice(&self.input.bytes()[..len]);
                    self.input.consume(len);
                    self.note_received(place);
                    *filled += len;
                }
                Next::Missing if self.ended.is_some() => self.end_body(now)?,
                Next::Missing => {
                    let direct = self.connection.direct(0).min(left as u64) as usize;
                    if direct == 0 || !self.input.is_empty() {
                        let before = self.input.bytes().len();
                        if taken > room.len() + FRAMING_PER_CALL || !self.fill_input(now) {
                            return Ok(false);
                        }
                        taken += self.input.bytes().len() - before;
                        continue;
                    }
                    let place = &mut room[*filled..*filled + direct];
                    let count = self.read_direct(place, now);
                    self.note_received(&place[..count]);
                    *filled += count;
                    if count < direct && self.ended.is_none() {
                        return Ok(false);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use super::*;
    use crate::Wait;
    use crate::link::asked;

    /// Receives a whole reply, which arrives in pieces of `piece` bytes, through a buffer of `room` bytes.
    fn received(reply: &[u8], piece: usize, room: usize) -> Result<Vec<u8>, Error> {
        let now = Instant::now();
        let (mut link, far) = asked(now);
        let mut pieces = reply.chunks(piece);
        let (mut body, mut room, mut has_head) = (Vec::new(), vec![0; room], false);
        loop {
            match pieces.next() {
                Some(piece) => far.push(piece),
                None => far.finish(),
            }
            if !has_head {
                has_head = link.receive_head(now)?.is_some();
            }
            if !has_head {
                continue;
            }
            loop {
                let received = link.receive(&mut room, now)?;
                body.extend_from_slice(&room[..received.bytes]);
                if received.is_over {
                    return Ok(body);
                }
                if received.bytes == 0 {
                    break;
                }
            }
        }
    }

    #[test]
    fn every_framing_comes_whole_through_a_room_of_any_size() {
        let replies: [&[u8]; 3] = [
            b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6;x=y\r\nhello \r\n5\r\nworld\r\n0\r\nA: b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nhello world",
        ];
        for reply in replies {
            for piece in [1, 2, 3, 7, 1000] {
                for room in [1, 2, 5, 11, 64] {
                    assert_eq!(received(reply, piece, room).unwrap(), b"hello world", "{piece} {room}");
                }
            }
        }
    }

    #[test]
    fn a_call_takes_no_more_than_the_room_and_a_bounded_part_besides_however_a_body_is_framed() {
        let now = Instant::now();
        let (mut link, far) = asked(now);
        far.push(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(link.receive_head(now).unwrap().is_some());
        let chunk = format!("1;{}\r\nx\r\n", "e".repeat(8000));
        let (chunks, mut room) = (200, vec![0; 1000]);
        far.push(chunk.repeat(chunks).as_bytes());
        let mut calls = Vec::new();
        while calls.iter().sum::<usize>() < chunks {
            calls.push(link.receive(&mut room, now).unwrap().bytes);
        }
        let most = (room.len() + FRAMING_PER_CALL + 64 * 1024) / 8000 + 2;
        assert!(calls.iter().all(|&bytes| 0 < bytes && bytes <= most), "{calls:?}");
    }

    #[test]
    fn a_body_that_is_cut_short_is_an_error_behind_its_bytes() {
        for reply in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello",
        ] {
            for room in [1, 5, 64] {
                assert!(received(reply, 1000, room).unwrap_err().to_string().contains("ended after 5"), "{room}");
            }
        }
    }

    #[test]
    fn a_failure_behind_the_bytes_wakes_whoever_reads_on_and_nobody_who_has_paused() {
        let now = Instant::now();
        for wrong in [&b"X"[..], b"X\r\n", b"zz"] {
            let (mut link, far) = asked(now);
            far.push(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
            assert!(link.receive_head(now).unwrap().is_some());
            far.push(wrong);
            far.finish();
            assert_eq!(link.receive(&mut [0; 64], now).unwrap().bytes, 5);
            for (reading, longest) in [(false, None), (true, Some(Duration::ZERO))] {
                let mut wait = Wait::new(Waker::noop());
                link.wait_for(reading, &mut wait);
                assert_eq!(wait.longest(now), longest, "reading: {reading}");
            }
            assert!(link.receive(&mut [0; 64], now).is_err());
        }
    }

    #[test]
    fn a_call_ends_although_a_server_sends_long_lines_around_short_chunks_for_ever() {
        let now = Instant::now();
        let (mut link, far) = asked(now);
        far.push(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        link.receive_head(now).unwrap().expect("a whole head");
        let line = "x".repeat(8000);
        let flood = format!("1;{line}\r\nx\r\n").repeat(1000);
        far.push(flood.as_bytes());
        let mut room = [0; 65536];
        let received = link.receive(&mut room, now).unwrap();
        assert!((1..100).contains(&received.bytes), "{received:?}");
        let mut total = received.bytes;
        while total < 1000 {
            let mut wait = Wait::new(Waker::noop());
            link.wait_for(true, &mut wait);
            assert_eq!(wait.longest(now), Some(Duration::ZERO), "there is more");
            total += link.receive(&mut room, now).unwrap().bytes;
        }
    }
}
