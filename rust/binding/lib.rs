//! The class `HTTPClientRust`.
