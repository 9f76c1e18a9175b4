//! Sessions against the pages of httpbin.

use std::time::Duration;

use http_fetch::{Credentials, Notice, Request, RequestBody, ResultCode};
use http_protocol::Method;

use super::servers::Server;
use super::{get, send, session, text};

#[test]
fn httpbin_gets_every_method_with_its_body_and_header_lines() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    for (method, name) in
        [(Method::Post, "POST"), (Method::Put, "PUT"), (Method::Patch, "PATCH"), (Method::Delete, "DELETE")]
    {
        let mut request = Request::with_body(method, "/anything/a%20b?c=d%26", RequestBody::json("{\"e\": \"é\"}"));
        request.headers = vec!["X-Of-A-Script: f".to_owned()];
        let found = text(&session.fetch(request).wait());
        for part in [
            &format!("\"method\": \"{name}\""),
            "\"c\": \"d&\"",
            "\"Content-Type\": \"application/json\"",
            "\"Content-Length\": \"11\"",
            "\"X-Of-A-Script\": \"f\"",
            "\"User-Agent\": \"http-fetch/",
            "\"e\": \"\\u00e9\"",
            "/anything/a%20b?c=d%26\"",
        ] {
            assert!(found.contains(part), "{part} is not in {found}");
        }
    }
    let response = send(&session, Method::Head, "/get", RequestBody::Empty);
    assert_eq!((response.code(), response.body.len()), (200, 0));
    let response = send(&session, Method::Options, "/get", RequestBody::Empty);
    assert!(response.is_ok() && response.facts.header("Allow").is_some_and(|allow| allow.contains("GET")));
    assert_eq!(send(&session, Method::Post, "/get", RequestBody::Empty).code(), 405);
}

#[test]
fn httpbins_redirects_are_followed_as_far_as_is_allowed() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    for page in ["/redirect/10", "/relative-redirect/10", "/absolute-redirect/10"] {
        let response = get(&session, page);
        assert!(text(&response).contains("\"url\""), "{page}");
        assert_eq!((response.facts.redirects.len(), &response.facts.redirects[0]), (10, &server.url(page)));
        assert_eq!(response.facts.url, server.url("/get"));
    }
    let response = get(&session, "/redirect/11");
    assert_eq!((response.result, response.code()), (ResultCode::RedirectLimitReached, 302));
    session.set(|settings| settings.max_redirects = Some(0));
    assert_eq!(get(&session, "/redirect/1").result, ResultCode::RedirectLimitReached);
    session.set(|settings| settings.max_redirects = None);
    assert!(get(&session, "/redirect/50").is_ok());
}

#[test]
fn a_redirect_of_httpbin_keeps_or_drops_the_body_by_its_status() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    for (status, method, arrives) in [
        (301, Method::Post, "GET"),
        (302, Method::Post, "GET"),
        (303, Method::Post, "GET"),
        (307, Method::Post, "POST"),
        (308, Method::Post, "POST"),
        (301, Method::Put, "PUT"),
        (302, Method::Patch, "PATCH"),
        (303, Method::Put, "GET"),
        (303, Method::Delete, "GET"),
        (308, Method::Delete, "DELETE"),
    ] {
        let page = format!("/redirect-to?url=/anything&status_code={status}");
        let found = text(&send(&session, method, &page, RequestBody::json("\"kept\"")));
        assert!(found.contains(&format!("\"method\": \"{arrives}\"")), "{status} {method:?}: {found}");
        let keeps = arrives != "GET";
        assert_eq!(found.contains("\"json\": \"kept\""), keeps, "{status} {method:?}: {found}");
        assert_eq!(found.contains("application/json"), keeps, "{status} {method:?}: {found}");
    }
    // These status codes are redirects only by their number, and are not followed.
    for status in [300, 304, 305, 306] {
        let response = get(&session, &format!("/redirect-to?url=/get&status_code={status}"));
        assert_eq!((response.result, response.code()), (ResultCode::Success, status));
    }
    for elsewhere in ["file:///etc/passwd", "data:text/plain,x", "ftp://localhost/", "http://"] {
        let response = get(&session, &format!("/redirect-to?url={elsewhere}"));
        assert!(response.result != ResultCode::Success && response.body.is_empty(), "{elsewhere}: {response:?}");
        assert!(!response.error.contains("passwd"), "{}", response.error);
    }
}

