//! Name resolution, off the caller's thread: a few threads that call the system's resolver, and a short memory of its answers.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Threads that resolve at the same time; more names wait in a queue.
const THREADS: usize = 8;
/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);
/// How long an answer is remembered. The system's resolver does not tell its time to live.
const REMEMBER: Duration = Duration::from_secs(30);
/// How long a failure is remembered: enough that many clients share it, too short to outlast a network that comes back.
const REMEMBER_FAILURE: Duration = Duration::from_millis(500);
/// Names that are remembered.
const MEMORY: usize = 256;

/// What a look-up comes to: addresses in the system's order, or its reason for having none.
pub(crate) type Answer = Result<Arc<[IpAddr]>, Arc<str>>;

/// A look-up that runs, or has an answer.
#[derive(Clone, Debug)]
pub(crate) struct Lookup(Arc<Slot>);

#[derive(Debug, Default)]
struct Slot {
    answer: Mutex<Option<(Instant, Answer)>>,
    answered: Condvar,
}

#[derive(Default)]
struct Pool {
    queue: VecDeque<(String, Lookup)>,
    /// Running and finished look-ups by name, so that 200 clients of one server ask once.
    known: HashMap<String, Lookup>,
    threads: usize,
    idle: usize,
}

static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(Mutex::default);
static WORK: Condvar = Condvar::new();

/// Starts to look up a name, or joins a look-up that runs or is remembered.
pub(crate) fn look_up(name: &str) -> Lookup {
    let mut pool = lock(&POOL);
    if let Some(known) = pool.known.get(name)
        && known.is_fresh()
    {
        return known.clone();
    }
    if pool.known.len() >= MEMORY {
        pool.known.retain(|_, lookup| lookup.is_fresh());
    }
    let lookup = Lookup(Arc::default());
    pool.known.insert(name.to_owned(), lookup.clone());
    pool.queue.push_back((name.to_owned(), lookup.clone()));
    if pool.idle < pool.queue.len() && pool.threads < THREADS {
        pool.threads += 1;
        let spawned = thread::Builder::new().name("http resolver".to_owned()).spawn(work);
        if let Err(error) = spawned {
            pool.threads -= 1;
            if pool.threads == 0 {
                pool.queue.clear();
                lookup.answer(Err(format!("no thread could be started to resolve names: {error}").into()));
            }
        }
    }
    WORK.notify_one();
    lookup
}

impl Lookup {
    /// The answer; none while the look-up runs.
    pub(crate) fn result(&self) -> Option<Answer> {
        lock(&self.0.answer).as_ref().map(|(_, answer)| answer.clone())
    }

    /// Sleeps until there is an answer, or `longest` has passed.
    pub(crate) fn wait(&self, longest: Duration) {
        let answer = lock(&self.0.answer);
        let waited = self.0.answered.wait_timeout_while(answer, longest, |answer| answer.is_none());
        drop(waited);
    }

    fn answer(&self, answer: Answer) {
        *lock(&self.0.answer) = Some((Instant::now(), answer));
        self.0.answered.notify_all();
    }

    fn is_fresh(&self) -> bool {
        match &*lock(&self.0.answer) {
            None => true,
            Some((when, Ok(_))) => when.elapsed() < REMEMBER,
            Some((when, Err(_))) => when.elapsed() < REMEMBER_FAILURE,
        }
    }
}

/// What each thread does.
fn work() {
    let mut pool = lock(&POOL);
    loop {
        while let Some((name, lookup)) = pool.queue.pop_front() {
            drop(pool);
            lookup.answer(resolve(&name));
            pool = lock(&POOL);
        }
        pool.idle += 1;
        let (next, waited) =
            WORK.wait_timeout_while(pool, IDLE, |pool| pool.queue.is_empty()).unwrap_or_else(PoisonError::into_inner);
        pool = next;
        pool.idle -= 1;
        if waited.timed_out() && pool.queue.is_empty() {
            pool.threads -= 1;
            return;
        }
    }
}

fn resolve(name: &str) -> Answer {
    // A panic in the system's resolver would leave its clients waiting for ever.
    let found = std::panic::catch_unwind(|| (name, 0u16).to_socket_addrs());
    match found {
        Ok(Ok(addresses)) => {
            let mut unique: Vec<IpAddr> = Vec::new();
            for address in addresses {
                if !unique.contains(&address.ip()) {
                    unique.push(address.ip());
                }
            }
            if unique.is_empty() { Err("it has no address".into()) } else { Ok(unique.into()) }
        }
        Ok(Err(error)) => {
            let text = error.to_string();
            Err(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).into())
        }
        Err(_) => Err("the system's resolver failed".into()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_has_an_address_and_is_remembered() {
        let lookup = look_up("localhost");
        lookup.wait(Duration::from_secs(60));
        let addresses = lookup.result().expect("answered").expect("resolved");
        assert!(addresses.iter().all(IpAddr::is_loopback));
        assert!(Arc::ptr_eq(&lookup.0, &look_up("localhost").0));
    }

    #[test]
    fn a_name_that_does_not_exist_has_a_reason() {
        let lookup = look_up("name.invalid");
        lookup.wait(Duration::from_secs(60));
        assert!(!lookup.result().expect("answered").expect_err("no such name").is_empty());
    }

    #[test]
    fn more_names_than_threads_are_all_answered() {
        let lookups: Vec<_> = (0..200).map(|n| look_up(&format!("127.0.0.{}", n % 250 + 1))).collect();
        for lookup in lookups {
            lookup.wait(Duration::from_secs(60));
            assert!(lookup.result().expect("answered").is_ok());
        }
    }
}
