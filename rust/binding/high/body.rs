//! Bodies in the engine's own arrays: the worker receives into the memory that the script gets, so no frame pays for a copy.
//!
//! The engine can shut down while the worker uses such an array. So every call to the engine needs a lock that [`leave_engine`]
//! takes. After it, new bodies are in Rust's memory, and the worker leaks the engine's arrays that it still has.

use std::mem::ManuallyDrop;
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockReadGuard};

use godot::builtin::PackedByteArray;
use godot::init::is_main_thread;
use http_client::{ByteBuffer, Context};
use http_fetch::Buffer;

pub(crate) type Notice = http_fetch::Notice<Body>;
pub(crate) type Response = http_fetch::Response<Body>;
pub(crate) type Session = http_fetch::Session<Body>;
pub(crate) type Task = http_fetch::Task<Body>;
pub(crate) type Worker = http_fetch::Worker<Body>;

/// Whether the engine may still be called.
static ENGINE: RwLock<Engine> = RwLock::new(Engine::Runs);

#[derive(Clone, Copy, PartialEq)]
enum Engine {
    Runs,
    /// Only the main thread may still call the engine.
    Ends,
    IsGone,
}

/// The worker of the process.
pub(crate) fn worker() -> &'static Arc<Worker> {
    static WORKER: LazyLock<Arc<Worker>> = LazyLock::new(|| Worker::new(Context::shared().clone()));
    &WORKER
}

/// From now on, other threads do not call the engine for a body.
pub(crate) fn leave_engine() {
    *ENGINE.write().unwrap_or_else(PoisonError::into_inner) = Engine::Ends;
}

/// The library is being unloaded.
pub(crate) fn forget_engine() {
    *ENGINE.write().unwrap_or_else(PoisonError::into_inner) = Engine::IsGone;
}

/// Calls the engine from any thread. None if this thread may no longer call it. The engine cannot shut down during the call, so
/// the call must be short.
pub(crate) fn with_engine<T>(call: impl FnOnce() -> T) -> Option<T> {
    let engine = engine();
    let is_there = match *engine {
        Engine::Runs => true,
        Engine::Ends => is_main_thread(),
        Engine::IsGone => false,
    };
    is_there.then(call)
}

fn engine() -> RwLockReadGuard<'static, Engine> {
    ENGINE.read().unwrap_or_else(PoisonError::into_inner)
}

/// The memory of a body. See the module.
pub(crate) enum Body {
    /// In the engine's memory.
    Engines(Array),
    /// In Rust's memory, after the engine has shut down.
    Rusts(Vec<u8>),
}

pub(crate) struct Array {
    array: ManuallyDrop<PackedByteArray>,
    /// The start of the array's bytes. This is the only owner: the array is not cloned before its last byte is written.
    start: *mut u8,
    len: usize,
}

// SAFETY: the array's reference count is atomic. The only owner writes the bytes before anybody else has the array.
unsafe impl Send for Array {}
// SAFETY: shared bodies are only read.
unsafe impl Sync for Array {}

impl Body {
    /// The body as an array for a script. Shares the memory.
    pub(crate) fn give_out(&self) -> PackedByteArray {
        match self {
            Self::Engines(array) => (*array.array).clone(),
            Self::Rusts(bytes) => PackedByteArray::from(bytes.as_slice()),
        }
    }
}

impl Array {
    /// Call this only while holding the lock.
    fn resize(&mut self, len: usize) {
        self.array.resize(len);
        let bytes = self.array.as_mut_slice();
        (self.start, self.len) = (bytes.as_mut_ptr(), bytes.len());
    }
}

impl ByteBuffer for Body {
    fn with_len(len: usize) -> Self {
        let engine = engine();
        if *engine != Engine::Runs {
            return Self::Rusts(vec![0; len]);
        }
        let array = ManuallyDrop::new(PackedByteArray::new());
        let mut array = Array { array, start: std::ptr::NonNull::dangling().as_ptr(), len: 0 };
        if len > 0 {
            array.resize(len);
        }
        Self::Engines(array)
    }

    fn set_len(&mut self, len: usize) {
        let engine = engine();
        match self {
            Self::Engines(array) if *engine == Engine::Runs => array.resize(len),
            // The memory stays as it is, because the engine can no longer resize it.
            Self::Engines(array) if len <= array.len => array.len = len,
            Self::Engines(array) => {
                let mut bytes = array.as_slice().to_vec();
                bytes.resize(len, 0);
                *self = Self::Rusts(bytes);
            }
            Self::Rusts(bytes) => bytes.resize(len, 0),
        }
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        match self {
            // SAFETY: the array has `len` bytes at `start`, and this is the only reference to them.
            Self::Engines(array) => unsafe { std::slice::from_raw_parts_mut(array.start, array.len) },
            Self::Rusts(bytes) => bytes,
        }
    }
}

impl Array {
    fn as_slice(&self) -> &[u8] {
        // SAFETY: the array has `len` bytes at `start` for as long as `self` lives, and nobody writes to a shared array.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl Buffer for Body {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Engines(array) => array.as_slice(),
            Self::Rusts(bytes) => bytes,
        }
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        // SAFETY: the array is dropped only here, and not used afterwards.
        with_engine(|| unsafe { ManuallyDrop::drop(&mut self.array) });
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes)", self.as_slice().len())
    }
}
