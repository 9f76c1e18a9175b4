//! Writing and unpacking zips.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// A file in a zip.
pub(crate) struct Entry {
    /// Its path, parted by `/`.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) content: Vec<u8>,
}

impl Entry {
    /// A file of this machine under a name.
    pub(crate) fn of_file(name: String, path: &Path) -> Result<Self> {
        let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { name, content })
    }
}

/// A zip that was written.
pub(crate) struct Archive {
    /// Where it is.
    pub(crate) path: PathBuf,
}

impl Archive {
    /// Writes the entries, sorted and all with the same date: the same content makes the same zip.
    pub(crate) fn write(path: &Path, mut entries: Vec<Entry>) -> Result<Self> {
        entries.sort_by(|left, right| left.name.cmp(&right.name));
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut zip = ZipWriter::new(file);
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default());
        for entry in &entries {
            // A library must stay executable on the systems that ask for it.
            let mode = if entry.name.contains("/bin/") { 0o755 } else { 0o644 };
            zip.start_file(entry.name.as_str(), options.unix_permissions(mode)).context("cannot write a zip")?;
            zip.write_all(&entry.content).context("cannot write a zip")?;
        }
        zip.finish().context("cannot finish a zip")?;
        Ok(Self { path: path.to_path_buf() })
    }

    /// Names and compressed sizes in bytes.
    pub(crate) fn sizes(&self) -> Result<Vec<(String, u64)>> {
        let mut zip = self.open()?;
        (0..zip.len())
            .map(|index| {
                let file = zip.by_index(index).context("cannot read a zip")?;
                let name = file.name().context("a zip has a name that cannot be read")?.into_owned();
                Ok((name, file.compressed_size()))
            })
            .collect()
    }

    /// Whether it has a file whose path ends so.
    pub(crate) fn has(&self, end: &str) -> bool {
        self.sizes().is_ok_and(|files| files.iter().any(|(name, _)| name.ends_with(end)))
    }

    /// Unpacks everything into a folder.
    pub(crate) fn unpack(&self, folder: &Path) -> Result<()> {
        self.open()?.extract(folder).with_context(|| format!("cannot unpack into {}", folder.display()))
    }

    fn open(&self) -> Result<ZipArchive<File>> {
        let file = File::open(&self.path).with_context(|| format!("cannot open {}", self.path.display()))?;
        ZipArchive::new(file).with_context(|| format!("{} is not a zip file", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_out_and_the_same_content_makes_the_same_zip() {
        let folder = tempfile::tempdir().unwrap();
        let entries = || vec![entry("b/bin/x.so", b"code"), entry("a.txt", b"text")];
        let one = Archive::write(&folder.path().join("1.zip"), entries()).unwrap();
        let two = Archive::write(&folder.path().join("2.zip"), entries()).unwrap();

        assert_eq!(std::fs::read(&one.path).unwrap(), std::fs::read(&two.path).unwrap());
        let names: Vec<String> = one.sizes().unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a.txt", "b/bin/x.so"]);
        one.unpack(&folder.path().join("out")).unwrap();
        assert_eq!(std::fs::read(folder.path().join("out/b/bin/x.so")).unwrap(), b"code");
    }

    fn entry(name: &str, content: &[u8]) -> Entry {
        Entry { name: name.to_owned(), content: content.to_vec() }
    }
}
