//! Redirects, retries, and connections that are reused.

use super::*;
use crate::response::ResultCode;
use crate::settings::{Credentials, RequestBody};
use http_protocol::Method;

fn redirect(status: u16, to: &str) -> Reply {
    Reply::Send(response(status, &[&format!("Location: {to}")], "elsewhere"))
}

#[test]
fn a_chain_of_redirects_goes_over_one_connection_and_a_post_becomes_a_get() {
    let mut simulation = Simulation::new(|request| match target(request) {
        "/a" => redirect(307, "/b"),
        "/b" => redirect(302, "c/../d?x"),
        "/d?x" => redirect(308, "//a.example/e"),
        _ => ok("there"),
    });
    let body = RequestBody::bytes("body");
    let task = simulation.start(Kind::Fetch, Request::with_body(Method::Post, "http://a.example/a#f", body));
    let response = simulation.run(&task);
    assert!(response.is_ok(), "{response:?}");
    assert_eq!((response.text().as_str(), simulation.connections()), ("there", 1));
    assert_eq!(response.facts.url, "http://a.example/e#f");
    let redirects = ["http://a.example/a#f", "http://a.example/b#f", "http://a.example/d?x#f"];
    assert_eq!(response.facts.redirects, redirects);
    let lines: Vec<_> = simulation.requests.iter().map(|request| request.lines().next().unwrap()).collect();
    assert_eq!(lines[1..3], ["a.example POST /b HTTP/1.1", "a.example GET /d?x HTTP/1.1"]);
    assert!(simulation.requests[1].ends_with("body") && !simulation.requests[2].contains("body"));
}

#[test]
fn credentials_and_cookies_go_to_their_own_server_alone() {
    let mut simulation = Simulation::new(|request| match target(request) {
        "/login" => Reply::Send(response(302, &["Location: //b.example/", "Set-Cookie: sid=1"], "")),
        "/" => Reply::Send(response(302, &["Location: //a.example/home", "Set-Cookie: other=2"], "")),
        _ => ok(""),
    });
    simulation.settings.base_url = "http://a.example/".to_owned();
    simulation.settings.credentials = Some(Credentials::bearer("token"));
    let task = simulation.get("login");
    assert!(simulation.run(&task).is_ok());
    let sent: Vec<_> =
        simulation.requests.iter().map(|request| (value(request, "Authorization"), value(request, "Cookie"))).collect();
    assert_eq!(sent, [(Some("Bearer token"), None), (None, None), (Some("Bearer token"), Some("sid=1"))]);
}

#[test]
fn redirects_without_an_end_and_to_where_nobody_should_go_are_failures_that_keep_the_code() {
    for (location, result) in [
        ("/again", ResultCode::RedirectLimitReached),
        ("http://a.example/", ResultCode::RequestFailed),
        ("file:///etc/passwd", ResultCode::RequestFailed),
        ("http://", ResultCode::RequestFailed),
    ] {
        let mut simulation = Simulation::new(move |_| redirect(302, location));
        let task = simulation.get("https://a.example/");
        let response = simulation.run(&task);
        assert_eq!((response.result, response.code()), (result, 302), "{location}");
        assert!(!response.error.is_empty());
        assert!(simulation.requests.len() <= 11);
    }
}

#[test]
fn a_busy_server_is_asked_again_when_it_says_and_not_before() {
    let mut asked = 0;
    let mut simulation = Simulation::new(move |_| {
        asked += 1;
        if asked == 1 { Reply::Send(response(503, &["Retry-After: 7"], "busy")) } else { ok("now") }
    });
    let task = simulation.get("http://a/");
    simulation.pass(Duration::from_millis(6999));
    assert_eq!(simulation.requests.len(), 1);
    simulation.pass(Duration::from_millis(1));
    let response = task.response().expect("it is there");
    assert_eq!((response.text().as_str(), response.facts.attempts, simulation.connections()), ("now", 2, 1));
    let notices = short(task.take_notices());
    assert_eq!(
        notices,
        [
            "retrying 2: the server answered with status 503",
            "started 200",
            "progress 3 of Some(3)",
            "completed Success"
        ]
    );
}

#[test]
fn a_server_that_asks_for_more_time_than_there_is_has_its_response_delivered() {
    let mut simulation = Simulation::new(|_| Reply::Send(response(503, &["Retry-After: 7"], "busy")));
    simulation.settings.timeout = Some(Duration::from_secs(5));
    let task = simulation.get("http://a/x?y");
    simulation.settle();
    let response = task.response().expect("at once");
    assert_eq!((response.result, response.code(), response.is_ok()), (ResultCode::Success, 503, false));
    assert_eq!(response.error, "the server answered 503 to http://a/x?y");
}

