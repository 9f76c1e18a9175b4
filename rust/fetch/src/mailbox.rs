//! The messages between the worker and other threads: commands to the worker, and the list of tasks that have notices.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Waker;

use crate::call::Call;
use crate::lock::lock;
use crate::pool::SessionId;
use crate::response::Buffer;
use crate::task::{Keeper, Shared};

/// A command to the worker.
pub(crate) enum Command<B: Buffer> {
    /// Starts this call.
    Start(Box<Call<B>>),
    /// The task with this number was cancelled.
    Cancel(usize),
    /// The notices of the task with this number were taken. Its call may read on.
    Resume(usize),
    /// The session is not used any more. Its idle connections can be closed.
    Close(SessionId),
}

/// The function that is called when there are new notices after there were none.
pub(crate) type Deliver = Box<dyn Fn() + Send>;

/// See the module.
pub(crate) struct Mailbox<B: Buffer> {
    commands: Mutex<Vec<Command<B>>>,
    /// Wakes the worker. It is set when the thread of the worker has started.
    waker: OnceLock<Waker>,
    /// Tasks that are not completed.
    active: Mutex<HashMap<usize, Arc<Shared<B>>>>,
    outbox: Mutex<Outbox<B>>,
    /// The lock is held during the call, so that the function is not called any more after it was removed.
    deliver: Mutex<Option<Deliver>>,
    last_number: AtomicU64,
}

struct Outbox<B: Buffer> {
    /// Tasks with notices, ordered by the time of their first notice.
    tasks: Vec<Arc<Shared<B>>>,
    /// Whether `deliver` is set.
    is_wanted: bool,
    /// Whether `deliver` was called since the notices were last taken.
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

    /// Returns the tasks that are not completed, of one session or of all.
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

    /// Returns the tasks that got notices since the last call.
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
        // Drop it without the lock: it may be the last reference, and dropping it may call other code.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::ResultCode;
    use crate::task::Notice;

    type Between = Mutex<Option<Box<dyn FnOnce() + Send>>>;

    /// A mailbox with hooks between two of its steps. Each hook is called once.
    struct Keeping {
        mailbox: Mailbox<Vec<u8>>,
        after_listing: Between,
        before_unlisting: Between,
    }

    fn happen(between: &Between) {
        let once = lock(between).take();
        once.into_iter().for_each(|once| once());
    }

    impl Keeper<Vec<u8>> for Keeping {
        fn next_number(&self) -> u64 {
            self.mailbox.next_number()
        }

        fn begins(&self, task: &Arc<Shared<Vec<u8>>>) {
            self.mailbox.begins(task);
        }

        fn has_notices(&self, task: &Arc<Shared<Vec<u8>>>) -> bool {
            let is_wanted = self.mailbox.has_notices(task);
            happen(&self.after_listing);
            is_wanted
        }

        fn unlist(&self, key: usize) {
            happen(&self.before_unlisting);
            self.mailbox.unlist(key);
        }

        fn is_cancelled(&self, key: usize) {
            self.mailbox.is_cancelled(key);
        }

        fn is_taken(&self, key: usize) {
            self.mailbox.is_taken(key);
        }

        fn is_over(&self, key: usize) {
            self.mailbox.is_over(key);
        }
    }

    /// Takes the notices of all tasks, like [`Worker::take_notices`](crate::Worker::take_notices).
    fn taken(keeping: &Keeping) -> Vec<Notice> {
        let listed = keeping.mailbox.take_listed();
        listed.iter().flat_map(|task| task.take()).map(|(_, notice)| notice).collect()
    }

    #[test]
    fn a_notice_that_comes_while_those_before_it_are_taken_is_not_lost() {
        for owner_is_faster in [false, true] {
            let (after_listing, before_unlisting) = (Between::default(), Between::default());
            let keeping = Arc::new(Keeping { mailbox: Mailbox::new(), after_listing, before_unlisting });
            keeping.mailbox.set_deliver(Some(Box::new(|| {})));
            let task = Shared::new(keeping.clone(), 1, "http://a/");
            let teller = task.clone();
            let end = move || {
                // In another thread, this would block while the task is locked.
                if teller.is_unlocked() {
                    teller.complete_without_call(ResultCode::Success, "");
                }
            };
            if owner_is_faster {
                let (owner, hook) = (task.clone(), keeping.clone());
                *lock(&keeping.after_listing) = Some(Box::new(move || {
                    drop(owner.take());
                    // From here on, the thread that adds notices removes the task from the list.
                    *lock(&hook.before_unlisting) = Some(Box::new(end));
                }));
                task.tell(Notice::Progress { bytes: 1, total: None });
            } else {
                task.tell(Notice::Progress { bytes: 1, total: None });
                *lock(&keeping.before_unlisting) = Some(Box::new(end));
                assert_eq!(taken(&keeping).len(), 1);
            }
            task.complete_without_call(ResultCode::Success, "");
            let left = taken(&keeping);
            assert!(matches!(left[..], [Notice::Completed(_)]), "{owner_is_faster} {left:?}");
        }
    }
}
