//! Turns the events of connections into news about exchanges: when each one begins, which events belong to it, and how long its
//! phases took.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_client::{Content, Event, Host, Phase, Store, Timings, TlsInfo, task_of_this_thread};

use super::outbox::{FOR_BODIES, FOR_HEADS, Outbox};
use super::update::{Answered, Opening, Sent, Update, size_of_tls};

/// How many bytes of a body are shown, in each direction.
pub(crate) const MOST_OF_BODY: usize = 1 << 20;

/// The exchanges of all connections. See the module.
pub(crate) struct Exchanges {
    pub(crate) outbox: Outbox,
    is_recording: bool,
    /// A moment, and its time since 1970.
    epoch: (Instant, Duration),
    /// All existing connections. What is known about a connection also applies to its later exchanges.
    connections: HashMap<u64, Connection>,
    last_exchange: u64,
}

/// The state of a connection.
#[derive(Default)]
struct Connection {
    origin: String,
    proxy: String,
    /// The same value as in [`Opening::store`].
    store: &'static str,
    is_secure: bool,
    peer: Option<String>,
    tls: Option<Arc<TlsInfo>>,
    /// When the current step began.
    step_began: Option<Instant>,
    timings: Timings,
    /// The number of requests that were sent on it.
    requests: u64,
    /// The current or last exchange that the panel knows.
    exchange: Option<Exchange>,
}

/// The current exchange of a connection, or its last one.
struct Exchange {
    id: u64,
    /// When the request began. None before that.
    requested: Option<Instant>,
    sent: u64,
    received: u64,
    kept_sent: usize,
    kept_received: usize,
    left_out: u64,
    is_over: bool,
    has_failed: bool,
}

impl Exchanges {
    /// `since_1970` is the time of `now` since 1970.
    pub(crate) fn new(now: Instant, since_1970: Duration) -> Self {
        Self {
            outbox: Outbox::default(),
            is_recording: true,
            epoch: (now, since_1970),
            connections: HashMap::new(),
            last_exchange: 0,
        }
    }

    /// Starts or pauses the recording. In the panel, a pause ends all running exchanges with an error.
    pub(crate) fn set_recording(&mut self, is_recording: bool) {
        if std::mem::replace(&mut self.is_recording, is_recording) && !is_recording {
            for connection in self.connections.values_mut() {
                if let Some(exchange) = connection.exchange.take().filter(|exchange| !exchange.is_over) {
                    let news = self.outbox.news_of(exchange.id);
                    news.error = Some("Recording was paused before the exchange was complete.".to_owned());
                    news.is_over = true;
                }
            }
        }
    }

    /// Stops the recording, and drops all pending news.
    pub(crate) fn forget_all(&mut self) {
        self.is_recording = false;
        self.outbox = Outbox::default();
        self.connections.values_mut().for_each(|connection| connection.exchange = None);
    }

    fn since_1970(&self, at: Instant) -> Duration {
        self.epoch.1 + at.saturating_duration_since(self.epoch.0)
    }

