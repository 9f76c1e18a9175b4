//! Takes what is secret out of an exchange: credentials, cookies, and the values of names that are ones of secrets. What was found in one
//! place is replaced in all of them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::fields::{self, Found};
use super::multipart;
use super::names::{Secrecy, secrecy};
use super::record;
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
    redact_text(&mut entry.base_url, OF_URL, secrets);
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

/// The same for a request that has no answer yet, and for the base URL of its session.
pub(super) fn request(request: &mut Request, base_url: &mut String, secrets: &mut Secrets) {
    redact_text(base_url, OF_URL, secrets);
    find_in_request(request, secrets);
    replace_in_request(request, secrets);
    secrets.replace_in(base_url);
}

fn find_in_request(request: &mut Request, secrets: &mut Secrets) {
    unpack(request);
    redact_text(&mut request.url, OF_URL, secrets);
    request.headers.iter_mut().for_each(|header| redact_header(header, true, secrets));
    if let Some(body) = &mut request.body {
        redact_content(body, true, secrets);
    }
}

/// A body that this side has packed would hide what is in it, and not be compared by what it says.
fn unpack(request: &mut Request) {
    let Request { headers, body: Some(Content { bytes: Some(bytes), size, .. }), .. } = request else { return };
    let codings = record::codings_of(headers);
    // What is unpacked already cannot be again.
    if !codings.is_empty()
        && let Ok(unpacked) = record::unpack(&codings, bytes, true)
    {
        (*size, *bytes) = (unpacked.len() as u64, unpacked);
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
    // One without a name is all value (RFC 6265bis §5.6).
    let (name, value) = pair.split_once('=').map_or((None, pair), |(name, value)| (Some(name), value));
    let value = value.trim();
    secrets.add(value);
    secrets.add(value.trim_matches('"'));
    secrets.add(&fields::percent_decoded(value));
    match name {
        _ if value.is_empty() => pair.to_owned(),
        Some(name) => format!("{name}={MARK}"),
        None => MARK.to_owned(),
    }
}

fn redact_content(content: &mut Content, sent: bool, secrets: &mut Secrets) {
    let Some(bytes) = content.bytes.as_mut().filter(|bytes| !bytes.is_empty()) else { return };
    let Some(boundary) = multipart::boundary(&content.mime, bytes) else {
        let text = Text { sent, is_json: true, is_form: is_form(&content.mime, bytes) };
        return redact_bytes(bytes, &content.mime, text, secrets);
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
            redact_bytes(&mut value, "", Text { sent, is_json: true, is_form: false }, secrets);
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

const OF_URL: Text = Text { sent: true, is_json: false, is_form: false };

/// What is no text has no fields. `mime` says whether it is meant to be one, whatever its characters are.
fn redact_bytes(bytes: &mut Vec<u8>, mime: &str, text: Text, secrets: &mut Secrets) {
    match String::from_utf8(std::mem::take(bytes)) {
        Ok(mut string) => {
            redact_text(&mut string, text, secrets);
            *bytes = string.into_bytes();
        }
        // One that was cut off in the middle of a character is a text too.
        Err(error) if is_text(mime) || error.utf8_error().error_len().is_none() => {
            let mut string = as_text(error.as_bytes());
            redact_text(&mut string, text, secrets);
            *bytes = from_text(&string);
        }
        Err(error) => *bytes = error.into_bytes(),
    }
}

fn is_text(mime: &str) -> bool {
    let mime = mime.to_ascii_lowercase();
    mime.starts_with("text/")
        || ["json", "xml", "x-www-form-urlencoded", "javascript"].iter().any(|of| mime.contains(of))
}

/// The characters that stand for bytes which are none, such as those of Latin-1: the last ones of a plane that nobody uses.
const NOT_UTF8: u32 = 0x10_ff00;

/// Bytes as a text from which [`from_text`] makes the same bytes again.
fn as_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let stand_in = |byte: &u8| char::from_u32(NOT_UTF8 + u32::from(*byte)).unwrap_or_default();
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match u32::from(character) >= NOT_UTF8 {
                true => text.extend(character.encode_utf8(&mut [0; 4]).as_bytes().iter().map(stand_in)),
                false => text.push(character),
            }
        }
        text.extend(chunk.invalid().iter().map(stand_in));
    }
    text
}

fn from_text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match u32::from(character).checked_sub(NOT_UTF8).map(u8::try_from) {
            Some(Ok(byte)) => bytes.push(byte),
            _ => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_request_that_was_packed_is_unpacked_and_redacted_and_stays_so() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(br#"{"a":1,"password":"packed-s3cret"}"#).unwrap();
        let body = Some(Content::of("application/json", encoder.finish().unwrap()));
        let headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
        let mut packed = Request { method: "POST".to_owned(), url: "http://a/".to_owned(), headers, body };
        for _ in 0..2 {
            request(&mut packed, &mut String::new(), &mut Secrets::default());
            let body = packed.body.clone().unwrap();
            let text = String::from_utf8(body.bytes.unwrap()).unwrap();
            assert_eq!(text, r#"{"a":1,"password":"[redacted]"}"#);
        }
    }
}
