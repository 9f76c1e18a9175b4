//! An HTTP/1.1 client for programs that must not wait: name resolution, connections and exchanges go on a little with each
//! [`HttpClient::poll`]. It is Godot's `HTTPClient` in Rust types, method by method, and knows nothing of Godot.
//!
//! ```
//! use std::io::{Read, Write};
//! # use std::{net::TcpListener, thread, time::Duration};
//! use http_client::{HttpClient, Method, Status, TlsOptions};
//!
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let port = listener.local_addr()?.port();
//! # let server = thread::spawn(move || {
//! #     let (mut peer, _) = listener.accept().unwrap();
//! #     let mut request = [0; 1024];
//! #     let _ = peer.read(&mut request).unwrap();
//! #     peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
//! # });
//! let client = HttpClient::default();
//! client.set_blocking_mode(true); // sleep in poll(); a game polls once a frame instead
//! client.connect_to_host("127.0.0.1", port.into(), false, &TlsOptions::default())?;
//! while client.status() < Status::Connected {
//!     client.poll()?;
//! }
//! client.request(Method::Get, "/greeting", &["Accept-Language: en"], Box::new(Vec::new()))?;
//! while client.status() == Status::Requesting {
//!     client.poll()?;
//! }
//! assert_eq!(client.response_code(), 200);
//! let mut body = Vec::new();
//! while client.status() == Status::Body {
//!     body.extend(client.read_response_body_chunk::<Vec<u8>>()?);
//! }
//! assert_eq!(body, b"hello");
//! # server.join().unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(unsafe_code)]

mod body;
mod client;
mod connector;
mod deadline;
mod engine;
mod error;
mod host;
mod input;
mod link;
mod opening;
mod proxy;
mod raw;
mod receive;
mod resolver;
mod settings;
mod status;
mod stream;
mod sync;
mod timings;
mod tls;
mod unsent;
mod wait;
mod workers;

pub use body::{Body, ByteBuffer};
pub use client::HttpClient;
pub use error::{Error, ErrorCode};
pub use http_protocol::{Field, Fields, Head, Method, QueryString};
pub use proxy::{Exceptions, Proxies, Proxy};
pub use raw::RawConnection;
pub use settings::Settings;
pub use status::Status;
pub use stream::{Probe, Stream};
pub use timings::Timings;
pub use tls::{Certificate, TlsInfo, TlsOptions, Trust, Verify};
pub use wait::Interest;

/// The streams below an exchange, for the tests and the fuzz targets of this repository. They are no part of the interface.
#[doc(hidden)]
pub mod streams {
    pub use crate::stream::TcpStream;
    pub use crate::tls::TlsStream;
}
