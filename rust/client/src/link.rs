//! An open connection: the stream, the protocol's state on it, and the bytes between the two.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http_protocol::{Connection, Framing, Head, HeadStep, RequestFacts};

use crate::body::{Body, Outgoing};
use crate::connector::describe;
use crate::error::{Error, ErrorCode};
use crate::input::Input;
use crate::stream::{Probe, Stream};
use crate::timings::Timings;
use crate::wait::{self, Cancel, Interest};

/// What one call writes at most, in bytes, so that a fast peer cannot hold a frame up.
const WRITE_PER_CALL: usize = 16 * 1024 * 1024;
/// A request of more bytes may take its time to leave the system. That of a smaller one does not matter beside a timeout.
const SLOW_TO_LEAVE: u64 = 64 * 1024;

/// A connection on which requests are sent and responses received.
pub(crate) struct Link {
    /// Tells this connection from every other of the process.
    pub(crate) id: u64,
    pub(crate) stream: Box<dyn Stream>,
    /// Of the other end, and of this one, where the stream goes over the network.
    pub(crate) addresses: (Option<SocketAddr>, Option<SocketAddr>),
    pub(crate) connection: Connection,
    pub(crate) input: Input,
    /// The request, until all of it is written.
    outgoing: Option<Outgoing>,
    /// Bytes of the current request, head and body, that were written.
    pub(crate) bytes_sent: u64,
    /// Why writing failed. The response may have come all the same, and is read first.
    pub(crate) write_error: Option<io::Error>,
    /// The stream is over; nothing more is read from it.
    pub(crate) ended: Option<Ended>,
    /// What went wrong behind bytes that were given out; raised by the next read.
    pub(crate) failure: Option<Failure>,
    /// The response's head, where the response is over with it, and the request is not sent to its end.
    early: Option<(Head, Framing)>,
    /// When the last byte was received, written, or seen to have left the system.
    last_activity: Instant,
    /// Less than as many bytes unsent in the system are a sign that the request gets on.
    unsent: usize,
    /// When the current request began.
    began: Instant,
    pub(crate) timings: Timings,
}

/// How a stream ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The peer said that it will send nothing more.
    Cleanly,
    /// An error cut it off.
    With(io::Error),
}

/// Why an operation on a link stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client was closed by another thread.
    Closed,
    /// The connection is of no more use; what happened.
    Lost(String),
}

/// Whether and how long a call may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience<'a> {
    pub(crate) blocking: bool,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) cancel: &'a Cancel,
}

impl Failure {
    /// The error that the caller gets.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Closed => Error::new(ErrorCode::Unconfigured, "the client was closed by another thread"),
            Self::Lost(message) => Error::new(ErrorCode::ConnectionError, message),
        }
    }
}

