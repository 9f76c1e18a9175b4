//! Sends the data of a running game to the panel *Network* in the editor's debugger, and provides the add-on's monitors.
//!
//! This only runs with a debugger, and never in a release build. Otherwise no observer is set, and nothing is kept, computed or
//! sent. The editor's side is in `addons/http_client_rust/network`. It reports whether it listens and which batch it has
//! processed. The game sends one batch per frame. It pauses while too much data is waiting for the editor.
//!
//! ```text
//!  connections ──▶ recorder ──▶ exchanges ──▶ outbox ──▶ here, once a frame ──▶ EngineDebugger ──▶ the editor
//!  their threads                                         the main thread
//! ```

mod exchanges;
mod outbox;
mod rate;
mod recorder;
#[cfg(test)]
mod tests;
mod update;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use godot::builtin::{Callable, StringName, Variant};
use godot::classes::{Engine, EngineDebugger, Os, Performance, SceneTree};
use godot::meta::ToGodot;
use godot::obj::Singleton;
use http_client::Context;

use self::recorder::Recorder;
use crate::call::guarded;
use crate::held::{Held, connect};

/// The prefix of the messages.
const CAPTURE: &str = "http_client_rust";
/// To the editor: a batch, in the form of [`wire::arguments`].
const EXCHANGES: &str = "http_client_rust:exchanges";
/// From the editor: whether it listens, and which batch it has processed.
const LISTEN: &str = "listen";
const TAKEN: &str = "taken";

/// In the editor: *Debugger → Monitors → HTTPClientRust*.
const MONITORS: [(&str, Monitor); 3] = [
    ("HTTPClientRust/Open connections", Recorder::open_connections),
    ("HTTPClientRust/Requests per second", Recorder::requests_a_second),
    ("HTTPClientRust/Bytes per second", Recorder::bytes_a_second),
];

type Monitor = fn(&Recorder) -> u64;

static PANEL: Mutex<Option<Panel>> = Mutex::new(None);

/// The panel's state. Exists only with a debugger.
struct Panel {
    recorder: Arc<Recorder>,
    /// The frame in which the last batch was sent.
    last_frame: Option<u64>,
}

/// Called when the library has been loaded. With a debugger, the recorder watches all connections from now on.
pub(crate) fn register() {
    // A release build sends nothing, even if it is started with a debugger.
    let is_debugged = Os::singleton().is_debug_build() && EngineDebugger::singleton().is_active();
    if let Some(recorder) = install(Context::shared(), is_debugged) {
        *PANEL.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Panel { recorder: recorder.clone(), last_frame: None });
        talk(&recorder);
    }
}

/// Sets the observer of connections, but only with a debugger.
fn install(context: &Context, is_debugged: bool) -> Option<Arc<Recorder>> {
    let recorder = is_debugged.then(|| Arc::new(Recorder::new(Instant::now, SystemTime::now())))?;
    context.set_observer(Some(recorder.clone()));
    Some(recorder)
}

/// Connects a recorder with the editor.
fn talk(recorder: &Arc<Recorder>) {
    let send = Held::new(Callable::from_sync_fn("HTTPClientRust.send_to_panel", |_: &[&Variant]| guarded(send)));
    recorder.set_wake(Some(Box::new(move || {
        let send: &Held<Callable> = &send;
        send.0.call_deferred(&[]);
    })));
    let from_editor = recorder.clone();
    let capture = Callable::from_sync_fn("HTTPClientRust.panel_says", move |arguments: &[&Variant]| {
        hear(&from_editor, arguments)
    });
    EngineDebugger::singleton().register_message_capture(CAPTURE, &capture);
    let mut performance = Performance::singleton();
    for (name, value) in MONITORS {
        let recorder = recorder.clone();
        let monitor = Callable::from_sync_fn(name, move |_: &[&Variant]| {
            i64::try_from(value(&recorder)).unwrap_or(i64::MAX).to_variant()
        });
        performance.add_custom_monitor(&StringName::from(name), &monitor);
    }
    // The tree does not exist yet.
    Callable::from_sync_fn("HTTPClientRust.await_end", |_: &[&Variant]| guarded(await_end)).call_deferred(&[]);
}

