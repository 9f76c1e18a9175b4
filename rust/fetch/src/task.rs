//! A running request as its owner sees it: what happened, how far it is, and its end, which comes exactly once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::events::Event;
use crate::lock::lock;
use crate::pool::SessionId;
use crate::response::{Buffer, Facts, Response, ResultCode};

/// The number of bytes that can wait for the owner of a stream. The connection is not read further until the owner takes them.
pub(crate) const WINDOW: usize = 4 << 20;
/// The time for which a sleeping owner is not woken for further notices after the first one, except for the end and for data that must be
/// taken. Most responses are complete within this time, and waking a thread costs more than they do.
const LINGER: Duration = Duration::from_micros(500);
/// How long a waiting thread checks for the end before it sleeps. Other threads run in the meantime. A server nearby answers within this time,
/// and waking a thread takes as long.
const LOOK: Duration = Duration::from_micros(50);
/// The cost of a notice in addition to its bytes, so that a stream of tiny chunks or events is also limited.
const NOTICE_COST: usize = 512;

/// Something that happened to a task.
#[non_exhaustive]
pub enum Notice<B = Vec<u8>> {
    /// The final head has arrived.
    ResponseStarted(Arc<Facts>),
    /// Body data has arrived, counted before decompression. Only the latest value is kept.
    Progress {
        /// The number of bytes. For a continued download, this includes the bytes that existed before.
        bytes: u64,
        /// The total number, or `None` if it is not known.
        total: Option<u64>,
    },
    /// Bytes of the request body were passed to the operating system. Only the latest value is kept.
    UploadProgress {
        /// The number of bytes.
        bytes: u64,
        /// The total number.
        total: u64,
    },
    /// A part of a streamed body, decompressed.
    Chunk(B),
    /// A server-sent event.
    Event(Event),
    /// The request will be sent again.
    Retrying {
        /// The number of the next attempt. The first attempt is 1.
        attempt: u32,
        /// The wait before it.
        after: Duration,
        /// The reason.
        reason: String,
    },
    /// The task has completed. No other notice follows.
    Completed(Arc<Response<B>>),
}

/// The progress of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Phase {
    /// The request is waiting for a free connection or for another attempt.
    Waiting,
    /// The name of the server or the proxy is being looked up.
    Resolving,
    /// The connection is being established.
    Connecting,
    /// The request is being sent, or the response is due.
    Requesting,
    /// The body is being received.
    Receiving,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Waiting, Self::Resolving, Self::Connecting, Self::Requesting, Self::Receiving];
}

/// A running request. Dropping it does not stop the request. If nobody takes the notices of a stream or listener any more, it waits until
/// it is cancelled or `timeout` has passed.
pub struct Task<B: Buffer = Vec<u8>>(pub(crate) Arc<Shared<B>>);

/// Keeps the tasks that are not completed, and tells the worker what it must know about them.
pub(crate) trait Keeper<B: Buffer>: Send + Sync {
    /// Returns a number that no other task, session or notice has. Each number is greater than the earlier ones.
    fn next_number(&self) -> u64;

    /// Adds a new task.
    fn begins(&self, task: &Arc<Shared<B>>);

    /// Adds a task that had no notices and now has one. Returns whether somebody will take it.
    fn has_notices(&self, task: &Arc<Shared<B>>) -> bool;

    /// Removes the task with this number from the list of tasks with notices, because its owner has taken them. The list then does not keep
    /// the task and its response in memory. This method is called while the task is locked, and must not access the task.
    fn unlist(&self, key: usize);

    /// The task with this number was cancelled.
    fn is_cancelled(&self, key: usize);

    /// The notices of the task with this number were taken. Its call may read on.
    fn is_taken(&self, key: usize);

    /// The task with this number is completed.
    fn is_over(&self, key: usize);
}

/// The state that a task and its call share.
pub(crate) struct Shared<B: Buffer> {
    key: usize,
    session: SessionId,
    url: String,
    keeper: Arc<dyn Keeper<B>>,
    state: Mutex<State<B>>,
    changed: Condvar,
    /// Whether there is a response. It can be read without the lock.
    is_over: AtomicBool,
    is_cancelled: AtomicBool,
    downloaded: AtomicU64,
    /// The length of the body, or −1 if it is not known.
    body_size: AtomicI64,
    uploaded: AtomicU64,
    /// A [`Phase`].
    phase: AtomicU8,
}

struct State<B> {
    notices: VecDeque<(u64, Notice<B>)>,
    /// Whether the keeper lists the task.
    is_listed: bool,
    /// The number of bytes in notices that somebody has to take.
    waiting: usize,
    /// Whether the call waits with reading until the notices are taken.
    is_paused: bool,
    response: Option<Arc<Response<B>>>,
    /// The number of threads that sleep until there is any notice.
    watchers: usize,
    /// Whether sleeping threads must be woken at the end of the call's turn. More notices can follow before that.
    owes_wake: bool,
}

impl<B: Buffer> Task<B> {
    /// Returns the number of this task. It is unique for its worker.
    pub fn id(&self) -> u64 {
        self.0.key as u64
    }

