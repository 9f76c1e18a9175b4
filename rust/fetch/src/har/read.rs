//! Reads HAR files of any program. Unknown members are ignored, and optional ones can be missing.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use serde_json::error::Category;

use super::tls::Chains;
use super::walk::{Met, walk};
use super::{Content, End, Entry, Failure, FailureKind, Request, Response, Timings};

/// The maximum size of a file, in bytes.
pub const LONGEST_FILE: usize = 512 << 20;

/// The maximum of the times in a file, in milliseconds. Longer ones are shortened.
const LONGEST_TIME: f64 = 24.0 * 3600.0 * 1000.0;

/// A file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HarError {
    /// It is longer than [`LONGEST_FILE`].
    TooLong,
    /// It is not valid JSON.
    NotJson {
        /// The line of the first error, starting with 1.
        line: usize,
    },
    /// It is JSON, but not HAR.
    NoEntries,
    /// An entry has no request with a method and a URL, or no response with a status.
    Entry {
        /// The number of the entry, starting with 1.
        number: usize,
        /// What is missing.
        missing: &'static str,
    },
}

/// Reads the entries of a file, in the order in which their requests began.
///
/// The entries are parsed one by one. Besides the bytes of the file, only the entries are in memory.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, HarError> {
    if bytes.len() > LONGEST_FILE {
        return Err(HarError::TooLong);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut read, mut chains) = (Ok(Vec::new()), Chains::default());
    let parsed = walk(bytes, &mut |met| match met {
        Met::List => read = Ok(Vec::new()),
        Met::Entry(value) => {
            // After an invalid entry, the rest is still parsed, because invalid JSON is the more useful error.
            let Ok(entries) = &mut read else { return };
            match entry(value, &mut chains) {
                Ok(entry) => entries.push(entry),
                Err(missing) => read = Err(HarError::Entry { number: entries.len() + 1, missing }),
            }
        }
    });
    parsed.map_err(|error| match error.classify() {
        Category::Data => HarError::NoEntries,
        _ => HarError::NotJson { line: error.line() },
    })?;
    let mut entries = read?;
    if entries.iter().all(|entry| entry.number.is_some()) {
        entries.sort_by_key(|entry| entry.number);
    }
    Ok(entries)
}

fn entry(mut value: Value, chains: &mut Chains) -> Result<Entry, &'static str> {
    let end = end(taken(&mut value, "_end"));
    let request = request(taken(&mut value, "request"))?;
    let response = response(taken(&mut value, "response"), &request.method)?;
    let end = match (&response, end) {
        // Browsers write such entries for requests that failed.
        (None, End::Whole) => {
            End::Failed(Failure { kind: FailureKind::Connect, sentence: String::new(), limit: Duration::ZERO })
        }
        (_, end) => end,
    };
    Ok(Entry {
        number: value["_number"].as_u64(),
        base_url: text(&mut value, "_baseUrl"),
        started: SystemTime::UNIX_EPOCH,
        request,
        response,
        timings: timings(&value["timings"]),
        tls: chains.read(taken(&mut value, "_securityDetails")),
        end,
    })
}

fn request(mut value: Value) -> Result<Request, &'static str> {
    let method = text(&mut value, "method");
    if method.is_empty() {
        return Err("request's method");
    }
    let url = text(&mut value, "url");
    if url.is_empty() {
        return Err("request's URL");
    }
    let size = value["bodySize"].as_u64().unwrap_or_default();
    let headers = headers(taken(&mut value, "headers"));
    Ok(Request { method, url, headers, body: post_data(taken(&mut value, "postData"), size) })
}

fn post_data(mut value: Value, size: u64) -> Option<Content> {
    let mime = text(&mut value, "mimeType");
    if let Value::String(text) = taken(&mut value, "text") {
        return Some(match decoded(text, &value["_encoding"]) {
            Some(bytes) => Content::of(mime, bytes),
            None => Content::left_out(mime, size),
        });
    }
    if let Value::Array(params) = taken(&mut value, "params")
        && !params.is_empty()
    {
        let pairs = params.into_iter().map(|mut pair| (text(&mut pair, "name"), text(&mut pair, "value")));
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        return Some(Content::of(mime, form.into_bytes()));
    }
    value.is_object().then(|| Content::left_out(mime, size))
}

