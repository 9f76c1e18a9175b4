//! Finds the request of a file that matches a new one, by method, URL and body. Both are redacted.
//!
//! Differences between machines and runs are ignored: headers, the boundary of a form, the order of members in JSON, the port of a server
//! on this machine, and everything that is redacted in either request. If both URLs are below the base URL of their session, or on its
//! server, only the rest is compared.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;
use url::{Host, Position, Url};

use super::multipart;
use super::record::UNKNOWN_SIZE;
use super::secrets::MARK;
use crate::har::{Content, Request};

/// A request in the form in which it is compared. It must be redacted.
#[derive(Debug)]
pub(super) struct Shape {
    method: String,
    url: String,
    /// The URL relative to the base URL, and to its server.
    relative: [Option<String>; 2],
    body: Body,
    /// Whether other requests than an identical one may match, because a part is redacted or missing.
    is_open: bool,
}

#[derive(Debug)]
enum Body {
    Empty,
    /// The body is missing. This is its length.
    LeftOut(u64),
    Json(Value),
    Bytes(Vec<u8>),
}

#[cfg(test)]
thread_local!(pub(super) static COMPARED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) });

/// The differences between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    server: bool,
    path: bool,
    method: bool,
    query: bool,
    body: bool,
}

impl Shape {
    pub(super) fn of(request: &Request, base_url: &str) -> Self {
        let url = with_marks(request.url.split('#').next().unwrap_or_default());
        let relative = relative(&url, &with_marks(base_url));
        let url = Url::parse(&url).map_or(url, |url| without_local_port(&url));
        let body = Body::of(request.body.as_ref());
        let is_open = body.is_open() || relative.iter().flatten().chain([&url]).any(|text| text.contains(MARK));
        Self { method: request.method.to_ascii_uppercase(), url, relative, body, is_open }
    }

    /// Returns hashes. Two requests that match have at least one in common, unless one of them is open.
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        let places = self.relative.iter().map(Option::as_ref).chain([Some(&self.url)]).enumerate();
        let keyed = places.filter_map(|(kind, place)| Some((kind, place?)));
        keyed.map(|(kind, place)| {
            let mut hasher = DefaultHasher::new();
            (kind, place, &self.method).hash(&mut hasher);
            self.body.hash(&mut hasher);
            hasher.finish()
        })
    }

    /// Returns whether other requests than an identical one may match.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns whether the requests match.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        #[cfg(test)]
        COMPARED.set(COMPARED.get() + 1);
        self.method == other.method && self.is_same_place(other) && self.body.agrees(&other.body)
    }

    fn is_same_place(&self, other: &Self) -> bool {
        let pairs = self.relative.iter().zip(&other.relative);
        let mut same = pairs.filter_map(|(one, other)| Some(agree(one.as_ref()?, other.as_ref()?)));
        agree(&self.url, &other.url) || same.any(|same| same)
    }

    pub(super) fn difference(&self, other: &Self) -> Difference {
        fn parts(url: &str) -> [&str; 3] {
            let (rest, query) = url.split_once('?').unwrap_or((url, ""));
            let start = rest.find("://").map_or(0, |at| at + 3);
            let path = rest[start..].find('/').map_or(rest.len(), |at| start + at);
            [&rest[..path], &rest[path..], query]
        }
        let same = self.is_same_place(other);
        let (ours, theirs) = (parts(&self.url), parts(&other.url));
        let differs = |at: usize| !same && !agree(ours[at], theirs[at]);
        Difference {
            server: differs(0),
            path: differs(1),
            query: differs(2),
            method: self.method != other.method,
            body: !self.body.agrees(&other.body),
        }
    }

    /// Returns whether the method is safe: it changes nothing (RFC 9110 §9.2.1).
    pub(super) fn is_safe(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }

    /// Returns a name such as `GET http://a.example/b`.
    pub(super) fn name(&self) -> String {
        let url: String = self.url.chars().take(300).collect();
        format!("{} {url}", self.method)
    }
}

impl Difference {
    /// Returns a text such as `its method and its body differ`.
    pub(super) fn sentence(self) -> String {
        let all = [
            (self.method, "method"),
            (self.server, "server"),
            (self.path, "path"),
            (self.query, "query"),
            (self.body, "body"),
        ];
        let names: Vec<&str> = all.iter().filter(|(differs, _)| *differs).map(|(_, name)| *name).collect();
        let mut sentence = String::new();
        for (at, name) in names.iter().enumerate() {
            let gap = if at == 0 {
                ""
            } else if at + 1 == names.len() {
                " and "
            } else {
                ", "
            };
            let _ = write!(sentence, "{gap}its {name}");
        }
        sentence + if names.len() == 1 { " differs" } else { " differ" }
    }
}

