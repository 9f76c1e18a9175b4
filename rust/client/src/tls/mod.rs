//! TLS by rustls: which server to trust, the handshake, records, and sentences for what goes wrong.

mod config;
mod failure;
mod info;
mod key_share;
mod options;
mod stream;
mod verifier;

pub(crate) use config::{PendingConfig, config};
pub use info::TlsInfo;
pub use options::{TlsOptions, Trust, Verify};
pub(crate) use stream::TlsStream;
