//! What an exchange needs of the thing below it, and TCP as the first such thing.

use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::Socket;

use crate::unsent;
use crate::wait::{self, Interest};

/// A two-way stream of bytes that never blocks: a call that would wait fails with [`io::ErrorKind::WouldBlock`].
pub trait Stream: Send {
    /// Reads into `buffer` and says how many bytes it read; none is the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes as much of `head` and then `body` as the stream takes now, and says how much that was.
    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize>;

    /// Looks whether something has come, without taking it.
    fn probe(&mut self) -> io::Result<Probe>;

    /// Sleeps until the stream is ready, or `longest` has passed.
    fn wait(&mut self, interest: Interest, longest: Duration) -> io::Result<()>;

    /// How many bytes wait to be read, if the stream can tell.
    fn waiting(&mut self) -> Option<usize> {
        None
    }

    /// How many bytes of what was written the system still holds, as far as it tells: Linux, Android and Apple's systems do. Where it
    /// does not, what is written counts as sent.
    fn unsent(&mut self) -> Option<usize> {
        None
    }

    /// The address of the other end, if the stream goes over the network.
    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The address of this end, if the stream goes over the network.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`), where that makes a difference.
    fn set_no_delay(&mut self, enabled: bool) -> io::Result<()> {
        let _ = enabled;
        Ok(())
    }
}

/// What [`Stream::probe`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Nothing has come.
    Quiet,
    /// Bytes have come.
    Data,
    /// The peer has ended the stream.
    End,
}

/// A TCP connection.
#[derive(Debug)]
pub(crate) struct TcpStream(Socket);

impl TcpStream {
    /// Takes over a connected socket in non-blocking mode.
    pub(crate) fn new(socket: Socket) -> Self {
        Self(socket)
    }
}

impl Stream for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| (&self.0).read(buffer))
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        uninterrupted(|| self.0.send_vectored_with_flags(&[IoSlice::new(head), IoSlice::new(body)], NO_SIGNAL))
    }

    fn probe(&mut self) -> io::Result<Probe> {
        let mut byte = [MaybeUninit::uninit()];
        match uninterrupted(|| self.0.peek(&mut byte)) {
            Ok(0) => Ok(Probe::End),
            Ok(_) => Ok(Probe::Data),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Probe::Quiet),
            Err(error) => Err(error),
        }
    }

    fn waiting(&mut self) -> Option<usize> {
        rustix::io::ioctl_fionread(&self.0).ok().and_then(|count| usize::try_from(count).ok())
    }

    fn unsent(&mut self) -> Option<usize> {
        unsent::bytes(&self.0)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.peer_addr().ok()?.as_socket()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local_addr().ok()?.as_socket()
    }

    fn set_no_delay(&mut self, enabled: bool) -> io::Result<()> {
        self.0.set_tcp_nodelay(enabled)
    }

    fn wait(&mut self, interest: Interest, longest: Duration) -> io::Result<()> {
        wait::wait_for(std::iter::once(&self.0), interest, longest).map(drop)
    }
}

/// Writing to a connection that the peer has reset must be an error, not a signal that ends the game. On Apple's systems
/// the socket itself is set so.
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
