//! HTTP/1.1 connections: from a [`Route`] to a [`Link`], and exchanges on it. It covers name resolution, TCP, proxies and TLS.
//!
//! Nothing in this crate blocks or reads a clock. Each call processes the available data, and the time is an argument. If a call cannot
//! finish, a [`Wait`] describes what to wait for. [`Pause`] sleeps for one. [`Ready`] is for a loop that drives many connections, and
//! keeps their sockets registered. [`Context`] contains the environment: the resolver, the workers and the TLS configurations.
//!
//! ```text
//!   Host, Proxies, TlsOptions ──▶ Route ──▶ Dial ──▶ Link ──▶ begin ─▶ receive_head ─▶ read_chunk … ─▶ begin
//!        address.rs                  dial/               link/{send, head, body}
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use http_net::{Body, Context, Link, Request, Wait, memory};
//! use http_protocol::Method;
//!
//! // Two ends, joined in memory. For the network, use Dial to create the link.
//! let (near, far) = memory::pair(1024);
//! let context = Context::shared();
//! let now = context.now();
//! let mut link = Link::over(context.clone(), Box::new(near), Some("example.com".to_owned()), now);
//!
//! let request = Request { method: Method::Get, url: "/", headers: &[], user_agent: "doctest" };
//! link.begin(&request, Body::empty(), now)?;
//! assert!(far.take().starts_with(b"GET / HTTP/1.1\r\nHost: example.com\r\n"));
//! assert!(link.receive_head(now)?.is_none(), "nothing has come");
//!
//! far.push(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
//! let response = link.receive_head(now)?.expect("the head is there");
//! assert_eq!(response.head.status, 200);
//! let body: Vec<u8> = link.read_available(now)?;
//! assert_eq!(body, b"hello");
//! assert!(link.is_idle(), "ready for the next request");
//! # Ok::<(), http_net::Error>(())
//! ```
#![deny(unsafe_code)]

mod address;
mod body;
mod context;
mod deadline;
mod dial;
mod error;
mod input;
mod interest;
mod lanes;
mod linger;
mod link;
#[cfg(test)]
mod loopback;
pub mod memory;
mod observer;
mod pause;
mod poller;
mod proxy;
mod ready;
mod resolve;
mod route;
mod timings;
mod tls;
mod transport;
mod unsent;

pub use address::{Host, host_field};
pub use body::{Body, ByteBuffer};
pub use context::{AskForAddresses, Context};
pub use dial::{Dial, Dialled};
pub use error::{
    Error, ErrorKind, Hop, Names, Phase, ProxyProblem, TlsFailure, TlsFailureKind, TlsRemedy, Worded, without_number,
};
pub use http_protocol::{Field, Fields, Framing, Head, Method, Over, PeerError};
pub use link::{Link, Piece, Raw, Received, Request, Response};
pub use observer::{
    ConnectionId, Content, Event, Failure, ForTask, Observer, Store, StoredExchange, for_task, task_of_this_thread,
};
pub use pause::Pause;
pub use proxy::{Chosen, Exceptions, Proxies, Proxy};
pub use ready::{Interest, Ready, Source, Wait, Watch};
pub use route::Route;
pub use timings::{PackedTimings, Timings};
pub use tls::{Certificate, TlsInfo, TlsOptions, Trust, Verify};
pub use transport::{Probe, Stream};

/// The streams below a link, for the tests and the fuzz targets of this repository. They are not part of the public interface.
#[doc(hidden)]
pub mod streams {
    pub use crate::tls::TlsStream;
    pub use crate::transport::TcpStream;
}
