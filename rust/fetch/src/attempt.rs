//! The header lines that an attempt sends: those of the script, and those that the session adds for this server. The functions have no side
//! effects.

use http_protocol::Method;

use crate::address::{Address, Origin};
use crate::decode::{self, ACCEPT_ENCODING};
use crate::events;
use crate::failure::Failure;
use crate::header_line::{has, name_of};
use crate::redirect;
use crate::settings::{Credentials, Request, RequestBody, Settings};

/// A checked request.
pub(crate) struct Checked {
    pub(crate) request: redirect::Request,
    /// The origin that receives the credentials of the session.
    pub(crate) base_origin: Option<Origin>,
}

impl Request {
    /// Checks the request with these settings. The error is the sentence that its task would return before anything is sent. The files of
    /// a form are not checked.
    pub fn check(&self, settings: &Settings) -> Result<(), String> {
        // The check only depends on whether there is a body, not on its length.
        let body_len = u64::from(!matches!(self.body, RequestBody::Empty));
        if let Some(sentence) = settings.replay.problem() {
            return Err(sentence);
        }
        check(settings, self, body_len).map(drop).map_err(|failure| failure.sentence)
    }
}

/// Checks everything about a request that can be checked before it is sent, except for the replay.
pub(crate) fn check(settings: &Settings, request: &Request, body_len: u64) -> Result<Checked, Failure> {
    let method = Method::from_index(request.method).ok_or_else(|| {
        Failure::invalid(format!("there is no method {}; use a value of HTTPClient.Method", request.method))
    })?;
    if method == Method::Connect {
        return Err(Failure::invalid("CONNECT opens a tunnel, which a session cannot use; choose another method"));
    }
    let base = Address::base(&settings.base_url)?;
    let (address, user_info) = Address::resolve_with_user_info(base.as_ref(), &request.url)?;
    let mut headers = request.headers.clone();
    headers.extend(settings.default_headers.iter().filter(|line| !has(&request.headers, name_of(line))).cloned());
    if let Some(content_type) = content_type(&request.body).filter(|_| !has(&headers, "Content-Type")) {
        headers.push(content_type);
    }
    if let Some(info) = user_info.filter(|_| !has(&headers, "Authorization")) {
        headers.push(Credentials::basic(&info.user, &info.password).header_line());
    }
    let lines: Vec<&str> = headers.iter().map(String::as_str).collect();
    let as_sent = http_protocol::Request {
        method,
        url: address.target(),
        headers: &lines,
        body_length: Some(body_len),
        host: address.host(),
        user_agent: &settings.user_agent,
        proxy_prefix: "",
    };
    as_sent.encode().map_err(|error| Failure::invalid(error.to_string()))?;
    let base_origin = base.map(|base| base.origin());
    let with_body = body_len > 0;
    Ok(Checked { request: redirect::Request { method, address, headers, with_body }, base_origin })
}

fn content_type(body: &RequestBody) -> Option<String> {
    body.content_type().map(|value| format!("Content-Type: {value}"))
}

/// The header lines that an attempt adds to those of the script.
#[derive(Clone, Copy, Default)]
pub(crate) struct Extra<'a> {
    /// The cookies for the server of the request.
    pub(crate) cookies: Option<&'a str>,
    /// The credentials, if the request goes to the origin of `base_url`.
    pub(crate) credentials: Option<&'a Credentials>,
    /// The header lines of a download.
    pub(crate) of_download: Option<&'a [String]>,
    /// The id of the last event of an event stream. `None` for other requests.
    pub(crate) last_event_id: Option<&'a str>,
    /// Whether the server may compress the body.
    pub(crate) accepts_compression: bool,
}

