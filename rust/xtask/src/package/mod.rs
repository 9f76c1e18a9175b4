//! The zip that a game's author unpacks: what goes into it, and whether it works.

mod archive;
mod export;
pub(crate) mod licences;
mod trial;

pub(crate) use archive::{Archive, Entry};
pub(crate) use export::try_export;
pub(crate) use trial::try_out;
