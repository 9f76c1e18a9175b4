//! The rules of a private cache (RFC 9111): what can be stored, for how long it is fresh, and what a confirmation changes.
//!
//! The functions have no side effects. The time is an argument.

use std::time::{Duration, SystemTime};

use http_net::Head;
use http_protocol::Method;

use super::control::Control;
use crate::address::Address;
use crate::header_line;

/// Status codes that can be stored if the server does not specify a lifetime. Their age then determines it (RFC 9110 §15.1).
const BY_DEFAULT: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
/// Status codes that can be stored if the server specifies a lifetime. A part of a body (206) is never stored.
const WHERE_SAID: [u16; 3] = [302, 303, 307];
/// The maximum lifetime of a response whose lifetime the server does not specify, however old it was.
const MOST_BY_AGE: Duration = Duration::from_secs(7 * 86_400);
/// If the clock was set back by more than this, the age of a response is not known.
const CLOCK_MAY_BE_BEHIND: Duration = Duration::from_secs(60);
/// Status codes to which `stale-if-error` applies (RFC 5861 §4).
const ERRORS: [u16; 4] = [500, 502, 503, 504];

/// Fields that belong to a connection and not to a response (RFC 9111 §3.1).
const OF_THE_CONNECTION: [&str; 10] = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authentication-Info",
    "Proxy-Authorization",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
];
/// Cookies are stored when they arrive, and only the cookie file writes them to the disk.
const COOKIES: [&str; 2] = ["Set-Cookie", "Set-Cookie2"];
/// Fields that describe the body, which a confirmation does not have (RFC 9111 §3.2).
const OF_THE_BODY: [&str; 4] = ["Content-Length", "Content-Encoding", "Content-Type", "Content-Range"];

/// The parts of a stored response that the rules need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept<'a> {
    /// The head.
    pub(crate) head: &'a Head,
    /// When it was requested.
    pub(crate) requested: SystemTime,
    /// When its head arrived.
    pub(crate) received: SystemTime,
}

/// How a stored response can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It answers the request without a confirmation.
    AsItIs,
    /// The server must confirm it first.
    Confirmed,
}

/// Returns whether the script sets a condition or a range itself. The cache is then not used.
pub(crate) fn is_by_hand(lines: &[String]) -> bool {
    ["Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range"]
        .iter()
        .any(|name| header_line::has(lines, name))
}

/// Returns the directives of a request. `Pragma: no-cache` counts if there is no `Cache-Control` (RFC 9111 §5.4).
pub(crate) fn request_control(lines: &[String]) -> Control {
    match header_line::has(lines, "Cache-Control") {
        true => Control::read(values(lines, "Cache-Control")),
        false => Control::read(values(lines, "Pragma").into_iter().filter(|value| value.contains("no-cache"))),
    }
}

/// Returns the values of a header in the header lines.
pub(crate) fn values<'a>(lines: &'a [String], name: &str) -> Vec<&'a str> {
    let named = lines.iter().filter(|line| header_line::name_of(line).eq_ignore_ascii_case(name));
    named.filter_map(|line| line.split_once(':')).map(|(_, value)| value.trim()).collect()
}

/// Returns whether a response to a GET request can be stored, and could be used later.
pub(crate) fn may_keep(asked: &Control, head: &Head) -> bool {
    let control = control(head);
    let is_said = control.has("max-age") || control.has("public") || control.has("private") || has(head, "Expires");
    let is_understood = BY_DEFAULT.contains(&head.status) || WHERE_SAID.contains(&head.status) && is_said;
    if !is_understood || asked.has("no-store") || control.has("no-store") {
        return false;
    }
    // It cannot answer any other request.
    if selecting_names(head).iter().any(|name| name == "*") {
        return false;
    }
    let can_be_confirmed = has(head, "ETag") || has(head, "Last-Modified");
    can_be_confirmed || control.seconds("stale-if-error").is_some() || !lifetime(head, None).is_zero()
}

