//! Tests that observers receive phases and counts in order and without secrets, and content only on request.
#![allow(missing_docs)]

mod support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use http_net::{
    Body, ConnectionId, Content, Context, Dial, Dialled, Event, Host, Link, Method, Observer, Phase, Proxy, Route,
    TlsOptions, Verify, for_task, task_of_this_thread,
};
use support::{Clock, Outcome, Scene, Slow};

const PATIENCE: Duration = Duration::from_secs(60);
const LIMIT: Duration = Duration::from_secs(30);

/// Records what it receives.
#[derive(Default)]
struct Log {
    is_curious: bool,
    /// The number of the connection and the debug output of each event.
    events: Mutex<Vec<(u64, String)>>,
    contents: Mutex<Vec<(&'static str, Vec<u8>)>>,
    asked: AtomicUsize,
}

impl Observer for Log {
    fn event(&self, connection: ConnectionId, event: &Event<'_>) {
        self.events.lock().unwrap().push((connection.get(), format!("{event:?}")));
    }

    fn wants_content(&self) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.is_curious
    }

    fn content(&self, _: ConnectionId, content: Content<'_>) {
        assert!(self.is_curious, "it did not ask for it");
        let (what, bytes) = match content {
            Content::Destination { host, .. } => ("destination", host.authority().into_bytes()),
            Content::RequestHead(bytes) => ("request head", bytes.to_vec()),
            Content::RequestBody(bytes) => ("request body", bytes.to_vec()),
            Content::ResponseHead(head) => ("response head", head.status.to_string().into_bytes()),
            Content::ResponseBody(bytes) => ("response body", bytes.to_vec()),
            Content::Failure(error) => ("failure", error.to_string().into_bytes()),
            _ => panic!("a new kind of content"),
        };
        self.contents.lock().unwrap().push((what, bytes));
    }
}

impl Log {
    fn curious() -> Arc<Self> {
        Arc::new(Self { is_curious: true, ..Self::default() })
    }

    fn events(&self) -> Vec<String> {
        self.events.lock().unwrap().iter().map(|(_, event)| event.clone()).collect()
    }

    /// Returns all content of one kind, concatenated.
    fn joined(&self, kind: &str) -> Vec<u8> {
        let contents = self.contents.lock().unwrap();
        contents.iter().filter(|(what, _)| *what == kind).flat_map(|(_, bytes)| bytes.clone()).collect()
    }

    fn assert_without(&self, secrets: &[&str]) {
        for event in self.events() {
            for secret in secrets {
                assert!(!event.contains(secret), "{secret:?} in {event}");
            }
        }
    }
}

fn watched(log: &Arc<Log>, room: usize) -> Scene {
    let clock = Clock::new();
    let context = clock.context();
    context.set_observer(Some(log.clone()));
    Scene::of(clock, context, room)
}

const SECRETS: [&str; 7] =
    ["secret-target", "secret-header", "secret-upload", "Set-Cookie", "secret-cookie", "secret-reply", "X-Secret-Name"];

/// Performs an exchange that contains secrets everywhere.
fn exchange(scene: &mut Scene) -> (usize, Vec<u8>) {
    let headers = ["Authorization: Bearer secret-header", "X-Secret-Name: 1"];
    scene
        .begin(Method::Post, "/secret-target?token=secret-target", &headers, Body::Bytes(Box::new(*b"secret-upload")))
        .unwrap();
    let mut sent = scene.server.take();
    while scene.link.is_sending() {
        scene.link.send(scene.clock.now());
        sent.extend(scene.server.take());
    }
    scene.server.push(b"HTTP/1.1 200 OK\r\nSet-Cookie: session=secret-cookie\r\nContent-Length: 12\r\n\r\nsecret");
    let mut received = Outcome::default();
    assert!(!scene.receive(&mut received).unwrap());
    scene.server.push(b"-reply");
    assert!(scene.receive(&mut received).unwrap());
    (sent.len(), received.body)
}

#[test]
fn the_debug_form_of_content_and_of_a_stream_shows_no_byte_of_it() {
    let secret = b"Authorization: secret";
    let (near, far) = http_net::memory::pair(1000);
    far.push(secret);
    for shown in [
        format!("{:?}", Content::RequestHead(secret)),
        format!("{:?}", Content::RequestBody(secret)),
        format!("{:?}", Content::ResponseBody(secret)),
        format!("{near:?}"),
    ] {
        assert!(shown.contains("(21 bytes") && !shown.contains("115, 101"), "{shown}");
    }
}

