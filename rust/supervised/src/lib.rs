//! Runs a program under a deadline, ends it with everything that it started, and judges its log.
//!
//! ```text
//! captured       a child process: ordered output, deadline, signs of life
//! process_group  a child and all that it starts, ended together
//! script_head    what the head of a script says about its run
//! log_rule       what may not stand in a log that nobody announced
//! closing_line   how many tests passed and failed
//! ```
//!
//! `cargo xtask` runs cargo and Godot by it.

pub mod captured;
pub mod closing_line;
pub mod log_rule;
pub mod process_group;
pub mod script_head;
