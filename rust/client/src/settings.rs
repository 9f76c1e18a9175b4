//! The settings of a client.

use std::sync::Arc;
use std::time::Duration;

use http_net::{Context, Proxies};

/// The settings of one client. A change takes effect with the next call.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The environment of the client: clock, resolver, workers.
    pub context: Arc<Context>,
    /// Whether `poll` and reads block until there is progress.
    pub blocking: bool,
    /// The maximum number of bytes that one read of a body returns, from 256 to 16 MiB.
    pub read_chunk_size: usize,
    /// The time limit for connecting. `None` means no limit.
    pub connect_timeout: Option<Duration>,
    /// The maximum time without data from the server while a response is due. `None` means no limit.
    pub read_timeout: Option<Duration>,
    /// The proxies.
    pub proxies: Proxies,
    /// The value of `User-Agent`, unless a request sets it.
    pub user_agent: Arc<str>,
}

impl Settings {
    /// The allowed values of [`read_chunk_size`](Self::read_chunk_size), in bytes.
    pub const READ_CHUNK_SIZES: std::ops::RangeInclusive<usize> = 256..=16 * 1024 * 1024;
    /// The maximum of a timeout. Longer ones are clamped to these thirty years, which the clock of every system can represent.
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
