//! Finds Godot, and runs tests in it.

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

/// A Godot that was started successfully.
#[derive(Debug, Clone)]
pub struct Godot {
    /// The program.
    pub program: PathBuf,
    /// The version that it printed.
    pub version: Version,
}
