//! The cache in whole calls, on a disk that is there, in virtual time.

use std::fs;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_protocol::Method;
use tempfile::TempDir;

use super::*;
use crate::cache::Cache;
use crate::response::{Response, ResultCode};
use crate::settings::{Credentials, Download, RequestBody};

struct Cached {
    simulation: Simulation,
    folder: TempDir,
}

impl Cached {
    fn new(script: impl FnMut(&str) -> Reply + 'static) -> Self {
        Self::with_limit(crate::cache::LIMIT, script)
    }

    fn with_limit(limit: u64, script: impl FnMut(&str) -> Reply + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut simulation = Simulation::new(script);
        simulation.settings.cache = Some(Cache::with_limit(folder.path(), limit).unwrap());
        Self { simulation, folder }
    }

    /// One that always gives this answer, with the number of the request as its body.
    fn counting(headers: &'static [&'static str]) -> Self {
        let mut count = 0;
        Self::new(move |_| {
            count += 1;
            Reply::Send(response(200, headers, format!("body {count}")))
        })
    }

    fn ask(&mut self, request: Request) -> Arc<Response> {
        let task = self.simulation.start(Kind::Fetch, request);
        self.simulation.run(&task)
    }

    fn get(&mut self, url: &str) -> Arc<Response> {
        self.ask(Request::get(url))
    }

    fn get_with(&mut self, url: &str, line: &str) -> Arc<Response> {
        self.ask(Request { headers: vec![line.to_owned()], ..Request::get(url) })
    }

    /// How often the server was asked.
    fn asked(&self) -> usize {
        self.simulation.requests.len()
    }

    fn pass(&mut self, seconds: u64) {
        self.simulation.pass(Duration::from_secs(seconds));
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    /// What a later run of the program finds.
    fn start_again(&mut self) {
        self.simulation.settings.cache = None;
        self.simulation.settings.cache = Some(Cache::at(self.folder.path()).unwrap());
    }
}

fn saw(response: &Response) -> (u16, String, bool) {
    assert_eq!(response.result, ResultCode::Success, "{response:?}");
    (response.code(), response.text(), response.facts.is_from_cache)
}

fn from_network(text: &str) -> (u16, String, bool) {
    (200, text.to_owned(), false)
}

fn from_cache(text: &str) -> (u16, String, bool) {
    (200, text.to_owned(), true)
}

#[test]
fn a_fresh_response_is_answered_without_the_network_until_it_is_stale_also_in_a_later_run() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=60", "X-Kept: yes"]);
    assert_eq!(saw(&cached.get("http://a/x?y#f")), from_network("body 1"));
    cached.pass(59);
    let response = cached.get("http://a/x?y#g");
    assert_eq!(saw(&response), from_cache("body 1"));
    assert_eq!(response.facts.header("X-Kept").as_deref(), Some("yes"));
    assert_eq!(response.facts.header_values("Age"), ["59"]);
    cached.start_again();
    assert_eq!(saw(&cached.get("http://a/x?y")), from_cache("body 1"));
    assert_eq!((cached.asked(), cached.simulation.connections()), (1, 1));
    cached.pass(1);
    assert_eq!(saw(&cached.get("http://a/x?y")), from_network("body 2"));
    assert_eq!(saw(&cached.get("http://a/x?z")), from_network("body 3"));
    assert_eq!(saw(&cached.get("http://a/x?y")), from_cache("body 2"));
}

#[test]
fn a_stale_response_is_confirmed_and_then_fresh_with_the_fields_of_the_confirmation() {
    let mut count = 0;
    let mut cached = Cached::new(move |request| {
        count += 1;
        match (value(request, "If-None-Match"), value(request, "If-Modified-Since")) {
            (Some("\"v1\""), Some("Mon, 13 Nov 2023 00:00:00 GMT")) => Reply::Send(
                format!("HTTP/1.1 304 X\r\nETag: \"v1\"\r\nCache-Control: max-age=100\r\nX-Count: {count}\r\n\r\n")
                    .into(),
            ),
            _ => Reply::Send(response(
                200,
                &[
                    "ETag: \"v1\"",
                    "Last-Modified: Mon, 13 Nov 2023 00:00:00 GMT",
                    "Cache-Control: max-age=10",
                    "X-Count: 1",
                ],
                "the body",
            )),
        }
    });
    assert_eq!(saw(&cached.get("http://a/")), from_network("the body"));
    cached.pass(11);
    for (asked, pass) in [(2, 0), (2, 99), (3, 1)] {
        cached.pass(pass);
        let response = cached.get("http://a/");
        assert_eq!(saw(&response), from_cache("the body"));
        assert_eq!(cached.asked(), asked);
        if asked == 2 {
            assert_eq!(cached.simulation.connections(), 1, "it was used again for the 304");
        }
        assert_eq!(response.facts.header_values("X-Count"), [asked.to_string()]);
        assert_eq!(response.facts.header("Content-Length").as_deref(), Some("8"));
    }
    assert_eq!(cached.files().len(), 1);
}

