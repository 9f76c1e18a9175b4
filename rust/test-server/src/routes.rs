//! The common routes, independent of the server. `http` and `https` use their own code to send the answers, `hyper` and
//! `hyper_tls` use hyper.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION,
    SET_COOKIE, VARY,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::body::Pieces;
use crate::content::{LARGEST_BODY, LARGEST_TEXT, crc32_of_body, packed_text, picture};
use crate::head::{Query, RequestHead};
use crate::received::ReceivedBody;

/// The body of `/hello`.
pub(crate) const HELLO: &str = "Hello from the embedded server.\n";

pub(crate) const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
pub(crate) const BINARY: &str = "application/octet-stream";
const EVENTS: &str = "text/event-stream";

/// The limit of all fields that `/headers` sends, in bytes.
const HEADERS_LIMIT: usize = 16 << 20;

/// A page with every kind of link that an HTML parser might look for.
const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Embedded server</title>\
    </head>\n<body><h1>Embedded server</h1>\n<p><a href=\"/hello\">Hello</a> <img src=\"/image.png\" alt=\"A gradient\">\
    </p></body>\n</html>\n";

/// The answer of `/scores`, similar to that of a game's server.
const SCORES: &str = r#"{"season":7,"scores":[{"player":"Ada","score":1200,"level":14},{"player":"Grace","score":1130,"level":13},{"player":"Alan","score":980,"level":11}],"next":null}"#;

/// The answer of `/chat`, one word per event.
const CHAT: &str = "The old lighthouse has been dark for years.";

/// Creates the answer.
pub(crate) async fn answer(head: &RequestHead, body: &ReceivedBody) -> Response<Pieces> {
    let segments: Vec<&str> = head.path().split('/').skip(1).collect();
    let query = head.query();
    match segments[..] {
        ["hello"] => reply(TEXT, HELLO),
        ["slow"] => {
            sleep(query.millis("ms", 500)).await;
            reply(TEXT, HELLO)
        }
        ["json"] => {
            json_reply(&json!({"server": "embedded", "numbers": [1, 2.5, -3], "nested": {"ok": true, "none": null}}))
        }
        ["html"] => reply("text/html; charset=utf-8", PAGE),
        ["image.png"] => reply("image/png", picture(query.number("number", 0))),
        ["scores"] => {
            sleep(query.millis("ms", 0)).await;
            reply(JSON, SCORES)
        }
        ["chat"] => with_type(EVENTS, Pieces::chunks(words_as_events(), query.millis("delay_ms", 0))),
        ["empty"] => reply(TEXT, ""),
        ["echo"] => json_reply(&echo(head, body)),
        ["upload"] => json_reply(&body.receipt()),
        ["status", code] => status(code, &query),
        ["redirect"] => redirect(&query),
        ["bytes", length] => match parse_length(length) {
            Some(length) => with_type(BINARY, Pieces::repeated_block(length, query.millis("delay_ms", 0))),
            None => bad_length(),
        },
        ["crc", length] => match parse_length(length) {
            Some(length) => json_reply(&json!({"bytes": length, "crc32": crc32_of_body(length)})),
            None => bad_length(),
        },
        ["gzip", length] => match parse_length(length).filter(|length| *length <= LARGEST_TEXT).map(packed_text) {
            Some(Ok(packed)) => with_field(reply(TEXT, packed), CONTENT_ENCODING, "gzip"),
            Some(Err(_)) => error(StatusCode::INTERNAL_SERVER_ERROR, "it cannot be packed"),
            None => error(StatusCode::BAD_REQUEST, "the length must be a number from 0 to 2^28"),
        },
        ["stream"] => with_type(TEXT, Pieces::lines(query.number("lines", 5), query.millis("delay_ms", 100))),
        ["close"] => with_field(reply(TEXT, "This connection ends now.\n"), CONNECTION, "close"),
        ["headers", count] => many_fields(count, &query),
        ["set-cookies"] => two_cookies(),
        ["cacheable"] => cacheable(head, &query),
        ["chunked" | "until-close" | "small" | "file", length] if parse_length(length).is_none() => bad_length(),
        ["chunked" | "until-close" | "small" | "file", _]
        | ["trailers" | "early-hints" | "upgrade-echo" | "events"] => {
            error(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "this route needs HTTP/1.1, and a server that is not hyper")
        }
        // `OPTIONS *` asks about the server itself (RFC 9110, section 9.3.7).
        _ if head.target == "*" => {
            with_field(reply(TEXT, ""), ALLOW, "GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH")
        }
        _ => error(StatusCode::NOT_FOUND, "there is no such route; the crate's page has a table of them"),
    }
}

