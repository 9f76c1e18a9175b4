//! Real exchanges over connections in memory, and the news that the editor would get about them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http_net::memory::{self, MemoryStream};
use http_net::{
    Body, Context, Dial, Dialled, Fields, Head, Host, Link, Method, Request, Route, Store, StoredExchange, TlsOptions,
    for_task,
};

use super::exchanges::MOST_OF_BODY;
use super::outbox::MOST_PENDING;
use super::recorder::Recorder;
use super::update::Update;

const REPLY: &[u8] = b"HTTP/1.1 200 Fine\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

/// A recorder with a clock that only the test advances.
struct Scene {
    recorder: Arc<Recorder>,
    context: Arc<Context>,
    now: Arc<Mutex<Instant>>,
    woken: Arc<AtomicUsize>,
}

impl Scene {
    fn new() -> Self {
        let now = Arc::new(Mutex::new(Instant::now()));
        let (of_recorder, of_context) = (now.clone(), now.clone());
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let recorder = Arc::new(Recorder::new(move || *of_recorder.lock().unwrap(), wall));
        let context = Arc::new(Context::new(move || *of_context.lock().unwrap(), None));
        context.set_observer(Some(recorder.clone()));
        let woken = Arc::new(AtomicUsize::new(0));
        let counter = woken.clone();
        recorder.set_wake(Some(Box::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        })));
        Self { recorder, context, now, woken }
    }

    /// A scene with a listening editor.
    fn listened_to() -> Self {
        let scene = Self::new();
        scene.recorder.listen(true);
        scene
    }

    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn pass(&self, milliseconds: u64) {
        *self.now.lock().unwrap() += Duration::from_millis(milliseconds);
    }

    fn link(&self) -> (Link, MemoryStream) {
        let (near, far) = memory::pair(64 << 20);
        (Link::over(self.context.clone(), Box::new(near), Some("host.test".to_owned()), self.now()), far)
    }

    fn ask(&self, link: &mut Link, method: Method, body: &[u8]) {
        let headers = ["Authorization: Bearer secret"];
        let request = Request { method, url: "/path?a=b", headers: &headers, user_agent: "test" };
        link.begin(&request, Body::Bytes(Box::new(body.to_vec())), self.now()).unwrap();
    }

    fn receive(&self, link: &mut Link) {
        assert!(link.receive_head(self.now()).unwrap().is_some());
        let _: Vec<u8> = link.read_available(self.now()).unwrap();
    }

    /// All batches, merged by exchange, as the editor does it.
    fn sent(&self) -> BTreeMap<u64, Update> {
        let mut all = BTreeMap::new();
        while let Some(batch) = self.recorder.take_batch() {
            self.recorder.acknowledge(batch.number);
            for (exchange, news) in batch.updates {
                merge(all.entry(exchange).or_default(), news);
            }
        }
        all
    }
}

fn merge(all: &mut Update, news: Update) {
    all.request_body.extend(news.request_body);
    all.response_body.extend(news.response_body);
    all.opening = all.opening.take().or(news.opening);
    all.request = all.request.take().or(news.request);
    all.request_head = all.request_head.take().or(news.request_head);
    all.response = all.response.take().or(news.response);
    all.status = news.status.or(all.status);
    all.bytes_sent = news.bytes_sent.or(all.bytes_sent);
    all.bytes_received = news.bytes_received.or(all.bytes_received);
    all.left_out = news.left_out.or(all.left_out);
    all.timings = news.timings.or(all.timings);
    all.error = news.error.or(all.error.take());
    all.is_over |= news.is_over;
}

