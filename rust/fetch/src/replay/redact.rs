//! Takes what is secret out of an exchange: credentials, cookies, and the values of names that are ones of secrets. What was found in one
//! place is replaced in all of them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::fields::{self, Found};
use super::multipart;
use super::names::{Secrecy, secrecy};
use super::secrets::{MARK, Secrets};
use crate::har::{Content, End, Entry, Request, Response};
use crate::header_line::ContentType;

/// Redacts an exchange. Secrets of earlier ones are replaced in it too, and its own are remembered.
pub(super) fn entry(entry: &mut Entry, secrets: &mut Secrets) {
    let lengths = |entry: &Entry| {
        let sent = entry.request.body.as_ref().and_then(|body| Some(body.bytes.as_ref()?.len()));
        let received = entry.response.as_ref().and_then(|response| Some(response.content.bytes.as_ref()?.len()));
        (sent, received)
    };
    let before = lengths(entry);
    // All are found before any is replaced: an answer may tell what the request has already used.
    find_in_request(&mut entry.request, secrets);
    if let Some(response) = &mut entry.response {
        find_in_response(response, secrets);
    }
    replace_in_request(&mut entry.request, secrets);
    if let Some(response) = &mut entry.response {
        replace_in_response(response, secrets);
    }
    secrets.replace_in(&mut entry.base_url);
    if let End::Failed(failure) = &mut entry.end {
        secrets.replace_in(&mut failure.sentence);
    }
    // The length of a body tells that of a secret in it.
    let after = lengths(entry);
    if let Some(len) = after.0.filter(|_| after.0 != before.0) {
        set_length(&mut entry.request.headers, before.0, len);
    }
    if let (Some(len), Some(response)) = (after.1.filter(|_| after.1 != before.1), &mut entry.response) {
        set_length(&mut response.headers, before.1, len);
        response.wire_size = None;
    }
}

/// Sets the length that the headers say, if it is that of the body as it was.
fn set_length(headers: &mut [(String, String)], before: Option<usize>, len: usize) {
    let lengths = headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("Content-Length"));
    for (_, value) in lengths.filter(|(_, value)| value.parse().ok() == before) {
        *value = len.to_string();
    }
}

/// The same for a request that has no answer yet.
pub(super) fn request(request: &mut Request, secrets: &mut Secrets) {
    find_in_request(request, secrets);
    replace_in_request(request, secrets);
}

fn find_in_request(request: &mut Request, secrets: &mut Secrets) {
    redact_text(&mut request.url, Text { sent: true, is_json: false, is_form: false }, secrets);
    request.headers.iter_mut().for_each(|header| redact_header(header, true, secrets));
    if let Some(body) = &mut request.body {
        redact_content(body, true, secrets);
    }
}

fn find_in_response(response: &mut Response, secrets: &mut Secrets) {
    response.headers.iter_mut().for_each(|header| redact_header(header, false, secrets));
    redact_content(&mut response.content, false, secrets);
}

fn replace_in_request(request: &mut Request, secrets: &Secrets) {
    secrets.replace_in(&mut request.url);
    request.headers.iter_mut().for_each(|(_, value)| secrets.replace_in(value));
    if let Some(body) = &mut request.body {
        replace_in_content(body, secrets);
    }
}

fn replace_in_response(response: &mut Response, secrets: &Secrets) {
    secrets.replace_in(&mut response.reason);
    response.headers.iter_mut().for_each(|(_, value)| secrets.replace_in(value));
    replace_in_content(&mut response.content, secrets);
}

fn replace_in_content(content: &mut Content, secrets: &Secrets) {
    if let Some(bytes) = &mut content.bytes {
        *bytes = secrets.replace(bytes);
    }
}

fn redact_header((name, value): &mut (String, String), sent: bool, secrets: &mut Secrets) {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if is("Authorization") || is("Proxy-Authorization") {
        find_credentials(value, secrets);
        MARK.clone_into(value);
    } else if is("Cookie") {
        *value = value.split(';').map(|pair| redacted_pair(pair, secrets)).collect::<Vec<_>>().join(";");
    } else if is("Set-Cookie") {
        // Browsers write several as lines of one value.
        let redacted = value.split('\n').map(|cookie| {
            let (pair, attributes) = cookie.split_at(cookie.find(';').unwrap_or(cookie.len()));
            redacted_pair(pair, secrets) + attributes
        });
        *value = redacted.collect::<Vec<_>>().join("\n");
    } else if secrecy(name) >= Secrecy::Value {
        secrets.add(value);
        MARK.clone_into(value);
    } else {
        redact_text(value, Text { sent, is_json: false, is_form: false }, secrets);
    }
}