/// Parses a length in a route's path. `None` if it is not a number or greater than [`LARGEST_BODY`].
pub(crate) fn parse_length(text: &str) -> Option<u64> {
    text.parse().ok().filter(|&length| length <= LARGEST_BODY)
}

fn echo(head: &RequestHead, body: &ReceivedBody) -> Value {
    json!({
        "method": head.method,
        "target": head.target,
        "version": head.version,
        "headers": head.fields,
        "body_length": body.length,
        "body_crc32": body.crc32,
        "body_text": body.kept.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()),
    })
}

/// Server-sent events like those of a language model: one event per word, and one at the end.
fn words_as_events() -> Vec<Bytes> {
    let words = CHAT.split_inclusive(' ').map(|word| json!({"word": word}).to_string());
    let events = words.enumerate().map(|(index, data)| format!("event: word\nid: {}\ndata: {data}\n\n", index + 1));
    events.chain(["event: done\ndata: {}\n\n".to_owned()]).map(Bytes::from).collect()
}

fn status(code: &str, query: &Query) -> Response<Pieces> {
    let status = StatusCode::from_bytes(code.as_bytes()).ok().filter(|code| !code.is_informational());
    let Some(status) = status else {
        return error(StatusCode::BAD_REQUEST, "the status must be a number from 200 to 999");
    };
    let bodyless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let mut response = if bodyless {
        Response::new(Pieces::whole(""))
    } else if query.number("body", 1) == 1 {
        reply(TEXT, format!("{} {}\n", status.as_str(), status.canonical_reason().unwrap_or("Unknown")))
    } else {
        reply(TEXT, "")
    };
    *response.status_mut() = status;
    response
}

fn redirect(query: &Query) -> Response<Pieces> {
    let Ok(location) = HeaderValue::from_str(query.text("to").unwrap_or("/hello")) else {
        return error(StatusCode::BAD_REQUEST, "\"to\" cannot stand in a field");
    };
    let mut response = reply(TEXT, "It is elsewhere.\n");
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, location);
    response
}

fn many_fields(count: &str, query: &Query) -> Response<Pieces> {
    let size = query.number("size", 20_usize);
    let count = count.parse::<usize>().ok().filter(|&count| count <= 20_000);
    let Some(count) = count.filter(|&count| count.saturating_mul(size) <= HEADERS_LIMIT) else {
        return error(StatusCode::BAD_REQUEST, "at most 20000 fields, and at most 16 MiB of them");
    };
    let value = HeaderValue::from_maybe_shared(Bytes::from("v".repeat(size))).expect("letters are a value");
    let mut response = reply(TEXT, HELLO);
    for number in 1..=count {
        let name = HeaderName::try_from(format!("x-field-{number}")).expect("letters and digits are a name");
        response.headers_mut().insert(name, value.clone());
    }
    response
}

fn two_cookies() -> Response<Pieces> {
    let mut response = reply(TEXT, HELLO);
    for cookie in ["session=abc123; Path=/; HttpOnly", "theme=dark; Path=/; Expires=Wed, 01 Jan 2048 00:00:00 GMT"] {
        response.headers_mut().append(SET_COOKIE, HeaderValue::from_static(cookie));
    }
    response
}

/// Each answer has a different body, so that a test can tell a cached body from a new one.
fn cacheable(head: &RequestHead, query: &Query) -> Response<Pieces> {
    static ANSWERS: AtomicU64 = AtomicU64::new(0);
    let tag = query.text("tag").map(|tag| format!("\"{tag}\""));
    let mut response = match tag.is_some() && head.field("if-none-match") == tag.as_deref() {
        true => {
            let mut response = Response::new(Pieces::whole(""));
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        false => reply(TEXT, format!("answer {}\n", ANSWERS.fetch_add(1, Ordering::Relaxed) + 1)),
    };
    for (name, value) in [(CACHE_CONTROL, query.text("control")), (ETAG, tag.as_deref()), (VARY, query.text("vary"))] {
        if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn bad_length() -> Response<Pieces> {
    error(StatusCode::BAD_REQUEST, "the length must be a number from 0 to 2^40")
}

fn error(status: StatusCode, why: &str) -> Response<Pieces> {
    let mut response = reply(TEXT, format!("{}: {why}.\n", status.as_str()));
    *response.status_mut() = status;
    response
}

fn json_reply(value: &Value) -> Response<Pieces> {
    reply(JSON, value.to_string())
}

fn reply(content_type: &'static str, body: impl Into<Bytes>) -> Response<Pieces> {
    with_type(content_type, Pieces::whole(body))
}

fn with_type(content_type: &'static str, body: Pieces) -> Response<Pieces> {
    with_field(Response::new(body), CONTENT_TYPE, content_type)
}

fn with_field(mut response: Response<Pieces>, name: HeaderName, value: &'static str) -> Response<Pieces> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}
