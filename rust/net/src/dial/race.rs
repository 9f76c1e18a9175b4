//! Connects to the first address that answers (Happy Eyeballs, RFC 8305).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::describe;
use crate::ready::{Interest, Source, Wait};

/// The time after which the next address is tried in parallel (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// The maximum number of addresses that are tried. A name can have thousands, and each address that refuses immediately costs a socket in
/// the same call, and a part of the message.
const MOST: usize = 32;

/// Connection attempts to the addresses of one server.
#[derive(Debug)]
pub(super) struct Race {
    /// The addresses that have not been tried, in reverse order.
    untried: Vec<SocketAddr>,
    attempts: Vec<Attempt>,
    last_start: Instant,
    /// The reason for each failed attempt.
    failures: Vec<String>,
    last_error: Option<Arc<io::Error>>,
}

#[derive(Debug)]
struct Attempt {
    address: SocketAddr,
    socket: Arc<Socket>,
}

/// The result of the attempts so far.
#[derive(Debug)]
pub(super) enum Progress {
    Pending,
    /// The first attempt that succeeded. The others are abandoned.
    Connected(Arc<Socket>),
    /// All attempts failed. Contains the reason for each address, and the last error of the system.
    Failed(String, Option<Arc<io::Error>>),
}

impl Race {
    /// Starts an attempt with the first of `addresses`, which are in the order of the system's preference.
    pub(super) fn new(addresses: &[SocketAddr], now: Instant) -> Self {
        let mut untried = interleave(addresses);
        untried.truncate(MOST);
        untried.reverse();
        let mut race = Self { untried, attempts: Vec::new(), last_start: now, failures: Vec::new(), last_error: None };
        race.start_next(now);
        race
    }

    /// Checks the attempts, and starts the next one when it is due.
    pub(super) fn advance(&mut self, now: Instant) -> Progress {
        let mut index = 0;
        while index < self.attempts.len() {
            match self.attempts[index].is_connected() {
                Ok(true) => return Progress::Connected(self.attempts.swap_remove(index).socket),
                Ok(false) => index += 1,
                Err(error) => {
                    let failed = self.attempts.swap_remove(index);
                    self.failed(failed.address, error);
                }
            }
        }
        if self.attempts.is_empty() || now.saturating_duration_since(self.last_start) >= STAGGER {
            self.start_next(now);
        }
        if self.attempts.is_empty() {
            Progress::Failed(self.failures.join("; "), self.last_error.clone())
        } else {
            Progress::Pending
        }
    }

    /// Adds the attempts and the start of the next one to `wait`.
    pub(super) fn wait_for(&self, wait: &mut Wait) {
        for attempt in &self.attempts {
            wait.socket(Source::new(attempt.socket.clone()), Interest::Write);
        }
        if !self.untried.is_empty() {
            wait.until(self.last_start + STAGGER);
        }
    }

    /// Whether no attempt is running.
    pub(super) fn is_hopeless(&self) -> bool {
        self.attempts.is_empty()
    }

    /// Returns the addresses that are being tried, for a message.
    pub(super) fn addresses(&self) -> String {
        let tried: Vec<_> = self.attempts.iter().map(|attempt| attempt.address.to_string()).collect();
        tried.join(", ")
    }

    /// Starts attempts until one is running or no address is left.
    fn start_next(&mut self, now: Instant) {
        while let Some(address) = self.untried.pop() {
            match start(address) {
                Ok(socket) => {
                    self.attempts.push(Attempt { address, socket: Arc::new(socket) });
                    self.last_start = now;
                    return;
                }
                Err(error) => self.failed(address, error),
            }
        }
    }

    fn failed(&mut self, address: SocketAddr, error: io::Error) {
        self.failures.push(format!("{address}: {}", describe(&error)));
        self.last_error = Some(Arc::new(error));
    }
}

impl Attempt {
    fn is_connected(&self) -> io::Result<bool> {
        // The error is checked first: a failed attempt has no peer address either.
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
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
    // Without this option, a small request waits for the acknowledgement of the previous packet.
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

/// Alternates between the two address families, starting with the one that the system prefers (RFC 8305 §4).
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
        let now = Instant::now();
        let address = SocketAddrV6::new("fe80::1".parse().unwrap(), 81, 0, u32::MAX);
        let mut race = Race::new(&[address.into()], now);
        // No system has an interface with this number.
        let Progress::Failed(reason, _) = race.advance(now) else { panic!("it is tried: {race:?}") };
        assert!(reason.starts_with("[fe80::1%4294967295]:81: "), "{reason}");
    }

    #[test]
    fn without_an_address_there_is_no_connection() {
        let now = Instant::now();
        assert!(matches!(Race::new(&[], now).advance(now), Progress::Failed(..)));
    }

    #[test]
    fn of_a_name_with_thousands_of_addresses_a_few_are_tried() {
        let now = Instant::now();
        let address = SocketAddrV6::new("fe80::1".parse().unwrap(), 81, 0, u32::MAX);
        let Progress::Failed(reason, _) = Race::new(&vec![address.into(); 5000], now).advance(now) else {
            panic!("no system has an interface of this number");
        };
        assert_eq!(reason.split("; ").count(), MOST);
    }

    /// An address that accepts no more connections, and therefore does not answer.
    struct Full {
        address: SocketAddr,
        _kept: Vec<Socket>,
    }

    fn full() -> Full {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let fillers = (0..4).map(|_| start(address).unwrap());
        let mut kept: Vec<Socket> = fillers.collect();
        kept.push(listener);
        Full { address, _kept: kept }
    }

    #[test]
    fn the_next_address_is_tried_a_quarter_of_a_second_later_and_the_first_to_answer_wins() {
        let (silent, now) = (full(), Instant::now());
        let answering = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut race = Race::new(&[silent.address, answering.local_addr().unwrap()], now);
        assert!(matches!(race.advance(now + STAGGER - Duration::from_millis(1)), Progress::Pending));
        assert_eq!(race.attempts.len(), 1);
        drop(race.advance(now + STAGGER));
        let _accepted = answering.accept().expect("the second attempt");
        let Progress::Connected(socket) = race.advance(now + STAGGER) else { panic!("it is connected: {race:?}") };
        assert_eq!(socket.peer_addr().unwrap().as_socket(), Some(answering.local_addr().unwrap()));
    }
}
