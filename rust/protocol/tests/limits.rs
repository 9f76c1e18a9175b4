//! Tests every limit: the maximum is accepted, and one more is an error that names the limit.
#![allow(missing_docs)]

mod support;

use http_protocol::{BodyStep, HeadStep, Method, PeerError, limits};
use support::{Delivery, Outcome, receive, started};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Returns the outcome, which must be the same for large and small pieces.
fn outcome(reply: &str) -> Outcome {
    let whole = receive(Method::Get, &Delivery::whole(reply.as_bytes(), true));
    let pieces = reply.as_bytes().chunks(1000).collect();
    let split = receive(Method::Get, &Delivery { pieces, ..Delivery::whole(b"", true) });
    assert_eq!(whole, split);
    whole
}

fn assert_limit(reply: impl Fn(usize) -> String, fits: usize, error: &PeerError, named: usize) {
    let last = outcome(&reply(fits));
    assert!(last.accepted(), "{:?}", last.error);
    assert_eq!(outcome(&reply(fits + 1)).error.as_ref(), Some(error));
    assert!(error.to_string().contains(&named.to_string()), "{error}");
}

#[test]
fn a_head_has_at_most_256_kib() {
    let around = "HTTP/1.1 204 X\r\nA: \r\n\r\n".len();
    let reply = |size: usize| format!("HTTP/1.1 204 X\r\nA: {}\r\n\r\n", "a".repeat(size - around));
    assert_limit(reply, limits::HEADER_BYTES, &PeerError::HeaderTooLarge, 262_144);
}

#[test]
fn a_head_that_does_not_end_is_refused_at_the_limit() {
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(limits::HEADER_BYTES));
    let outcome = receive(Method::Get, &Delivery::whole(endless.as_bytes(), false));
    assert_eq!(outcome.error, Some(PeerError::HeaderTooLarge));
}

#[test]
fn interim_responses_and_empty_lines_count_as_header() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    let last = "HTTP/1.1 204 X\r\n\r\n";
    let room = limits::HEADER_BYTES - last.len();
    let interims = interim.repeat(room / interim.len());
    let lines = room - interims.len();
    let reply = |size: usize| format!("{}{interims}{last}", "\n".repeat(lines + size - limits::HEADER_BYTES));
    assert_limit(reply, limits::HEADER_BYTES, &PeerError::HeaderTooLarge, 262_144);
}

#[test]
fn trailers_count_as_header() {
    let line = format!("T: {}\r\n", "t".repeat(8000));
    let around = CHUNKED.len() + "\r\n".len();
    let lines = line.repeat((limits::HEADER_BYTES - around) / line.len());
    let rest = limits::HEADER_BYTES - around - lines.len() - "R: \r\n".len();
    let reply = |size: usize| {
        let rest = "r".repeat(rest + size - limits::HEADER_BYTES);
        format!("{CHUNKED}0\r\n{lines}R: {rest}\r\n\r\n")
    };
    assert_limit(reply, limits::HEADER_BYTES, &PeerError::HeaderTooLarge, 262_144);
}

#[test]
fn a_head_has_at_most_1024_fields() {
    let reply = |count: usize| format!("HTTP/1.1 204 X\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert_limit(reply, limits::FIELDS, &PeerError::TooManyFields, 1024);
}

#[test]
fn a_trailer_section_has_at_most_1024_fields() {
    let reply = |count: usize| format!("{CHUNKED}0\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert_limit(reply, limits::FIELDS, &PeerError::TooManyFields, 1024);
}

#[test]
fn a_chunk_size_line_has_at_most_8_kib() {
    let reply = |size: usize| format!("{CHUNKED}1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(size - 2));
    assert_limit(reply, limits::CHUNKED_LINE_BYTES, &PeerError::ChunkedLineTooLong, 8192);
}

#[test]
fn a_trailer_line_has_at_most_8_kib() {
    let reply = |size: usize| format!("{CHUNKED}0\r\nT:{}\r\n\r\n", "t".repeat(size - 2));
    assert_limit(reply, limits::CHUNKED_LINE_BYTES, &PeerError::ChunkedLineTooLong, 8192);
}

#[test]
fn a_chunk_size_has_at_most_16_digits() {
    assert!(outcome(&format!("{CHUNKED}0000000000000001\r\nx\r\n0\r\n\r\n")).accepted());
    let error = outcome(&format!("{CHUNKED}00000000000000001\r\nx\r\n0\r\n\r\n")).error;
    let message = error.expect("an error").to_string();
    assert_eq!(message, "the server sent a malformed chunk size: \"00000000000000001\"");
}

#[test]
fn a_chunk_has_at_most_2_to_the_63_minus_1_bytes() {
    let fits = receive(Method::Get, &Delivery::whole(format!("{CHUNKED}7fffffffffffffff\r\n").as_bytes(), false));
    assert_eq!(fits.error, None);
    let error = outcome(&format!("{CHUNKED}8000000000000000\r\n")).error.expect("an error");
    assert_eq!(error.to_string(), "the server sent a malformed chunk size: \"8000000000000000\"");
}

#[test]
fn all_chunks_together_have_at_most_2_to_the_63_minus_1_bytes() {
    let mut connection = started(Method::Get, &[]);
    let Ok(HeadStep::Head { .. }) = connection.read_head(CHUNKED.as_bytes()) else { panic!("a head") };
    let most = limits::BODY_BYTES - 1;
    let size_line = format!("{most:x}\r\n");
    let skip = size_line.len();
    assert_eq!(connection.next_body(size_line.as_bytes(), 0, 1), Ok(BodyStep::NeedMore { skip }));
    assert_eq!(connection.direct(0), most);
    connection.advance(most as usize);
    assert_eq!(connection.next_body(b"\r\n1\r\nx", 1, 1), Ok(BodyStep::Data { skip: 5, len: 1 }));
    assert!(connection.next_body(b"\r\n1\r\nx", 1, 1).is_err());
}

#[test]
fn a_length_is_at_most_2_to_the_63_minus_1() {
    let reply = |length: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    let fits = receive(Method::Get, &Delivery::whole(reply("9223372036854775807").as_bytes(), false));
    assert_eq!(fits.error, None);
    let error = outcome(&reply("9223372036854775808")).error.expect("an error");
    assert_eq!(
        error.to_string(),
        "the server sent a Content-Length that is not one number from 0 to 9223372036854775807: \"9223372036854775808\""
    );
}