fn response(mut value: Value, method: &str) -> Result<Option<Response>, &'static str> {
    let status = value["status"].as_u64().ok_or("response's status")?;
    if status == 0 {
        return Ok(None);
    }
    let Some(status) = u16::try_from(status).ok().filter(|status| *status == 101 || (200..1000).contains(status))
    else {
        return Err("response's status from 200 to 999");
    };
    let mut content = taken(&mut value, "content");
    let size = content["size"].as_u64().unwrap_or_default();
    let mime = text(&mut content, "mimeType");
    let bytes = match taken(&mut content, "text") {
        Value::String(text) => decoded(text, &content["encoding"]),
        // Without a size, it is not known whether there was a body.
        _ => (size == 0 || method == "HEAD").then(Vec::new),
    };
    Ok(Some(Response {
        status,
        reason: text(&mut value, "statusText"),
        headers: headers(taken(&mut value, "headers")),
        content: Content { mime, size, bytes },
        wire_size: value["bodySize"].as_u64(),
    }))
}

fn decoded(mut text: String, encoding: &Value) -> Option<Vec<u8>> {
    if encoding.as_str() != Some("base64") {
        return Some(text.into_bytes());
    }
    text.retain(|character| !character.is_ascii_whitespace());
    BASE64_STANDARD.decode(text).ok()
}

fn headers(value: Value) -> Vec<(String, String)> {
    let Value::Array(fields) = value else { return Vec::new() };
    let fields = fields.into_iter().map(|mut field| (text(&mut field, "name"), text(&mut field, "value")));
    fields.filter(|(name, _)| !name.is_empty()).collect()
}

fn end(mut value: Value) -> End {
    match value["kind"].as_str() {
        None => End::Whole,
        Some("given up") => End::GivenUp,
        Some("packed") => End::Packed,
        Some(name) => End::Failed(Failure {
            kind: FailureKind::named(name).unwrap_or(FailureKind::Reset),
            limit: duration(value["limit"].as_f64().unwrap_or_default() * 1000.0),
            sentence: text(&mut value, "sentence"),
        }),
    }
}

fn timings(value: &Value) -> Timings {
    let phase = |name: &str| value[name].as_f64().filter(|millis| *millis >= 0.0).map(duration);
    Timings {
        dns: phase("dns"),
        connect: phase("connect"),
        tls: phase("ssl"),
        send: phase("send").unwrap_or_default(),
        wait: phase("wait").unwrap_or_default(),
        receive: phase("receive").unwrap_or_default(),
    }
}

fn duration(millis: f64) -> Duration {
    let millis = if millis.is_finite() { millis.clamp(0.0, LONGEST_TIME) } else { 0.0 };
    Duration::from_secs_f64(millis / 1000.0)
}

/// Takes a member out of the value. Returns null if there is none.
fn taken(value: &mut Value, name: &str) -> Value {
    value.get_mut(name).map(Value::take).unwrap_or_default()
}

/// Takes a text out of the value. Returns an empty text if there is none.
fn text(value: &mut Value, name: &str) -> String {
    match taken(value, name) {
        Value::String(text) => text,
        _ => String::new(),
    }
}

impl fmt::Display for HarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "is longer than {} MiB; remove some entries", LONGEST_FILE >> 20),
            Self::NotJson { line } => {
                write!(f, "is damaged: it is not valid JSON from line {line} on; record it again")
            }
            Self::NoEntries => {
                f.write_str("is not a HAR file: it has no list log.entries; use a file in the format HAR 1.2")
            }
            Self::Entry { number, missing } => {
                write!(f, "is damaged: its entry {number} has no {missing}; correct it, or record it again")
            }
        }
    }
}

impl std::error::Error for HarError {}
