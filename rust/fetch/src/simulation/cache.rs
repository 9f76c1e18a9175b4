//! The cache in complete calls, in virtual time: which responses come from it. Its files are real. Their content is tested in
//! `cache_files`.

use std::fs;

use http_protocol::Method;
use tempfile::TempDir;

use super::*;
use crate::cache::Cache;
use crate::replay::Replay;
use crate::response::{Response, ResultCode};
use crate::settings::{Credentials, Download, RequestBody};

pub(super) struct Cached {
    pub(super) simulation: Simulation,
    pub(super) folder: TempDir,
}

impl Cached {
    pub(super) fn new(script: impl FnMut(&str) -> Reply + 'static) -> Self {
        Self::with_limit(crate::cache::LIMIT, script)
    }

    pub(super) fn with_limit(limit: u64, script: impl FnMut(&str) -> Reply + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut simulation = Simulation::new(script);
        simulation.settings.cache = Some(Cache::with_limit(folder.path(), limit).unwrap());
        Self { simulation, folder }
    }

    /// A server that always sends these headers, with the number of the request in the body.
    pub(super) fn counting(headers: &'static [&'static str]) -> Self {
        let mut count = 0;
        Self::new(move |_| {
            count += 1;
            Reply::Send(response(200, headers, format!("body {count}")))
        })
    }

    pub(super) fn ask(&mut self, request: Request) -> Arc<Response> {
        let task = self.simulation.start(Kind::Fetch, request);
        self.simulation.run(&task)
    }

    pub(super) fn get(&mut self, url: &str) -> Arc<Response> {
        self.ask(Request::get(url))
    }

    pub(super) fn get_with(&mut self, url: &str, line: &str) -> Arc<Response> {
        self.ask(Request { headers: vec![line.to_owned()], ..Request::get(url) })
    }

    /// Returns how many requests the server received.
    pub(super) fn asked(&self) -> usize {
        self.simulation.requests.len()
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.simulation.pass(Duration::from_secs(seconds));
    }

    pub(super) fn files(&self) -> Vec<std::path::PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Opens the cache again, like a later run of the program.
    pub(super) fn start_again(&mut self) {
        self.simulation.settings.cache = None;
        self.simulation.settings.cache = Some(Cache::at(self.folder.path()).unwrap());
    }
}

pub(super) fn saw(response: &Response) -> (u16, String, bool) {
    assert_eq!(response.result, ResultCode::Success, "{response:?}");
    (response.code(), response.text(), response.facts.is_from_cache)
}

pub(super) fn from_network(text: &str) -> (u16, String, bool) {
    (200, text.to_owned(), false)
}

pub(super) fn from_cache(text: &str) -> (u16, String, bool) {
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
                // A new engine has no kept connections.
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
fn a_loop_of_redirects_that_is_kept_ends_at_the_server() {
    let mut count = 0;
    let mut cached = Cached::new(move |request| {
        count += 1;
        let to = if target(request) == "/a" { "Location: /b" } else { "Location: /a" };
        match count {
            1..=3 => Reply::Send(response(301, &["Cache-Control: max-age=1000", to], "")),
            _ => ok("mended"),
        }
    });
    cached.simulation.settings.max_redirects = Some(2);
    assert_eq!(cached.get("http://x/a").result, ResultCode::RedirectLimitReached);
    cached.simulation.settings.max_redirects = Some(1000);
    assert_eq!(saw(&cached.get("http://x/a")), from_network("mended"));
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
fn a_server_whose_certificate_is_not_checked_neither_fills_the_cache_nor_is_answered_for() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    cached.get("https://a/");
    cached.simulation.settings.tls.verify = http_net::Verify::Nothing;
    assert_eq!(saw(&cached.get("https://a/")), from_network("body 2"));
    cached.simulation.settings.tls.verify = http_net::Verify::Full;
    assert_eq!(saw(&cached.get("https://a/")), from_cache("body 1"));
}

#[test]
fn what_was_believed_on_other_terms_answers_nobody_else_and_is_outdated_for_all() {
    use http_net::{TlsOptions, Trust, Verify};
    let own = |pem: &str| Trust::Pem(pem.as_bytes().into());
    let terms = [
        TlsOptions::default(),
        TlsOptions { verify: Verify::ChainOnly, ..TlsOptions::default() },
        TlsOptions { trust: own("one"), ..TlsOptions::default() },
        TlsOptions { trust: own("other"), ..TlsOptions::default() },
        TlsOptions { trust: own("one"), verify: Verify::ChainOnly, ..TlsOptions::default() },
        TlsOptions { name: Some("b".to_owned()), ..TlsOptions::default() },
    ];
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    for is_cached in [false, true] {
        for (at, tls) in terms.iter().enumerate() {
            cached.simulation.settings.tls = tls.clone();
            let expected = (200, format!("body {}", at + 1), is_cached);
            assert_eq!(saw(&cached.get("https://a/")), expected, "{tls:?}");
        }
    }
    // Without TLS, no server is verified, and the options do not matter.
    assert_eq!(saw(&cached.get("http://a/")), from_network("body 7"));
    cached.simulation.settings.tls = TlsOptions::default();
    assert_eq!(saw(&cached.get("http://a/")), from_cache("body 7"));
    cached.ask(Request::with_body(Method::Post, "https://a/", RequestBody::Empty));
    assert_eq!(cached.files().len(), 1, "only that of another origin is left");
}

#[test]
fn a_confirmation_without_a_date_makes_what_is_kept_fresh_again() {
    let mut cached = Cached::new(|request| match value(request, "If-None-Match") {
        Some(_) => Reply::Send(b"HTTP/1.1 304 X\r\nETag: \"v1\"\r\n\r\n".to_vec()),
        None => Reply::Send(response(
            200,
            &["ETag: \"v1\"", "Cache-Control: max-age=60", "Date: Tue, 14 Nov 2023 22:13:20 GMT"],
            "body",
        )),
    });
    for (pass, is_cached, asked) in [(0, false, 1), (61, true, 2), (59, true, 2), (1, true, 3)] {
        cached.pass(pass);
        assert_eq!(saw(&cached.get("http://a/")), (200, "body".to_owned(), is_cached));
        assert_eq!(cached.asked(), asked);
    }
}

#[test]
fn a_session_that_records_or_plays_back_goes_past_the_cache() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=600"]);
    assert_eq!(saw(&cached.get("http://a/")), from_network("body 1"));
    let har = cached.folder.path().join("recorded.har");
    cached.simulation.settings.replay = Replay::record(&har);
    assert_eq!(saw(&cached.get("http://a/")), from_network("body 2"));
    assert_eq!(saw(&cached.get("http://a/other")), from_network("body 3"));
    let bytes = fs::read(&har).unwrap();
    cached.simulation.settings.replay = Replay::only("recorded.har", &bytes, false);
    assert_eq!(saw(&cached.get("http://a/")), from_network("body 2"));
    cached.simulation.settings.replay = Replay::off();
    assert_eq!(saw(&cached.get("http://a/")), from_cache("body 1"));
    assert_eq!(saw(&cached.get("http://a/other")), from_network("body 4"));
}
