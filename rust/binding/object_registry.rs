//! Where objects lie: what an object shares with its calls, found by the object's address, without the godot crate's cell.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use godot::obj::GodotClass;
use godot::private::{Storage, as_storage};
use godot::sys;

/// Enough that threads which call objects of their own do not meet.
const SHARDS: usize = 16;

/// The objects of one class that were called, and what each shares with its calls.
pub(crate) struct ObjectRegistry<T> {
    shards: [RwLock<Shard<T>>; SHARDS],
    /// Counts the objects that went. What a thread remembers was true before.
    gone: AtomicU64,
}

/// The last object that this thread called: most calls are on the same one as the call before.
#[derive(Clone, Copy)]
struct Last {
    registry: *const (),
    address: usize,
    /// How many objects had gone.
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

    /// What the object shares. The first time `ask` is asked, which is told the address, so that the object can have it forgotten.
    ///
    /// # Safety
    /// `object` must be a living object of the class `C`, as the engine hands it to a method of that class.
    pub(crate) unsafe fn shared_of<C: GodotClass>(
        &self,
        object: sys::GDExtensionClassInstancePtr,
        ask: impl FnOnce(&C, usize) -> Arc<T>,
    ) -> Arc<T> {
        let address = object as usize;
        let registry = ptr::from_ref(self).cast();
        // The object is alive, and so did not go: if another went at this address before it, that was counted, and whoever handed
        // the object to this thread handed the count with it.
        let gone = self.gone.load(Ordering::Relaxed);
        let last = LAST.get();
        if (last.registry, last.address, last.gone) == (registry, address, gone) {
            let shared: *const T = last.shared.cast();
            // SAFETY: it is the registry's own, of an object that has not gone, and so the registry still has it.
            return unsafe {
                Arc::increment_strong_count(shared);
                Arc::from_raw(shared)
            };
        }
        // SAFETY: the caller's promise.
        let shared = unsafe { self.found(object, ask) };
        LAST.set(Last { registry, address, gone, shared: Arc::as_ptr(&shared).cast() });
        shared
    }

    /// # Safety
    /// As of [`shared_of`](Self::shared_of).
    unsafe fn found<C: GodotClass>(
        &self,
        object: sys::GDExtensionClassInstancePtr,
        ask: impl FnOnce(&C, usize) -> Arc<T>,
    ) -> Arc<T> {
        let address = object as usize;
        let known = self.shard(address).read().unwrap_or_else(PoisonError::into_inner).get(&address).cloned();
        known.unwrap_or_else(|| {
            // SAFETY: the caller's promise.
            let storage = unsafe { as_storage::<C>(object) };
            let shared = ask(&storage.get(), address);
            self.shard(address).write().unwrap_or_else(PoisonError::into_inner).insert(address, shared.clone());
            shared
        })
    }

    /// Forgets an object that is about to go.
    pub(crate) fn forget(&self, address: usize) {
        self.gone.fetch_add(1, Ordering::Relaxed);
        let forgotten = self.shard(address).write().unwrap_or_else(PoisonError::into_inner).remove(&address);
        // After the lock: with it may go a script's stream.
        drop(forgotten);
    }

    fn shard(&self, address: usize) -> &RwLock<Shard<T>> {
        &self.shards[mixed(address) >> 28 & (SHARDS - 1)]
    }
}

/// Addresses differ in their middle bits; multiplication carries those upwards.
fn mixed(address: usize) -> usize {
    (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32) as usize
}

/// Hashes one address. Nobody chooses addresses to make them collide.
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
