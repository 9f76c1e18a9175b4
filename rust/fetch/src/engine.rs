//! All calls and idle connections of a worker, and what each of them waits for. The engine has no thread and no clock of its own: the
//! worker or a test drives it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant, SystemTime};

use http_net::{Interest, Ready, Source, Wait, Watch};

use crate::call::{Call, World};
use crate::exchange::Dialer;
use crate::lock::lock;
use crate::mailbox::{Command, Mailbox};
use crate::pool::Pool;
use crate::response::{Buffer, ResultCode};

/// The size of the buffer for data that is not received directly into its destination, in bytes.
const SCRATCH: usize = 256 << 10;
/// The wait before the next try with a socket that cannot be watched, because the system has no free descriptors.
const NAP: Duration = Duration::from_millis(5);
/// The bit that is set in the keys of idle connections, and not in those of calls.
const IDLE: usize = 1 << (usize::BITS - 1);

/// See the module.
pub(crate) struct Engine<B: Buffer> {
    mailbox: Arc<Mailbox<B>>,
    dialer: Arc<dyn Dialer>,
    pool: Pool,
    calls: HashMap<usize, Slot<B>>,
    /// The watches of idle connections, by the key of the connection.
    idle: HashMap<usize, Vec<Armed>>,
    /// The key of the call or idle connection that owns a watch, by the key of the watch.
    watched: HashMap<usize, usize>,
    last_watch: usize,
    /// Watches without an owner, until the end of the turn: when a connection moves from a call to the pool and on to the next call, its
    /// watch moves with it.
    loose: Vec<Armed>,
    /// The keys whose turn it is. Each key is in the queue at most once.
    runnable: VecDeque<usize>,
    is_runnable: BTreeSet<usize>,
    deadlines: BTreeSet<(Instant, usize)>,
    woken: Arc<Woken>,
    scratch: Vec<u8>,
    packed: Vec<u8>,
    random: Random,
}

struct Slot<B: Buffer> {
    call: Box<Call<B>>,
    waker: Waker,
    watches: Vec<Armed>,
    deadline: Option<Instant>,
}

/// A watched socket. An event disarms it.
struct Armed {
    watch: Watch,
    interest: Option<Interest>,
}

/// The keys of calls for which helper threads have results.
#[derive(Default)]
struct Woken {
    keys: Mutex<Vec<usize>>,
    /// Wakes the thread that drives the engine.
    waker: Mutex<Option<Waker>>,
}

struct WakeCall {
    key: usize,
    woken: Arc<Woken>,
}

impl<B: Buffer> Engine<B> {
    pub(crate) fn new(mailbox: Arc<Mailbox<B>>, dialer: Arc<dyn Dialer>) -> Self {
        Self {
            mailbox,
            dialer,
            pool: Pool::default(),
            calls: HashMap::new(),
            idle: HashMap::new(),
            watched: HashMap::new(),
            last_watch: 0,
            loose: Vec::new(),
            runnable: VecDeque::new(),
            is_runnable: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            woken: Arc::default(),
            scratch: Vec::new(),
            packed: Vec::new(),
            random: Random::new(),
        }
    }

    /// Sets the waker that is called when a helper thread has a result.
    pub(crate) fn set_waker(&self, waker: Waker) {
        *lock(&self.woken.waker) = Some(waker);
    }

    /// Makes one turn: takes the commands, and runs each call whose turn it is once.
    pub(crate) fn turn(&mut self, now: Instant, wall: SystemTime, ready: Option<&Ready>) {
        for command in self.mailbox.take_commands() {
            self.take_command(command);
        }
        let woken = std::mem::take(&mut *lock(&self.woken.keys));
        woken.into_iter().for_each(|key| self.run_soon(key));
        while let Some(&(at, key)) = self.deadlines.first().filter(|(at, _)| *at <= now) {
            self.deadlines.remove(&(at, key));
            if let Some(slot) = self.calls.get_mut(&key) {
                slot.deadline = None;
            }
            self.run_soon(key);
        }
        self.pool.expire(now);
        for _ in 0..self.runnable.len() {
            let Some(key) = self.runnable.pop_front() else { break };
            self.is_runnable.remove(&key);
            self.run(key, now, wall, ready);
        }
        self.tend_idle(now, ready);
        for armed in self.loose.drain(..) {
            self.watched.remove(&armed.watch.key());
        }
    }

    /// Handles an event: the socket with this watch is ready.
    pub(crate) fn event(&mut self, watch: usize) {
        let Some(&key) = self.watched.get(&watch) else { return };
        let watches = match key & IDLE {
            0 => self.calls.get_mut(&key).map(|slot| &mut slot.watches),
            _ => self.idle.get_mut(&key),
        };
        watches
            .into_iter()
            .flatten()
            .filter(|armed| armed.watch.key() == watch)
            .for_each(|armed| armed.interest = None);
        self.run_soon(key);
    }

