//! Where objects lie: what an object shares with its calls, found by the object's address, without the godot crate's cell.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use godot::obj::GodotClass;
use godot::private::{Storage, as_storage};
use godot::sys;

/// Enough that threads which call objects of their own do not meet.
const SHARDS: usize = 16;

/// The objects of one class that were called, and what each shares with its calls.
pub(crate) struct ObjectRegistry<T>([RwLock<Shard<T>>; SHARDS]);

type Shard<T> = HashMap<usize, Arc<T>, BuildHasherDefault<AddressHasher>>;

impl<T> ObjectRegistry<T> {
    pub(crate) const fn new() -> Self {
        Self([const { RwLock::new(Shard::with_hasher(BuildHasherDefault::new())) }; SHARDS])
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
        let forgotten = self.shard(address).write().unwrap_or_else(PoisonError::into_inner).remove(&address);
        // After the lock: with it may go a script's stream.
        drop(forgotten);
    }

    fn shard(&self, address: usize) -> &RwLock<Shard<T>> {
        &self.0[mixed(address) >> 28 & (SHARDS - 1)]
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
