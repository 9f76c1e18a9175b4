//! The paths in the checkout.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The checkout's folders.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout from which this program was started.
    pub fn find() -> Result<Self> {
        // Cargo also sets the variable at run time. So a binary stays correct if it was moved together with its checkout.
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir
            .ancestors()
            .nth(2)
            .with_context(|| format!("{} is not a package of this repository", manifest_dir.display()))?
            .to_path_buf();
        Ok(Self { root })
    }

    /// A folder that contains the sample project in the same place as a checkout.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// The checkout itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The add-on in the repository, without a library.
    pub fn addon(&self) -> PathBuf {
        self.root.join("addons").join(ADDON)
    }

    /// The file of the add-on that names its libraries.
    pub fn gdextension(&self) -> PathBuf {
        self.addon().join(format!("{ADDON}.gdextension"))
    }

    /// The sample project.
    pub fn godot_project(&self) -> PathBuf {
        self.root.join("godot_project")
    }

    /// The folder `shared` next to the checkout, where some tests find more input. `None` if it does not exist.
    pub fn shared(&self) -> Option<PathBuf> {
        let shared = self.root.parent()?.join("shared");
        shared.is_dir().then_some(shared)
    }
}

/// The name of the add-on's folder, which is also the name of the package.
pub const ADDON: &str = "http_client_rust";

/// The files in one folder whose names `wanted` accepts, sorted. Empty if the folder does not exist.
pub fn files_in(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&wanted))
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_has_the_addon_and_this_package() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.addon().is_dir());
        assert!(workspace.root().join("rust/xtask/Cargo.toml").is_file());
    }

    #[test]
    fn a_folder_that_is_missing_has_no_files() {
        assert!(files_in(Path::new("no/such/folder"), |_| true).is_empty());
    }
}
