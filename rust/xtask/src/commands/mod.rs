//! The subcommands, one file each.

pub(crate) mod build;
pub(crate) mod demo;
pub(crate) mod godot;
pub(crate) mod test;
