//! Name resolution by the system's resolver, off the caller's thread, with a short memory of its answers.

use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::error::without_number;
use crate::lanes::{Known, Lane, Loss, Pending, lock};

/// How long an answer is remembered. The system's resolver does not tell its time to live.
const REMEMBER: Duration = Duration::from_secs(30);
/// How long a failure is remembered: enough that many clients share it, too short to outlast a network that comes back.
const REMEMBER_FAILURE: Duration = Duration::from_millis(500);
/// Names that are remembered.
const MEMORY: usize = 256;

/// What a look-up comes to: addresses in the system's order, or its reason for having none. Ports are 0; the scope of an IPv6 address is
/// kept.
pub(crate) type Addresses = Result<Arc<[SocketAddr]>, Arc<str>>;

/// A look-up that runs, or has an answer. It is given up when nobody holds it any more.
pub(crate) type Lookup = Pending<Answer>;

/// An answer, and when it came.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) addresses: Addresses,
    /// None if nobody answered: the next one asks again.
    at: Option<Instant>,
}

/// Says what time it is.
pub(crate) type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// What is asked for the addresses of a name. It may take its time.
pub(crate) type Ask = Arc<dyn Fn(&str) -> Addresses + Send + Sync>;

/// Asks for names, and remembers what came of it.
pub(crate) struct Resolver {
    lane: Lane,
    clock: Clock,
    ask: Ask,
    /// By name, so that 200 clients of one server ask once.
    known: Mutex<HashMap<String, Known<Answer>>>,
}

impl Resolver {
    /// `ask` is called on a thread of the lane; none is the system's resolver.
    pub(crate) fn new(lane: Lane, clock: Clock, ask: Option<Ask>) -> Self {
        Self { lane, clock, ask: ask.unwrap_or_else(|| Arc::new(ask_system)), known: Mutex::default() }
    }

    /// Starts to look up a name, or joins a look-up that runs or is remembered.
    pub(crate) fn look_up(&self, name: &str, now: Instant) -> Lookup {
        let mut known = lock(&self.known);
        if let Some(lookup) = known.get(name).and_then(Known::join).filter(|lookup| is_fresh(lookup.result(), now)) {
            return lookup;
        }
        // Neither what is too old, nor what was given up without an answer.
        known.retain(|_, lookup| lookup.join().is_some_and(|lookup| is_fresh(lookup.result(), now)));
        if known.len() >= MEMORY {
            known.clear();
        }
        let (ask, clock, owned) = (self.ask.clone(), self.clock.clone(), name.to_owned());
        let lookup = self.lane.spawn_while_wanted(move || Answer { addresses: ask(&owned), at: Some(clock()) });
        known.insert(name.to_owned(), lookup.known());
        lookup
    }
}

fn is_fresh(answer: Option<Answer>, now: Instant) -> bool {
    let Some(answer) = answer else { return true };
    let remembered = if answer.addresses.is_ok() { REMEMBER } else { REMEMBER_FAILURE };
    answer.at.is_some_and(|at| now.saturating_duration_since(at) < remembered)
}

impl Loss for Answer {
    fn lost(reason: &'static str) -> Self {
        Self { addresses: Err(reason.into()), at: None }
    }
}

