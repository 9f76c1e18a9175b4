//! The lock that [`HttpClient`](crate::HttpClient) is built on, in a file of its own: tests/gate_model.rs puts one in its
//! place that tries every order of threads.

pub(crate) use std::sync::{Mutex, MutexGuard};