#[test]
fn a_refused_connection_is_tried_twice_more_and_then_told() {
    for (refused, result) in [(2, ResultCode::Success), (3, ResultCode::CantConnect)] {
        let mut simulation = Simulation::new(|_| ok(""));
        lock(&simulation.network).refused = refused;
        let task = simulation.start(Kind::Fetch, Request::get("http://a/"));
        simulation.settle();
        assert!(task.response().is_none(), "there is a wait");
        assert_eq!(simulation.run(&task).result, result);
        let post = Request::with_body(Method::Post, "http://a/", RequestBody::Empty);
        lock(&simulation.network).refused = 1;
        let task = simulation.start(Kind::Fetch, post);
        simulation.network.lock().unwrap().connections.clear();
        assert_eq!(simulation.run(&task).result, ResultCode::CantConnect, "a POST is not sent again");
    }
}

#[test]
fn a_kept_connection_that_dies_is_replaced_at_once_and_that_counts_for_nothing() {
    let mut asked = 0;
    let mut simulation = Simulation::new(move |_| {
        asked += 1;
        if asked == 2 { Reply::Reset(Vec::new()) } else { ok("fine") }
    });
    simulation.settings.max_retries = 0;
    let first = simulation.get("http://a/");
    assert!(simulation.run(&first).is_ok());
    let second = simulation.get("http://a/");
    simulation.settle();
    let response = second.response().expect("no time passes");
    assert_eq!((response.result, response.facts.attempts, simulation.connections()), (ResultCode::Success, 1, 2));
    assert_eq!(short(second.take_notices())[0], "started 200", "nobody is told of it");
}

#[test]
fn a_post_on_a_kept_connection_that_dies_after_bytes_were_written_is_not_sent_twice() {
    let mut asked = 0;
    let mut simulation = Simulation::new(move |_| {
        asked += 1;
        if asked == 2 { Reply::Reset(Vec::new()) } else { ok("fine") }
    });
    let first = simulation.get("http://a/");
    simulation.run(&first);
    let post = simulation.start(Kind::Fetch, Request::with_body(Method::Post, "http://a/", RequestBody::json("{}")));
    assert_eq!(simulation.run(&post).result, ResultCode::ConnectionError);
    assert_eq!(simulation.requests.len(), 2);
}

#[test]
fn a_hundred_requests_go_over_six_connections_in_their_order() {
    let mut simulation = Simulation::new(|request| ok(target(request)));
    let tasks: Vec<_> = (0..100).map(|number| simulation.get(&format!("http://a/{number}"))).collect();
    simulation.settle();
    assert_eq!(simulation.connections(), 6);
    for (number, task) in tasks.iter().enumerate() {
        assert_eq!(task.response().unwrap().text(), format!("/{number}"));
    }
    let numbers: Vec<usize> =
        simulation.requests.iter().map(|request| target(&request[2..])[1..].parse().unwrap()).collect();
    assert!(numbers.iter().enumerate().all(|(at, number)| number.abs_diff(at) <= 6), "{numbers:?}");
    assert_eq!(simulation.engine.idle_count(), 6);
}

#[test]
fn who_waits_for_a_place_is_woken_only_by_it_and_an_idle_connection_only_by_its_time() {
    let mut simulation = Simulation::new(|_| Reply::Silence);
    simulation.settings.max_connections_per_host = 1;
    simulation.settings.stall_timeout = None;
    let first = simulation.get("http://a/1");
    let second = simulation.get("http://a/2");
    simulation.settle();
    assert_eq!(simulation.engine.longest(simulation.now), None, "there is nothing to wake up for");
    simulation.push(&response(200, &[], ""));
    simulation.settle();
    assert!(first.is_completed() && !second.is_completed());
    assert_eq!((simulation.requests.len(), simulation.connections()), (2, 1));
    simulation.push(&response(200, &[], ""));
    simulation.settle();
    assert_eq!(simulation.engine.longest(simulation.now), Some(crate::pool::IDLE_FOR));
    simulation.pass(crate::pool::IDLE_FOR);
    assert_eq!((simulation.engine.idle_count(), simulation.engine.longest(simulation.now)), (0, None));
}

#[test]
fn who_has_waited_for_long_enough_takes_a_connection_beyond_the_limit_and_listeners_need_none() {
    let mut simulation = Simulation::new(|_| Reply::Silence);
    simulation.settings.max_connections_per_host = 1;
    let _first = simulation.get("http://a/1");
    let _listener = simulation.start(Kind::Listen, Request::get("http://a/events"));
    simulation.settings.place_patience = Some(Duration::from_secs(1));
    let _second = simulation.get("http://a/2");
    simulation.settle();
    assert_eq!(simulation.connections(), 2);
    simulation.pass(Duration::from_secs(1));
    assert_eq!(simulation.connections(), 3);
}
