//! What a client can be told beforehand.

use std::sync::Arc;
use std::time::Duration;

use http_net::{Context, Proxies};

/// The settings of one client. They hold from the next call on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The world around the client: clock, resolver, workers.
    pub context: Arc<Context>,
    /// Whether `poll` and reads wait, sleeping, until they have got further.
    pub blocking: bool,
    /// The most bytes that one read of a body gives; 256 to 16 MiB.
    pub read_chunk_size: usize,
    /// How long making the connection may take in all; none is for ever.
    pub connect_timeout: Option<Duration>,
    /// How long the server may be silent while a response is due; none is for ever.
    pub read_timeout: Option<Duration>,
    /// The proxies to go through.
    pub proxies: Proxies,
    /// The value of `User-Agent` in requests that give none.
    pub user_agent: Arc<str>,
}

impl Settings {
    /// What [`read_chunk_size`](Self::read_chunk_size) may be, in bytes.
    pub const READ_CHUNK_SIZES: std::ops::RangeInclusive<usize> = 256..=16 * 1024 * 1024;
    /// What a timeout is cut down to: thirty years, a moment that the clock of every system can name.
    pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(1_000_000_000);
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            context: Context::shared().clone(),
            blocking: false,
            read_chunk_size: 64 * 1024,
            connect_timeout: Some(Duration::from_secs(30)),
            read_timeout: None,
            proxies: Proxies::default(),
            user_agent: concat!("http-client/", env!("CARGO_PKG_VERSION")).into(),
        }
    }
}
