//! Finds the shared state of an object by the object's address, without the godot crate's cell.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use godot::obj::GodotClass;
use godot::private::{Storage, as_storage};
use godot::sys;

/// Enough for threads that call different objects to use different locks.
const SHARDS: usize = 16;

/// The objects of one class that were called, with the shared state of each.
pub(crate) struct ObjectRegistry<T> {
    shards: [RwLock<Shard<T>>; SHARDS],
    /// Counts the removed objects. What a thread remembers is only valid while this count is the same.
    gone: AtomicU64,
}

/// The last object that this thread called. Most calls use the same object as the previous call.
#[derive(Clone, Copy)]
struct Last {
    registry: *const (),
    address: usize,
    /// The number of objects that were removed before the call.
    gone: u64,
    shared: *const (),
}

thread_local! {
    static LAST: Cell<Last> =
        const { Cell::new(Last { registry: ptr::null(), address: 0, gone: 0, shared: ptr::null() }) };
}

type Shard<T> = HashMap<usize, Arc<T>, BuildHasherDefault<AddressHasher>>;

impl<T> ObjectRegistry<T> {
    pub(crate) const fn new() -> Self {
        let shards = [const { RwLock::new(Shard::with_hasher(BuildHasherDefault::new())) }; SHARDS];
        Self { shards, gone: AtomicU64::new(0) }
    }

    /// The shared state of the object. In the first call for an object, `ask` provides it. It also gets the address, so that the
    /// object can unregister itself.
    ///
    /// # Safety
    /// `object` must be a living object of the class `C`, as the engine passes it to a method of that class.
    pub(crate) unsafe fn shared_of<C: GodotClass>(
        &self,
        object: sys::GDExtensionClassInstancePtr,
        ask: impl FnOnce(&C, usize) -> Arc<T>,
    ) -> Arc<T> {
        let address = object as usize;
        let registry = ptr::from_ref(self).cast();
        // The object is alive, so it was not removed. If another object with this address was removed before, the count includes
        // it: the code that passed the object to this thread also made the new count visible.
        let gone = self.gone.load(Ordering::Relaxed);
        let last = LAST.get();
        if (last.registry, last.address, last.gone) == (registry, address, gone) {
            let shared: *const T = last.shared.cast();
            // SAFETY: the pointer belongs to the state of an object that was not removed, so the registry still holds it.
            return unsafe {
                Arc::increment_strong_count(shared);
                Arc::from_raw(shared)
            };
        }
        // SAFETY: promised by the caller.
        let shared = unsafe { self.found(object, ask) };
        LAST.set(Last { registry, address, gone, shared: Arc::as_ptr(&shared).cast() });
        shared
    }

    /// # Safety
    /// The same as for [`shared_of`](Self::shared_of).
    unsafe fn found<C: GodotClass>(
        &self,
        object: sys::GDExtensionClassInstancePtr,
        ask: impl FnOnce(&C, usize) -> Arc<T>,
    ) -> Arc<T> {
        let address = object as usize;
        let known = self.shard(address).read().unwrap_or_else(PoisonError::into_inner).get(&address).cloned();
        known.unwrap_or_else(|| {
            // SAFETY: promised by the caller.
            let storage = unsafe { as_storage::<C>(object) };
            let shared = ask(&storage.get(), address);
            self.shard(address).write().unwrap_or_else(PoisonError::into_inner).insert(address, shared.clone());
            shared
        })
    }

    /// Removes an object that is about to be freed.
    pub(crate) fn forget(&self, address: usize) {
        self.gone.fetch_add(1, Ordering::Relaxed);
        let forgotten = self.shard(address).write().unwrap_or_else(PoisonError::into_inner).remove(&address);
        // Dropped after the lock, because it may drop a stream of a script.
        drop(forgotten);
    }

    fn shard(&self, address: usize) -> &RwLock<Shard<T>> {
        &self.shards[mixed(address) >> 28 & (SHARDS - 1)]
    }
}

/// Addresses differ in their middle bits. The multiplication moves these to the upper bits.
fn mixed(address: usize) -> usize {
    (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32) as usize
}

/// Hashes one address. An attacker cannot choose addresses, so collisions are not a risk.
#[derive(Default)]
struct AddressHasher(usize);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0 as u64
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_usize(byte.into()));
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = mixed(self.0 ^ address);
    }
}
