//! Worker threads for work that must not delay a frame, in separate lanes: work that hangs in one lane does not delay work in another.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use crate::ready::Wait;

/// How long an idle thread is kept.
const IDLE: Duration = Duration::from_secs(60);

/// Name resolution. A lookup can hang as long as the system's resolver allows, and cannot be interrupted. So every lookup gets a thread
/// immediately, up to 64 lookups with waiters. Abandoned lookups only count towards the total of 256.
pub(crate) const LOOK_UP_LIMITS: Limits = Limits { wanted: 64, all: 256, kept: 8 };
/// Work that always ends: TLS configurations and key shares.
pub(crate) const PROCESSOR_LIMITS: Limits = Limits { wanted: 8, all: 8, kept: 8 };

/// The result for waiters if a job cannot be completed.
pub(crate) trait Loss {
    /// Returns the result of a lost job. `reason` is the end of a sentence.
    fn lost(reason: &'static str) -> Self;
}

/// A queue of jobs, and the threads that run them.
#[derive(Clone)]
pub(crate) struct Lane(Arc<Inner>);

/// The maximum numbers of threads in a lane.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// The threads with work that is waited for.
    pub(crate) wanted: usize,
    /// All threads, including those that run abandoned jobs.
    pub(crate) all: usize,
    /// The threads that are kept for a while without work.
    pub(crate) kept: usize,
}

struct Inner {
    limits: Limits,
    start: StartThread,
    crew: Mutex<Crew>,
    work: Condvar,
}

#[derive(Default)]
struct Crew {
    queue: VecDeque<Arc<dyn Job>>,
    running: Vec<Arc<dyn Job>>,
    /// The number of threads that are about to check the queue: newly started ones, and those between two jobs.
    starting: usize,
    idle: usize,
}

/// Starts a thread. Returns an error if the system cannot start one.
type StartThread = fn(Box<dyn FnOnce() + Send>) -> io::Result<()>;

trait Job: Send + Sync {
    /// Whether the result is still needed.
    fn is_wanted(&self) -> bool;

    /// Runs the job, unless its result is no longer needed.
    fn run(&self);

    /// Completes the job if the system cannot start a thread for it.
    fn run_without_thread(&self);
}

/// The result of a job, shared by all waiters. The job counts as waited for until the last clone is dropped.
pub(crate) struct Pending<T>(Arc<Slot<T>>);

/// A reference to a job that does not count as a waiter.
pub(crate) struct Known<T>(Arc<Slot<T>>);

struct Slot<T> {
    state: Mutex<State<T>>,
    lane: Weak<Inner>,
}

struct State<T> {
    /// The work, or `None` after it was started.
    work: Option<Box<dyn FnOnce() -> T + Send>>,
    result: Option<T>,
    /// The wakers that are called when there is a result.
    wakers: Vec<Waker>,
    waiters: usize,
    /// Whether the job runs even if nothing waits for it.
    is_owed: bool,
}

impl Lane {
    pub(crate) fn new(limits: Limits) -> Self {
        Self::with_threads(limits, |work| {
            thread::Builder::new().name("HTTPClientRust".to_owned()).spawn(work).map(drop)
        })
    }

    /// Creates a lane in a system that cannot start threads.
    #[cfg(test)]
    pub(crate) fn without_threads(limits: Limits) -> Self {
        Self::with_threads(limits, |_| Err(io::ErrorKind::WouldBlock.into()))
    }

    fn with_threads(limits: Limits, start: StartThread) -> Self {
        Self(Arc::new(Inner { limits, start, crew: Mutex::default(), work: Condvar::new() }))
    }

    /// Runs `work` on a worker, even if nothing waits for its result. If the system cannot start a thread, the caller runs it.
    pub(crate) fn spawn<T: Loss + Clone + Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Pending<T> {
        self.submit(Box::new(work), true)
    }

    /// Runs `work` on a worker, if something still waits for the result when it is started. If the system cannot start a thread, the job is
    /// lost.
    pub(crate) fn spawn_while_wanted<T: Loss + Clone + Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Pending<T> {
        self.submit(Box::new(work), false)
    }

    fn submit<T: Loss + Clone + Send + 'static>(
        &self,
        work: Box<dyn FnOnce() -> T + Send>,
        is_owed: bool,
    ) -> Pending<T> {
        let state = Mutex::new(State { work: Some(work), result: None, wakers: Vec::new(), waiters: 1, is_owed });
        let slot = Arc::new(Slot { state, lane: Arc::downgrade(&self.0) });
        lock(&self.0.crew).queue.push_back(slot.clone());
        self.0.staff();
        Pending(slot)
    }
}

