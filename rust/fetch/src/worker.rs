//! The thread that drives the calls of all sessions. It sleeps until a socket is ready, a deadline passes, or another thread wakes it.
//!
//! It starts with the first request, and is never joined. Tasks report with [`Notice`]s. The `deliver` hook is called once when there are
//! new notices after there were none, and its owner takes them all at once.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use http_net::{Context, Ready, without_number};

use crate::call::Call;
use crate::engine::Engine;
use crate::exchange::{Dialer, Network};
use crate::lock::lock;
use crate::mailbox::{Command, Mailbox};
use crate::response::{Buffer, ResultCode};
use crate::task::{Notice, Task};

/// How long to sleep if the system has no free descriptors to wait with.
const NAP: Duration = Duration::from_millis(5);

/// The thread that runs the requests of all its sessions. It starts with the first request and sleeps until a socket is ready, a deadline
/// passes, or another thread wakes it. It ends when the last reference is dropped.
pub struct Worker<B: Buffer = Vec<u8>> {
    context: Arc<Context>,
    mailbox: Arc<Mailbox<B>>,
    is_closed: Arc<AtomicBool>,
    /// The dialer for the thread. `None` when the thread runs.
    seed: Mutex<Option<Arc<dyn Dialer>>>,
}

impl Worker {
    /// Returns the worker of the process, which uses the network.
    pub fn shared() -> &'static Arc<Worker> {
        static SHARED: LazyLock<Arc<Worker>> = LazyLock::new(|| Worker::new(Context::shared().clone()));
        &SHARED
    }
}

impl<B: Buffer> Worker<B> {
    /// Creates a separate worker. Its thread starts with the first request.
    pub fn new(context: Arc<Context>) -> Arc<Self> {
        let dialer = Arc::new(Network(context.clone()));
        Self::with_dialer(context, dialer)
    }

    /// Creates a worker that connects with this dialer.
    pub fn with_dialer(context: Arc<Context>, dialer: Arc<dyn Dialer>) -> Arc<Self> {
        Arc::new(Self {
            context,
            mailbox: Arc::new(Mailbox::new()),
            is_closed: Arc::default(),
            seed: Mutex::new(Some(dialer)),
        })
    }

    /// Sets the function that is called when there are new notices after there were none. It is called on the thread of the worker or on
    /// a thread that cancels tasks. It should only pass the call on, and must not call the worker. After a call with `None`, it is not
    /// called again.
    pub fn set_deliver(&self, deliver: Option<Box<dyn Fn() + Send>>) {
        self.mailbox.set_deliver(deliver);
    }

    /// Takes the notices of all tasks since the last call, in order. It only contains notices from the time after `deliver` was set.
    pub fn take_notices(&self) -> Vec<(Task<B>, Notice<B>)> {
        let mut notices = Vec::new();
        for task in self.mailbox.take_listed() {
            notices.extend(task.take().into_iter().map(|(number, notice)| (number, task.clone(), notice)));
        }
        notices.sort_by_key(|(number, ..)| *number);
        notices.into_iter().map(|(_, task, notice)| (Task(task), notice)).collect()
    }

    /// Ends the work because the program quits. Every task completes as cancelled before this method returns, and later tasks complete at
    /// once. The thread ends by itself.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.mailbox.wake();
        for task in self.mailbox.active(None) {
            task.complete_without_call(ResultCode::Cancelled, ENDS);
        }
    }

    /// Returns how many tasks have not completed yet.
    pub fn active_count(&self) -> usize {
        self.mailbox.active(None).len()
    }

    /// Returns the context of the worker.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox<B>> {
        &self.mailbox
    }

    pub(crate) fn start(&self, call: Call<B>) {
        let task = call.task.clone();
        if let Err(error) = self.start_thread() {
            let sentence = format!("the thread for requests could not be started: {}", without_number(&error));
            task.complete_without_call(ResultCode::RequestFailed, &sentence);
            // If the thread starts later, this call must not run any more.
            return;
        }
        self.mailbox.send(Command::Start(Box::new(call)));
        // If `close` was called in the meantime, it may have missed this task.
        if self.is_closed.load(Ordering::SeqCst) {
            task.complete_without_call(ResultCode::Cancelled, ENDS);
            drop(self.mailbox.take_commands());
        }
    }

    fn start_thread(&self) -> std::io::Result<()> {
        let mut seed = lock(&self.seed);
        let Some(dialer) = seed.clone() else { return Ok(()) };
        let driver = Driver {
            context: self.context.clone(),
            mailbox: self.mailbox.clone(),
            is_closed: self.is_closed.clone(),
            ready: None,
        };
        thread::Builder::new().name("http-fetch".to_owned()).spawn(move || driver.run(dialer))?;
        *seed = None;
        Ok(())
    }
}

/// The sentence for tasks that are cancelled because the program quits.
const ENDS: &str = "the request was cancelled because the program quits";

impl<B: Buffer> Drop for Worker<B> {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.mailbox.wake();
    }
}

impl<B: Buffer> fmt::Debug for Worker<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("active", &self.active_count()).finish_non_exhaustive()
    }
}

/// The state of the thread.
struct Driver<B: Buffer> {
    context: Arc<Context>,
    mailbox: Arc<Mailbox<B>>,
    is_closed: Arc<AtomicBool>,
    /// `None` while the system has no free descriptors. The thread then tries again.
    ready: Option<Ready>,
}

impl<B: Buffer> Driver<B> {
    fn run(mut self, dialer: Arc<dyn Dialer>) {
        let mut engine = Engine::new(self.mailbox.clone(), dialer);
        // A panic in a call only ends that call. A panic outside of calls ends all tasks, so that none waits forever.
        let ran = catch_unwind(AssertUnwindSafe(|| self.drive(&mut engine)));
        self.is_closed.store(true, Ordering::SeqCst);
        let (result, sentence) = match ran {
            Ok(()) => (ResultCode::Cancelled, ENDS),
            Err(_) => (
                ResultCode::RequestFailed,
                "the thread for requests ended because of a bug in this library; please report it",
            ),
        };
        for task in self.mailbox.active(None) {
            task.complete_without_call(result, sentence);
        }
        drop(self.mailbox.take_commands());
    }

    fn drive(&mut self, engine: &mut Engine<B>) {
        while !self.is_closed.load(Ordering::SeqCst) {
            if self.ready.is_none() {
                self.ready = Ready::new().ok();
                if let Some(ready) = &self.ready {
                    self.mailbox.set_waker(ready.waker());
                    engine.set_waker(ready.waker());
                }
            }
            engine.turn(self.context.now(), SystemTime::now(), self.ready.as_ref());
            if self.is_closed.load(Ordering::SeqCst) {
                return;
            }
            let longest = engine.longest(self.context.now());
            let slept = match &mut self.ready {
                Some(ready) => ready.wait_for_watches(longest, |key| engine.event(key)).is_ok(),
                None => false,
            };
            if !slept {
                thread::sleep(NAP);
                engine.run_all();
            }
        }
    }
}
