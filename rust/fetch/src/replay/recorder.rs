//! A file that is recorded into, entry by entry.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use super::redact;
use super::secrets::Secrets;
use crate::har::{self, Entry};

/// A file that is being recorded into.
pub(super) struct Recorder {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    file: File,
    /// Where the entries end.
    end: u64,
    entries: u64,
    begun: u64,
    secrets: Secrets,
    problem: Option<String>,
}

impl Recorder {
    /// Begins the file. Whoever records into the same file at the same time shares it. The error is a sentence.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, String> {
        static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<Recorder>>>> = LazyLock::new(Mutex::default);
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, recorder| recorder.strong_count() > 0);
        if let Some(recorder) = open.get(path).and_then(Weak::upgrade) {
            return Ok(recorder);
        }
        let mut file = File::create(path).map_err(|error| cannot_write(path, &error))?;
        let whole = [har::HEAD, har::TAIL].concat();
        file.write_all(whole.as_bytes()).map_err(|error| cannot_write(path, &error))?;
        let end = har::HEAD.len() as u64;
        let state = State { file, end, entries: 0, begun: 0, secrets: Secrets::default(), problem: None };
        let recorder = Arc::new(Self { path: path.to_owned(), state: Mutex::new(state) });
        open.insert(path.to_owned(), Arc::downgrade(&recorder));
        Ok(recorder)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing is recorded any more; none while it is.
    pub(super) fn problem(&self) -> Option<String> {
        self.lock().problem.clone()
    }

    /// Of an exchange that begins.
    pub(super) fn next_number(&self) -> u64 {
        let mut state = self.lock();
        state.begun += 1;
        state.begun
    }

    /// Writes one more entry over the end of the file, and the end behind it: the file is whole before and after that.
    pub(super) fn add(&self, mut entry: Entry) {
        let mut state = self.lock();
        if state.problem.is_some() {
            return;
        }
        redact::entry(&mut entry, &mut state.secrets);
        let gap = if state.entries == 0 { "\n" } else { ",\n" };
        let text = [gap, &har::entry_text(&entry)].concat();
        if let Err(error) = state.append(&text) {
            state.problem = Some(cannot_write(&self.path, &error));
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

fn cannot_write(path: &Path, error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    format!(
        "the file {:?} cannot be recorded into: {words}; set replay_file to a file in a folder that exists",
        path.display().to_string()
    )
}
