//! What the panel *Network* in the editor's debugger is told of a running game, and the add-on's monitors.
//!
//! Only where a debugger is there, and in no release build: otherwise nobody watches the connections, and nothing is kept, computed or sent. The editor's side is
//! `addons/http_client_rust/network`. It says when it listens, and which batch it has taken; the game sends a batch a frame, and none while
//! too much was sent that the editor has not taken.
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
use crate::high::held::{Held, connect};

/// What stands before the messages' names.
const CAPTURE: &str = "http_client_rust";
/// To the editor: a batch, as [`wire::arguments`] has it.
const EXCHANGES: &str = "http_client_rust:exchanges";
/// From the editor: whether it listens; which batch it has taken.
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

/// There is one where a debugger is.
struct Panel {
    recorder: Arc<Recorder>,
    /// In which frame the last batch was sent.
    last_frame: Option<u64>,
}

/// When the library has come. Where a debugger is, it watches from now on.
pub(crate) fn register() {
    // What a game's players get tells nobody, whatever it is started with.
    let is_debugged = Os::singleton().is_debug_build() && EngineDebugger::singleton().is_active();
    if let Some(recorder) = install(Context::shared(), is_debugged) {
        *PANEL.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Panel { recorder: recorder.clone(), last_frame: None });
        talk(&recorder);
    }
}

/// Has connections watched if a debugger is there, and only then.
fn install(context: &Context, is_debugged: bool) -> Option<Arc<Recorder>> {
    let recorder = is_debugged.then(|| Arc::new(Recorder::new(Instant::now, SystemTime::now())))?;
    context.set_observer(Some(recorder.clone()));
    Some(recorder)
}

/// Connects a recorder with the editor.
fn talk(recorder: &Arc<Recorder>) {
    let send = Held(Callable::from_sync_fn("HTTPClientRust.send_to_panel", |_: &[&Variant]| guarded(send)));
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
    // There is no tree yet.
    Callable::from_sync_fn("HTTPClientRust.await_end", |_: &[&Variant]| guarded(await_end)).call_deferred(&[]);
}

/// Has all of it end with the tree: what is the engine's must not outlive it.
fn await_end() {
    let tree = Engine::singleton().get_main_loop().and_then(|main_loop| main_loop.try_cast::<SceneTree>().ok());
    if let Some(root) = tree.and_then(|tree| tree.get_root()) {
        let ending = Callable::from_sync_fn("HTTPClientRust.leave_panel", |_: &[&Variant]| guarded(leave));
        connect(&root, "tree_exiting", &ending, None);
    }
}

/// A message of the editor's. Whether it is one that is known.
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

/// Sends what has gathered: once a frame.
fn send() {
    let frame = Engine::singleton().get_process_frames();
    let (recorder, was_sent) = {
        let mut panel = PANEL.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(panel) = &mut *panel else { return };
        (panel.recorder.clone(), panel.last_frame.replace(frame) == Some(frame))
    };
    // The engine is called without the lock: what it prints may come back by a script.
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

/// Has the next batch go with the next frame. Not possible without a tree.
fn is_put_off() -> bool {
    let tree = Engine::singleton().get_main_loop().and_then(|main_loop| main_loop.try_cast::<SceneTree>().ok());
    let Some(tree) = tree else { return false };
    let next = Callable::from_sync_fn("HTTPClientRust.send_next", |_: &[&Variant]| guarded(send));
    connect(&tree, "process_frame", &next, Some(godot::classes::object::ConnectFlags::ONE_SHOT));
    true
}

/// The end of the program, or of the library: the last batch goes, nobody watches any more, and nothing of the engine's is kept.
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