/// `Bearer TOKEN`, and the password in `Basic BASE64`.
fn find_credentials(value: &str, secrets: &mut Secrets) {
    let (scheme, rest) = value.trim().split_once(' ').unwrap_or(("", value));
    secrets.add(rest);
    if !scheme.eq_ignore_ascii_case("Basic") {
        return;
    }
    let decoded = BASE64_STANDARD.decode(rest.trim()).unwrap_or_default();
    let decoded = String::from_utf8_lossy(&decoded);
    secrets.add(&decoded);
    if let Some((_, password)) = decoded.split_once(':') {
        secrets.add(password);
    }
}

fn redacted_pair(pair: &str, secrets: &mut Secrets) -> String {
    let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
    let value = value.trim();
    secrets.add(value);
    secrets.add(value.trim_matches('"'));
    secrets.add(&fields::percent_decoded(value));
    if value.is_empty() { pair.to_owned() } else { format!("{name}={MARK}") }
}

fn redact_content(content: &mut Content, sent: bool, secrets: &mut Secrets) {
    let Some(bytes) = content.bytes.as_mut().filter(|bytes| !bytes.is_empty()) else { return };
    let Some(boundary) = multipart::boundary(&content.mime, bytes) else {
        let text = Text { sent, is_json: true, is_form: is_form(&content.mime, bytes) };
        return redact_bytes(bytes, text, secrets);
    };
    let least = if sent { Secrecy::WhereSent } else { Secrecy::Value };
    // From the last on: the places of those before stay.
    for part in multipart::parts(bytes, &boundary).into_iter().rev() {
        let mut value = bytes[part.content.clone()].to_vec();
        if secrecy(&part.name) >= least && !value.is_empty() {
            let text = String::from_utf8_lossy(&value);
            secrets.add(&text);
            // Forms write line ends in their own way.
            secrets.add(&text.replace("\r\n", "\n"));
            value = MARK.into();
        } else {
            redact_bytes(&mut value, Text { sent, is_json: true, is_form: false }, secrets);
        }
        bytes.splice(part.content, value);
    }
}

/// Whether a body is a form like `a=b&c=d`, also where nothing says so.
fn is_form(mime: &str, bytes: &[u8]) -> bool {
    let is_of_form = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'<' | b'"' | b'?' | b':' | b'/');
    ContentType::read(mime).is("application/x-www-form-urlencoded")
        || mime.is_empty() && bytes.contains(&b'=') && bytes.iter().all(is_of_form)
}

/// What a text is looked through for, beside URLs.
#[derive(Clone, Copy)]
struct Text {
    /// It is of this side.
    sent: bool,
    is_json: bool,
    is_form: bool,
}

/// What is no text has no fields.
fn redact_bytes(bytes: &mut Vec<u8>, text: Text, secrets: &mut Secrets) {
    if let Ok(mut string) = String::from_utf8(std::mem::take(bytes)).map_err(|error| *bytes = error.into_bytes()) {
        redact_text(&mut string, text, secrets);
        *bytes = string.into_bytes();
    }
}

fn redact_text(text: &mut String, how: Text, secrets: &mut Secrets) {
    if how.is_json {
        let found = fields::of_json(text, how.sent);
        redact_found(text, found, secrets);
    }
    let found = fields::of_user_info(text);
    redact_found(text, found, secrets);
    let found = fields::of_query(text, how.is_form);
    redact_found(text, found, secrets);
}

fn redact_found(text: &mut String, mut found: Vec<Found>, secrets: &mut Secrets) {
    found.iter().for_each(|found| secrets.add(&found.value));
    found.retain(|found| !found.place.is_empty());
    if found.is_empty() {
        return;
    }
    found.sort_by_key(|found| found.place.start);
    let (mut redacted, mut done) = (String::with_capacity(text.len()), 0);
    for found in found.iter().filter(|found| found.value != MARK) {
        if found.place.start < done {
            continue;
        }
        redacted.push_str(&text[done..found.place.start]);
        let quote = if found.is_bare { "\"" } else { "" };
        redacted.extend([quote, MARK, quote]);
        done = found.place.end;
    }
    redacted.push_str(&text[done..]);
    *text = redacted;
}
