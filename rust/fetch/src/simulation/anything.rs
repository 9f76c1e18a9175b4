//! For all behavior of servers and owners, in any order: every task completes exactly once, and leaves nothing behind.

use proptest::prelude::*;

use super::*;
use crate::settings::{Download, RequestBody};
use http_protocol::Method;

/// Returns one of the possible replies of a server.
fn reply(number: u8) -> Reply {
    match number % 14 {
        0 => ok("fine"),
        1 => Reply::Send(response(302, &["Location: /next", "Set-Cookie: a=b"], "there")),
        2 => Reply::Send(response(303, &["Location: http://b/other"], vec![7; 100_000])),
        3 => Reply::Send(response(503, &["Retry-After: 1"], "busy")),
        4 => Reply::Reset(Vec::new()),
        5 => Reply::End(b"HTTP/1.1 200 OK\r\nETag: \"v\"\r\nContent-Length: 9\r\n\r\ncut".to_vec()),
        6 => Reply::Silence,
        7 => Reply::Send(response(200, &["Content-Encoding: gzip"], "no gzip")),
        8 => Reply::End(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 1\ndata: x\n\nretry: 1\n".to_vec(),
        ),
        9 => Reply::Send(b"SSH-2.0\r\n".to_vec()),
        10 => Reply::Send([response(200, &[], "two"), response(200, &[], "answers")].concat()),
        11 => Reply::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec()),
        12 => Reply::Send(response(206, &["Content-Range: bytes 3-8/9", "ETag: \"v\""], "123456")),
        _ => Reply::Send(response(416, &["Content-Range: bytes */3"], "")),
    }
}

/// Starts a request of some kind to one of two hosts.
fn request(simulation: &Simulation, number: u8, folder: &std::path::Path) -> Task {
    let host = if number & 8 == 0 { "a" } else { "b" };
    let get = Request::get(format!("http://{host}/{number}"));
    match number % 5 {
        0 => simulation.start(Kind::Fetch, get),
        1 => simulation.start(Kind::Stream, get),
        2 => simulation.start(Kind::Listen, get),
        3 => simulation.start(Kind::Download(Download::to(folder.join(format!("{}", number % 3)))), get),
        _ => simulation.start(Kind::Fetch, Request::with_body(Method::Post, get.url, RequestBody::bytes("body"))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_task_completes_exactly_once_and_leaves_nothing(
        replies in proptest::collection::vec(any::<u8>(), 1..12),
        requests in proptest::collection::vec(any::<u8>(), 1..8),
        steps in proptest::collection::vec((0..8_usize, 0..4000_u64, any::<bool>()), 0..12),
        places in 1..3_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut number = 0;
        let mut simulation = Simulation::new(move |_| {
            number += 1;
            reply(replies[number % replies.len()])
        });
        simulation.settings.max_connections_per_host = places;
        simulation.settings.timeout = Some(Duration::from_secs(20));
        let tasks: Vec<Task> =
            requests.iter().map(|number| request(&simulation, *number, folder.path())).collect();
        let mut completed = vec![0; tasks.len()];
        let mut take = |tasks: &[Task]| {
            for (task, completed) in tasks.iter().zip(&mut completed) {
                let notices = task.take_notices();
                let ends = notices.iter().filter(|notice| matches!(notice, Notice::Completed(_))).count();
                assert!(ends == 0 || matches!(notices.last(), Some(Notice::Completed(_))), "nothing follows the end");
                *completed += ends;
            }
        };
        for (which, milliseconds, cancels) in steps {
            if let Some(task) = tasks.get(which).filter(|_| cancels) {
                task.cancel();
            }
            simulation.pass(Duration::from_millis(milliseconds));
            take(&tasks);
        }
        // The timeout ends the remaining tasks.
        for _ in 0..3 {
            simulation.pass(Duration::from_secs(20));
            take(&tasks);
        }
        prop_assert!(completed.iter().all(|ends| *ends == 1), "{completed:?}");
        simulation.pass(crate::pool::IDLE_FOR);
        prop_assert_eq!(simulation.engine.longest(simulation.now), None);
        prop_assert!(simulation.mailbox.active(None).is_empty());
        // All places are free again.
        simulation.script = Box::new(|_| ok("free"));
        let again: Vec<Task> = (0..places).flat_map(|_| [simulation.get("http://a/"), simulation.get("http://b/")]).collect();
        simulation.settle();
        prop_assert!(again.iter().all(|task| task.response().is_some_and(|response| response.is_ok())));
    }
}
