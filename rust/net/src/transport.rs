//! The interface of the streams below a link, and TCP as the first stream.

use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;

use crate::ready::{Interest, Source, Wait};
use crate::unsent;

/// The time after which a stream that cannot be watched is asked again.
pub(crate) const NAP: Duration = Duration::from_millis(1);

/// A two-way stream of bytes that never blocks: a call that would have to wait fails with [`io::ErrorKind::WouldBlock`].
///
/// Every stream follows the same rules, however many layers hold bytes:
///
/// - Data comes before the end or the error after it. Later calls return the same end or error again.
/// - `probe` finds what `read` left, and `wait_for` does not wait for it.
/// - The end of one direction is not the end of the other.
/// - A call takes no more from the peer than it returns, plus a limited amount.
/// - Data that `write` accepted is sent: by later calls, and automatically after the stream was dropped, like the data in a socket.
///   `flush` returns whether it was sent.
pub trait Stream: Send {
    /// Reads into `buffer` and returns the number of bytes. 0 means the end. An empty buffer also returns 0, but that is not the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes as much of `head` and then `body` as the stream accepts now, and returns the number of bytes. A stream that accepts nothing
    /// now should return `WouldBlock`. Callers handle 0 in the same way.
    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize>;

    /// Sends as much as possible of the data that [`write`](Self::write) accepted and the stream itself still holds. Returns how many
    /// bytes are left. 0 means that everything was passed to the operating system.
    fn flush(&mut self) -> io::Result<usize> {
        Ok(0)
    }

    /// Checks whether something has arrived, without taking it: first data, then the end or an error.
    fn probe(&mut self) -> io::Result<Probe>;

    /// Adds to `wait` what to wait for until the stream is ready. If it is ready, or a read would return the end or an error, calls
    /// `wait.now()`. A stream that cannot be watched is asked again after a moment.
    fn wait_for(&self, interest: Interest, wait: &mut Wait) {
        let _ = interest;
        wait.ask_again(NAP);
    }

    /// Returns how many bytes are waiting to be read, if the stream can tell.
    fn waiting(&mut self) -> Option<usize> {
        None
    }

    /// Returns how many written bytes the stream and the system still hold, if known. Linux, Android and the systems of Apple report it.
    /// On other systems, written bytes count as sent.
    fn unsent(&mut self) -> Option<usize> {
        None
    }

    /// Returns the address of the other end, if the stream uses the network.
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Returns the address of this end, if the stream uses the network.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Sets whether small writes are sent at once (`TCP_NODELAY`), if that makes a difference.
    fn set_no_delay(&mut self, enabled: bool) -> io::Result<()> {
        let _ = enabled;
        Ok(())
    }
}

/// The result of [`Stream::probe`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Nothing has arrived.
    Quiet,
    /// Data has arrived.
    Data,
    /// The peer has ended the stream.
    End,
}

/// Writes as much as the stream accepts. Treats 0 as `WouldBlock`, because the caller would otherwise ask again forever.
pub(crate) fn write_some(stream: &mut dyn Stream, head: &[u8], body: &[u8]) -> io::Result<usize> {
    match stream.write(head, body) {
        Ok(0) if !(head.is_empty() && body.is_empty()) => Err(io::ErrorKind::WouldBlock.into()),
        written => written,
    }
}

/// How a stream ended, so that it can be reported again: a system reports an error only once.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The peer has announced that it sends nothing more.
    Clean,
    /// An error ended the stream.
    Error(io::Error),
}

impl Ending {
    /// Returns the ending that a read found, if any.
    pub(crate) fn of(read: &io::Result<usize>) -> Option<Self> {
        match read {
            Ok(0) => Some(Self::Clean),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Some(Self::Error(repeated(error))),
            _ => None,
        }
    }

    /// Returns the result of further reads.
    pub(crate) fn again(&self) -> io::Result<usize> {
        match self {
            Self::Clean => Ok(0),
            Self::Error(error) => Err(repeated(error)),
        }
    }
}

pub(crate) fn repeated(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

/// Replaces a stream that was moved away.
pub(crate) struct Nothing;

impl Stream for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn write(&mut self, _: &[u8], _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn probe(&mut self) -> io::Result<Probe> {
        Ok(Probe::End)
    }
}

/// A TCP connection.
#[derive(Debug)]
pub struct TcpStream {
    socket: Arc<Socket>,
    ended: Option<Ending>,
}

impl TcpStream {
    /// Wraps a connected socket in non-blocking mode.
    pub fn new(socket: impl Into<Arc<Socket>>) -> Self {
        let socket = socket.into();
        // Windows wakes for a byte out of band again and again until it is read, so it must be data there (RFC 6093 §6).
        #[cfg(windows)]
        let _ = socket.set_out_of_band_inline(true);
        Self { socket, ended: None }
    }
}

impl Stream for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Systems handle an empty buffer differently.
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(ending) = &self.ended {
            return ending.again();
        }
        let read = uninterrupted(|| (&*self.socket).read(buffer));
        self.ended = Ending::of(&read);
        read
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        match (head, body) {
            // Two slices cost the system more than one.
            ([], only) | (only, []) => uninterrupted(|| self.socket.send_with_flags(only, NO_SIGNAL)),
            _ => uninterrupted(|| {
                self.socket.send_vectored_with_flags(&[IoSlice::new(head), IoSlice::new(body)], NO_SIGNAL)
            }),
        }
    }

    fn probe(&mut self) -> io::Result<Probe> {
        if let Some(ending) = &self.ended {
            return ending.again().map(|_| Probe::End);
        }
        let mut byte = [MaybeUninit::uninit()];
        match uninterrupted(|| self.socket.peek(&mut byte)) {
            Ok(0) => Ok(Probe::End),
            Ok(_) => Ok(Probe::Data),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Probe::Quiet),
            Err(error) => {
                self.ended = Some(Ending::Error(repeated(&error)));
                Err(error)
            }
        }
    }

    fn waiting(&mut self) -> Option<usize> {
        rustix::io::ioctl_fionread(&*self.socket).ok().and_then(|count| usize::try_from(count).ok())
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.socket.peer_addr().ok()?.as_socket()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    fn set_no_delay(&mut self, enabled: bool) -> io::Result<()> {
        self.socket.set_tcp_nodelay(enabled)
    }

    fn unsent(&mut self) -> Option<usize> {
        unsent::bytes(&self.socket)
    }

    fn wait_for(&self, interest: Interest, wait: &mut Wait) {
        if self.ended.is_some() && interest != Interest::Write {
            return wait.now();
        }
        wait.socket(Source::new(self.socket.clone()), interest);
    }
}

/// Writing to a connection that the peer has reset must return an error, not raise a signal that ends the game. On Apple's systems, an
/// option of the socket does this.
#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_SIGNAL: i32 = rustix::net::SendFlags::NOSIGNAL.bits() as i32;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NO_SIGNAL: i32 = 0;

/// Repeats a call that a signal interrupted.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