#[test]
fn credentials_reach_httpbin_and_no_other_origin() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    for (page, right, wrong) in [
        ("/basic-auth/user/pass%20word", Credentials::basic("user", "pass word"), Credentials::basic("user", "pass")),
        ("/hidden-basic-auth/zo%C3%AB/%E2%82%AC", Credentials::basic("zoë", "€"), Credentials::basic("zoë", "")),
        ("/bearer", Credentials::bearer("token"), Credentials::basic("token", "")),
    ] {
        let refusal = if page.starts_with("/hidden") { 404 } else { 401 };
        for (credentials, code) in [(None, refusal), (Some(wrong), refusal), (Some(right), 200)] {
            session.set(|settings| settings.credentials = credentials);
            let response = get(&session, page);
            assert_eq!((response.result, response.code()), (ResultCode::Success, code), "{page}");
        }
    }
    session.set(|settings| settings.credentials = Some(Credentials::bearer("secret")));
    let here = format!("/redirect-to?url={}", server.url("/headers"));
    let there = format!("/redirect-to?url={}", server.other_origin("/headers"));
    assert!(text(&get(&session, &here)).contains("Bearer secret"));
    assert!(!text(&get(&session, &there)).contains("secret"));
    session.set(|settings| settings.credentials = None);
    for (url, arrives) in [(here, true), (there, false)] {
        let mut request = Request::get(url);
        request.headers = vec!["Authorization: Bearer secret".to_owned(), "X-Other: kept".to_owned()];
        let found = text(&session.fetch(request).wait());
        assert_eq!((found.contains("secret"), found.contains("kept")), (arrives, true), "{found}");
    }
}

#[test]
fn cookies_of_httpbin_are_kept_sent_and_removed_but_stay_with_their_host() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    let found = text(&get(&session, "/cookies/set?a=1&b=2%20x"));
    assert!(found.contains("\"a\": \"1\"") && found.contains("\"b\": \"2 x\""), "{found}");
    assert!(!text(&get(&session, &server.other_origin("/cookies"))).contains("\"a\""), "another host");
    let address = session.resolve("/").expect("a URL");
    assert_eq!(session.cookies(&address).len(), 2);
    let found = text(&get(&session, "/cookies/delete?a"));
    assert!(!found.contains("\"a\"") && found.contains("\"b\""), "{found}");
    session.set(|settings| settings.cookies_enabled = false);
    let found = text(&get(&session, "/cookies/set?c=3"));
    assert!(!found.contains("\"b\"") && !found.contains("\"c\""), "{found}");
    session.set(|settings| settings.cookies_enabled = true);
    session.clear_cookies();
    assert!(!text(&get(&session, "/cookies")).contains("\"b\""));
}

#[test]
fn every_status_of_httpbin_is_told_and_those_that_may_pass_are_tried_again() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    session.set(|settings| settings.max_retries = 1);
    for code in [200, 201, 204, 299, 304, 400, 401, 402, 404, 406, 407, 410, 418, 422, 451, 501, 505, 599] {
        let response = get(&session, &format!("/status/{code}"));
        assert_eq!((response.result, response.code(), response.facts.attempts), (ResultCode::Success, code, 1));
        assert_eq!(response.error.is_empty(), code < 400, "{}", response.error);
    }
    for code in [408, 429, 500, 502, 503, 504] {
        let page = format!("/status/{code}");
        let response = get(&session, &page);
        assert_eq!((response.code(), response.facts.attempts), (code, 2));
        assert_eq!(send(&session, Method::Post, &page, RequestBody::Empty).facts.attempts, 1, "POST {code}");
    }
    let response = get(&session, "/response-headers?X-Twice=1&X-Twice=2");
    assert_eq!(response.facts.header_values("x-twice"), ["1", "2"]);
}

#[test]
fn a_page_of_httpbin_that_takes_ten_seconds_is_given_up_by_either_limit() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    let short = Some(Duration::from_millis(300));
    session.set(|settings| settings.timeout = short);
    let response = get(&session, "/delay/10");
    assert_eq!((response.result, response.code()), (ResultCode::Timeout, 0));
    session.set(|settings| (settings.timeout, settings.stall_timeout) = (None, short));
    assert_eq!(get(&session, "/delay/10").result, ResultCode::Timeout);
    let cancelled = session.fetch(Request::get("/delay/10"));
    cancelled.cancel();
    assert_eq!(cancelled.wait().result, ResultCode::Cancelled);
    session.set(|settings| settings.stall_timeout = None);
    assert!(text(&get(&session, "/delay/0.5")).contains("\"url\""));
}

#[test]
fn httpbins_streams_come_piece_by_piece_and_whole() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    let task = session.stream(Request::get("/drip?numbytes=10&duration=2&delay=0"));
    let (mut chunks, mut bytes) = (0, 0);
    while task.response().is_none() {
        for notice in task.next_notices(Some(super::PATIENCE)) {
            if let Notice::Chunk(chunk) = notice {
                (chunks, bytes) = (chunks + 1, bytes + chunk.len());
            }
        }
    }
    assert!(task.wait().is_ok() && chunks > 1, "{chunks}");
    assert_eq!(bytes, 10);
    let found = text(&get(&session, "/stream/20"));
    assert_eq!(found.lines().filter(|line| line.starts_with('{') && line.ends_with('}')).count(), 20);
    let once = get(&session, "/stream-bytes/100000?seed=7&chunk_size=333");
    let again = get(&session, "/bytes/100000?seed=7");
    assert!(once.body.len() == 100_000 && once.body == again.body, "in chunks or at once");
    assert!(text(&get(&session, "/encoding/utf8")).contains("∮ E⋅da = Q"));
    assert!(get(&session, "/image/png").body.starts_with(b"\x89PNG\r\n"));
}
