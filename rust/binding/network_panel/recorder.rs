//! Watches connections, and makes of what they do the news of exchanges that the panel in the editor is told.
//!
//! It is called on the threads that work on connections, so it only notes: the main thread sends what has gathered. What it keeps is bounded
//! by [`outbox`](super::outbox) and by [`MOST_OF_BODY`](super::exchanges::MOST_OF_BODY).

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
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
}

/// Is called when there is something to send where there was nothing; it must not call the recorder.
pub(crate) type Wake = Box<dyn Fn() + Send>;

struct State {
    editor: Editor,
    wake: Option<Wake>,
    is_woken: bool,
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
            began,
            exchanges: Exchanges::new(began, since_1970),
            open: HashSet::new(),
            stored: HashSet::new(),
            requests: Rate::default(),
            bytes: Rate::default(),
        };
        Self { clock: Box::new(clock), wants: AtomicBool::new(true), state: Mutex::new(state) }
    }

    /// Who is called when there is something to send. Nobody is called any more once this was called with none.
    pub(crate) fn set_wake(&self, wake: Option<Wake>) {
        let before = std::mem::replace(&mut self.lock().wake, wake);
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
        state.call();
    }

    /// The editor has taken this batch.
    pub(crate) fn acknowledge(&self, batch: u64) {
        let mut state = self.lock();
        state.exchanges.outbox.acknowledge(batch);
        state.call();
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
    fn noted(&self, state: &mut State) {
        if state.editor == Editor::Silent && state.exchanges.outbox.has_left_out() {
            // Nobody listens, it seems: it is not worth the memory.
            state.editor = Editor::Deaf;
            state.exchanges.forget_all();
            self.wants.store(false, Ordering::Relaxed);
        }
        state.call();
    }
}

impl Observer for Recorder {
    fn event(&self, connection: ConnectionId, event: &Event<'_>) {
        let now = (self.clock)();
        let mut state = self.lock();
        state.count(connection.get(), event, now);
        state.exchanges.note(connection.get(), event, now);
        self.noted(&mut state);
    }

    fn wants_content(&self) -> bool {
        self.wants.load(Ordering::Relaxed)
    }

    fn content(&self, connection: ConnectionId, content: Content<'_>) {
        let mut state = self.lock();
        state.exchanges.keep(connection.get(), content);
        self.noted(&mut state);
    }
}

impl State {
    /// Has the main thread send what there is.
    fn call(&mut self) {
        let outbox = &self.exchanges.outbox;
        let has_work = self.editor != Editor::Silent && outbox.has_news() && outbox.may_send();
        if has_work
            && !self.is_woken
            && let Some(wake) = &self.wake
        {
            self.is_woken = true;
            wake();
        }
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
