//! Calls that are recorded, and the same calls replayed without a network.

mod files;
mod leaks;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use http_protocol::Method;
use proptest::prelude::*;

use super::*;
use crate::har;
use crate::multipart::Form;
use crate::replay::Replay;
use crate::response::ResultCode;
use crate::settings::{Credentials, Download, RequestBody};

struct Tape {
    folder: tempfile::TempDir,
}

impl Tape {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("tape.har")
    }

    /// A simulation that records.
    fn record(&self, script: impl FnMut(&str) -> Reply + 'static) -> Simulation {
        let mut simulation = Simulation::new(script);
        simulation.settings.replay = Replay::record(&self.path());
        assert_eq!(simulation.settings.replay.problem(), None);
        simulation
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    /// A simulation that replays the recording. Its network panics when it is used.
    fn play(&self) -> Simulation {
        play(&self.bytes())
    }
}

fn play(har: &[u8]) -> Simulation {
    let mut simulation = Simulation::new(|_| panic!("a request was sent"));
    lock(&simulation.network).panics = true;
    simulation.settings.replay = Replay::only("tape.har", har, false);
    assert_eq!(simulation.settings.replay.problem(), None);
    simulation
}

fn post(url: &str, body: RequestBody) -> Request {
    Request::with_body(Method::Post, url, body)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A form with a boundary that differs from all earlier ones.
fn new_form() -> Form {
    static FORMS: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);
    Form::new([FORMS.fetch_add(1, std::sync::atomic::Ordering::Relaxed); 16])
}

fn har_of(entries: &str) -> Vec<u8> {
    format!(r#"{{"log":{{"version":"1.2","entries":[{entries}]}}}}"#).into_bytes()
}

fn entry(method: &str, url: &str, body: &str, answer: &str) -> String {
    let post_data = if body.is_empty() {
        String::new()
    } else {
        format!(r#","postData":{{"mimeType":"","text":{}}}"#, serde_json::Value::from(body))
    };
    format!(
        r#"{{"request":{{"method":"{method}","url":"{url}"{post_data}}},
            "response":{{"status":200,"content":{{"text":"{answer}"}}}}}}"#
    )
}

/// A login as in games: with a redirect that sets a cookie, to a compressed page.
fn server(request: &str) -> Reply {
    match target(request).split('?').next().unwrap() {
        "/login" => Reply::Send(response(
            302,
            &["Location: /home?token=s3cret-in-url", "Set-Cookie: sid=cookie-s3cret; Path=/"],
            "",
        )),
        "/home" => {
            let headers = ["Content-Type: application/json", "Content-Encoding: gzip", "X-Api-Key: key-s3cret"];
            let body = r#"{"name":"Zoë","access_token":"answer-s3cret","again":"key-s3cret","number":1.50}"#;
            Reply::Send(response(200, &headers, gzip(body)))
        }
        "/picture" => Reply::Send(response(200, &["Content-Type: image/png"], [0x89, 0x50, 0xff, 0, 7])),
        "/chunks" => {
            Reply::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".into())
        }
        "/end" => Reply::End(b"HTTP/1.0 200 OK\r\nX-A: 1\r\nX-A: 2\r\n\r\nuntil the end".into()),
        "/nothing" => Reply::Send(b"HTTP/1.1 204 No Content\r\n\r\n".into()),
        _ => Reply::Send(response(404, &[], "not here")),
    }
}