    /// Returns the URL as you passed it.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Cancels the task. It completes as cancelled, unless it has already completed.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Returns whether the task has completed.
    pub fn is_completed(&self) -> bool {
        self.response().is_some()
    }

    /// Returns the response, or `None` until the task has completed.
    pub fn response(&self) -> Option<Arc<Response<B>>> {
        lock(&self.0.state).response.clone()
    }

    /// Blocks until the task has completed, and returns the response. A stream whose notices nobody takes does not complete.
    pub fn wait(&self) -> Arc<Response<B>> {
        self.look_for_the_end();
        let state = lock(&self.0.state);
        let waited = self.0.changed.wait_while(state, |state| state.response.is_none());
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        state.response.clone().unwrap_or_else(|| unreachable!("it waits for it"))
    }

    /// Takes the notices since the last call, in order.
    pub fn take_notices(&self) -> Vec<Notice<B>> {
        self.0.take().into_iter().map(|(_, notice)| notice).collect()
    }

    /// Does the same, but blocks until there is a notice, for at most `longest`. The result is empty after that time, and after
    /// [`Notice::Completed`].
    pub fn next_notices(&self, longest: Option<Duration>) -> Vec<Notice<B>> {
        let deadline = longest.and_then(|longest| Instant::now().checked_add(longest));
        if longest.is_none_or(|longest| longest > LOOK) && lock(&self.0.state).notices.is_empty() {
            self.look_for_the_end();
        }
        let mut state = lock(&self.0.state);
        state.watchers += 1;
        while state.notices.is_empty() && state.response.is_none() {
            state = match deadline {
                None => self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.watchers -= 1;
        if !state.notices.is_empty() {
            let is_early = |state: &mut State<B>| state.response.is_none() && state.waiting == 0;
            let lingered = self.0.changed.wait_timeout_while(state, LINGER, is_early);
            state = lingered.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        self.take_notices()
    }

    fn look_for_the_end(&self) {
        let began = Instant::now();
        while !self.0.is_over.load(Ordering::Acquire) && began.elapsed() < LOOK {
            thread::yield_now();
        }
    }

    /// Returns how many bytes of the body have arrived, before decompression.
    pub fn downloaded_bytes(&self) -> u64 {
        self.0.downloaded.load(Ordering::Relaxed)
    }

    /// Returns the length of the body before decompression, or −1 if it is not known.
    pub fn body_size(&self) -> i64 {
        self.0.body_size.load(Ordering::Relaxed)
    }

    /// Returns how many bytes of the request body were passed to the operating system.
    pub fn uploaded_bytes(&self) -> u64 {
        self.0.uploaded.load(Ordering::Relaxed)
    }

    /// Returns the phase of the task. After it has completed, this is the last phase.
    pub fn phase(&self) -> Phase {
        Phase::ALL[usize::from(self.0.phase.load(Ordering::Relaxed))]
    }
}

impl<B: Buffer> Shared<B> {
    pub(crate) fn new(keeper: Arc<dyn Keeper<B>>, session: SessionId, url: &str) -> Arc<Self> {
        let task = Arc::new(Self {
            // The poller uses the key too, so the top bit stays free. There are never so many tasks that two could get the same key.
            key: keeper.next_number() as usize & (usize::MAX >> 1),
            session,
            url: url.to_owned(),
            keeper,
            state: Mutex::new(State {
                notices: VecDeque::new(),
                is_listed: false,
                waiting: 0,
                is_paused: false,
                response: None,
                watchers: 0,
                owes_wake: false,
            }),
            changed: Condvar::new(),
            is_over: AtomicBool::new(false),
            is_cancelled: AtomicBool::new(false),
            downloaded: AtomicU64::new(0),
            body_size: AtomicI64::new(-1),
            uploaded: AtomicU64::new(0),
            phase: AtomicU8::new(Phase::Waiting as u8),
        });
        task.keeper.begins(&task);
        task
    }

    pub(crate) fn key(&self) -> usize {
        self.key
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) fn cancel(&self) {
        if !self.is_cancelled.swap(true, Ordering::SeqCst) {
            self.keeper.is_cancelled(self.key);
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }

    /// Stores the phase of the call.
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Stores how much of the body has arrived, and adds a notice.
    pub(crate) fn progress(self: &Arc<Self>, bytes: u64, total: Option<u64>) {
        self.downloaded.store(bytes, Ordering::Relaxed);
        self.body_size.store(total.and_then(|total| i64::try_from(total).ok()).unwrap_or(-1), Ordering::Relaxed);
        self.tell(Notice::Progress { bytes, total });
    }

    /// Stores how much of the request body was sent, and adds a notice.
    pub(crate) fn upload_progress(self: &Arc<Self>, bytes: u64, total: u64) {
        self.uploaded.store(bytes, Ordering::Relaxed);
        self.tell(Notice::UploadProgress { bytes, total });
    }

    /// Adds a notice, unless the task has completed.
    pub(crate) fn tell(self: &Arc<Self>, notice: Notice<B>) {
        let mut state = lock(&self.state);
        if state.response.is_none() {
            self.push(&mut state, notice);
            self.announce(state);
        }
    }

    /// Completes the task, if it has not completed yet. Returns whether this call completed it.
    pub(crate) fn complete(self: &Arc<Self>, response: Response<B>) -> bool {
        let mut state = lock(&self.state);
        if state.response.is_some() {
            return false;
        }
        let response = Arc::new(response);
        self.push(&mut state, Notice::Completed(response.clone()));
        state.response = Some(response);
        self.is_over.store(true, Ordering::Release);
        // Do this before anybody is notified, so that the number of active tasks is already right.
        self.keeper.is_over(self.key);
        self.announce(state);
        true
    }

    /// Completes the task without its call.
    pub(crate) fn complete_without_call(self: &Arc<Self>, result: ResultCode, sentence: &str) -> bool {
        let facts = Facts { url: self.url.clone(), ..Facts::default() };
        self.complete(Response { result, facts, body: B::with_len(0), error: sentence.to_owned() })
    }

    /// Wakes the threads that wait for a notice, if there was one since the last call. Waking a thread costs as much as a small response,
    /// so this is called once a turn.
    pub(crate) fn wake_watchers(&self) {
        let owes_wake = std::mem::take(&mut lock(&self.state).owes_wake);
        if owes_wake {
            self.changed.notify_all();
        }
    }

    /// Returns whether the owner must take data before more is read. In that case, the worker is notified when the data was taken.
    pub(crate) fn is_full(&self) -> bool {
        let mut state = lock(&self.state);
        state.is_paused = state.waiting >= WINDOW;
        state.is_paused
    }

    /// Returns whether no thread holds the lock.
    #[cfg(test)]
    pub(crate) fn is_unlocked(&self) -> bool {
        self.state.try_lock().is_ok()
    }

    /// Takes the notices with their numbers.
    pub(crate) fn take(&self) -> Vec<(u64, Notice<B>)> {
        let mut state = lock(&self.state);
        let was_listed = std::mem::take(&mut state.is_listed);
        state.waiting = 0;
        let is_resumed = std::mem::take(&mut state.is_paused);
        let notices = std::mem::take(&mut state.notices);
        if was_listed {
            // Do this before anybody can add a notice. Otherwise, that notice would list the task again, and this would remove it.
            self.keeper.unlist(self.key);
        }
        drop(state);
        if is_resumed {
            self.keeper.is_taken(self.key);
        }
        notices.into()
    }

    fn push(&self, state: &mut State<B>, notice: Notice<B>) {
        match &notice {
            Notice::Progress { .. } => state.notices.retain(|(_, other)| !matches!(other, Notice::Progress { .. })),
            Notice::UploadProgress { .. } => {
                state.notices.retain(|(_, other)| !matches!(other, Notice::UploadProgress { .. }));
            }
            Notice::Chunk(chunk) => state.waiting += chunk.as_slice().len() + NOTICE_COST,
            Notice::Event(event) => {
                // Consecutive events share an id that the server sent once.
                let before = state.notices.iter().rev().find_map(|(_, other)| match other {
                    Notice::Event(other) => Some(&other.id),
                    _ => None,
                });
                let id = if before.is_some_and(|id| Arc::ptr_eq(id, &event.id)) { 0 } else { event.id.len() };
                state.waiting += id + event.data.len() + event.kind.len() + NOTICE_COST;
            }
            _ => {}
        }
        state.notices.push_back((self.keeper.next_number(), notice));
    }

    /// Notifies the threads and the keeper that there is a notice.
    fn announce(self: &Arc<Self>, mut state: std::sync::MutexGuard<'_, State<B>>) {
        let is_news = !std::mem::replace(&mut state.is_listed, true);
        let is_over = state.response.is_some();
        state.owes_wake = !is_over && (state.owes_wake || state.watchers > 0 || state.waiting > 0);
        drop(state);
        if is_over {
            self.changed.notify_all();
        }
        if !is_news {
            return;
        }
        let is_listed = self.keeper.has_notices(self);
        let mut state = lock(&self.state);
        if !is_listed {
            state.is_listed = false;
        } else if !state.is_listed {
            // The owner has already taken the notice.
            self.keeper.unlist(self.key);
        }
    }
}

/// Omits received data.
impl<B: Buffer> fmt::Debug for Notice<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResponseStarted(facts) => f.debug_tuple("ResponseStarted").field(facts).finish(),
            Self::Progress { bytes, total } => write!(f, "Progress({bytes} of {total:?})"),
            Self::UploadProgress { bytes, total } => write!(f, "UploadProgress({bytes} of {total})"),
            Self::Chunk(chunk) => write!(f, "Chunk({} bytes)", chunk.as_slice().len()),
            Self::Event(event) => event.fmt(f),
            Self::Retrying { attempt, after, reason } => write!(f, "Retrying({attempt} after {after:?}: {reason})"),
            Self::Completed(response) => f.debug_tuple("Completed").field(response).finish(),
        }
    }
}

impl<B: Buffer> Clone for Task<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<B: Buffer> fmt::Debug for Task<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("id", &self.id()).field("is_completed", &self.is_completed()).finish()
    }
}
