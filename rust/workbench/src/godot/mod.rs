//! Godot: which one, and how its runs are judged.

pub mod debian;
pub mod editor;
pub mod find;
pub mod run;
pub mod screen;
pub mod suite;
pub mod template;
pub mod version;
pub mod web;

use std::path::PathBuf;

use semver::Version;

/// A Godot that starts.
#[derive(Debug, Clone)]
pub struct Godot {
    /// The program.
    pub program: PathBuf,
    /// What it says it is.
    pub version: Version,
}