fn requests() -> Vec<Request> {
    let login = RequestBody::json(r#"{"user":"zoe","password":"p\"assword-s3cret"}"#);
    let mut form = new_form();
    form.add_field("user", "zoe");
    form.add_field("password", "form-s3cret");
    form.add_bytes("file", vec![0, 0xff, 1], "a.bin", "application/octet-stream").unwrap();
    let urlencoded = Request {
        headers: vec!["Content-Type: application/x-www-form-urlencoded".to_owned()],
        ..post("missing", RequestBody::bytes("user=zoe&secret=encoded%20s3cret&again=p%22assword-s3cret"))
    };
    vec![
        post("login?api_key=query-s3cret", login),
        Request::get("picture"),
        Request::get("chunks"),
        Request::get("end"),
        Request::get("nothing"),
        Request::with_body(Method::Head, "picture", RequestBody::Empty),
        urlencoded,
        post("form", RequestBody::Form(Arc::new(form))),
        Request::get("http://me:userinfo-s3cret@other.example/x/form-s3cret"),
    ]
}

fn run_all(simulation: &mut Simulation) -> Vec<Arc<crate::Response>> {
    simulation.settings.base_url = "http://a.example/".to_owned();
    simulation.settings.credentials = Some(Credentials::basic("zoe", "basic-s3cret"));
    let mut responses = Vec::new();
    for request in requests() {
        let task = simulation.start(Kind::Fetch, request);
        responses.push(simulation.run(&task));
    }
    responses
}

#[test]
fn what_was_recorded_is_played_back_with_the_same_answers_and_no_connection() {
    let tape = Tape::new();
    let recorded = run_all(&mut tape.record(server));
    let mut simulation = tape.play();
    let played = run_all(&mut simulation);
    assert_eq!(simulation.connections(), 0);
    for (at, (recorded, played)) in recorded.iter().zip(&played).enumerate() {
        assert_eq!((played.result, played.code()), (recorded.result, recorded.code()), "{at}: {}", played.error);
        assert_eq!(played.facts.redirects.len(), recorded.facts.redirects.len(), "{at}");
        if at > 0 {
            assert_eq!(played.facts.headers().len(), recorded.facts.headers().len(), "{at}");
            assert_eq!(played.body, recorded.body, "{at}");
            assert_eq!((played.facts.body_size, &played.facts.url), (recorded.facts.body_size, &recorded.facts.url));
        }
    }
    let home = r#"{"name":"Zoë","access_token":"[redacted]","again":"[redacted]","number":1.50}"#;
    assert_eq!(played[0].text(), home);
    assert_eq!(played[0].facts.header("Content-Encoding"), None, "it comes unpacked");
    assert_eq!(played[0].facts.body_size, Some(home.len() as u64));
    assert_eq!(played[3].facts.header_values("X-A"), ["1", "2"]);
}

#[test]
fn no_secret_is_in_the_file() {
    let tape = Tape::new();
    run_all(&mut tape.record(server));
    let text = tape.text();
    assert!(!text.contains("s3cret"), "{text}");
    for secret in [b"form-s3cret".as_slice(), b"zoe:basic-s3cret", b"basic-s3cret"] {
        use base64::Engine as _;
        let packed = base64::prelude::BASE64_STANDARD.encode(secret);
        assert!(!text.contains(packed.trim_end_matches('=')), "{text}");
    }
    for kept in ["Zoë", "zoe", "sid=[redacted]; Path=/", "/home?token=[redacted]", "1.50"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    let entries = har::read(&tape.bytes()).unwrap();
    let login = entries[0].request.body.as_ref().unwrap().bytes.as_ref().unwrap().len().to_string();
    assert!(
        entries[0].request.headers.contains(&("Content-Length".to_owned(), login)),
        "it tells no length of a secret"
    );
    // The form contains a binary file.
    for entry in entries {
        let body = entry.request.body.and_then(|body| body.bytes).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&body).contains("s3cret"));
    }
}

#[test]
fn the_file_is_whole_after_every_exchange_and_is_only_added_to() {
    let tape = Tape::new();
    let mut simulation = tape.record(server);
    let mut before = tape.text();
    assert_eq!(har::read(before.as_bytes()).unwrap().len(), 0);
    for number in 1..=1000 {
        let task = simulation.get(&format!("http://a/{number}"));
        simulation.run(&task);
        if number % 100 == 0 || number < 4 {
            let now = tape.text();
            assert_eq!(har::read(now.as_bytes()).unwrap().len(), number);
            assert!(now.starts_with(before.trim_end_matches("\n]}}\n")));
            before = now;
        }
    }
    let mut simulation = tape.play();
    for number in 1..=1000 {
        let task = simulation.get(&format!("http://a/{number}"));
        assert_eq!(simulation.run(&task).code(), 404);
    }
}