impl Body {
    fn of(content: Option<&Content>) -> Self {
        let Some(content) = content else { return Self::Empty };
        let Some(bytes) = &content.bytes else { return Self::LeftOut(content.size) };
        if bytes.is_empty() {
            return Self::Empty;
        }
        let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if matches!(start, Some(b'{' | b'['))
            && let Ok(value) = serde_json::from_slice(bytes)
        {
            return Self::Json(value);
        }
        match multipart::boundary(&content.mime, bytes) {
            Some(boundary) => Self::Bytes(multipart::with_one_boundary(bytes, &boundary)),
            None => Self::Bytes(match std::str::from_utf8(bytes) {
                Ok(text) => with_marks(text).into_bytes(),
                Err(_) => bytes.clone(),
            }),
        }
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Empty => false,
            Self::LeftOut(_) => true,
            Self::Json(value) => has_mark(value),
            Self::Bytes(bytes) => multipart::find(bytes, MARK.as_bytes(), 0).is_some(),
        }
    }

    /// Bodies that match and contain nothing redacted have the same hash.
    fn hash(&self, hasher: &mut DefaultHasher) {
        match self {
            Self::Empty | Self::LeftOut(_) => {}
            Self::Json(value) => hash_value(value, hasher),
            Self::Bytes(bytes) => bytes.hash(hasher),
        }
    }

    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Empty, Self::Empty) => true,
            (Self::LeftOut(len), Self::LeftOut(other)) => {
                len == other || [len, other].contains(&&UNKNOWN_SIZE) && *len.min(other) >= UNKNOWN_SIZE
            }
            (Self::Json(value), Self::Json(other)) => values_agree(value, other),
            (Self::Bytes(bytes), Self::Bytes(other)) => bytes_agree(bytes, other),
            _ => false,
        }
    }
}

/// Decodes marks that a script sends on from a redacted response.
fn with_marks(text: &str) -> String {
    if !text.contains("edacted%5") {
        return text.to_owned();
    }
    text.replace("%5Bredacted%5D", MARK).replace("%5bredacted%5d", MARK)
}

fn relative(url: &str, base_url: &str) -> [Option<String>; 2] {
    let Some(base) = without_user(base_url) else { return [None, None] };
    // In a file of a browser, a URL may contain a user.
    let url = without_user(url).map_or_else(|| url.to_owned(), String::from);
    let origin = &base[..Position::BeforePath];
    let folder = &base[..Position::AfterPath];
    let folder = &folder[..=folder.rfind('/').unwrap_or(folder.len() - 1)];
    let below = url.strip_prefix(folder).map(str::to_owned);
    let on_server = url.strip_prefix(origin).filter(|rest| rest.starts_with('/')).map(str::to_owned);
    [below, on_server]
}

/// Removes the user, which does not matter for the place.
fn without_user(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    // These calls fail if the URL cannot have a user.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(url)
}

/// Removes the port of a local server, because test servers get another port in each run.
fn without_local_port(url: &Url) -> String {
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if is_local { format!("{}://localhost{}", url.scheme(), &url[Position::BeforePath..]) } else { url.to_string() }
}

fn has_mark(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(MARK),
        Value::Array(values) => values.iter().any(has_mark),
        Value::Object(members) => members.values().any(has_mark),
        _ => false,
    }
}

fn hash_value(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Null => 0_u8.hash(hasher),
        Value::Bool(is_true) => is_true.hash(hasher),
        // Both zeros get the same hash.
        Value::Number(number) => (number.as_f64().unwrap_or_default() + 0.0).to_bits().hash(hasher),
        Value::String(text) => text.hash(hasher),
        Value::Array(values) => values.iter().for_each(|value| hash_value(value, hasher)),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            members.into_iter().for_each(|(name, value)| {
                name.hash(hasher);
                hash_value(value, hasher);
            });
        }
    }
}

fn values_agree(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(text), _) | (_, Value::String(text)) if text == MARK => true,
        (Value::String(one), Value::String(other)) => agree(one, other),
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| values_agree(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| values_agree(value, other)))
        }
        _ => one == other,
    }
}

fn agree(one: &str, other: &str) -> bool {
    bytes_agree(one.as_bytes(), other.as_bytes())
}

/// Returns whether the texts are equal, except for redacted parts in either.
fn bytes_agree(one: &[u8], other: &[u8]) -> bool {
    one == other || fits(one, other) || fits(other, one)
}