/// Returns the header lines of an attempt.
pub(crate) fn header_lines(script: &[String], extra: Extra<'_>) -> Vec<String> {
    let mut lines = script.to_vec();
    let mut add = |line: String| {
        if !has(script, name_of(&line)) {
            lines.push(line);
        }
    };
    if let Some(credentials) = extra.credentials {
        add(credentials.header_line());
    }
    if let Some(cookies) = extra.cookies {
        add(format!("Cookie: {cookies}"));
    }
    for line in extra.of_download.unwrap_or_default() {
        add(line.clone());
    }
    if let Some(id) = extra.last_event_id {
        add(format!("Accept: {}", events::CONTENT_TYPE));
        events::last_event_id_line(id).map(&mut add);
    }
    if extra.accepts_compression && extra.of_download.is_none() && decode::is_accepted(script) {
        add(ACCEPT_ENCODING.to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::ResultCode;

    fn refused(settings: &Settings, request: &Request) -> String {
        let failure = check(settings, request, 0).err().expect("it is refused");
        assert_eq!(failure.result, ResultCode::InvalidRequest);
        failure.sentence
    }

    #[test]
    fn what_cannot_be_sent_is_refused_with_a_sentence_and_no_secret() {
        let settings = Settings::default();
        let get = Request::get("http://a/");
        for request in [
            Request { url: "/relative".to_owned(), ..get.clone() },
            Request { url: "ftp://secret@a/".to_owned(), ..get.clone() },
            Request { method: 9, ..get.clone() },
            Request { method: 7, ..get.clone() },
            Request { headers: vec!["Authorization: secret\r\nX: y".to_owned()], ..get.clone() },
            Request { headers: vec!["secret".to_owned()], ..get.clone() },
        ] {
            let sentence = refused(&settings, &request);
            assert!(!sentence.is_empty() && !sentence.contains("secret"), "{sentence}");
        }
        let sentence = refused(&Settings { base_url: "nowhere".to_owned(), ..Settings::default() }, &get);
        assert_eq!(sentence, "base_url: the URL is relative; write it like https://example.com/api/");
    }

    #[test]
    fn a_header_of_the_request_replaces_a_default_one_of_the_same_name() {
        let default_headers = vec!["X-A: default".to_owned(), "X-B: default".to_owned()];
        let settings = Settings { default_headers, ..Settings::default() };
        let request = Request { headers: vec!["x-a: own".to_owned()], ..Request::get("http://a/") };
        assert_eq!(check(&settings, &request, 0).ok().unwrap().request.headers, ["x-a: own", "X-B: default"]);
    }

    #[test]
    fn a_user_in_the_url_becomes_a_header_and_stays_in_no_url() {
        let checked = check(&Settings::default(), &Request::get("http://me:you@a/"), 0).ok().unwrap();
        assert_eq!(checked.request.headers, ["Authorization: Basic bWU6eW91"]);
        assert_eq!(checked.request.address.as_str(), "http://a/");
    }

    #[test]
    fn what_a_script_says_itself_is_not_said_a_second_time() {
        let credentials = Credentials::bearer("token");
        let of_download = ["Accept-Encoding: identity".to_owned(), "Range: bytes=5-".to_owned()];
        let extra = Extra {
            cookies: Some("a=b"),
            credentials: Some(&credentials),
            accepts_compression: true,
            ..Extra::default()
        };
        let added = header_lines(&[], extra);
        assert_eq!(added, ["Authorization: Bearer token", "Cookie: a=b", ACCEPT_ENCODING]);
        let given: Vec<String> =
            ["authorization: x", "cookie: c=d", "Range: bytes=0-1"].into_iter().map(str::to_owned).collect();
        assert_eq!(header_lines(&given, extra), given);
        let lines = header_lines(&given[2..], Extra { of_download: Some(&of_download), ..Extra::default() });
        assert_eq!(lines, ["Range: bytes=0-1", "Accept-Encoding: identity"]);
        let lines = header_lines(&[], Extra { last_event_id: Some("7"), ..Extra::default() });
        assert_eq!(lines, ["Accept: text/event-stream", "Last-Event-ID: 7"]);
    }
}
