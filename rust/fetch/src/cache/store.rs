//! The folder of a cache: one file for each entry, written under another name and then renamed.
//!
//! If the disk fails, a response is not stored, but no request fails. Files that do not belong to the cache are left alone.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{Context, SHA256};

use super::entry::{self, Belief, Entry};
use crate::files::name_of_file;
use crate::lock::lock;

/// The default limit of the size of a cache on the disk, in bytes.
pub const LIMIT: u64 = 256 << 20;
/// The maximum size of one entry, including its head, in bytes. An entry is in memory as a whole while it is used.
pub const LONGEST_ENTRY: u64 = 16 << 20;
/// The maximum number of files, so that reading the folder for the first time takes little time.
const MOST_FILES: usize = 16_384;
/// The maximum number of stored responses for one request, if they differ by `Vary`.
const VARIANTS: usize = 8;
/// The age after which unfinished files of programs that crashed are removed.
const ABANDONED: Duration = Duration::from_secs(3600);
const UNFINISHED: &str = ".unfinished-";
/// The maximum number of tries to find a name for a new file. An earlier program with the same process number may have left some.
const MOST_TRIES: u32 = 64;

/// The caches of the process, by folder and limit. Sessions with the same folder share one cache.
static OPEN: Mutex<BTreeMap<(PathBuf, u64), Weak<Store>>> = Mutex::new(BTreeMap::new());

/// A private cache in a folder. A clone refers to the same cache.
#[derive(Clone)]
pub struct Cache(Arc<Store>);

struct Store {
    folder: PathBuf,
    limit: u64,
    /// `None` until the folder is read, when it is needed for the first time.
    index: Mutex<Option<Index>>,
}

/// The files in the folder. Files that other processes write later are found at the next start.
#[derive(Default)]
struct Index {
    files: BTreeMap<String, Known>,
    /// The size of all files, in bytes.
    total: u64,
}

struct Known {
    len: u64,
    used: SystemTime,
}

/// An entry that is being written. If it is dropped before its end, it is removed.
pub(crate) struct Writer {
    cache: Cache,
    name: String,
    path: PathBuf,
    file: Option<File>,
    hash: Context,
    len: u64,
}

impl Cache {
    /// Opens the cache in this folder. The folder is created with the first entry. Nothing is read or written before a request needs it.
    pub fn at(folder: &Path) -> io::Result<Self> {
        Self::with_limit(folder, LIMIT)
    }

    /// Does the same with a limit for the size on the disk, in bytes. The least recently used entries are removed first.
    pub fn with_limit(folder: &Path, limit: u64) -> io::Result<Self> {
        let folder = std::path::absolute(folder)?;
        let mut open = lock(&OPEN);
        open.retain(|_, store| store.strong_count() > 0);
        let key = (name_of_file(&folder), limit);
        if let Some(store) = open.get(&key).and_then(Weak::upgrade) {
            return Ok(Self(store));
        }
        let store = Arc::new(Store { folder, limit, index: Mutex::default() });
        open.insert(key, Arc::downgrade(&store));
        Ok(Self(store))
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Returns the latest entry that answers a request for this URL with these header lines. If `needs_body` is true for it, the body is
    /// also read, and the entry is known to be complete. Only the heads of other entries are read.
    pub(crate) fn find(
        &self,
        (url, belief, lines): (&str, &Belief, &[String]),
        now: SystemTime,
        needs_body: impl Fn(&Entry) -> bool,
    ) -> Option<Entry> {
        let start = entry::of_request(url, belief, lines);
        let mut names = self.names(&start, now);
        // The name without `Vary`, which most entries have. Another process may have written it since the folder was read.
        let plain = format!("{start}{}", entry::variant_of(&[], lines));
        if !names.contains(&plain) {
            names.push(plain);
        }
        let mut entries: Vec<Entry> = names.iter().filter_map(|name| self.read_without_body(name)).collect();
        entries.retain(|entry| entry.answers(lines));
        entries.sort_by_key(|entry| Reverse(entry.received));
        // If an entry is damaged, try the next one.
        entries.into_iter().find_map(|entry| match needs_body(&entry) {
            true => self.read(&entry.name).filter(|entry| entry.answers(lines)),
            false => Some(entry),
        })
    }

    /// Reads an entry. A file with its name that is not an entry is removed.
    pub(crate) fn read(&self, name: &str) -> Option<Entry> {
        self.read_with(name, |path| read_file(path).map(Entry::read))
    }

    /// Does the same for the part before the body.
    fn read_without_body(&self, name: &str) -> Option<Entry> {
        self.read_with(name, |path| {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            Entry::read_without_body(file, len)
        })
    }

    fn read_with(&self, name: &str, read: impl FnOnce(&Path) -> io::Result<Option<Entry>>) -> Option<Entry> {
        let entry = match read(&self.0.folder.join(name)) {
            Ok(entry) => entry,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.with_index(None, |index| index.forget(name));
                return None;
            }
            Err(_) => return None,
        };
        let entry = entry.filter(|entry| entry.name == name);
        if entry.is_none() {
            self.remove(name);
        }
        entry
    }

