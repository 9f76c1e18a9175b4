//! What a fetch decides, above connections and below Godot: values in, values out. No sockets, no clock, no randomness; the time
//! and random numbers are arguments.
//!
//! # The modules, in the order in which a request meets them
//!
//! | module | decides | by |
//! | --- | --- | --- |
//! | [`address`] | where a request goes, and what is the same origin | RFC 3986, WHATWG URL |
//! | [`multipart`] | the bytes of a form, and how many they are | WHATWG HTML, RFC 7578 |
//! | [`cookies`] | which cookies are kept and sent | RFC 6265bis |
//! | [`retry`] | whether an attempt that ended is worth another, and when | RFC 9110 §9.2.2, §10.2.3 |
//! | [`redirect`] | what goes on to where a response points | Fetch standard |
//! | [`download`] | what a part of a file on the disk is worth | RFC 9110 §13, §14 |
//! | [`decode`] | what a packed body says | RFC 9110 §8.4, RFC 9659 |
//! | [`events`] | what an event stream says, and when it is asked for again | WHATWG HTML |
//! | [`charset`] | the text of a body | Encoding standard |
//! | [`header_line`] | names of header lines, `Content-Type` taken apart | RFC 9110 |
//!
//! # Rules that hold in all of them
//!
//! - Nothing that a server sends makes them panic, or hold more than a limit that is named: [`decode::Decoder::step`] and
//!   [`events::Parser::next`] work in bounded steps, [`cookies::Limits`], [`events::Limits`],
//!   [`cookies::LONGEST_FILE`] and [`download::LONGEST_NOTES`] say how much is kept.
//! - Errors are enums. Each prints as one sentence for a person, without a secret and without raw text of a server.
//! - Nothing waits, but for [`multipart::BodyReader`], which reads files.
//!
//! # From an answer to the next request
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
pub mod charset;
pub mod cookies;
pub mod decode;
pub mod download;
pub mod events;
pub mod header_line;
pub mod multipart;
pub mod redirect;
pub mod retry;
