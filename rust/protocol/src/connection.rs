//! The states of a connection, and all transitions between them.
//!
//! ```text
//! Idle         ── begin ──────────▶ AwaitingHead
//! AwaitingHead ── read_head ──────▶ Body           a head that announces a body, be it empty
//! AwaitingHead ── read_head ──────▶ Idle           a head without one, such as 204 and 304; interim heads are skipped
//! AwaitingHead ── read_head ──────▶ Switched       101, 2xx to CONNECT
//! AwaitingHead ── read_head ──────▶ Over           a head without a body that is the last, or one that breaks the protocol
//! Body         ── next_body ──────▶ Idle           the body is over
//! Body         ── next_body ──────▶ Over           the body is over and was the last, or breaks the protocol
//! Idle         ── abandon_request ▶ Over
//! any          ── end ────────────▶ Over           the connection has ended
//! any          ── unsolicited ────▶ Over           bytes came that answer nothing
//! ```
//!
//! A call that is not shown leaves the state unchanged. `tests/states.rs` tries every call in every state and compares the transitions with
//! this diagram.

use std::ops::Range;

use crate::chunked::{ChunkedDecoder, Step};
use crate::error::{CallerError, Excerpt, PeerError};
use crate::fields::{Fields, Head};
use crate::framing::{self, Framing};
use crate::head::{self, HeadScanner};
use crate::limits;
use crate::request::RequestFacts;

/// The client's side of one connection. The caller notifies it of what is sent, and passes what arrives. It does no input or output itself.
#[derive(Debug)]
pub struct Connection {
    state: State,
    request: RequestFacts,
    /// The number of header bytes in this exchange so far.
    header_bytes: usize,
    /// Whether the head of the response allows another request on the connection.
    keeps_alive: bool,
    /// Whether an interim response was readable but suspicious.
    is_dubious: bool,
    /// The trailer fields of the last chunked body. Most bodies have none.
    trailers: Option<Box<Fields>>,
}

#[derive(Debug)]
enum State {
    /// No exchange is running; a request may be sent.
    Idle,
    /// A request has begun; the head of its response comes next.
    AwaitingHead(HeadScanner),
    /// The head has been read; the body comes next.
    Body(Body),
    /// The connection now uses another protocol.
    Switched,
    /// The connection takes no more requests.
    Over(Over),
}

#[derive(Debug)]
enum Body {
    Length {
        left: u64,
        whole: u64,
    },
    Chunked(Box<ChunkedDecoder>),
    UntilClose {
        received: u64,
    },
    /// No body; `ends` is the same as in [`Framing::Empty`].
    Empty {
        ends: bool,
    },
}

/// The reason why a connection cannot take another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Over {
    /// The last response was complete, and its head does not allow another request (RFC 9112 §9.3 and §6.1).
    NotKeptAlive,
    /// The last request contained `Connection: close` (RFC 9112 §9.6).
    CloseAsked,
    /// The body ended with the connection.
    EndedWithBody,
    /// The server closed an idle connection.
    EndedIdle,
    /// The server sent bytes that answer no request.
    Unsolicited,
    /// The server violated the protocol.
    Failed,
    /// The caller left a request unfinished.
    Abandoned,
}

/// The result of [`Connection::read_head`].
#[derive(Debug, PartialEq, Eq)]
pub enum HeadStep {
    /// Drop `skip` bytes of the input. The head has not arrived completely.
    NeedMore {
        /// Bytes to drop.
        skip: usize,
    },
    /// Drop `skip` bytes of the input. They contained the head of the final response.
    Head {
        /// Bytes to drop.
        skip: usize,
        /// The head.
        head: Head,
        /// How the end of the body is found.
        framing: Framing,
    },
}