#[test]
fn an_exchange_is_told_whole() {
    let scene = Scene::listened_to();
    let (mut link, far) = scene.link();
    {
        let _task = for_task(7);
        scene.ask(&mut link, Method::Post, b"upload");
    }
    scene.pass(20);
    far.push(REPLY);
    scene.receive(&mut link);

    let sent = scene.sent();
    let [told] = sent.values().collect::<Vec<_>>()[..] else { panic!("{sent:?}") };
    let opening = told.opening.as_ref().unwrap();
    assert_eq!((opening.task, opening.is_on_kept, opening.began), (Some(7), false, Duration::from_secs(1000)));
    let request = told.request.as_ref().unwrap();
    assert_eq!((request.method, request.scheme), ("POST", "http"));
    let head = String::from_utf8(told.request_head.clone().unwrap()).unwrap();
    assert!(head.starts_with("POST /path?a=b HTTP/1.1\r\nHost: host.test\r\n"), "{head}");
    assert!(head.contains("Bearer secret"), "the panel is its developer's own: {head}");
    assert_eq!((&told.request_body[..], &told.response_body[..]), (&b"upload"[..], &b"hello"[..]));
    assert_eq!((told.status, told.bytes_received), (Some(200), Some(5)));
    assert_eq!(told.bytes_sent, Some(head.len() as u64 + 6));
    let response = told.response.as_ref().unwrap();
    assert_eq!((response.version, &*response.reason), ("HTTP/1.1", "Fine"));
    assert_eq!(response.header_lines, ["Content-Type: text/plain", "Content-Length: 5"]);
    let timings = told.timings.unwrap();
    let after = Some(Duration::from_millis(20));
    assert_eq!((timings.send, timings.first_byte, timings.total), (Some(Duration::ZERO), after, after));
    assert_eq!((told.is_over, &told.error), (true, &None));
}

#[test]
fn the_next_request_on_a_connection_is_an_exchange_of_its_own() {
    let scene = Scene::listened_to();
    let (mut link, far) = scene.link();
    for _ in 0..3 {
        scene.ask(&mut link, Method::Get, b"");
        far.push(REPLY);
        scene.receive(&mut link);
    }
    let sent = scene.sent();
    let kept: Vec<bool> = sent.values().map(|told| told.opening.as_ref().unwrap().is_on_kept).collect();
    assert_eq!(kept, [false, true, true]);
    let connections: Vec<u64> = sent.values().map(|told| told.opening.as_ref().unwrap().connection).collect();
    assert!(connections.iter().all(|connection| *connection == link.id().get()));
    assert!(sent.values().all(|told| told.response_body == b"hello" && told.is_over));
}

#[test]
fn an_attempt_to_connect_is_shown_before_anything_is_sent_and_says_where_to_and_why_it_failed() {
    let scene = Scene::listened_to();
    let refused = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let host = Host::parse("127.0.0.1", refused.into(), false).unwrap();
    let route = Arc::new(Route::new(host, None, &TlsOptions::default()));
    let failed = match Dial::start(&scene.context, route, None, "test".into(), scene.now()) {
        Err(error) => error,
        Ok(mut dial) => loop {
            scene.pass(1);
            match dial.advance(scene.now()) {
                Ok(Dialled::Link(_)) => panic!("nobody listens there"),
                Ok(_) => std::thread::yield_now(),
                Err(error) => break error,
            }
        },
    };
    let sent = scene.sent();
    let [told] = sent.values().collect::<Vec<_>>()[..] else { panic!("{sent:?}") };
    assert_eq!(told.opening.as_ref().unwrap().origin, format!("http://127.0.0.1:{refused}"));
    assert_eq!((told.error.clone(), told.is_over), (Some(failed.to_string()), true));
    assert!(told.request.is_none());
    assert!(told.timings.unwrap().connect.is_some(), "{:?}", told.timings);
}

#[test]
fn an_exchange_that_is_given_up_says_so_and_an_idle_connection_that_fails_spoils_no_exchange() {
    let scene = Scene::listened_to();
    let (mut link, far) = scene.link();
    scene.ask(&mut link, Method::Get, b"");
    drop(link);
    let told = scene.sent().remove(&1).unwrap();
    assert!(told.is_over && told.error.unwrap().contains("before the exchange was complete"));

    let (mut link, other_far) = scene.link();
    scene.ask(&mut link, Method::Get, b"");
    other_far.push(REPLY);
    scene.receive(&mut link);
    other_far.finish();
    link.check_idle().unwrap_err();
    drop((link, far));
    let told = scene.sent().remove(&2).unwrap();
    assert_eq!((told.is_over, told.error), (true, None));
}

