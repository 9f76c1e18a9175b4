//! Complete requests: sessions, tasks and responses, with redirects, retries, cookies, compression, server-sent events and resumable
//! downloads. The crate is based on connections (`http-net`), does not depend on Godot, and can be used in any Rust program.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpListener;
//!
//! use http_fetch::{Request, ResultCode, Session, Settings};
//!
//! // A server of three lines.
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let base_url = format!("http://{}/api/", listener.local_addr()?);
//! std::thread::spawn(move || -> std::io::Result<()> {
//!     let (mut stream, _) = listener.accept()?;
//!     let _ = stream.read(&mut [0; 1024])?;
//!     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")
//! });
//!
//! let session = Session::new(Settings { base_url, ..Settings::default() });
//! let task = session.fetch(Request::get("greeting"));
//! let response = task.wait();
//! assert_eq!((response.result, response.code()), (ResultCode::Success, 200));
//! assert_eq!(response.text(), "hello");
//!
//! // The task also reports an invalid request.
//! let refused = session.fetch(Request::get("ftp://example.com/")).wait();
//! assert_eq!(refused.result, ResultCode::InvalidRequest);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # How it runs
//!
//! ```text
//!  Session ── fetch, stream, listen, download ──▶ Task ◀── notices, the response ───┐
//!     │ a command                                                                   │
//!     ▼                                                                             │
//!  Worker, one thread ──▶ Engine ──▶ Call, from request to completion ──▶ Sink ─────┘
//!                           │          │  by the policies below           memory, chunks,
//!                           ▼          ▼                                  events, a file
//!                         Pool ◀──▶ Exchange, today a link of HTTP/1.1
//! ```
//!
//! One [`Worker`] runs the calls of all sessions, and sleeps when nothing happens. A [`Task`] always completes exactly once. Its
//! owner waits for it, takes its [`Notice`]s, or lets the worker report new ones ([`Worker::set_deliver`]). Bodies can go into any
//! [`Buffer`]. If nobody takes the data of a stream or an event stream, it is not read further, and does not delay other calls.
//!
//! # The policies, in the order of their use
//!
//! They are functions with values in and values out. They use no sockets, no clock and no random numbers: time and randomness are
//! arguments.
//!
//! | module | decides | by |
//! | --- | --- | --- |
//! | [`address`] | where a request goes, and which addresses have the same origin | RFC 3986, WHATWG URL |
//! | [`multipart`] | the bytes and the length of a form | WHATWG HTML, RFC 7578 |
//! | [`cache`] | which responses are stored on the disk and used again | RFC 9111, RFC 5861 |
//! | [`cookies`] | which cookies are kept and sent | RFC 6265bis |
//! | [`retry`] | whether and when a failed attempt is repeated | RFC 9110 §9.2.2, §10.2.3 |
//! | [`redirect`] | what is sent to the target of a redirect | Fetch standard |
//! | [`download`] | whether a partial file on the disk can be continued | RFC 9110 §13, §14 |
//! | [`decode`] | the content of a compressed body | RFC 9110 §8.4, RFC 9659 |
//! | [`events`] | the events of an event stream, and when to reconnect | WHATWG HTML |
//! | [`charset`] | the text of a body | Encoding standard |
//! | [`header_line`] | the names of header lines, and the parts of `Content-Type` | RFC 9110 |
//!
//! At the lowest level, where a call uses a connection, [`replay`] records exchanges in a file with the format [`har`], or replays such a
//! file.
//!
//! # Common rules
//!
//! - Data from a server never causes a panic, and never uses more memory than a named limit: [`decode::Decoder::step`] and
//!   [`events::Parser::next`] work in limited steps, and [`cookies::Limits`], [`events::Limits`],
//!   [`cookies::LONGEST_FILE`] and [`download::LONGEST_NOTES`] limit what is stored.
//! - Errors are enums. Each prints as one sentence for people, without secrets and without raw text from a server.
//! - Nothing waits for the network. [`multipart::BodyReader`], the [`cache`], a [`replay`], downloads and the cookie file read and write
//!   files at once.
//!
//! # From a response to the next request, with the policies alone
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use http_fetch::address::Address;
//! use http_fetch::cookies::Jar;
//! use http_fetch::decode::{Coding, Decoder, State};
//! use http_fetch::redirect::{self, Request};
//! use http_fetch::retry::{self, Attempt, End, Next};
//! use http_protocol::Method;
//!
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
//! let base = Address::resolve(None, "https://api.example.com/v1/")?;
//! let request = Request {
//!     method: Method::Post,
//!     address: Address::resolve(Some(&base), "login")?,
//!     headers: vec!["Authorization: Basic …".to_owned()],
//!     with_body: true,
//! };
//!
//! // A 302 with a cookie came: it leads to another server, as a GET without the credentials.
//! let mut jar = Jar::default();
//! jar.set(&request.address, "sid=1; Domain=example.com; Path=/; Secure", now)?;
//! let policy = redirect::Policy { most: Some(10), allow_insecure: false };
//! let next = redirect::follow(policy, 0, &request, 302, ["//www.example.com/home"])?.expect("a redirect");
//! assert_eq!((next.method, next.with_body, next.headers.len()), (Method::Get, false, 0));
//! assert_eq!(jar.header(&next.address, now).as_deref(), Some("sid=1"));
//!
//! // That server is busy, and says when to try again.
//! let attempt = Attempt {
//!     method: next.method,
//!     retries: 0,
//!     on_kept_connection: false,
//!     was_written: true,
//!     has_lost_kept_connection: false,
//!     can_resume: false,
//!     time_left: None,
//! };
//! let busy = End::Answered { status: 503, retry_after: Some("2") };
//! let policy = retry::Policy { most: 2, unsafe_methods: false };
//! assert_eq!(retry::decide(policy, &attempt, busy, now, 0.5), Next::After(Duration::from_secs(2)));
//!
//! // Then the compressed body arrives.
//! let packed = *b"\x78\x01\x01\x02\x00\xfd\xff\x68\x69\x01\x3b\x00\xd2";
//! let mut decoder = Decoder::new(&Coding::list(["deflate"])?, Some(1 << 20));
//! let (mut room, mut body, mut read) = ([0; 1024], Vec::new(), 0);
//! loop {
//!     let step = decoder.step(&packed[read..], true, &mut room)?;
//!     read += step.read;
//!     body.extend_from_slice(&room[..step.written]);
//!     if step.state == State::Done {
//!         break;
//!     }
//! }
//! assert_eq!(body, b"hi");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

pub mod address;
mod answer;
mod attempt;
pub mod cache;
mod call;
pub mod charset;
mod cookie_file;
pub mod cookies;
pub mod decode;
pub mod download;
mod engine;
pub mod events;
pub mod exchange;
mod failure;
mod files;
pub mod har;
pub mod header_line;
mod hop;
mod lock;
mod mailbox;
pub mod multipart;
mod part;
mod pool;
pub mod redirect;
pub mod replay;
mod response;
pub mod retry;
mod session;
mod settings;
#[cfg(test)]
mod simulation;
mod sink;
mod task;
mod through_cache;
mod way;
mod worker;

pub use cache::Cache;
pub use replay::Replay;
pub use response::{Buffer, Facts, Response, ResultCode};
pub use session::Session;
pub use settings::{Credentials, Download, Request, RequestBody, Settings};
pub use task::{Notice, Phase, Task};
pub use worker::Worker;
