//! The bytes of a client's connection, for another protocol than HTTP: WebSocket after a 101, whatever a tunnel leads to.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::client::{HttpClient, Taken};
use crate::error::{Error, ErrorCode};
use crate::link::{Ended, Link};
use crate::stream::Probe;
use crate::wait::Interest;

thread_local! {
    /// How many connections this thread is in the middle of a call on, each called from the one above it.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// One connection of a client, byte by byte. It keeps the client alive as long as that connection is open, and is of no more use
/// afterwards. A clone is the same connection.
#[derive(Clone)]
pub struct RawConnection(Arc<Hold>);

/// What a connection's [`RawConnection`]s share. The client has it let go when the connection is over: whoever keeps a dead one keeps
/// nothing else, and two clients that were given each other's connections do not keep each other for ever.
pub(crate) struct Hold {
    /// Which of the client's connections this is.
    id: u64,
    /// None once the connection is over. Locked for moments only.
    client: Mutex<Option<Arc<HttpClient>>>,
}

impl Hold {
    pub(crate) fn new(id: u64, client: Arc<HttpClient>) -> Self {
        Self { id, client: Mutex::new(Some(client)) }
    }

    /// Lets the client go. Whoever calls it has no lock: with the client goes its connection, which may be a script's stream.
    pub(crate) fn let_go(&self) {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(client);
    }

    fn client(&self) -> Option<Arc<HttpClient>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl RawConnection {
    /// How many clients may stand on each other's connections: one for each proxy on the way, and some to spare. What is deeper was
    /// put together by mistake, and each floor multiplies what a call costs.
    pub const DEEPEST: usize = 4;

    /// The connection that `client` has open; none if it has none.
    pub fn of(client: &Arc<HttpClient>) -> Option<Self> {
        HttpClient::hold(client).map(Self)
    }

    /// Whether `client` has this very connection open.
    pub fn is_of(&self, client: &HttpClient) -> bool {
        client.connection_id() == Some(self.0.id)
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

    /// Writes what the connection takes at once, with TLS 64 KiB at most, and says how much that was: at least one byte. An error with
    /// the kind `WouldBlock` if it takes nothing now, and one with [`ErrorCode::Busy`] while a request is being sent.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.run(|link| {
            if link.is_sending() {
                return Err(busy("a request is being sent; wait for its response"));
            }
            match link.stream.write(&[], bytes) {
                Ok(0) if !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
                written => written,
            }
        })
    }

    /// How many bytes can be read at once, as far as has been received; none while a response is due.
    pub fn available(&self) -> usize {
        let available = self.run(|link| {
            if link.is_receiving() {
                return Ok(0);
            }
            if link.input.is_empty() && link.ended.is_none() {
                match link.input.fill(&mut *link.stream, 1) {
                    Ok(0) => link.ended = Some(Ended::Cleanly),
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => link.ended = Some(Ended::With(error)),
                    _ => {}
                }
                link.input.release();
            }
            Ok(link.input.bytes().len())
        });
        available.unwrap_or(0)
    }

    /// Looks whether the other end is still there, unless a response is due: then the client does. Says what
    /// [`is_connected`](Self::is_connected) says afterwards.
    pub fn look(&self) -> bool {
        // In use by another thread: what it finds shows in the answer.
        let _ = self.run(|link| {
            if !link.is_receiving() && link.input.is_empty() && link.ended.is_none() {
                match link.stream.probe() {
                    Ok(Probe::End) => link.ended = Some(Ended::Cleanly),
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => link.ended = Some(Ended::With(error)),
                    _ => {}
                }
            }
            Ok(())
        });
        self.is_connected()
    }

    /// Whether the other end is still there, or left bytes that were not read, as of the last call that looked.
    pub fn is_connected(&self) -> bool {
        self.0.client().is_some_and(|client| client.is_connected_with(self.0.id))
    }

    /// How many clients' connections this one stands on.
    pub(crate) fn depth(&self) -> usize {
        self.0.client().map_or(0, |client| client.depth_of(self.0.id))
    }

    /// The address of the other end.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.client()?.addresses_of(self.0.id).0
    }

    /// The address of this end.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.client()?.addresses_of(self.0.id).1
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
        if let Some(client) = self.client() {
            client.close();
        }
    }

    fn run<T>(&self, work: impl FnOnce(&mut Link) -> io::Result<T>) -> io::Result<T> {
        let gone = || io::Error::new(io::ErrorKind::NotConnected, closed());
        // Kept for the call: what it closes may let go of the client.
        let client = self.0.client().ok_or_else(gone)?;
        let _floor = Floor::enter()?;
        match client.with_link(self.0.id, work) {
            Ok(Some(worked)) => worked,
            Ok(None) => Err(gone()),
            Err(Taken::ByAnotherThread) => Err(io::ErrorKind::WouldBlock.into()),
            Err(Taken::ByThisThread) => Err(busy("the stream below the client called it in the middle of a call")),
        }
    }
}

impl PartialEq for RawConnection {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for RawConnection {}

impl fmt::Debug for RawConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawConnection").field("id", &self.0.id).finish_non_exhaustive()
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

pub(crate) fn too_deep() -> String {
    format!(
        "more than {} clients stand on each other's connections; connect to the server itself",
        RawConnection::DEEPEST
    )
}

fn closed() -> Error {
    Error::new(ErrorCode::Unconfigured, "the connection was closed")
}

fn busy(message: &str) -> io::Error {
    io::Error::other(Error::new(ErrorCode::Busy, message))
}
