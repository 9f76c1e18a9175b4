//! The file of a download on the disk: the part, the notes next to it, and the file with its final name. The module
//! [`download`] decides how they are used.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::download::{self, Fields, LONGEST_NOTES, Notes, Plan, Verdict};
use crate::failure::Failure;
use crate::files::{is_at, name_in_folder};
use crate::lock::lock;
use crate::response::ResultCode;

/// The minimum number of bytes that are written at once. Less data is buffered.
const WORTH_WRITING: usize = 32 << 10;

/// The names of the files of running downloads. The list is global because the disk is: two workers must not write the same file. The part
/// is also locked while it is written, because another process can download to the same path.
static BUSY: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// See the module.
pub(crate) struct PartFile {
    path: PathBuf,
    part: PathBuf,
    notes: PathBuf,
    /// Whether to continue the part of an earlier download.
    resumes: bool,
    /// The maximum size of the file.
    limit: Option<u64>,
    plan: Plan,
    file: Option<File>,
    /// Data that is not written yet.
    buffer: Vec<u8>,
    /// The number of bytes of the file, including the buffer.
    len: u64,
    expected: Option<u64>,
    /// Whether the disk has notes that belong to the current part.
    is_noted: bool,
    _claim: Claim,
}

impl PartFile {
    /// Claims the path. Fails if another download uses it.
    pub(crate) fn new(path: &Path, resumes: bool, limit: Option<u64>) -> Result<Self, Failure> {
        let claim = Claim::new(path)?;
        Ok(Self {
            path: path.to_owned(),
            part: download::part_path(path),
            notes: download::notes_path(path),
            resumes,
            limit,
            plan: Plan::Whole,
            file: None,
            buffer: Vec::new(),
            len: 0,
            expected: None,
            is_noted: false,
            _claim: claim,
        })
    }

    /// Decides what to request, by the files that are on the disk now.
    pub(crate) fn plan(&mut self, url: &str, range_by_hand: bool) -> &Plan {
        self.file = None;
        let part = fs::symlink_metadata(&self.part).ok().filter(|part| part.is_file() && self.resumes);
        let notes = part.as_ref().and_then(|_| read_notes(&self.notes));
        self.plan = Plan::new(url, part.map(|part| part.len()), notes, range_by_hand);
        &self.plan
    }

    /// Judges the final response, and opens the part if the body must be written to it.
    pub(crate) fn judge(&mut self, url: &str, status: u16, fields: &Fields<'_>) -> Result<Verdict, Failure> {
        let verdict = self.plan.judge(status, fields)?;
        if verdict != Verdict::NoFile && is_folder_name(&self.path) {
            let sentence = format!("the path {:?} is a folder; add the name of a file", self.path.display());
            return Err(Failure::new(ResultCode::DownloadFileCantOpen, sentence));
        }
        // Close the file first: on Windows, the name of a deleted file stays in use while the file is open.
        self.file = None;
        let cannot_open = |error| Failure::disk(ResultCode::DownloadFileCantOpen, "opened", &self.part, &error);
        match verdict {
            Verdict::StartOver { len } => {
                // Create a new file, because the existing one may be a link to another place.
                self.remove_part().map_err(cannot_open)?;
                let file = self.open_part(OpenOptions::new().write(true).create_new(true)).map_err(cannot_open)?;
                let notes = Notes::of(url, fields).filter(|_| self.resumes && !matches!(self.plan, Plan::ByHand));
                self.is_noted = match notes {
                    Some(notes) => fs::write(&self.notes, notes.to_text()).is_ok(),
                    None => remove(&self.notes).is_err(),
                };
                self.begin(file, 0, len)?;
            }
            Verdict::Append { len } => {
                let from = match &self.plan {
                    Plan::Rest { from, .. } => *from,
                    _ => 0,
                };
                let mut file = self.open_part(OpenOptions::new().write(true)).map_err(cannot_open)?;
                file.set_len(from).and_then(|()| file.seek(SeekFrom::Start(from))).map_err(cannot_open)?;
                self.is_noted = true;
                self.begin(file, from, Some(len))?;
            }
            Verdict::Complete => {
                let file = self.open_part(OpenOptions::new().write(true)).map_err(cannot_open)?;
                let len = file.metadata().map_err(cannot_open)?.len();
                self.begin(file, len, None)?;
            }
            Verdict::AskAgain => {
                self.remove_part().map_err(cannot_open)?;
                let _ = remove(&self.notes);
                self.plan = Plan::Whole;
            }
            Verdict::NoFile => {}
        }
        Ok(verdict)
    }

