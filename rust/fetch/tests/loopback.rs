//! Sessions over real sockets, each on its own worker, against the embedded server.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use http_fetch::{Buffer, Download, Notice, Request, RequestBody, Response, ResultCode, Session, Settings, Worker};
use http_net::{ByteBuffer, Context, TlsOptions, Trust};
use http_protocol::Method;
use test_server::TestServer;

/// A hang is a failure, but a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(60);

fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start().expect("the server starts"))
}

fn url(path: &str) -> String {
    format!("http://{}{path}", server().http())
}

fn raw(path: &str) -> String {
    format!("http://{}{path}", server().raw())
}

/// A session on its own worker.
fn session() -> Session {
    let settings = Settings { timeout: Some(PATIENCE), ..Settings::default() };
    Session::on(Worker::new(Context::shared().clone()), settings)
}

fn get(session: &Session, url: String) -> Arc<Response> {
    session.fetch(Request::get(url)).wait()
}

#[test]
fn a_hundred_requests_at_once_are_answered_and_the_next_ones_take_no_new_connection() {
    let session = session();
    let tasks: Vec<_> = (0..100).map(|at| session.fetch(Request::get(url(&format!("/bytes/{at}"))))).collect();
    for (at, task) in tasks.iter().enumerate() {
        let response = task.wait();
        assert!(response.is_ok() && response.body.len() == at, "{response:?}");
    }
    assert_eq!(get(&session, url("/hello")).facts.timings.connect, None, "it did not connect");
    assert_eq!(session.active_count(), 0);
}

#[test]
fn a_secured_connection_is_made_with_what_the_session_trusts() {
    let session = session();
    let address = format!("https://localhost:{}/hello", server().https().port());
    assert_eq!(get(&session, address.clone()).result, ResultCode::TlsHandshakeError);
    session.set(|settings| {
        settings.tls = TlsOptions { trust: Trust::Pem(server().ca_pem().as_bytes().into()), ..TlsOptions::default() };
    });
    let response = get(&session, address.clone());
    assert!(response.is_ok(), "{response:?}");
    assert!(response.facts.tls.as_ref().is_some_and(|tls| tls.version.contains("1.3")));
    let later = get(&session, address);
    let [first, later] = [response, later].map(|response| response.facts.timings);
    assert!(first.dns.is_some() && first.connect.is_some() && first.tls.is_some(), "{first:?}");
    assert_eq!((later.dns, later.connect, later.tls), (None, None, None), "the connection was there already");
    assert!(later.send.is_some() && later.first_byte.is_some() && later.total.is_some(), "{later:?}");
}

#[test]
fn what_cannot_be_reached_has_its_result_and_a_sentence() {
    let session = session();
    session.set(|settings| settings.max_retries = 0);
    for (url, result) in [
        (format!("http://127.0.0.1:{}/", server().refused_port()), ResultCode::CantConnect),
        ("http://nowhere.invalid/".to_owned(), ResultCode::CantResolve),
        (raw("/fault/reset-at-once"), ResultCode::ConnectionError),
        (raw("/fault/body-cut-short"), ResultCode::ConnectionError),
        (raw("/fault/garbage"), ResultCode::ConnectionError),
    ] {
        let response = get(&session, url.clone());
        assert_eq!(response.result, result, "{url}: {response:?}");
        assert!(!response.error.is_empty());
    }
    session.set(|settings| settings.body_size_limit = Some(1 << 20));
    assert_eq!(get(&session, raw("/fault/gzip-bomb")).result, ResultCode::BodySizeLimitExceeded);
}

#[test]
fn uploads_and_downloads_of_megabytes_come_whole() {
    let session = session();
    let body = RequestBody::bytes(vec![7_u8; 20 << 20]);
    let task = session.fetch(Request::with_body(Method::Post, url("/upload"), body));
    let response = task.wait();
    assert!(response.text().contains(&(20 << 20).to_string()), "{}", response.text());
    assert_eq!(task.uploaded_bytes(), 20 << 20);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let task = session.download(Request::get(url("/bytes/30000000")), Download::to(&path));
    assert!(task.wait().is_ok());
    let kept = get(&session, url("/bytes/30000000"));
    assert!(std::fs::read(&path).unwrap() == kept.body);
    assert_eq!((task.downloaded_bytes(), task.body_size()), (30_000_000, 30_000_000));
}

#[test]
fn a_stream_whose_owner_takes_his_time_loses_nothing() {
    let session = session();
    let task = session.stream(Request::get(url("/bytes/20000000")));
    let mut taken = 0;
    loop {
        let notices = task.next_notices(Some(PATIENCE));
        assert!(!notices.is_empty(), "it comes to its end");
        let bytes: usize =
            notices.iter().map(|notice| if let Notice::Chunk(chunk) = notice { chunk.len() } else { 0 }).sum();
        assert!(bytes < 8 << 20, "{bytes}");
        taken += bytes;
        if let Some(Notice::Completed(response)) = notices.last() {
            assert!(response.is_ok());
            break;
        }
        std::thread::yield_now();
    }
    assert_eq!(taken, 20_000_000);
}