impl Inner {
    /// Starts as many threads as the jobs need, within the limits.
    fn staff(self: &Arc<Self>) {
        let mut crew = lock(&self.crew);
        let (wanted, given_up) = std::mem::take(&mut crew.queue).into_iter().partition(|job| job.is_wanted());
        crew.queue = wanted;
        let mut without_thread = VecDeque::new();
        while crew.lacks_threads(self.limits) {
            let lane = self.clone();
            match (self.start)(Box::new(move || lane.run_jobs())) {
                Ok(()) => crew.starting += 1,
                Err(_) if crew.threads() == 0 => without_thread = std::mem::take(&mut crew.queue),
                Err(_) => break,
            }
        }
        drop(crew);
        self.work.notify_all();
        drop::<VecDeque<_>>(given_up);
        without_thread.iter().for_each(|job| job.run_without_thread());
    }

    /// The loop of each thread.
    fn run_jobs(&self) {
        let mut crew = lock(&self.crew);
        crew.starting -= 1;
        loop {
            while let Some(job) = crew.queue.pop_front() {
                crew.running.push(job.clone());
                drop(crew);
                job.run();
                crew = lock(&self.crew);
                let is_this = |running: &Arc<dyn Job>| std::ptr::addr_eq(Arc::as_ptr(running), Arc::as_ptr(&job));
                let done = crew.running.iter().position(is_this).map(|index| crew.running.swap_remove(index));
                // This thread will check the queue again, so it counts as available.
                crew.starting += 1;
                drop(crew);
                // Drop the job without the lock, because that may drop a result and the wakers of its waiters.
                drop((done, job));
                crew = lock(&self.crew);
                crew.starting -= 1;
            }
            if crew.threads() >= self.limits.kept {
                return;
            }
            crew.idle += 1;
            let nothing_to_do = |crew: &mut Crew| crew.queue.is_empty();
            let waited = self.work.wait_timeout_while(crew, IDLE, nothing_to_do);
            crew = waited.unwrap_or_else(PoisonError::into_inner).0;
            crew.idle -= 1;
            if crew.queue.is_empty() {
                return;
            }
        }
    }
}

impl Crew {
    /// Returns the number of threads, without the calling one if it is between two jobs.
    fn threads(&self) -> usize {
        self.starting + self.idle + self.running.len()
    }

    fn lacks_threads(&self, limits: Limits) -> bool {
        let free = self.starting + self.idle;
        free < self.queue.len()
            && self.threads() < limits.all
            && free + self.running.iter().filter(|job| job.is_wanted()).count() < limits.wanted
    }
}

impl<T: Loss + Clone + Send> Job for Slot<T> {
    fn is_wanted(&self) -> bool {
        lock(&self.state).is_wanted()
    }

    fn run(&self) {
        let mut state = lock(&self.state);
        let is_wanted = state.is_wanted();
        let work = state.work.take();
        drop(state);
        if let Some(work) = work.filter(|_| is_wanted) {
            let lost = |_| T::lost("the work on it panicked, which is a bug");
            self.bring(catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(lost));
        }
    }

    fn run_without_thread(&self) {
        if lock(&self.state).is_owed {
            return self.run();
        }
        drop(lock(&self.state).work.take());
        self.bring(T::lost("the system cannot start another thread for it"));
    }
}

