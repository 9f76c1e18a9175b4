//! Objects and callables that cross threads, and connections of signals to callables.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use godot::builtin::Callable;
use godot::classes::Object;
use godot::classes::object::ConnectFlags;
use godot::meta::ToGodot;
use godot::obj::{EngineBitfield, Gd, Inherits};
use godot::sys;

/// A value of the engine that is stored where several threads can reach it.
///
/// The creator promises three things: the value has an atomic reference count, it is cloned and dropped only under the lock that
/// protects it, and only one thread at a time calls it.
pub(crate) struct Held<T>(pub(crate) Lasting<T>);

// SAFETY: the promise above.
unsafe impl<T> Send for Held<T> {}
// SAFETY: the same.
unsafe impl<T> Sync for Held<T> {}

impl<T> Held<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Lasting::from(value))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: Clone> Clone for Held<T> {
    fn clone(&self) -> Self {
        Self::new((*self.0).clone())
    }
}

/// A value of the engine inside an object. A script can keep the object where the engine frees it after this library, such as in the
/// metadata of `Engine`. Then the value is leaked, because it can no longer be freed.
///
/// This type is not `Clone`, so that `clone()` returns a copy of the value itself.
pub(crate) struct Lasting<T>(ManuallyDrop<T>);

impl<T> Lasting<T> {
    fn into_inner(self) -> T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: the value is not used afterwards, and the outer one is not dropped.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl<T> From<T> for Lasting<T> {
    fn from(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }
}

impl<T: Default> Default for Lasting<T> {
    fn default() -> Self {
        Self::from(T::default())
    }
}

impl<T> Deref for Lasting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Lasting<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> Drop for Lasting<T> {
    fn drop(&mut self) {
        if sys::is_godot_initialized() {
            // SAFETY: the value is dropped only here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.0) };
        }
    }
}

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