#[test]
fn repeated_requests_are_answered_in_order_and_only_who_asks_is_answered_more_often() {
    let entries = [
        entry("GET", "http://a/x", "", "one"),
        entry("POST", "http://a/x", "b", "posted"),
        entry("GET", "http://a/x", "", "two"),
    ];
    let mut simulation = play(&har_of(&entries.join(",")));
    let mut texts = Vec::new();
    for _ in 0..3 {
        let task = simulation.get("http://a/x");
        texts.push(simulation.run(&task).text());
    }
    assert_eq!(texts, ["one", "two", "two"]);
    let task = simulation.start(Kind::Fetch, post("http://a/x", RequestBody::bytes("b")));
    assert_eq!(simulation.run(&task).text(), "posted");
    let task = simulation.start(Kind::Fetch, post("http://a/x", RequestBody::bytes("b")));
    let response = simulation.run(&task);
    assert_eq!(response.result, ResultCode::ReplayMiss);
    assert_eq!(
        response.error,
        "the replay file \"tape.har\" has only 1 response for POST http://a/x, and all were used; record it again"
    );
}

#[test]
fn requests_side_by_side_are_played_in_the_order_in_which_they_began() {
    let tape = Tape::new();
    let mut simulation = tape.record(|_| Reply::Silence);
    let tasks = [simulation.get("http://a/x"), simulation.get("http://a/x")];
    simulation.settle();
    // The second request is answered first.
    for (at, text) in [(1, "second"), (0, "first")] {
        lock(&simulation.network).connections[at].far.push(&response(200, &[], text));
        simulation.settle();
    }
    assert_eq!(tasks.map(|task| task.response().unwrap().text()), ["first", "second"]);
    let mut simulation = tape.play();
    let tasks = [simulation.get("http://a/x"), simulation.get("http://a/x")];
    assert_eq!(tasks.map(|task| simulation.run(&task).text()), ["first", "second"]);
}

#[test]
fn a_miss_names_the_nearest_entry_and_no_secret() {
    let entries = [entry("GET", "http://a/x?page=1", "", "one"), entry("GET", "http://b/y", "", "two")];
    let mut simulation = play(&har_of(&entries.join(",")));
    for (url, nearest) in [
        ("http://a/x?page=2&token=s3cret-one", "entry 1, GET http://a/x?page=1: its query differs"),
        ("http://b/z", "entry 2, GET http://b/y: its path differs"),
    ] {
        let task = simulation.get(url);
        let response = simulation.run(&task);
        assert_eq!((response.result, response.code()), (ResultCode::ReplayMiss, 0));
        assert!(response.error.contains(nearest) && !response.error.contains("s3cret"), "{}", response.error);
    }
    let mut simulation = play(&har_of(""));
    let task = simulation.get("http://a/");
    assert!(simulation.run(&task).error.contains("has no entries"));
}

