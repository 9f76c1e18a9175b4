//! A private cache (RFC 9111): responses to GET that are kept on the disk, answer again without the network while they are fresh, and are
//! confirmed by the server when they are not.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `control` | `Cache-Control` |
//! | `rules` | what may be kept, how long it is fresh, what a 304 changes; values in, values out |
//! | `entry` | a response as a file |
//! | `store` | the folder: names, the limit of its size, what goes first |
//! | `turn` | what all of it means for one request |
//! | `served` | an entry that answers, for the rest of a call the same as a connection |
//!
//! # What is kept
//!
//! - Whole responses to GET without a body: 200 and the others that may be kept by default (RFC 9110 §15.1), 302, 303 and 307 where the
//!   server says for how long. A body that only the end of its connection ends is not kept, since nobody can tell whether it is whole.
//! - Bodies as they came on the wire, packed if they were: the fields then say what is there, it takes the least room, and all limits of
//!   unpacking hold again with each use. An entry has at most [`LONGEST_ENTRY`] bytes, all of them [`LIMIT`].
//! - No cookies: those of a response are applied when it comes. No URL and no header of a request: names of files are hashes.
//!
//! # What goes past it
//!
//! Downloads and streams of events; requests with a `Range` or a condition given by hand; `no-store`; servers whose certificate is not
//! checked; sessions that record or play back. One answer is kept for each URL, `Authorization`, set of values that `Vary` names and, over TLS, way to
//! check who the server is (authorities, name and whether the name is checked). `stale-while-revalidate` is not
//! followed: such a response is confirmed first.

pub(crate) mod control;
pub(crate) mod entry;
#[cfg(test)]
mod measured;
pub(crate) mod rules;
mod served;
mod store;
mod turn;

pub(crate) use entry::{Belief, Entry};
pub(crate) use served::Served;
pub use store::{Cache, LIMIT, LONGEST_ENTRY};
pub(crate) use turn::{Met, Turn};