impl<T> Slot<T> {
    fn bring(&self, result: T) {
        let mut state = lock(&self.state);
        state.result = Some(result);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        for waker in wakers {
            // A waker that panics must not prevent the others from being called, or end the thread.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}

impl<T> State<T> {
    fn is_wanted(&self) -> bool {
        self.is_owed || self.waiters > 0
    }
}

impl<T: Clone> Pending<T> {
    /// Returns the result, or `None` if the job is not complete.
    pub(crate) fn result(&self) -> Option<T> {
        lock(&self.0.state).result.clone()
    }

    /// Adds the result to `wait`.
    pub(crate) fn wait_for(&self, wait: &mut Wait) {
        let mut state = lock(&self.0.state);
        if state.result.is_some() {
            wait.now();
        } else if !state.wakers.iter().any(|waker| waker.will_wake(wait.waker())) {
            state.wakers.push(wait.waker().clone());
        }
    }

    /// Blocks until there is a result, or `longest` has passed.
    #[cfg(test)]
    pub(crate) fn wait(&self, longest: Duration) {
        let mut pause = crate::Pause::new().expect("file descriptors");
        let until = std::time::Instant::now() + longest;
        while self.result().is_none() && std::time::Instant::now() < until {
            let mut wait = Wait::new(&pause.waker());
            self.wait_for(&mut wait);
            wait.until(until);
            pause.wait(&wait, std::time::Instant::now()).expect("a wait");
        }
    }

    /// Returns a reference that does not count as a waiter.
    pub(crate) fn known(&self) -> Known<T> {
        Known(self.0.clone())
    }
}

impl<T: Clone> Known<T> {
    /// Joins the other waiters, or returns the existing result. Returns `None` if there is neither, because such a job may never run.
    pub(crate) fn join(&self) -> Option<Pending<T>> {
        let mut state = lock(&self.0.state);
        if state.result.is_none() && !state.is_wanted() {
            return None;
        }
        state.waiters += 1;
        Some(Pending(self.0.clone()))
    }
}

impl<T> Clone for Pending<T> {
    fn clone(&self) -> Self {
        lock(&self.0.state).waiters += 1;
        Self(self.0.clone())
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.waiters -= 1;
        let is_given_up = state.result.is_none() && !state.is_wanted();
        drop(state);
        if is_given_up && let Some(lane) = self.0.lane.upgrade() {
            // The abandoned job no longer counts towards `wanted`.
            lane.staff();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pending").field(&lock(&self.0.state).result).finish()
    }
}

impl Loss for () {
    fn lost(_: &'static str) {}
}

impl<T> Loss for Result<T, Arc<str>> {
    fn lost(reason: &'static str) -> Self {
        Err(reason.into())
    }
}

/// Locks a mutex and ignores poisoning: no panic leaves the data behind these mutexes in an inconsistent state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    struct Breaks;

    impl std::task::Wake for Breaks {
        fn wake(self: Arc<Self>) {
            panic!("as it should");
        }
    }

    #[test]
    fn a_waker_that_breaks_keeps_no_other_asleep_and_takes_no_thread_from_the_lane() {
        let lane = lane(1, 1);
        let (release, released) = channel();
        let first: Pending<Numbered> = lane.spawn(move || {
            let _ = released.recv();
            Ok(1)
        });
        first.wait_for(&mut Wait::new(&Waker::from(Arc::new(Breaks))));
        let (woken, is_woken) = channel();
        struct Tells(Mutex<Sender<()>>);
        impl std::task::Wake for Tells {
            fn wake(self: Arc<Self>) {
                let _ = lock(&self.0).send(());
            }
        }
        first.wait_for(&mut Wait::new(&Waker::from(Arc::new(Tells(Mutex::new(woken))))));
        release.send(()).unwrap();
        is_woken.recv_timeout(PATIENCE).expect("the other is woken");
        assert_eq!(result(&lane.spawn(|| Ok(2))), Ok(2));
    }

    type Numbered = Result<usize, Arc<str>>;

    fn lane(wanted: usize, all: usize) -> Lane {
        Lane::new(Limits { wanted, all, kept: 1 })
    }

    fn result(pending: &Pending<Numbered>) -> Numbered {
        pending.wait(PATIENCE);
        pending.result().expect("it is done")
    }

    /// Starts a job that hangs until the sender is dropped. The receiver receives a message when the job runs.
    fn hang(lane: &Lane) -> (Pending<Numbered>, Sender<()>, Receiver<()>) {
        let (release, released) = channel::<()>();
        let (runs, is_running) = channel();
        let pending = lane.spawn_while_wanted(move || {
            let _ = runs.send(());
            let _ = released.recv();
            Ok(0)
        });
        (pending, release, is_running)
    }

    #[test]
    fn more_jobs_than_threads_are_all_done() {
        let lane = lane(8, 8);
        let jobs: Vec<_> = (0..200).map(|n| lane.spawn(move || Numbered::Ok(n))).collect();
        for (n, job) in jobs.iter().enumerate() {
            assert_eq!(result(job), Ok(n));
        }
    }

    #[test]
    fn a_job_that_panics_costs_neither_its_thread_nor_its_waiter() {
        let lane = lane(1, 1);
        let broken: Vec<_> = (0..5).map(|n| lane.spawn(move || -> Numbered { panic!("{n}, as it should") })).collect();
        let sound = lane.spawn(|| Ok(1));
        for job in &broken {
            assert_eq!(result(job), Err("the work on it panicked, which is a bug".into()));
        }
        assert_eq!(result(&sound), Ok(1));
        assert!(lock(&lane.0.crew).threads() <= 1);
    }

    #[test]
    fn a_job_that_nobody_waits_for_any_more_is_skipped_and_one_that_is_owed_is_not() {
        let lane = lane(1, 1);
        let (first, release, runs) = hang(&lane);
        runs.recv_timeout(PATIENCE).unwrap();
        let done = Arc::new(AtomicUsize::new(0));
        let count = |by: usize| {
            let done = done.clone();
            move || Numbered::Ok(done.fetch_add(by, Ordering::SeqCst))
        };
        let cloned = lane.spawn_while_wanted(count(100)).clone();
        drop(lane.spawn_while_wanted(count(1)));
        drop(lane.spawn(count(10)));
        let last = lane.spawn_while_wanted(|| Ok(7));
        drop(release);
        assert_eq!((result(&first), result(&last), result(&cloned)), (Ok(0), Ok(7), Ok(0)));
        assert_eq!(done.load(Ordering::SeqCst), 110, "the clone's and the owed one");
    }

    #[test]
    fn a_job_that_hangs_and_is_given_up_makes_room_until_the_lane_has_all_its_threads() {
        let lane = lane(2, 4);
        let mut hanging: VecDeque<_> = (0..2).map(|_| hang(&lane)).collect();
        hanging.iter().for_each(|(_, _, runs)| runs.recv_timeout(PATIENCE).unwrap());
        let mut releases = Vec::new();
        for _ in 0..2 {
            // Both threads for awaited jobs are stuck, so a third job must wait.
            let next = hang(&lane);
            hanging.iter().for_each(|(pending, ..)| assert_eq!(pending.result(), None));
            assert!(next.2.try_recv().is_err());
            let (given_up, release, _) = hanging.pop_front().unwrap();
            releases.push(release);
            drop(given_up);
            next.2.recv_timeout(PATIENCE).expect("it runs as soon as there is room");
            hanging.push_back(next);
        }
        assert_eq!(lock(&lane.0.crew).threads(), 4);
        for (given_up, release, _) in hanging {
            releases.push(release);
            drop(given_up);
        }
        // Hanging jobs never free their threads, so the lane is full until one returns.
        let late = lane.spawn_while_wanted(|| Ok(5));
        assert_eq!(lock(&lane.0.crew).threads(), 4);
        assert_eq!(lock(&lane.0.crew).queue.len(), 1);
        drop(releases);
        assert_eq!(result(&late), Ok(5));
    }

    #[test]
    fn what_waits_in_a_full_lane_and_is_given_up_leaves_nothing_behind() {
        let lane = lane(1, 1);
        let (_first, _release, runs) = hang(&lane);
        runs.recv_timeout(PATIENCE).unwrap();
        for n in 0..1000 {
            drop(lane.spawn_while_wanted(move || Numbered::Ok(n)));
        }
        assert_eq!(lock(&lane.0.crew).queue.len(), 0);
    }

    #[test]
    fn without_a_thread_what_is_owed_is_done_at_once_and_all_else_is_lost() {
        let lane = Lane::without_threads(Limits { wanted: 1, all: 1, kept: 1 });
        assert_eq!(lane.spawn(|| Numbered::Ok(1)).result(), Some(Ok(1)));
        let lost = lane.spawn_while_wanted(|| Numbered::Ok(1)).result();
        assert_eq!(lost, Some(Err("the system cannot start another thread for it".into())));
    }

    /// Checks a lane when it is dropped.
    struct Looks(Lane, Sender<bool>);

    impl Drop for Looks {
        fn drop(&mut self) {
            let _ = self.1.send(self.0.0.crew.try_lock().is_ok());
        }
    }

    impl Loss for Arc<Looks> {
        fn lost(_: &'static str) -> Self {
            unreachable!("it is done")
        }
    }

    #[test]
    fn no_result_is_dropped_under_the_lock_of_a_lane() {
        let lane = lane(1, 1);
        let (looks, is_free) = channel();
        for _ in 0..100 {
            let result = Looks(lane.clone(), looks.clone());
            // Nothing waits, so the worker drops the last reference.
            drop(lane.spawn(move || Arc::new(result)));
            assert!(is_free.recv_timeout(PATIENCE).unwrap());
        }
    }

    #[test]
    fn a_lane_that_hangs_holds_up_no_other() {
        let (stuck, other) = (lane(1, 1), lane(1, 1));
        let (_pending, _release, _) = hang(&stuck);
        assert_eq!(result(&other.spawn(|| Ok(3))), Ok(3));
    }

    #[test]
    fn who_only_watches_does_not_wait() {
        let lane = lane(1, 1);
        let (first, release, runs) = hang(&lane);
        runs.recv_timeout(PATIENCE).unwrap();
        let known = first.known();
        let joined = known.join().expect("it is waited for");
        drop(first);
        assert!(known.join().is_some());
        drop(joined);
        assert!(known.join().is_none(), "nobody waits for it any more");
        drop(release);
        let done = lane.spawn(|| Ok(1));
        assert_eq!(result(&done), Ok(1));
        let known = done.known();
        drop(done);
        assert_eq!(known.join().map(|pending| result(&pending)), Some(Ok(1)), "a result stays");
    }
}