/// Returns whether `text` contains the pieces of `pattern` between the marks, in this order.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let mark = MARK.as_bytes();
    let Some(first) = multipart::find(pattern, mark, 0) else { return false };
    let (Some(mut rest), mut at) = (text.strip_prefix(&pattern[..first]), first + mark.len()) else { return false };
    while let Some(next) = multipart::find(pattern, mark, at) {
        let piece = &pattern[at..next];
        if !piece.is_empty() {
            let Some(found) = multipart::find(rest, piece, 0) else { return false };
            rest = &rest[found + piece.len()..];
        }
        at = next + mark.len();
    }
    rest.ends_with(&pattern[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(method: &str, url: &str, body: &str, base_url: &str) -> Shape {
        let body = (!body.is_empty()).then(|| Content::of("", body.into()));
        Shape::of(&Request { method: method.into(), url: url.into(), headers: Vec::new(), body }, base_url)
    }

    /// Checks whether the requests match in both directions, and whether they are found by their keys.
    fn assert_agree(one: &Shape, other: &Shape, expected: bool) {
        assert_eq!(one.agrees(other), expected, "{one:?} {other:?}");
        assert_eq!(other.agrees(one), expected, "{other:?} {one:?}");
        let is_found = one.is_open() || other.is_open() || one.keys().any(|key| other.keys().any(|other| key == other));
        assert!(is_found || !expected, "{one:?} {other:?}");
    }

    fn get(url: &str) -> Shape {
        shape("GET", url, "", "")
    }

    #[test]
    fn a_url_agrees_with_itself_whatever_the_fragment_and_the_port_of_this_machine() {
        for (one, other, agrees) in [
            ("http://a/b?c", "http://a/b?c#d", true),
            ("http://a/b?c", "http://a/b?d", false),
            ("http://a/b", "https://a/b", false),
            ("http://127.0.0.1:41234/x", "http://localhost:80/x", true),
            ("http://[::1]:5/x", "http://127.0.0.1/x", true),
            ("http://127.0.0.1:5/x", "http://127.0.0.1:5/y", false),
            ("http://a:1/x", "http://a:2/x", false),
            ("http://a/x?token=[redacted]&b=1", "http://a/x?token=abc&b=1", true),
            ("http://a/x?token=[redacted]&b=1", "http://a/x?token=abc&b=2", false),
            ("http://a/u/[redacted]/x", "http://a/u/%5Bredacted%5D/x", true),
        ] {
            assert_agree(&get(one), &get(other), agrees);
        }
    }

    #[test]
    fn urls_below_their_base_urls_are_compared_from_there_on() {
        let one = |url, base| shape("GET", url, "", base);
        let recorded = one("https://staging/api/a?b", "https://staging/api/");
        assert_agree(&recorded, &one("https://live/v1/a?b", "https://live/v1/"), true);
        assert!(!recorded.agrees(&one("https://live/v1/c?b", "https://live/v1/")));
        assert!(!recorded.agrees(&one("https://live/v1/a?b", "")));
        let login = one("https://staging/login", "https://staging/api/");
        // Below the server, but not below the base URL.
        assert_agree(&login, &one("https://live/login", "https://live/v1/"), true);
        assert!(!login.agrees(&one("https://other/login", "https://live/v1/")));
    }

    #[test]
    fn bodies_agree_by_what_they_say_and_not_by_what_is_redacted() {
        let post = |body| shape("POST", "http://a/", body, "");
        for (one, other, agrees) in [
            ("", "", true),
            ("a", "", false),
            ("a=b&c=d", "a=b&c=d", true),
            (r#"{"a":1,"b":[2]}"#, r#"{ "b": [2.0], "a": 1 }"#, true),
            (r#"{"a":0,"b":null}"#, r#"{"b":null,"a":-0.0}"#, true),
            (r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
            (r#"{"pin":"[redacted]"}"#, r#"{"pin":1234}"#, true),
            (r#"{"a":"x[redacted]y"}"#, r#"{"a":"x12y"}"#, true),
            (r#"{"a":"x[redacted]y"}"#, r#"{"a":"x12z"}"#, false),
            ("a [redacted] b [redacted] c", "a 1 b 2 c", true),
            ("a [redacted] b [redacted] c", "a 1 c", false),
            ("[redacted]", "anything", true),
        ] {
            assert_agree(&post(one), &post(other), agrees);
        }
    }

    #[test]
    fn a_body_that_was_too_long_to_be_read_to_its_end_agrees_with_any_that_is_too_long() {
        let left_out = |len| Body::of(Some(&Content::left_out("", len)));
        for (one, other, agrees) in [
            (UNKNOWN_SIZE + 7, UNKNOWN_SIZE, true),
            (UNKNOWN_SIZE, UNKNOWN_SIZE, true),
            (UNKNOWN_SIZE + 7, UNKNOWN_SIZE + 8, false),
            (7, UNKNOWN_SIZE, false),
        ] {
            assert_eq!(left_out(one).agrees(&left_out(other)), agrees, "{one} {other}");
            assert_eq!(left_out(other).agrees(&left_out(one)), agrees, "{one} {other}");
        }
    }

    #[test]
    fn what_differs_is_said() {
        let ours = shape("POST", "http://a/b?c", "x", "");
        for (other, sentence) in [
            (shape("PUT", "http://a/b?c", "x", ""), "its method differs"),
            (shape("POST", "http://b/b?d", "x", ""), "its server and its query differ"),
            (shape("GET", "http://a/c?c", "", ""), "its method, its path and its body differ"),
        ] {
            assert_eq!(ours.difference(&other).sentence(), sentence);
        }
    }
}