#[test]
fn a_server_that_has_something_new_replaces_what_was_kept() {
    let mut count = 0;
    let mut cached = Cached::new(move |_| {
        count += 1;
        Reply::Send(response(200, &[&format!("ETag: \"{count}\""), "Cache-Control: no-cache"], format!("body {count}")))
    });
    for at in 1..4 {
        assert_eq!(saw(&cached.get("http://a/")), from_network(&format!("body {at}")));
        assert_eq!(cached.files().len(), 1);
    }
    assert!(cached.simulation.requests[2].contains("If-None-Match: \"2\"\r\n"));
}

#[test]
fn a_confirmation_of_something_else_or_of_what_is_gone_is_followed_by_a_whole_answer() {
    for is_removed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let mut simulation = Simulation::new(move |request| match value(request, "If-None-Match") {
            Some(_) if is_removed => {
                fs::read_dir(&path).unwrap().for_each(|file| fs::remove_file(file.unwrap().path()).unwrap());
                Reply::Send(b"HTTP/1.1 304 X\r\n\r\n".to_vec())
            }
            Some(_) => Reply::Send(b"HTTP/1.1 304 X\r\nETag: \"v2\"\r\n\r\n".to_vec()),
            None => Reply::Send(response(200, &["ETag: \"v1\"", "Cache-Control: max-age=0"], "whole")),
        });
        simulation.settings.cache = Some(Cache::at(folder.path()).unwrap());
        for asked in [1, 3] {
            let task = simulation.get("http://a/");
            assert_eq!(saw(&simulation.run(&task)), from_network("whole"));
            assert_eq!(simulation.requests.len(), asked);
        }
        assert_eq!(value(&simulation.requests[2], "If-None-Match"), None);
    }
}

#[test]
fn what_may_not_be_kept_is_not_on_the_disk() {
    let packed_twice: &[&str] = &["Cache-Control: max-age=60", "Content-Encoding: gzip"];
    let cases: [(u16, &[&str]); 8] = [
        (200, &["Cache-Control: no-store, max-age=60"]),
        (200, &["Cache-Control: max-age=60", "Vary: *"]),
        (200, &[]),
        (206, &["Cache-Control: max-age=60", "Content-Range: bytes 0-3/10"]),
        (302, &["Location: /y"]),
        (400, &["Cache-Control: max-age=60"]),
        (500, &["Cache-Control: max-age=60", "ETag: \"x\""]),
        (200, packed_twice),
    ];
    for (status, headers) in cases {
        let mut cached =
            Cached::new(
                move |request| {
                    if target(request) == "/y" { ok("") } else { Reply::Send(response(status, headers, "body")) }
                },
            );
        cached.simulation.settings.max_retries = 0;
        let request = Request::get("http://a/");
        let task = cached.simulation.start(Kind::Fetch, request);
        cached.simulation.run(&task);
        assert!(cached.files().is_empty(), "{status} {headers:?}");
    }
    for line in ["Cache-Control: no-store", "Range: bytes=0-3", "If-None-Match: \"x\"", "if-modified-since: x"] {
        let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
        cached.get_with("http://a/", line);
        assert!(cached.files().is_empty(), "{line}");
        cached.get("http://a/");
        assert_eq!(saw(&cached.get_with("http://a/", line)), from_network("body 3"), "{line}");
        assert_eq!(saw(&cached.get("http://a/")), from_cache("body 2"), "{line}");
    }
}

