//! TLS with rustls: trust, handshake, records, and sentences that describe failures.

mod certificate;
mod chain;
mod config;
mod failure;
mod info;
mod key_share;
mod options;
mod problem;
mod records;
mod sessions;
mod stream;
mod verifier;

pub use certificate::Certificate;
pub(crate) use config::{Configs, PendingConfig, WallClock, World};
pub use info::TlsInfo;
pub use options::{TlsOptions, Trust, Verify};
pub use stream::TlsStream;
pub(crate) use stream::options_fail;
