//! A private cache (RFC 9111) on the disk for responses to GET. Fresh responses are used without the network. Stale responses are first
//! confirmed by the server.
//!
//! | file | subject |
//! | --- | --- |
//! | `control` | `Cache-Control` |
//! | `rules` | what can be stored, how long it is fresh, what a 304 changes; values in, values out |
//! | `entry` | a response as a file |
//! | `store` | the folder: names, the limit of its size, what is removed first |
//! | `turn` | the cache from the view of one request |
//! | `served` | an entry that is used as the response; the rest of a call treats it like a connection |
//!
//! # What is stored
//!
//! - Complete responses to GET without a body: 200 and the other codes that can be stored by default (RFC 9110 §15.1), and 302, 303 and 307
//!   if the server says for how long. A body that ends with its connection is not stored, because nobody can tell whether it is complete.
//! - Bodies as they were received, compressed if they were: then the fields describe them correctly, they need the least space, and all
//!   limits of decompression apply to each use. An entry has at most [`LONGEST_ENTRY`] bytes, all entries together [`LIMIT`].
//! - No cookies: those of a response take effect when it arrives. No URL and no header of a request: the names of files are hashes.
//!
//! # What does not use the cache
//!
//! Downloads and event streams, requests with a `Range` header or a condition of the script, `no-store`, servers whose certificate is not
//! verified, and sessions that record or replay. One response is stored for each combination of URL, `Authorization`, values of the headers
//! in `Vary` and, over TLS, way to verify the server (the authorities, the name, and whether the name is verified).
//! `stale-while-revalidate` is not followed: such a response is confirmed first.

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