    /// Opens the part for this download alone. Other programs can read it.
    fn open_part(&self, options: &mut OpenOptions) -> io::Result<File> {
        #[cfg(windows)]
        std::os::windows::fs::OpenOptionsExt::share_mode(options, 1);
        let file = options.open(&self.part)?;
        check_unused(&file)?;
        Ok(file)
    }

    /// Removes the part, unless another program writes to it.
    fn remove_part(&self) -> io::Result<()> {
        if fs::symlink_metadata(&self.part).is_ok_and(|part| part.is_file())
            && let Ok(file) = File::open(&self.part)
        {
            check_unused(&file)?;
        }
        remove(&self.part)
    }

    fn begin(&mut self, file: File, len: u64, expected: Option<u64>) -> Result<(), Failure> {
        (self.file, self.len, self.expected) = (Some(file), len, expected);
        self.buffer.clear();
        match (self.limit, expected) {
            (Some(limit), Some(expected)) if expected > limit => Err(over(limit)),
            _ => Ok(()),
        }
    }

    /// Returns the number of bytes of the file so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Returns whether another attempt can continue where this one stopped.
    pub(crate) fn can_resume(&self) -> bool {
        self.resumes && self.is_noted && self.len > 0
    }

    /// Fills `room` with `read`. Writes large data directly from `room`, and buffers small data. Returns the number of bytes that `read`
    /// returned.
    pub(crate) fn fill(
        &mut self,
        room: &mut [u8],
        read: impl FnOnce(&mut [u8]) -> Result<usize, Failure>,
    ) -> Result<usize, Failure> {
        let read = read(room)?;
        let bytes = &room[..read];
        self.len += read as u64;
        if let Some(limit) = self.limit.filter(|limit| self.len > *limit) {
            return Err(over(limit));
        }
        if bytes.len() >= WORTH_WRITING {
            self.write_out()?;
            self.write(bytes)?;
        } else {
            self.buffer.extend_from_slice(bytes);
            if self.buffer.len() >= WORTH_WRITING {
                self.write_out()?;
            }
        }
        Ok(read)
    }

    fn write_out(&mut self) -> Result<(), Failure> {
        // Free the memory too: large data is not buffered here.
        let bytes = std::mem::take(&mut self.buffer);
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes)
            .map_err(|error| Failure::disk(ResultCode::DownloadFileWriteError, "written", &self.part, &error))
    }

    /// Completes the file, and gives it its final name.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.write_out()?;
        download::check_length(self.len, self.expected)?;
        let failed = |error| Failure::disk(ResultCode::DownloadFileWriteError, "created", &self.path, &error);
        let file = self.file.take();
        // On some file systems, the number of an open file can change. So a part with the right length is also accepted.
        let is_whole = || fs::metadata(&self.part).is_ok_and(|part| part.len() == self.len);
        if file.as_ref().is_some_and(|file| !is_at(file, &self.part) && !is_whole()) {
            return Err(failed(io::Error::other(
                "another program has removed or replaced its part; download it again",
            )));
        }
        // On Windows, an open file cannot be renamed. Elsewhere, the lock protects the part until it is renamed.
        let _locked = file.filter(|_| cfg!(unix));
        fs::rename(&self.part, &self.path).map_err(failed)?;
        let _ = remove(&self.notes);
        Ok(())
    }

    /// Closes an incomplete file. The part stays on the disk for the next attempt.
    pub(crate) fn break_off(&mut self) {
        // Only the first failure is reported.
        let _ = self.write_out();
        self.file = None;
    }
}

fn over(limit: u64) -> Failure {
    let sentence = format!("the file has more than {limit} bytes, which is the limit (body_size_limit)");
    Failure::new(ResultCode::BodySizeLimitExceeded, sentence)
}

