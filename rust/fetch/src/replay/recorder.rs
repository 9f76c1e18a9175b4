//! A file to which several sessions and processes can record, entry by entry.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, OnceLock, PoisonError, Weak};

use http_net::without_number;

use super::lock_file::{Alone, Share};
use super::redact;
use super::secrets::Secrets;
use crate::files::name_of_file;
use crate::har::{self, Chains, Entry};
use crate::lock::lock;

/// A file to which exchanges are recorded.
pub(super) struct Recorder {
    path: PathBuf,
    /// The canonical name of the file.
    name: PathBuf,
    /// `None` while this is dropped.
    share: Option<Share>,
    /// The number of requests that have begun. This field and the next are outside of the lock, which is held during writes, so that
    /// reading them does not wait for the disk.
    begun: AtomicU64,
    /// Why recording has stopped.
    problem: OnceLock<String>,
    state: Mutex<State>,
}

struct State {
    file: File,
    secrets: Secrets,
    /// The certificates that this process has written.
    chains: Chains,
}

/// The recorders of this process, by the canonical name of their file. Locked only for moments.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Place>>> = LazyLock::new(Mutex::default);
/// Notified when the opening of a file has succeeded or failed, and when a dropped recorder has released its share.
static CHANGED: Condvar = Condvar::new();

enum Place {
    /// A thread is opening the file. This can take seconds if another process holds the lock file.
    Opening,
    Open(Weak<Recorder>),
}

/// The right of one thread to open a file. The other threads that want to open the same file wait until it is dropped.
struct Claim(PathBuf);

impl Claim {
    /// Waits for the right to open this file. Returns the recorder instead, if the file is open.
    fn of(name: PathBuf) -> Result<Self, Arc<Recorder>> {
        let mut open = lock(&OPEN);
        while let Some(place) = open.get(&name) {
            if let Place::Open(recorder) = place
                && let Some(recorder) = recorder.upgrade()
            {
                return Err(recorder);
            }
            // The file is being opened, or its recorder is being dropped and nothing may be added to the recording.
            open = CHANGED.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        open.insert(name.clone(), Place::Opening);
        Ok(Self(name))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut open = lock(&OPEN);
        if matches!(open.get(&self.0), Some(Place::Opening)) {
            open.remove(&self.0);
        }
        drop(open);
        CHANGED.notify_all();
    }
}

impl Recorder {
    /// Starts the file, unless it is already being recorded to. Callers in this process share one recorder. Entries of other processes are
    /// kept. The error is a sentence.
    pub(super) fn open(path: &Path) -> Result<Arc<Self>, String> {
        let failed = |error: io::Error| cannot_write(path, &error);
        // Only the name of an existing file can be made canonical.
        options().open(path).map_err(failed)?;
        let claim = match Claim::of(name_of_file(path)) {
            Ok(claim) => claim,
            Err(recorder) => return Ok(recorder),
        };
        let name = claim.0.clone();
        let share = Share::take(&name, || fs::write(&name, whole())).map_err(failed)?;
        let file = options().open(&name).map_err(failed)?;
        let recorder = Arc::new(Self {
            path: path.to_owned(),
            name: name.clone(),
            share: Some(share),
            begun: AtomicU64::new(0),
            problem: OnceLock::new(),
            state: Mutex::new(State { file, secrets: Secrets::default(), chains: Chains::default() }),
        });
        lock(&OPEN).insert(name, Place::Open(Arc::downgrade(&recorder)));
        Ok(recorder)
    }

    /// Returns why recording has stopped, or `None`.
    pub(super) fn problem(&self) -> Option<String> {
        self.problem.get().cloned()
    }

