//! Watches connections, and collects the news about their exchanges for the panel in the editor.
//!
//! The threads of the connections call it, so it only takes notes. The main thread sends them. [`outbox`](super::outbox) and
//! [`MOST_OF_BODY`](super::exchanges::MOST_OF_BODY) limit its memory.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant, SystemTime};

use http_client::{ConnectionId, Content, Event, Observer};

use super::exchanges::Exchanges;
use super::outbox::Batch;
use super::rate::Rate;

/// The recorder. See the module.
pub(crate) struct Recorder {
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
    /// Whether the contents of messages are wanted.
    wants: AtomicBool,
    state: Mutex<State>,
    /// Signals that a call of `Wake` has returned.
    returned: Condvar,
}

/// Called when there is something to send and there was nothing before. Only one thread at a time calls it, and without a lock,
/// because it can lead to calls of the recorder.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

struct State {
    editor: Editor,
    wake: Option<Arc<Wake>>,
    is_woken: bool,
    /// The thread that is calling `wake`.
    caller: Option<ThreadId>,
    began: Instant,
    exchanges: Exchanges,
    /// The open connections.
    open: HashSet<u64>,
    /// Exchanges that need no connection. The monitors do not count them.
    stored: HashSet<u64>,
    requests: Rate,
    bytes: Rate,
}

/// What the editor has reported.
#[derive(Clone, Copy, PartialEq)]
enum Editor {
    /// Nothing yet. News is kept for the editor while there is room.
    Silent,
    Listens,
    /// The panel is paused or missing.
    Deaf,
}

impl Recorder {
    /// Creates a recorder without a listener. `now` is the wall-clock time at the clock's current value.
    pub(crate) fn new(clock: impl Fn() -> Instant + Send + Sync + 'static, now: SystemTime) -> Self {
        let began = clock();
        let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let state = State {
            editor: Editor::Silent,
            wake: None,
            is_woken: false,
            caller: None,
            began,
            exchanges: Exchanges::new(began, since_1970),
            open: HashSet::new(),
            stored: HashSet::new(),
            requests: Rate::default(),
            bytes: Rate::default(),
        };
        let clock = Box::new(clock);
        Self { clock, wants: AtomicBool::new(true), state: Mutex::new(state), returned: Condvar::new() }
    }

    /// Sets the function that is called when there is something to send. Waits for a running call of the previous function, so
    /// nothing calls that one afterwards.
    pub(crate) fn set_wake(&self, wake: Option<Wake>) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.wake, wake.map(Arc::new));
        // A call on this thread must not wait for itself.
        let this = thread::current().id();
        while state.caller.is_some_and(|caller| caller != this) {
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        drop(before);
    }

    /// The editor starts or stops listening.
    pub(crate) fn listen(&self, listens: bool) {
        let mut state = self.lock();
        if !listens && state.editor == Editor::Silent {
            // An editor that never listened gets no news.
            state.exchanges.forget_all();
        }
        state.exchanges.set_recording(listens);
        state.editor = if listens { Editor::Listens } else { Editor::Deaf };
        self.wants.store(listens, Ordering::Relaxed);
        self.call(state);
    }

    /// The editor has processed this batch.
    pub(crate) fn acknowledge(&self, batch: u64) {
        let mut state = self.lock();
        state.exchanges.outbox.acknowledge(batch);
        self.call(state);
    }

    /// The batch to send now.
    pub(crate) fn take_batch(&self) -> Option<Batch> {
        let mut state = self.lock();
        state.is_woken = false;
        if state.editor == Editor::Silent {
            return None;
        }
        state.exchanges.outbox.take_batch()
    }

    pub(crate) fn open_connections(&self) -> u64 {
        self.lock().open.len() as u64
    }

    pub(crate) fn requests_a_second(&self) -> u64 {
        let at = self.passed();
        self.lock().requests.last_second(at)
    }

    /// Bytes of requests and of the bodies of responses.
    pub(crate) fn bytes_a_second(&self) -> u64 {
        let at = self.passed();
        self.lock().bytes.last_second(at)
    }

    fn passed(&self) -> Duration {
        let now = (self.clock)();
        now.saturating_duration_since(self.lock().began)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs after each note.
    fn noted(&self, mut state: MutexGuard<'_, State>) {
        if state.editor == Editor::Silent && state.exchanges.outbox.has_left_out() {
            // Apparently nobody listens, so the news is not worth the memory.
            state.editor = Editor::Deaf;
            state.exchanges.forget_all();
            self.wants.store(false, Ordering::Relaxed);
        }
        self.call(state);
    }

    /// Calls `wake` if there is something to send. The decision needs the lock, the call does not.
    fn call<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        // During the call, the main thread may have taken everything, and new events may have come.
        while let Some(wake) = state.wake_to_call() {
            drop(state);
            let calling = Calling { recorder: self, wake };
            (calling.wake)();
            drop(calling);
            state = self.lock();
        }
    }
}

impl Observer for Recorder {
    fn event(&self, connection: ConnectionId, event: &Event<'_>) {
        let now = (self.clock)();
        let mut state = self.lock();
        state.count(connection.get(), event, now);
        state.exchanges.note(connection.get(), event, now);
        self.noted(state);
    }

