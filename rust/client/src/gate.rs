//! The gate between threads and an engine: one call at a time has the engine, everybody else sees what the last call left.
//!
//! The file knows nothing of HTTP. `tests/gate_model.rs` has it use loom's lock, and tries every order of threads.

use std::sync::{Arc, PoisonError};

use crate::sync::{Mutex, MutexGuard, this_thread};

/// What stands behind a gate.
pub(crate) trait Engine: Sized {
    /// What getters are answered with.
    type View: Clone + Default;
    /// What holds from one call to the next, and can be changed at any time.
    type Settings: Clone;
    /// Ends a call that waits.
    type Cancel: Default;

    /// An engine that does nothing yet. Its calls end once `cancel` is set.
    fn new(cancel: Arc<Self::Cancel>) -> Self;

    fn view(&self) -> &Self::View;

    fn view_mut(&mut self) -> &mut Self::View;

    /// Whether a view says the same as another, so that it need not be copied.
    fn is_same(one: &Self::View, other: &Self::View) -> bool;

    /// Has the call end that was given this.
    fn cancel(cancel: &Self::Cancel);
}

/// See the module.
pub(crate) struct Gate<E: Engine> {
    state: Mutex<State<E>>,
}

/// Who has the engine that a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    ByAnotherThread,
    /// A call further up on this thread: what the engine works with came back to it.
    ByThisThread,
}

/// Locked for moments only, never while an engine works. Nothing that may run foreign code is dropped under the lock.
struct State<E: Engine> {
    /// None while a call has it.
    engine: Option<Box<Lent<E>>>,
    /// The thread whose call had it last.
    lent_to: usize,
    /// Ends the call that has the engine of this generation.
    cancel: Arc<E::Cancel>,
    /// Counts the engines, so that a call which comes back with a replaced one drops it.
    generation: u64,
    settings: Arc<E::Settings>,
    view: E::View,
}

/// An engine, and the settings of the call that has it.
struct Lent<E: Engine> {
    engine: E,
    settings: Arc<E::Settings>,
}

impl<E: Engine> Lent<E> {
    fn new(cancel: &Arc<E::Cancel>, settings: &Arc<E::Settings>) -> Box<Self> {
        Box::new(Self { engine: E::new(cancel.clone()), settings: settings.clone() })
    }

    /// Takes over changed settings. The result is to be dropped without a lock.
    fn catch_up(&mut self, settings: &Arc<E::Settings>) -> Option<Arc<E::Settings>> {
        let is_current = Arc::ptr_eq(&self.settings, settings);
        (!is_current).then(|| std::mem::replace(&mut self.settings, settings.clone()))
    }
}

impl<E: Engine> Gate<E> {
    /// Many may begin with the same settings; a change of one gives it settings of its own.
    pub(crate) fn new(settings: Arc<E::Settings>) -> Self {
        let cancel = Arc::<E::Cancel>::default();
        let engine = Some(Lent::new(&cancel, &settings));
        let state = State { engine, lent_to: 0, cancel, generation: 0, settings, view: E::View::default() };
        Self { state: Mutex::new(state) }
    }

    /// Lends the engine to one call.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&mut E, &E::Settings) -> T) -> Result<T, Taken> {
        let mut state = self.lock();
        let Some(mut lent) = state.engine.take() else {
            let is_own = state.lent_to == this_thread();
            return Err(if is_own { Taken::ByThisThread } else { Taken::ByAnotherThread });
        };
        state.lent_to = this_thread();
        let outdated = lent.catch_up(&state.settings);
        let mut loan = Loan { gate: self, engine: None, generation: state.generation };
        drop(state);
        drop(outdated);
        let result = work(&mut lent.engine, &lent.settings);
        loan.engine = Some(lent);
        Ok(result)
    }

    /// Puts a new engine in the place of the one that is there or lent, and has the running call end.
    pub(crate) fn replace(&self) {
        let cancel = Arc::<E::Cancel>::default();
        let mut state = self.lock();
        let fresh = Lent::new(&cancel, &state.settings);
        let closed = state.engine.replace(fresh);
        let ended = std::mem::replace(&mut state.cancel, cancel);
        let view = std::mem::take(&mut state.view);
        state.generation += 1;
        drop(state);
        E::cancel(&ended);
        drop((closed, view));
    }

    /// Looks at what the last call left.
    pub(crate) fn view<T>(&self, look: impl FnOnce(&E::View) -> T) -> T {
        look(&self.lock().view)
    }

    /// Changes what getters are answered with, and what the engine itself holds of it if no call has it.
    pub(crate) fn change_view(&self, change: impl Fn(&mut E::View)) {
        let mut state = self.lock();
        change(&mut state.view);
        if let Some(lent) = &mut state.engine {
            change(lent.engine.view_mut());
        }
    }

    pub(crate) fn settings(&self) -> Arc<E::Settings> {
        self.lock().settings.clone()
    }

    pub(crate) fn change_settings(&self, change: impl FnOnce(&mut E::Settings)) {
        change(Arc::make_mut(&mut self.lock().settings));
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        // Nothing behind the lock is half done when a panic passes through.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of an engine that is out; it goes back when the loan ends.
struct Loan<'a, E: Engine> {
    gate: &'a Gate<E>,
    /// The engine, once the call has returned. After a panic it may be half way through something, and a new one takes its place.
    engine: Option<Box<Lent<E>>>,
    generation: u64,
}

impl<E: Engine> Drop for Loan<'_, E> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        if state.generation != self.generation {
            // Replaced meanwhile. The engine goes with the loan, after the lock.
            return;
        }
        let lent = self.engine.take().unwrap_or_else(|| Lent::new(&state.cancel, &state.settings));
        let is_same = E::is_same(&state.view, lent.engine.view());
        let old = (!is_same).then(|| std::mem::replace(&mut state.view, lent.engine.view().clone()));
        state.engine = Some(lent);
        drop(state);
        drop(old);
    }
}