    /// Returns the number for an exchange that begins.
    pub(super) fn next_number(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Writes an entry over the end of the file, and then a new end. The file is valid before and after that.
    pub(super) fn add(&self, mut entry: Entry) {
        let mut state = lock(&self.state);
        if self.problem.get().is_some() {
            return;
        }
        redact::entry(&mut entry, &mut state.secrets);
        if let Err(error) = state.append(&entry) {
            // This runs under the lock, so it is the first problem.
            let _ = self.problem.set(cannot_write(&self.path, &error));
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.share = None;
        let mut open = lock(&OPEN);
        if matches!(open.get(&self.name), Some(Place::Open(recorder)) if recorder.strong_count() == 0) {
            open.remove(&self.name);
        }
        drop(open);
        CHANGED.notify_all();
    }
}

impl State {
    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let _alone = Alone::with(&self.file)?;
        if self.file.metadata()?.len() == 0 {
            // The file was emptied while it was being recorded to.
            write_at(&self.file, 0, &whole())?;
            self.chains = Chains::default();
        }
        let (end, gap) = end(&self.file)?;
        let text = har::entry_text(entry, &mut self.chains);
        let written = write_at(&self.file, end, &[gap, &text, har::TAIL].concat());
        if written.is_err() {
            // Most likely, the disk is full. The previous end still fits.
            write_at(&self.file, end, har::TAIL)?;
            self.file.set_len(end + har::TAIL.len() as u64)?;
        }
        written
    }
}

/// Returns where the entries end, and the text between them and the next one.
fn end(mut file: &File) -> io::Result<(u64, &'static str)> {
    let len = file.seek(SeekFrom::End(0))?;
    // The tail and the byte before it.
    let mut last = [0; har::TAIL.len() + 1];
    let start = len.saturating_sub(last.len() as u64);
    file.seek(SeekFrom::Start(start))?;
    let is_there = file.read_exact(&mut last).is_ok();
    match last {
        [before, ref tail @ ..] if is_there && tail == har::TAIL.as_bytes() => {
            Ok((start + 1, if before == b'[' { "\n" } else { ",\n" }))
        }
        _ => Err(io::Error::other("another program has changed it")),
    }
}

fn write_at(mut file: &File, place: u64, text: &str) -> io::Result<()> {
    file.seek(SeekFrom::Start(place))?;
    file.write_all(text.as_bytes())
}

/// The text of a file without entries.
fn whole() -> String {
    [har::HEAD, har::TAIL].concat()
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    let (words, name) = (without_number(error), path.display().to_string());
    format!("the replay file {name:?} cannot be written: {words}; set replay_file to a file in a folder that exists")
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
    fn what_others_have_done_to_the_file_is_told_and_none_of_it_is_lost() {
        let tls = Arc::new(http_net::TlsInfo {
            version: "TLSv1.3".to_owned(),
            peer_certificates: vec!["certificate".to_owned()],
            ..http_net::TlsInfo::default()
        });
        let entry = || Entry {
            number: None,
            base_url: String::new(),
            started: std::time::SystemTime::UNIX_EPOCH,
            request: har::Request { method: "GET".to_owned(), url: "http://a/".to_owned(), ..har::Request::default() },
            response: Some(har::Response { status: 200, ..har::Response::default() }),
            timings: har::Timings::default(),
            tls: Some(tls.clone()),
            end: har::End::Whole,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.har");
        let recorder = Recorder::open(&path).unwrap();
        recorder.add(entry());
        // Add an entry as another process would.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(
            &path,
            text.replace(har::TAIL, &[",\n", &har::entry_text(&entry(), &mut Chains::default()), har::TAIL].concat()),
        )
        .unwrap();
        recorder.add(entry());
        assert_eq!(har::read(&std::fs::read(&path).unwrap()).unwrap().len(), 3);
        std::fs::write(&path, "").unwrap();
        recorder.add(entry());
        let entries = har::read(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(entries.len(), 1, "it begins again where it was emptied");
        assert_eq!(entries[0].tls.as_ref(), Some(&tls), "with the certificates that the file had before");
        std::fs::write(&path, "notes of somebody").unwrap();
        recorder.add(entry());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "notes of somebody");
        assert!(recorder.problem().unwrap().contains("another program has changed it"));
    }

    #[test]
    fn who_begins_while_the_last_one_goes_begins_the_file_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.har");
        for _ in 0..200 {
            let recorder = Recorder::open(&path).unwrap();
            let dropping = std::thread::spawn(move || drop(recorder));
            let next = Recorder::open(&path).unwrap();
            dropping.join().unwrap();
            assert!(matches!(&lock(&OPEN)[&next.name], Place::Open(open) if std::ptr::eq(open.as_ptr(), &*next)));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no lock is left");
    }

    #[test]
    fn a_file_whose_lock_another_process_holds_keeps_no_other_file_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let held = folder.path().join("held.har");
        // Hold the lock as another process would.
        let other = File::create(folder.path().join(".held.har.lock")).unwrap();
        other.lock().unwrap();
        std::thread::scope(|scope| {
            let openings = [(); 2].map(|()| scope.spawn(|| Recorder::open(&held)));
            while !matches!(lock(&OPEN).get(&name_of_file(&held)), Some(Place::Opening)) {
                std::thread::yield_now();
            }
            Recorder::open(&folder.path().join("free.har")).unwrap();
            // If `free.har` had waited, `held.har` would have failed, because its lock was held for too long.
            other.unlock().unwrap();
            let [first, second] = openings.map(|opening| opening.join().unwrap().unwrap());
            assert!(Arc::ptr_eq(&first, &second));
        });
        assert!(
            !lock(&OPEN).keys().any(|name| name.starts_with(folder.path())),
            "nothing is remembered of closed files"
        );
    }

    #[test]
    fn a_file_that_could_not_be_opened_can_be_opened_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inner/tape.har");
        assert!(Recorder::open(&path).is_err());
        drop(Claim::of(path.clone()).ok());
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        assert!(Recorder::open(&path).is_ok());
    }

    #[test]
    fn who_asks_for_a_number_or_a_problem_does_not_wait_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(&folder.path().join("tape.har")).unwrap();
        // Hold the lock, as during the writing of an entry.
        let _writing = recorder.state.try_lock().unwrap();
        assert_eq!((recorder.next_number(), recorder.next_number()), (1, 2));
        assert_eq!(recorder.problem(), None);
    }
}
