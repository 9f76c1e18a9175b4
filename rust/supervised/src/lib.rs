//! Runs a program with a deadline, ends it with all its child processes, and checks its log.
//!
//! ```text
//! captured       a child process: ordered output, deadline, progress messages
//! process_group  ends a child together with all processes that it started
//! script_head    the settings for a run at the top of a script
//! log_rule       lines that a log must not contain, unless the script announces them
//! closing_line   the numbers of passed and failed tests
//! ```
//!
//! `cargo xtask` uses it to run cargo and Godot.

pub mod captured;
pub mod closing_line;
pub mod log_rule;
pub mod process_group;
pub mod script_head;
