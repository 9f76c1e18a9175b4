//! `HTTPClientRust`, the polled client, and `HTTPClientRustStream`, its connection.

mod class;
mod foreign_stream;
mod hot_methods;
mod stream_class;

pub(crate) use class::{connect_timeout_of_project, seconds, timeout, user_agent};

/// Completes the classes, which must be registered already.
pub(crate) fn register() {
    hot_methods::register();
    class::register();
}
