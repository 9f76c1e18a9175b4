//! Delivers from the worker to scripts: it keeps every task until the task is completed, emits one batch of signals per frame,
//! and handles the end of the program.
//!
//! The worker calls a hook when there is something new, and the hook makes one deferred call. All signals are emitted on the main
//! thread. Other threads read the result of a task directly ([`wait_to_finish`]). When the root leaves the tree, every task
//! completes as cancelled, and all objects of the engine are released, because nothing can release them later.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use godot::builtin::{Callable, Variant};
use godot::classes::object::ConnectFlags;
use godot::classes::{Engine, MainLoop, Object, SceneTree};
use godot::init::is_main_thread;
use godot::meta::ToGodot;
use godot::obj::{Gd, Singleton};

use crate::call::guarded;
use crate::convert::types::whole_text;
use crate::held::{Held, connect};
use crate::high::body::{Notice, Task, forget_engine, leave_engine, worker};
use crate::high::response::Known;
use crate::high::session::{HttpSessionRust, SessionShared};
use crate::high::task::{HttpTaskRust, TaskShared, WAITED, forget_connections, leave_nodes};

static HUB: Mutex<Hub> = Mutex::new(Hub {
    tasks: None,
    shared: None,
    is_hooked: false,
    is_asked_to_hook: false,
    is_closed: false,
    late: None,
    last_frame: None,
});

/// The maximum number of tasks that start while the program ends and still emit their end. Without a limit, the engine could not quit
/// while a script starts the next task whenever one ends.
const MOST_LATE: usize = 100;

struct Hub {
    /// Tasks that are not completed, by the number that the worker gave them.
    tasks: Option<HashMap<u64, Kept>>,
    /// The session that `HTTPSessionRust.shared()` returns.
    shared: Option<Held<Gd<HttpSessionRust>>>,
    /// The hooks for the worker and for the end of the program are set.
    is_hooked: bool,
    is_asked_to_hook: bool,
    /// The program has ended.
    is_closed: bool,
    /// The tasks that scripts started in response to the end of another task, while the program ends. `None` before and after that.
    late: Option<VecDeque<Kept>>,
    /// The frame of the last batch.
    last_frame: Option<u64>,
}

/// A task's object and its shared state. Keeping both avoids asking the object for its state.
#[derive(Clone)]
struct Kept {
    /// The session of the task.
    session: Arc<SessionShared>,
    object: Held<Gd<HttpTaskRust>>,
    shared: Arc<TaskShared>,
}

fn hub() -> MutexGuard<'static, Hub> {
    HUB.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a task of a session, and keeps its object until it is completed. `prepare` runs before the task starts.
pub(crate) fn start(
    session: &Arc<SessionShared>,
    prepare: impl FnOnce(&TaskShared),
    start: impl FnOnce() -> Task,
) -> Gd<HttpTaskRust> {
    hook_up();
    let (object, shared) = HttpTaskRust::made();
    prepare(&shared);
    let kept = Kept { session: session.clone(), object: Held::new(object.clone()), shared: shared.clone() };
    // The lock is held until the task is registered, so its first notice finds it.
    let mut hub = hub();
    let task = start();
    let id = task.id();
    shared.set_task(task);
    if !hub.is_closed {
        hub.tasks.get_or_insert_default().insert(id, kept);
        return object;
    }
    if let Some(late) = &mut hub.late {
        late.push_back(kept);
        return object;
    }
    drop(hub);
    // After the end of the program, no signals are emitted.
    complete_silently(&shared);
    object
}

fn complete_silently(shared: &TaskShared) {
    if let Some(response) = shared.task().and_then(Task::response) {
        shared.complete(response);
    }
}

/// Cancels all tasks of a session, in the order of their start.
pub(crate) fn cancel_all(session: &Arc<SessionShared>) {
    let of_session = |(_, kept): &(&u64, &Kept)| Arc::ptr_eq(&kept.session, session);
    let mut tasks: Vec<(u64, Kept)> =
        hub().tasks.iter().flatten().filter(of_session).map(|(id, kept)| (*id, kept.clone())).collect();
    tasks.sort_by_key(|(id, _)| *id);
    tasks.iter().for_each(|(_, kept)| kept.shared.cancel());
}

/// Returns whether a task that starts now emits its end.
pub(crate) fn emits() -> bool {
    let hub = hub();
    !hub.is_closed || hub.late.is_some()
}

