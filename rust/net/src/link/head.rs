//! Receives the final head and skips interim responses.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use http_protocol::{Framing, Head, HeadStep, PeerError};

use super::Link;
use crate::error::{Error, ErrorKind, Phase};
use crate::observer::{Content, Event};
use crate::timings::PackedTimings;

/// The head of a response, and how the end of its body is found.
#[derive(Clone, Debug)]
pub struct Response {
    /// The final head.
    pub head: Arc<Head>,
    /// How the end of the body is found.
    pub framing: Framing,
}

impl Link {
    /// Makes progress with the request and the head of the response. Returns `None` until the head has arrived completely. If the
    /// response ends with its head, also returns `None` until the request has been sent completely.
    pub fn receive_head(&mut self, now: Instant) -> Result<Option<Response>, Error> {
        self.send(now);
        if self.early.is_none() {
            self.early = self.await_head(now)?;
        }
        if self.early.is_some() && !self.connection.is_in_body() && !self.finish_sending(now) {
            return self.raise_failure().map(|()| None);
        }
        Ok(self.early.take())
    }

    fn await_head(&mut self, now: Instant) -> Result<Option<Response>, Error> {
        // Use the received bytes before reading: there may be nothing more to read.
        if let Some(response) = self.parse_head()? {
            return Ok(Some(response));
        }
        loop {
            let received = match &self.ended {
                None => self.input.fill(&mut *self.stream, 1),
                Some(ended) => ended.again(),
            };
            match received {
                Ok(0) => return Err(self.ended_in_head(None)),
                Ok(_) => {
                    self.touch(now);
                    PackedTimings::note(&mut self.timings.first_byte, self.began, now);
                    let more_may_wait = self.input.is_full();
                    if let Some(response) = self.parse_head()? {
                        return Ok(Some(response));
                    }
                    if more_may_wait {
                        continue;
                    }
                    self.input.shrink();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.ended_in_head(Some(Arc::new(error)))),
            }
            return self.raise_failure().map(|()| None);
        }
    }

    fn parse_head(&mut self) -> Result<Option<Response>, Error> {
        if self.input.is_empty() {
            return Ok(None);
        }
        match self.connection.read_head(self.input.bytes()) {
            Ok(HeadStep::Head { skip, head, framing }) => {
                self.input.consume(skip);
                self.is_lacking = false;
                self.show(|| Content::ResponseHead(&head));
                self.observe(Event::Response { status: head.status });
                self.after_head(&head);
                Ok(Some(Response { head: Arc::new(head), framing }))
            }
            Ok(HeadStep::NeedMore { skip }) => {
                self.input.consume(skip);
                self.is_lacking = true;
                Ok(None)
            }
            Err(error) => Err(self.failed(Phase::Request, ErrorKind::Malformed(error))),
        }
    }

    /// Handles a response before the end of the request. The rest of the request is not sent if the response is not a success and the
    /// server closes the connection after it: the server does not want the rest and will not read it (RFC 9112 §9.5). Otherwise, the rest
    /// is sent. A success may be worthless without it, and a server that refuses but keeps the connection reads the rest to find the next
    /// request. In the latter case, curl closes the connection, and hyper continues to send. Continuing costs the upload. Closing costs a
    /// connection that the server promised to keep.
    fn after_head(&mut self, head: &Head) {
        if self.outgoing.is_some() && head.status >= 300 && !self.connection.is_kept_alive() {
            self.give_up_request();
        }
        if !self.connection.is_in_body() && !self.connection.is_switched() {
            self.input.release();
        }
    }

    fn ended_in_head(&mut self, error: Option<Arc<io::Error>>) -> Error {
        let error = error.or(self.write_error.take());
        let cut_short = self.connection.end(self.input.bytes()).err().unwrap_or(PeerError::NoResponse);
        self.failed_because(Phase::Request, ErrorKind::ClosedBeforeResponse(cut_short), error)
    }
}
