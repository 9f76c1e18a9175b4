//! Requests from beginning to end: a session, tasks, and responses; with redirects, retries, cookies, compression, server-sent events
//! and downloads that resume. Above connections (`http-net`), below Godot, and usable from any Rust program.
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
//! // Whatever is wrong with a request is told by its task, too.
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
//! One [`Worker`] drives every session's calls, and sleeps when nothing happens. A [`Task`] completes exactly once, whatever happens; its
//! owner waits for it, takes its [`Notice`]s, or has the worker tell when there are some ([`Worker::set_deliver`]). Bodies go into any
//! [`Buffer`]; streams and events that nobody takes are not read on, and hold up nobody else.
//!
//! # The policies, in the order in which a request meets them
//!
//! They are values in, values out: no sockets, no clock, no randomness; the time and random numbers are arguments.
//!
//! | module | decides | by |
//! | --- | --- | --- |
//! | [`address`] | where a request goes, and what is the same origin | RFC 3986, WHATWG URL |
//! | [`multipart`] | the bytes of a form, and how many they are | WHATWG HTML, RFC 7578 |
//! | [`cache`] | which responses are kept on the disk, and answer again | RFC 9111, RFC 5861 |
//! | [`cookies`] | which cookies are kept and sent | RFC 6265bis |
//! | [`retry`] | whether an attempt that ended is worth another, and when | RFC 9110 §9.2.2, §10.2.3 |
//! | [`redirect`] | what goes on to where a response points | Fetch standard |
//! | [`download`] | what a part of a file on the disk is worth | RFC 9110 §13, §14 |
//! | [`decode`] | what a packed body says | RFC 9110 §8.4, RFC 9659 |
//! | [`events`] | what an event stream says, and when it is asked for again | WHATWG HTML |
//! | [`charset`] | the text of a body | Encoding standard |
//! | [`header_line`] | names of header lines, `Content-Type` taken apart | RFC 9110 |
//!
//! Below them all, where a call has something to exchange on, [`replay`] records what is said in a file of the format [`har`], or plays it
//! back from one.
//!
//! # Rules that hold in all of them
//!
//! - Nothing that a server sends makes them panic, or hold more than a limit that is named: [`decode::Decoder::step`] and
//!   [`events::Parser::next`] work in bounded steps, [`cookies::Limits`], [`events::Limits`],
//!   [`cookies::LONGEST_FILE`] and [`download::LONGEST_NOTES`] say how much is kept.
//! - Errors are enums. Each prints as one sentence for a person, without a secret and without raw text of a server.
//! - Nothing waits for the network. Files are read and written at once by [`multipart::BodyReader`], the [`cache`], a [`replay`], downloads and the
//!   file of cookies.
//!
//! # From an answer to the next request, by the policies alone
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
//! // That server is busy, and says for how long.
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
//! // Then the body comes, packed.
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
