//! Builds, checks and tests the zip for game developers. The program is
//! `cargo xtask package`.
//!
//! ```text
//! command    the command line
//! addon      creates the zip: archive, licenses
//! cross/     libraries for other systems, built on one Linux machine
//! verify     the rules for every library, which inspect reads
//! trial      the tests of the zip: unpacked, export, load
//! way        qemu and Wine, which also run the tests of our crates: elsewhere
//! page       the table in docs/platforms.md, written from the results
//! ```

mod addon;
mod archive;
mod command;
mod cross;
mod elsewhere;
mod export;
mod inspect;
mod licences;
mod load;
mod page;
mod signature;
mod trial;
mod unpacked;
mod verify;
mod way;

pub use command::{Arguments, run};
use supervised::{captured, closing_line, log_rule, script_head};
use workbench::{cargo, godot, interface, library, report, servers, source_paths, stage, workspace};
