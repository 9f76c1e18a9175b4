//! The sockets of the server, from the well-behaved to the one that nobody can connect to.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::stream::{LONGEST, until_the_client_ends};

/// What `speaks_first` says.
const BANNER: &[u8] = b"SSH-2.0-OpenSSH_9.6\r\n";

/// Connections waiting to be accepted: a soak run opens hundreds at a time.
const BACKLOG: i32 = 1024;

/// Connections that are made to fill a queue whose length was given as 0. Linux takes one more than
/// was asked for; the others are there for systems that take more.
const FILLERS: usize = 16;

/// How long the filling connections are given: they are loopback connections, or they wait for
/// ever.
const FILL_TIME: Duration = Duration::from_millis(20);

/// A listener on 127.0.0.1 at this port, or at a free one if it is 0. Must be called inside the
/// runtime.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = bound(port)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Accepts for ever and gives each connection to `serve`, in a task of its own.
pub(crate) async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it small answers wait for the client's delayed acknowledgement: 40 ms.
                if stream.set_nodelay(true).is_ok() {
                    let connection = serve(stream);
                    tokio::spawn(async move {
                        // What a client did to its connection is its own affair.
                        let _ = connection.await;
                    });
                }
            }
            // Too many open files, most likely: give the others time to end.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Sends a banner before any request, and then nothing.
///
/// # Errors
/// What the socket reported.
pub(crate) async fn speak_first(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(BANNER).await?;
    timeout(LONGEST, until_the_client_ends(&mut stream)).await.unwrap_or(Ok(()))
}

/// A listener whose queue is full: a connection to it neither succeeds nor fails.
#[derive(Debug)]
pub(crate) struct FullListener {
    listener: Socket,
    _waiting: Vec<Socket>,
}

impl FullListener {
    pub(crate) fn new() -> io::Result<FullListener> {
        let listener = bound(0)?;
        listener.listen(0)?;
        let address = listener.local_addr()?;
        let mut waiting = Vec::new();
        for _ in 0..FILLERS {
            let filler = tcp_socket()?;
            let connected = filler.connect_timeout(&address, FILL_TIME).is_ok();
            waiting.push(filler);
            if !connected {
                break;
            }
        }
        Ok(FullListener { listener, _waiting: waiting })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        address_of(&self.listener)
    }
}

/// A port that is taken, so that nobody else listens on it, and refuses every connection.
#[derive(Debug)]
pub(crate) struct RefusedPort(Socket);

impl RefusedPort {
    pub(crate) fn new() -> io::Result<RefusedPort> {
        bound(0).map(RefusedPort)
    }

    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(address_of(&self.0)?.port())
    }
}

fn bound(port: u16) -> io::Result<Socket> {
    let socket = tcp_socket()?;
    // A server that is started again at the same port would otherwise wait for its old connections
    // to time out.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}

fn tcp_socket() -> io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))
}

fn address_of(socket: &Socket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::Error::other("the socket has no IP address"))
}