#[test]
fn failures_and_retries_are_played_back_as_they_were() {
    let mut asked = 0;
    let script = move |request: &str| match target(request) {
        "/busy" => {
            asked += 1;
            if asked == 1 { Reply::Send(response(503, &["Retry-After: 3"], "busy")) } else { ok("done") }
        }
        "/cut" => Reply::End(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".into()),
        "/cut-chunks" => Reply::Reset(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n".into()),
        "/closed" => Reply::End(Vec::new()),
        "/nonsense" => Reply::Send(b"SSH-2.0-x\r\n\r\n".into()),
        "/packed" => Reply::Send(response(200, &["Content-Encoding: gzip"], b"no gzip")),
        "/silent" => Reply::Silence,
        _ => ok("fine"),
    };
    let all = |simulation: &mut Simulation| {
        simulation.settings.max_retries = 1;
        let paths = ["busy", "cut", "cut-chunks", "closed", "nonsense", "packed", "silent", "x"];
        let told: Vec<_> = paths
            .iter()
            .map(|path| {
                let task = simulation.get(&format!("http://a/{path}"));
                let response = simulation.run(&task);
                let notices = short(task.take_notices());
                let retries = notices.into_iter().filter(|notice| notice.starts_with("retrying")).collect::<Vec<_>>();
                // Data that is not HTTP is not recorded, and the sentence quotes it.
                let sentence = if *path == "nonsense" { String::new() } else { response.error.clone() };
                (response.result, response.code(), response.text(), sentence, retries)
            })
            .collect();
        told
    };
    let tape = Tape::new();
    let mut simulation = tape.record(script);
    lock(&simulation.network).refused = 1;
    let recorded = all(&mut simulation);
    assert_eq!(recorded[6].0, ResultCode::Timeout);
    let played = all(&mut tape.play());
    for (recorded, played) in recorded.iter().zip(&played) {
        assert_eq!(recorded, played);
    }
    assert!(recorded.iter().map(|(result, ..)| *result).collect::<std::collections::HashSet<_>>().len() >= 4);
}

#[test]
fn a_connection_that_dies_while_it_is_kept_leaves_no_trace() {
    let mut asked = 0;
    let tape = Tape::new();
    let mut simulation = tape.record(move |_| {
        asked += 1;
        if asked == 2 { Reply::Reset(Vec::new()) } else { ok("fine") }
    });
    for url in ["http://a/1", "http://a/2"] {
        let task = simulation.get(url);
        assert!(simulation.run(&task).is_ok());
    }
    assert_eq!(har::read(&tape.bytes()).unwrap().len(), 2);
}

#[test]
fn streams_events_downloads_and_forms_are_played_back() {
    let folder = tempfile::tempdir().unwrap();
    let script = |request: &str| match target(request) {
        "/events" => Reply::Send(response(
            200,
            &["Content-Type: text/event-stream"],
            "retry: 10\n\ndata: {\"token\":\"s3cret-event\"}\n\nid: 7\ndata: b\n\n",
        )),
        _ => ok("a body"),
    };
    let all = |simulation: &mut Simulation, file: &Path| {
        let task = simulation.start(Kind::Stream, Request::get("http://a/stream"));
        assert!(simulation.run(&task).is_ok());
        let mut told = short(task.take_notices());
        let task = simulation.start(Kind::Download(Download::to(file)), Request::get("http://a/file"));
        assert!(simulation.run(&task).is_ok());
        told.push(fs::read_to_string(file).unwrap());
        let mut form = new_form();
        form.add_field("a", "b");
        let task = simulation.start(Kind::Fetch, post("http://a/form", RequestBody::Form(Arc::new(form))));
        told.push(simulation.run(&task).text());
        let task = simulation.start(Kind::Listen, Request::get("http://a/events"));
        simulation.settle();
        told.extend(short(task.take_notices()).into_iter().filter(|notice| notice.starts_with("event")));
        task.cancel();
        simulation.settle();
        assert_eq!(task.response().unwrap().result, ResultCode::Cancelled);
        told
    };
    let tape = Tape::new();
    let recorded = all(&mut tape.record(script), &folder.path().join("recorded"));
    let played = all(&mut tape.play(), &folder.path().join("played"));
    let redacted: Vec<_> = recorded.iter().map(|text| text.replace("s3cret-event", "[redacted]")).collect();
    assert_eq!(played, redacted);
    assert!(!tape.text().contains("s3cret"));
}

#[test]
fn a_listener_that_was_cancelled_is_silent_after_what_came() {
    let tape = Tape::new();
    let script = |_: &str| Reply::Send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: a\n\n".into());
    let mut simulation = tape.record(script);
    let task = simulation.start(Kind::Listen, Request::get("http://a/events"));
    simulation.settle();
    task.cancel();
    simulation.settle();
    let mut simulation = tape.play();
    let task = simulation.start(Kind::Listen, Request::get("http://a/events"));
    simulation.pass(Duration::from_secs(3600));
    let notices: Vec<_> =
        short(task.take_notices()).into_iter().filter(|notice| !notice.starts_with("progress")).collect();
    assert_eq!(notices, ["started 200", "event message a "]);
}

#[test]
fn answers_take_as_long_as_they_took_if_that_is_asked_for() {
    let tape = Tape::new();
    let mut simulation = tape.record(|_| Reply::Silence);
    let task = simulation.get("http://a/x");
    simulation.pass(Duration::from_secs(2));
    simulation.push(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
    simulation.pass(Duration::from_secs(4));
    simulation.push(b"cd");
    simulation.settle();
    assert!(task.is_completed());
    assert!(tape.text().contains(r#""wait":2000.0"#) && tape.text().contains(r#""time":6000.0"#), "{}", tape.text());

    let mut simulation = tape.play();
    let task = simulation.get("http://a/x");
    simulation.settle();
    assert_eq!(task.response().map(|response| response.text()).as_deref(), Some("abcd"), "at once");

    simulation.settings.replay = Replay::only("tape.har", &tape.bytes(), true);
    let task = simulation.get("http://a/x");
    simulation.pass(Duration::from_millis(1999));
    assert_eq!(short(task.take_notices()).len(), 0);
    simulation.pass(Duration::from_millis(1));
    assert_eq!(short(task.take_notices())[0], "started 200");
    simulation.pass(Duration::from_millis(3999));
    assert!(!task.is_completed() && task.downloaded_bytes() > 0);
    simulation.pass(Duration::from_millis(1));
    assert_eq!(task.response().map(|response| response.text()).as_deref(), Some("abcd"));
}

#[test]
fn what_is_recorded_on_one_machine_is_played_on_another() {
    let tape = Tape::new();
    let mut simulation = tape.record(|request| match target(request) {
        "/api/go" => Reply::Send(response(302, &["Location: http://127.0.0.1:4444/there"], "")),
        _ => ok("there"),
    });
    simulation.settings.base_url = "http://127.0.0.1:4444/api/".to_owned();
    let task = simulation.get("go");
    assert!(simulation.run(&task).is_ok());
    for base_url in ["http://127.0.0.1:5555/api/", "http://localhost/api/", "https://live.example/v2/"] {
        let mut simulation = tape.play();
        simulation.settings.base_url = base_url.to_owned();
        simulation.settings.allow_insecure_redirects = true;
        let task = simulation.get("go");
        assert_eq!(simulation.run(&task).text(), "there", "{base_url}");
    }
}

#[test]
fn a_connection_that_is_recorded_is_kept_and_records_nothing_once_that_is_off() {
    let tape = Tape::new();
    let mut simulation = tape.record(|_| ok("x"));
    let task = simulation.get("http://a/1");
    simulation.run(&task);
    simulation.settings.replay = Replay::off();
    let task = simulation.get("http://a/2");
    simulation.run(&task);
    assert_eq!((simulation.connections(), har::read(&tape.bytes()).unwrap().len()), (1, 1));
}

#[test]
fn what_is_recorded_and_played_leaves_the_cache_and_the_cookie_file_as_they_are() {
    let (tape, folder) = (Tape::new(), tempfile::tempdir().unwrap());
    let cookie_file = folder.path().join("cookies");
    let list =
        || fs::read_dir(folder.path().join("cache")).unwrap().map(|file| file.unwrap().path()).collect::<Vec<_>>();
    let mut kept = Vec::new();
    let headers = ["Cache-Control: max-age=1000", "ETag: \"1\"", "Set-Cookie: a=b1234567; Max-Age=1000"];
    for step in 0..3 {
        let script = move |_: &str| Reply::Send(response(200, &headers, "whole"));
        let mut simulation = match step {
            0 => Simulation::new(script),
            1 => tape.record(script),
            _ => tape.play(),
        };
        simulation.cookies.set_file(Some(cookie_file.clone()), simulation.wall).unwrap();
        simulation.settings.cache = Some(crate::cache::Cache::at(&folder.path().join("cache")).unwrap());
        let task = simulation.get("http://a/x");
        let response = simulation.run(&task);
        assert_eq!((response.text().as_str(), response.facts.is_from_cache), ("whole", false));
        match step {
            0 => kept = list(),
            _ => assert_eq!(list(), kept),
        }
        assert!(fs::read_to_string(&cookie_file).unwrap().contains("b1234567"));
    }
    assert!(!kept.is_empty());
}

#[test]
fn a_base_url_with_a_password_and_a_key_is_redacted_and_played_on_another_machine() {
    let tape = Tape::new();
    let mut simulation = tape.record(|_| ok("at home"));
    simulation.settings.base_url = "http://me:s3cret-one@staging/v1/?api_key=s3cret-two".to_owned();
    let task = simulation.get("x");
    assert_eq!(simulation.run(&task).text(), "at home");
    assert!(!tape.text().contains("s3cret"), "{}", tape.text());
    for base_url in ["http://you:other@live/api/?api_key=third", "http://live/api/"] {
        let mut simulation = tape.play();
        simulation.settings.base_url = base_url.to_owned();
        let task = simulation.get("x");
        assert_eq!(simulation.run(&task).text(), "at home", "{base_url}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_secret_of_any_characters_is_in_no_place_of_the_file(secret in "[^\\[\\]\\r\\n]{8,24}", place in 0..7_usize) {
        let secret = secret.trim();
        // A secret of common characters would be found everywhere.
        prop_assume!(secret.len() >= 8 && secret.chars().any(|character| character.is_alphanumeric()));
        let tape = Tape::new();
        let answer = serde_json::json!({"say": format!("<{secret}>")}).to_string();
        let mut simulation = tape.record(move |_| ok(&answer));
        let (json, form) = (serde_json::json!({"password": secret}).to_string(), {
            url::form_urlencoded::Serializer::new(String::new()).append_pair("token", secret).finish()
        });
        let request = match place {
            0 => post("http://a/", RequestBody::json(json)),
            1 => post("http://a/", RequestBody::bytes(form)),
            2 => Request::get(format!("http://a/?{form}")),
            3 => {
                let mut multipart = new_form();
                multipart.add_field("api_key", secret);
                post("http://a/", RequestBody::Form(Arc::new(multipart)))
            }
            4 => {
                let mut base = url::Url::parse("http://zoe@a/").unwrap();
                base.set_password(Some(&secret.replace('%', "%25"))).unwrap();
                simulation.settings.base_url = base.into();
                Request::get("x")
            }
            5 => {
                simulation.settings.base_url = format!("http://a/?{form}");
                Request::get("x")
            }
            _ => {
                simulation.settings.base_url = "http://a/".to_owned();
                simulation.settings.credentials = Some(Credentials::basic("zoe", secret));
                Request::get("http://a/")
            }
        };
        let task = simulation.start(Kind::Fetch, request);
        prop_assert!(simulation.run(&task).is_ok());
        let entries = har::read(&tape.bytes()).unwrap();
        let text = String::from_utf8(entries[0].response.as_ref().unwrap().content.bytes.clone().unwrap()).unwrap();
        prop_assert_eq!(text, "{\"say\":\"<[redacted]>\"}");
        let asked = &entries[0].request;
        let body = asked.body.as_ref().and_then(|body| body.bytes.clone()).unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        prop_assert_eq!(entries[0].base_url.contains("[redacted]"), matches!(place, 4 | 5));
        prop_assert!(place > 3 || body.contains("[redacted]") || asked.url.contains("[redacted]"));
    }
}
