//! The sockets of the server, including those that refuse connections or never accept them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::stream::{LONGEST, until_the_client_ends};

/// The banner that `speaks_first` sends.
const BANNER: &[u8] = b"SSH-2.0-OpenSSH_9.6\r\n";

/// How many connections can wait to be accepted. A soak run opens hundreds at a time.
const BACKLOG: i32 = 1024;

/// The largest number of connections that fill a queue with the length 0. Linux takes one more than requested. The others are for
/// systems that take more.
const FILLERS: usize = 16;

/// The time limit for a connection that fills the queue. Loopback connections succeed faster, or wait forever.
const FILL_TIME: Duration = Duration::from_millis(20);

/// A listener on 127.0.0.1 at this port, or at a free one for 0. Must be called inside the runtime.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = bound(port)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections forever, and runs `serve` for each one in its own task.
pub(crate) async fn accept<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without this option, small answers wait 40 ms for the client's delayed acknowledgment.
                if stream.set_nodelay(true).is_ok() {
                    let connection = serve(stream);
                    tokio::spawn(async move {
                        // Errors of one connection do not matter to the others.
                        let _ = connection.await;
                    });
                }
            }
            // The probable reason is too many open files, so other connections get time to end.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Sends a banner before any request, and then nothing.
///
/// # Errors
/// Errors of the socket.
pub(crate) async fn speak_first(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(BANNER).await?;
    timeout(LONGEST, until_the_client_ends(&mut stream)).await.unwrap_or(Ok(()))
}

/// A listener whose queue is full. A connection to it neither succeeds nor fails.
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

/// A port that is bound, so that no other program listens on it, and that refuses every connection.
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
    // Without this option, a server that restarts at the same port would have to wait until its old connections time out.
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