    fn wants_content(&self) -> bool {
        self.wants.load(Ordering::Relaxed)
    }

    fn content(&self, connection: ConnectionId, content: Content<'_>) {
        let mut state = self.lock();
        state.exchanges.keep(connection.get(), content);
        self.noted(state);
    }
}

/// A running call of `Wake`.
struct Calling<'a> {
    recorder: &'a Recorder,
    /// `set_wake` drops the last reference, because it waits for the call.
    wake: Arc<Wake>,
}

/// Also runs when the call panics.
impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.recorder.lock().caller = None;
        self.recorder.returned.notify_all();
    }
}

impl State {
    /// The function that this thread must call now.
    fn wake_to_call(&mut self) -> Option<Arc<Wake>> {
        let outbox = &self.exchanges.outbox;
        let has_work = self.editor != Editor::Silent && outbox.has_news() && outbox.may_send();
        if !has_work || self.is_woken || self.caller.is_some() {
            return None;
        }
        let wake = self.wake.clone()?;
        (self.is_woken, self.caller) = (true, Some(thread::current().id()));
        Some(wake)
    }

    /// Updates the values of the monitors.
    fn count(&mut self, id: u64, event: &Event<'_>, now: Instant) {
        let at = now.saturating_duration_since(self.began);
        match event {
            Event::Stored(_) => {
                self.stored.insert(id);
            }
            Event::Closed if self.stored.remove(&id) => {}
            _ if self.stored.contains(&id) => {}
            Event::Connected { .. } => {
                self.open.insert(id);
            }
            Event::Closed => {
                self.open.remove(&id);
            }
            Event::Request { .. } => self.requests.add(1, at),
            Event::Sent { bytes } | Event::Received { bytes } => self.bytes.add(*bytes, at),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{OnceLock, Weak, mpsc};

    use http_client::Context;

    use super::*;

    /// Far longer than anything here takes.
    const LONG: Duration = Duration::from_secs(120);

    fn listened_to(context: &Context) -> Arc<Recorder> {
        let recorder = Arc::new(Recorder::new(Instant::now, SystemTime::UNIX_EPOCH));
        recorder.listen(true);
        context.set_observer(Some(recorder.clone()));
        recorder
    }

    /// Passes a new event to the recorder.
    fn happen(recorder: &Recorder) {
        let mut state = recorder.lock();
        state.exchanges.note(1, &Event::Resolving, Instant::now());
        recorder.noted(state);
    }

    #[test]
    fn whoever_is_called_may_come_back_into_the_recorder() {
        let recorder = listened_to(&Context::new(Instant::now, None));
        let (sender, receiver) = mpsc::channel();
        let again = Arc::downgrade(&recorder);
        recorder.set_wake(Some(Box::new(move || {
            // Like a script that makes a request when something is logged.
            let recorder = again.upgrade().unwrap();
            happen(&recorder);
            recorder.acknowledge(0);
            recorder.set_wake(None);
            sender.send(recorder.requests_a_second()).unwrap();
        })));
        let of_thread = recorder.clone();
        let thread = thread::spawn(move || happen(&of_thread));
        assert_eq!(receiver.recv_timeout(LONG), Ok(0), "it waits for itself");
        thread.join().unwrap();
        assert!(receiver.recv().is_err(), "it is called once, and nobody has it any more");
    }

    #[test]
    fn whoever_is_called_is_called_no_more_when_setting_another_has_returned() {
        static SEEN: Mutex<Vec<&str>> = Mutex::new(Vec::new());
        static RECORDER: OnceLock<Weak<Recorder>> = OnceLock::new();
        let recorder = listened_to(&Context::new(Instant::now, None));
        RECORDER.set(Arc::downgrade(&recorder)).unwrap();
        let (sender, receiver) = mpsc::channel();
        recorder.set_wake(Some(Box::new(move || {
            sender.send(()).unwrap();
            let recorder = RECORDER.get().unwrap().upgrade().unwrap();
            while recorder.lock().wake.is_some() {
                thread::yield_now();
            }
            SEEN.lock().unwrap().push("the call ends");
        })));
        let of_thread = recorder.clone();
        let thread = thread::spawn(move || happen(&of_thread));
        receiver.recv_timeout(LONG).unwrap();
        recorder.set_wake(None);
        SEEN.lock().unwrap().push("nobody is called");
        thread.join().unwrap();
        assert_eq!(*SEEN.lock().unwrap(), ["the call ends", "nobody is called"]);
    }

    #[test]
    fn a_call_that_panics_is_over_and_what_comes_while_one_goes_on_is_not_forgotten() {
        let recorder = listened_to(&Context::new(Instant::now, None));
        let (sender, receiver) = mpsc::channel();
        let again = Arc::downgrade(&recorder);
        recorder.set_wake(Some(Box::new(move || {
            let recorder = again.upgrade().unwrap();
            let batch = recorder.take_batch().unwrap();
            recorder.acknowledge(batch.number);
            sender.send(batch.number).unwrap();
            match batch.number {
                // The next event comes during this call.
                1 => happen(&recorder),
                2 => panic!("a test's own"),
                _ => {}
            }
        })));
        let of_thread = recorder.clone();
        thread::spawn(move || happen(&of_thread)).join().unwrap_err();
        happen(&recorder);
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
    }
}