#[test]
fn the_events_of_an_exchange_come_in_order_and_their_counts_are_what_was_sent_and_received() {
    let log = Arc::new(Log::default());
    let mut scene = watched(&log, 1 << 20);
    let (sent, _) = exchange(&mut scene);
    let id = scene.link.id().get();
    drop(scene);
    assert_eq!(
        log.events(),
        [
            "Request { method: Post, body: Some(13) }".to_owned(),
            format!("Sent {{ bytes: {sent} }}"),
            "Response { status: 200 }".to_owned(),
            "Received { bytes: 6 }".to_owned(),
            "Received { bytes: 6 }".to_owned(),
            "Complete".to_owned(),
            "Closed".to_owned(),
        ]
    );
    assert!(log.events.lock().unwrap().iter().all(|(connection, _)| *connection == id));
}

#[test]
fn what_goes_out_in_many_parts_is_counted_once() {
    let log = Arc::new(Log::default());
    let mut scene = watched(&log, 10);
    let (sent, _) = exchange(&mut scene);
    let counts = log.events().into_iter().filter_map(|event| {
        event
            .strip_prefix("Sent { bytes: ")
            .and_then(|rest| rest.strip_suffix(" }"))
            .map(|count| count.parse::<usize>().unwrap())
    });
    let counts: Vec<usize> = counts.collect();
    assert!(counts.len() > 10 && counts.iter().sum::<usize>() == sent, "{counts:?} of {sent}");
    assert_eq!(log.events().iter().filter(|event| *event == "Complete").count(), 1);
}

#[test]
fn no_event_has_a_target_a_header_or_a_body_in_it() {
    let log = Arc::new(Log::default());
    let mut scene = watched(&log, 1 << 20);
    exchange(&mut scene);
    log.assert_without(&SECRETS);
}

#[test]
fn nor_has_the_event_of_any_failure() {
    let secrets = ["secret", "SECRET"];
    let replies: [&[u8]; 7] = [
        b"secret, and no HTTP",
        b"HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie secret\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxsecret\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsecret",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    ];
    for (index, reply) in replies.into_iter().enumerate() {
        let log = Log::curious();
        let mut scene = watched(&log, 1 << 20);
        scene.get("/secret");
        scene.server.push(reply);
        let is_unsolicited = index == 6;
        if !is_unsolicited {
            scene.server.finish();
        }
        let mut received = Outcome::default();
        let error = loop {
            match scene.receive(&mut received) {
                Ok(true) => {
                    assert!(is_unsolicited, "{}", reply.escape_ascii());
                    scene.server.push(b"secret");
                    break scene.link.check_idle().unwrap_err();
                }
                Ok(false) => {}
                Err(error) => break error,
            }
        };
        log.assert_without(&secrets);
        let events = log.events();
        let given_out: usize = received.body.len();
        let told = events
            .iter()
            .take_while(|event| !event.starts_with("Failed("))
            .filter_map(|event| event.strip_prefix("Received { bytes: ")?.strip_suffix(" }")?.parse::<usize>().ok());
        assert_eq!(told.sum::<usize>(), given_out, "before the failure: {events:?}");
        let failed: Vec<&String> = events.iter().filter(|event| event.starts_with("Failed(")).collect();
        assert_eq!(failed.len(), 1, "{events:?}");
        assert!(failed[0].contains(error.kind().name()) && failed[0].contains(&format!("{:?}", error.phase())));
        // An observer that requests content receives the whole sentence.
        assert_eq!(log.joined("failure"), error.to_string().into_bytes());
    }
}

#[test]
fn a_timeout_and_a_body_that_cannot_be_read_are_told_too() {
    let log = Arc::new(Log::default());
    let mut scene = watched(&log, 1 << 20);
    scene.get("/");
    scene.clock.pass(LIMIT);
    scene.link.check_silence(Some(LIMIT), scene.clock.now()).unwrap_err();
    drop(scene);
    assert!(log.events()[2].starts_with("Failed(Failure { kind: \"a time limit passed\""), "{:?}", log.events());
    assert_eq!(log.events()[3..], ["Closed"]);

    let log = Arc::new(Log::default());
    let mut scene = watched(&log, 1 << 20);
    let reader = Box::new(Slow::new(b"secret", 2));
    scene.begin(Method::Post, "/", &[], Body::Reader { reader, length: Some(100) }).unwrap();
    while scene.head().is_ok() {}
    log.assert_without(&["secret"]);
    assert_eq!(log.events().iter().filter(|event| event.starts_with("Failed(")).count(), 1);
}

