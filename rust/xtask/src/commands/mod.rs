//! The subcommands, one file each.

pub(crate) mod bench;
pub(crate) mod build;
pub(crate) mod coverage;
pub(crate) mod demo;
pub(crate) mod godot;
pub(crate) mod library;
pub(crate) mod package;
pub(crate) mod screenshots;
pub(crate) mod soak;
pub(crate) mod test;
