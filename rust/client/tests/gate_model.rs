//! The locking of `HttpClient`, checked in every order in which threads can meet: `src/client.rs` itself, over loom's locks and
//! an engine that only notes what is done with it. A request to [`PANICS`] panics.
// loom's threads have stacks of their own, through which no panic finds its way in programs that MinGW linked. The orders are
// those of loom, and the same on every system.
#![cfg(not(all(windows, target_env = "gnu")))]
#![allow(dead_code, missing_docs, unreachable_pub, unused_imports, reason = "it is a part of the client's source")]

#[path = "../src/body.rs"]
mod body;
#[path = "../src/client.rs"]
mod client;
#[path = "../src/error.rs"]
mod error;
#[path = "../src/host.rs"]
mod host;
#[path = "../src/proxy.rs"]
mod proxy;
#[path = "../src/settings.rs"]
mod settings;
#[path = "../src/status.rs"]
mod status;

mod link {
    pub(crate) struct Link;
}

/// What holds a connection; it only notes that it was let go.
mod raw {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use crate::client::HttpClient;

    pub(crate) struct Hold(AtomicBool);

    pub(crate) struct RawConnection;

    impl RawConnection {
        pub(crate) const DEEPEST: usize = 4;

        pub(crate) fn depth(&self) -> usize {
            0
        }
    }

    pub(crate) fn too_deep() -> String {
        String::new()
    }

    impl Hold {
        pub(crate) fn new(_: u64, _: Arc<HttpClient>) -> Self {
            Self(AtomicBool::new(false))
        }

        pub(crate) fn let_go(&self) {
            self.0.store(true, Ordering::Release);
        }

        pub(crate) fn is_let_go(&self) -> bool {
            self.0.load(Ordering::Acquire)
        }
    }
}

mod stream {
    pub(crate) use http_client::Stream;
}

mod sync {
    use std::hash::{DefaultHasher, Hash, Hasher};

    pub(crate) use loom::sync::{Mutex, MutexGuard};

    pub(crate) fn this_thread() -> usize {
        let mut hasher = DefaultHasher::new();
        loom::thread::current().id().hash(&mut hasher);
        hasher.finish() as usize
    }
}

mod timings {
    pub use http_client::Timings;
}

mod tls {
    pub use http_client::{TlsInfo, TlsOptions};
}

mod wait {
    use loom::sync::atomic::{AtomicBool, Ordering};

    #[derive(Debug, Default)]
    pub(crate) struct Cancel(AtomicBool);

    impl Cancel {
        pub(crate) fn set(&self) {
            self.0.store(true, Ordering::Release);
        }

        pub(crate) fn is_set(&self) -> bool {
            self.0.load(Ordering::Acquire)
        }
    }
}

/// An engine whose `poll` makes a connection that is being made, or blocks for ever if the client is in blocking mode.
mod engine {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use http_client::{Fields, Head, Method, TlsInfo, TlsOptions};

    use crate::body::{Body, ByteBuffer};
    use crate::error::{Error, ErrorCode};
    use crate::link::Link;
    use crate::settings::Settings;
    use crate::status::Status;
    use crate::stream::Stream;
    use crate::timings::Timings;
    use crate::wait::Cancel;

    pub(crate) struct Engine {
        pub(crate) view: View,
        cancel: Arc<Cancel>,
        stream: Option<Box<dyn Stream>>,
    }

    #[derive(Clone, Debug)]
    pub(crate) struct View {
        pub(crate) status: Status,
        pub(crate) head: Option<Arc<Head>>,
        pub(crate) body_length: i64,
        pub(crate) chunked: bool,
        pub(crate) trailers: Option<Arc<Fields>>,
        pub(crate) bytes_sent: u64,
        pub(crate) timings: Timings,
        pub(crate) tls: Option<Arc<TlsInfo>>,
        pub(crate) message: Option<Arc<str>>,
        pub(crate) connection: Option<u64>,
        pub(crate) addresses: (Option<SocketAddr>, Option<SocketAddr>),
        pub(crate) depth: usize,
        pub(crate) has_ended: bool,
    }

