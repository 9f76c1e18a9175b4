//! The bytes of a client's connection, for another protocol than HTTP: WebSocket after a 101, whatever a tunnel leads to.

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

/// How long to leave alone what cannot be waited for.
const NAP: Duration = Duration::from_millis(1);

thread_local! {
    /// How many connections this thread is in the middle of a call on, each called from the one above it.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// One connection of a client, byte by byte. It keeps the client alive as long as that connection is open, and is of no more use
/// afterwards. A clone is the same connection.
#[derive(Clone)]
pub struct RawConnection(Arc<Hold<HttpClient>>);

impl RawConnection {
    /// How many clients may stand on each other's connections: one for each proxy on the way, and some to spare. What is deeper was
    /// put together by mistake, and each floor multiplies what a call costs.
    pub const DEEPEST: usize = DEEPEST;

    /// The connection that `client` has open; none if it has none.
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

    /// Whether `client` has this very connection open.
    pub fn is_of(&self, client: &HttpClient) -> bool {
        client.open().is_some_and(|open| open.connection.id == self.0.connection.id)
    }

    /// Whether the connection is still open at this end.
    pub fn is_open(&self) -> bool {
        self.client().is_some()
    }

    /// The client, as long as it has this connection open.
    pub fn client(&self) -> Option<Arc<HttpClient>> {
        self.0.client().filter(|client| self.is_of(client))
    }

    /// Reads what is there, at first what came right behind the last response's head. None for the end; an error with the kind
    /// `WouldBlock` if nothing is there, and one with [`ErrorCode::Busy`] while a response is due: its bytes are HTTP's.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.run(|link| {
            if link.is_receiving() {
                return Err(busy("a response is being received; read it through the client"));
            }
            link.raw().read(buffer)
        })
    }

    /// Writes what the connection takes at once, with TLS 64 KiB at most, and says how much that was: at least one byte. An error with
    /// the kind `WouldBlock` if it takes nothing now, and one with [`ErrorCode::Busy`] while a request is being sent. What it took goes out,
    /// also after [`close`](Self::close), unless the other end takes nothing for 15 seconds; [`flush`](Self::flush) says when it has.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.run(|link| {
            if link.is_sending() {
                return Err(busy("a request is being sent; wait for its response"));
            }
            link.raw().write(bytes)
        })
    }

    /// Sends on what [`write`](Self::write) took and TLS still holds. Says whether all of it is in the system's hands.
    pub fn flush(&self) -> io::Result<bool> {
        self.run(|link| link.raw().flush().map(|left| left == 0))
    }

    /// How many bytes can be read at once, as far as has been received; none while a response is due.
    pub fn available(&self) -> usize {
        let available = self.run(|link| Ok(if link.is_receiving() { 0 } else { link.raw().available() }));
        available.unwrap_or(0)
    }

    /// Looks whether the other end is still there, unless a response is due: then the client does. Says what
    /// [`is_connected`](Self::is_connected) says afterwards.
    pub fn look(&self) -> bool {
        // In use by another thread: what it finds shows in the answer.
        let _ = self.run(|link| {
            if !link.is_receiving() {
                link.raw().look();
            }
            Ok(())
        });
        self.is_connected()
    }

    /// Whether the other end is still there, or left bytes that were not read, as of the last call that looked.
    pub fn is_connected(&self) -> bool {
        self.0.client().is_some_and(|client| client.is_connected_by(self.0.connection.id))
    }

    /// How many clients' connections this one stands on.
    pub(crate) fn depth(&self) -> usize {
        self.0.connection.depth
    }

    /// The address of the other end, while the connection is open.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.client().and(self.0.connection.addresses.0)
    }

    /// The address of this end, while the connection is open.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.client().and(self.0.connection.addresses.1)
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    pub fn set_no_delay(&self, enabled: bool) -> io::Result<()> {
        self.run(|link| link.raw().set_no_delay(enabled))
    }

    /// Sleeps until the connection is ready, it is closed, or `longest` has passed. Nobody else is kept from it meanwhile.
    pub fn wait(&self, interest: Interest, longest: Duration) {
        let waited = self.0.client().is_some_and(|client| client.wait_for(self.0.connection.id, interest, longest));
        if !waited {
            // In use by another thread, or gone: the next call tells.
            std::thread::sleep(NAP.min(longest));
        }
    }

    /// Closes the connection, and with it the client.
    pub fn close(&self) {
        if let Some(client) = self.client() {
            client.close();
        }
    }

    fn run<T>(&self, work: impl FnOnce(&mut Link) -> io::Result<T>) -> io::Result<T> {
        let gone = || io::Error::new(io::ErrorKind::NotConnected, closed());
        // Kept for the call: what it closes may let go of the client.
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
    /// [`set_stream`](Self::set_stream) with a stream that stands on a client's connection, `below`. An error if that makes more than
    /// [`RawConnection::DEEPEST`] on each other.
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

/// One call inside of another on this thread.
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
