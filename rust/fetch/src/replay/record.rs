//! Records exchanges while they take place over the network.

use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http_net::{Body, Error, ErrorKind, Head, Phase, Received, Request, Response, Route, Timings, TlsInfo, Wait};
use http_protocol::Method;

use super::recorder::Recorder;
use super::{Asked, LONGEST_BODY};
use crate::decode::{self, Coding, Decoder};
use crate::exchange::Exchange;
use crate::har::{self, Content, End, Entry, Failure, FailureKind};
use crate::header_line::name_of;
use crate::lock::lock;
use crate::retry;

/// A connection whose next exchange is recorded.
pub(super) struct Recording {
    inner: Box<dyn Exchange>,
    tape: Tape,
}

/// The known facts about an exchange. They are recorded when it is over, or when this value is dropped.
struct Tape {
    recorder: Arc<Recorder>,
    method: Method,
    url: String,
    base_url: String,
    on_kept: bool,
    wall: SystemTime,
    timings: Timings,
    tls: Option<Arc<TlsInfo>>,
    /// `None` before the exchange begins, and after it was recorded.
    draft: Option<Draft>,
}

struct Draft {
    number: u64,
    headers: Vec<(String, String)>,
    sent: Arc<Mutex<Kept>>,
    has_body: bool,
    head: Option<Arc<Head>>,
    received: Kept,
}

/// The size that stands for a body that is too long to be kept and whose length is not known.
pub(super) const UNKNOWN_SIZE: u64 = LONGEST_BODY as u64 + 1;

/// A body, which is kept unless it is too long.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    size: u64,
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        if self.size <= LONGEST_BODY as u64 {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.bytes = Vec::new();
        }
    }

    fn content(&mut self, mime: String) -> Content {
        match self.size <= LONGEST_BODY as u64 {
            true => Content::of(mime, std::mem::take(&mut self.bytes)),
            false => Content::left_out(mime, self.size),
        }
    }
}

impl Recording {
    pub(super) fn new(
        recorder: Arc<Recorder>,
        inner: Box<dyn Exchange>,
        asked: Asked<'_>,
        on_kept: bool,
        wall: SystemTime,
    ) -> Self {
        let tape = Tape {
            recorder,
            method: asked.method,
            url: asked.url.to_owned(),
            base_url: asked.base_url.to_owned(),
            on_kept,
            wall,
            timings: Timings::default(),
            tls: None,
            draft: None,
        };
        Self { inner, tape }
    }

    fn noted<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        self.tape.timings = self.inner.timings();
        if let Err(error) = &result {
            self.tape.failed(error, self.inner.bytes_sent() > 0);
        }
        result
    }
}

impl Tape {
    /// Records the exchange.
    fn finish(&mut self, end: End) {
        let Some(mut draft) = self.draft.take() else { return };
        let mime = value(&draft.headers, "Content-Type").to_owned();
        let (method, url, base_url) = (self.method, self.url.clone(), self.base_url.clone());
        let body = draft.has_body.then(|| lock(&draft.sent).content(mime));
        let request = har::Request { method: method.as_str().to_owned(), url, headers: draft.headers, body };
        let wire_size = Some(draft.received.size);
        let (mut end, mut response) = (end, None);
        if let Some(head) = draft.head {
            let fields = head.fields.iter();
            let headers: Vec<_> = fields.map(|field| (field.name().into_owned(), field.value().into_owned())).collect();
            let mut content = draft.received.content(value(&headers, "Content-Type").to_owned());
            if let Some(packed) = content.bytes.take() {
                let codings = codings(&headers, head.status, method);
                match unpack(&codings, &packed, end == End::Whole) {
                    Ok(bytes) => content = Content::of(content.mime, bytes),
                    Err(()) => (content, end) = (Content { size: 0, ..content }, End::Packed),
                }
            }
            let reason = head.reason.clone();
            response = Some(har::Response { status: head.status, reason, headers, content, wire_size });
        }
        let timings = timings(&self.timings);
        let (number, tls) = (Some(draft.number), self.tls.take());
        self.recorder.add(Entry { number, base_url, started: self.wall, request, response, timings, tls, end });
    }

    /// Handles a failure of the exchange.
    fn failed(&mut self, error: &Error, was_written: bool) {
        // A request whose kept connection had ended is sent once more, and only that exchange is recorded.
        let was_retried_at_once = self.on_kept
            && crate::failure::Failure::of_exchange(error)
                .retry
                .is_some_and(|failure| retry::dies_with_connection(self.method, was_written, failure));
        match failure(error) {
            Some(failure) if !was_retried_at_once => self.finish(End::Failed(failure)),
            _ => self.draft = None,
        }
    }
}