    impl Default for View {
        fn default() -> Self {
            Self {
                status: Status::Disconnected,
                head: None,
                body_length: -1,
                chunked: false,
                trailers: None,
                bytes_sent: 0,
                timings: Timings::default(),
                tls: None,
                message: None,
                connection: None,
                addresses: (None, None),
                depth: 0,
                has_ended: false,
            }
        }
    }

    impl View {
        pub(crate) fn is_same(&self, other: &Self) -> bool {
            (self.status, self.bytes_sent, &self.message) == (other.status, other.bytes_sent, &other.message)
        }

        pub(crate) fn note(&mut self, error: &Error) {
            self.message = Some(error.message.as_str().into());
        }
    }

    impl Engine {
        pub(crate) fn new(cancel: Arc<Cancel>) -> Self {
            Self { view: View::default(), cancel, stream: None }
        }

        pub(crate) fn connect_to_host(
            &mut self,
            _: &str,
            port: i64,
            _: bool,
            _: &TlsOptions,
            _: &Settings,
        ) -> Result<(), Error> {
            let connection = u64::try_from(port).ok();
            self.view = View { status: Status::Connecting, connection, ..View::default() };
            Ok(())
        }

        pub(crate) fn adopt(&mut self, stream: Box<dyn Stream>, _: Option<String>, _: usize) {
            self.stream = Some(stream);
        }

        pub(crate) fn with_link<T>(&mut self, _: u64, _: impl FnOnce(&mut Link) -> T) -> Option<T> {
            None
        }

        pub(crate) fn request(&mut self, _: Method, url: &str, _: &[&str], _: Body, _: &Settings) -> Result<(), Error> {
            self.view.bytes_sent += 1;
            assert_ne!(url, super::PANICS, "the engine panics, as it was asked to");
            Ok(())
        }

        pub(crate) fn poll(&mut self, settings: &Settings) -> Result<(), Error> {
            if self.view.status == Status::Disconnected {
                return Ok(());
            }
            if settings.blocking {
                while !self.cancel.is_set() {
                    loom::thread::yield_now();
                }
                self.view = View { message: Some("closed".into()), ..View::default() };
                return Err(Error::new(ErrorCode::Unconfigured, "closed"));
            }
            self.view.status = Status::Connected;
            self.view.bytes_sent += 1;
            Ok(())
        }

        pub(crate) fn read_chunk<B: ByteBuffer>(&mut self, _: &Settings) -> Result<B, Error> {
            Ok(B::with_len(0))
        }

        pub(crate) fn read_available<B: ByteBuffer>(&mut self, _: &Settings) -> Result<B, Error> {
            Ok(B::with_len(0))
        }
    }
}

use std::panic::{AssertUnwindSafe, catch_unwind};

use http_client::Method;
use loom::sync::Arc;
use loom::thread;

use client::HttpClient;
use error::{Error, ErrorCode};
use status::Status;
use tls::TlsOptions;

/// The target of a request in whose middle the engine panics.
const PANICS: &str = "/panics";

/// The port tells the connections apart.
fn connect_to(client: &HttpClient, port: i64) -> Result<(), Error> {
    client.connect_to_host("127.0.0.1", port, false, &TlsOptions::default())
}

fn connect(client: &HttpClient) -> Result<(), Error> {
    connect_to(client, 80)
}

fn connecting(blocking: bool) -> Arc<HttpClient> {
    let client = HttpClient::default();
    client.set_blocking_mode(blocking);
    connect(&client).expect("nobody else is there");
    Arc::new(client)
}

fn in_thread<T: 'static>(
    client: &Arc<HttpClient>,
    work: impl FnOnce(&HttpClient) -> T + 'static,
) -> thread::JoinHandle<T> {
    let client = client.clone();
    thread::spawn(move || work(&client))
}

