//! tmp
#![forbid(unsafe_code)]
pub mod address;
pub mod charset;
pub mod cookies;
pub mod decode;
pub mod download;
pub mod events;
pub mod header_line;
pub mod multipart;
pub mod redirect;
pub mod retry;