    /// Returns how long the engine can sleep if nothing happens. `None` means without limit.
    pub(crate) fn longest(&self, now: Instant) -> Option<Duration> {
        if !self.runnable.is_empty() {
            return Some(Duration::ZERO);
        }
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let earliest = match (deadline, self.pool.next_expiry()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        earliest.map(|at| at.saturating_duration_since(now))
    }

    /// Gives every call a turn, because events may have been missed.
    pub(crate) fn run_all(&mut self) {
        let keys: Vec<usize> = self.calls.keys().copied().collect();
        keys.into_iter().for_each(|key| self.run_soon(key));
    }

    #[cfg(test)]
    pub(crate) fn idle_count(&self) -> usize {
        self.pool.idle_count()
    }

    fn take_command(&mut self, command: Command<B>) {
        match command {
            Command::Start(call) => {
                let key = call.task.key();
                let waker = Waker::from(Arc::new(WakeCall { key, woken: self.woken.clone() }));
                self.calls.insert(key, Slot { call, waker, watches: Vec::new(), deadline: None });
                self.run_soon(key);
            }
            Command::Cancel(key) | Command::Resume(key) => self.run_soon(key),
            Command::Close(session) => self.pool.close_session(session),
        }
    }

    fn run_soon(&mut self, key: usize) {
        if self.is_runnable.insert(key) {
            self.runnable.push_back(key);
        }
    }

    fn run(&mut self, key: usize, now: Instant, wall: SystemTime, ready: Option<&Ready>) {
        if key & IDLE != 0 {
            return self.look_at_idle(key, ready);
        }
        let Some(slot) = self.calls.get_mut(&key) else { return };
        self.scratch.resize(SCRATCH, 0);
        let mut world = World {
            now,
            wall,
            random: self.random.next(),
            pool: &mut self.pool,
            dialer: &*self.dialer,
            scratch: &mut self.scratch,
            packed: &mut self.packed,
        };
        // After a panic, only the place of the call in the pool is still used.
        let advanced = catch_unwind(AssertUnwindSafe(|| slot.call.advance(&mut world)));
        let is_over = advanced.unwrap_or_else(|_| {
            slot.call.leave_place(&mut self.pool);
            let sentence = "the request failed because of a bug in this library; please report it";
            slot.call.task.complete_without_call(ResultCode::RequestFailed, sentence);
            true
        });
        slot.call.task.wake_watchers();
        // The connections that the call took from the pool now belong to the call.
        self.forget_taken();
        if is_over {
            if let Some(slot) = self.calls.remove(&key) {
                slot.deadline.map(|deadline| self.deadlines.remove(&(deadline, key)));
                self.loose.extend(slot.watches);
            }
        } else {
            self.wait(key, now, ready);
        }
        for granted in self.pool.take_granted() {
            self.run_soon(granted);
        }
    }

    /// Stores what a call waits for.
    fn wait(&mut self, key: usize, now: Instant, ready: Option<&Ready>) {
        let Some(slot) = self.calls.get_mut(&key) else { return };
        let mut wait = Wait::new(&slot.waker);
        slot.call.wait_for(&mut wait);
        let mut longest = wait.longest(now);
        let mut watches = std::mem::take(&mut slot.watches);
        if longest == Some(Duration::ZERO) {
            // Connections that the call has put back belong to others from here on.
            self.let_go_of_others(&mut watches, &wait);
        } else if !self.watch(&mut watches, &wait, key, ready) {
            longest = Some(longest.map_or(NAP, |longest| longest.min(NAP)));
        }
        let Some(slot) = self.calls.get_mut(&key) else { return };
        slot.watches = watches;
        let deadline = longest.filter(|longest| !longest.is_zero()).and_then(|longest| now.checked_add(longest));
        if deadline != slot.deadline {
            if let Some(before) = std::mem::replace(&mut slot.deadline, deadline) {
                self.deadlines.remove(&(before, key));
            }
            self.deadlines.extend(deadline.map(|deadline| (deadline, key)));
        }
        if longest == Some(Duration::ZERO) {
            self.run_soon(key);
        }
    }

    /// Checks an idle connection on which something arrived.
    fn look_at_idle(&mut self, key: usize, ready: Option<&Ready>) {
        let id = (key & !IDLE) as u64;
        if self.pool.look(id) {
            self.watch_idle(id, ready);
        }
    }

    /// Watches an idle connection, and returns what it waits for. `None` if the connection is not idle any more.
    fn watch_idle(&mut self, id: u64, ready: Option<&Ready>) -> Option<Wait> {
        let exchange = self.pool.idle(id)?;
        let key = id as usize | IDLE;
        let mut wait = Wait::new(Waker::noop());
        exchange.wait_for(true, &mut wait);
        let mut watches = self.idle.remove(&key).unwrap_or_default();
        self.watch(&mut watches, &wait, key, ready);
        self.idle.insert(key, watches);
        Some(wait)
    }

    /// Watches the connections that became idle, and releases the watches of those that are not idle any more. Data that arrived in the
    /// meantime is noticed at once.
    fn tend_idle(&mut self, now: Instant, ready: Option<&Ready>) {
        self.forget_taken();
        for id in self.pool.take_put() {
            let wait = self.watch_idle(id, ready);
            if wait.is_some_and(|wait| wait.longest(now) == Some(Duration::ZERO)) {
                self.run_soon(id as usize | IDLE);
            }
        }
    }

    fn forget_taken(&mut self) {
        for id in self.pool.take_gone() {
            self.loose.extend(self.idle.remove(&(id as usize | IDLE)).into_iter().flatten());
        }
    }

    /// Watches exactly the sockets in `wait`. Returns whether all of them could be watched.
    fn watch(&mut self, watches: &mut Vec<Armed>, wait: &Wait, key: usize, ready: Option<&Ready>) -> bool {
        self.let_go_of_others(watches, wait);
        let mut is_watched = true;
        for (source, interest) in wait.sources() {
            let Some(ready) = ready else { return false };
            if !watches.iter().any(|armed| armed.watches(source))
                && let Some(at) = self.loose.iter().position(|armed| armed.watches(source))
            {
                let armed = self.loose.swap_remove(at);
                self.watched.insert(armed.watch.key(), key);
                watches.push(armed);
            }
            let done = match watches.iter_mut().find(|armed| armed.watches(source)) {
                Some(armed) => armed.arm(*interest),
                None => {
                    self.last_watch += 1;
                    ready.watch(source, *interest, self.last_watch).map(|watch| {
                        self.watched.insert(watch.key(), key);
                        watches.push(Armed { watch, interest: Some(*interest) });
                    })
                }
            };
            is_watched &= done.is_ok();
        }
        is_watched
    }

    /// Releases the watches of sockets that are not in `wait`.
    fn let_go_of_others(&mut self, watches: &mut Vec<Armed>, wait: &Wait) {
        let is_wanted = |armed: &Armed| wait.sources().iter().any(|(source, _)| armed.watches(source));
        self.loose.extend(watches.extract_if(.., |armed| !is_wanted(armed)));
    }
}

impl Armed {
    fn watches(&self, source: &Source) -> bool {
        self.watch.source().is_same(source)
    }

