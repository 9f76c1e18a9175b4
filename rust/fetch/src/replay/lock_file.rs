//! The lock file `.NAME.lock` next to a recorded file. All recorders of all processes share it while they exist. A recorder that finds no
//! other one empties the file. Otherwise, it adds to the file.
//!
//! The operating system releases a lock when its process ends in any way. If the file system has no locks, or no file can be created in the
//! folder, each recorder works alone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::files::is_at;

/// Other recorders hold the lock exclusively for moments only. If one holds it for longer, for example because its process is stopped, this
/// one does not wait for it.
const TRIES: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// A share of the lock. Dropping it releases it.
pub(super) struct Share {
    path: PathBuf,
    /// `None` if there are no locks.
    lock: Option<File>,
}

impl Share {
    /// Takes a share. `begin` is called, once or more, if nobody has a share, and before anybody else can take one.
    pub(super) fn take(recorded: &Path, mut begin: impl FnMut() -> io::Result<()>) -> io::Result<Self> {
        let path = beside(recorded);
        for _ in 0..TRIES {
            let Ok(lock) = open(&path) else { break };
            match lock.try_lock() {
                // The last owner may have removed the file since it was opened.
                Ok(()) if !is_at(&lock, &path) => continue,
                Ok(()) => {
                    if let Err(error) = begin() {
                        drop(Self { path, lock: Some(lock) });
                        return Err(error);
                    }
                    lock.unlock()?;
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(_)) => break,
            }
            if lock.try_lock_shared().is_ok() && is_at(&lock, &path) {
                return Ok(Self { path, lock: Some(lock) });
            }
            thread::sleep(PAUSE);
        }
        if path.exists() && open(&path).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock))) {
            return Err(io::Error::other("another program holds its lock and does not go on"));
        }
        begin()?;
        Ok(Self { path, lock: None })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some(lock) = self.lock.take() else { return };
        if cfg!(unix) {
            // Remove the file only if nobody else shares it.
            if lock.try_lock().is_ok() && is_at(&lock, &self.path) {
                let _ = fs::remove_file(&self.path);
            }
        } else {
            drop(lock);
            // This fails while another process has the file open.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn beside(recorded: &Path) -> PathBuf {
    let name = recorded.file_name().unwrap_or_default().to_string_lossy();
    recorded.with_file_name(format!(".{name}.lock"))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt;
        // Other processes may read and write the file, but not remove it.
        options.share_mode(1 | 2);
    }
    options.open(path)
}

/// Exclusive access to a file, if the file system has locks.
pub(super) struct Alone<'a>(&'a File);

impl<'a> Alone<'a> {
    pub(super) fn with(file: &'a File) -> io::Result<Self> {
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            }
        }
        Err(io::Error::other("another program writes to it and does not go on"))
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a share. Returns whether `begin` was called.
    fn share(path: &Path) -> (Share, bool) {
        let mut began = false;
        let share = Share::take(path, || {
            began = true;
            Ok(())
        });
        (share.unwrap(), began)
    }

    #[test]
    fn the_first_begins_the_file_and_the_lock_goes_with_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.har");
        for _ in 0..3 {
            let (first, began) = share(&path);
            assert!(began);
            let (second, began) = share(&path);
            assert!(!began);
            drop(first);
            let (third, began) = share(&path);
            assert!(!began, "the second is there still");
            drop((second, third));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the lock is removed");
        }
    }

    #[test]
    fn a_file_that_cannot_begin_leaves_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.har");
        let refused = Share::take(&path, || Err(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(refused.err().map(|error| error.kind()), Some(io::ErrorKind::PermissionDenied));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_lock_that_was_left_by_a_process_that_died_is_nobodys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.har");
        fs::write(beside(&path), "").unwrap();
        assert!(share(&path).1);
    }

    #[test]
    fn where_no_lock_can_be_made_each_is_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.har");
        // The name of the lock is in use by a folder.
        fs::create_dir(beside(&path)).unwrap();
        let (_first, began) = share(&path);
        assert!(began && share(&path).1);
    }

    #[test]
    fn many_who_come_and_go_at_once_never_begin_the_file_of_somebody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.har");
        thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for round in 0..50 {
                        let (_share, _) = Share::take(path, || fs::write(path, "")).map(|share| (share, ())).unwrap();
                        let mine = format!("{number}-{round}\n");
                        let mut file = OpenOptions::new().append(true).open(path).unwrap();
                        io::Write::write_all(&mut file, mine.as_bytes()).unwrap();
                        // While the share exists, the written text stays.
                        assert!(fs::read_to_string(path).unwrap().contains(&mine));
                    }
                });
            }
        });
        assert!(!beside(&path).exists());
    }
}
