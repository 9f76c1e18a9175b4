//! The client's side of HTTP/1.1 (RFC 9110, RFC 9112) as a sans-IO state machine: bytes in, bytes out; no sockets, no clock.
//!
//! # An exchange
//!
//! [`Request::encode`] checks a request and gives the bytes of its head; the caller sends them, and the body after them.
//! [`Connection`] reads the response: it is shown what was received, says how many bytes to drop, and where in the rest the
//! body lies, so that no byte is copied on its behalf.
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
//! # What it takes and what it refuses
//!
//! Where only the look of a head is at stake it is liberal: bare LF, no reason phrase, folded lines, text that is not ASCII, HTTP/1.2
//! to 1.9, and a field that is malformed, which is kept as it came.
//! Where the end of a message is at stake it is strict: whatever two readers could read in two ways is a [`PeerError`].
//! A response that is readable but dubious is delivered, and the connection is not used again ([`Over`]).
//! [`limits`] says how much a server may send.
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
