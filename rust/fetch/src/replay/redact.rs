//! Removes secrets from an exchange: credentials, cookies, and values with secret names. A secret that was found in one place is replaced
//! everywhere.

use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::fields::{self, Found};
use super::multipart;
use super::names::{Secrecy, secrecy};
use super::record;
use super::secrets::{MARK, Secrets};
use super::xml;
use crate::har::{Content, End, Entry, Request, Response};
use crate::header_line::ContentType;

/// Tokens are shorter than this, in bytes.
const LONGEST_TOKEN: usize = 16 << 10;

/// Redacts an exchange. Secrets of earlier exchanges are replaced in it too, and its own are remembered.
pub(super) fn entry(entry: &mut Entry, secrets: &mut Secrets) {
    let lengths = |entry: &Entry| {
        let sent = entry.request.body.as_ref().and_then(|body| Some(body.bytes.as_ref()?.len()));
        let received = entry.response.as_ref().and_then(|response| Some(response.content.bytes.as_ref()?.len()));
        (sent, received)
    };
    let before = lengths(entry);
    // Find all secrets before replacing any: a response can reveal a secret that the request already contains.
    redact_text(&mut entry.base_url, Text::URL, secrets);
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
    // The original length of a body would reveal the length of a secret in it.
    let after = lengths(entry);
    if let Some(len) = after.0.filter(|_| after.0 != before.0) {
        set_length(&mut entry.request.headers, before.0, len);
    }
    if let (Some(len), Some(response)) = (after.1.filter(|_| after.1 != before.1), &mut entry.response) {
        set_length(&mut response.headers, before.1, len);
        response.wire_size = None;
    }
}

/// Sets the length in the headers, if it was the original length of the body.
fn set_length(headers: &mut [(String, String)], before: Option<usize>, len: usize) {
    let lengths = headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case("Content-Length"));
    for (_, value) in lengths.filter(|(_, value)| value.parse().ok() == before) {
        *value = len.to_string();
    }
}

/// Does the same for a request without a response, and for the base URL of its session.
pub(super) fn request(request: &mut Request, base_url: &mut String, secrets: &mut Secrets) {
    redact_text(base_url, Text::URL, secrets);
    find_in_request(request, secrets);
    replace_in_request(request, secrets);
    secrets.replace_in(base_url);
}

fn find_in_request(request: &mut Request, secrets: &mut Secrets) {
    unpack(request);
    redact_text(&mut request.url, Text::URL, secrets);
    request.headers.iter_mut().for_each(|header| redact_header(header, true, secrets));
    if let Some(body) = &mut request.body {
        redact_content(body, true, secrets);
    }
}

/// Decompresses a body that this side compressed. Otherwise, its secrets would not be found, and its content could not be compared.
fn unpack(request: &mut Request) {
    let Request { headers, body: Some(Content { bytes: Some(bytes), size, .. }), .. } = request else { return };
    let codings = record::codings_of(headers);
    // This fails if the body is already decompressed.
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
        // Browsers write several cookies as lines of one value.
        let redacted = value.split('\n').map(|cookie| {
            let (pair, attributes) = cookie.split_at(cookie.find(';').unwrap_or(cookie.len()));
            redacted_pair(pair, secrets) + attributes
        });
        *value = redacted.collect::<Vec<_>>().join("\n");
    } else if secrecy(name).hides(value, false) || has_credentials(value) {
        find_credentials(value, secrets);
        MARK.clone_into(value);
    } else {
        redact_text(value, Text { sent, what: What::Line }, secrets);
    }
}

/// Returns whether a value is `Bearer TOKEN` or `Basic BASE64`, in any header.
fn has_credentials(value: &str) -> bool {
    let Some((scheme, rest)) = value.split_once(' ') else { return false };
    let is_token = rest.len() >= 8 && rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    let has_user = || BASE64_STANDARD.decode(rest).is_ok_and(|decoded| decoded.contains(&b':'));
    is_token && (scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("Basic") && has_user())
}

/// Adds the whole value, the token of `Bearer TOKEN`, and the password in `Basic BASE64`.
fn find_credentials(value: &str, secrets: &mut Secrets) {
    secrets.add(value);
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
    // A cookie without a name consists only of its value (RFC 6265bis §5.6).
    let (name, value) = match pair.split_once('=') {
        Some((name, value)) => (&pair[..=name.len()], value),
        None => (&pair[..pair.len() - pair.trim_start().len()], pair),
    };
    let value = value.trim();
    secrets.add(value);
    secrets.add(value.trim_matches('"'));
    secrets.add(&fields::percent_decoded(value));
    if value.is_empty() { pair.to_owned() } else { format!("{name}{MARK}") }
}