#[test]
fn contents_are_lent_only_to_who_asks_for_them_and_then_they_are_whole() {
    let log = Arc::new(Log::default());
    let mut scene = watched(&log, 1 << 20);
    exchange(&mut scene);
    assert!(log.asked.load(Ordering::SeqCst) > 0, "it was asked");
    assert!(log.contents.lock().unwrap().is_empty());

    let log = Log::curious();
    let mut scene = watched(&log, 7);
    let (_, body) = exchange(&mut scene);
    let head = String::from_utf8(log.joined("request head")).unwrap();
    assert!(head.starts_with("POST /secret-target?token=secret-target HTTP/1.1\r\n") && head.ends_with("\r\n\r\n"));
    assert!(head.contains("Authorization: Bearer secret-header\r\n"), "{head}");
    assert_eq!(log.joined("request body"), b"secret-upload");
    assert_eq!(log.joined("response head"), b"200");
    assert_eq!((log.joined("response body"), body), (b"secret-reply".to_vec(), b"secret-reply".to_vec()));
}

#[test]
fn of_a_body_in_chunks_the_bytes_are_shown_and_not_the_coding() {
    let log = Log::curious();
    let mut scene = watched(&log, 1 << 20);
    scene.exchange(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    assert_eq!(log.joined("response body"), b"hello world");
    scene.get("/");
    scene.server.push(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nagain\r\n0\r\n\r\n");
    assert!(scene.head().unwrap().is_some());
    let now = scene.clock.now();
    let piece = scene.link.read_chunk::<Vec<u8>>(100, false, now).unwrap().unwrap();
    scene.link.give_out(piece, now);
    assert_eq!(log.joined("response body"), b"hello worldagain");
}

#[test]
fn who_stops_watching_or_comes_later_hears_only_what_happens_meanwhile() {
    let log = Arc::new(Log::default());
    let mut scene = Scene::new();
    let reply = b"HTTP/1.1 204 No Content\r\n\r\n";
    scene.exchange(reply);
    scene.context.set_observer(Some(log.clone()));
    scene.exchange(reply);
    let heard = log.events().len();
    assert!(heard >= 4, "{:?}", log.events());
    scene.context.set_observer(None);
    scene.exchange(reply);
    drop(scene);
    assert_eq!(log.events().len(), heard);
    assert_eq!(Arc::strong_count(&log), 1, "nobody keeps it");
}

/// Advances the dial until it returns a link or fails.
fn dialled(context: &Arc<Context>, route: Route) -> Option<Box<Link>> {
    let started = Instant::now();
    let mut dial = Dial::start(context, Arc::new(route), Some(LIMIT), "test".into(), context.now()).ok()?;
    loop {
        assert!(started.elapsed() < PATIENCE);
        match dial.advance(context.now()) {
            Ok(Dialled::Link(link)) => return Some(link),
            Ok(_) => thread::yield_now(),
            Err(_) => return None,
        }
    }
}

fn world(log: &Arc<Log>) -> Arc<Context> {
    let resolver = |name: &str| match name {
        "known.test" => Ok(vec![([127, 0, 0, 1], 0).into()]),
        _ => Err("not in the script".to_owned()),
    };
    let context = Arc::new(Context::new(Instant::now, Some(Box::new(resolver))));
    context.set_observer(Some(log.clone()));
    context
}

/// Returns the names of the events, without the parts that differ between runs.
fn names(log: &Log) -> Vec<String> {
    let events = log.events();
    events.iter().map(|event| event.split([' ', '(']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_steps_to_a_link_come_in_order_under_the_number_of_the_link() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let log = Arc::new(Log::default());
    let context = world(&log);
    let host = Host::parse("known.test", port.into(), false).unwrap();
    let link = dialled(&context, Route::new(host, None, &TlsOptions::default())).unwrap();
    let id = link.id().get();
    drop(link);
    assert_eq!(names(&log), ["Resolving", "Connecting", "Connected", "Closed"]);
    assert!(log.events()[1].contains("addresses: 1") && log.events()[2].contains(&port.to_string()));
    assert!(log.events.lock().unwrap().iter().all(|(connection, _)| *connection == id));
}

#[test]
fn where_a_connection_is_to_lead_is_lent_before_it_is_dialled_and_only_to_who_asks() {
    let nowhere = || Route::new(Host::parse("unknown.test", 8080, true).unwrap(), None, &TlsOptions::default());
    let log = Log::curious();
    assert!(dialled(&world(&log), nowhere()).is_none());
    let contents = log.contents.lock().unwrap();
    assert_eq!(contents[0], ("destination", b"unknown.test:8080".to_vec()));
    assert_eq!(contents.iter().map(|(what, _)| *what).collect::<Vec<_>>(), ["destination", "failure"]);

    let log = Arc::new(Log::default());
    assert!(dialled(&world(&log), nowhere()).is_none());
    assert!(log.contents.lock().unwrap().is_empty());
}

/// Records the task of the thread.
#[derive(Default)]
struct Tasks(Mutex<Vec<Option<u64>>>);

impl Observer for Tasks {
    fn event(&self, _: ConnectionId, _: &Event<'_>) {
        self.0.lock().unwrap().push(task_of_this_thread());
    }
}

#[test]
fn an_observer_can_ask_whose_doing_it_is() {
    let tasks = Arc::new(Tasks::default());
    let clock = Clock::new();
    let context = clock.context();
    assert!(!context.is_observed());
    context.set_observer(Some(tasks.clone()));
    assert!(context.is_observed());
    let mut scene = Scene::of(clock, context, 1000);
    {
        let _outer = for_task(7);
        drop(for_task(8));
        scene.get("/");
    }
    drop(scene);
    let tasks = tasks.0.lock().unwrap();
    assert_eq!(*tasks, [Some(7), Some(7), None], "the request, its bytes, and the end of the link");
}

#[test]
fn a_tunnel_and_a_failure_in_it_are_told_once_without_credentials_and_closed_comes_last() {
    // The proxy opens a tunnel without a server.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        for reply in [&b"HTTP/1.1 200 OK\r\n\r\nno TLS, but secret"[..], b"HTTP/1.1 407 secret\r\n\r\n"] {
            let (mut peer, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") {
                peer.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            peer.write_all(reply).unwrap();
            let _ = peer.read_to_end(&mut Vec::new());
        }
    });
    let proxy = Arc::new(Proxy::parse("user:secret@127.0.0.1", port.into()).unwrap());
    let tls = TlsOptions { verify: Verify::Nothing, ..TlsOptions::default() };
    for expected in [
        &["Connecting", "Connected", "Tunnelled", "Failed", "Closed"][..],
        &["Connecting", "Connected", "Failed", "Closed"],
    ] {
        let log = Arc::new(Log::default());
        let host = Host::parse("server.test", 443, true).unwrap();
        assert!(dialled(&world(&log), Route::new(host, Some(proxy.clone()), &tls)).is_none());
        assert_eq!(names(&log), expected);
        log.assert_without(&["secret", "dXNlcjpzZWNyZXQ", "server.test"]);
        let ids: Vec<u64> = log.events.lock().unwrap().iter().map(|(connection, _)| *connection).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
    server.join().unwrap();
}

#[test]
fn an_attempt_that_fails_or_is_given_up_is_closed_once() {
    let log = Arc::new(Log::default());
    let context = world(&log);
    let route = |host: &str| Route::new(Host::parse(host, 80, false).unwrap(), None, &TlsOptions::default());
    assert!(dialled(&context, route("unknown.test")).is_none());
    assert_eq!(names(&log), ["Resolving", "Failed", "Closed"]);
    assert!(log.events()[1].contains(&format!("{:?}", Phase::Resolve)));

    log.events.lock().unwrap().clear();
    drop(Dial::start(&context, Arc::new(route("another.test")), None, "test".into(), context.now()).unwrap());
    assert_eq!(names(&log), ["Resolving", "Closed"]);
}

/// Panics at every call.
struct Faulty;

impl Observer for Faulty {
    fn event(&self, _: ConnectionId, _: &Event<'_>) {
        panic!("as it should");
    }
}

#[test]
fn an_observer_that_panics_breaks_the_call_and_not_the_process() {
    let clock = Clock::new();
    let context = clock.context();
    context.set_observer(Some(Arc::new(Faulty)));
    let call = AssertUnwindSafe(|| Scene::of(clock.clone(), context.clone(), 1000).get("/"));
    assert!(catch_unwind(call).is_err(), "both the request and the end of the link are told");
}
