//! An HTTP/1.1 client for programs that must not block: each call of [`HttpClient::poll`] advances name resolution, connections and
//! exchanges. It has the methods of Godot's `HTTPClient`, with Rust types, and does not depend on Godot.
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

mod client;
mod driver;
mod engine;
mod error;
mod gate;
mod hold;
#[cfg(feature = "log")]
mod log_observer;
mod raw;
mod settings;
mod status;
mod sync;
mod view;

pub use client::{Body, HttpClient};
pub use error::{Error, ErrorCode};
pub use http_net::{
    ByteBuffer, Certificate, Chosen, ConnectionId, Content, Context, Event, Exceptions, Field, Fields, Head, Host,
    Interest, Method, Observer, Phase, Probe, Proxies, Proxy, Store, Stream, Timings, TlsInfo, TlsOptions, Trust,
    Verify, Wait, task_of_this_thread,
};
pub use http_protocol::QueryString;
#[cfg(feature = "log")]
pub use log_observer::LogObserver;
pub use raw::RawConnection;
pub use settings::Settings;
pub use status::Status;
