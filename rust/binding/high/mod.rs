//! The classes above `HTTPClientRust`: session, task, response, form and node. The crate `http-fetch` does their work.
//!
//! A worker thread of that crate makes the requests. [`delivery`] passes the results to the main thread and keeps every task
//! until it is completed. The worker uses two things of the engine: the memory of bodies, and the files in a pack. It knows when
//! it must not use them.

mod body;
mod delivery;
mod form;
mod node;
mod node_properties;
mod packed_file;
mod readying;
mod replay;
mod request_body;
mod response;
mod session;
mod session_properties;
mod session_replay;
mod task;
mod values;

pub(crate) use delivery::release;

/// Completes the registration of the classes, which must be registered already.
pub(crate) fn register() {
    response::register();
    task::register();
    session_properties::register();
    session_replay::register();
    node_properties::register();
}