    /// Processes one event.
    pub(crate) fn note(&mut self, id: u64, event: &Event<'_>, now: Instant) {
        match event {
            Event::Stored(store) => {
                self.connections.entry(id).or_default().store = match store {
                    Store::Replay => "replay",
                    Store::Cache => "cache",
                    _ => "store",
                };
            }
            Event::Resolving => self.dialling(id, "Looking up the name", now),
            Event::Connecting { .. } => {
                let connection = self.connections.entry(id).or_default();
                let began = connection.step_began.replace(now);
                let passed = began.map(|began| now.saturating_duration_since(began));
                let timings = &mut connection.timings;
                match passed {
                    // The client connects again, because the server aborted a handshake.
                    Some(took) if timings.connect.is_some() => Timings::add(&mut timings.tls, took),
                    passed => timings.dns = passed,
                }
                self.dialling(id, "Connecting", now);
            }
            Event::Connected { peer } => {
                self.end_step(id, now, |timings, took| Timings::add(&mut timings.connect, took));
                let peer = peer.map(|peer| peer.to_string());
                self.connections.entry(id).or_default().peer.clone_from(&peer);
                self.tell(id, |news, _| {
                    news.peer = peer;
                    news.phase = Some("Connected");
                });
            }
            Event::Tunnelled => {
                self.end_step(id, now, |timings, took| Timings::add(&mut timings.connect, took));
            }
            Event::Secured(info) => {
                self.end_step(id, now, |timings, took| Timings::add(&mut timings.tls, took));
                let info = Arc::new((*info).clone());
                let connection = self.connections.entry(id).or_default();
                (connection.is_secure, connection.tls) = (true, Some(info));
                self.tell_tls(id);
            }
            Event::Request { method, .. } => self.requested(id, method.as_str(), now),
            Event::Sent { bytes } => self.progress(id, now, |exchange, timings, news, passed| {
                exchange.sent += bytes;
                timings.send = passed;
                news.bytes_sent = Some(exchange.sent);
            }),
            Event::Response { status } => self.progress(id, now, |_, timings, news, passed| {
                timings.first_byte = passed;
                news.status = Some(*status);
                news.phase = Some("Receiving");
            }),
            Event::Received { bytes } => self.progress(id, now, |exchange, _, news, _| {
                exchange.received += bytes;
                news.bytes_received = Some(exchange.received);
            }),
            Event::Complete => self.progress(id, now, |exchange, timings, news, passed| {
                timings.total = passed;
                (exchange.is_over, news.is_over) = (true, true);
            }),
            Event::Failed(failure) => {
                self.begin_stored(id, now);
                self.end_unfinished_step(id, failure.phase, now);
                self.fail(id, failure.to_string(), now);
            }
            Event::Closed => {
                let was_asked = self.connections.get(&id).is_some_and(|connection| connection.requests > 0);
                let what =
                    if was_asked { "before the exchange was complete" } else { "before anything was sent on it" };
                self.fail(id, format!("The game closed the connection {what}."), now);
                self.connections.remove(&id);
            }
            _ => {}
        }
    }

    /// Notes that a connection is being made. The request is not known yet, but the panel shows the exchange.
    fn dialling(&mut self, id: u64, phase: &'static str, now: Instant) {
        let connection = self.connections.entry(id).or_default();
        connection.step_began = Some(now);
        if connection.exchange.is_none() {
            self.begin_exchange(id, now);
        }
        self.tell(id, |news, _| news.phase = Some(phase));
    }

    /// Begins an exchange for a store that has no answer or only a failure, so that the panel shows it.
    fn begin_stored(&mut self, id: u64, now: Instant) {
        let connection = self.connections.get(&id);
        if connection.is_some_and(|connection| !connection.store.is_empty() && connection.exchange.is_none()) {
            self.begin_exchange(id, now);
        }
    }

    fn end_step(&mut self, id: u64, now: Instant, note: impl FnOnce(&mut Timings, Duration)) {
        let connection = self.connections.entry(id).or_default();
        if let Some(began) = connection.step_began.replace(now) {
            note(&mut connection.timings, now.saturating_duration_since(began));
        }
        self.tell(id, |news, connection| news.timings = Some(connection.timings));
    }

    /// Ends the step in which a connection failed, so that its time counts.
    fn end_unfinished_step(&mut self, id: u64, phase: Phase, now: Instant) {
        match phase {
            Phase::Resolve => self.end_step(id, now, |timings, took| timings.dns = Some(took)),
            Phase::Connect | Phase::Proxy => {
                self.end_step(id, now, |timings, took| Timings::add(&mut timings.connect, took));
            }
            Phase::Tls => self.end_step(id, now, |timings, took| Timings::add(&mut timings.tls, took)),
            _ => {}
        }
    }