impl Exchange for Recording {
    fn begin(&mut self, request: &Request<'_>, body: Body, now: Instant) -> Result<(), Error> {
        let length = body.length();
        let sent = Arc::<Mutex<Kept>>::default();
        let body = copied(body, &sent);
        let number = self.tape.recorder.next_number();
        self.inner.begin(request, body, now)?;
        self.tape.tls = self.inner.tls();
        let mut headers: Vec<(String, String)> = request.headers.iter().map(|line| pair(line)).collect();
        let mut add = |name: &str, value: String| {
            if !headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                headers.push((name.to_owned(), value));
            }
        };
        if let Some(length) = length.filter(|length| *length > 0) {
            add("Content-Length", length.to_string());
        }
        add("User-Agent", request.user_agent.to_owned());
        let has_body = length != Some(0);
        let received = Kept::default();
        self.tape.draft = Some(Draft { number, headers, sent, has_body, head: None, received });
        Ok(())
    }

    fn receive_head(&mut self, now: Instant) -> Result<Option<Response>, Error> {
        let received = self.inner.receive_head(now);
        let received = self.noted(received)?;
        if let (Some(response), Some(draft)) = (&received, &mut self.tape.draft) {
            draft.head = Some(response.head.clone());
        }
        Ok(received)
    }

    fn receive(&mut self, room: &mut [u8], now: Instant) -> Result<Received, Error> {
        let received = self.inner.receive(room, now);
        let received = self.noted(received)?;
        if let Some(draft) = &mut self.tape.draft {
            draft.received.push(&room[..received.bytes]);
        }
        if received.is_over {
            self.tape.finish(End::Whole);
        }
        Ok(received)
    }

    fn send(&mut self, now: Instant) {
        self.inner.send(now);
    }

    fn wait_for(&self, reading: bool, wait: &mut Wait) {
        self.inner.wait_for(reading, wait);
    }

    fn silent_at(&self, limit: Duration) -> Option<Instant> {
        self.inner.silent_at(limit)
    }

    fn check_silence(&mut self, limit: Duration, now: Instant) -> Result<(), Error> {
        let checked = self.inner.check_silence(limit, now);
        self.noted(checked)
    }

    fn bytes_sent(&self) -> u64 {
        self.inner.bytes_sent()
    }

    fn body_bytes_sent(&self) -> u64 {
        self.inner.body_bytes_sent()
    }

    fn is_sending(&self) -> bool {
        self.inner.is_sending()
    }

    fn timings(&self) -> Timings {
        self.inner.timings()
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        self.inner.tls()
    }

    fn route(&self) -> Option<&Arc<Route>> {
        self.inner.route()
    }

    fn is_reusable(&self) -> bool {
        self.inner.is_reusable()
    }

    fn check_idle(&mut self) -> Result<(), Error> {
        self.inner.check_idle()
    }

    fn bare(self: Box<Self>) -> Box<dyn Exchange> {
        self.inner
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.finish(End::GivenUp);
    }
}

/// Records a request that never had a connection.
pub(super) fn no_connection(
    recorder: &Arc<Recorder>,
    asked: Asked<'_>,
    headers: &[String],
    body: Body,
    error: &Error,
    wall: SystemTime,
) {
    let Some(failure) = failure(error) else { return };
    let headers: Vec<_> = headers.iter().map(|line| pair(line)).collect();
    let mime = value(&headers, "Content-Type").to_owned();
    let has_body = body.length() != Some(0);
    let body = has_body.then(|| read_all(body).map(|mut kept| kept.content(mime))).and_then(Result::ok);
    let (method, url) = (asked.method.as_str().to_owned(), asked.url.to_owned());
    recorder.add(Entry {
        number: Some(recorder.next_number()),
        base_url: asked.base_url.to_owned(),
        started: wall,
        request: har::Request { method, url, headers, body },
        response: None,
        timings: har::Timings::default(),
        tls: None,
        end: End::Failed(failure),
    });
}

/// Reads a whole body. A body that is too long is not read, or not to its end.
fn read_all(body: Body) -> io::Result<Kept> {
    let mut kept = Kept::default();
    if let Some(length) = body.length().filter(|length| *length > LONGEST_BODY as u64) {
        return Ok(Kept { size: length, ..kept });
    }
    match body {
        Body::Bytes(bytes) => kept.push((*bytes).as_ref()),
        Body::Reader { reader, .. } => {
            let (mut room, mut reader) = (vec![0; 64 << 10], reader.take(UNKNOWN_SIZE));
            loop {
                match reader.read(&mut room)? {
                    0 => break,
                    count => kept.push(&room[..count]),
                }
            }
        }
    }
    Ok(kept)
}

/// Returns a whole body for a comparison.
pub(super) fn content_of(body: Body, mime: String) -> io::Result<Content> {
    read_all(body).map(|mut kept| kept.content(mime))
}

