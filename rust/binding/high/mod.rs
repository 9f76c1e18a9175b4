//! The classes above `HTTPClientRust`: session, task, response and form, and the node. The crate `http-fetch` does their work.
//!
//! A worker thread of that crate makes the requests. What happens to them comes to the main thread by [`delivery`], which has every task
//! until it is completed; of the engine's the worker has the memory of bodies and files of a pack, and knows when it must not use them.

mod body;
mod delivery;
mod form;
pub(crate) mod held;
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

/// Completes the classes, which must be registered already.
pub(crate) fn register() {
    response::register();
    task::register();
    session_properties::register();
    session_replay::register();
    node_properties::register();
}