fn redact_content(content: &mut Content, sent: bool, secrets: &mut Secrets) {
    let Some(bytes) = content.bytes.as_mut().filter(|bytes| !bytes.is_empty()) else { return };
    let Some(boundary) = multipart::boundary(&content.mime, bytes) else {
        let what = if is_form(&content.mime, bytes) { What::Form } else { What::Body };
        return redact_bytes(bytes, Text { sent, what }, secrets);
    };
    let text = Text { sent, what: What::Body };
    let (mut redacted, mut done) = (Vec::with_capacity(bytes.len()), 0);
    let look_through = |place: Range<usize>, redacted: &mut Vec<u8>, secrets: &mut Secrets| {
        let mut piece = bytes[place].to_vec();
        redact_bytes(&mut piece, text, secrets);
        redacted.append(&mut piece);
    };
    for part in multipart::parts(bytes, &boundary) {
        // Text outside of the parts may be a part that cannot be read.
        look_through(done..part.content.start, &mut redacted, secrets);
        done = part.content.end;
        let named = secrecy(&part.name);
        // A long part is a file and not a token.
        let is_looked_at = named > Secrecy::IfToken || part.content.len() < LONGEST_TOKEN;
        let value = if is_looked_at { text_of(&bytes[part.content.clone()]) } else { String::new() };
        if !value.is_empty() && named.hides(&value, sent) {
            secrets.add(&value);
            // Forms convert line breaks.
            secrets.add(&value.replace("\r\n", "\n"));
            redacted.extend_from_slice(MARK.as_bytes());
        } else {
            look_through(part.content, &mut redacted, secrets);
        }
    }
    look_through(done..bytes.len(), &mut redacted, secrets);
    *bytes = redacted;
}

/// Returns whether a body is a form like `a=b&c=d`, even if no content type says so.
fn is_form(mime: &str, bytes: &[u8]) -> bool {
    let is_of_form = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'{' | b'<' | b'"' | b'?' | b':' | b'/');
    ContentType::read(mime).is("application/x-www-form-urlencoded")
        || mime.is_empty() && bytes.contains(&b'=') && bytes.iter().all(is_of_form)
}

/// The kind of a text that is searched.
#[derive(Clone, Copy)]
struct Text {
    /// Whether this side wrote it.
    sent: bool,
    what: What,
}

/// The format of a text. All except a URL may contain URLs.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Url,
    Line,
    Body,
    /// Like `a=b&c=d`.
    Form,
}

impl Text {
    const URL: Self = Self { sent: true, what: What::Url };
}

fn redact_bytes(bytes: &mut Vec<u8>, text: Text, secrets: &mut Secrets) {
    let (whole, is_utf8) = match std::str::from_utf8(bytes) {
        Ok(_) => (bytes.len(), true),
        // The text was cut off in the middle of a character.
        Err(error) if error.error_len().is_none() => (error.valid_up_to(), true),
        Err(_) => (bytes.len(), false),
    };
    let mut string = if is_utf8 { text_of(&bytes[..whole]) } else { latin1(bytes) };
    redact_text(&mut string, text, secrets);
    let mut redacted = if is_utf8 { string.into_bytes() } else { string.chars().map(|one| one as u8).collect() };
    redacted.extend_from_slice(&bytes[whole..]);
    *bytes = redacted;
}