fn ask_system(name: &str) -> Addresses {
    match (name, 0u16).to_socket_addrs() {
        Ok(addresses) => {
            let mut unique: Vec<SocketAddr> = Vec::new();
            for address in addresses {
                if !unique.contains(&address) {
                    unique.push(address);
                }
            }
            if unique.is_empty() { Err("it has no address".into()) } else { Ok(unique.into()) }
        }
        Err(error) => {
            let text = without_number(&error);
            Err(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Condvar;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::lanes::{LOOK_UP_LIMITS, Limits};

    const PATIENCE: Duration = Duration::from_secs(60);

    fn addresses(lookup: &Lookup) -> Addresses {
        lookup.wait(PATIENCE);
        lookup.result().expect("answered").addresses
    }

    fn system() -> Resolver {
        Resolver::new(Lane::new(LOOK_UP_LIMITS), Arc::new(Instant::now), None)
    }

    fn answer(resolver: &Resolver, name: &str) -> Addresses {
        addresses(&resolver.look_up(name, Instant::now()))
    }

    /// Ends the look-ups that hang.
    struct Release(Arc<(Mutex<bool>, Condvar)>);

    impl Drop for Release {
        fn drop(&mut self) {
            *lock(&self.0.0) = true;
            self.0.1.notify_all();
        }
    }

    /// Names that begin with `hang` get no answer before the release, `panic` breaks, `none` has no address. Counts the questions.
    fn scripted(limits: Limits) -> (Resolver, Release, Arc<AtomicUsize>) {
        let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let release = Release(gate.clone());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let ask = move |name: &str| -> Addresses {
            count.fetch_add(1, Ordering::SeqCst);
            if name.starts_with("hang") {
                drop(gate.1.wait_while(lock(&gate.0), |is_released| !*is_released));
            }
            assert_ne!(name, "panic", "as it should");
            if name == "none" { Err("it has no address".into()) } else { Ok([([127, 0, 0, 1], 0).into()].into()) }
        };
        (Resolver::new(Lane::new(limits), Arc::new(Instant::now), Some(Arc::new(ask))), release, asked)
    }

    #[test]
    fn names_that_hang_hold_up_none_that_works() {
        let (resolver, _release, _) = scripted(LOOK_UP_LIMITS);
        let now = Instant::now();
        let hanging: Vec<_> = (0..63).map(|n| resolver.look_up(&format!("hang{n}"), now)).collect();
        assert!(addresses(&resolver.look_up("works", now)).is_ok());
        drop(hanging);
        // Nor those that hang on when their clients are long gone.
        for n in 0..150 {
            drop(resolver.look_up(&format!("hang-on{n}"), now));
        }
        assert!(addresses(&resolver.look_up("works too", now)).is_ok());
    }

    #[test]
    fn a_name_that_was_given_up_without_an_answer_is_asked_for_anew() {
        let (resolver, _release, asked) = scripted(LOOK_UP_LIMITS);
        let now = Instant::now();
        let first = resolver.look_up("hang", now);
        let joined = resolver.look_up("hang", now);
        while asked.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        drop(first);
        let joined_later = resolver.look_up("hang", now);
        drop(joined);
        assert_eq!((joined_later.result().is_none(), asked.load(Ordering::SeqCst)), (true, 1));
        drop(joined_later);
        let anew = resolver.look_up("hang", now);
        let started = Instant::now();
        while asked.load(Ordering::SeqCst) == 1 {
            assert!(started.elapsed() < PATIENCE, "it is not asked for");
            std::thread::yield_now();
        }
        drop(anew);
        drop(resolver.look_up("works", now));
        assert!(lock(&resolver.known).keys().all(|name| name == "works"), "and not remembered");
    }

    #[test]
    fn a_resolver_that_breaks_is_an_answer() {
        let (resolver, _release, _) = scripted(Limits { wanted: 1, all: 1, kept: 1 });
        let reason = addresses(&resolver.look_up("panic", Instant::now())).expect_err("it broke");
        assert_eq!(&*reason, "the work on it panicked, which is a bug");
        assert!(addresses(&resolver.look_up("works", Instant::now())).is_ok(), "its thread goes on");
    }

    #[test]
    fn an_answer_is_remembered_for_half_a_minute_and_a_failure_for_half_a_second() {
        let (resolver, _release, asked) = scripted(LOOK_UP_LIMITS);
        for (name, remembered) in [("works", REMEMBER), ("none", REMEMBER_FAILURE)] {
            asked.store(0, Ordering::SeqCst);
            let before = Instant::now();
            drop(addresses(&resolver.look_up(name, before)));
            let came = Instant::now();
            drop(addresses(&resolver.look_up(name, before)));
            assert_eq!(asked.load(Ordering::SeqCst), 1, "{name}");
            drop(addresses(&resolver.look_up(name, came + remembered)));
            assert_eq!(asked.load(Ordering::SeqCst), 2, "{name}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (resolver, _release, _) = scripted(LOOK_UP_LIMITS);
        for n in 0..3 * MEMORY {
            drop(addresses(&resolver.look_up(&n.to_string(), Instant::now())));
        }
        assert!(lock(&resolver.known).len() <= MEMORY);
    }

    #[test]
    fn localhost_has_loopback_addresses() {
        assert!(answer(&system(), "localhost").expect("resolved").iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn a_name_that_does_not_exist_has_a_reason() {
        let reason = answer(&system(), "name.invalid").expect_err("no such name");
        assert!(!reason.is_empty() && !reason.contains("os error") && !reason.ends_with('.'), "{reason}");
    }

    #[test]
    fn an_answer_is_remembered() {
        let resolver = system();
        let first = answer(&resolver, "127.0.0.9").expect("an address");
        assert!(Arc::ptr_eq(&first, &answer(&resolver, "127.0.0.9").expect("an address")));
    }
}