/// Connects the end of the tree with the end of the panel, because objects of the engine must not outlive it.
fn await_end() {
    let tree = Engine::singleton().get_main_loop().and_then(|main_loop| main_loop.try_cast::<SceneTree>().ok());
    if let Some(root) = tree.and_then(|tree| tree.get_root()) {
        let ending = Callable::from_sync_fn("HTTPClientRust.leave_panel", |_: &[&Variant]| guarded(leave));
        connect(&root, "tree_exiting", &ending, None);
    }
}

/// Handles a message from the editor. Returns whether the message is known.
fn hear(recorder: &Recorder, arguments: &[&Variant]) -> Variant {
    let first = || arguments.get(1).and_then(|data| data.try_to::<godot::builtin::VarArray>().ok()?.get(0));
    let message = arguments.first().map(|message| message.stringify().to_string()).unwrap_or_default();
    let is_known = match (message.as_str(), first()) {
        (LISTEN, Some(listens)) => listens.try_to().map(|listens| recorder.listen(listens)).is_ok(),
        (TAKEN, Some(batch)) => {
            let batch = batch.try_to::<i64>().ok().and_then(|batch| u64::try_from(batch).ok());
            batch.map(|batch| recorder.acknowledge(batch)).is_some()
        }
        _ => false,
    };
    is_known.to_variant()
}

/// Sends the pending batch. Runs once per frame.
fn send() {
    let frame = Engine::singleton().get_process_frames();
    let (recorder, was_sent) = {
        let mut panel = PANEL.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(panel) = &mut *panel else { return };
        (panel.recorder.clone(), panel.last_frame.replace(frame) == Some(frame))
    };
    // The lock is not held during calls to the engine, because a script can call the library when the engine prints something.
    if !was_sent || !is_put_off() {
        send_batch(&recorder);
    }
}

fn send_batch(recorder: &Recorder) {
    let mut debugger = EngineDebugger::singleton();
    if debugger.is_active()
        && let Some(batch) = recorder.take_batch()
    {
        debugger.send_message(EXCHANGES, &wire::arguments(batch));
    }
}

/// Schedules the next batch for the next frame. Returns false without a scene tree.
fn is_put_off() -> bool {
    let tree = Engine::singleton().get_main_loop().and_then(|main_loop| main_loop.try_cast::<SceneTree>().ok());
    let Some(tree) = tree else { return false };
    let next = Callable::from_sync_fn("HTTPClientRust.send_next", |_: &[&Variant]| guarded(send));
    connect(&tree, "process_frame", &next, Some(godot::classes::object::ConnectFlags::ONE_SHOT));
    true
}

/// The end of the program or of the library: the last batch is sent, the observer is removed, and all objects of the engine are
/// released.
pub(crate) fn leave() {
    let panel = PANEL.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Panel { recorder, .. }) = panel else { return };
    Context::shared().set_observer(None);
    recorder.set_wake(None);
    recorder.listen(false);
    send_batch(&recorder);
    let mut debugger = EngineDebugger::singleton();
    if debugger.has_capture(CAPTURE) {
        debugger.unregister_message_capture(CAPTURE);
    }
    let mut performance = Performance::singleton();
    for (name, _) in MONITORS {
        let name = StringName::from(name);
        if performance.has_custom_monitor(&name) {
            performance.remove_custom_monitor(&name);
        }
    }
}

#[cfg(test)]
mod installing {
    use super::*;

    #[test]
    fn without_a_debugger_nobody_watches_connections_and_with_one_somebody_does() {
        let context = Context::new(Instant::now, None);
        assert!(install(&context, false).is_none());
        assert!(!context.is_observed());
        assert!(install(&context, true).is_some());
        assert!(context.is_observed());
    }
}
