//! Responds from a file, over a link in memory: the data takes the same path as data from the network.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use http_net::memory::{self, MemoryStream};
use http_net::{
    Body, Context, Error, ErrorKind, Hop, Host, Link, Phase, ProxyProblem, Received, Request, Response, Route, Store,
    Timings, TlsFailure, TlsFailureKind, TlsInfo, Wait, without_number,
};
use http_protocol::Method;
use url::{Position, Url};

use super::index::Index;
use super::matching::Shape;
use super::record::{codings, content_of, value};
use super::secrets::Secrets;
use super::{Asked, redact};
use crate::exchange::Exchange;
use crate::har::{self, Content, End, Entry, Failure, FailureKind, HarError};
use crate::lock::lock;

/// The number of pieces in which a body arrives if it took time.
const PIECES: u32 = 16;
/// Data that is not valid in any coding.
const NOT_PACKED: [u8; 16] = [0xff; 16];

/// A file, which is read when a response from it is needed for the first time.
pub(super) struct Tape {
    name: String,
    keeps_timing: bool,
    source: Mutex<Source>,
    read: OnceLock<Result<Arc<Player>, String>>,
}

/// The source of the bytes of a file.
pub(super) enum Source {
    Bytes(Vec<u8>),
    /// The file is open, so that it stays the same file.
    File(File),
}

impl Source {
    /// Returns the bytes. Of a file that is too long, one more than may be read.
    fn bytes(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::File(file) => {
                let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
                let mut bytes = Vec::with_capacity(len.min(har::LONGEST_FILE) + 1);
                file.take(har::LONGEST_FILE as u64 + 1).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }
}

impl Tape {
    pub(super) fn new(name: &str, source: Source, keeps_timing: bool) -> Self {
        Self { name: name.to_owned(), keeps_timing, source: Mutex::new(source), read: OnceLock::new() }
    }

    /// Returns the entries. The error is a sentence.
    pub(super) fn player(&self) -> Result<Arc<Player>, String> {
        let read = self.read.get_or_init(|| {
            let source = std::mem::replace(&mut *lock(&self.source), Source::Bytes(Vec::new()));
            let bytes = source.bytes().map_err(|error| cannot_read(&self.name, &error))?;
            Player::read(&self.name, &bytes, self.keeps_timing).map(Arc::new)
        });
        read.clone()
    }

    /// Returns why the file cannot be read, if reading was tried.
    pub(super) fn known_problem(&self) -> Option<String> {
        self.read.get()?.as_ref().err().cloned()
    }
}

pub(super) fn unreadable(name: &str, error: &HarError) -> String {
    format!("the replay file {name:?} {error}")
}

/// The sentence for a file that the system cannot read.
pub(super) fn cannot_read(name: &str, error: &io::Error) -> String {
    let words = without_number(error);
    format!("the replay file {name:?} cannot be read: {words}; check that it is there and may be read")
}

/// The entries of a file, and which of them were played.
pub(super) struct Player {
    name: String,
    /// The shape replaces the request of each entry.
    entries: Vec<(Entry, Shape)>,
    index: Index,
    keeps_timing: bool,
    state: Mutex<State>,
}

struct State {
    /// One value for each entry.
    is_played: Vec<bool>,
    secrets: Secrets,
}

impl Player {
    fn read(name: &str, bytes: &[u8], keeps_timing: bool) -> Result<Self, String> {
        let entries = har::read(bytes).map_err(|error| unreadable(name, &error))?;
        let (mut secrets, mut index) = (Secrets::default(), Index::default());
        let entries: Vec<_> = entries
            .into_iter()
            .map(|mut entry| {
                // The file of a browser is not redacted.
                redact::entry(&mut entry, &mut secrets);
                let shape = Shape::of(&entry.request, &entry.base_url);
                index.add(&shape);
                entry.request = har::Request::default();
                (entry, shape)
            })
            .collect();
        let state = Mutex::new(State { is_played: vec![false; entries.len()], secrets: Secrets::default() });
        Ok(Self { name: name.to_owned(), entries, index, keeps_timing, state })
    }