impl Link {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        static LAST_ID: AtomicU64 = AtomicU64::new(0);
        Self {
            id: LAST_ID.fetch_add(1, Ordering::Relaxed) + 1,
            addresses: (stream.peer_addr(), stream.local_addr()),
            stream,
            connection: Connection::new(),
            input: Input::default(),
            outgoing: None,
            bytes_sent: 0,
            write_error: None,
            ended: None,
            failure: None,
            early: None,
            last_activity: Instant::now(),
            unsent: 0,
            began: Instant::now(),
            timings: Timings::default(),
        }
    }

    /// The stream, and what was received on it and not used.
    pub(crate) fn into_parts(self) -> (Box<dyn Stream>, Input) {
        (self.stream, self.input)
    }

    /// Whether a response is due or under way, so that what comes is HTTP.
    pub(crate) fn is_receiving(&self) -> bool {
        self.connection.awaits_head() || self.connection.is_in_body()
    }

    /// Whether a request has not been written to its end.
    pub(crate) fn is_sending(&self) -> bool {
        self.outgoing.is_some()
    }

    /// Whether nothing more comes from the stream, and nothing is held.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some() && self.input.is_empty()
    }

    /// Whether a request can be sent: the server has not ended the connection, nor sent anything unasked.
    pub(crate) fn check_idle(&mut self) -> Result<(), Failure> {
        if let Some(over) = self.connection.over() {
            return Err(Failure::Lost(format!("{}; connect again", over.reason())));
        }
        if self.connection.is_switched() && (!self.input.is_empty() || self.ended.is_some()) {
            // Whoever speaks the other protocol reads the rest, and finds the end.
            return Ok(());
        }
        if !self.input.is_empty() {
            return Err(Failure::Lost(self.connection.unsolicited(self.input.bytes()).to_string()));
        }
        let probed = match &self.ended {
            None => self.stream.probe(),
            // Whoever had the raw connection found it.
            Some(Ended::Cleanly) => Ok(Probe::End),
            Some(Ended::With(error)) => Err(error.kind().into()),
        };
        match probed {
            Ok(Probe::Quiet) => Ok(()),
            Ok(Probe::Data) if self.connection.is_switched() => Ok(()),
            Ok(Probe::Data) => {
                let mut start = [0; 64];
                let count = self.stream.read(&mut start).unwrap_or(0);
                Err(Failure::Lost(self.connection.unsolicited(&start[..count]).to_string()))
            }
            Ok(Probe::End) => Err(Failure::Lost("the server closed the idle connection; connect again".to_owned())),
            Err(error) => Err(Failure::Lost(format!("the idle connection broke: {}; connect again", describe(&error)))),
        }
    }

    /// Begins an exchange and sends what the stream takes at once.
    pub(crate) fn begin(&mut self, head: Vec<u8>, facts: RequestFacts, body: Body) -> Result<(), Error> {
        if self.is_sending() {
            return Err(Error::invalid(
                "the last request is still being sent, although it is answered; go on with it first",
            ));
        }
        self.connection.begin(facts)?;
        self.outgoing = Some(Outgoing::new(head, body));
        self.bytes_sent = 0;
        self.unsent = 0;
        self.began = Instant::now();
        self.last_activity = self.began;
        self.timings.restart();
        self.send();
        Ok(())
    }

    /// Writes of the request what the stream takes. A failure to write is kept: the server may have answered before it.
    pub(crate) fn send(&mut self) {
        let Some(outgoing) = &mut self.outgoing else { return };
        let limit = outgoing.written() + WRITE_PER_CALL;
        while !outgoing.is_written() && outgoing.written() < limit {
            let (head, body) = outgoing.rest();
            let body = &body[..body.len().min((limit - outgoing.written()).saturating_sub(head.len()))];
            match self.stream.write(head, body) {
                Ok(count) => {
                    outgoing.advance(count);
                    self.bytes_sent += count as u64;
                    self.last_activity = Instant::now();
                    self.unsent = if self.bytes_sent > SLOW_TO_LEAVE { usize::MAX } else { 0 };
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.write_error = Some(error);
                    self.give_up_request();
                    return;
                }
            }
        }
        if outgoing.is_written() {
            self.outgoing = None;
            Timings::note(&mut self.timings.send, self.began);
        }
    }

    /// Gets further with the request and the response's head. None as long as the head has not all arrived, or the response is over with its
    /// head and the request is not.
    pub(crate) fn receive_head(&mut self, patience: Patience<'_>) -> Result<Option<(Head, Framing)>, Failure> {
        if self.early.is_none() {
            self.early = self.await_head(patience)?;
        }
        if self.early.is_some() && !self.connection.is_in_body() && !self.finish_sending(patience)? {
            return Ok(None);
        }
        Ok(self.early.take())
    }

    fn await_head(&mut self, patience: Patience<'_>) -> Result<Option<(Head, Framing)>, Failure> {
        loop {
            self.send();
            // What is held comes before what could be read: nothing more may come.
            if !self.input.is_empty()
                && let Some(found) = self.look_for_head()?
            {
                return Ok(Some(found));
            }
            match self.ended.take() {
                Some(Ended::Cleanly) => return Err(self.ended_in_head(None)),
                Some(Ended::With(error)) => return Err(self.ended_in_head(Some(error))),
                None => {}
            }
            match self.input.fill(&mut *self.stream, 1) {
                Ok(0) => return Err(self.ended_in_head(None)),
                Ok(_) => {
                    self.touch();
                    Timings::note(&mut self.timings.first_byte, self.began);
                    let more_may_wait = self.input.is_full();
                    if let Some(found) = self.look_for_head()? {
                        return Ok(Some(found));
                    }
                    if more_may_wait {
                        continue;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.check_timeout(patience)?,
                Err(error) => return Err(self.ended_in_head(Some(error))),
            }
            if !patience.blocking {
                return Ok(None);
            }
            self.sleep(patience)?;
        }
    }

    /// Looks for the response's head in the input.
    fn look_for_head(&mut self) -> Result<Option<(Head, Framing)>, Failure> {
        match self.connection.read_head(self.input.bytes()) {
            Ok(HeadStep::Head { skip, head, framing }) => {
                self.input.consume(skip);
                self.after_head(&head);
                Ok(Some((head, framing)))
            }
            Ok(HeadStep::NeedMore { skip }) => {
                self.input.consume(skip);
                Ok(None)
            }
            Err(error) => Err(Failure::Lost(error.to_string())),
        }
    }

    /// The response is complete. The request may not be sent to its end; see [`finish_sending`](Self::finish_sending).
    pub(crate) fn finish(&mut self) {
        self.input.release();
        if self.outgoing.is_none() {
            Timings::note(&mut self.timings.total, self.began);
        }
    }

    /// Gets further with the request after its response is complete. Says whether there is nothing left to send: an exchange is over when both
    /// are. A server that takes no more has answered all the same.
    pub(crate) fn finish_sending(&mut self, patience: Patience<'_>) -> Result<bool, Failure> {
        while self.outgoing.is_some() {
            let before = self.bytes_sent;
            self.send();
            if self.outgoing.is_none() {
                break;
            }
            if !patience.blocking {
                if self.bytes_sent == before {
                    self.check_timeout(patience)?;
                }
                return Ok(false);
            }
            if self.bytes_sent == before {
                self.check_timeout(patience)?;
                // What comes now answers nothing, and would only keep this awake.
                self.sleep_for(Interest::Write, patience)?;
            } else if patience.cancel.is_set() {
                return Err(Failure::Closed);
            }
        }
        Timings::note(&mut self.timings.total, self.began);
        Ok(true)
    }

    /// Sleeps for a moment, or until the stream is ready.
    pub(crate) fn sleep(&mut self, patience: Patience<'_>) -> Result<(), Failure> {
        let interest = if self.outgoing.is_some() { Interest::Both } else { Interest::Read };
        self.sleep_for(interest, patience)?;
        self.send();
        Ok(())
    }

    fn sleep_for(&mut self, interest: Interest, patience: Patience<'_>) -> Result<(), Failure> {
        // A timeout beyond what can be counted is none.
        let deadline = patience.read_timeout.and_then(|timeout| self.last_activity.checked_add(timeout));
        let slept = self.stream.wait(interest, wait::slice(deadline));
        if patience.cancel.is_set() {
            return Err(Failure::Closed);
        }
        slept.map_err(|error| Failure::Lost(format!("waiting for the server failed: {}", describe(&error))))
    }

    /// Fails if the server has been silent for too long. To be asked when there is nothing to read: a game that stood still for longer
    /// than the timeout has what came meanwhile.
    pub(crate) fn check_timeout(&mut self, patience: Patience<'_>) -> Result<(), Failure> {
        match patience.read_timeout {
            Some(timeout) if self.last_activity.elapsed() >= timeout && !self.request_gets_on() => {
                let is_answered = !self.connection.awaits_head() && !self.connection.is_in_body();
                let what =
                    if is_answered { "the server took no more of the request" } else { "nothing came from the server" };
                let seconds = timeout.as_secs_f64();
                Err(Failure::Lost(format!("{what} for {seconds} s, which is read_timeout")))
            }
            _ => Ok(()),
        }
    }

    /// Whether bytes of the request have left the system since this was asked last, or since the last was written. Asked for the first time
    /// it is given the benefit of the doubt, since when they left is not known.
    fn request_gets_on(&mut self) -> bool {
        if self.unsent == 0 {
            return false;
        }
        let Some(unsent) = self.stream.unsent() else { return false };
        let gets_on = unsent < self.unsent;
        self.unsent = unsent;
        if gets_on {
            self.last_activity = Instant::now();
        }
        gets_on
    }

    /// Notes that bytes were received.
    pub(crate) fn touch(&mut self) {
        self.last_activity = Instant::now();
        if self.outgoing.is_none() {
            self.unsent = 0;
        }
    }

    /// An answer before the end of the request. The rest is not sent if the answer is no success and the connection is over with it: the server says
    /// that it does not want the rest, and will not read it (RFC 9112 §9.5). In every other case it is: a success may be
    /// of no worth without the rest, and a server that refuses and keeps the connection reads the rest to find the next request behind it. curl
    /// would end the connection there, hyper goes on too; going on costs the upload, ending it a connection that the server has promised to keep.
    fn after_head(&mut self, head: &Head) {
        if self.outgoing.is_some() && head.status >= 300 && !self.connection.is_kept_alive() {
            self.give_up_request();
        }
        if !self.connection.is_in_body() && !self.connection.is_switched() {
            self.finish();
        }
    }

    fn give_up_request(&mut self) {
        self.outgoing = None;
        self.connection.abandon_request();
    }

    fn ended_in_head(&mut self, error: Option<io::Error>) -> Failure {
        let what = match self.connection.end(self.input.bytes()) {
            Err(cut_short) => cut_short.to_string(),
            Ok(()) => "the server closed the connection".to_owned(),
        };
        Failure::Lost(match error.or(self.write_error.take()) {
            Some(error) => format!("{what} ({})", describe(&error)),
            None => what,
        })
    }
}
