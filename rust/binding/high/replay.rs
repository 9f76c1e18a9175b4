//! What a session is told about recording and playing, and what that comes to.

use std::sync::{Mutex, PoisonError};

use godot::builtin::GString;
use godot::classes::{FileAccess, ProjectSettings};
use godot::obj::Singleton;
use http_fetch::Replay;

pub(crate) const REPLAY_OFF: i64 = 0;
pub(crate) const REPLAY_RECORD: i64 = 1;
pub(crate) const REPLAY_ONLY: i64 = 2;

/// As a script has set them.
#[derive(Clone, Default)]
pub(crate) struct ReplayProperties {
    pub(crate) file: GString,
    pub(crate) mode: i64,
    pub(crate) keeps_timing: bool,
    /// How often they were set.
    pub(crate) changes: u64,
    /// The change that the settings have what it came to.
    begun: u64,
}

/// Where one thread at a time begins, and others wait until the settings have what that came to.
#[derive(Default)]
pub(crate) struct ReplayGate(Mutex<()>);

impl ReplayGate {
    /// Has the settings be what was asked for. `asked` is that, if they are not it yet. Until a file is read, they refuse requests of threads
    /// that were here before: no request may reach the network in between. `done` is said last.
    pub(crate) fn pass<T>(
        &self,
        asked: impl Fn() -> Option<T>,
        set: impl Fn(Replay),
        begin: impl Fn(&T) -> Replay,
        done: impl Fn(&T),
    ) {
        let _alone = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // It may be set once more meanwhile.
        while let Some(wanted) = asked() {
            // A file that this session records into is closed before it is opened anew.
            set(Replay::refused("the replay_file is being opened by another thread; make the request again"));
            set(begin(&wanted));
            done(&wanted);
        }
    }
}

impl ReplayProperties {
    /// Whether the settings do not have yet what these come to.
    pub(crate) fn is_new(&self) -> bool {
        self.changes != self.begun
    }

    /// The settings have what these came to when they were `begun`.
    pub(crate) fn has_begun(&mut self, begun: &Self) {
        self.begun = begun.changes;
    }

    /// Begins to record, or reads the file, which may lie in the pack of an exported game.
    pub(crate) fn begin(&self) -> Replay {
        let path = &self.file;
        match self.mode {
            REPLAY_OFF => Replay::off(),
            _ if path.is_empty() => Replay::refused("there is no replay_file to record into or to answer from; set it"),
            REPLAY_RECORD => {
                let on_disk = ProjectSettings::singleton().globalize_path(path).to_string();
                Replay::record(on_disk.as_ref())
            }
            _ if !FileAccess::file_exists(path) => Replay::refused(format!(
                "there is no replay_file {:?}; record it first with REPLAY_RECORD, and see that *.har is in the export's \
                 filter of non-resource files",
                path.to_string()
            )),
            _ => Replay::only(&path.to_string(), FileAccess::get_file_as_bytes(path).as_slice(), self.keeps_timing),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    #[test]
    fn until_a_file_is_read_requests_are_refused_and_other_threads_wait() {
        let gate = ReplayGate::default();
        let (changes, begun) = (Cell::new(1), Cell::new(0));
        let settings = RefCell::new(Replay::off());
        let begin = |wanted: &u64| {
            assert!(settings.borrow().problem().is_some(), "who was here before is refused");
            assert!(gate.0.try_lock().is_err(), "who comes now waits");
            assert_ne!(begun.get(), *wanted, "and finds that it has not begun");
            if *wanted == 1 {
                // A script sets another file.
                changes.set(2);
            }
            Replay::only(&wanted.to_string(), br#"{"log":{"entries":[]}}"#, false)
        };
        let asked = || Some(changes.get()).filter(|changes| *changes != begun.get());
        gate.pass(asked, |replay| *settings.borrow_mut() = replay, begin, |wanted| begun.set(*wanted));
        assert_eq!(begun.get(), 2, "what was set meanwhile counts too");
        assert!(settings.borrow().is_only());
        gate.pass(asked, |_| panic!("it has begun"), begin, |_| panic!("it has begun"));
    }
}