/// Returns for how long a response is fresh (RFC 9111 §4.2.1). Without a `Date`, `received` is used instead.
pub(crate) fn lifetime(head: &Head, received: Option<SystemTime>) -> Duration {
    let control = control(head);
    if let Some(lifetime) = control.seconds("max-age") {
        return lifetime;
    }
    let from = date(head, "Date").or(received);
    if has(head, "Expires") {
        let expires = date(head, "Expires");
        return match (expires, from) {
            (Some(expires), Some(from)) => expires.duration_since(from).unwrap_or_default(),
            // The lifetime is only known when the response is stored.
            (Some(_), None) => Duration::from_secs(1),
            (None, _) => Duration::ZERO,
        };
    }
    if !BY_DEFAULT.contains(&head.status) && !control.has("public") {
        return Duration::ZERO;
    }
    let (Some(modified), Some(from)) = (date(head, "Last-Modified"), from) else { return Duration::ZERO };
    let unchanged = from.duration_since(modified).unwrap_or_default();
    Duration::from_secs(unchanged.as_secs() / 10).min(MOST_BY_AGE)
}

/// Returns the current age of a response (RFC 9111 §4.2.3).
pub(crate) fn age(kept: Kept<'_>, now: SystemTime) -> Duration {
    let since = |later: SystemTime, earlier: SystemTime| later.duration_since(earlier).unwrap_or_default();
    let apparent = date(kept.head, "Date").map_or(Duration::ZERO, |date| since(kept.received, date));
    // Read the value like a directive: only the first one, and limited.
    let said = kept.head.fields.list("Age").next().map(|age| format!("age={}", String::from_utf8_lossy(age)));
    let said = Control::read(said).seconds("age").unwrap_or_default();
    let corrected = said + since(kept.received, kept.requested);
    apparent.max(corrected) + since(now, kept.received)
}

/// Decides how a stored response can be used for a request with these directives (RFC 9111 §4).
pub(crate) fn judge(asked: &Control, kept: Kept<'_>, now: SystemTime) -> Use {
    let said = control(kept.head);
    if asked.has("no-cache") || said.has("no-cache") {
        return Use::Confirmed;
    }
    if kept.received.duration_since(now).is_ok_and(|ahead| ahead > CLOCK_MAY_BE_BEHIND) {
        return Use::Confirmed;
    }
    let (age, lifetime) = (age(kept, now), lifetime(kept.head, Some(kept.received)));
    let is_too_old = asked.seconds("max-age").is_some_and(|most| age > most);
    let ends_too_soon = asked.seconds("min-fresh").is_some_and(|least| age.saturating_add(least) > lifetime);
    if is_too_old || ends_too_soon {
        return Use::Confirmed;
    }
    let stale_for = age.saturating_sub(lifetime);
    let is_taken_stale = !said.has("must-revalidate") && asked.max_stale().is_some_and(|most| stale_for <= most);
    if age < lifetime || is_taken_stale { Use::AsItIs } else { Use::Confirmed }
}

/// Returns whether a stored response can replace a missing response or one with this status code (RFC 5861 §4).
pub(crate) fn stands_in(asked: &Control, kept: Kept<'_>, status: Option<u16>, now: SystemTime) -> bool {
    let said = control(kept.head);
    if status.is_some_and(|status| !ERRORS.contains(&status)) || asked.has("no-cache") {
        return false;
    }
    if said.has("no-cache") || said.has("must-revalidate") {
        return false;
    }
    let most = said.seconds("stale-if-error").max(asked.seconds("stale-if-error"));
    let stale_for = age(kept, now).saturating_sub(lifetime(kept.head, Some(kept.received)));
    most.is_some_and(|most| stale_for <= most)
}

