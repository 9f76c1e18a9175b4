//! Shared code of the project's tasks, for `cargo xtask` and the packaging. It does not depend on TLS or on the engine, so that a
//! task starts quickly.
//!
//! ```text
//! workspace, cargo   the checkout, and cargo on it
//! library            the names of the libraries inside the add-on
//! interface          Godot's interface and classes, as known to the godot crate
//! source_paths       keeps folders of this machine out of published libraries
//! stage              copies the add-on's files and the built library into the sample project
//! godot/             finds Godot, downloads it, and runs it with a deadline
//! servers            the embedded server as a separate program, for a run of Godot
//! report             the results of the steps of a run
//! ```

pub mod cargo;
pub mod godot;
pub mod interface;
pub mod library;
pub mod report;
pub mod servers;
pub mod source_paths;
pub mod stage;
pub mod workspace;

use supervised::{captured, closing_line, log_rule, process_group, script_head};