#[test]
fn notices_are_delivered_in_batches_in_their_order_and_the_hook_is_called_once_for_each() {
    let session = session();
    let (told, batches) = mpsc::channel();
    session.worker().set_deliver(Some(Box::new(move || told.send(()).unwrap_or_default())));
    let tasks: Vec<_> = (0..20).map(|_| session.fetch(Request::get(url("/hello")))).collect();
    let (mut completed, mut started) = (0, 0);
    while completed < tasks.len() {
        batches.recv_timeout(PATIENCE).expect("it is told");
        assert!(batches.try_recv().is_err(), "once, until they are taken");
        for (_, notice) in session.worker().take_notices() {
            match notice {
                Notice::ResponseStarted(_) => started += 1,
                Notice::Completed(_) => {
                    completed += 1;
                    assert!(completed <= started);
                }
                _ => {}
            }
        }
    }
    session.worker().set_deliver(None);
}

#[test]
fn at_quit_every_task_is_completed_before_close_returns_and_later_ones_are_at_once() {
    let session = session();
    let tasks: Vec<_> = (0..20).map(|_| session.fetch(Request::get(raw("/fault/never-answers")))).collect();
    session.worker().close();
    for task in &tasks {
        assert_eq!(task.response().expect("it is completed").result, ResultCode::Cancelled);
    }
    let late = session.fetch(Request::get(url("/hello")));
    assert_eq!(late.wait().result, ResultCode::Cancelled);
    assert_eq!(session.worker().active_count(), 0);
}

#[test]
fn cancelling_all_of_one_session_leaves_the_others_alone() {
    let worker = Worker::<Vec<u8>>::new(Context::shared().clone());
    let (one, other) = (Session::on(worker.clone(), Settings::default()), Session::on(worker, Settings::default()));
    let cancelled = one.fetch(Request::get(raw("/fault/never-answers")));
    let slow = other.fetch(Request::get(url("/slow?ms=100")));
    one.cancel_all();
    assert_eq!(cancelled.wait().result, ResultCode::Cancelled);
    assert!(slow.wait().is_ok());
}

#[test]
fn a_task_outlives_its_session_and_its_handle() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let request = Request::get(format!("http://{}/", listener.local_addr().unwrap()));
    let worker = Worker::<Vec<u8>>::new(Context::shared().clone());
    drop(Session::on(worker.clone(), Settings::default()).fetch(request));
    let (mut stream, _) = listener.accept().expect("it connects all the same");
    assert!(std::io::Read::read(&mut stream, &mut [0; 1024]).unwrap() > 0);
    std::io::Write::write_all(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    let begun = std::time::Instant::now();
    while worker.active_count() > 0 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
}

/// Another type of array.
struct Counted(Vec<u8>);

static MADE: AtomicUsize = AtomicUsize::new(0);

impl ByteBuffer for Counted {
    fn with_len(len: usize) -> Self {
        MADE.fetch_add(usize::from(len > 0), Ordering::SeqCst);
        Self(vec![0; len])
    }

    fn set_len(&mut self, len: usize) {
        self.0.resize(len, 0);
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Buffer for Counted {
    fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

#[test]
fn a_body_of_known_length_is_received_into_one_array_of_the_callers_kind() {
    let session = Session::<Counted>::on(Worker::new(Context::shared().clone()), Settings::default());
    let response = session.fetch(Request::get(url("/bytes/1000000"))).wait();
    assert_eq!((response.body.0.len(), MADE.load(Ordering::SeqCst)), (1_000_000, 1));
}

#[test]
fn who_takes_a_tasks_notices_himself_leaves_nothing_of_it_to_the_one_who_takes_those_of_all() {
    let session = session();
    let told = Arc::new(AtomicUsize::new(0));
    let of_hook = told.clone();
    session.worker().set_deliver(Some(Box::new(move || {
        of_hook.fetch_add(1, Ordering::SeqCst);
    })));
    let mut responses = Vec::new();
    for _ in 0..20 {
        let task = session.fetch(Request::get(url("/bytes/100000")));
        let mut is_over = false;
        while !is_over {
            let notices = task.next_notices(Some(PATIENCE));
            assert!(!notices.is_empty(), "the last one is the end");
            is_over = notices.iter().any(|notice| matches!(notice, Notice::Completed(_)));
        }
        responses.push(Arc::downgrade(&task.response().expect("it is completed")));
    }
    // The worker releases completed tasks later. It may still have the last one.
    let kept = responses.iter().rev().skip(1).filter(|response| response.upgrade().is_some()).count();
    assert_eq!(kept, 0, "bodies that somebody still holds");
    assert_eq!(told.load(Ordering::SeqCst), 1, "who was told once need not be told again before he comes");
    assert!(session.worker().take_notices().is_empty());
    session.worker().set_deliver(None);
}
