//! Conversions between the types of Godot and Rust.

pub(crate) mod certificates;
pub(crate) mod enums;
pub(crate) mod spare;
pub(crate) mod tls_argument;
pub(crate) mod types;
