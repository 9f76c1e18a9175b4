//! Making a TCP connection to the first address that answers (Happy Eyeballs, RFC 8305).

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::wait::{self, Interest};

/// How long an attempt is alone before the next address is tried beside it (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// Connection attempts to the addresses of one server.
#[derive(Debug)]
pub(crate) struct Connector {
    /// Addresses that were not tried yet, the next one last.
    untried: Vec<SocketAddr>,
    attempts: Vec<Attempt>,
    last_start: Instant,
    /// Why each attempt that is over failed.
    failures: Vec<String>,
}

#[derive(Debug)]
struct Attempt {
    address: SocketAddr,
    socket: Socket,
}

/// What became of the attempts so far.
#[derive(Debug)]
pub(crate) enum Progress {
    Pending,
    /// The first that succeeded. The others are given up.
    Connected(Socket),
    /// None succeeded; why not, for each address.
    Failed(String),
}

impl Connector {
    /// Starts with the first of `addresses`, which are in the order of the system's preference. `port` goes before theirs.
    pub(crate) fn new(addresses: &[SocketAddr], port: u16) -> Self {
        let mut untried = interleave(addresses);
        untried.iter_mut().for_each(|address| address.set_port(port));
        untried.reverse();
        let mut connector = Self { untried, attempts: Vec::new(), last_start: Instant::now(), failures: Vec::new() };
        connector.start_next();
        connector
    }

    /// Looks at the attempts, and starts the next one when it is time.
    pub(crate) fn poll(&mut self) -> Progress {
        let mut index = 0;
        while index < self.attempts.len() {
            match self.attempts[index].is_connected() {
                Ok(true) => return Progress::Connected(self.attempts.swap_remove(index).socket),
                Ok(false) => index += 1,
                Err(error) => {
                    let failed = self.attempts.swap_remove(index);
                    self.failures.push(format!("{}: {}", failed.address, describe(&error)));
                }
            }
        }
        if self.attempts.is_empty() || self.last_start.elapsed() >= STAGGER {
            self.start_next();
        }
        if self.attempts.is_empty() { Progress::Failed(self.failures.join("; ")) } else { Progress::Pending }
    }

    /// Sleeps until an attempt gets further, it is time for the next one, or `longest` has passed.
    pub(crate) fn wait(&self, longest: Duration) -> io::Result<()> {
        let sockets = self.attempts.iter().map(|attempt| &attempt.socket);
        wait::wait_for(sockets, Interest::Write, longest).map(drop)
    }

    /// Whether no attempt could even be started.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.attempts.is_empty()
    }

    /// The addresses that are being tried, for a message.
    pub(crate) fn addresses(&self) -> String {
        let tried: Vec<_> = self.attempts.iter().map(|attempt| attempt.address.to_string()).collect();
        tried.join(", ")
    }

    /// Starts attempts until one is under way or no address is left.
    fn start_next(&mut self) {
        while let Some(address) = self.untried.pop() {
            match start(address) {
                Ok(socket) => {
                    self.attempts.push(Attempt { address, socket });
                    self.last_start = Instant::now();
                    return;
                }
                Err(error) => self.failures.push(format!("{address}: {}", describe(&error))),
            }
        }
    }
}

impl Attempt {
    fn is_connected(&self) -> io::Result<bool> {
        // Before version 2004 of Windows 10 a failed attempt never counts as ready: only the socket can tell of it.
        if cfg!(windows)
            && let Some(error) = self.socket.take_error()?
        {
            return Err(error);
        }
        if !wait::wait_for(std::iter::once(&self.socket), Interest::Write, Duration::ZERO)? {
            return Ok(false);
        }
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        if cfg!(any(target_os = "linux", target_os = "android")) {
            return Ok(true);
        }
        // Elsewhere a socket may count as writable before it is connected.
        match self.socket.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn start(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Without it a small request waits for the acknowledgement of the packet before it.
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&address.into()) {
        Ok(()) => Ok(socket),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock || is_in_progress(&error) => Ok(socket),
        Err(error) => Err(error),
    }
}

fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error())
}

/// Alternates between the two families, starting with the one that the system prefers (RFC 8305 §4).
fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return Vec::new() };
    let (preferred, other): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == first.is_ipv6());
    let mut other = other.into_iter();
    let mut mixed = Vec::with_capacity(addresses.len());
    for address in preferred {
        mixed.push(address);
        mixed.extend(other.next());
    }
    mixed.extend(other);
    mixed
}

/// An operating system's error as words, without its number. An error of our own is a sentence already.
pub(crate) fn describe(error: &io::Error) -> String {
    if error.get_ref().is_some() {
        return error.to_string();
    }
    // In the same words on every system. Windows has sentences of its own, in the language of its user.
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::HostUnreachable => "no route to host",
        io::ErrorKind::NetworkUnreachable => "network is unreachable",
        _ => return without_number(error).to_lowercase(),
    };
    words.to_owned()
}

/// What the system calls an error, without its number and the full stop that Windows ends it with.
pub(crate) fn without_number(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;

    use super::*;

    #[test]
    fn families_alternate_and_the_preferred_one_starts() {
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect::<Vec<_>>();
        let mixed = interleave(&addresses(&["::1", "::2", "::3", "1.1.1.1", "2.2.2.2"]));
        assert_eq!(mixed, addresses(&["::1", "1.1.1.1", "::2", "2.2.2.2", "::3"]));
    }

    #[test]
    fn the_scope_of_an_address_is_kept() {
        let address = SocketAddrV6::new("fe80::1".parse().unwrap(), 0, 0, u32::MAX);
        let mut connector = Connector::new(&[address.into()], 81);
        // No system has an interface of this number.
        let Progress::Failed(reason) = connector.poll() else { panic!("it is tried: {connector:?}") };
        assert!(reason.starts_with("[fe80::1%4294967295]:81: "), "{reason}");
    }

    #[test]
    fn a_common_error_has_the_same_words_on_every_system() {
        for (code, words) in [
            (Errno::CONNREFUSED, "connection refused"),
            (Errno::CONNRESET, "connection reset"),
            (Errno::CONNABORTED, "connection aborted"),
            (Errno::TIMEDOUT, "connection timed out"),
            (Errno::HOSTUNREACH, "no route to host"),
            (Errno::NETUNREACH, "network is unreachable"),
        ] {
            assert_eq!(describe(&code.into()), words);
        }
    }

    #[test]
    fn an_error_is_part_of_a_sentence_not_one_with_a_number_and_a_full_stop() {
        for code in (1..=133).chain(10_004..=11_031) {
            let words = describe(&io::Error::from_raw_os_error(code));
            assert!(!words.contains("(os error") && !words.ends_with('.'), "{words}");
        }
    }

    #[test]
    fn without_an_address_there_is_no_connection() {
        assert!(matches!(Connector::new(&[], 80).poll(), Progress::Failed(_)));
    }
}
