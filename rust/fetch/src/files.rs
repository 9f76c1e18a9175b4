//! Names of files, and files that several programs use at the same time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Returns a name that is the same for every spelling of the path. If the path is a link, it is followed.
pub(crate) fn name_of_file(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| name_in_folder(path))
}

/// Does the same, but if the path is a link, it is not followed. The file does not need to exist.
pub(crate) fn name_in_folder(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let in_folder = || Some(absolute.parent()?.canonicalize().ok()?.join(absolute.file_name()?));
    in_folder().unwrap_or(absolute)
}

/// Returns whether this file is still the one with this path.
#[cfg(unix)]
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata().map(of), fs::metadata(path).map(of)), (Ok(file), Ok(found)) if file == found)
}

/// On Windows, other programs cannot remove the open files of this one, because it does not share the right to do so.
#[cfg(not(unix))]
pub(crate) fn is_at(_: &File, _: &Path) -> bool {
    true
}
