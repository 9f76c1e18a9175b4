//! Checks names and versions.
fn main() {}