    /// Stores that an entry was used.
    pub(crate) fn touch(&self, name: &str, now: SystemTime) {
        // The next start reads this time. If it cannot be written, the entry seems older than it is.
        let path = self.0.folder.join(name);
        let _ = OpenOptions::new().write(true).open(path).and_then(|file| file.set_modified(now));
        self.with_index(Some(now), |index| {
            if let Some(known) = index.files.get_mut(name) {
                known.used = now;
            }
        });
    }

    /// Removes an entry.
    pub(crate) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.0.folder.join(name));
        self.with_index(None, |index| index.forget(name));
    }

    /// Removes all entries for a URL, with any credentials.
    pub(crate) fn forget(&self, url: &str, now: SystemTime) {
        self.names(&entry::of_url(url), now).iter().for_each(|name| self.remove(name));
    }

    /// Begins to write an entry. Returns `None` if that is not possible.
    pub(crate) fn write(
        &self,
        name: String,
        head: &[u8],
        requested: SystemTime,
        received: SystemTime,
    ) -> Option<Writer> {
        let (path, file) = self.unfinished().ok()?;
        let hash = Context::new(&SHA256);
        let mut writer = Writer { cache: self.clone(), name, path, file: Some(file), hash, len: 0 };
        let beginning = Entry::beginning(&writer.name, head, requested, received);
        writer.add(&beginning).then_some(writer)
    }

    /// Creates a new file for an entry. An existing file with the same name belongs to another program or is a link, and is left alone.
    fn unfinished(&self) -> io::Result<(PathBuf, File)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let folder = &self.0.folder;
        let mut tries = 0;
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{UNFINISHED}{}-{number}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((path, file)),
                Err(error) if tries == MOST_TRIES => return Err(error),
                Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(folder)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            tries += 1;
        }
    }

    fn names(&self, start: &str, now: SystemTime) -> Vec<String> {
        self.with_index(Some(now), |index| index.starting_with(start).map(|(name, _)| name.clone()).collect())
            .unwrap_or_default()
    }

    /// Calls `work` with the index. With `now`, reads the folder first, if that was not done yet.
    fn with_index<T>(&self, now: Option<SystemTime>, work: impl FnOnce(&mut Index) -> T) -> Option<T> {
        let mut index = lock(&self.0.index);
        if let (None, Some(now)) = (&*index, now) {
            *index = Some(Index::of(&self.0.folder, now));
        }
        index.as_mut().map(work)
    }

    fn added(&self, name: String, len: u64, now: SystemTime) {
        let start = name[..name.rfind('-').map_or(0, |at| at + 1)].to_owned();
        let gone = self.with_index(Some(now), |index| {
            index.forget(&name);
            index.files.insert(name, Known { len, used: now });
            index.total += len;
            let variants = oldest(index.starting_with(&start));
            let mut gone: Vec<String> = variants[..variants.len().saturating_sub(VARIANTS)].to_vec();
            if index.total > self.0.limit || index.files.len() > MOST_FILES {
                gone.extend(index.too_much(self.0.limit));
            }
            gone
        });
        gone.into_iter().flatten().for_each(|name| self.remove(&name));
    }
}

