//! The classes above `HTTPClientRust`: session, task, response and form, and the node. The crate `http-fetch` does their work.
//!
//! A worker thread of that crate makes the requests. What happens to them comes to the main thread by [`delivery`], which has every task
//! until it is completed; nothing of the engine's is ever in the worker's hands.

mod body;
mod delivery;
mod form;
pub(crate) mod held;
mod node;
mod node_properties;
mod request_body;
mod response;
mod session;
mod session_properties;
mod task;
mod values;

pub(crate) use delivery::release;

/// Completes the classes, which must be registered already.
pub(crate) fn register() {
    response::register();
    task::register();
    session_properties::register();
    node_properties::register();
}