    /// Returns the entry that answers a request. The error says why there is none.
    fn find(&self, mut request: har::Request, base_url: &str) -> Result<&Entry, String> {
        let mut state = lock(&self.state);
        let mut base_url = base_url.to_owned();
        redact::request(&mut request, &mut base_url, &mut state.secrets);
        let shape = Shape::of(&request, &base_url);
        let Some(at) = self.next(&shape, &state.is_played) else {
            return Err(self.miss(&shape));
        };
        state.is_played[at] = true;
        let entry = &self.entries[at].0;
        let has_body = entry.response.as_ref().is_none_or(|response| response.content.bytes.is_some());
        if !has_body && entry.end != End::Packed {
            let name = &self.name;
            return Err(format!(
                "the replay file {name:?} has only the headers for {}, not the body; record it again with bodies of \
                 up to {} MiB",
                shape.name(),
                super::LONGEST_BODY >> 20
            ));
        }
        Ok(entry)
    }

    /// Returns the first matching entry that was not played. If there is none, a request with a safe method gets the last matching entry.
    fn next(&self, shape: &Shape, is_played: &[bool]) -> Option<usize> {
        let agrees = |at: &usize| self.entries[*at].1.agrees(shape);
        let is_new = |at: &usize| !is_played[*at] && agrees(at);
        let (same, others) = (self.index.same(shape), self.index.others(shape));
        let next = same.iter().find(|at| is_new(at)).copied();
        let before = next.map_or(others.len(), |next| others.partition_point(|at| *at < next));
        if let Some(at) = others[..before].iter().find(|at| is_new(at)).copied().or(next) {
            return Some(at);
        }
        if !shape.is_safe() {
            return None;
        }
        let last = same.iter().rfind(|at| agrees(at)).copied();
        let after = last.map_or(0, |last| others.partition_point(|at| *at <= last));
        others[after..].iter().rfind(|at| agrees(at)).copied().or(last)
    }

    fn miss(&self, shape: &Shape) -> String {
        let (name, asked) = (&self.name, shape.name());
        let recorded = self.entries.iter().filter(|(_, other)| other.agrees(shape)).count();
        if recorded > 0 {
            let responses = if recorded == 1 { "response" } else { "responses" };
            return format!(
                "the replay file {name:?} has only {recorded} {responses} for {asked}, and all were used; record it again"
            );
        }
        let numbered = self.entries.iter().enumerate();
        let nearest = numbered.min_by_key(|(_, (_, other))| shape.difference(other));
        let Some((at, (_, other))) = nearest else {
            return format!("the replay file {name:?} has no entries; record it first");
        };
        let (number, difference) = (at + 1, shape.difference(other).sentence());
        format!(
            "the replay file {name:?} has no response for {asked}; the nearest is entry {number}, {}: {difference}",
            other.name()
        )
    }
}

/// An exchange that answers one request from a file.
pub(super) struct Played {
    tape: Arc<Tape>,
    /// Whether the file had no response.
    has_missed: bool,
    url: String,
    base_url: String,
    link: Link,
    far: MemoryStream,
    /// The parameters of TLS in the recording.
    tls: Option<Arc<TlsInfo>>,
    began: Instant,
    /// The data that will arrive, and when, counted from the beginning.
    coming: VecDeque<(Duration, Coming)>,
}

enum Coming {
    Bytes(Vec<u8>),
    End,
    Reset,
    Failure(Failure),
}

impl Played {
    pub(super) fn new(tape: Arc<Tape>, asked: Asked<'_>, context: Arc<Context>, now: Instant) -> Self {
        let (near, far) = memory::pair(usize::MAX);
        let (url, base_url) = (asked.url.to_owned(), asked.base_url.to_owned());
        let link = Link::over(context, Box::new(near), Some(authority(&url)), now);
        if let Ok(host) = Host::parse(&authority(&url), -1, url.starts_with("https:")) {
            link.tell_stored(Store::Replay, &host);
        }
        Self { tape, has_missed: false, url, base_url, link, far, tls: None, began: now, coming: VecDeque::new() }
    }

    /// Delivers the data that is due. The data that was sent is read and discarded.
    fn go_on(&mut self, now: Instant) -> Result<(), Error> {
        drop(self.far.take());
        let passed = now.saturating_duration_since(self.began);
        while self.coming.front().is_some_and(|(at, _)| *at <= passed)
            && let Some((_, coming)) = self.coming.pop_front()
        {
            match coming {
                Coming::Bytes(bytes) => self.far.push(&bytes),
                Coming::End => self.far.finish(),
                Coming::Reset => self.far.reset(),
                Coming::Failure(failure) => return Err(self.failed(told(&failure, &self.url))),
            }
        }
        Ok(())
    }