fn assert_serves(client: &HttpClient) {
    client.set_blocking_mode(false);
    connect(client).expect("the engine is in its place");
    client.poll().expect("the engine is in its place");
    assert_eq!((client.status(), client.request_bytes_sent()), (Status::Connected, 1));
}

fn assert_done_or_busy(result: Result<(), Error>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.code, ErrorCode::Busy);
            false
        }
    }
}

#[test]
fn of_two_calls_each_is_done_or_told_that_the_client_is_busy_and_no_engine_is_lost() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, HttpClient::poll);
        let mine = assert_done_or_busy(client.poll());
        let others = assert_done_or_busy(other.join().unwrap());
        assert!(mine || others);
        // What the view shows is what was done: no call's result is lost.
        assert_eq!(client.request_bytes_sent(), u64::from(mine) + u64::from(others));
        assert_eq!(client.status(), Status::Connected);
        assert_serves(&client);
    });
}

#[test]
fn after_close_nothing_of_a_call_that_ran_meanwhile_is_seen() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, HttpClient::poll);
        client.close();
        // Either the call is over, or it works on an engine that was given up.
        assert_eq!((client.status(), client.request_bytes_sent()), (Status::Disconnected, 0));
        other.join().unwrap().expect("the client was never busy");
        assert_eq!((client.status(), client.request_bytes_sent()), (Status::Disconnected, 0));
        assert_eq!(client.error_message(), "");
        assert_serves(&client);
    });
}

#[test]
fn close_ends_a_call_that_blocks_whenever_it_comes() {
    loom::model(|| {
        let client = connecting(true);
        let other = in_thread(&client, HttpClient::poll);
        client.close();
        if let Err(error) = other.join().unwrap() {
            assert_eq!(error.code, ErrorCode::Unconfigured);
        }
        assert_eq!((client.status(), client.error_message().as_str()), (Status::Disconnected, ""));
        assert_serves(&client);
    });
}

#[test]
fn two_calls_and_a_close_leave_a_closed_client_that_serves() {
    loom::model(|| {
        let client = connecting(false);
        let first = in_thread(&client, HttpClient::poll);
        let second = in_thread(&client, HttpClient::poll);
        client.close();
        assert_eq!((client.status(), client.request_bytes_sent()), (Status::Disconnected, 0));
        assert_done_or_busy(first.join().unwrap());
        assert_done_or_busy(second.join().unwrap());
        assert_eq!((client.status(), client.request_bytes_sent()), (Status::Disconnected, 0));
        assert_serves(&client);
    });
}

#[test]
fn two_closes_end_a_call_that_blocks() {
    loom::model(|| {
        let client = connecting(true);
        let call = in_thread(&client, HttpClient::poll);
        let closing = in_thread(&client, HttpClient::close);
        client.close();
        closing.join().unwrap();
        call.join().unwrap().unwrap_or_else(|error| assert_eq!(error.code, ErrorCode::Unconfigured));
        assert_eq!(client.status(), Status::Disconnected);
        assert_serves(&client);
    });
}

#[test]
fn a_connection_made_after_a_close_is_not_taken_away_by_the_call_before_it() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, HttpClient::poll);
        client.close();
        let connected = assert_done_or_busy(connect_to(&client, 81));
        let polled = assert_done_or_busy(other.join().unwrap());
        assert!(connected || polled);
        let sent = client.request_bytes_sent();
        assert_eq!(client.connection_id(), connected.then_some(81));
        match (connected, client.status()) {
            (false, Status::Disconnected) => assert_eq!(sent, 0),
            (true, Status::Connecting) => assert_eq!(sent, 0),
            (true, Status::Connected) => assert_eq!(sent, 1),
            (_, status) => panic!("{status:?} with {sent}, connected: {connected}"),
        }
        assert_serves(&client);
    });
}