impl Index {
    fn of(folder: &Path, now: SystemTime) -> Self {
        let mut index = Self::default();
        for file in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (Ok(name), Ok(metadata)) = (file.file_name().into_string(), file.metadata()) else { continue };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if entry::is_name(&name) && metadata.is_file() {
                index.total += metadata.len();
                index.files.insert(name, Known { len: metadata.len(), used });
            } else if name.starts_with(UNFINISHED) && now.duration_since(used).is_ok_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(file.path());
            }
        }
        index
    }

    fn forget(&mut self, name: &str) {
        if let Some(known) = self.files.remove(name) {
            self.total -= known.len;
        }
    }

    /// Returns the entries to remove: slightly more than necessary, so that not every new entry requires this again.
    fn too_much(&self, limit: u64) -> Vec<String> {
        let (mut total, mut count) = (self.total, self.files.len());
        let mut names = oldest(self.files.iter());
        let is_enough = |name: &String| {
            let is_enough = total <= limit / 16 * 15 && count <= MOST_FILES / 16 * 15;
            total -= self.files[name].len;
            count -= 1;
            is_enough
        };
        names.truncate(names.iter().position(is_enough).unwrap_or(names.len()));
        names
    }

    fn starting_with<'a>(&'a self, start: &'a str) -> impl Iterator<Item = (&'a String, &'a Known)> {
        self.files.range(start.to_owned()..).take_while(move |(name, _)| name.starts_with(start))
    }
}

/// Sorts the names, least recently used first.
fn oldest<'a>(files: impl Iterator<Item = (&'a String, &'a Known)>) -> Vec<String> {
    let mut files: Vec<_> = files.collect();
    files.sort_by_key(|(name, known)| (known.used, *name));
    files.into_iter().map(|(name, _)| name.clone()).collect()
}

impl Writer {
    /// Adds bytes to the file. Returns whether the entry can still be completed.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> bool {
        let most = LONGEST_ENTRY.min(self.cache.0.limit);
        self.len += bytes.len() as u64;
        self.hash.update(bytes);
        self.len <= most && self.file.as_mut().is_some_and(|file| file.write_all(bytes).is_ok())
    }

    /// Completes the entry, and gives it its name.
    pub(crate) fn finish(mut self, now: SystemTime) {
        let hash = self.hash.clone().finish();
        if !self.add(hash.as_ref()) {
            return;
        }
        let Some(file) = self.file.take() else { return };
        let _ = file.set_modified(now);
        drop(file);
        if fs::rename(&self.path, self.cache.0.folder.join(&self.name)).is_ok() {
            self.path = PathBuf::new();
            self.cache.added(self.name.clone(), self.len, now);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // On some systems, an open file cannot be removed.
        self.file = None;
        if !self.path.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Reads a file, up to slightly more than the maximum size of an entry.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    let len = file.metadata()?.len().min(LONGEST_ENTRY);
    bytes.reserve_exact(usize::try_from(len).unwrap_or_default() + 1);
    file.take(LONGEST_ENTRY + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("folder", &self.0.folder).field("limit", &self.0.limit).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(files: u64, len: u64) -> Index {
        let at = |number| SystemTime::UNIX_EPOCH + Duration::from_secs(number);
        // The order of the names differs from that of the times.
        let known = |number| (format!("{:05}", 99_999 - number), Known { len, used: at(number) });
        Index { files: (0..files).map(known).collect(), total: files * len }
    }

    #[test]
    fn the_oldest_go_until_there_is_room_for_some_more() {
        let gone = index(100, 10).too_much(960);
        assert_eq!(gone.len(), 10, "900 of 960 bytes are left");
        assert_eq!((gone[0].as_str(), gone[9].as_str()), ("99999", "99990"));
        let most = MOST_FILES as u64;
        assert_eq!(index(most + 1, 1).too_much(u64::MAX).len(), MOST_FILES / 16 + 1);
        assert_eq!(index(3, 10).too_much(5).len(), 3);
    }
}
