//! The class `HTTPTaskRust`: a running request. [`delivery`](crate::high::delivery) emits its signals.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use godot::builtin::{Callable, GString, PackedByteArray, RustCallable, Signal, Variant};
use godot::classes::{Node, RefCounted};
use godot::global::godot_error;
use godot::meta::ToGodot;
use godot::obj::{Base, Gd, InstanceId, NewGd};
use godot::register::{GodotClass, godot_api};
use http_client::ByteBuffer;
use http_fetch::ResultCode;

use crate::held::{Held, connect};
use crate::high::body::{Body, Notice, Response, Task};
use crate::high::delivery;
use crate::high::node::NodeLink;
use crate::high::response::{HttpResponseRust, Known};
use crate::registration::register_signal;

/// A task. See the module. Only sessions and nodes create it.
#[derive(GodotClass)]
#[class(tool, no_init, base = RefCounted, rename = HTTPTaskRust)]
pub(crate) struct HttpTaskRust {
    shared: Arc<TaskShared>,
    _base: Base<RefCounted>,
}

/// The state that a task's object shares with the code that delivers to the task or ends it.
#[derive(Default)]
pub(crate) struct TaskShared {
    /// Set before anybody else can access this state.
    task: OnceLock<Task>,
    /// The task was cancelled before it was completed. It ends as cancelled, whatever the worker reports, and emits nothing else.
    is_cancelled: AtomicBool,
    state: Mutex<State>,
}

/// Locked only for moments. While it is locked, nothing is called, and no value is dropped that could run code of a script.
#[derive(Default)]
struct State {
    /// Notices from the worker that are not emitted yet. A handler of a signal may wait for the task and emit the rest of them.
    pending: VecDeque<Notice>,
    response: Option<Held<Gd<HttpResponseRust>>>,
    is_completed: bool,
    /// The objects whose signals [`HttpTaskRust::wait`] returned.
    waiters: Vec<Held<Gd<RefCounted>>>,
    /// Nodes whose end cancels the task.
    nodes: Vec<InstanceId>,
    /// The node that made the request.
    node: Option<NodeLink>,
}

impl TaskShared {
    /// The worker's task. None only while this state is being created.
    pub(crate) fn task(&self) -> Option<&Task> {
        self.task.get()
    }

    pub(crate) fn set_task(&self, task: Task) {
        let _ = self.task.set(task);
    }

    pub(crate) fn set_node(&self, node: NodeLink) {
        self.lock().node = Some(node);
    }

    pub(crate) fn add_pending(&self, notices: impl IntoIterator<Item = Notice>) {
        self.lock().pending.extend(notices);
    }

    pub(crate) fn next_pending(&self) -> Option<Notice> {
        self.lock().pending.pop_front()
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.lock().is_completed
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }

    /// Cancels a task that is not completed. Its result is then cancelled, whatever the worker knows already.
    pub(crate) fn cancel(&self) {
        let state = self.lock();
        if state.is_completed {
            return;
        }
        self.is_cancelled.store(true, Ordering::SeqCst);
        drop(state);
        if let Some(task) = self.task.get() {
            task.cancel();
        }
    }

    pub(crate) fn response(&self) -> Option<Gd<HttpResponseRust>> {
        self.lock().response.as_ref().map(|held| held.0.clone())
    }

    /// Adds what is known to the task's only response object, and returns it.
    pub(crate) fn response_with(&self, known: Known) -> Gd<HttpResponseRust> {
        if let Some(response) = self.response() {
            response.bind().learn(known);
            return response;
        }
        let made = HttpResponseRust::made(known.clone());
        let mut state = self.lock();
        let kept = state.response.get_or_insert_with(|| Held::new(made.clone())).0.clone();
        drop(state);
        // Another thread may have created the object in the meantime.
        kept.bind().learn(known);
        kept
    }

