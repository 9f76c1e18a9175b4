//! Raw access to the bytes of a link, for other protocols than HTTP, such as WebSocket after a response with code 101, or the protocol in
//! a tunnel.

use std::io;

use super::Link;
use crate::error::Error;
use crate::ready::{Interest, Wait};
use crate::transport::{Ending, Probe, write_some};

/// The bytes of a link. While a response is due, reading fails, because the incoming bytes are HTTP. While a request is being sent,
/// writing fails. Both are only an error, and the exchange continues.
#[derive(Debug)]
pub struct Raw<'a>(&'a mut Link);

impl Link {
    /// Returns raw access to the bytes of the link.
    pub fn raw(&mut self) -> Raw<'_> {
        Raw(self)
    }

    /// Returns whether a response is due or being received, so that incoming data is HTTP.
    pub fn is_receiving(&self) -> bool {
        self.connection.awaits_head() || self.connection.is_in_body()
    }
}

impl Raw<'_> {
    /// Reads the available data. The bytes that arrived directly after the head of the last response come first. Returns 0 at the end,
    /// and an error of the kind `WouldBlock` if nothing is available.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let link = &mut *self.0;
        if link.is_receiving() {
            return Err(misuse("a response is being received; read it as HTTP"));
        }
        if !link.input.is_empty() {
            let count = buffer.len().min(link.input.bytes().len());
            buffer[..count].copy_from_slice(&link.input.bytes()[..count]);
            link.input.consume(count);
            return Ok(count);
        }
        link.input.release();
        if let Some(ended) = &link.ended {
            return ended.again();
        }
        let read = link.stream.read(buffer);
        if !buffer.is_empty() {
            link.ended = Ending::of(&read);
        }
        read
    }

    /// Writes as much as the stream accepts now and returns the number of bytes. Returns an error of the kind `WouldBlock` if it accepts
    /// nothing.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.is_sending() {
            return Err(misuse("a request is being sent, and other bytes would become part of it"));
        }
        let written = write_some(&mut *self.0.stream, &[], bytes);
        self.0.is_in_other_hands |= written.as_ref().is_ok_and(|&count| count > 0);
        written
    }

    /// Sends data that [`write`](Self::write) accepted and the stream still holds. Returns how many bytes are left. They are also sent if
    /// the link is dropped.
    pub fn flush(&mut self) -> io::Result<usize> {
        self.0.stream.flush()
    }

    /// Returns how many received bytes can be read without waiting, or 0 while a response is due.
    pub fn available(&mut self) -> usize {
        let link = &mut *self.0;
        if link.is_receiving() {
            return 0;
        }
        if link.input.is_empty() && link.ended.is_none() {
            link.ended = Ending::of(&link.input.fill(&mut *link.stream, 1));
            link.input.release();
        }
        link.input.bytes().len()
    }

    /// Sends written data, and checks whether the other end is still connected. While a response is due, receiving it does the check.
    pub fn look(&mut self) {
        let link = &mut *self.0;
        // The next read or write reports an error of the flush.
        let _ = link.stream.flush();
        if link.is_receiving() || !link.input.is_empty() || link.ended.is_some() {
            return;
        }
        match link.stream.probe() {
            // Only a read shows whether the end is clean: a TLS stream that is cut off ends without close_notify.
            Ok(Probe::End) => {
                link.ended = Ending::of(&link.input.fill(&mut *link.stream, 1));
                link.input.release();
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => link.ended = Some(Ending::Error(error)),
            _ => {}
        }
    }

    /// Adds to `wait` that the caller waits until the other end sends data or accepts more.
    pub fn wait_for(&self, interest: Interest, wait: &mut Wait) {
        if interest != Interest::Write && (!self.0.input.is_empty() || self.0.ended.is_some()) {
            wait.now();
        }
        self.0.stream.wait_for(interest, wait);
    }

    /// Sets whether small writes are sent at once (`TCP_NODELAY`).
    pub fn set_no_delay(&mut self, enabled: bool) -> io::Result<()> {
        self.0.stream.set_no_delay(enabled)
    }
}

fn misuse(sentence: &str) -> io::Error {
    io::Error::other(Error::misuse(sentence))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use http_protocol::Method;

    use super::*;
    use crate::{Body, Context, Request, Stream, memory};

    /// A stream that was cut off, like TLS without close_notify. Only a read shows it.
    struct CutOff;

    impl Stream for CutOff {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::UnexpectedEof.into())
        }

        fn write(&mut self, _: &[u8], _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn probe(&mut self) -> io::Result<Probe> {
            Ok(Probe::End)
        }
    }

    #[test]
    fn who_reads_or_writes_bytes_takes_nothing_from_an_exchange_and_adds_nothing_to_it() {
        let (near, far) = memory::pair(64);
        let now = Instant::now();
        let mut link = Link::over(Context::shared().clone(), Box::new(near), None, now);
        let request = Request { method: Method::Post, url: "/", headers: &[], user_agent: "" };
        link.begin(&request, Body::Bytes(Box::new([b'x'; 100])), now).unwrap();
        assert!(link.is_sending() && link.raw().write(b"y").is_err());
        let mut sent = far.take();
        while link.is_sending() {
            link.send(now);
            sent.extend(far.take());
        }
        assert!(sent.ends_with(b"x") && !sent.contains(&b'y'));
        far.push(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let mut buffer = [0; 8];
        let mut tried = |link: &mut Link| {
            link.raw().look();
            assert!(link.raw().available() == 0 && link.raw().read(&mut buffer).is_err());
        };
        tried(&mut link);
        assert!(link.receive_head(now).unwrap().is_some());
        tried(&mut link);
        assert_eq!(link.read_available::<Vec<u8>>(now).unwrap(), b"ok");
    }

    #[test]
    fn a_link_on_which_other_bytes_were_written_is_idle_for_nobody_else() {
        let (near, _far) = memory::pair(64);
        let mut link = Link::over(Context::shared().clone(), Box::new(near), None, Instant::now());
        assert!(link.is_idle());
        assert_eq!(link.raw().write(b"").unwrap(), 0);
        assert!(link.is_idle(), "nothing was written");
        assert_eq!(link.raw().write(b"CONNECT").unwrap(), 7);
        assert!(!link.is_idle());
        // The writer of the bytes knows what the reply is, and may continue with HTTP.
        let request = Request { method: Method::Get, url: "/", headers: &[], user_agent: "" };
        link.begin(&request, Body::empty(), Instant::now()).unwrap();
    }

    #[test]
    fn a_connection_that_was_cut_off_has_no_clean_end_though_somebody_looked_before_reading() {
        let mut link = Link::over(Context::shared().clone(), Box::new(CutOff), None, Instant::now());
        let mut raw = link.raw();
        raw.look();
        for _ in 0..2 {
            assert_eq!(raw.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
        assert!(link.is_exhausted());
    }
}
