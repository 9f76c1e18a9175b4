//! Resolves names with the system's resolver on worker threads, and caches the results for a short time.

use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::error::without_number;
use crate::lanes::{Known, Lane, Loss, Pending, lock};

/// How long a result is cached. The system's resolver does not report its time to live.
const REMEMBER: Duration = Duration::from_secs(30);
/// How long a failure is cached: long enough for many clients to share it, and short enough for a network that recovers.
const REMEMBER_FAILURE: Duration = Duration::from_millis(500);
/// The maximum number of cached names.
const MEMORY: usize = 256;

/// The result of a lookup: addresses in the system's order, or the reason why there are none. Ports are 0, and the scope of an IPv6 address
/// is kept.
pub(crate) type Addresses = Result<Arc<[SocketAddr]>, Arc<str>>;

/// A lookup that is running or complete. It is abandoned when its last clone is dropped.
pub(crate) type Lookup = Pending<Answer>;

/// A result, and when it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) addresses: Addresses,
    /// The time of the result, or `None` if the lookup was lost and must be repeated.
    at: Option<Instant>,
}

/// Returns the current time.
pub(crate) type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Returns the addresses of a name. The call may block.
pub(crate) type Ask = Arc<dyn Fn(&str) -> Addresses + Send + Sync>;

/// Looks up names, and caches the results.
pub(crate) struct Resolver {
    lane: Lane,
    clock: Clock,
    ask: Ask,
    /// The known lookups by name, so that 200 clients of one server share one lookup.
    known: Mutex<HashMap<String, Known<Answer>>>,
}

impl Resolver {
    /// Creates a resolver. `ask` is called on a thread of the lane. `None` means the system's resolver.
    pub(crate) fn new(lane: Lane, clock: Clock, ask: Option<Ask>) -> Self {
        Self { lane, clock, ask: ask.unwrap_or_else(|| Arc::new(ask_system)), known: Mutex::default() }
    }

    /// Starts a lookup, or joins one that is running or cached.
    pub(crate) fn look_up(&self, name: &str, now: Instant) -> Lookup {
        let mut known = lock(&self.known);
        if let Some(lookup) = known.get(name).and_then(Known::join).filter(|lookup| is_fresh(lookup.result(), now)) {
            return lookup;
        }
        // Remove results that are too old, and abandoned lookups without a result.
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

    /// Ends the hanging lookups when it is dropped.
    struct Release(Arc<(Mutex<bool>, Condvar)>);

    impl Drop for Release {
        fn drop(&mut self) {
            *lock(&self.0.0) = true;
            self.0.1.notify_all();
        }
    }

    /// Creates a resolver for tests. Names that begin with `hang` get no result before the release, `panic` panics, and `none` has no
    /// address. The counter is the number of calls.
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
        // Nor do lookups that still hang after their clients have gone.
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
