//! The debug forms of everything that may contain secrets or received data.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::SystemTime;

use http_fetch::address::Address;
use http_fetch::cookies::{Jar, SetCookie};
use http_fetch::events::{Limits, Parser};
use http_fetch::{Credentials, Facts, Notice, Request, RequestBody, Response, ResultCode, Settings, redirect};
use http_protocol::Method;

const SECRET: &str = "s3cret";

/// Checks that the text contains the secret neither as text nor as the numbers of its bytes.
fn assert_hides(shown: &dyn Debug) {
    let text = format!("{shown:?} {shown:#?}");
    let numbers = format!("{:?}", SECRET.as_bytes());
    assert!(!text.contains(SECRET) && !text.contains(numbers.trim_matches(['[', ']'])), "{text}");
}

#[test]
fn the_debug_forms_of_requests_settings_and_cookies_have_no_secret_in_them() {
    let headers = vec![format!("Authorization: Bearer {SECRET}"), SECRET.to_owned()];
    let url = format!("http://me:{SECRET}@a.example/?token={SECRET}");
    let request = Request { url: url.clone(), headers: headers.clone(), ..Request::default() };
    assert_hides(&request);
    assert!(format!("{request:?}").contains("Authorization (13 bytes)"));
    assert_hides(&Request::with_body(Method::Post, url.clone(), RequestBody::bytes(SECRET)));
    assert_hides(&Settings {
        base_url: url,
        default_headers: headers.clone(),
        credentials: Some(Credentials::basic("me", SECRET)),
        ..Settings::default()
    });
    let address = Address::resolve(None, &format!("http://me:{SECRET}@a.example/")).unwrap();
    assert_hides(&redirect::Request { method: Method::Get, address: address.clone(), headers, with_body: false });

    let (set_cookie, now) = (format!("a={SECRET}; Max-Age=60"), SystemTime::UNIX_EPOCH);
    assert_hides(&SetCookie::read(&set_cookie, now));
    let mut jar = Jar::default();
    jar.set(&address, &set_cookie, now).unwrap();
    assert_hides(&jar.get(&address, now));
    assert_hides(&jar);
}

#[test]
fn the_debug_forms_of_responses_and_notices_have_no_received_byte_in_them() {
    let mut parser = Parser::new(Limits::default(), "");
    let text = format!("id: {SECRET}\ndata: {SECRET}\n\n");
    let event = parser.next(&mut text.as_bytes()).unwrap().unwrap();
    assert_hides(&event);
    let url = format!("http://me:{SECRET}@a.example/");
    let facts = Facts { url: url.clone(), redirects: vec![url], ..Facts::default() };
    let body = SECRET.as_bytes().to_vec();
    let response = Response { result: ResultCode::Success, facts: facts.clone(), body, error: String::new() };
    assert_hides(&response);
    for notice in [
        Notice::ResponseStarted(Arc::new(facts)),
        Notice::Chunk(SECRET.as_bytes().to_vec()),
        Notice::Event(event),
        Notice::Completed(Arc::new(response)),
    ] {
        assert_hides(&notice);
    }
}
