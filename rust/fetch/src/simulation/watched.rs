//! The observer is notified of responses that do not come from a connection.

use http_net::{ConnectionId, Content, Event, Observer, Store};

use super::cache::Cached;
use super::*;
use crate::replay::Replay;

/// Logs each exchange in one or more lines.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn watch(simulation: &Simulation) -> Arc<Self> {
        let log = Arc::new(Self::default());
        let context = Arc::new(Context::new(Instant::now, None));
        context.set_observer(Some(log.clone()));
        lock(&simulation.network).context = Some(context);
        log
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0))
    }
}

impl Observer for Log {
    fn event(&self, _: ConnectionId, event: &Event<'_>) {
        let line = match event {
            Event::Stored(Store::Replay) => "from replay".to_owned(),
            Event::Stored(Store::Cache) => "from cache".to_owned(),
            Event::Request { method, .. } => format!("asked {}", method.as_str()),
            Event::Response { status } => format!("answered {status}"),
            Event::Complete => "complete".to_owned(),
            Event::Failed(_) => "failed".to_owned(),
            Event::Closed => "closed".to_owned(),
            _ => return,
        };
        lock(&self.0).push(line);
    }

    fn wants_content(&self) -> bool {
        true
    }

    fn content(&self, _: ConnectionId, content: Content<'_>) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let line = match content {
            Content::Destination { host, .. } => format!("for {}", host.authority()),
            Content::RequestHead(head) => text(head).lines().take(2).collect::<Vec<_>>().join(" "),
            Content::ResponseBody(body) if !body.is_empty() => text(body),
            Content::Failure(error) => error.to_string(),
            _ => return,
        };
        lock(&self.0).push(line);
    }
}

const FRESH: [&str; 8] = [
    "from cache",
    "for a.example:80",
    "asked GET",
    "GET /x?a='b HTTP/1.1 Host: a.example",
    "answered 200",
    "body 1",
    "complete",
    "closed",
];

#[test]
fn an_answer_from_the_cache_is_told_as_an_exchange_of_its_own() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    let log = Log::watch(&cached.simulation);
    cached.get("http://a.example/x?a='b");
    assert!(!log.take().contains(&"from cache".to_owned()), "a connection brought it");
    assert_eq!(cached.get("http://a.example/x?a='b").text(), "body 1");
    assert_eq!((log.take(), cached.asked()), (FRESH.map(str::to_owned).to_vec(), 1));
}

#[test]
fn an_answer_that_stands_in_for_an_error_is_told_behind_it() {
    let mut count = 0;
    let mut cached = Cached::new(move |_| {
        count += 1;
        let status = if count == 1 { 200 } else { 503 };
        Reply::Send(response(status, &["Cache-Control: max-age=1, stale-if-error=600"], format!("body {count}")))
    });
    let log = Log::watch(&cached.simulation);
    cached.get("http://a.example/x?a='b");
    cached.pass(10);
    log.take();
    assert_eq!(cached.get("http://a.example/x?a='b").text(), "body 1");
    let told = log.take();
    let at = told.iter().position(|line| line == "from cache").expect("it is told");
    assert!(told[..at].contains(&"answered 503".to_owned()), "{told:?}");
    assert_eq!(told[at..at + FRESH.len()], FRESH, "{told:?}");
}

#[test]
fn an_answer_that_is_played_back_is_told_with_the_server_that_it_is_of() {
    let har = br#"{"log":{"version":"1.2","entries":[{"request":{"method":"GET","url":"https://a.example:8443/x"},
        "response":{"status":200,"content":{"text":"played"}}}]}}"#;
    let mut simulation = Simulation::new(|_| panic!("a request was sent"));
    simulation.settings.replay = Replay::only("tape.har", har, false);
    let log = Log::watch(&simulation);
    let task = simulation.get("https://a.example:8443/x");
    assert_eq!(simulation.run(&task).text(), "played");
    let expected = [
        "from replay",
        "for a.example:8443",
        "asked GET",
        "GET /x HTTP/1.1 Host: a.example:8443",
        "answered 200",
        "played",
        "complete",
        "closed",
    ];
    assert_eq!(log.take(), expected);

    let task = simulation.get("https://a.example:8443/y");
    simulation.run(&task);
    let told = log.take();
    assert_eq!(told[..3], ["from replay", "for a.example:8443", "failed"], "{told:?}");
    assert!(told[3].contains("has no response for GET https://a.example:8443/y"), "{told:?}");
}
