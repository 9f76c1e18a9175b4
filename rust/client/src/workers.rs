//! A few threads for work that must not hold a frame up: name resolution, reading trusted certificates.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Threads that work at the same time; more jobs wait in a queue.
const THREADS: usize = 8;
/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(60);

type Job = Box<dyn FnOnce() + Send>;

struct Pool {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { queue: VecDeque::new(), threads: 0, idle: 0 });
static WORK: Condvar = Condvar::new();

/// A result that a worker brings, shared by all who wait for it.
#[derive(Debug)]
pub(crate) struct Pending<T>(Arc<Slot<T>>);

#[derive(Debug)]
struct Slot<T> {
    result: Mutex<Option<T>>,
    arrived: Condvar,
}

/// Has a worker do `work`. If the system gives no thread, it is done here.
pub(crate) fn spawn<T: Clone + Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
    let pending = Pending(Arc::new(Slot { result: Mutex::new(None), arrived: Condvar::new() }));
    let slot = pending.clone();
    let job: Job = Box::new(move || slot.bring(work()));
    let mut pool = lock(&POOL);
    pool.queue.push_back(job);
    if pool.idle < pool.queue.len() && pool.threads < THREADS {
        pool.threads += 1;
        if thread::Builder::new().name("HTTPClientRust".to_owned()).spawn(run_jobs).is_err() {
            pool.threads -= 1;
            if pool.threads == 0 {
                let jobs = std::mem::take(&mut pool.queue);
                drop(pool);
                jobs.into_iter().for_each(|job| job());
                return pending;
            }
        }
    }
    WORK.notify_one();
    pending
}

impl<T: Clone> Pending<T> {
    /// The result; none while it is worked on.
    pub(crate) fn result(&self) -> Option<T> {
        lock(&self.0.result).clone()
    }

    /// Sleeps until there is a result, or `longest` has passed.
    pub(crate) fn wait(&self, longest: Duration) {
        let result = lock(&self.0.result);
        drop(self.0.arrived.wait_timeout_while(result, longest, |result| result.is_none()));
    }

    fn bring(&self, result: T) {
        *lock(&self.0.result) = Some(result);
        self.0.arrived.notify_all();
    }
}

impl<T> Clone for Pending<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What each thread does.
fn run_jobs() {
    let mut pool = lock(&POOL);
    loop {
        while let Some(job) = pool.queue.pop_front() {
            drop(pool);
            job();
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

/// Locks, whatever a panic elsewhere left behind: nothing that is locked here is ever half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_jobs_than_threads_are_all_done() {
        let jobs: Vec<_> = (0..200).map(|n| spawn(move || n)).collect();
        for (n, job) in jobs.into_iter().enumerate() {
            job.wait(Duration::from_secs(60));
            assert_eq!(job.result(), Some(n));
        }
    }
}