/// Returns the same body, and keeps a copy of the data that is sent.
fn copied(body: Body, kept: &Arc<Mutex<Kept>>) -> Body {
    match body {
        Body::Bytes(bytes) => {
            lock(kept).push((*bytes).as_ref());
            Body::Bytes(bytes)
        }
        Body::Reader { reader, length } => Body::Reader { reader: Box::new(Copying(reader, kept.clone())), length },
    }
}

struct Copying(Box<dyn Read + Send>, Arc<Mutex<Kept>>);

impl Read for Copying {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(room)?;
        lock(&self.1).push(room.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Returns the codings to undo for a body. Empty if it is not compressed, or if only a part of it was received.
pub(super) fn codings(headers: &[(String, String)], status: u16, method: Method) -> Vec<Coding> {
    if !decode::applies(method, status) || status == 206 {
        return Vec::new();
    }
    codings_of(headers)
}

/// Returns the codings in the headers.
pub(super) fn codings_of(headers: &[(String, String)]) -> Vec<Coding> {
    let named = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Content-Encoding"));
    Coding::list(named.map(|(_, value)| value.as_str())).unwrap_or_default()
}

pub(super) fn unpack(codings: &[Coding], packed: &[u8], is_whole: bool) -> Result<Vec<u8>, ()> {
    if codings.is_empty() || packed.is_empty() {
        return Ok(packed.to_vec());
    }
    let mut decoder = Decoder::new(codings, Some(LONGEST_BODY as u64));
    let (mut room, mut unpacked, mut read) = (vec![0; 64 << 10], Vec::new(), 0);
    loop {
        let step = decoder.step(&packed[read..], is_whole, &mut room).map_err(drop)?;
        read += step.read;
        unpacked.extend_from_slice(&room[..step.written]);
        match step.state {
            decode::State::Working => {}
            decode::State::NeedsInput if read < packed.len() && step.read > 0 => {}
            _ => return Ok(unpacked),
        }
    }
}

fn failure(error: &Error) -> Option<Failure> {
    let mut limit = Duration::ZERO;
    let has_source = std::error::Error::source(error).is_some();
    let kind = match error.kind() {
        ErrorKind::Resolve { .. } => FailureKind::Resolve,
        ErrorKind::Connect { .. } => FailureKind::Connect,
        ErrorKind::Proxy { .. } => FailureKind::Proxy,
        ErrorKind::Tls(_) if error.phase() == Phase::Tls => FailureKind::Tls,
        ErrorKind::Timeout { limit: passed, hop, .. } => {
            limit = *passed;
            if hop.is_some() { FailureKind::ConnectTimeout } else { FailureKind::Timeout }
        }
        ErrorKind::ClosedBeforeResponse(_) | ErrorKind::BodyCutShort(_) if !has_source => FailureKind::Ended,
        ErrorKind::Malformed(_) | ErrorKind::Unsolicited(_) => FailureKind::Malformed,
        // A mistake on this side will occur again when the recording is replayed.
        ErrorKind::Misuse(_) | ErrorKind::RequestBody(_) | ErrorKind::Cancelled => return None,
        ErrorKind::ClosedIdle | ErrorKind::NotReusable(_) => return None,
        _ => FailureKind::Reset,
    };
    // The sentence about a malformed response quotes the response.
    let sentence = if kind == FailureKind::Malformed { String::new() } else { error.to_string() };
    Some(Failure { kind, sentence, limit })
}

fn timings(timings: &Timings) -> har::Timings {
    let send = timings.send.unwrap_or_default();
    let first_byte = timings.first_byte.unwrap_or(send);
    har::Timings {
        dns: timings.dns,
        connect: timings.connect.map(|connect| connect + timings.tls.unwrap_or_default()),
        tls: timings.tls,
        send,
        wait: first_byte.saturating_sub(send),
        receive: timings.total.unwrap_or(first_byte).saturating_sub(first_byte),
    }
}

fn pair(line: &str) -> (String, String) {
    let value = line.split_once(':').map_or("", |(_, value)| value);
    (name_of(line).to_owned(), value.trim().to_owned())
}

/// Returns the value of the first header with this name, or an empty text.
pub(super) fn value<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader without an end that counts the bytes that are read.
    struct Endless(Arc<Mutex<u64>>);

    impl Read for Endless {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            *lock(&self.0) += room.len() as u64;
            Ok(room.len())
        }
    }

    #[test]
    fn a_body_that_is_too_long_is_not_read_or_not_to_its_end() {
        for (length, most, size) in [
            (Some(1 << 40), 0, 1 << 40),
            (Some(LONGEST_BODY as u64 + 1), 0, LONGEST_BODY as u64 + 1),
            (None, UNKNOWN_SIZE, UNKNOWN_SIZE),
        ] {
            let read = Arc::<Mutex<u64>>::default();
            let body = Body::Reader { reader: Box::new(Endless(read.clone())), length };
            assert_eq!(content_of(body, String::new()).unwrap(), Content::left_out("", size));
            assert!(*lock(&read) <= most, "{}", lock(&read));
        }
    }
}
