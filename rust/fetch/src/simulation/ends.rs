//! How a call ends: exactly once, from every state, and in time.

use super::*;
use crate::response::ResultCode;
use crate::settings::{Download, RequestBody};
use http_protocol::Method;

/// Takes the notices, and returns how many of them are `Completed`.
fn ends(task: &Task) -> usize {
    task.take_notices().iter().filter(|notice| matches!(notice, Notice::Completed(_))).count()
}

#[test]
fn cancelled_in_every_state_it_completes_once_and_leaves_its_place() {
    type Prepare = fn(&mut Simulation);
    let states: [(&str, Prepare); 7] = [
        ("before it began", |_| {}),
        ("dialing", |simulation| lock(&simulation.network).is_silent = true),
        ("waiting for a place", |simulation| simulation.settings.max_connections_per_host = 1),
        ("awaiting the head", |simulation| simulation.script = Box::new(|_| Reply::Silence)),
        ("in the body", |simulation| {
            simulation.script = Box::new(|_| Reply::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome".to_vec()));
        }),
        ("draining", |simulation| {
            simulation.script =
                Box::new(|_| Reply::Send(b"HTTP/1.1 302 OK\r\nLocation: /x\r\nContent-Length: 9\r\n\r\n".to_vec()));
        }),
        ("waiting to try again", |simulation| {
            simulation.script = Box::new(|_| Reply::Send(response(503, &["Retry-After: 9"], "")));
        }),
    ];
    for (state, prepare) in states {
        let mut simulation = Simulation::new(|_| Reply::Silence);
        prepare(&mut simulation);
        let holder = (state == "waiting for a place").then(|| simulation.get("http://a/"));
        let task = simulation.get("http://a/");
        if state != "before it began" {
            simulation.settle();
        }
        assert!(!task.is_completed(), "{state}");
        task.cancel();
        task.cancel();
        simulation.settle();
        let response = task.response().unwrap_or_else(|| panic!("it is completed: {state}"));
        assert_eq!((response.result, ends(&task)), (ResultCode::Cancelled, 1), "{state}");
        if let Some(holder) = holder {
            holder.cancel();
            simulation.settle();
        }
        let idle_until = (simulation.engine.idle_count() > 0).then_some(crate::pool::IDLE_FOR);
        assert_eq!(simulation.engine.longest(simulation.now), idle_until, "nothing is left of it: {state}");
        lock(&simulation.network).is_silent = false;
        simulation.settings.max_connections_per_host = 1;
        simulation.script = Box::new(|_| ok("the place is free"));
        let next = simulation.get("http://a/");
        assert!(simulation.run(&next).is_ok(), "{state}");
        task.cancel();
        simulation.settle();
        assert_eq!(ends(&task), 0, "{state}");
    }
}

#[test]
fn what_is_wrong_with_a_request_is_told_by_its_task_one_step_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut form = crate::multipart::Form::new([0; 16]);
    let missing = crate::multipart::DiskFile(folder.path().join("missing"));
    form.add_source("file", Arc::new(missing), "x", "").unwrap();
    for request in [
        Request::get("nonsense"),
        Request { method: 77, ..Request::get("http://a/") },
        Request { headers: vec!["no colon".to_owned()], ..Request::get("http://a/") },
        Request::with_body(Method::Post, "http://a/", RequestBody::Refused("a number is no body".to_owned())),
        Request::with_body(Method::Post, "http://a/", RequestBody::Form(Arc::new(form))),
        Request::with_body(Method::Trace, "http://a/", RequestBody::bytes("x")),
    ] {
        let mut simulation = Simulation::new(|_| ok(""));
        let task = simulation.start(Kind::Fetch, request);
        assert!(!task.is_completed());
        simulation.settle();
        let response = task.response().expect("it is refused");
        assert_eq!(response.result, ResultCode::InvalidRequest, "{response:?}");
        assert_eq!((response.error.is_empty(), simulation.connections()), (false, 0));
    }
}

#[test]
fn a_server_that_is_silent_is_given_up_after_the_stall_timeout() {
    for reply in [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome"] {
        let mut simulation = Simulation::new(|_| Reply::Send(reply.to_vec()));
        simulation.settings.stall_timeout = Some(Duration::from_secs(4));
        let task = simulation.get("http://a/");
        simulation.pass(Duration::from_millis(3999));
        assert!(!task.is_completed());
        simulation.pass(Duration::from_millis(1));
        let response = task.response().expect("it is over");
        assert_eq!(response.result, ResultCode::Timeout);
        assert_eq!(response.error, "nothing came from the server for 4 s (stall_timeout)");
        assert_eq!(response.code(), if reply.len() > 30 { 200 } else { 0 });
    }
}

#[test]
fn the_timeout_counts_everything_waiting_for_a_place_included() {
    let mut simulation = Simulation::new(|_| Reply::Silence);
    simulation.settings.max_connections_per_host = 1;
    simulation.settings.stall_timeout = None;
    let _holder = simulation.get("http://a/");
    simulation.settings.timeout = Some(Duration::from_secs(5));
    let task = simulation.get("http://a/");
    simulation.pass(Duration::from_millis(4999));
    assert!(!task.is_completed());
    simulation.pass(Duration::from_millis(1));
    let response = task.response().expect("it is over");
    assert_eq!(response.result, ResultCode::Timeout);
    assert!(response.error.ends_with("5 s (timeout)"), "{}", response.error);
}

#[test]
fn a_body_that_breaks_off_is_a_connection_error_that_keeps_code_and_headers() {
    const CUT: &[u8] = b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 9\r\n\r\nsome";
    let endings: [fn() -> Reply; 2] = [|| Reply::End(CUT.to_vec()), || Reply::Reset(CUT.to_vec())];
    for ending in endings {
        let mut simulation = Simulation::new(move |_| ending());
        let task = simulation.get("http://a/");
        let response = simulation.run(&task);
        assert_eq!((response.result, response.code()), (ResultCode::ConnectionError, 200));
        assert_eq!(response.facts.header("x-a").as_deref(), Some("b"));
        assert_eq!(simulation.requests.len(), 1, "a response had begun");
    }
}

#[test]
fn a_fault_in_one_call_ends_that_call_and_no_other() {
    let mut simulation = Simulation::new(|_| ok("fine"));
    simulation.settings.max_connections_per_host = 1;
    lock(&simulation.network).panics = true;
    let (first, second) = (simulation.get("http://a/"), simulation.get("http://a/"));
    simulation.settle();
    assert_eq!(first.response().unwrap().result, ResultCode::RequestFailed);
    assert!(second.response().unwrap().is_ok());
}

#[test]
fn a_worker_that_goes_completes_what_it_has_as_cancelled() {
    let mut simulation = Simulation::new(|_| Reply::Silence);
    let running = simulation.get("http://a/");
    simulation.settle();
    let queued = simulation.start(Kind::Download(Download::to("unused")), Request::get("http://a/"));
    drop(simulation.mailbox.take_commands());
    drop(simulation);
    for task in [running, queued] {
        assert_eq!(task.wait().result, ResultCode::Cancelled);
        assert_eq!(ends(&task), 1);
    }
}