    /// Completes the task.
    pub(crate) fn complete(&self, response: Arc<Response>) -> Gd<HttpResponseRust> {
        let mut state = self.lock();
        // From now on, nobody can cancel the task.
        let is_first = !std::mem::replace(&mut state.is_completed, true);
        drop(state);
        let is_late = is_first && self.is_cancelled() && response.result != ResultCode::Cancelled;
        let response = if is_late { Arc::new(cancelled(&response)) } else { response };
        self.response_with(Known::All(response))
    }

    /// Takes everything that waits for the end of the task, so that each is notified once.
    pub(crate) fn take_listeners(&self) -> (Vec<Gd<RefCounted>>, Vec<InstanceId>, Option<NodeLink>) {
        let mut state = self.lock();
        let waiters = std::mem::take(&mut state.waiters).into_iter().map(|held| held.into_inner()).collect();
        (waiters, std::mem::take(&mut state.nodes), state.node.take())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cancelled(response: &Response) -> Response {
    Response {
        result: ResultCode::Cancelled,
        facts: response.facts.clone(),
        body: Body::with_len(0),
        error: "the request was cancelled".to_owned(),
    }
}

impl HttpTaskRust {
    pub(crate) fn made() -> (Gd<Self>, Arc<TaskShared>) {
        let shared = Arc::new(TaskShared::default());
        let task = Gd::from_init_fn(|base| Self { shared: shared.clone(), _base: base });
        (task, shared)
    }

    pub(crate) fn shared(&self) -> Arc<TaskShared> {
        self.shared.clone()
    }
}

#[godot_api]
impl HttpTaskRust {
    #[signal]
    fn completed(response: Gd<HttpResponseRust>);
    #[signal]
    fn response_started(response: Gd<HttpResponseRust>);
    #[signal]
    fn progressed(bytes: i64, total: i64);
    #[signal]
    fn upload_progressed(bytes: i64, total: i64);
    #[signal]
    fn chunk_received(chunk: PackedByteArray);
    #[signal]
    fn retrying(attempt: i64, seconds: f64, reason: GString);

    #[func(gd_self)]
    fn cancel(this: Gd<Self>) {
        let shared = this.bind().shared();
        shared.cancel();
    }

    #[func]
    fn is_completed(&self) -> bool {
        self.shared.is_completed()
    }

    #[func]
    pub(crate) fn get_response(&self) -> Option<Gd<HttpResponseRust>> {
        self.shared.response()
    }

    #[func(gd_self)]
    fn wait(this: Gd<Self>) -> Signal {
        let shared = this.bind().shared();
        let emits = delivery::emits();
        let mut waiter = RefCounted::new_gd();
        waiter.add_user_signal(WAITED);
        let signal = Signal::from_object_signal(&waiter, WAITED);
        let mut state = shared.lock();
        // After the end of the program, the signal is never emitted. Otherwise, a script that awaits one task after the other would go on
        // forever.
        if !state.is_completed || !emits {
            state.waiters.push(Held::new(waiter));
            return signal;
        }
        drop(state);
        let held = Held::new((waiter, shared.response()));
        // The main thread calls this, and any thread can have called `wait()`.
        let emit = Callable::from_sync_fn("HTTPTaskRust.wait", move |_: &[&Variant]| {
            let held: &Held<(Gd<RefCounted>, Option<Gd<HttpResponseRust>>)> = &held;
            let (waiter, response) = &*held.0;
            waiter.clone().emit_signal(WAITED, &[response.to_variant()]);
        });
        emit.call_deferred(&[]);
        signal
    }

    #[func(gd_self)]
    fn wait_to_finish(this: Gd<Self>) -> Option<Gd<HttpResponseRust>> {
        let shared = this.bind().shared();
        delivery::wait_to_finish(&this, &shared);
        shared.response()
    }

    #[func(gd_self)]
    fn bind_node(this: Gd<Self>, node: Option<Gd<Node>>) -> Gd<Self> {
        let shared = this.bind().shared();
        let Some(node) = node else {
            godot_error!(
                "HTTPTaskRust.bind_node(): the node is null; pass the node that cancels the task when it leaves the tree"
            );
            return this;
        };
        let ending = ending_with_node(&shared, true);
        if !shared.is_completed() && !node.is_connected(TREE_EXITING, &ending) {
            connect(&node, TREE_EXITING, &ending, None);
            shared.lock().nodes.push(node.instance_id());
            // Another thread may have completed the task in the meantime.
            if shared.is_completed() {
                let (_, nodes, _) = shared.take_listeners();
                leave_nodes(&shared, nodes);
            }
        }
        this
    }

    #[func]
    fn get_url(&self) -> GString {
        self.shared.task().map(|task| GString::from(task.url())).unwrap_or_default()
    }

    #[func]
    pub(crate) fn get_downloaded_bytes(&self) -> i64 {
        self.shared.task().map_or(0, |task| i64::try_from(task.downloaded_bytes()).unwrap_or(i64::MAX))
    }

    #[func]
    pub(crate) fn get_body_size(&self) -> i64 {
        self.shared.task().map_or(-1, Task::body_size)
    }

    #[func]
    pub(crate) fn get_uploaded_bytes(&self) -> i64 {
        self.shared.task().map_or(0, |task| i64::try_from(task.uploaded_bytes()).unwrap_or(i64::MAX))
    }
}

/// Completes the registration of the class, which must be registered already.
pub(crate) fn register() {
    register_signal::<HttpTaskRust, (GString, GString, GString)>("event_received", &["type", "data", "id"]);
}

/// Disconnects all signals of a completed task. A connected function that refers to the task would keep it alive forever.
pub(crate) fn forget_connections(task: &mut Gd<HttpTaskRust>) {
    for signal in SIGNALS {
        for connection in task.get_signal_connection_list(signal).iter_shared() {
            let callable = connection.get("callable").map(|callable| callable.to::<Callable>());
            // A one-shot connection is already gone. A reference-counted connection needs one call for each reference.
            while let Some(callable) = callable.as_ref().filter(|callable| task.is_connected(signal, callable)) {
                task.disconnect(signal, callable);
            }
        }
    }
}

const SIGNALS: [&str; 7] = [
    "completed",
    "response_started",
    "progressed",
    "upload_progressed",
    "chunk_received",
    "event_received",
    "retrying",
];

/// The signal of the objects that [`HttpTaskRust::wait`] returns.
pub(crate) const WAITED: &str = "finished";
const TREE_EXITING: &str = "tree_exiting";

/// Disconnects the nodes that a task was bound to. Call this on the main thread, where nodes live.
pub(crate) fn leave_nodes(shared: &Arc<TaskShared>, nodes: Vec<InstanceId>) {
    for id in nodes {
        if let Ok(mut node) = Gd::<Node>::try_from_instance_id(id) {
            let ending = ending_with_node(shared, false);
            if node.is_connected(TREE_EXITING, &ending) {
                node.disconnect(TREE_EXITING, &ending);
            }
        }
    }
}

fn ending_with_node(shared: &Arc<TaskShared>, is_armed: bool) -> Callable {
    Callable::from_custom(EndingWithNode { task: Arc::downgrade(shared), is_armed })
}

/// Cancels a task when the signal calls it, and also when it is dropped. A node that was never in the tree drops its connections
/// when it is freed.
struct EndingWithNode {
    task: Weak<TaskShared>,
    /// False for a value that is only used to find an existing connection.
    is_armed: bool,
}

impl EndingWithNode {
    fn cancel(&self) {
        if let Some(task) = self.task.upgrade().filter(|_| self.is_armed) {
            task.cancel();
        }
    }
}

impl RustCallable for EndingWithNode {
    fn invoke(&mut self, _arguments: &[&Variant]) -> Variant {
        self.cancel();
        Variant::nil()
    }
}

impl Drop for EndingWithNode {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl PartialEq for EndingWithNode {
    fn eq(&self, other: &Self) -> bool {
        self.task.ptr_eq(&other.task)
    }
}

impl Hash for EndingWithNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.task.as_ptr() as usize).hash(state);
    }
}

impl fmt::Display for EndingWithNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HTTPTaskRust.bind_node")
    }
}
