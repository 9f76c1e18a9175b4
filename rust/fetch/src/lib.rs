//! tmp
#![forbid(unsafe_code)]
pub mod address;
pub mod charset;
pub mod cookies;
pub mod events;
pub mod header_line;
pub mod redirect;
pub mod retry;
