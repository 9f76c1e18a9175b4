//! A TCP connection to this machine itself, for tests.

use std::net::{TcpListener, TcpStream};

use socket2::Socket;

/// Returns both ends. The first never blocks, like the sockets of this crate.
pub(crate) fn pair() -> (Socket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    near.set_nonblocking(true).unwrap();
    (near.into(), listener.accept().unwrap().0)
}
