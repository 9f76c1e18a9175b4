//! The cookies of a session: a jar that calls and scripts share, and the file that stores the cookies between runs.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use http_net::without_number;

use crate::cookies::{Jar, LONGEST_FILE};
use crate::files::name_of_file;
use crate::lock::lock;

/// See the module.
#[derive(Default)]
pub(crate) struct Cookies {
    jar: Mutex<Jar>,
    file: Mutex<Kept>,
}

/// Held while any session writes its file. Several sessions can use the same file.
static WRITING: Mutex<()> = Mutex::new(());

#[derive(Default)]
struct Kept {
    path: Option<PathBuf>,
    /// The number of changes of the jar that the file contains. `None` if it lacks cookies that the jar had before.
    saved: Option<u64>,
}

impl Cookies {
    /// Calls `work` with the locked jar.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Jar) -> T) -> T {
        work(&mut lock(&self.jar))
    }

    /// Sets the file that stores the cookies, and loads the cookies in it. `None` means no file. The error is a sentence. After an error,
    /// this file is not changed, and the earlier file stays in use, unless it is the same one.
    pub(crate) fn set_file(&self, path: Option<PathBuf>, now: SystemTime) -> Result<(), String> {
        let mut kept = lock(&self.file);
        let before = kept.path.take();
        let Some(path) = path else { return Ok(()) };
        // A cookie that arrives while the file is read changes the number, so it is saved later.
        let (had_others, changes) = self.with(|jar| (jar.to_text(now).lines().count() > 1, jar.changes()));
        let loaded = self.load(&path, now);
        if loaded.is_ok() {
            *kept = Kept { path: Some(path), saved: (!had_others).then_some(changes) };
        } else {
            kept.path = before.filter(|before| name_of_file(before) != name_of_file(&path));
        }
        loaded
    }

    /// Returns whether a file stores the cookies.
    pub(crate) fn has_file(&self) -> bool {
        lock(&self.file).path.is_some()
    }

    fn load(&self, path: &Path, now: SystemTime) -> Result<(), String> {
        let named = |what: &dyn std::fmt::Display| format!("the cookie file {:?}: {what}", path.display().to_string());
        let text = match read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(named(&format_args!("cannot be read: {}", without_number(&error)))),
        };
        self.with(|jar| jar.add_text(&text, now)).map_err(|error| named(&error))?;
        Ok(())
    }

    /// Writes the file if one of its cookies has changed. The text is written to a temporary file first, so that a crash does not damage
    /// the old file. Each process has its own temporary file, and its sessions use it one after the other.
    pub(crate) fn save(&self, now: SystemTime) -> io::Result<()> {
        let mut kept = lock(&self.file);
        let Some(path) = &kept.path else { return Ok(()) };
        let (changes, text) = self.with(|jar| {
            let changes = jar.changes();
            (changes, (Some(changes) != kept.saved).then(|| jar.to_text(now)))
        });
        let Some(text) = text else { return Ok(()) };
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".new-{}", std::process::id()));
        let _alone = lock(&WRITING);
        let written = write_private(Path::new(&name), &text).and_then(|()| fs::rename(&name, path));
        if written.is_err() {
            // The file contains secrets.
            let _ = fs::remove_file(&name);
        }
        written.map_err(|error| {
            let path = path.display().to_string();
            io::Error::new(
                error.kind(),
                format!("the cookie file {path:?} cannot be written: {}", without_number(&error)),
            )
        })?;
        kept.saved = Some(changes);
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LONGEST_FILE as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file that other users of the machine cannot read. Replaces anything with this name, which may be a link, or a file that others
/// can read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::address::Address;

    fn address() -> Address {
        Address::resolve(None, "http://a.example/").unwrap()
    }

    fn set(cookies: &Cookies, cookie: &str, now: SystemTime) {
        cookies.with(|jar| jar.set(&address(), cookie, now)).unwrap();
    }

    fn in_file(path: &Path, now: SystemTime) -> Cookies {
        let cookies = Cookies::default();
        cookies.set_file(Some(path.to_owned()), now).unwrap();
        cookies
    }

    #[test]
    fn errors_of_the_file_name_it_without_the_number_of_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let cookies = Cookies::default();
        let unread = cookies.set_file(Some(folder.path().to_owned()), now).unwrap_err();
        assert!(unread.contains("cannot be read: ") && !unread.contains("os error"), "{unread}");

        cookies.set_file(Some(folder.path().join("none/cookies")), now).unwrap();
        set(&cookies, "a=1; Max-Age=60", now);
        let unwritten = cookies.save(now).unwrap_err().to_string();
        assert!(unwritten.contains("none/cookies\" cannot be written: "), "{unwritten}");
        assert!(!unwritten.contains("os error"), "{unwritten}");
    }

    #[test]
    fn only_cookies_with_an_expiry_come_back_and_a_file_of_others_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("cookies"), SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let cookies = in_file(&path, now);
        cookies.save(now).unwrap();
        assert!(!path.exists(), "there is nothing to keep");
        for cookie in ["kept=1; Max-Age=60", "gone=2"] {
            set(&cookies, cookie, now);
        }
        cookies.save(now).unwrap();

        let later = Cookies::default();
        later.set_file(Some(path.clone()), now).unwrap();
        assert_eq!(later.with(|jar| jar.header(&address(), now)).as_deref(), Some("kept=1"));

        fs::write(&path, "my novel").unwrap();
        assert!(later.set_file(Some(path.clone()), now).is_err());
        later.with(|jar| jar.clear());
        later.save(now).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "my novel");
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_no_other_file_with_its_cookies() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("cookies"), SystemTime::UNIX_EPOCH);
        let cookies = in_file(&path, now);
        set(&cookies, "a=secret; Max-Age=60", now);
        // A folder has the name of the file.
        fs::create_dir(&path).unwrap();
        assert!(cookies.save(now).is_err());
        let sentence = Cookies::default().set_file(Some(path.clone()), now).unwrap_err();
        assert!(sentence.contains("cookies") && !sentence.contains("os error"), "{sentence}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::remove_dir(&path).unwrap();
        cookies.save(now).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("secret"), "the next try has them still");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "nobody else can read them");
        }
    }

    #[test]
    fn after_a_file_that_cannot_be_used_the_earlier_one_stays_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("cookies"), SystemTime::UNIX_EPOCH);
        let cookies = in_file(&path, now);
        set(&cookies, "a=before; Max-Age=60", now);
        assert!(cookies.set_file(Some(folder.path().to_owned()), now).is_err());
        cookies.save(now).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("before"));
        cookies.set_file(None, now).unwrap();
        cookies.with(|jar| jar.clear());
        cookies.save(now).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("before"), "there is no file any more");
    }

    #[test]
    fn a_file_in_use_that_cannot_be_read_any_more_is_not_used_however_its_path_is_spelled() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("cookies"), SystemTime::UNIX_EPOCH);
        for spelled in ["cookies", "./cookies", "none/../cookies"] {
            fs::create_dir(folder.path().join("none")).unwrap();
            let cookies = in_file(&path, now);
            fs::write(&path, "my novel").unwrap();
            assert!(cookies.set_file(Some(folder.path().join(spelled)), now).is_err());
            assert!(!cookies.has_file(), "{spelled}");
            set(&cookies, "a=1; Max-Age=60", now);
            cookies.save(now).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "my novel", "{spelled}");
            fs::remove_file(&path).unwrap();
            fs::remove_dir(folder.path().join("none")).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_with_the_name_of_the_temporary_file_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("cookies"), SystemTime::UNIX_EPOCH);
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "my novel").unwrap();
        let temporary = folder.path().join(format!("cookies.new-{}", std::process::id()));
        std::os::unix::fs::symlink(&elsewhere, temporary).unwrap();
        let cookies = in_file(&path, now);
        set(&cookies, "a=secret; Max-Age=60", now);
        cookies.save(now).unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "my novel");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        assert!(fs::read_to_string(&path).unwrap().contains("secret"));
    }

    #[test]
    fn cookies_from_before_the_file_was_set_are_saved_in_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("cookies"), SystemTime::UNIX_EPOCH);
        let cookies = Cookies::default();
        set(&cookies, "a=early; Max-Age=60", now);
        cookies.set_file(Some(path.clone()), now).unwrap();
        cookies.save(now).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("early"));
    }

    #[test]
    fn sessions_that_save_into_one_file_at_once_leave_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("cookies"), SystemTime::UNIX_EPOCH);
        std::thread::scope(|scope| {
            for letter in ["a", "b", "c", "d"] {
                let path = path.clone();
                scope.spawn(move || {
                    let cookies = in_file(&path, now);
                    for length in (1..200).chain((1..200).rev()) {
                        let cookie = format!("{letter}={}; Max-Age=60", letter.repeat(length * 10));
                        set(&cookies, &cookie, now);
                        cookies.save(now).unwrap();
                        let damaged = Jar::default().add_text(&fs::read_to_string(&path).unwrap(), now);
                        assert_eq!(damaged, Ok(0));
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