/// Returns the header lines that ask the server whether a response is still valid. Empty if the response has no validator.
pub(crate) fn conditions(head: &Head) -> Vec<String> {
    let line = |condition: &str, name: &str| value(head, name).map(|value| format!("{condition}: {value}"));
    [line("If-None-Match", "ETag"), line("If-Modified-Since", "Last-Modified")].into_iter().flatten().collect()
}

/// Returns whether a 304 refers to this response (RFC 9111 §4.3.4).
pub(crate) fn is_confirmed_by(kept: &Head, confirmation: &Head) -> bool {
    let opaque = |tag: String| tag.trim_start_matches("W/").to_owned();
    match (value(kept, "ETag").map(opaque), value(confirmation, "ETag").map(opaque)) {
        (Some(kept), Some(confirmed)) => kept == confirmed,
        (None, Some(_)) => false,
        (_, None) => match value(confirmation, "Last-Modified") {
            Some(confirmed) => value(kept, "Last-Modified").is_none_or(|kept| kept == confirmed),
            None => true,
        },
    }
}

/// Returns the text of a head to store, without fields of the connection and without cookies.
pub(crate) fn head_to_keep(head: &Head) -> Vec<u8> {
    text(head.status, &head.reason, &lines_to_keep(head))
}

/// Returns the same for a response that a 304 confirmed. The fields of the 304 replace the stored ones (RFC 9111 §3.2).
pub(crate) fn confirmed_head(kept: &Head, confirmation: &Head) -> Vec<u8> {
    let is_of_body = |line: &String| is_one_of(header_line::name_of(line), &OF_THE_BODY);
    let new: Vec<String> = lines_to_keep(confirmation).into_iter().filter(|line| !is_of_body(line)).collect();
    let mut lines = lines_to_keep(kept);
    // The confirmation determines the age. Without a `Date`, the time of its arrival counts (RFC 9110 §6.6.1).
    lines.retain(|line| !is_one_of(header_line::name_of(line), &["Age", "Date"]));
    lines.retain(|line| !header_line::has(&new, header_line::name_of(line)));
    lines.extend(new);
    text(kept.status, &kept.reason, &lines)
}

/// Returns the same for a response from the cache, with its age (RFC 9111 §5.1).
pub(crate) fn head_with_age(kept: &Head, age: Duration) -> Vec<u8> {
    let mut lines = lines_to_keep(kept);
    lines.retain(|line| !header_line::name_of(line).eq_ignore_ascii_case("Age"));
    lines.push(format!("Age: {}", age.as_secs()));
    text(kept.status, &kept.reason, &lines)
}

/// Returns the URLs whose entries must be removed after a response to this method (RFC 9111 §4.4): the requested one, and those on the same
/// server that the response names.
pub(crate) fn outdated(method: Method, address: &Address, head: &Head) -> Vec<Address> {
    let is_safe = matches!(method, Method::Get | Method::Head | Method::Options | Method::Trace);
    if is_safe || !(200..400).contains(&head.status) {
        return Vec::new();
    }
    let named = ["Location", "Content-Location"].into_iter().flat_map(|name| head.fields.named(name));
    let named = named.filter_map(|field| Address::resolve(Some(address), &field.value()).ok());
    let own = named.filter(|other| other.origin() == address.origin());
    std::iter::once(address.clone()).chain(own).collect()
}

