//! What the project's tasks share. `cargo xtask` and the packaging stand on it; neither TLS nor an engine is below it, so that a task
//! starts soon.
//!
//! ```text
//! workspace, cargo   the checkout, and cargo on it
//! library            the names of the libraries inside the add-on
//! interface          what the godot crate knows of Godot's interface and classes
//! source_paths       no folder of this machine in what is published
//! stage              the add-on's files and the built library, into the sample project
//! godot/             finding Godot, getting it, running it under a deadline
//! servers            the embedded server, a program of its own, as a run of Godot sees it
//! report             what the steps of a run came to
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