/// The session that the whole game shares.
pub(crate) fn shared_session(make: impl FnOnce() -> Gd<HttpSessionRust>) -> Gd<HttpSessionRust> {
    hook_up();
    let known = hub().shared.as_ref().map(|held| held.0.clone());
    if let Some(session) = known {
        return session;
    }
    let made = make();
    let mut hub = hub();
    if hub.is_closed {
        return made;
    }
    let kept = hub.shared.get_or_insert_with(|| Held::new(made.clone())).0.clone();
    drop(hub);
    kept
}

/// Blocks until a task is completed. On the main thread, this emits the signals of this task, and of no other.
pub(crate) fn wait_to_finish(object: &Gd<HttpTaskRust>, shared: &Arc<TaskShared>) {
    let Some(task) = shared.task() else { return };
    if !is_main_thread() {
        // The main thread emits the signals. It may be waiting for this thread.
        let response = task.wait();
        shared.complete(response);
        return;
    }
    loop {
        while let Some(notice) = shared.next_pending() {
            emit(object, shared, notice);
        }
        let notices = if task.is_completed() { task.take_notices() } else { task.next_notices(None) };
        if notices.is_empty() && task.is_completed() {
            break;
        }
        shared.add_pending(notices);
    }
    // The task may have been completed already, by another waiting thread, or because a handler of its last signal called this.
    complete_silently(shared);
}

/// Emits everything that happened since the last call. Runs once per frame.
fn deliver() {
    let frame = Engine::singleton().get_process_frames();
    if hub().last_frame == Some(frame) && is_put_off() {
        return;
    }
    let notices = worker().take_notices();
    if !notices.is_empty() {
        hub().last_frame = Some(frame);
    }
    let mut order = Vec::with_capacity(notices.len());
    for (task, notice) in notices {
        let kept = hub().tasks.as_ref().and_then(|tasks| tasks.get(&task.id())).cloned();
        if let Some(kept) = kept {
            kept.shared.add_pending([notice]);
            order.push(kept);
        }
    }
    for kept in order {
        // A caller that waits for the task may have taken the notice already.
        if let Some(notice) = kept.shared.next_pending() {
            emit(&kept.object.0, &kept.shared, notice);
        }
    }
}

/// Emits all pending notices of a task.
fn drain(kept: &Kept) {
    kept.shared.add_pending(kept.shared.task().map(Task::take_notices).unwrap_or_default());
    while let Some(notice) = kept.shared.next_pending() {
        emit(&kept.object.0, &kept.shared, notice);
    }
}

/// Schedules the next batch for the next frame, because another deferred call would still run in this frame. Returns false
/// without a scene tree.
fn is_put_off() -> bool {
    let Some(tree) = scene_tree() else { return false };
    let next = Callable::from_sync_fn("HTTPTaskRust.deliver_next", |_: &[&Variant]| guarded(deliver));
    connect(&tree, "process_frame", &next, Some(ConnectFlags::ONE_SHOT));
    true
}

/// Emits one notice of a task. Call this on the main thread.
fn emit(object: &Gd<HttpTaskRust>, shared: &Arc<TaskShared>, notice: Notice) {
    let mut signals = object.clone().upcast::<Object>();
    let is_cancelled = shared.is_cancelled();
    let count = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    match notice {
        Notice::Completed(response) => {
            let id = shared.task().map(Task::id);
            let response = shared.complete(response);
            let held = id.and_then(|id| hub().tasks.as_mut().and_then(|tasks| tasks.remove(&id)));
            let (waiters, nodes, node) = shared.take_listeners();
            leave_nodes(shared, nodes);
            let response = response.to_variant();
            signals.emit_signal("completed", std::slice::from_ref(&response));
            for mut waiter in waiters {
                waiter.emit_signal(WAITED, std::slice::from_ref(&response));
            }
            if let Some(node) = node {
                node.completed(shared);
            }
            forget_connections(&mut object.clone());
            drop(held);
        }
        // After a cancellation, only the end of the task is emitted.
        _ if is_cancelled => {}
        Notice::ResponseStarted(facts) => {
            let response = shared.response_with(Known::Head(facts));
            signals.emit_signal("response_started", &[response.to_variant()]);
        }
        Notice::Progress { bytes, total } => {
            let total = total.map_or(-1, count);
            signals.emit_signal("progressed", &[count(bytes).to_variant(), total.to_variant()]);
        }
        Notice::UploadProgress { bytes, total } => {
            signals.emit_signal("upload_progressed", &[count(bytes).to_variant(), count(total).to_variant()]);
        }
        Notice::Chunk(chunk) => {
            signals.emit_signal("chunk_received", &[chunk.give_out().to_variant()]);
        }
        Notice::Event(event) => {
            let arguments = [&*event.kind, &event.data, &event.id].map(|text| whole_text(text).to_variant());
            signals.emit_signal("event_received", &arguments);
        }
        Notice::Retrying { attempt, after, reason } => {
            let arguments = [i64::from(attempt).to_variant(), after.as_secs_f64().to_variant(), reason.to_variant()];
            signals.emit_signal("retrying", &arguments);
        }
        // Other notices have no signal today.
        _ => {}
    }
}

