//! The cookies of a session: a jar that calls and scripts share, and the file that stores the cookies between runs.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use crate::cookies::{Jar, LONGEST_FILE};
use crate::failure::words_of;
use crate::lock::lock;

/// See the module.
#[derive(Default)]
pub(crate) struct Cookies {
    jar: Mutex<Jar>,
    file: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    path: Option<PathBuf>,
    /// The number of changes of the jar that the file contains.
    saved: u64,
}

impl Cookies {
    /// Calls `work` with the locked jar.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Jar) -> T) -> T {
        work(&mut lock(&self.jar))
    }

    /// Sets the file that stores the cookies, and loads the cookies in it. `None` means no file. The error is a sentence. After an error,
    /// the file is not changed.
    pub(crate) fn set_file(&self, path: Option<PathBuf>, now: SystemTime) -> Result<(), String> {
        let mut kept = lock(&self.file);
        kept.path = None;
        let Some(path) = path else { return Ok(()) };
        let named = |what: &dyn std::fmt::Display| format!("the cookie file {:?}: {what}", path.display().to_string());
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(named(&format_args!("cannot be read: {}", words_of(&error)))),
        };
        self.with(|jar| jar.add_text(&text, now)).map_err(|error| named(&error))?;
        kept.path = Some(path);
        kept.saved = self.with(|jar| jar.changes());
        Ok(())
    }

    /// Writes the file if one of its cookies has changed. The text is written to a temporary file first, so that a crash does not damage
    /// the old file.
    pub(crate) fn save(&self, now: SystemTime) -> io::Result<()> {
        let mut kept = lock(&self.file);
        let Some(path) = &kept.path else { return Ok(()) };
        let (changes, text) = self.with(|jar| {
            let changes = jar.changes();
            (changes, (changes != kept.saved).then(|| jar.to_text(now)))
        });
        let Some(text) = text else { return Ok(()) };
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        fs::write(&name, text).and_then(|()| fs::rename(&name, path)).map_err(|error| {
            let path = path.display().to_string();
            io::Error::new(error.kind(), format!("the cookie file {path:?} cannot be written: {}", words_of(&error)))
        })?;
        kept.saved = changes;
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LONGEST_FILE as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::address::Address;

    #[test]
    fn errors_of_the_file_name_it_without_the_number_of_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let cookies = Cookies::default();
        let unread = cookies.set_file(Some(folder.path().to_owned()), now).unwrap_err();
        assert!(unread.contains("cannot be read: ") && !unread.contains("os error"), "{unread}");

        cookies.set_file(Some(folder.path().join("none/cookies")), now).unwrap();
        let address = Address::resolve(None, "http://a.example/").unwrap();
        cookies.with(|jar| jar.set(&address, "a=1; Max-Age=60", now)).unwrap();
        let unwritten = cookies.save(now).unwrap_err().to_string();
        assert!(unwritten.contains("none/cookies\" cannot be written: "), "{unwritten}");
        assert!(!unwritten.contains("os error"), "{unwritten}");
    }

    #[test]
    fn only_cookies_with_an_expiry_come_back_and_a_file_of_others_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, now) = (folder.path().join("cookies"), SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let address = Address::resolve(None, "http://a.example/").unwrap();
        let cookies = Cookies::default();
        cookies.set_file(Some(path.clone()), now).unwrap();
        cookies.save(now).unwrap();
        assert!(!path.exists(), "there is nothing to keep");
        for cookie in ["kept=1; Max-Age=60", "gone=2"] {
            cookies.with(|jar| jar.set(&address, cookie, now)).unwrap();
        }
        cookies.save(now).unwrap();

        let later = Cookies::default();
        later.set_file(Some(path.clone()), now).unwrap();
        assert_eq!(later.with(|jar| jar.header(&address, now)).as_deref(), Some("kept=1"));

        fs::write(&path, "my novel").unwrap();
        assert!(later.set_file(Some(path.clone()), now).is_err());
        later.with(|jar| jar.clear());
        later.save(now).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "my novel");
    }
}
