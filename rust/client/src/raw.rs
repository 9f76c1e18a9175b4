//! The bytes of a client's connection, for another protocol than HTTP: WebSocket after a 101, whatever a tunnel leads to.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::client::HttpClient;
use crate::error::{Error, ErrorCode};
use crate::link::{Ended, Link};
use crate::wait::Interest;

/// One connection of a client, byte by byte. It keeps the client alive, and is of no more use once the client has closed that connection.
pub struct RawConnection {
    client: Arc<HttpClient>,
    /// Which of the client's connections this is.
    id: u64,
}

impl RawConnection {
    /// The connection that `client` has open; none if it has none.
    pub fn of(client: &Arc<HttpClient>) -> Option<Self> {
        client.connection_id().map(|id| Self { client: client.clone(), id })
    }

    /// Whether `client` has this very connection open.
    pub fn is_of(&self, client: &HttpClient) -> bool {
        client.connection_id() == Some(self.id)
    }

    /// Whether the connection is still open at this end.
    pub fn is_open(&self) -> bool {
        self.is_of(&self.client)
    }

    /// Reads what is there, at first what came right behind the last response's head. None for the end; an error with the kind
    /// `WouldBlock` if nothing is there.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.run(|link| {
            if !link.input.is_empty() {
                let count = buffer.len().min(link.input.bytes().len());
                buffer[..count].copy_from_slice(&link.input.bytes()[..count]);
                link.input.consume(count);
                return Ok(count);
            }
            link.input.release();
            match &link.ended {
                Some(Ended::Cleanly) => return Ok(0),
                Some(Ended::With(error)) => return Err(error.kind().into()),
                None => {}
            }
            let read = link.stream.read(buffer);
            match &read {
                Ok(0) if !buffer.is_empty() => link.ended = Some(Ended::Cleanly),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    link.ended = Some(Ended::With(error.kind().into()))
                }
                _ => {}
            }
            read
        })
    }

    /// Writes what the connection takes now, and says how much that was.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.run(|link| link.stream.write(bytes, &[]))
    }

    /// How many bytes can be read at once, as far as has been received.
    pub fn available(&self) -> usize {
        let available = self.run(|link| {
            if link.input.is_empty() && link.ended.is_none() {
                match link.input.fill(&mut *link.stream, 1) {
                    Ok(0) => link.ended = Some(Ended::Cleanly),
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => link.ended = Some(Ended::With(error)),
                    _ => {}
                }
            }
            Ok(link.input.bytes().len())
        });
        available.unwrap_or(0)
    }

    /// Whether the other end is still there, or left bytes that were not read.
    pub fn is_connected(&self) -> bool {
        self.available() > 0 || self.run(|link| Ok(link.ended.is_none())).unwrap_or(false)
    }

    /// The address of the other end.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.run(|link| Ok(link.stream.peer_addr())).ok().flatten()
    }

    /// The address of this end.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.run(|link| Ok(link.stream.local_addr())).ok().flatten()
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    pub fn set_no_delay(&self, enabled: bool) -> io::Result<()> {
        self.run(|link| link.stream.set_no_delay(enabled))
    }

    /// Sleeps until the connection is ready, or `longest` has passed.
    pub fn wait(&self, interest: Interest, longest: Duration) {
        if self.run(|link| link.stream.wait(interest, longest)).is_err() {
            // In use by another thread, or gone: the next call tells.
            std::thread::sleep(Duration::from_millis(1).min(longest));
        }
    }

    /// Closes the connection, and with it the client.
    pub fn close(&self) {
        if self.is_open() {
            self.client.close();
        }
    }

    fn run<T>(&self, work: impl FnOnce(&mut Link) -> io::Result<T>) -> io::Result<T> {
        let result = self.client.with_engine(|engine| match engine.link(self.id) {
            Some(link) => Ok(work(link)),
            None => Err(Error::new(ErrorCode::Unconfigured, "the connection was closed")),
        });
        match result {
            Ok(worked) => worked,
            Err(error) if error.code == ErrorCode::Busy => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(io::Error::new(io::ErrorKind::NotConnected, error)),
        }
    }
}

impl fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawConnection").field("id", &self.id).finish_non_exhaustive()
    }
}
