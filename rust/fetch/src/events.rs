//! Server-sent events (WHATWG HTML, "Server-sent events"): the parser of an event stream, and when and how to reconnect.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::header_line::ContentType;

/// The content type of an event stream.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// How much of a stream is kept in memory at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum length of a line, in bytes.
    pub line: usize,
    /// The maximum length of the data of an event, in bytes.
    pub data: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 1 << 20, data: 8 << 20 }
    }
}

/// One event. The type and id are shared between events, so that a stream of short events with a long id stays small.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// The type. It is `message` if the server did not set one.
    pub kind: Arc<str>,
    /// The data lines, separated by line feeds.
    pub data: String,
    /// The last id that was received. Empty if there was none.
    pub id: Arc<str>,
}

/// A stream exceeded a limit. It is not read further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventsError {
    /// A line is too long.
    LineTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The data of an event is too long.
    EventTooLong {
        /// The limit in bytes.
        limit: usize,
    },
}

/// Parses the body of one response. An unfinished event at the end is discarded.
#[derive(Clone, Debug)]
pub struct Parser {
    limits: Limits,
    /// The line that is not complete yet.
    line: Vec<u8>,
    is_first_line: bool,
    /// Whether the last byte was CR. An LF that follows is part of the same line end.
    after_cr: bool,
    data: String,
    has_data: bool,
    kind: Arc<str>,
    message: Arc<str>,
    /// The id that becomes the last id of the stream at the next blank line.
    next_id: Arc<str>,
    id: Arc<str>,
    retry: Option<Duration>,
}

impl Parser {
    /// Creates a parser for a body that follows events with the last id `last_id`.
    pub fn new(limits: Limits, last_id: &str) -> Self {
        let id: Arc<str> = last_id.into();
        let message: Arc<str> = "message".into();
        Self {
            limits,
            line: Vec::new(),
            is_first_line: true,
            after_cr: false,
            data: String::new(),
            has_data: false,
            kind: message.clone(),
            message,
            next_id: id.clone(),
            id,
            retry: None,
        }
    }

    /// Reads from the start of `input`, and shortens it, up to the end of the next event. Returns `None` if there is no further event. So
    /// a caller never has more events than it asks for.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Event>, EventsError> {
        while let Some(&first) = input.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                *input = &input[1..];
                continue;
            }
            let end = input.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let piece = &input[..end.unwrap_or(input.len())];
            if self.line.len() + piece.len() > self.limits.line {
                return Err(EventsError::LineTooLong { limit: self.limits.line });
            }
            self.line.extend_from_slice(piece);
            let Some(end) = end else {
                *input = &[];
                break;
            };
            self.after_cr = input[end] == b'\r';
            *input = &input[end + 1..];
            if let Some(event) = self.take_line()? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Returns the last id that came with an event, or alone before a blank line.
    pub fn last_id(&self) -> &str {
        &self.id
    }

    /// Takes the reconnection time that the server has set since the last call.
    pub fn take_retry(&mut self) -> Option<Duration> {
        self.retry.take()
    }

    fn take_line(&mut self) -> Result<Option<Event>, EventsError> {
        let mut bytes = std::mem::take(&mut self.line);
        let without_mark = match bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if self.is_first_line => rest,
            _ => &bytes[..],
        };
        self.is_first_line = false;
        let line = String::from_utf8_lossy(without_mark);
        let event = if line.is_empty() { self.dispatch() } else { self.field(&line).map(|()| None)? };
        drop(line);
        // Use the memory for the next line, unless it is too much to keep.
        if bytes.capacity() <= 64 << 10 {
            bytes.clear();
            self.line = bytes;
        }
        Ok(event)
    }

    fn field(&mut self, line: &str) -> Result<(), EventsError> {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => {
                if self.data.len() + value.len() + 1 > self.limits.data {
                    return Err(EventsError::EventTooLong { limit: self.limits.data });
                }
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            "event" => self.kind = if value.is_empty() { self.message.clone() } else { value.into() },
            "id" if !value.contains('\0') => self.next_id = value.into(),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                let milliseconds = value.parse().unwrap_or(u64::MAX);
                self.retry = Some(Duration::from_millis(milliseconds).min(LONGEST_RETRY));
            }
            // A comment has an empty name.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.id = self.next_id.clone();
        let kind = std::mem::replace(&mut self.kind, self.message.clone());
        let data = std::mem::take(&mut self.data);
        std::mem::take(&mut self.has_data).then(|| Event { kind, data, id: self.id.clone() })
    }
}

/// The wait until a server sets another one.
const FIRST_RETRY: Duration = Duration::from_secs(3);

/// The minimum wait, so that a server that ends every stream at once and sets no wait does not cause a busy loop.
const SHORTEST_RETRY: Duration = Duration::from_millis(100);

/// The maximum wait that a server can set, because clocks cannot hold arbitrarily long times.
const LONGEST_RETRY: Duration = Duration::from_secs(86_400);

/// The maximum of the doubled waits.
const LONGEST_DOUBLED: Duration = Duration::from_secs(30);

/// Decides when to reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnection {
    retry: Duration,
    failures: u32,
}

impl Default for Reconnection {
    fn default() -> Self {
        Self { retry: FIRST_RETRY, failures: 0 }
    }
}

impl Reconnection {
    /// Notes that the server sent `retry`.
    pub fn set_retry(&mut self, retry: Duration) {
        self.retry = retry;
    }

    /// Notes that a response with an event stream has arrived.
    pub fn opened(&mut self) {
        self.failures = 0;
    }

    /// Returns how long to wait after a stream has ended, cleanly or not.
    pub fn after_end(&self) -> Duration {
        self.retry.max(SHORTEST_RETRY)
    }

    /// Returns how long to wait after an attempt without a response: twice as long each time, up to 30 s, but never less than the server
    /// asked for.
    pub fn after_failure(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let retry = self.after_end();
        retry.saturating_mul(1 << self.failures.min(16)).min(LONGEST_DOUBLED).max(retry)
    }
}

/// The meaning of the response to a request for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An event stream. Read it.
    Stream,
    /// 204. There are no more events, which is a success.
    NoMore,
    /// Another status code. This is an ordinary response.
    OtherStatus,
    /// Not an event stream.
    OtherType,
}

/// Judges a response.
pub fn judge(status: u16, content_type: Option<&str>) -> Verdict {
    match status {
        200 if content_type.is_some_and(|value| ContentType::read(value).is(CONTENT_TYPE)) => Verdict::Stream,
        200 => Verdict::OtherType,
        204 => Verdict::NoMore,
        _ => Verdict::OtherStatus,
    }
}

/// Returns the header line with the id of the last event. Returns `None` if there is no id, or if a header cannot contain it.
pub fn last_event_id_line(id: &str) -> Option<String> {
    let can_be_sent = !id.is_empty() && !id.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control());
    can_be_sent.then(|| format!("Last-Event-ID: {id}"))
}

/// Omits the data and the id, which may be secrets.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({} bytes of data, {} bytes of id)", self.data.len(), self.id.len())
    }
}

impl fmt::Display for EventsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineTooLong { limit } => {
                write!(f, "the server sent an event stream with a line of more than {limit} bytes, which is the limit")
            }
            Self::EventTooLong { limit } => {
                write!(f, "the server sent an event with more than {limit} bytes of data, which is the limit")
            }
        }
    }
}

impl std::error::Error for EventsError {}
