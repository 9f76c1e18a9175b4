//! Event streams, over any number of responses.

use super::*;
use crate::response::ResultCode;

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n";

fn listen(simulation: &Simulation) -> Task {
    simulation.start(Kind::Listen, Request::get("http://a/events"))
}

#[test]
fn a_stream_that_ends_is_asked_for_again_with_the_last_id_until_there_are_no_more() {
    let mut asked = 0;
    let mut simulation = Simulation::new(move |_| {
        asked += 1;
        match asked {
            1 => Reply::End(format!("{STREAM}retry: 2000\nid: 7\ndata: one\n\nevent: x\ndata: cut").into_bytes()),
            2 => Reply::Reset(format!("{STREAM}data: two\n\n").into_bytes()),
            _ => Reply::Send(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        }
    });
    let task = listen(&simulation);
    simulation.pass(Duration::from_millis(1999));
    assert_eq!(simulation.requests.len(), 1);
    simulation.pass(Duration::from_millis(1));
    assert_eq!(simulation.requests.len(), 2);
    let response = simulation.run(&task);
    assert_eq!((response.result, response.code(), response.facts.attempts), (ResultCode::Success, 204, 3));
    assert_eq!(value(&simulation.requests[0], "Accept"), Some("text/event-stream"));
    let ids: Vec<_> = simulation.requests.iter().map(|request| value(request, "Last-Event-ID")).collect();
    assert_eq!(ids, [None, Some("7"), Some("7")]);
    let notices = short(task.take_notices());
    let told: Vec<_> = notices.iter().filter(|notice| !notice.starts_with("progress")).collect();
    assert_eq!(
        told,
        [
            "started 200",
            "event message one 7",
            "retrying 2: the event stream ended",
            "event message two 7",
            "retrying 3: the connection ended in the middle of the response",
            "completed Success"
        ]
    );
}

#[test]
fn events_come_when_they_are_sent_and_silence_is_no_stall() {
    let mut simulation = Simulation::new(|_| Reply::Send(STREAM.into()));
    let task = listen(&simulation);
    for number in 0..3 {
        simulation.pass(Duration::from_secs(1000));
        simulation.push(format!("data: {number}\n\n").as_bytes());
        simulation.settle();
        assert!(short(task.take_notices()).contains(&format!("event message {number} ")));
    }
    assert_eq!(simulation.engine.longest(simulation.now), None, "nothing wakes up for it");
    task.cancel();
    simulation.settle();
    assert_eq!(task.response().unwrap().result, ResultCode::Cancelled);
}

#[test]
fn reconnections_that_fail_come_more_and_more_seldom_until_the_timeout() {
    let mut simulation = Simulation::new(|_| Reply::Send(STREAM.into()));
    simulation.settings.timeout = Some(Duration::from_secs(200));
    let task = listen(&simulation);
    simulation.settle();
    lock(&simulation.network).refused = usize::MAX;
    simulation.finish();
    let response = simulation.run(&task);
    assert_eq!(response.result, ResultCode::Timeout);
    let tried = usize::MAX - lock(&simulation.network).refused;
    assert!((6..=12).contains(&tried), "3 s, then 6, 12, 24, 30, 30 …: {tried}");
}

#[test]
fn what_is_no_stream_of_events_ends_it() {
    for (status, content_type, result) in [
        (200, "text/html", ResultCode::RequestFailed),
        (404, "text/event-stream", ResultCode::Success),
        (503, "text/event-stream", ResultCode::Success),
    ] {
        let reply = response(status, &[&format!("Content-Type: {content_type}")], "data: x\n\n");
        let mut simulation = Simulation::new(move |_| Reply::Send(reply.clone()));
        let task = listen(&simulation);
        simulation.settle();
        let response = task.response().expect("it is over");
        assert_eq!((response.result, response.code()), (result, status));
        assert!(!response.error.is_empty());
    }
}

#[test]
fn an_event_without_an_end_is_bounded() {
    let mut simulation = Simulation::new(|_| Reply::Send(format!("{STREAM}data: {}", "x".repeat(2 << 20)).into()));
    let task = listen(&simulation);
    simulation.settle();
    assert_eq!(task.response().unwrap().result, ResultCode::BodySizeLimitExceeded);
}

#[test]
fn a_stream_whose_events_nobody_takes_is_not_read_on() {
    let mut simulation = Simulation::new(|_| Reply::Send(STREAM.into()));
    let task = listen(&simulation);
    simulation.settle();
    for _ in 0..3 {
        simulation.push("data: x\n\n".repeat(20_000).as_bytes());
    }
    simulation.settle();
    let first = task.take_notices().len();
    assert!(first < 50_000, "{first}");
    let mut rest = 0;
    for _ in 0..20 {
        simulation.settle();
        rest += task.take_notices().iter().filter(|notice| matches!(notice, Notice::Event(_))).count();
    }
    assert!(first + rest >= 60_000, "none is lost: {first} {rest}");
}

#[test]
fn long_ids_that_nobody_takes_count_once_for_all_events_that_share_them() {
    const LONG: usize = 256 << 10;
    let (of_its_own, shared) = (format!("id: {}\ndata: x\n\n", "i".repeat(LONG)), "data: x\n\n");
    for (events, most) in [(of_its_own.repeat(40), 20), (of_its_own.clone() + &shared.repeat(1000), 1001)] {
        let mut simulation = Simulation::new(|_| Reply::Send(STREAM.into()));
        let task = listen(&simulation);
        simulation.settle();
        let (mut taken, mut counts) = (0, Vec::new());
        // The connection has room for a part of them.
        for piece in events.as_bytes().chunks(512 << 10) {
            simulation.push(piece);
            simulation.settle();
        }
        loop {
            let count = task.take_notices().iter().filter(|notice| matches!(notice, Notice::Event(_))).count();
            if count == 0 {
                break;
            }
            taken += count;
            counts.push(count);
            simulation.settle();
        }
        assert!(counts[0] <= most, "{counts:?}");
        assert_eq!(taken, events.matches("data").count());
    }
}