fn read_notes(path: &Path) -> Option<Notes> {
    // Opening anything else may block forever.
    fs::symlink_metadata(path).ok().filter(|notes| notes.is_file())?;
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST_NOTES as u64 + 1).read_to_string(&mut text).ok()?;
    Notes::read(&text)
}

/// Locks the file until it is closed. Fails if another program has locked it. Some file systems have no locks.
fn check_unused(file: &File) -> io::Result<()> {
    // On Windows, a lock would also exclude readers.
    if cfg!(unix) && matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(io::Error::other(IN_USE));
    }
    Ok(())
}

const IN_USE: &str = "another download is writing to it; wait until it ends";

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Returns whether a path ends with a separator.
fn is_folder_name(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().last().is_some_and(|last| std::path::is_separator(char::from(*last)))
}

/// Reserves a path until it is dropped.
struct Claim(PathBuf);

impl Claim {
    fn new(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str().is_empty() {
            let sentence = "the path of the download is empty; give the path of a file";
            return Err(Failure::new(ResultCode::DownloadFileCantOpen, sentence));
        }
        let name = name_in_folder(path);
        if !lock(&BUSY).insert(name.clone()) {
            let in_use = io::Error::other(IN_USE);
            return Err(Failure::disk(ResultCode::DownloadFileCantOpen, "opened", path, &in_use));
        }
        Ok(Self(name))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&BUSY).remove(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: Fields<'static> =
        Fields { content_range: None, body_len: Some(6), etag: Some("\"v1\""), last_modified: None, is_encoded: false };

    fn write(part: &mut PartFile, bytes: &[u8]) -> usize {
        let fill = |room: &mut [u8]| {
            room[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        };
        part.fill(&mut [0; 100], fill).unwrap()
    }

    #[test]
    fn a_part_that_broke_off_is_gone_on_with_and_becomes_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut part = PartFile::new(&path, true, None).unwrap();
        assert_eq!(*part.plan("http://a/f", false), Plan::Whole);
        part.judge("http://a/f", 200, &ETAG).unwrap();
        write(&mut part, b"abc");
        assert!(part.can_resume());
        part.break_off();
        drop(part);
        assert!(!path.exists());

        let mut part = PartFile::new(&path, true, None).unwrap();
        assert!(matches!(part.plan("http://a/f", false), Plan::Rest { from: 3, .. }));
        let rest = Fields { content_range: Some("bytes 3-5/6"), body_len: Some(3), ..ETAG };
        assert_eq!(part.judge("http://a/f", 206, &rest).unwrap(), Verdict::Append { len: 6 });
        write(&mut part, b"def");
        part.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcdef");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_part_takes_the_place_of_an_older_file_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "what the last download left").unwrap();
        let mut part = PartFile::new(&path, false, None).unwrap();
        part.plan("http://a/f", false);
        part.judge("http://a/f", 200, &Fields { body_len: Some(3), ..ETAG }).unwrap();
        write(&mut part, b"new");
        part.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn two_downloads_to_one_path_at_once_are_refused_and_one_after_the_other_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let first = PartFile::new(&path, true, None).unwrap();
        fs::create_dir(folder.path().join("inner")).unwrap();
        for spelled in ["file", "./file", "inner/.././/file"] {
            let second = PartFile::new(&folder.path().join(spelled), true, None).err().unwrap();
            assert_eq!(second.result, ResultCode::DownloadFileCantOpen, "{spelled}");
        }
        drop(first);
        assert!(PartFile::new(&path, true, None).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_part_that_another_process_writes_is_left_alone_and_never_becomes_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let (part_path, notes_path) = (download::part_path(&path), download::notes_path(&path));
        let notes = Notes::of("http://a/f", &ETAG).unwrap().to_text();
        let rest = Fields { content_range: Some("bytes 3-5/6"), body_len: Some(3), ..ETAG };
        let complete = Fields { content_range: Some("bytes */3"), body_len: Some(0), ..ETAG };
        let other_version = Fields { etag: Some("\"v2\""), ..rest };
        fs::write(&part_path, "abc").unwrap();
        fs::write(&notes_path, notes).unwrap();
        let others = OpenOptions::new().write(true).open(&part_path).unwrap();
        others.lock().unwrap();
        for (status, fields) in [(200, ETAG), (206, rest), (206, other_version), (416, complete)] {
            let mut part = PartFile::new(&path, true, None).unwrap();
            part.plan("http://a/f", false);
            let failure = part.judge("http://a/f", status, &fields).unwrap_err();
            assert_eq!(failure.result, ResultCode::DownloadFileCantOpen, "{status}: {}", failure.sentence);
            part.break_off();
            assert_eq!(fs::read(&part_path).unwrap(), b"abc");
        }
        drop(others);
        let mut part = PartFile::new(&path, true, None).unwrap();
        part.plan("http://a/f", false);
        assert_eq!(part.judge("http://a/f", 416, &complete).unwrap(), Verdict::Complete);
        part.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abc");
    }

    #[cfg(unix)]
    #[test]
    fn notes_that_are_a_link_or_no_file_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let (notes_path, elsewhere) = (download::notes_path(&path), folder.path().join("elsewhere"));
        fs::write(download::part_path(&path), "abc").unwrap();
        fs::write(&elsewhere, Notes::of("http://a/f", &ETAG).unwrap().to_text()).unwrap();
        let mut part = PartFile::new(&path, true, None).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &notes_path).unwrap();
        assert_eq!(*part.plan("http://a/f", false), Plan::Whole);
        fs::remove_file(&notes_path).unwrap();
        fs::create_dir(&notes_path).unwrap();
        assert_eq!(*part.plan("http://a/f", false), Plan::Whole);
    }

