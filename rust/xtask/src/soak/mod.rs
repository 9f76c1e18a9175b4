//! What `cargo xtask soak` does: random exchanges by many clients, and what they cost in memory.

pub(crate) mod footprint;
pub(crate) mod plan;
pub(crate) mod player;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod tally;