#[test]
fn of_a_body_the_first_mebibyte_is_kept_and_all_of_it_counted() {
    let scene = Scene::listened_to();
    let (mut link, far) = scene.link();
    let body = vec![7; MOST_OF_BODY + 1000];
    scene.ask(&mut link, Method::Post, &body);
    far.push(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    far.push(&body);
    assert!(link.receive_head(scene.now()).unwrap().is_some());
    while !link.is_idle() {
        let _: Vec<u8> = link.read_available(scene.now()).unwrap();
    }
    let told = scene.sent().remove(&1).unwrap();
    assert_eq!((told.request_body.len(), told.response_body.len()), (MOST_OF_BODY, MOST_OF_BODY));
    assert_eq!((told.bytes_received, told.left_out), (Some(body.len() as u64), None));
}

#[test]
fn an_editor_that_takes_nothing_costs_bounded_memory_and_is_told_what_was_left_out() {
    let scene = Scene::listened_to();
    let mut bytes = 0;
    for _ in 0..40 {
        let (mut link, far) = scene.link();
        scene.ask(&mut link, Method::Post, &vec![1; MOST_OF_BODY]);
        far.push(REPLY);
        scene.receive(&mut link);
        // The main thread continues with its frames, and nothing acknowledges the batches.
        for (_, news) in scene.recorder.take_batch().into_iter().flat_map(|batch| batch.updates) {
            bytes += news.request_body.len() + news.response_body.len();
        }
    }
    assert!(bytes <= super::outbox::MOST_IN_FLIGHT, "{bytes}");
    scene.recorder.acknowledge(u64::MAX);
    let last = scene.recorder.take_batch().unwrap();
    let waited: usize = last.updates.iter().map(|(_, news)| news.request_body.len()).sum();
    assert!(waited <= MOST_PENDING, "{waited}");
    let left_out = last.updates.iter().filter(|(_, news)| news.left_out.is_some()).count();
    assert!(left_out > 10, "{left_out} of {} say that something was left out", last.updates.len());
    assert!(last.updates.iter().all(|(_, news)| news.is_over && news.status == Some(200)), "the facts are all there");
}

#[test]
fn what_happens_before_the_editor_speaks_is_kept_for_it_and_dropped_if_it_is_too_much() {
    let scene = Scene::new();
    let (mut link, far) = scene.link();
    scene.ask(&mut link, Method::Get, b"");
    far.push(REPLY);
    scene.receive(&mut link);
    assert_eq!((scene.sent().len(), scene.woken.load(Ordering::SeqCst)), (0, 0));
    scene.recorder.listen(true);
    assert_eq!(scene.woken.load(Ordering::SeqCst), 1);
    assert_eq!(scene.sent().len(), 1);

    let scene = Scene::new();
    for _ in 0..20_000 {
        let (mut link, _far) = scene.link();
        scene.ask(&mut link, Method::Get, b"");
    }
    use http_client::Observer;
    assert!(!scene.recorder.wants_content(), "nobody listens, and nothing is kept any more");
    scene.recorder.listen(true);
    assert!(scene.recorder.wants_content() && scene.sent().is_empty());
}

#[test]
fn while_it_is_paused_nothing_is_kept_and_what_went_on_is_said_to_be_cut_off() {
    let scene = Scene::listened_to();
    let (mut link, far) = scene.link();
    scene.ask(&mut link, Method::Get, b"");
    scene.recorder.listen(false);
    far.push(REPLY);
    scene.receive(&mut link);
    scene.ask(&mut link, Method::Get, b"");
    far.push(REPLY);
    scene.receive(&mut link);
    let told = scene.sent();
    assert_eq!(told.len(), 1);
    assert!(told[&1].is_over && told[&1].error.as_ref().unwrap().contains("paused"));
    scene.recorder.listen(true);
    scene.ask(&mut link, Method::Get, b"");
    assert!(scene.sent()[&2].opening.as_ref().unwrap().is_on_kept);
}

#[test]
fn the_main_thread_is_called_once_until_it_takes_what_there_is() {
    let scene = Scene::listened_to();
    let (mut link, far) = scene.link();
    scene.ask(&mut link, Method::Get, b"");
    far.push(REPLY);
    scene.receive(&mut link);
    assert_eq!(scene.woken.load(Ordering::SeqCst), 1);
    scene.recorder.take_batch();
    scene.ask(&mut link, Method::Get, b"");
    assert_eq!(scene.woken.load(Ordering::SeqCst), 2);
}

#[test]
fn the_monitors_count_connections_requests_and_bytes_whether_the_panel_listens_or_not() {
    let scene = Scene::new();
    scene.recorder.listen(false);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let route =
        Arc::new(Route::new(Host::parse("127.0.0.1", port.into(), false).unwrap(), None, &TlsOptions::default()));
    let mut dial = Dial::start(&scene.context, route, None, "test".into(), scene.now()).unwrap();
    let mut link = loop {
        match dial.advance(scene.now()).unwrap() {
            Dialled::Link(link) => break link,
            _ => std::thread::yield_now(),
        }
    };
    assert_eq!(scene.recorder.open_connections(), 1);
    scene.ask(&mut link, Method::Get, b"");
    let sent = link.bytes_sent();
    scene.pass(1000);
    assert_eq!((scene.recorder.requests_a_second(), scene.recorder.bytes_a_second()), (1, sent));
    drop((link, dial));
    assert_eq!(scene.recorder.open_connections(), 0);
    scene.pass(2000);
    assert_eq!((scene.recorder.requests_a_second(), scene.recorder.bytes_a_second()), (0, 0));
}

#[test]
fn an_answer_from_a_store_is_an_exchange_with_a_url_and_a_mark_and_no_monitor_counts_it() {
    let scene = Scene::listened_to();
    let host = Host::parse("a.example", 443, true).unwrap();
    let head = Head { minor_version: 1, status: 200, reason: "OK".to_owned(), fields: Fields::default() };
    scene.context.tell_stored(&StoredExchange {
        store: Store::Cache,
        host: &host,
        method: Method::Get,
        request_head: b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n",
        head: &head,
        body: b"kept",
    });
    let (mut link, far) = scene.link();
    link.tell_stored(Store::Replay, &host);
    scene.ask(&mut link, Method::Post, b"");
    far.push(REPLY);
    scene.receive(&mut link);
    drop(link);

    let sent = scene.sent();
    let marks: Vec<_> = sent.values().map(|told| told.opening.as_ref().unwrap()).collect();
    assert_eq!(marks.iter().map(|opening| opening.store).collect::<Vec<_>>(), ["cache", "replay"]);
    for told in sent.values() {
        assert_eq!(told.opening.as_ref().unwrap().origin, "https://a.example");
        assert_eq!(told.request.as_ref().unwrap().scheme, "https");
        assert_eq!((told.status, told.is_over, &told.error), (Some(200), true, &None));
    }
    assert_eq!(sent[&1].response_body, b"kept");
    scene.pass(1000);
    let recorder = &scene.recorder;
    let monitors = (recorder.open_connections(), recorder.requests_a_second(), recorder.bytes_a_second());
    assert_eq!(monitors, (0, 0, 0));
}

#[test]
fn what_a_store_has_no_answer_to_is_shown_with_the_reason() {
    let scene = Scene::listened_to();
    let (link, _far) = scene.link();
    link.tell_stored(Store::Replay, &Host::parse("a.example", 80, false).unwrap());
    link.tell_failure(&http_net::Error::misuse("the file has no answer"));
    drop(link);
    let sent = scene.sent();
    let told = &sent[&1];
    assert_eq!(told.opening.as_ref().unwrap().origin, "http://a.example");
    assert_eq!((sent.len(), told.is_over, told.error.as_deref()), (1, true, Some("the file has no answer")));
}
