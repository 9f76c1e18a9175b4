//! The client's side of HTTP/1.1 (RFC 9110, RFC 9112) as a sans-IO state machine. It has no sockets and no clock.
//!
//! # An exchange
//!
//! [`Request::encode`] checks a request and returns the bytes of its head. The caller sends them, and then the body.
//! [`Connection`] reads the response. The caller passes the received bytes. The connection says how many bytes to drop, and where the
//! body is in the rest, so it never copies a byte.
//!
//! ```
//! use http_protocol::{BodyStep, Connection, HeadStep, Method, Request};
//!
//! let request = Request {
//!     method: Method::Get,
//!     url: "/index.html",
//!     headers: &["Accept-Language: en"],
//!     body_length: Some(0),
//!     host: "example.com",
//!     user_agent: "doctest",
//!     proxy_prefix: "",
//! };
//! let (head, facts) = request.encode()?;
//! assert!(head.starts_with(b"GET /index.html HTTP/1.1\r\nHost: example.com\r\n"));
//!
//! let mut connection = Connection::new();
//! connection.begin(facts)?;
//! let mut received = &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..];
//!
//! let HeadStep::Head { skip, head, .. } = connection.read_head(received)? else { panic!("all of it is there") };
//! received = &received[skip..];
//! assert_eq!(head.status, 200);
//!
//! let BodyStep::Data { skip, len } = connection.next_body(received, 65536, 65536)? else { panic!("so is the body") };
//! assert_eq!(&received[skip..skip + len], b"hello");
//! received = &received[skip + len..];
//!
//! assert_eq!(connection.next_body(received, 65536, 65536)?, BodyStep::Done { skip: 0 });
//! assert!(connection.is_idle(), "ready for the next request");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it accepts and what it refuses
//!
//! It is liberal with the form of a head. It accepts bare LF, no reason phrase, folded lines, text that is not ASCII, HTTP/1.2
//! to 1.9, and a malformed field, which is kept unchanged.
//! It is strict with the end of a message: anything that two readers could interpret differently is a [`PeerError`].
//! A response that is readable but suspicious is delivered, and the connection is not used again ([`Over`]).
//! [`limits`] lists how much a server may send.
#![forbid(unsafe_code)]

mod chunk_encoder;
mod chunked;
mod connection;
mod error;
mod fields;
mod form;
mod framing;
mod head;
pub mod limits;
mod line_reader;
mod method;
mod request;
mod target;
mod url_parts;

pub use chunk_encoder::ChunkEncoder;
pub use connection::{BodyStep, Connection, HeadStep, Over};
pub use error::{CallerError, Excerpt, PeerError};
pub use fields::Head;
pub use fields::{Field, Fields};
pub use form::{QueryString, percent_decode};
pub use framing::Framing;
pub use method::Method;
pub use request::{Request, RequestFacts};
pub use url_parts::{UrlParts, without_user_info};
