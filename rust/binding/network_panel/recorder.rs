//! Watches connections, and makes of what they do the news of exchanges that the panel in the editor is told.
//!
//! It is called on the threads that work on connections, so it only notes: the main thread sends what has gathered. What it keeps is bounded
//! by [`outbox`](super::outbox) and by [`MOST_OF_BODY`](super::exchanges::MOST_OF_BODY).

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant, SystemTime};

use http_client::{ConnectionId, Content, Event, Observer};

use super::exchanges::Exchanges;
use super::outbox::Batch;
use super::rate::Rate;

/// See the module.
pub(crate) struct Recorder {
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
    /// Contents are wanted.
    wants: AtomicBool,
    state: Mutex<State>,
    /// A call of `Wake` has returned.
    returned: Condvar,
}

/// Is called when there is something to send where there was nothing: on one thread at a time, and without a lock, since what it calls may
/// come back into the recorder.
pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

struct State {
    editor: Editor,
    wake: Option<Arc<Wake>>,
    is_woken: bool,
    /// The thread that calls it now.
    caller: Option<ThreadId>,
    began: Instant,
    exchanges: Exchanges,
    /// Connections that are open.
    open: HashSet<u64>,
    /// What takes place without a connection, which no monitor counts.
    stored: HashSet<u64>,
    requests: Rate,
    bytes: Rate,
}

/// What the editor has said.
#[derive(Clone, Copy, PartialEq)]
enum Editor {
    /// Nothing yet. What happens is kept for it, as long as there is room.
    Silent,
    Listens,
    /// It is paused, or there is no panel.
    Deaf,
}

impl Recorder {
    /// One that nobody listens to yet. `now` is the wall's time, beside the clock's.
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

    /// Who is called when there is something to send. It waits for a call that goes on: who was there before is called no more when it
    /// returns.
    pub(crate) fn set_wake(&self, wake: Option<Wake>) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.wake, wake.map(Arc::new));
        // Not for one that this very thread is in.
        let this = thread::current().id();
        while state.caller.is_some_and(|caller| caller != this) {
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        drop(before);
    }

    /// The editor listens from now on, or does not.
    pub(crate) fn listen(&self, listens: bool) {
        let mut state = self.lock();
        if !listens && state.editor == Editor::Silent {
            // Who never listened is told nothing.
            state.exchanges.forget_all();
        }
        state.exchanges.set_recording(listens);
        state.editor = if listens { Editor::Listens } else { Editor::Deaf };
        self.wants.store(listens, Ordering::Relaxed);
        self.call(state);
    }

    /// The editor has taken this batch.
    pub(crate) fn acknowledge(&self, batch: u64) {
        let mut state = self.lock();
        state.exchanges.outbox.acknowledge(batch);
        self.call(state);
    }

    /// What is to be sent now.
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

    /// Of requests and of bodies of responses.
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

    /// After something was noted.
    fn noted(&self, mut state: MutexGuard<'_, State>) {
        if state.editor == Editor::Silent && state.exchanges.outbox.has_left_out() {
            // Nobody listens, it seems: it is not worth the memory.
            state.editor = Editor::Deaf;
            state.exchanges.forget_all();
            self.wants.store(false, Ordering::Relaxed);
        }
        self.call(state);
    }

    /// Has the main thread send what there is. What to do is decided under the lock, and done after it.
    fn call<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        // While it was called, the main thread may have taken all there was, and more have come.
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

/// A call of `Wake` that goes on.
struct Calling<'a> {
    recorder: &'a Recorder,
    /// `set_wake` gives up the last of it, since that waits.
    wake: Arc<Wake>,
}

/// However the call ended, by a panic too.
impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.recorder.lock().caller = None;
        self.recorder.returned.notify_all();
    }
}

impl State {
    /// What is to be called now, by this thread.
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

    /// What the monitors show.
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

    /// Far longer than anything takes here.
    const LONG: Duration = Duration::from_secs(120);

    fn listened_to(context: &Context) -> Arc<Recorder> {
        let recorder = Arc::new(Recorder::new(Instant::now, SystemTime::UNIX_EPOCH));
        recorder.listen(true);
        context.set_observer(Some(recorder.clone()));
        recorder
    }

    /// Has the recorder hear of something new.
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
            // As a script that logs, and sends what it logs.
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
                // The next comes while this call goes on.
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
