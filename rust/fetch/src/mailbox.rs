//! What goes between the worker and everybody else: commands in, and word of which tasks have notices out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;

use crate::call::Call;
use crate::lock::lock;
use crate::pool::SessionId;
use crate::response::Buffer;
use crate::task::{Keeper, Shared};

/// What the worker is told.
pub(crate) enum Command<B: Buffer> {
    /// Begin.
    Start(Box<Call<B>>),
    /// The task with this number was cancelled.
    Cancel(usize),
    /// What the task with this number had for its owner was taken; it may read on.
    Resume(usize),
    /// No one uses this session any more: its idle connections can go.
    Close(SessionId),
}

/// Called when there are notices where there were none.
pub(crate) type Deliver = Box<dyn Fn() + Send>;

/// See the module.
pub(crate) struct Mailbox<B: Buffer> {
    commands: Mutex<Vec<Command<B>>>,
    /// Wakes the worker; there is none before it has begun.
    waker: OnceLock<Waker>,
    /// Tasks that are not completed.
    active: Mutex<HashMap<usize, Arc<Shared<B>>>>,
    outbox: Mutex<Outbox<B>>,
    /// Held while it is called: once it is taken away, nothing is delivered any more.
    deliver: Mutex<Option<Deliver>>,
    last_number: AtomicU64,
}

struct Outbox<B: Buffer> {
    /// Tasks with notices, in the order in which they got the first.
    tasks: Vec<Arc<Shared<B>>>,
    /// Somebody takes them.
    is_wanted: bool,
    /// And was told that there are some.
    is_told: bool,
}

impl<B: Buffer> Mailbox<B> {
    pub(crate) fn new() -> Self {
        Self {
            commands: Mutex::default(),
            waker: OnceLock::new(),
            active: Mutex::default(),
            outbox: Mutex::new(Outbox { tasks: Vec::new(), is_wanted: false, is_told: false }),
            deliver: Mutex::default(),
            last_number: AtomicU64::new(0),
        }
    }

    pub(crate) fn send(&self, command: Command<B>) {
        lock(&self.commands).push(command);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    pub(crate) fn take_commands(&self) -> Vec<Command<B>> {
        std::mem::take(&mut *lock(&self.commands))
    }

    pub(crate) fn set_waker(&self, waker: Waker) {
        let _ = self.waker.set(waker);
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }

    /// The tasks that are not completed: of one session, or all.
    pub(crate) fn active(&self, session: Option<SessionId>) -> Vec<Arc<Shared<B>>> {
        let active = lock(&self.active);
        let mut tasks: Vec<_> =
            active.values().filter(|task| session.is_none_or(|session| task.session() == session)).cloned().collect();
        tasks.sort_by_key(|task| task.key());
        tasks
    }

    pub(crate) fn set_deliver(&self, deliver: Option<Deliver>) {
        let is_wanted = deliver.is_some();
        let before = std::mem::replace(&mut *lock(&self.deliver), deliver);
        drop(before);
        let mut outbox = lock(&self.outbox);
        (outbox.is_wanted, outbox.is_told) = (is_wanted, false);
        let tasks = if is_wanted { Vec::new() } else { std::mem::take(&mut outbox.tasks) };
        drop(outbox);
        drop(tasks);
    }

    /// The tasks that have notices since the last call.
    pub(crate) fn take_listed(&self) -> Vec<Arc<Shared<B>>> {
        let mut outbox = lock(&self.outbox);
        outbox.is_told = false;
        std::mem::take(&mut outbox.tasks)
    }
}

impl<B: Buffer> Keeper<B> for Mailbox<B> {
    fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn begins(&self, task: &Arc<Shared<B>>) {
        lock(&self.active).insert(task.key(), task.clone());
    }

    fn has_notices(&self, task: &Arc<Shared<B>>) -> bool {
        let mut outbox = lock(&self.outbox);
        if !outbox.is_wanted {
            return false;
        }
        outbox.tasks.push(task.clone());
        let was_told = std::mem::replace(&mut outbox.is_told, true);
        drop(outbox);
        if !was_told && let Some(deliver) = &*lock(&self.deliver) {
            deliver();
        }
        true
    }

    fn is_cancelled(&self, key: usize) {
        self.send(Command::Cancel(key));
    }

    fn is_taken(&self, key: usize) {
        self.send(Command::Resume(key));
    }

    fn is_over(&self, key: usize) {
        // It may be the last reference, and what goes with it calls others.
        let removed = lock(&self.active).remove(&key);
        drop(removed);
    }

    fn unlist(&self, key: usize) {
        let mut outbox = lock(&self.outbox);
        let (removed, kept): (Vec<_>, _) = outbox.tasks.drain(..).partition(|task| task.key() == key);
        outbox.tasks = kept;
        drop(outbox);
        drop(removed);
    }
}
