//! Objects and callables that cross threads, and connections of signals to callables.

use godot::builtin::Callable;
use godot::classes::Object;
use godot::classes::object::ConnectFlags;
use godot::meta::ToGodot;
use godot::obj::{EngineBitfield, Gd, Inherits};

/// Something of the engine's that is kept where several threads can reach it.
///
/// Whoever makes one promises: what is in it counts its references atomically, is only cloned and given up under the lock that it lies
/// behind, and is called on one thread at a time.
#[derive(Clone)]
pub(crate) struct Held<T>(pub(crate) T);

// SAFETY: the promise above.
unsafe impl<T> Send for Held<T> {}
// SAFETY: the same.
unsafe impl<T> Sync for Held<T> {}

/// Connects a signal, by the engine's own method: the godot crate's keeps a list of connections for a reload, which this library refuses,
/// and with it every callable.
pub(crate) fn connect<T: Inherits<Object>>(
    object: &Gd<T>,
    signal: &str,
    callable: &Callable,
    flags: Option<ConnectFlags>,
) {
    let flags = flags.map_or(0, |flags| flags.ord() as i64);
    let arguments = [signal.to_variant(), callable.to_variant(), flags.to_variant()];
    object.clone().upcast::<Object>().call("connect", &arguments);
}