/// The result of [`Connection::next_body`].
#[derive(Debug, PartialEq, Eq)]
pub enum BodyStep {
    /// Drop `skip` bytes of the input. The next `len` bytes are body: take them, then drop them too.
    Data {
        /// Bytes to drop before the data.
        skip: usize,
        /// Bytes of data.
        len: usize,
    },
    /// Drop `skip` bytes of the input. What follows has not arrived completely.
    NeedMore {
        /// Bytes to drop.
        skip: usize,
    },
    /// Drop `skip` bytes of the input. The body has ended.
    Done {
        /// Bytes to drop.
        skip: usize,
    },
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

impl Connection {
    /// Creates a connection on which nothing has been sent or received.
    pub fn new() -> Self {
        Self {
            state: State::Idle,
            request: RequestFacts::default(),
            header_bytes: 0,
            keeps_alive: false,
            is_dubious: false,
            trailers: None,
        }
    }

    /// Returns whether a request can begin.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Returns whether the head of a response is due.
    pub fn awaits_head(&self) -> bool {
        matches!(self.state, State::AwaitingHead(_))
    }

    /// Returns whether a body is being received.
    pub fn is_in_body(&self) -> bool {
        matches!(self.state, State::Body(_))
    }

    /// Returns whether the current body ends when the connection ends.
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.state, State::Body(Body::UntilClose { .. }))
    }

    /// Returns whether request and response allow another request on the connection. The value is valid from the head of the response to
    /// the next request.
    pub fn is_kept_alive(&self) -> bool {
        self.keeps_alive && !self.request.close
    }

    /// Returns whether the connection has switched to another protocol.
    pub fn is_switched(&self) -> bool {
        matches!(self.state, State::Switched)
    }

    /// Returns why the connection cannot take another request, or `None` if it can.
    pub fn over(&self) -> Option<Over> {
        match self.state {
            State::Over(over) => Some(over),
            _ => None,
        }
    }

    /// Takes the trailer fields of the last chunked body (RFC 9112 §7.1.2). They are never merged into the fields of the head.
    pub fn take_trailers(&mut self) -> Fields {
        self.trailers.take().map(|fields| *fields).unwrap_or_default()
    }

    /// Begins an exchange. The request with these facts is sent next.
    pub fn begin(&mut self, request: RequestFacts) -> Result<(), CallerError> {
        let because = match self.state {
            State::Idle => {
                *self = Self { state: State::AwaitingHead(HeadScanner::default()), request, ..Self::new() };
                return Ok(());
            }
            State::AwaitingHead(_) => "a request is already on its way; wait for its response".to_owned(),
            State::Body(_) => "the last response has not been read to its end; read it first".to_owned(),
            State::Switched => "the connection now uses another protocol; connect again".to_owned(),
            State::Over(over) => format!("{}; connect again", over.reason()),
        };
        Err(CallerError::NotIdle { because })
    }

    /// Reads the head of the response from `input`, which starts at the first byte that has not been dropped. Interim responses are
    /// skipped (RFC 9110 §15.2).
    pub fn read_head(&mut self, input: &[u8]) -> Result<HeadStep, PeerError> {
        let found = self.find_head(input);
        if found.is_err() {
            self.state = State::Over(Over::Failed);
        }
        found
    }

    /// Looks for body data in `input`, which starts at the first byte that has not been dropped. A chunk of up to `whole` bytes is
    /// returned in one piece, everything else in pieces of up to `most` bytes. If both are 0, the call only checks whether the body has
    /// ended.
    pub fn next_body(&mut self, input: &[u8], whole: usize, most: usize) -> Result<BodyStep, PeerError> {
        let State::Body(body) = &mut self.state else { return Ok(BodyStep::Done { skip: 0 }) };
        let step = match body {
            Body::Length { left: 0, .. } | Body::Empty { .. } => Step::Done { skip: 0 },
            Body::Length { .. } | Body::UntilClose { .. } => {
                let len = body.direct(whole).min(input.len() as u64).min(most as u64) as usize;
                body.advance(len);
                if len == 0 { Step::NeedMore { skip: 0 } } else { Step::Data { skip: 0, len } }
            }
            Body::Chunked(decoder) => match decoder.step(input, whole, most) {
                Ok(step) => step,
                Err(error) => {
                    self.state = State::Over(Over::Failed);
                    return Err(error);
                }
            },
        };
        Ok(match step {
            Step::Data { skip, len } => BodyStep::Data { skip, len },
            Step::NeedMore { skip } => BodyStep::NeedMore { skip },
            Step::Done { skip } => {
                let ends = matches!(body, Body::Empty { ends: true });
                if let Body::Chunked(decoder) = body {
                    let trailers = decoder.take_trailers();
                    self.trailers = (!trailers.is_empty()).then(|| Box::new(trailers));
                }
                self.complete(&input[skip..]);
                if ends {
                    self.state = State::Over(Over::EndedWithBody);
                }
                BodyStep::Done { skip }
            }
        })
    }

    /// Returns the range of the next chunk in `input`, if it has at most `whole` bytes and another chunk begins after it. `input` starts at
    /// the first byte that has not been dropped. Drop everything up to the end of the range afterwards. In all other cases the result is
    /// `None`, nothing changes, and [`next_body`](Self::next_body) must decide.
    pub fn held_chunk(&mut self, input: &[u8], whole: usize) -> Option<Range<usize>> {
        match &mut self.state {
            State::Body(Body::Chunked(decoder)) => decoder.held_chunk(input, whole),
            _ => None,
        }
    }

    /// Returns how many bytes of body come next on the connection after the input is used up, so that the caller can read them directly
    /// to their destination. `whole` is the same as in [`next_body`](Self::next_body). After reading them, call
    /// [`advance`](Self::advance).
    pub fn direct(&self, whole: usize) -> u64 {
        match &self.state {
            State::Body(body) => body.direct(whole),
            _ => 0,
        }
    }

    /// Notes that `len` bytes of body were read without the input. `len` must not be greater than the result of [`direct`](Self::direct).
    pub fn advance(&mut self, len: usize) {
        if let State::Body(body) = &mut self.state {
            body.advance(len);
        }
    }

    /// Returns how many bytes the input needs before [`next_body`](Self::next_body) can make progress, as far as that is known.
    pub fn wanted(&self) -> usize {
        match &self.state {
            State::Body(Body::Chunked(decoder)) => decoder.wanted(),
            _ => 1,
        }
    }

    /// Notes that the server has ended the connection. `input` contains the bytes that were received and not dropped. An end in the wrong
    /// place is an error.
    pub fn end(&mut self, input: &[u8]) -> Result<(), PeerError> {
        let (over, result) = match &self.state {
            State::Idle | State::Switched => (Over::EndedIdle, Ok(())),
            State::AwaitingHead(_) => {
                let received = self.header_bytes + input.len();
                let error = if received == 0 { PeerError::NoResponse } else { PeerError::HeadCutShort { received } };
                (Over::Failed, Err(error))
            }
            State::Body(Body::UntilClose { .. } | Body::Length { left: 0, .. } | Body::Empty { .. }) => {
                (Over::EndedWithBody, Ok(()))
            }
            State::Body(Body::Length { left, whole }) => {
                let error = PeerError::BodyCutShort { received: whole - left, announced: Some(*whole) };
                (Over::Failed, Err(error))
            }
            State::Body(Body::Chunked(decoder)) => {
                let error = PeerError::BodyCutShort { received: decoder.delivered(), announced: None };
                (Over::Failed, Err(error))
            }
            State::Over(over) => (*over, Ok(())),
        };
        self.state = State::Over(over);
        result
    }

    /// Notes that the server sent `input` without a request. These bytes never count as the next response. Otherwise a server, or someone
    /// who writes through it, could answer for others (response splitting).
    pub fn unsolicited(&mut self, input: &[u8]) -> PeerError {
        self.state = State::Over(Over::Unsolicited);
        PeerError::Unsolicited { seen: Excerpt::start(input) }
    }

    /// Notes that the request was left unfinished. No other request can follow. A response that is being received can still be read.
    pub fn abandon_request(&mut self) {
        self.request.abandoned = true;
        if self.is_idle() {
            self.state = State::Over(Over::Abandoned);
        }
    }

    fn find_head(&mut self, input: &[u8]) -> Result<HeadStep, PeerError> {
        let mut skip = 0;
        loop {
            let State::AwaitingHead(scanner) = &mut self.state else { return Ok(HeadStep::NeedMore { skip }) };
            let empty_lines = head::leading_empty_lines(&input[skip..]);
            skip += empty_lines;
            self.header_bytes += empty_lines;
            let rest = &input[skip..];
            head::check_start(rest)?;
            let end = if rest == b"\r" { None } else { scanner.end_of_head(rest) };
            if self.header_bytes + end.unwrap_or(rest.len()) > limits::HEADER_BYTES {
                return Err(PeerError::HeaderTooLarge);
            }
            let Some(end) = end else { return Ok(HeadStep::NeedMore { skip }) };

            let head = head::parse(&rest[..end])?;
            let framing = framing::decide(self.request.method, self.request.upgrade, &head)?;
            skip += end;
            self.header_bytes += end;
            if head.status < 200 && head.status != 101 {
                self.is_dubious |= head.fields.malformed().next().is_some();
                self.state = State::AwaitingHead(HeadScanner::default());
                continue;
            }
            self.keeps_alive = framing::keeps_alive(&head) && !self.is_dubious;
            match self.body_after(framing) {
                Some(state) => self.state = state,
                None => self.complete(&input[skip..]),
            }
            return Ok(HeadStep::Head { skip, head, framing });
        }
    }

    /// Returns the state that receives the body of a response, or `None` if the response is complete after its head.
    fn body_after(&self, framing: Framing) -> Option<State> {
        let body = match framing {
            Framing::Switched => return Some(State::Switched),
            Framing::None => return None,
            Framing::Empty { ends } => Body::Empty { ends },
            Framing::Length(whole) => Body::Length { left: whole, whole },
            Framing::UntilClose => Body::UntilClose { received: 0 },
            Framing::Chunked => {
                let budget = limits::HEADER_BYTES - self.header_bytes;
                Body::Chunked(Box::new(ChunkedDecoder::new(budget)))
            }
        };
        Some(State::Body(body))
    }

    /// Ends the exchange after a complete response. `leftover` is the input after it.
    fn complete(&mut self, leftover: &[u8]) {
        self.state = if self.request.abandoned {
            State::Over(Over::Abandoned)
        } else if self.request.close {
            State::Over(Over::CloseAsked)
        } else if !self.keeps_alive {
            State::Over(Over::NotKeptAlive)
        } else if !leftover.is_empty() {
            State::Over(Over::Unsolicited)
        } else {
            State::Idle
        };
    }
}

impl Body {
    fn direct(&self, whole: usize) -> u64 {
        match self {
            Body::Length { left, .. } => *left,
            Body::UntilClose { received } => limits::BODY_BYTES.saturating_sub(*received),
            Body::Chunked(decoder) => decoder.direct(whole),
            Body::Empty { .. } => 0,
        }
    }

    fn advance(&mut self, len: usize) {
        match self {
            Body::Length { left, .. } => *left = left.saturating_sub(len as u64),
            Body::UntilClose { received } => *received = received.saturating_add(len as u64),
            Body::Chunked(decoder) => decoder.advance(len),
            Body::Empty { .. } => {}
        }
    }
}

impl Over {
    /// Returns the reason as a clause of a sentence.
    pub fn reason(self) -> &'static str {
        match self {
            Over::NotKeptAlive => "the server does not keep the connection open after its last response",
            Over::CloseAsked => "the last request said \"Connection: close\"",
            Over::EndedWithBody => "the last response ended with the connection",
            Over::EndedIdle => "the server closed the idle connection",
            Over::Unsolicited => "the server sent bytes that answer no request",
            Over::Failed => "the connection failed",
            Over::Abandoned => "the last request was not sent completely",
        }
    }
}