    fn requested(&mut self, id: u64, method: &'static str, now: Instant) {
        let began = self.since_1970(now);
        let connection = self.connections.entry(id).or_default();
        connection.requests += 1;
        let is_first = connection.requests == 1;
        if !is_first {
            connection.timings = Timings::default();
        }
        let goes_on = connection.exchange.as_ref().is_some_and(|it| it.requested.is_none() && !it.is_over);
        if !goes_on {
            connection.exchange = None;
            self.begin_exchange(id, now);
            self.tell(id, |news, connection| {
                news.peer.clone_from(&connection.peer);
                news.timings = Some(connection.timings);
            });
            self.tell_tls(id);
        }
        self.tell(id, |news, connection| {
            let scheme = if connection.is_secure { "https" } else { "http" };
            news.request = Some(Sent { method, scheme, began });
            news.phase = Some("Waiting");
        });
        if let Some(exchange) = self.connections.get_mut(&id).and_then(|connection| connection.exchange.as_mut()) {
            exchange.requested = Some(now);
        }
    }

    fn begin_exchange(&mut self, id: u64, now: Instant) {
        if !self.is_recording || !self.outbox.admits() {
            return;
        }
        let began = self.since_1970(now);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        self.last_exchange += 1;
        connection.exchange = Some(Exchange {
            id: self.last_exchange,
            requested: None,
            sent: 0,
            received: 0,
            kept_sent: 0,
            kept_received: 0,
            left_out: 0,
            is_over: false,
            has_failed: false,
        });
        self.outbox.news_of(self.last_exchange).opening = Some(Opening {
            connection: id,
            task: task_of_this_thread(),
            origin: connection.origin.clone(),
            store: connection.store,
            proxy: connection.proxy.clone(),
            began,
            is_on_kept: connection.requests > 1,
        });
    }

    /// Adds news to the running exchange of a connection.
    fn tell(&mut self, id: u64, note: impl FnOnce(&mut Update, &Connection)) {
        if let Some(connection) = self.connections.get(&id)
            && let Some(exchange) = connection.exchange.as_ref().filter(|exchange| !exchange.is_over)
        {
            note(self.outbox.news_of(exchange.id), connection);
        }
    }

    fn tell_tls(&mut self, id: u64) {
        let Some(info) = self.connections.get(&id).and_then(|connection| connection.tls.clone()) else { return };
        let is_told = self.connections.get(&id).is_some_and(|connection| connection.exchange.is_some());
        if is_told && self.outbox.take_room(size_of_tls(&info), FOR_HEADS) {
            self.tell(id, |news, _| news.tls = Some(info));
        }
    }

