//! Raw access to the bytes of a client's connection, for other protocols than HTTP, such as WebSocket after a response with code 101, or
//! the protocol in a tunnel.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use http_net::{Interest, Link, Stream};

use crate::client::HttpClient;
use crate::error::{Error, ErrorCode};
use crate::gate::Taken;
use crate::hold::Hold;
use crate::view::{DEEPEST, Holder, too_deep};

/// How long to sleep if a wait is not possible.
const NAP: Duration = Duration::from_millis(1);

thread_local! {
    /// The number of nested calls on connections in this thread.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Raw access to one connection of a client. It keeps the client alive as long as that connection is open, and cannot be used afterwards.
/// A clone refers to the same connection.
#[derive(Clone)]
pub struct RawConnection(Arc<Hold<HttpClient>>);

impl RawConnection {
    /// The maximum number of clients that use each other's connections: one for each proxy on the way, and some more. Deeper chains are
    /// usually mistakes, and each level multiplies the cost of a call.
    pub const DEEPEST: usize = DEEPEST;

    /// Returns the open connection of `client`, or `None` if there is none.
    pub fn of(client: &Arc<HttpClient>) -> Option<Self> {
        let open = client.open()?;
        let mut last = client.last_hold();
        if let Some(hold) = last.upgrade().filter(|hold| hold.connection.id == open.connection.id) {
            return Some(Self(hold));
        }
        let hold = Arc::new(Hold::new(open.connection, client.clone()));
        *last = Arc::downgrade(&hold);
        let holder: Arc<dyn Holder> = hold.clone();
        *open.holder.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(&holder));
        Some(Self(hold))
    }

    /// Returns whether this is the open connection of `client`.
    pub fn is_of(&self, client: &HttpClient) -> bool {
        client.open().is_some_and(|open| open.connection.id == self.0.connection.id)
    }

    /// Returns whether the connection is still open at this end.
    pub fn is_open(&self) -> bool {
        self.client().is_some()
    }

    /// Returns the client as long as this connection is open.
    pub fn client(&self) -> Option<Arc<HttpClient>> {
        self.0.client().filter(|client| self.is_of(client))
    }

    /// Reads the available data. The bytes that arrived directly after the head of the last response come first. Returns 0 at the end, an
    /// error of the kind `WouldBlock` if nothing is available, and [`ErrorCode::Busy`] while a response is due, because its bytes are
    /// HTTP.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.run(|link| {
            if link.is_receiving() {
                return Err(busy("a response is being received; read it through the client"));
            }
            link.raw().read(buffer)
        })
    }

    /// Writes as much as the connection accepts now, with TLS at most 64 KiB, and returns the number of bytes. It is at least 1. Returns
    /// an error of the kind `WouldBlock` if the connection accepts nothing now, and [`ErrorCode::Busy`] while a request is being sent.
    /// The written data is sent even after [`close`](Self::close), unless the other end accepts nothing for 15 seconds.
    /// [`flush`](Self::flush) returns whether it was sent.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.run(|link| {
            if link.is_sending() {
                return Err(busy("a request is being sent; wait for its response"));
            }
            link.raw().write(bytes)
        })
    }

    /// Sends data that [`write`](Self::write) accepted and TLS still holds. Returns whether all of it was passed to the operating system.
    pub fn flush(&self) -> io::Result<bool> {
        self.run(|link| link.raw().flush().map(|left| left == 0))
    }

    /// Returns how many received bytes can be read without waiting, or 0 while a response is due.
    pub fn available(&self) -> usize {
        let available = self.run(|link| Ok(if link.is_receiving() { 0 } else { link.raw().available() }));
        available.unwrap_or(0)
    }

    /// Checks whether the other end is still connected. While a response is due, the client checks that. Returns the same as
    /// [`is_connected`](Self::is_connected) afterwards.
    pub fn look(&self) -> bool {
        // If another thread uses the client, the result below shows what that thread found.
        let _ = self.run(|link| {
            if !link.is_receiving() {
                link.raw().look();
            }
            Ok(())
        });
        self.is_connected()
    }

    /// Returns whether the other end was still connected at the last check, or whether there is data that has not been read.
    pub fn is_connected(&self) -> bool {
        self.0.client().is_some_and(|client| client.is_connected_by(self.0.connection.id))
    }

    /// Returns the number of clients whose connections this one uses.
    pub(crate) fn depth(&self) -> usize {
        self.0.connection.depth
    }

    /// Returns the address of the other end while the connection is open.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.client().and(self.0.connection.addresses.0)
    }

    /// Returns the address of this end while the connection is open.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.client().and(self.0.connection.addresses.1)
    }

    /// Sets whether small writes are sent at once (`TCP_NODELAY`).
    pub fn set_no_delay(&self, enabled: bool) -> io::Result<()> {
        self.run(|link| link.raw().set_no_delay(enabled))
    }

    /// Sleeps until the connection is ready, it is closed, or `longest` has passed. Other threads can use it in the meantime.
    pub fn wait(&self, interest: Interest, longest: Duration) {
        let waited = self.0.client().is_some_and(|client| client.wait_for(self.0.connection.id, interest, longest));
        if !waited {
            // Another thread uses the client, or the connection is closed. The next call shows which.
            std::thread::sleep(NAP.min(longest));
        }
    }

    /// Closes the connection and its client.
    pub fn close(&self) {
        if let Some(client) = self.client() {
            client.close();
        }
    }

    fn run<T>(&self, work: impl FnOnce(&mut Link) -> io::Result<T>) -> io::Result<T> {
        let gone = || io::Error::new(io::ErrorKind::NotConnected, closed());
        // Keep the client during the call, because closing the connection may drop it.
        let client = self.0.client().ok_or_else(gone)?;
        let _floor = Floor::enter()?;
        match client.with_link(self.0.connection.id, work) {
            Ok(Some(worked)) => worked,
            Ok(None) => Err(gone()),
            Err(Taken::ByAnotherThread) => Err(io::ErrorKind::WouldBlock.into()),
            Err(Taken::ByThisThread) => Err(busy("the stream in its connection called the client during a call")),
        }
    }
}

/// HTTP over another client's connection.
impl HttpClient {
    /// Does the same as [`set_stream`](Self::set_stream) with a stream that uses the connection of another client, `below`. Returns an
    /// error if more than [`RawConnection::DEEPEST`] clients would use each other's connections.
    pub fn set_stream_over(
        &self,
        stream: Box<dyn Stream>,
        host: Option<String>,
        below: &RawConnection,
    ) -> Result<(), Error> {
        self.adopt(stream, host, below.depth() + 1)
    }
}

impl PartialEq for RawConnection {
    fn eq(&self, other: &Self) -> bool {
        self.0.connection.id == other.0.connection.id
    }
}

impl Eq for RawConnection {}

impl fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawConnection").field("id", &self.0.connection.id).finish_non_exhaustive()
    }
}

/// A call on a connection inside another one on this thread.
struct Floor;

impl Floor {
    fn enter() -> io::Result<Self> {
        let depth = DEPTH.get();
        if depth >= RawConnection::DEEPEST {
            return Err(io::Error::other(Error::new(ErrorCode::Unavailable, too_deep())));
        }
        DEPTH.set(depth + 1);
        Ok(Self)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

fn closed() -> Error {
    Error::new(ErrorCode::Unconfigured, "the connection was closed")
}

fn busy(message: &str) -> io::Error {
    io::Error::other(Error::new(ErrorCode::Busy, message))
}