/// Returns the names in `Vary`, in lower case, without duplicates.
pub(crate) fn selecting_names(head: &Head) -> Vec<String> {
    let mut names: Vec<String> =
        head.fields.list("Vary").map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns the directives of a response. Without `Cache-Control`, `Pragma: no-cache` counts, because old servers use it in this sense.
pub(crate) fn control(head: &Head) -> Control {
    let name = if has(head, "Cache-Control") { "Cache-Control" } else { "Pragma" };
    let said = head.fields.named(name).map(|field| field.value());
    Control::read(said.filter(|value| name != "Pragma" || value.contains("no-cache")))
}

fn lines_to_keep(head: &Head) -> Vec<String> {
    let named: Vec<String> =
        head.fields.list("Connection").map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    // `Transfer-Encoding` overrides a length, which is then wrong (RFC 9112 §6.3).
    let is_chunked = has(head, "Transfer-Encoding");
    let keeps = |line: &String| {
        let name = header_line::name_of(line);
        let is_wrong = is_chunked && name.eq_ignore_ascii_case("Content-Length");
        let is_named = named.iter().any(|other| other.eq_ignore_ascii_case(name));
        let is_whole = !line.contains(['\r', '\n', '\0']);
        is_whole && !is_wrong && !is_named && !is_one_of(name, &OF_THE_CONNECTION) && !is_one_of(name, &COOKIES)
    };
    head.fields.iter().map(|field| field.line().into_owned()).filter(keeps).collect()
}

fn text(status: u16, reason: &str, lines: &[String]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} {}\r\n", reason.replace(char::is_control, " "));
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| name.eq_ignore_ascii_case(other))
}

fn has(head: &Head, name: &str) -> bool {
    head.fields.named(name).next().is_some()
}

fn value(head: &Head, name: &str) -> Option<String> {
    head.fields.named(name).next().map(|field| field.value().into_owned()).filter(|value| !value.is_empty())
}

