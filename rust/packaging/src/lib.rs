//! The zip that a game's author unpacks: what goes into it, whether it may be published, and whether it works. The program is
//! `cargo xtask package`.
//!
//! ```text
//! command    the command line
//! addon      puts the zip together: archive, licences
//! cross/     libraries for other systems, built on one Linux machine
//! verify     what every library is held to, by what inspect reads in it
//! trial      the ways to try the zip out: unpacked, export, load
//! way        qemu and Wine, which also run our crates' tests: elsewhere
//! page       the table in docs/platforms.md, written by what these found
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
mod trial;
mod unpacked;
mod verify;
mod way;

pub use command::{Arguments, run};
use supervised::{captured, closing_line, log_rule, script_head};
use workbench::{cargo, godot, interface, library, report, servers, source_paths, stage, workspace};
