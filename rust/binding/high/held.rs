//! Objects and callables that cross threads, and connections of signals to callables.

use godot::builtin::Callable;
use godot::classes::Object;
use godot::classes::object::ConnectFlags;
use godot::meta::ToGodot;
use godot::obj::{EngineBitfield, Gd, Inherits};

/// A value of the engine that is stored where several threads can reach it.
///
/// The creator promises three things: the value has an atomic reference count, it is cloned and dropped only under the lock that
/// protects it, and only one thread at a time calls it.
#[derive(Clone)]
pub(crate) struct Held<T>(pub(crate) T);

// SAFETY: the promise above.
unsafe impl<T> Send for Held<T> {}
// SAFETY: the same.
unsafe impl<T> Sync for Held<T> {}

/// Connects a signal with the engine's own method. The godot crate's method keeps a list of connections for a hot reload, and
/// with it every callable. This library does not support hot reload.
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