    #[cfg(unix)]
    #[test]
    fn a_part_that_was_replaced_meanwhile_does_not_become_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut part = PartFile::new(&path, true, None).unwrap();
        part.judge("http://a/f", 200, &ETAG).unwrap();
        write(&mut part, b"abcdef");
        fs::remove_file(download::part_path(&path)).unwrap();
        fs::write(download::part_path(&path), "abc").unwrap();
        let failure = part.finish().unwrap_err();
        assert_eq!(failure.result, ResultCode::DownloadFileWriteError);
        assert!(!path.exists());
    }

    #[test]
    fn a_path_without_the_name_of_a_file_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let empty = PartFile::new(Path::new(""), true, None).err().unwrap();
        assert_eq!(empty.sentence, "the path of the download is empty; give the path of a file");
        let mut part = PartFile::new(&folder.path().join(""), true, None).unwrap();
        let failure = part.judge("http://a/f", 200, &ETAG).unwrap_err();
        assert_eq!(failure.result, ResultCode::DownloadFileCantOpen);
        assert!(failure.sentence.ends_with("is a folder; add the name of a file"), "{}", failure.sentence);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no part is left in the folder");
    }

    #[test]
    fn a_folder_that_is_not_there_and_a_path_that_is_a_folder_are_errors_with_the_name_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = PartFile::new(&folder.path().join("none/file"), true, None).unwrap();
        let failure = part.judge("http://a/f", 200, &ETAG).unwrap_err();
        assert_eq!(failure.result, ResultCode::DownloadFileCantOpen);
        assert!(failure.sentence.contains("file.part"), "{}", failure.sentence);

        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        let mut part = PartFile::new(&path, true, None).unwrap();
        part.judge("http://a/f", 200, &ETAG).unwrap();
        write(&mut part, b"abcdef");
        let failure = part.finish().unwrap_err();
        assert_eq!(failure.result, ResultCode::DownloadFileWriteError);
        assert!(!failure.sentence.contains("os error"), "{}", failure.sentence);
    }

    #[test]
    fn a_file_that_is_too_long_is_refused_at_its_head_or_as_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = PartFile::new(&folder.path().join("file"), false, Some(5)).unwrap();
        assert_eq!(part.judge("u", 200, &ETAG).unwrap_err().result, ResultCode::BodySizeLimitExceeded);
        part.judge("u", 200, &Fields { body_len: None, ..ETAG }).unwrap();
        assert!(part.fill(&mut [0; 100], |_| Ok(6)).is_err());
    }
}
