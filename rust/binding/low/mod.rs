//! `HTTPClientRust`, the polled client, and `HTTPClientRustStream`, its connection as a stream.

mod class;
mod foreign_stream;
mod hot_methods;
mod stream_class;

pub(crate) use class::{connect_timeout_of_project, seconds, timeout, user_agent};

/// Completes the registration of the classes, which must be registered already.
pub(crate) fn register() {
    hot_methods::register();
    class::register();
}
