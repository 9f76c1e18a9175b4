//! Records exchanges in a file, and replays them without a network: HAR 1.2, without secrets.
//!
//! ```text
//!  record:  call ──▶ Recording ──▶ a link ──▶ the network        replay: call ──▶ Played ──▶ a link ──▶ memory
//!                        │ redact                                                  │ matching
//!                        ▼                                                         ▼
//!                  one more entry in a file                                   entries of a file
//! ```
//!
//! The policies know nothing about this: each attempt and each redirect is an exchange, and so an entry.
//!
//! The content is the same as in a recording of a browser: bodies are decompressed, and headers are unchanged. So a replayed body is
//! decompressed and has no `Content-Encoding`, and `Content-Length` is its own length. The entry of a failure replays the failure. The entry
//! of an exchange that this side cancelled replays the data until then, and then nothing more.
//!
//! If a request is repeated, it gets the recorded responses in the order of the file. The last response to a GET, HEAD or OPTIONS request
//! can be used any number of times. Any other request that is made more often than it was recorded is a miss.

mod fields;
mod index;
mod lock_file;
mod matching;
mod multipart;
mod names;
mod play;
mod record;
mod recorder;
mod redact;
mod secrets;
mod xml;

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http_net::{Body, Context, Error};
use http_protocol::Method;

use self::play::{Played, Source, Tape};
use self::record::Recording;
use self::recorder::Recorder;
use crate::exchange::Exchange;
use crate::har;

/// The maximum size of a body, in bytes. Longer bodies are neither recorded nor compared.
pub const LONGEST_BODY: usize = 64 << 20;

/// Whether exchanges are recorded or replayed. A clone refers to the same recording, at the same position.
#[derive(Clone, Default)]
pub struct Replay(Mode);

#[derive(Clone, Default)]
enum Mode {
    #[default]
    Off,
    Record(Arc<Recorder>),
    Only(Arc<Tape>),
    Refused(Arc<str>),
}

/// The purpose of an exchange.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: Method,
    /// The whole URL, without its fragment.
    pub(crate) url: &'a str,
    pub(crate) base_url: &'a str,
}

impl Replay {
    /// Returns a value that neither records nor replays.
    pub fn off() -> Self {
        Self::default()
    }

    /// Records to this file. The file starts empty, unless this process or another one already records to it. Then it contains the
    /// exchanges of all of them. If recording is not possible, requests are refused.
    pub fn record(path: &Path) -> Self {
        Self(Recorder::open(path).map_or_else(|sentence| Mode::Refused(sentence.into()), Mode::Record))
    }

    /// Replays these bytes of a file and opens no connection. Messages call the file `name`. `keeps_timing` makes responses take as long
    /// as they took when they were recorded. If the file cannot be read, requests are refused. The file is read when the first request
    /// begins, on its worker.
    pub fn only(name: &str, bytes: &[u8], keeps_timing: bool) -> Self {
        if bytes.len() > har::LONGEST_FILE {
            return Self::refused(play::unreadable(name, &har::HarError::TooLong));
        }
        Self(Mode::Only(Arc::new(Tape::new(name, Source::Bytes(bytes.to_vec()), keeps_timing))))
    }

    /// Does the same with a file on the disk. The file is opened now, and read when the first request begins, on its worker.
    pub fn only_file(name: &str, path: &Path, keeps_timing: bool) -> Self {
        match File::open(path) {
            Ok(file) => Self(Mode::Only(Arc::new(Tape::new(name, Source::File(file), keeps_timing)))),
            Err(error) => Self::refused(play::cannot_read(name, &error)),
        }
    }

    /// Refuses all requests with this sentence.
    pub fn refused(sentence: impl Into<Arc<str>>) -> Self {
        Self(Mode::Refused(sentence.into()))
    }

    /// Returns why requests cannot be made, as far as that is known, or `None` if they can. A file to replay may not have been read yet.
    pub fn problem(&self) -> Option<String> {
        match &self.0 {
            Mode::Refused(sentence) => Some(sentence.to_string()),
            Mode::Record(recorder) => recorder.problem(),
            Mode::Only(tape) => tape.known_problem(),
            Mode::Off => None,
        }
    }

    /// Reads the file to replay, if that was not done yet. This can take some time. Then returns the same as [`problem`](Self::problem).
    pub fn problem_of_file(&self) -> Option<String> {
        match &self.0 {
            Mode::Only(tape) => tape.player().err(),
            _ => self.problem(),
        }
    }

    /// Returns whether exchanges are recorded or replayed. In both cases, the cache is not used.
    pub fn is_in_use(&self) -> bool {
        !matches!(self.0, Mode::Off)
    }

    /// Returns whether responses are replayed from a file.
    pub fn is_only(&self) -> bool {
        matches!(self.0, Mode::Only(_))
    }

    /// Returns an exchange that responds from the file instead of a connection, or `None` if nothing is replayed.
    pub(crate) fn played(&self, asked: Asked<'_>, context: Arc<Context>, now: Instant) -> Option<Box<dyn Exchange>> {
        let Mode::Only(tape) = &self.0 else { return None };
        Some(Box::new(Played::new(tape.clone(), asked, context, now)))
    }

    /// Returns the same connection, and records its next exchange if this session records. `on_kept` is whether the connection was used
    /// before.
    pub(crate) fn watched(
        &self,
        exchange: Box<dyn Exchange>,
        asked: Asked<'_>,
        on_kept: bool,
        wall: SystemTime,
    ) -> Box<dyn Exchange> {
        match &self.0 {
            Mode::Record(recorder) => Box::new(Recording::new(recorder.clone(), exchange, asked, on_kept, wall)),
            _ => exchange,
        }
    }

    /// Records that there was no connection, if this session records.
    pub(crate) fn note_no_connection(
        &self,
        asked: Asked<'_>,
        headers: &[String],
        body: Body,
        error: &Error,
        wall: SystemTime,
    ) {
        if let Mode::Record(recorder) = &self.0 {
            record::no_connection(recorder, asked, headers, body, error, wall);
        }
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Mode::Off => "Off",
            Mode::Record(_) => "Record(…)",
            Mode::Only(_) => "Only(…)",
            Mode::Refused(_) => "Refused(…)",
        })
    }
}
