//! Godot: which one, and how its runs are judged.

pub(crate) mod debian;
pub(crate) mod editor;
pub(crate) mod find;
pub(crate) mod run;
pub(crate) mod screen;
pub(crate) mod suite;
pub(crate) mod template;
pub(crate) mod version;
pub(crate) mod web;

use std::path::PathBuf;

use semver::Version;

/// A Godot that starts.
#[derive(Debug, Clone)]
pub(crate) struct Godot {
    /// The program.
    pub(crate) program: PathBuf,
    /// What it says it is.
    pub(crate) version: Version,
}