/// Sets the hooks for the worker and for the end of the program. On another thread, it asks the main thread to do so.
fn hook_up() {
    let mut hub = hub();
    if hub.is_hooked || hub.is_closed {
        return;
    }
    let is_here = is_main_thread() && main_loop().is_some();
    if is_here {
        hub.is_hooked = true;
        drop(hub);
        hook_here();
    } else if !hub.is_asked_to_hook {
        hub.is_asked_to_hook = true;
        drop(hub);
        let later = Callable::from_sync_fn("HTTPSessionRust.hook_up", |_: &[&Variant]| guarded(hook_up));
        later.call_deferred(&[]);
    }
}

fn hook_here() {
    let notice = Held::new(Callable::from_sync_fn("HTTPTaskRust.deliver", |_: &[&Variant]| guarded(deliver)));
    // The worker holds its lock during the call. So nothing calls this any more after `quit` has removed the hook.
    worker().set_deliver(Some(Box::new(move || {
        let notice: &Held<Callable> = &notice;
        notice.0.call_deferred(&[]);
    })));
    if let Some(tree) = scene_tree() {
        let ending = Callable::from_sync_fn("HTTPSessionRust.quit", |_: &[&Variant]| guarded(quit));
        if let Some(root) = tree.get_root() {
            connect(&root, "tree_exiting", &ending, None);
        }
    } else if let Some(mut main_loop) = main_loop() {
        // It is dropped with the main loop, when no signal can be emitted any more.
        let ending = Ending;
        let held = Callable::from_sync_fn("HTTPSessionRust.quit", move |_: &[&Variant]| {
            let _: &Ending = &ending;
        });
        main_loop.set_meta("_http_client_rust", &held.to_variant());
    }
    // Notices from before this moment are in no list, so this drains every task.
    let all: Vec<Kept> = hub().tasks.iter().flat_map(HashMap::values).cloned().collect();
    all.iter().for_each(drain);
}

/// The end of the program: every task completes as cancelled, and all objects of the engine are released.
fn quit() {
    close(true);
}

fn close(tells: bool) {
    let mut hub = hub();
    if std::mem::replace(&mut hub.is_closed, true) {
        return;
    }
    let tasks = hub.tasks.take().unwrap_or_default();
    let session = hub.shared.take();
    hub.late = tells.then(VecDeque::new);
    drop(hub);
    let worker = worker();
    worker.set_deliver(None);
    worker.close();
    leave_engine();
    let mut tasks: Vec<_> = tasks.into_iter().collect();
    tasks.sort_by_key(|(id, _)| *id);
    if tells {
        tasks.iter().for_each(|(_, kept)| drain(kept));
        drain_late();
    }
    drop(tasks);
    drop(session);
}

/// Emits the ends of the tasks that started in the meantime, up to the limit. The scripts still exist.
fn drain_late() {
    for _ in 0..MOST_LATE {
        let first = hub().late.as_mut().and_then(VecDeque::pop_front);
        let Some(kept) = first else { break };
        drain(&kept);
    }
    let rest = hub().late.take().unwrap_or_default();
    rest.iter().for_each(|kept| complete_silently(&kept.shared));
}

/// A value that a main loop without a scene tree drops when it ends.
struct Ending;

impl Drop for Ending {
    fn drop(&mut self) {
        guarded(|| close(false));
    }
}

/// Called when the library is unloaded. Everything has ended by then, unless no main loop ever ran.
pub(crate) fn release() {
    close(false);
    forget_engine();
}

fn main_loop() -> Option<Gd<MainLoop>> {
    Engine::singleton().get_main_loop()
}

fn scene_tree() -> Option<Gd<SceneTree>> {
    main_loop()?.try_cast::<SceneTree>().ok()
}
