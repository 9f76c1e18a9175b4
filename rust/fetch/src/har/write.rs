//! Converts entries to text. A file consists of [`HEAD`], the entries with commas between them, and [`TAIL`].

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::tls::Chains;
use super::{Content, End, Entry, Timings, date};

/// The text before the entries.
pub(crate) const HEAD: &str = concat!(
    "{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"HTTPClientRust\",\"version\":\"",
    env!("CARGO_PKG_VERSION"),
    "\"},\"entries\":["
);
/// The text after the entries.
pub(crate) const TAIL: &str = "\n]}}\n";

/// Returns the text of one entry, on one line. `chains` contains the certificates of the earlier entries.
pub(crate) fn entry_text(entry: &Entry, chains: &mut Chains) -> String {
    let mut members = Map::new();
    members.extend(entry.number.map(|number| ("_number".to_owned(), number.into())));
    if !entry.base_url.is_empty() {
        members.insert("_baseUrl".to_owned(), entry.base_url.as_str().into());
    }
    members.insert("startedDateTime".to_owned(), date::text(entry.started).into());
    members.insert("time".to_owned(), whole_time(&entry.timings).into());
    members.insert("request".to_owned(), request(entry));
    members.insert("response".to_owned(), response(entry));
    members.insert("cache".to_owned(), json!({}));
    members.insert("timings".to_owned(), timings(&entry.timings));
    members.extend(entry.tls.as_ref().map(|tls| ("_securityDetails".to_owned(), chains.write(tls))));
    let end = match &entry.end {
        End::Whole => None,
        End::GivenUp => Some(json!({"kind": "given up"})),
        End::Packed => Some(json!({"kind": "packed"})),
        End::Failed(failure) => {
            let (kind, limit) = (failure.kind.name(), failure.limit.as_secs_f64());
            Some(json!({"kind": kind, "sentence": failure.sentence, "limit": limit}))
        }
    };
    members.extend(end.map(|end| ("_end".to_owned(), end)));
    Value::Object(members).to_string()
}

fn request(entry: &Entry) -> Value {
    let request = &entry.request;
    let query = request.url.split('#').next().unwrap_or_default().split_once('?').map_or("", |(_, query)| query);
    let query: Vec<Value> = url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let mut written = json!({
        "method": request.method,
        "url": request.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&request.headers),
        "queryString": query,
        "headersSize": -1,
        "bodySize": request.body.as_ref().map_or(0, size),
    });
    if let Some(body) = &request.body {
        let mut post_data = json!({"mimeType": body.mime, "text": ""});
        put(&mut post_data, body, "_encoding");
        written["postData"] = post_data;
    }
    written
}

fn response(entry: &Entry) -> Value {
    let nothing = super::Response::default();
    let response = entry.response.as_ref().unwrap_or(&nothing);
    let location = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Location"));
    let mut content = json!({"size": size(&response.content), "mimeType": response.content.mime});
    put(&mut content, &response.content, "encoding");
    json!({
        "status": response.status,
        "statusText": response.reason,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&response.headers),
        "content": content,
        "redirectURL": location.map_or("", |(_, value)| value),
        "headersSize": -1,
        "bodySize": response.wire_size.and_then(|size| i64::try_from(size).ok()).unwrap_or(-1),
    })
}

/// Returns the size of the bytes that are there, which may be redacted, or else the original size.
fn size(content: &Content) -> u64 {
    content.bytes.as_ref().map_or(content.size, |bytes| bytes.len() as u64)
}

/// Writes the body as text if it is UTF-8, and otherwise as base64.
fn put(into: &mut Value, content: &Content, encoding: &str) {
    match content.bytes.as_deref().map(std::str::from_utf8) {
        Some(Ok(text)) => into["text"] = text.into(),
        Some(Err(_)) => {
            into["text"] = BASE64_STANDARD.encode(content.bytes.as_deref().unwrap_or_default()).into();
            into[encoding] = "base64".into();
        }
        None => {
            if let Some(members) = into.as_object_mut() {
                members.remove("text");
            }
            into["comment"] = "The body is too long to be kept.".into();
        }
    }
}

fn headers(headers: &[(String, String)]) -> Value {
    headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn timings(timings: &Timings) -> Value {
    let or_none = |phase: Option<Duration>| phase.map_or(-1.0, in_millis);
    json!({
        "blocked": -1,
        "dns": or_none(timings.dns),
        "connect": or_none(timings.connect),
        "ssl": or_none(timings.tls),
        "send": in_millis(timings.send),
        "wait": in_millis(timings.wait),
        "receive": in_millis(timings.receive),
    })
}

fn whole_time(timings: &Timings) -> f64 {
    let connecting = timings.dns.unwrap_or_default() + timings.connect.unwrap_or_default();
    in_millis(connecting + timings.send + timings.wait + timings.receive)
}

fn in_millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}