    fn failed(&self, error: Error) -> Error {
        self.link.tell_failure(&error);
        error
    }
}

impl Exchange for Played {
    fn begin(&mut self, request: &Request<'_>, body: Body, now: Instant) -> Result<(), Error> {
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in request.headers {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        let content = content_of(body, value(&headers, "Content-Type").to_owned())
            .map_err(|error| Error::told(Phase::Sending, ErrorKind::RequestBody(error.to_string())))?;
        let body = body_like(&content);
        let method = request.method.as_str().to_owned();
        let content = Some(content).filter(|content| content.size > 0);
        let asked = har::Request { method, url: self.url.clone(), headers, body: content };
        let player = self.tape.player().map_err(|sentence| self.failed(Error::misuse(sentence)))?;
        let entry = player.find(asked, &self.base_url).map_err(|sentence| {
            self.has_missed = true;
            self.failed(Error::misuse(sentence))
        })?;
        self.began = now;
        self.tls.clone_from(&entry.tls);
        self.coming = coming(entry, request.method, player.keeps_timing);
        if let End::Failed(failure) = &entry.end
            && entry.response.is_none()
            && is_of_connecting(failure.kind)
        {
            return Err(self.failed(told(failure, &self.url)));
        }
        self.link.begin(request, body, now)
    }

    fn receive_head(&mut self, now: Instant) -> Result<Option<Response>, Error> {
        self.link.send(now);
        self.go_on(now)?;
        self.link.receive_head(now)
    }

    fn receive(&mut self, room: &mut [u8], now: Instant) -> Result<Received, Error> {
        self.go_on(now)?;
        self.link.receive(room, now)
    }

    fn send(&mut self, now: Instant) {
        self.link.send(now);
        drop(self.far.take());
    }

    fn wait_for(&self, reading: bool, wait: &mut Wait) {
        self.link.wait_for(reading, wait);
        if let Some((at, _)) = self.coming.front().filter(|_| reading) {
            wait.until(self.began + *at);
        }
    }

    fn silent_at(&self, limit: Duration) -> Option<Instant> {
        self.link.silent_at(limit)
    }

    fn check_silence(&mut self, limit: Duration, now: Instant) -> Result<(), Error> {
        self.link.check_silence(Some(limit), now)
    }

    fn bytes_sent(&self) -> u64 {
        self.link.bytes_sent()
    }

    fn body_bytes_sent(&self) -> u64 {
        self.link.body_bytes_sent()
    }

    fn is_sending(&self) -> bool {
        self.link.is_sending()
    }

    fn timings(&self) -> Timings {
        self.link.timings()
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        self.tls.clone()
    }

    fn route(&self) -> Option<&Arc<Route>> {
        None
    }

    /// The next request gets its own exchange.
    fn is_reusable(&self) -> bool {
        false
    }

    fn has_missed(&self) -> bool {
        self.has_missed
    }

    fn check_idle(&mut self) -> Result<(), Error> {
        self.link.check_idle()
    }

    fn bare(self: Box<Self>) -> Box<dyn Exchange> {
        self
    }
}

/// Returns the host and port of a URL, in the form of `Host`.
fn authority(url: &str) -> String {
    Url::parse(url)
        .map_or_else(|_| "localhost".to_owned(), |url| url[Position::BeforeHost..Position::AfterPort].to_owned())
}

/// Returns the body again. For a body that is too long to be compared, only the length counts.
fn body_like(content: &Content) -> Body {
    match &content.bytes {
        Some(bytes) => Body::Bytes(Box::new(bytes.clone())),
        None => Body::Reader { reader: Box::new(io::repeat(0).take(content.size)), length: Some(content.size) },
    }
}

/// Returns the data that a connection would deliver, and when.
fn coming(entry: &Entry, method: Method, keeps_timing: bool) -> VecDeque<(Duration, Coming)> {
    let timings = if keeps_timing { entry.timings } else { har::Timings::default() };
    let connecting = timings.dns.unwrap_or_default() + timings.connect.unwrap_or_default();
    let start = connecting + timings.send + timings.wait;
    let end = start + timings.receive;
    let mut coming = VecDeque::new();
    let (head, body, closes) = match &entry.response {
        Some(response) => reply(response, method, &entry.end),
        None => (Vec::new(), Vec::new(), true),
    };
    if !head.is_empty() {
        coming.push_back((start, Coming::Bytes(head)));
    }
    if timings.receive.is_zero() {
        coming.push_back((start, Coming::Bytes(body)));
    } else {
        let pieces = body.chunks(body.len().div_ceil(PIECES as usize).max(1));
        let count = u32::try_from(pieces.len()).unwrap_or(PIECES).max(1);
        let timed = pieces.zip(1..).map(|(piece, number)| (start + timings.receive * number / count, piece));
        coming.extend(timed.map(|(at, piece)| (at, Coming::Bytes(piece.to_vec()))));
    }
    match &entry.end {
        End::Failed(failure) => coming.push_back((end, ending(failure))),
        End::Whole | End::Packed if closes => coming.push_back((end, Coming::End)),
        _ => {}
    }
    coming
}

fn ending(failure: &Failure) -> Coming {
    match failure.kind {
        FailureKind::Ended => Coming::End,
        FailureKind::Reset => Coming::Reset,
        // This is not valid in a head, nor at the start of a chunk.
        FailureKind::Malformed => Coming::Bytes(b"\0\r\n\r\n".to_vec()),
        _ => Coming::Failure(failure.clone()),
    }
}

/// Returns the head and the body as a connection would deliver them, and whether the body ends with the connection.
fn reply(response: &har::Response, method: Method, end: &End) -> (Vec<u8>, Vec<u8>, bool) {
    let status = response.status;
    let has_body = method != Method::Head && !matches!(status, 101 | 204 | 304);
    let body = match end {
        End::Packed => &NOT_PACKED[..],
        _ => response.content.bytes.as_deref().unwrap_or_default(),
    };
    let is_unpacked = has_body && *end != End::Packed && !codings(&response.headers, status, method).is_empty();
    let mut head = format!("HTTP/1.1 {status} {}\r\n", line(&response.reason)).into_bytes();
    let (mut length, mut is_chunked) = (None, false);
    for (name, value) in &response.headers {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let is_token =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !b":\"(),/".contains(&byte));
        if !is_token || is_unpacked && is("Content-Encoding") {
            continue;
        }
        if is("Content-Length") {
            length = length.or(value.trim().parse::<u64>().ok());
        } else if is("Transfer-Encoding") {
            is_chunked = true;
        } else {
            // Browsers write several fields with the same name as lines of one value.
            for value in value.split('\n') {
                head.extend([name.as_bytes(), b": ", line(value).as_bytes(), b"\r\n"].concat());
            }
        }
    }
    let is_whole = matches!(end, End::Whole | End::Packed);
    let mut framed = if has_body { body.to_vec() } else { Vec::new() };
    if is_chunked {
        head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        if has_body {
            framed = if body.is_empty() { Vec::new() } else { chunk(body) };
            framed.extend_from_slice(if is_whole { b"0\r\n\r\n" } else { b"" });
        }
    } else if let Some(length) = length {
        let length = match has_body {
            false => length,
            true if is_whole => body.len() as u64,
            true => length.max(body.len() as u64 + 1),
        };
        head.extend_from_slice(format!("Content-Length: {length}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    (head, framed, has_body && !is_chunked && length.is_none())
}

fn chunk(body: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
}

/// Removes the characters that are not allowed in a line of a head.
fn line(text: &str) -> String {
    text.chars().filter(|character| !matches!(character, '\0' | '\r' | '\n')).collect::<String>().trim().to_owned()
}

fn is_of_connecting(kind: FailureKind) -> bool {
    use FailureKind::{Connect, ConnectTimeout, Proxy, Resolve, Tls};
    matches!(kind, Resolve | Connect | Proxy | Tls | ConnectTimeout)
}

/// Converts a failure to the error that the network would return.
fn told(failure: &Failure, url: &str) -> Error {
    let name = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let hop = Hop::server(name, authority(url));
    let reason = "as it was recorded".to_owned();
    let (phase, kind) = match failure.kind {
        FailureKind::Resolve => (Phase::Resolve, ErrorKind::Resolve { hop, reason }),
        FailureKind::Connect => (Phase::Connect, ErrorKind::Connect { hop, reason }),
        FailureKind::Proxy => {
            let problem = ProxyProblem::Failed(Error::misuse(reason));
            (Phase::Proxy, ErrorKind::Proxy { hop, problem })
        }
        FailureKind::Tls => {
            let sentence = failure.sentence.strip_prefix("TLS: ").unwrap_or(&failure.sentence).to_owned();
            (Phase::Tls, ErrorKind::Tls(TlsFailure::new(TlsFailureKind::Refused, sentence)))
        }
        FailureKind::ConnectTimeout => {
            let (limit, tried) = (failure.limit, reason);
            (Phase::Connect, ErrorKind::Timeout { limit, hop: Some(hop), tried })
        }
        _ => (Phase::Request, ErrorKind::Timeout { limit: failure.limit, hop: None, tried: String::new() }),
    };
    Error::told(phase, kind)
}

#[cfg(test)]
mod tests {
    use super::super::matching::COMPARED;
    use super::*;

    #[test]
    fn only_what_a_file_has_no_answer_to_is_a_miss_and_no_other_misuse() {
        let now = Instant::now();
        for (har, missed) in [(&br#"{"log":{"entries":[]}}"#[..], true), (b"[]", false)] {
            let tape = Arc::new(Tape::new("tape.har", Source::Bytes(har.to_vec()), false));
            let asked = Asked { method: Method::Get, url: "http://a/", base_url: "" };
            let mut played = Played::new(tape, asked, Context::shared().clone(), now);
            let request = Request { method: Method::Get, url: "/", headers: &[], user_agent: "" };
            let error = played.begin(&request, Body::empty(), now).unwrap_err();
            assert!(error.is_misuse());
            assert_eq!(played.has_missed(), missed, "{error}");
        }
    }

    fn player(entries: impl Iterator<Item = String>) -> Player {
        let har = format!(r#"{{"log":{{"entries":[{}]}}}}"#, entries.collect::<Vec<_>>().join(","));
        Player::read("tape.har", har.as_bytes(), false).unwrap()
    }

    fn get(url: String) -> har::Request {
        har::Request { method: "GET".to_owned(), url, ..har::Request::default() }
    }

    #[test]
    fn an_answer_is_found_without_a_look_at_every_entry() {
        const COUNT: usize = 3000;
        let url = |number: usize| format!("http://a/x?number={number}");
        let entry =
            |number| format!(r#"{{"request":{{"method":"GET","url":"{}"}},"response":{{"status":200}}}}"#, url(number));
        // An entry that may match other requests must be compared too. It is in the middle.
        let open =
            r#"{"request":{"method":"GET","url":"http://a/y?token=[redacted]"},"response":{"status":200}}"#.to_owned();
        let player = player((0..COUNT).map(entry).chain([open]).chain((0..COUNT).map(entry)));
        COMPARED.set(0);
        // Request everything twice in the recorded order, and then once more in the opposite order.
        for number in (0..COUNT).chain(0..COUNT).chain((0..COUNT).rev()) {
            assert!(player.find(get(url(number)), "").is_ok());
        }
        assert!(COMPARED.get() <= 3 * COUNT * 4, "{}", COMPARED.get());
    }

    #[test]
    fn whatever_is_redacted_in_either_the_first_that_was_not_played_comes_first_and_the_last_again() {
        let urls = ["/u/abcd/x", "/u/[redacted]/x", "/u/efgh/x", "/u/[redacted]/x", "/v"];
        let entry = |(at, url): (usize, &&str)| {
            format!(r#"{{"request":{{"method":"GET","url":"http://a{url}"}},"response":{{"status":{}}}}}"#, 200 + at)
        };
        for (asked, expected) in [
            ("/u/abcd/x", &[200, 201, 203, 203][..]),
            ("/u/[redacted]/x", &[200, 201, 202, 203, 203]),
            ("/u/ijkl/x", &[201, 203, 203]),
            ("/v", &[204, 204]),
        ] {
            let player = player(urls.iter().enumerate().map(entry));
            for status in expected {
                let found = player.find(get(format!("http://a{asked}")), "").unwrap();
                assert_eq!(found.response.as_ref().unwrap().status, *status, "{asked}");
            }
        }
    }
}