#[test]
fn a_body_that_is_not_whole_or_cannot_be_told_to_be_is_not_kept_and_leaves_no_file() {
    let head = "HTTP/1.1 200 X\r\nCache-Control: max-age=60\r\n";
    for reply in [
        Reply::End(format!("{head}Content-Length: 9\r\n\r\nbody").into()),
        Reply::Reset(format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n").into()),
        Reply::End(format!("{head}\r\nbody").into()),
        Reply::Send(format!("{head}Content-Length: {}\r\n\r\nbody", 1 << 30).into()),
        Reply::Silence,
    ] {
        let mut reply = Some(reply);
        let mut cached = Cached::new(move |_| reply.take().unwrap());
        cached.simulation.settings.max_retries = 0;
        let task = cached.simulation.get("http://a/");
        cached.simulation.settle();
        task.cancel();
        cached.simulation.settle();
        assert!(task.response().is_some() && cached.files().is_empty(), "{:?}", task.response());
    }
    let mut cached = Cached::new(move |_| {
        Reply::Send(format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n").into())
    });
    assert_eq!(saw(&cached.get("http://a/")), from_network("body"));
    let response = cached.get("http://a/");
    assert_eq!(saw(&response), from_cache("body"));
    assert_eq!((response.facts.header("Transfer-Encoding"), response.facts.body_size), (None, Some(4)));
}

#[test]
fn what_vary_names_tells_answers_apart_and_each_is_kept() {
    let mut cached = Cached::new(|request| {
        let language = value(request, "Accept-Language").unwrap_or("none");
        Reply::Send(response(200, &["Cache-Control: max-age=60", "Vary: accept-language, User-Agent"], language))
    });
    for (is_cached, asked) in [(false, 3), (true, 3)] {
        for language in ["de", "fr"] {
            let response = cached.get_with("http://a/", &format!("Accept-Language: {language}"));
            assert_eq!(saw(&response), (200, language.to_owned(), is_cached));
        }
        assert_eq!(saw(&cached.get("http://a/")), (200, "none".to_owned(), is_cached));
        assert_eq!((cached.asked(), cached.files().len()), (asked, 3));
    }
    cached.simulation.settings.user_agent = "another".into();
    assert_eq!(saw(&cached.get("http://a/")), from_network("none"));
    for language in 0..20 {
        cached.get_with("http://a/", &format!("Accept-Language: {language}"));
    }
    assert_eq!(cached.files().len(), 8, "there is a limit to how many ways one URL has");
}

#[test]
fn what_one_user_got_is_nobody_elses() {
    let mut cached = Cached::new(|request| {
        let user = value(request, "Authorization").unwrap_or("nobody").to_owned();
        Reply::Send(response(200, &["Cache-Control: private, max-age=60"], user))
    });
    assert_eq!(saw(&cached.get_with("http://a/", "Authorization: one")), from_network("one"));
    assert_eq!(saw(&cached.get("http://a/")), from_network("nobody"));
    cached.simulation.settings.base_url = "http://a/".to_owned();
    cached.simulation.settings.credentials = Some(Credentials::bearer("two"));
    assert_eq!(saw(&cached.get("/")), from_network("Bearer two"));
    cached.simulation.settings.credentials = None;
    assert_eq!(saw(&cached.get("/")), from_cache("nobody"));
    assert_eq!(saw(&cached.get_with("http://a/", "Authorization: one")), from_cache("one"));
    assert_eq!(saw(&cached.get("http://one:x@a/")), from_network("Basic b25lOng="));
}

#[test]
fn a_method_that_changes_something_makes_what_is_kept_outdated_for_everybody() {
    for (method, status, is_outdated) in [
        (Method::Post, 200, true),
        (Method::Put, 204, true),
        (Method::Delete, 303, true),
        (Method::Patch, 200, true),
        (Method::Post, 404, false),
        (Method::Head, 200, false),
        (Method::Options, 200, false),
    ] {
        let mut cached = Cached::new(move |request| match request.starts_with("GET ") {
            true => Reply::Send(response(200, &["Cache-Control: max-age=60"], target(request))),
            false => Reply::Send(response(
                if method == Method::Head { 204 } else { status },
                &["Content-Location: /b", "Content-Location: http://c/"],
                "",
            )),
        });
        cached.simulation.settings.max_retries = 0;
        let urls = ["http://a/", "http://a/b", "http://a/other", "http://c/"];
        cached.get_with("http://a/", "Authorization: x");
        for url in urls {
            cached.get(url);
        }
        cached.ask(Request::with_body(method, "http://a/", RequestBody::Empty));
        for (url, can_be) in urls.into_iter().zip([true, true, false, false]) {
            let response = cached.get(url);
            assert_eq!(response.facts.is_from_cache, !(can_be && is_outdated), "{method:?} {status} {url}");
        }
        assert_eq!(cached.get_with("http://a/", "Authorization: x").facts.is_from_cache, !is_outdated);
    }
}

#[test]
fn a_stale_response_stands_in_for_an_error_where_it_may_and_after_the_retries() {
    let headers: [(&str, bool); 4] = [
        ("max-age=10, stale-if-error=50", true),
        ("max-age=10", false),
        ("max-age=10, stale-if-error=50, must-revalidate", false),
        ("max-age=10, stale-if-error=50, no-cache", false),
    ];
    for (control, stands_in) in headers {
        for error in ["503", "404", "reset", "refused"] {
            let mut count = 0;
            let line = format!("Cache-Control: {control}");
            let mut cached = Cached::new(move |_| {
                count += 1;
                match error {
                    _ if count == 1 => Reply::Send(response(200, &[&line], "kept")),
                    "reset" => Reply::Reset(Vec::new()),
                    status => Reply::Send(response(status.parse().unwrap(), &[], "error")),
                }
            });
            assert_eq!(saw(&cached.get("http://a/")), from_network("kept"));
            cached.pass(40);
            if error == "refused" {
                cached.pass(0);
                cached.simulation.engine = Engine::new(
                    cached.simulation.mailbox.clone(),
                    Arc::new(Scripted(cached.simulation.network.clone())),
                );
                lock(&cached.simulation.network).refused = 3;
            }
            let response = cached.get("http://a/");
            let is_cached = stands_in && error != "404";
            assert_eq!(response.facts.is_from_cache, is_cached, "{control} {error} {response:?}");
            if is_cached {
                assert_eq!(saw(&response), from_cache("kept"));
                assert_eq!(response.facts.attempts, 3);
            }
            if error == "503" {
                cached.pass(60);
                assert_eq!(cached.get("http://a/").code(), 503, "it is too stale now");
            }
        }
    }
}

#[test]
fn what_the_request_says_of_the_cache_holds() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    let missing = cached.get_with("http://a/", "Cache-Control: only-if-cached");
    assert_eq!((missing.code(), missing.facts.is_from_cache, cached.asked()), (504, true, 0));
    assert!(missing.error.contains("only-if-cached"), "{}", missing.error);
    assert_eq!(saw(&cached.get("http://a/")), from_network("body 1"));
    assert_eq!(saw(&cached.get_with("http://a/", "Cache-Control: only-if-cached")), from_cache("body 1"));
    cached.pass(10);
    for (line, is_cached) in [
        ("Cache-Control: max-age=10", true),
        ("Cache-Control: max-age=9", false),
        ("Cache-Control: max-age=0", true),
        ("Cache-Control: min-fresh=60", true),
        ("Cache-Control: min-fresh=61", false),
        ("Cache-Control: no-cache", false),
        ("Pragma: no-cache", false),
    ] {
        assert_eq!(cached.get_with("http://a/", line).facts.is_from_cache, is_cached, "{line}");
    }
    cached.pass(61);
    assert!(cached.get_with("http://a/", "Cache-Control: max-stale").facts.is_from_cache);
    assert!(cached.get_with("http://a/", "Cache-Control: max-stale=20").facts.is_from_cache);
    assert_eq!(cached.get_with("http://a/", "Cache-Control: only-if-cached").code(), 504);
    assert!(!cached.get_with("http://a/", "Cache-Control: max-stale=0").facts.is_from_cache);
}

#[test]
fn a_redirect_that_is_kept_is_followed_without_the_network() {
    let mut cached = Cached::new(|request| match target(request) {
        "/old" => Reply::Send(response(301, &["Location: /new", "Cache-Control: max-age=60"], "moved")),
        _ => Reply::Send(response(200, &["Cache-Control: max-age=60"], "there")),
    });
    for is_cached in [false, true] {
        let response = cached.get("http://a/old");
        assert_eq!(saw(&response), (200, "there".to_owned(), is_cached));
        assert_eq!(
            (response.facts.url.as_str(), &*response.facts.redirects),
            ("http://a/new", &["http://a/old".to_owned()][..])
        );
        assert_eq!(cached.asked(), 2);
    }
}

#[test]
fn a_packed_body_is_kept_packed_and_answers_only_who_can_unpack_it() {
    let text = "words ".repeat(10_000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let len = packed.len() as u64;
    let mut cached = Cached::new(move |request| match value(request, "Accept-Encoding") {
        Some(_) => Reply::Send(response(200, &["Cache-Control: max-age=60", "Content-Encoding: gzip"], &packed)),
        None => Reply::Send(response(200, &["Cache-Control: max-age=60"], "plain")),
    });
    assert_eq!(saw(&cached.get("http://a/")), from_network(&text));
    assert_eq!(saw(&cached.get("http://a/")), from_cache(&text));
    let on_disk = fs::metadata(&cached.files()[0]).unwrap().len();
    assert!((len..len + 1000).contains(&on_disk), "{on_disk}");
    cached.simulation.settings.body_size_limit = Some(100);
    let task = cached.simulation.get("http://a/");
    assert_eq!(cached.simulation.run(&task).result, ResultCode::BodySizeLimitExceeded, "limits hold again");
    cached.simulation.settings.accept_compression = false;
    assert_eq!(saw(&cached.get("http://a/")), from_network("plain"));
}

#[test]
fn streams_are_kept_and_answered_too_and_downloads_and_events_go_past_the_cache() {
    let mut cached = Cached::new(|request| match value(request, "Accept") {
        Some("text/event-stream") => {
            Reply::End(response(200, &["Cache-Control: max-age=60", "Content-Type: text/plain"], ""))
        }
        _ => Reply::Send(response(200, &["Cache-Control: max-age=60"], "body")),
    });
    for notices in [
        ["started 200", "chunk 4", "progress 4 of Some(4)", "completed Success"],
        ["started 200", "chunk 4", "progress 4 of Some(4)", "completed Success"],
    ] {
        let task = cached.simulation.start(Kind::Stream, Request::get("http://a/"));
        cached.simulation.run(&task);
        assert_eq!(short(task.take_notices()), notices);
        assert_eq!(cached.asked(), 1);
    }
    assert_eq!(saw(&cached.get("http://a/")), from_cache("body"));
    let path = cached.folder.path().join("download");
    let task = cached.simulation.start(Kind::Download(Download::to(&path)), Request::get("http://a/"));
    assert_eq!(saw(&cached.simulation.run(&task)), from_network(""));
    let task = cached.simulation.start(Kind::Listen, Request::get("http://a/"));
    assert!(!cached.simulation.run(&task).facts.is_from_cache);
    assert_eq!(cached.asked(), 3);
}

#[test]
fn cookies_are_taken_once_and_stand_in_no_file() {
    let mut cached = Cached::counting(&[
        "Cache-Control: max-age=60",
        "Set-Cookie: sid=secret",
        "Connection: X-Hop",
        "X-Hop: secret",
    ]);
    let url = "http://a/private?token=secret";
    assert_eq!(cached.get_with(url, "Authorization: secret").facts.header("Set-Cookie").as_deref(), Some("sid=secret"));
    cached.simulation.cookies.with(|jar| jar.clear());
    let response = cached.get_with(url, "Authorization: secret");
    assert!(response.facts.is_from_cache && response.facts.header("Set-Cookie").is_none());
    assert!(
        cached
            .simulation
            .cookies
            .with(|jar| jar.header(&crate::address::Address::resolve(None, url).unwrap(), cached.simulation.wall))
            .is_none()
    );
    for file in cached.files() {
        let bytes = [file.to_string_lossy().as_bytes(), &fs::read(&file).unwrap()].concat();
        for secret in ["secret", "private?", "http://"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
}

#[test]
fn a_server_whose_certificate_is_not_checked_neither_fills_the_cache_nor_is_answered_for() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    cached.get("https://a/");
    cached.simulation.settings.tls.verify = http_net::Verify::Nothing;
    assert_eq!(saw(&cached.get("https://a/")), from_network("body 2"));
    cached.simulation.settings.tls.verify = http_net::Verify::Full;
    assert_eq!(saw(&cached.get("https://a/")), from_cache("body 1"));
}

#[test]
fn a_file_that_is_cut_off_changed_or_of_somebody_else_is_a_miss_and_goes_and_other_files_stay() {
    let damage: [fn(&Path); 5] = [
        |path| fs::write(path, &fs::read(path).unwrap()[..100]).unwrap(),
        |path| fs::write(path, "").unwrap(),
        |path| fs::write(path, "my novel").unwrap(),
        |path| {
            let mut bytes = fs::read(path).unwrap();
            let at = bytes.len() - 35;
            bytes[at] ^= 1;
            fs::write(path, bytes).unwrap();
        },
        |path| fs::write(path, vec![0; 17 << 20]).unwrap(),
    ];
    for damage in damage {
        let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
        cached.get("http://a/");
        cached.get("http://b/");
        let own = cached.folder.path().join("save.dat");
        fs::write(&own, "mine").unwrap();
        cached.files().iter().filter(|path| **path != own).for_each(|path| damage(path));
        cached.start_again();
        assert_eq!(saw(&cached.get_with("http://a/", "Cache-Control: only-if-cached")).0, 504);
        assert_eq!(cached.files().len(), 2, "the bad file is gone");
        assert_eq!(saw(&cached.get("http://b/")), from_network("body 3"));
        assert_eq!(saw(&cached.get("http://b/")), from_cache("body 3"));
        assert_eq!(fs::read(&own).unwrap(), b"mine");
    }
    // An entry under the name of another is not that one.
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    cached.get("http://a/");
    let first = cached.files().remove(0);
    cached.get("http://b/");
    let second = cached.files().into_iter().find(|path| *path != first).unwrap();
    fs::copy(&first, &second).unwrap();
    assert_eq!(saw(&cached.get("http://b/")), from_network("body 3"));
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first_when_there_is_no_more_room() {
    let body = "x".repeat(1000);
    let script = move |_: &str| Reply::Send(response(200, &["Cache-Control: max-age=10000"], &body));
    let mut cached = Cached::with_limit(5 * 1400, script);
    for at in 0..5 {
        cached.get(&format!("http://a/{at}"));
        cached.pass(1);
    }
    assert!(cached.get("http://a/0").facts.is_from_cache);
    // Which was used last is known in a later run too.
    let folder = cached.folder.path().to_owned();
    cached.simulation.settings.cache = None;
    cached.simulation.settings.cache = Some(Cache::with_limit(&folder, 5 * 1400).unwrap());
    cached.pass(1);
    cached.get("http://a/5");
    let in_cache = |cached: &mut Cached, at: u32| {
        cached.get_with(&format!("http://a/{at}"), "Cache-Control: only-if-cached").code() == 200
    };
    let left: Vec<u32> = (0..6).filter(|at| in_cache(&mut cached, *at)).collect();
    assert!(left.contains(&0) && left.contains(&5) && !left.contains(&1), "{left:?}");
    let total: u64 = cached.files().iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(total <= 5 * 1400 && left.len() >= 4, "{total}");
}

#[test]
fn sessions_with_the_same_folder_share_it_and_a_folder_that_cannot_be_made_is_no_failure() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    cached.get("http://a/");
    let again = Cache::at(&cached.folder.path().join(".").join("")).unwrap();
    let mut other = Simulation::new(|_| ok("other"));
    other.settings.cache = Some(again);
    let task = other.get("http://a/");
    assert_eq!(saw(&other.run(&task)), from_cache("body 1"));

    let file = cached.folder.path().join("file");
    fs::write(&file, "").unwrap();
    cached.simulation.settings.cache = Some(Cache::at(&file.join("cache")).unwrap());
    assert_eq!(saw(&cached.get("http://a/")), from_network("body 2"));
    assert_eq!(saw(&cached.get("http://a/")), from_network("body 3"));
}

#[test]
fn what_a_crash_left_unfinished_goes_after_an_hour_and_not_before() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    let (old, new) = (cached.folder.path().join(".unfinished-1-0"), cached.folder.path().join(".unfinished-1-1"));
    for (path, age) in [(&old, 3601), (&new, 10)] {
        let file = fs::File::create(path).unwrap();
        file.set_modified(cached.simulation.wall - Duration::from_secs(age)).unwrap();
    }
    cached.get("http://a/");
    assert!(!old.exists() && new.exists());
}