fn date(head: &Head, name: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(&value(head, name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::entry::read_head;

    const DATE: &str = "Date: Tue, 14 Nov 2023 22:13:20 GMT";

    /// The time in `DATE`, plus this number of seconds.
    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn head(status: u16, lines: &[&str]) -> Head {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        read_head(format!("HTTP/1.1 {status} Reason\r\n{lines}\r\n").as_bytes()).unwrap()
    }

    fn lines(text: Vec<u8>) -> Vec<String> {
        let text = String::from_utf8(text).unwrap();
        text.trim_end().lines().map(str::to_owned).collect()
    }

    #[test]
    fn how_long_a_response_is_fresh_is_said_by_max_age_before_expires_before_its_age() {
        let expires = "Expires: Tue, 14 Nov 2023 22:13:50 GMT";
        let modified = "Last-Modified: Tue, 14 Nov 2023 22:00:00 GMT";
        for (status, fields, fresh_for) in [
            (200, vec!["Cache-Control: max-age=5, s-maxage=900", expires, modified, DATE], 5),
            (200, vec!["Cache-Control: max-age=oops", expires, DATE], 0),
            (200, vec![expires, modified, DATE], 30),
            (200, vec![expires], 20),
            (200, vec!["Expires: 0", modified, DATE], 0),
            (200, vec!["Expires: Tuesday, 14-Nov-23 22:13:25 GMT", DATE], 5),
            (200, vec![modified, DATE], 80),
            (404, vec![modified, DATE], 80),
            (302, vec![modified, DATE], 0),
            (302, vec![modified, DATE, "Cache-Control: public"], 80),
            (200, vec!["Last-Modified: Tue, 14 Nov 2000 22:00:00 GMT", DATE], 7 * 86_400),
            (200, vec!["Last-Modified: Tue, 14 Nov 2000 22:00:00 GMT"], 7 * 86_400),
            (200, vec![DATE], 0),
        ] {
            let found = lifetime(&head(status, &fields), Some(at(10)));
            assert_eq!(found, Duration::from_secs(fresh_for), "{status} {fields:?}");
        }
    }

    #[test]
    fn a_response_is_as_old_as_its_date_or_its_age_and_the_way_here_say_and_grows_older() {
        for (fields, requested, received, now, old) in [
            (vec![DATE], 0, 0, 0, 0),
            (vec![DATE], 20, 20, 25, 25),
            (vec![DATE, "Age: 100"], 0, 0, 5, 105),
            (vec![DATE, "Age: 10"], 5, 8, 8, 13),
            (vec!["Age: 10, 20"], 5, 5, 5, 10),
            (vec!["Age: old"], 5, 5, 6, 1),
            (vec![], 5, 5, 0, 0),
        ] {
            let head = head(200, &fields);
            let kept = Kept { head: &head, requested: at(requested), received: at(received) };
            assert_eq!(age(kept, at(now)), Duration::from_secs(old), "{fields:?}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_and_an_old_servers_pragma_let_nothing_be_fresh() {
        let used = |lines: &[&str], now| {
            let head = head(200, lines);
            let kept = Kept { head: &head, requested: at(500), received: at(500) };
            judge(&Control::default(), kept, at(now))
        };
        let fresh = "Cache-Control: max-age=600";
        for (now, usage) in [(500, Use::AsItIs), (440, Use::AsItIs), (439, Use::Confirmed), (1100, Use::Confirmed)] {
            assert_eq!(used(&[fresh], now), usage, "{now}");
        }
        let expires = "Expires: Tue, 14 Nov 2023 23:13:20 GMT";
        assert_eq!(used(&[expires], 500), Use::AsItIs);
        assert_eq!(used(&[expires, "Pragma: no-cache"], 500), Use::Confirmed);
        assert_eq!(used(&[fresh, "Pragma: no-cache"], 500), Use::AsItIs);
    }

    #[test]
    fn a_confirmation_replaces_fields_and_neither_body_nor_connection_nor_cookies() {
        let kept =
            head(200, &["ETag: \"a\"", "Content-Length: 4", "content-type: text/plain", "X: 1", "X: 2", "Age: 900"]);
        let confirmation = head(
            304,
            &[
                "x: 3",
                "ETag: W/\"a\"",
                "Content-Length: 0",
                "Content-Type: text/html",
                "Set-Cookie: a=b",
                "Connection: close, y",
                "Y: z",
                "New: yes",
            ],
        );
        assert!(is_confirmed_by(&kept, &confirmation));
        let expected = [
            "HTTP/1.1 200 Reason",
            "Content-Length: 4",
            "content-type: text/plain",
            "x: 3",
            "ETag: W/\"a\"",
            "New: yes",
        ];
        assert_eq!(lines(confirmed_head(&kept, &confirmation)), expected);
    }

    #[test]
    fn a_304_is_about_what_has_its_tag_or_else_its_date() {
        let (tag, date) = ("ETag: \"a\"", "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT");
        let other = "Last-Modified: Tue, 14 Nov 2023 22:13:21 GMT";
        for (kept, confirmation, is_it) in [
            (vec![tag], vec![tag], true),
            (vec![tag, date], vec![], true),
            (vec![tag, date], vec![tag, other], true),
            (vec![tag], vec!["ETag: \"b\""], false),
            (vec![date], vec![tag], false),
            (vec![date], vec![date], true),
            (vec![date], vec![other], false),
        ] {
            assert_eq!(
                is_confirmed_by(&head(200, &kept), &head(304, &confirmation)),
                is_it,
                "{kept:?} {confirmation:?}"
            );
        }
        let asked = conditions(&head(200, &[tag, date]));
        assert_eq!(asked, ["If-None-Match: \"a\"", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT"]);
        assert!(conditions(&head(200, &["ETag:"])).is_empty());
    }

    #[test]
    fn a_length_that_chunks_overruled_and_lines_that_break_a_head_are_not_kept() {
        let kept = head(200, &["Transfer-Encoding: chunked", "Content-Length: 3", "X: y"]);
        assert_eq!(lines(head_to_keep(&kept)), ["HTTP/1.1 200 Reason", "X: y"]);
        assert_eq!(lines(head_with_age(&kept, Duration::from_secs(7)))[2], "Age: 7");
        for line in ["X: a\rB: c", "X: a\0"] {
            let Some(kept) = read_head(format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n").as_bytes()) else { continue };
            assert!(read_head(&head_to_keep(&kept)).is_some_and(|again| again.fields.len() <= 1));
        }
    }
}