    /// Adds news about the progress of a request. `passed` is the time since it began.
    fn progress(
        &mut self,
        id: u64,
        now: Instant,
        note: impl FnOnce(&mut Exchange, &mut Timings, &mut Update, Option<Duration>),
    ) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(exchange) = connection.exchange.as_mut().filter(|exchange| !exchange.is_over) else { return };
        let news = self.outbox.news_of(exchange.id);
        let passed = exchange.requested.map(|began| now.saturating_duration_since(began));
        note(exchange, &mut connection.timings, news, passed);
        news.timings = Some(connection.timings);
    }

    /// Ends the running exchange. `error` is the reason, unless a better one follows.
    fn fail(&mut self, id: u64, error: String, now: Instant) {
        self.progress(id, now, |exchange, timings, news, passed| {
            timings.total = passed;
            news.error = Some(error);
            (exchange.is_over, exchange.has_failed, news.is_over) = (true, true, true);
        });
    }

    /// Copies the borrowed content, as far as there is room.
    pub(crate) fn keep(&mut self, id: u64, content: Content<'_>) {
        if let Content::Destination { host, proxy } = content {
            return self.keep_destination(id, host, proxy);
        }
        let Some(exchange) = self.connections.get_mut(&id).and_then(|connection| connection.exchange.as_mut()) else {
            return;
        };
        if let Content::Failure(error) = content {
            // The failure follows the event that ends the exchange. An idle connection can also fail much later.
            if std::mem::take(&mut exchange.has_failed) {
                self.outbox.news_of(exchange.id).error = Some(error.to_string());
            }
            return;
        }
        if exchange.is_over {
            return;
        }
        let (asked, most) = match content {
            Content::RequestHead(head) => (head.len(), FOR_HEADS),
            Content::RequestBody(bytes) => (bytes.len().min(MOST_OF_BODY - exchange.kept_sent), FOR_BODIES),
            Content::ResponseBody(bytes) => (bytes.len().min(MOST_OF_BODY - exchange.kept_received), FOR_BODIES),
            Content::ResponseHead(head) => (Answered::of(head).size(), FOR_HEADS),
            _ => return,
        };
        if asked == 0 {
            return;
        }
        let has_room = self.outbox.take_room(asked, most);
        let news = self.outbox.news_of(exchange.id);
        if !has_room {
            exchange.left_out += asked as u64;
            news.left_out = Some(exchange.left_out);
        }
        // After a gap, nothing more of the body is kept.
        let kept = |kept: usize| if has_room { kept + asked } else { MOST_OF_BODY };
        match content {
            Content::RequestBody(bytes) => {
                exchange.kept_sent = kept(exchange.kept_sent);
                news.request_body.extend_from_slice(if has_room { &bytes[..asked] } else { &[] });
            }
            Content::ResponseBody(bytes) => {
                exchange.kept_received = kept(exchange.kept_received);
                news.response_body.extend_from_slice(if has_room { &bytes[..asked] } else { &[] });
            }
            Content::RequestHead(head) if has_room => news.request_head = Some(head.to_vec()),
            Content::ResponseHead(head) if has_room => news.response = Some(Answered::of(head)),
            _ => {}
        }
    }

    fn keep_destination(&mut self, id: u64, host: &Host, proxy: Option<&Host>) {
        let connection = self.connections.entry(id).or_default();
        let scheme = if host.is_secure() { "https" } else { "http" };
        connection.is_secure = host.is_secure();
        connection.origin = format!("{scheme}://{}", host.header_value());
        connection.proxy = proxy.map(Host::authority).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Processes events of one connection, and returns the last timings in the news. Each event has the number of milliseconds
    /// since the previous one.
    fn timings_of(events: &[(u64, Event<'_>)]) -> [Option<u128>; 3] {
        let mut now = Instant::now();
        let mut exchanges = Exchanges::new(now, Duration::ZERO);
        for (passed, event) in events {
            now += Duration::from_millis(*passed);
            exchanges.note(1, event, now);
        }
        let batch = exchanges.outbox.take_batch().expect("something is told");
        let Timings { dns, connect, tls, .. } = batch.updates[0].1.timings.expect("timings are told");
        [dns, connect, tls].map(|took| took.map(|took| took.as_millis()))
    }

    #[test]
    fn where_a_handshake_is_broken_off_both_attempts_count_as_they_do_for_the_script() {
        let info = TlsInfo::default();
        let connecting = Event::Connecting { addresses: 1 };
        let connected = Event::Connected { peer: None };
        let secured = Event::Secured(&info);
        let direct = [
            (0, Event::Resolving),
            (1, connecting),
            (10, connected),
            (100, connecting),
            (20, connected),
            (200, secured),
        ];
        assert_eq!(timings_of(&direct), [Some(1), Some(30), Some(300)]);
        let tunnelled = [
            (0, connecting),
            (10, connected),
            (1, Event::Tunnelled),
            (100, connecting),
            (20, connected),
            (2, Event::Tunnelled),
            (200, secured),
        ];
        assert_eq!(timings_of(&tunnelled), [None, Some(33), Some(300)]);
    }
}