    fn arm(&mut self, interest: Interest) -> io::Result<()> {
        if self.interest != Some(interest) {
            self.watch.rearm(interest)?;
            self.interest = Some(interest);
        }
        Ok(())
    }
}

impl Wake for WakeCall {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        lock(&self.woken.keys).push(self.key);
        if let Some(waker) = &*lock(&self.woken.waker) {
            waker.wake_by_ref();
        }
    }
}

/// A random number generator (xorshift64*). It is good enough to prevent that many players reconnect at the same moment.
struct Random(u64);

impl Random {
    fn new() -> Self {
        Self(RandomState::new().hash_one(0) | 1)
    }

    /// Returns a number from 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use http_net::Context;

    use super::*;
    use crate::exchange::Network;
    use crate::settings::{Kind, Request, Settings};
    use crate::task::{Shared, Task};

    /// Answers `count` requests on one connection.
    fn serve(listener: &TcpListener, count: usize) {
        let (mut stream, _) = listener.accept().unwrap();
        for _ in 0..count {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        }
    }

    #[test]
    fn a_connection_is_told_to_the_system_once_for_all_its_requests() {
        const COUNT: usize = 5;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || serve(&listener, COUNT));
        let context = Context::shared().clone();
        let (mailbox, mut ready) = (Arc::new(Mailbox::<Vec<u8>>::new()), Ready::new().unwrap());
        let mut engine = Engine::new(mailbox.clone(), Arc::new(Network(context.clone())));
        engine.set_waker(ready.waker());
        for _ in 0..COUNT {
            let task = Shared::new(mailbox.clone(), 1, &url);
            let call = Call::new(
                task.clone(),
                Arc::new(Settings::default()),
                Arc::default(),
                Kind::Fetch,
                Request::get(&*url),
            );
            mailbox.send(Command::Start(Box::new(call)));
            let task = Task(task);
            while !task.is_completed() {
                engine.turn(context.now(), SystemTime::now(), Some(&ready));
                if !task.is_completed() {
                    let longest = engine.longest(context.now());
                    ready.wait_for_watches(longest, |key| engine.event(key)).unwrap();
                }
            }
            assert_eq!(task.response().unwrap().body, b"ok");
        }
        assert_eq!((engine.last_watch, engine.watched.len()), (1, 1));
        server.join().unwrap();
        // The watch reports that the server closed the connection, and is removed with the connection.
        while engine.idle_count() > 0 {
            ready.wait_for_watches(Some(Duration::from_secs(60)), |key| engine.event(key)).unwrap();
            engine.turn(context.now(), SystemTime::now(), Some(&ready));
        }
        assert_eq!((engine.watched.len(), engine.loose.len(), engine.idle.len()), (0, 0, 0));
    }
}