#[test]
fn getters_see_one_call_or_none_of_it() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, HttpClient::poll);
        let status = client.status();
        let sent = client.request_bytes_sent();
        assert!(matches!((status, sent), (Status::Connecting, 0 | 1) | (Status::Connected, 1)));
        other.join().unwrap().expect("getters keep no call out");
        assert_eq!((client.status(), client.request_bytes_sent()), (Status::Connected, 1));
    });
}

#[test]
fn a_call_that_panics_leaves_a_client_that_serves_whatever_another_thread_does() {
    type Call = fn(&HttpClient) -> Result<(), Error>;
    let others: [Call; 2] = [HttpClient::poll, |client| {
        client.close();
        Ok(())
    }];
    for other in others {
        loom::model(move || {
            let client = connecting(false);
            let panicking = in_thread(&client, |client| {
                let request = || client.request(Method::Get, PANICS, &[], Box::new(Vec::new()));
                catch_unwind(AssertUnwindSafe(request)).map(assert_done_or_busy)
            });
            assert_done_or_busy(other(&client));
            match panicking.join().unwrap() {
                Ok(done) => assert!(!done, "it neither panicked nor was the client busy"),
                // The engine that was half way through the request is gone.
                Err(_) => assert_eq!((client.status(), client.request_bytes_sent()), (Status::Disconnected, 0)),
            }
            assert_serves(&client);
        });
    }
}

#[test]
fn who_holds_a_connection_is_let_go_whichever_call_ends_it() {
    type Call = fn(&HttpClient);
    let ends: [Call; 3] = [
        HttpClient::close,
        |client| drop(connect_to(client, 81)),
        |client| {
            let request = || client.request(Method::Get, PANICS, &[], Box::new(Vec::new()));
            drop(catch_unwind(AssertUnwindSafe(request)));
        },
    ];
    for end in ends {
        loom::model(move || {
            let client = std::sync::Arc::new(HttpClient::default());
            connect(&client).expect("nobody else is there");
            let ending = {
                let client = client.clone();
                thread::spawn(move || end(&client))
            };
            let hold = HttpClient::hold(&client);
            ending.join().unwrap();
            let now = HttpClient::hold(&client);
            if let Some(hold) = &hold {
                let is_still_open = now.as_ref().is_some_and(|now| std::sync::Arc::ptr_eq(now, hold));
                assert_eq!(hold.is_let_go(), !is_still_open);
            }
        });
    }
}

/// A script's stream: when it goes, the script asks the client.
struct Asking(std::sync::Weak<HttpClient>);

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(client) = self.0.upgrade() {
            client.status();
            client.close();
        }
    }
}

impl stream::Stream for Asking {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Ok(0)
    }

    fn write(&mut self, _: &[u8], _: &[u8]) -> std::io::Result<usize> {
        Ok(0)
    }

    fn probe(&mut self) -> std::io::Result<http_client::Probe> {
        Ok(http_client::Probe::End)
    }

    fn wait(&mut self, _: http_client::Interest, _: std::time::Duration) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stream_that_calls_the_client_as_it_goes_finds_it_unlocked() {
    type Call = fn(&HttpClient);
    let ends: [Call; 3] = [
        HttpClient::close,
        |client| {
            let request = || client.request(Method::Get, PANICS, &[], Box::new(Vec::new()));
            drop(catch_unwind(AssertUnwindSafe(request)));
        },
        |client| drop(client.set_stream(Box::new(Asking(std::sync::Weak::new())), None)),
    ];
    for end in ends {
        loom::model(move || {
            let client = std::sync::Arc::new(HttpClient::default());
            let stream = Asking(std::sync::Arc::downgrade(&client));
            client.set_stream(Box::new(stream), None).expect("nobody else is there");
            end(&client);
            assert_serves(&client);
        });
    }
}

#[test]
fn a_call_that_leads_back_to_the_client_is_told_apart_from_one_of_another_thread() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, HttpClient::poll);
        match client.poll() {
            Ok(()) => {}
            Err(error) => assert!(error.message.contains("another thread"), "{error}"),
        }
        assert_done_or_busy(other.join().unwrap());
    });
}
