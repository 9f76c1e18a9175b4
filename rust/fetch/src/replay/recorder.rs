//! A file that is recorded into, entry by entry.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, Weak};

use super::redact;
use super::secrets::Secrets;
use crate::har::{self, Entry};
use crate::lock::lock;

/// A file that is being recorded into.
pub(super) struct Recorder {
    path: PathBuf,
    /// Requests that begun. This and the next stand beside the lock, which is held while a disk writes: nobody who asks waits for that.
    begun: AtomicU64,
    /// Why nothing is recorded any more.
    problem: OnceLock<String>,
    state: Mutex<State>,
}

struct State {
    file: File,
    /// Where the entries end.
    end: u64,
    entries: u64,
    secrets: Secrets,
}

impl Recorder {
    /// Begins the file. Whoever records into the same file at the same time shares it. The error is a sentence.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, String> {
        static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<Recorder>>>> = LazyLock::new(Mutex::default);
        let mut open = lock(&OPEN);
        open.retain(|_, recorder| recorder.strong_count() > 0);
        if let Some(recorder) = open.get(&one_name(path)).and_then(Weak::upgrade) {
            return Ok(recorder);
        }
        let mut file = File::create(path).map_err(|error| cannot_write(path, &error))?;
        let whole = [har::HEAD, har::TAIL].concat();
        file.write_all(whole.as_bytes()).map_err(|error| cannot_write(path, &error))?;
        let end = har::HEAD.len() as u64;
        let state = State { file, end, entries: 0, secrets: Secrets::default() };
        let (begun, problem) = (AtomicU64::new(0), OnceLock::new());
        let recorder = Arc::new(Self { path: path.to_owned(), begun, problem, state: Mutex::new(state) });
        // Of a file that is there now.
        open.insert(one_name(path), Arc::downgrade(&recorder));
        Ok(recorder)
    }

    /// Why nothing is recorded any more; none while it is.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem.get().cloned()
    }

    /// Of an exchange that begins.
    pub(super) fn next_number(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Writes one more entry over the end of the file, and the end behind it: the file is whole before and after that.
    pub(super) fn add(&self, mut entry: Entry) {
        let mut state = lock(&self.state);
        if self.problem.get().is_some() {
            return;
        }
        redact::entry(&mut entry, &mut state.secrets);
        let gap = if state.entries == 0 { "\n" } else { ",\n" };
        let text = [gap, &har::entry_text(&entry)].concat();
        if let Err(error) = state.append(&text) {
            // Under the lock, so this is the first.
            let _ = self.problem.set(cannot_write(&self.path, &error));
        }
    }
}

impl State {
    fn append(&mut self, text: &str) -> io::Result<()> {
        let written = self.write_at_end(&[text, har::TAIL].concat());
        if written.is_ok() {
            self.end += text.len() as u64;
            self.entries += 1;
            return Ok(());
        }
        // The disk is full, most likely. What was there before has room.
        self.write_at_end(har::TAIL)?;
        self.file.set_len(self.end + har::TAIL.len() as u64)?;
        written
    }

    fn write_at_end(&mut self, text: &str) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(text.as_bytes())
    }
}

/// The name of a file that is the same however a path to it is spelled.
fn one_name(path: &Path) -> PathBuf {
    let in_folder = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    let found = path.canonicalize().ok().or_else(in_folder).or_else(|| std::path::absolute(path).ok());
    found.unwrap_or_else(|| path.to_owned())
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    format!(
        "the replay file {:?} cannot be written: {words}; set replay_file to a file in a folder that exists",
        path.display().to_string()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_recorder_however_its_path_is_spelled() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        let first = Recorder::open(&folder.path().join("tape.har")).unwrap();
        for spelled in ["./tape.har", "inner/../tape.har", "inner/.././tape.har"] {
            assert!(Arc::ptr_eq(&first, &Recorder::open(&folder.path().join(spelled)).unwrap()), "{spelled}");
        }
        let other = Recorder::open(&folder.path().join("inner/tape.har")).unwrap();
        assert!(!Arc::ptr_eq(&first, &other));
    }

    #[test]
    fn who_asks_for_a_number_or_a_problem_does_not_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(&folder.path().join("tape.har")).unwrap();
        // As while an entry is written.
        let _writing = recorder.state.try_lock().unwrap();
        assert_eq!((recorder.next_number(), recorder.next_number()), (1, 2));
        assert_eq!(recorder.problem(), None);
    }
}