/// Decodes bytes as UTF-8, or as Latin-1 if they are not UTF-8.
fn text_of(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| latin1(bytes), str::to_owned)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn redact_text(text: &mut String, how: Text, secrets: &mut Secrets) {
    if matches!(how.what, What::Body | What::Form) {
        let found = fields::of_json(text, how.sent);
        redact_found(text, found, secrets);
        let found = xml::of_xml(text, how.sent);
        redact_found(text, found, secrets);
    }
    let is_url = how.what == What::Url;
    let found = fields::of_user_info(text, is_url);
    redact_found(text, found, secrets);
    let found = fields::of_query(text, how.what == What::Form, is_url);
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

    fn redacted_header(name: &str, value: &str) -> (String, Secrets) {
        let (mut header, mut secrets) = ((name.to_owned(), value.to_owned()), Secrets::default());
        redact_header(&mut header, true, &mut secrets);
        (header.1, secrets)
    }

    fn redacted_body(mime: &str, body: &[u8]) -> Vec<u8> {
        let mut content = Content::of(mime, body.to_vec());
        redact_content(&mut content, true, &mut Secrets::default());
        content.bytes.unwrap()
    }

    #[test]
    fn the_password_and_the_key_in_a_base_url_are_in_no_place_of_an_entry() {
        let mut entry = Entry {
            number: None,
            base_url: "https://me:hunter2's@api.example/?api_key=x\"y-key".to_owned(),
            started: std::time::SystemTime::UNIX_EPOCH,
            request: Request { url: "https://api.example/a/x\"y-key".to_owned(), ..Request::default() },
            response: Some(Response { content: Content::of("", b"is hunter2's".to_vec()), ..Response::default() }),
            timings: crate::har::Timings::default(),
            tls: None,
            end: End::Whole,
        };
        super::entry(&mut entry, &mut Secrets::default());
        assert_eq!(entry.base_url, "https://[redacted]@api.example/?api_key=[redacted]");
        assert_eq!(entry.request.url, "https://api.example/a/[redacted]");
        assert_eq!(entry.response.unwrap().content.bytes.unwrap(), b"is [redacted]");
    }

    #[test]
    fn a_body_that_is_no_utf8_is_looked_through_and_else_stays_as_it_is() {
        for (body, expected) in [
            (
                &b"{\"name\":\"Zo\xeb\",\"access_token\":\"s3cret\"}"[..],
                &b"{\"name\":\"Zo\xeb\",\"access_token\":\"[redacted]\"}"[..],
            ),
            (b"{\"access_token\":\"s3cr\xe9t\"}", b"{\"access_token\":\"[redacted]\"}"),
            (
                "{\"access_token\":\"ä\",\"name\":\"Zoë".as_bytes().split_last().unwrap().1,
                b"{\"access_token\":\"[redacted]\",\"name\":\"Zo\xc3",
            ),
            (b"{\"access_token\":\"it ends he", b"{\"access_token\":\"[redacted]"),
            (b"\x89PNG\xff\0\x07", b"\x89PNG\xff\0\x07"),
        ] {
            assert_eq!(redacted_body("", body), expected, "{}", expected.escape_ascii());
        }
    }

    #[test]
    fn a_secret_that_latin1_wrote_is_found_where_it_stands_again() {
        let (mut bytes, mut secrets) = (b"{\"token\":\"s3cr\xe9t\"}".to_vec(), Secrets::default());
        redact_bytes(&mut bytes, Text { sent: true, what: What::Body }, &mut secrets);
        for again in [&b"<s3cr\xe9t>"[..], "<s3crét>".as_bytes()] {
            assert_eq!(secrets.replace(again), b"<[redacted]>");
        }
    }

    #[test]
    fn a_form_whose_parts_cannot_be_read_is_looked_through() {
        let form = |end: &str| {
            let lines = [
                "--b",
                "Content-Disposition: form-data; name=\"password\"",
                "",
                "s3cret-one",
                "--b",
                "Content-Disposition: form-data; name=\"a\"",
                "",
                "{\"token\":\"s3cret-two\"}",
                "--b--",
                "",
            ];
            lines.join(end)
        };
        for end in ["\r\n", "\n"] {
            for mime in ["multipart/form-data; boundary=b", "multipart/form-data; boundary=other", ""] {
                let whole = form(end);
                for len in (0..=whole.len())
                    .filter(|len| mime.is_empty() && *len > 9 || !mime.contains("other") || *len == whole.len())
                {
                    let redacted = String::from_utf8(redacted_body(mime, &whole.as_bytes()[..len])).unwrap();
                    assert!(!redacted.contains("s3c"), "{mime} {redacted}");
                }
                let expected = whole.replace("s3cret-one", MARK).replace("s3cret-two", MARK);
                assert_eq!(String::from_utf8(redacted_body(mime, whole.as_bytes())).unwrap(), expected, "{mime}");
            }
        }
        let around = "{\"token\":\"s3cret\"}\r\n--b\r\n\r\n\r\n--b--{\"token\":\"s3cret\"}";
        for mime in ["multipart/form-data; boundary=b", "multipart/mixed; boundary=nowhere"] {
            let redacted = String::from_utf8(redacted_body(mime, around.as_bytes())).unwrap();
            assert_eq!(redacted, around.replace("s3cret", MARK), "{mime}");
        }
    }

    #[test]
    fn a_cookie_without_a_name_is_redacted_whole() {
        for (name, value, expected) in [
            ("Set-Cookie", "8f3c77aa; Path=/", "[redacted]; Path=/"),
            ("Set-Cookie", "=8f3c77aa", "=[redacted]"),
            ("Cookie", "8f3c77aa", "[redacted]"),
            ("Cookie", "a=b; 8f3c77aa; ", "a=[redacted]; [redacted]; "),
        ] {
            let (redacted, secrets) = redacted_header(name, value);
            assert_eq!(redacted, expected);
            assert_eq!(secrets.replace(b"8f3c77aa"), MARK.as_bytes());
        }
    }

    #[test]
    fn what_stands_behind_a_scheme_in_any_secret_header_is_a_secret_of_its_own() {
        for name in ["Authorization", "Proxy-Authorization", "X-Authorization", "X-Api-Key"] {
            let (redacted, secrets) = redacted_header(name, "Bearer abc-s3cret");
            assert_eq!(redacted, MARK);
            assert_eq!(secrets.replace(b"abc-s3cret, Bearer abc-s3cret"), b"[redacted], [redacted]", "{name}");
            let (_, secrets) = redacted_header(name, "Basic em9lOnMzY3JldC1w");
            assert_eq!(secrets.replace(b"<s3cret-p>"), b"<[redacted]>", "{name}");
        }
    }

    /// The stand-in for web exports is tested with the same values in `test_web_replay.gd`.
    #[test]
    fn credentials_are_found_in_any_header() {
        let lists: serde_json::Value = serde_json::from_str(include_str!("../../tests/data/credentials.json")).unwrap();
        for (list, expected) in [("credentials", true), ("none", false)] {
            let values = lists[list].as_array().unwrap();
            assert!(values.len() > 2, "{list}");
            for value in values {
                assert_eq!(has_credentials(value.as_str().unwrap()), expected, "{value}");
            }
        }
    }

    #[test]
    fn a_secret_name_hides_its_value_in_each_place() {
        let value = "4f5cd2e0a9b84c3e7d";
        for name in
            ["password", "api_key", "X-Auth-Token", "csrf_token", "client_secret", "access", "refresh", "sessionid"]
        {
            let part = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n");
            for (mime, body) in [
                ("application/json", format!(r#"{{"a":[{{"b":{{"{name}":"{value}"}}}}]}}"#)),
                ("text/xml", format!("<a><b><{name}>{value}</{name}></b></a>")),
                ("text/html", format!("<form><input name=\"{name}\" value=\"{value}\"></form>")),
                ("application/x-www-form-urlencoded", format!("a=b&{name}={value}")),
                ("multipart/form-data; boundary=b", part),
                ("text/event-stream", format!("data: {{\"{name}\":\"{value}\"}}\n\n")),
            ] {
                let expected = body.replace(value, MARK);
                let redacted = String::from_utf8(redacted_body(mime, body.as_bytes())).unwrap();
                assert_eq!(redacted, expected, "{name} in {mime}");
            }
            let mut url = format!("https://a.example/b?c=d&{name}={value}#e");
            redact_text(&mut url, Text::URL, &mut Secrets::default());
            assert_eq!(url, format!("https://a.example/b?c=d&{name}={MARK}#e"));
            assert_eq!(redacted_header(name, value).0, MARK, "header {name}");
            assert_eq!(redacted_header("Cookie", &format!("{name}={value}")).0, format!("{name}={MARK}"));
            let cookie = redacted_header("Set-Cookie", &format!("{name}={value}; Path=/")).0;
            assert_eq!(cookie, format!("{name}={MARK}; Path=/"));
        }
        let web_token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";
        for header in [format!("Bearer {web_token}"), "Basic em9lOnMzY3JldC1w".to_owned(), web_token.to_owned()] {
            assert_eq!(redacted_header("X-Forwarded-Login", &header).0, MARK, "whatever it is called");
        }
        for (name, value) in
            [("Refresh", "5; url=/a"), ("Accept", "text/html"), ("X-Say", "Basic instincts"), ("Server", "a/1.2.3")]
        {
            assert_eq!(redacted_header(name, value).0, value);
        }
    }
}
