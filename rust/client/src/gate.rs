//! The gate between threads and an engine. One call at a time uses the engine; all others see the state after the last call.
//!
//! This file does not depend on HTTP. `tests/gate_model.rs` compiles it with loom's lock, and tries every order of threads.

use std::sync::{Arc, PoisonError};

use crate::sync::{Mutex, MutexGuard, this_thread};

/// An engine behind a gate.
pub(crate) trait Engine: Sized {
    /// The state that getters return.
    type View: Clone + Default;
    /// The settings, which can be changed at any time and apply from the next call.
    type Settings: Clone;
    /// Ends a blocked call.
    type Cancel: Default;

    /// Creates an idle engine. Its calls end when `cancel` is set.
    fn new(cancel: Arc<Self::Cancel>) -> Self;

    fn view(&self) -> &Self::View;

    fn view_mut(&mut self) -> &mut Self::View;

    /// Whether two views are equal, so that no copy is needed.
    fn is_same(one: &Self::View, other: &Self::View) -> bool;

    /// Ends the calls of the engine that was created with `cancel`.
    fn cancel(cancel: &Self::Cancel);
}

/// Gives one call at a time access to an engine.
pub(crate) struct Gate<E: Engine> {
    state: Mutex<State<E>>,
}

/// Where the engine is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    ByAnotherThread,
    /// A call further up the stack of this thread: something that the engine uses has called the client.
    ByThisThread,
}

/// The lock is only held briefly, never while an engine works. Nothing that may run foreign code is dropped under the lock.
struct State<E: Engine> {
    /// The engine, or `None` while a call uses it.
    engine: Option<Box<Lent<E>>>,
    /// The thread whose call used it last.
    lent_to: usize,
    /// Ends the call that uses the engine of this generation.
    cancel: Arc<E::Cancel>,
    /// The number of engines so far. A call drops its engine if it was replaced in the meantime.
    generation: u64,
    settings: Arc<E::Settings>,
    view: E::View,
}

/// An engine, and the settings of the call that uses it.
struct Lent<E: Engine> {
    engine: E,
    settings: Arc<E::Settings>,
}

impl<E: Engine> Lent<E> {
    fn new(cancel: &Arc<E::Cancel>, settings: &Arc<E::Settings>) -> Box<Self> {
        Box::new(Self { engine: E::new(cancel.clone()), settings: settings.clone() })
    }

    /// Copies changed settings. Drop the result without the lock.
    fn catch_up(&mut self, settings: &Arc<E::Settings>) -> Option<Arc<E::Settings>> {
        let is_current = Arc::ptr_eq(&self.settings, settings);
        (!is_current).then(|| std::mem::replace(&mut self.settings, settings.clone()))
    }
}

impl<E: Engine> Gate<E> {
    /// Creates a gate. Many gates can share their first settings; a change gives a gate its own copy.
    pub(crate) fn new(settings: Arc<E::Settings>) -> Self {
        let cancel = Arc::<E::Cancel>::default();
        let engine = Some(Lent::new(&cancel, &settings));
        let state = State { engine, lent_to: 0, cancel, generation: 0, settings, view: E::View::default() };
        Self { state: Mutex::new(state) }
    }

    /// Passes the engine to one call.
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

    /// Replaces the engine, even if a call uses it, and ends that call.
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

    /// Reads the state after the last call.
    pub(crate) fn view<T>(&self, look: impl FnOnce(&E::View) -> T) -> T {
        look(&self.lock().view)
    }

    /// Changes the state that getters return, and the engine's own copy if no call uses the engine.
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
        // A panic never leaves the data behind the lock in an inconsistent state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns an engine to its gate when the call ends.
struct Loan<'a, E: Engine> {
    gate: &'a Gate<E>,
    /// The engine, after the call has returned. After a panic, its state may be inconsistent, so a new engine replaces it.
    engine: Option<Box<Lent<E>>>,
    generation: u64,
}

impl<E: Engine> Drop for Loan<'_, E> {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        if state.generation != self.generation {
            // The engine was replaced in the meantime. It is dropped with the loan, after the lock.
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
