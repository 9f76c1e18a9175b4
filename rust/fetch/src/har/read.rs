//! Reads HAR files of any program. Unknown members are ignored, and optional ones can be missing.

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::{Content, End, Entry, Failure, FailureKind, Request, Response, Timings};

/// The maximum size of a file, in bytes.
pub const LONGEST_FILE: usize = 512 << 20;

/// Times are no longer than this, whatever a file says.
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
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, HarError> {
    if bytes.len() > LONGEST_FILE {
        return Err(HarError::TooLong);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let file: Value = serde_json::from_slice(bytes).map_err(|error| HarError::NotJson { line: error.line() })?;
    let entries = file["log"]["entries"].as_array().ok_or(HarError::NoEntries)?;
    let numbered = entries.iter().enumerate();
    let mut read: Vec<Entry> = numbered
        .map(|(at, value)| entry(value).map_err(|missing| HarError::Entry { number: at + 1, missing }))
        .collect::<Result<_, _>>()?;
    if read.iter().all(|entry| entry.number.is_some()) {
        read.sort_by_key(|entry| entry.number);
    }
    Ok(read)
}

fn entry(value: &Value) -> Result<Entry, &'static str> {
    let end = end(&value["_end"]);
    let request = request(&value["request"])?;
    let response = response(&value["response"], &request.method)?;
    let end = match (&response, end) {
        // What browsers write of a request that came to nothing.
        (None, End::Whole) => {
            End::Failed(Failure { kind: FailureKind::Connect, sentence: String::new(), limit: Duration::ZERO })
        }
        (_, end) => end,
    };
    Ok(Entry {
        number: value["_number"].as_u64(),
        base_url: text(&value["_baseUrl"]),
        started: SystemTime::UNIX_EPOCH,
        request,
        response,
        timings: timings(&value["timings"]),
        end,
    })
}

fn request(value: &Value) -> Result<Request, &'static str> {
    let method = text(&value["method"]);
    if method.is_empty() {
        return Err("request's method");
    }
    let url = text(&value["url"]);
    if url.is_empty() {
        return Err("request's URL");
    }
    let size = value["bodySize"].as_u64().unwrap_or_default();
    Ok(Request { method, url, headers: headers(&value["headers"]), body: post_data(&value["postData"], size) })
}

fn post_data(value: &Value, size: u64) -> Option<Content> {
    let mime = text(&value["mimeType"]);
    if let Some(text) = value["text"].as_str() {
        return Some(match decoded(text, &value["_encoding"]) {
            Some(bytes) => Content::of(mime, bytes),
            None => Content::left_out(mime, size),
        });
    }
    if let Some(params) = value["params"].as_array().filter(|params| !params.is_empty()) {
        let pairs = params.iter().map(|pair| (text(&pair["name"]), text(&pair["value"])));
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        return Some(Content::of(mime, form.into_bytes()));
    }
    value.is_object().then(|| Content::left_out(mime, size))
}

fn response(value: &Value, method: &str) -> Result<Option<Response>, &'static str> {
    let status = value["status"].as_u64().ok_or("response's status")?;
    if status == 0 {
        return Ok(None);
    }
    let Some(status) = u16::try_from(status).ok().filter(|status| *status == 101 || (200..1000).contains(status))
    else {
        return Err("response's status from 200 to 999");
    };
    let content = &value["content"];
    let size = content["size"].as_u64().unwrap_or_default();
    let mime = text(&content["mimeType"]);
    let bytes = match content["text"].as_str() {
        Some(text) => decoded(text, &content["encoding"]),
        // Without a size nobody knows whether there was a body.
        None => (size == 0 || method == "HEAD").then(Vec::new),
    };
    Ok(Some(Response {
        status,
        reason: text(&value["statusText"]),
        headers: headers(&value["headers"]),
        content: Content { mime, size, bytes },
        wire_size: value["bodySize"].as_u64(),
    }))
}

fn decoded(text: &str, encoding: &Value) -> Option<Vec<u8>> {
    match encoding.as_str() {
        Some("base64") => {
            let text: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
            BASE64_STANDARD.decode(text).ok()
        }
        _ => Some(text.as_bytes().to_vec()),
    }
}

fn headers(value: &Value) -> Vec<(String, String)> {
    let fields = value.as_array().into_iter().flatten();
    fields.map(|field| (text(&field["name"]), text(&field["value"]))).filter(|(name, _)| !name.is_empty()).collect()
}

fn end(value: &Value) -> End {
    match value["kind"].as_str() {
        None => End::Whole,
        Some("given up") => End::GivenUp,
        Some("packed") => End::Packed,
        Some(name) => End::Failed(Failure {
            kind: FailureKind::named(name).unwrap_or(FailureKind::Reset),
            sentence: text(&value["sentence"]),
            limit: duration(value["limit"].as_f64().unwrap_or_default() * 1000.0),
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

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
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
