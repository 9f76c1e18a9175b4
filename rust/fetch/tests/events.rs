//! The content of event streams. The cases follow the rules of WHATWG HTML. Each is read at once, byte by byte and at every split.
#![allow(missing_docs)]

use std::time::Duration;

use http_fetch::events::{EventsError, Limits, Parser, Reconnection, Verdict, judge, last_event_id_line};

/// Events as (type, data, id), and the last id.
type Read = (Vec<(String, String, String)>, String);

fn read_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut parser = Parser::new(Limits::default(), "");
    let mut events = Vec::new();
    for mut piece in pieces {
        while let Some(event) = parser.next(&mut piece).expect("within the limits") {
            events.push((event.kind.to_string(), event.data, event.id.to_string()));
        }
        assert!(piece.is_empty());
    }
    (events, parser.last_id().to_owned())
}

fn read(stream: &[u8]) -> Read {
    let whole = read_pieces([stream]);
    assert_eq!(read_pieces(stream.chunks(1)), whole, "byte by byte");
    for at in 0..stream.len() {
        let (start, end) = stream.split_at(at);
        assert_eq!(read_pieces([start, end]), whole, "split at {at}");
    }
    whole
}

fn data(stream: &str) -> Vec<String> {
    read(stream.as_bytes()).0.into_iter().map(|(_, data, _)| data).collect()
}

#[test]
fn data_lines_are_joined_by_line_feeds_and_a_blank_line_ends_the_event() {
    assert_eq!(data("data: a\ndata: b\n\ndata: c\n\n"), ["a\nb", "c"]);
    assert_eq!(data("data\n\ndata\ndata\n\ndata:"), ["", "\n"]);
    assert_eq!(data("data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\n"), ["a", "a", " a", "\ta"]);
    assert_eq!(data("data: a: b\n\n"), ["a: b"]);
    assert_eq!(data("\n\n\nevent: x\n\nid: 1\n\n: only comments\n\n"), [""; 0]);
}

#[test]
fn lines_end_with_cr_lf_or_crlf_in_any_mixture() {
    for stream in [
        "data:a\ndata:b\n\n",
        "data:a\rdata:b\r\r",
        "data:a\r\ndata:b\r\n\r\n",
        "data:a\r\ndata:b\n\r\n",
        "data:a\ndata:b\r\n\r",
    ] {
        assert_eq!(data(stream), ["a\nb"], "{stream:?}");
    }
    assert_eq!(data("data:a\r\r\ndata:b\n\r"), ["a", "b"]);
}

#[test]
fn an_event_that_is_unfinished_at_the_end_is_dropped_with_its_id() {
    let (events, id) = read(b"id: 1\ndata: a\n\nid: 2\ndata: b\n");
    assert_eq!((events.len(), id.as_str()), (1, "1"));
    assert_eq!(data("data: a\n"), [""; 0]);
    assert_eq!(data("data: a\r"), [""; 0]);
}

#[test]
fn one_byte_order_mark_is_left_out_and_no_second_one() {
    assert_eq!(data("\u{feff}data: a\n\n"), ["a"]);
    assert_eq!(data("\u{feff}\u{feff}data: a\n\ndata: b\n\n"), ["b"]);
    assert_eq!(data("data: a\n\n\u{feff}data: b\n\n"), ["a"]);
    assert_eq!(data("data: \u{feff}a\n\n"), ["\u{feff}a"]);
}

#[test]
fn comments_and_unknown_fields_mean_nothing() {
    assert_eq!(data(":\n: x\n:data: x\ndata: a\ndatas: x\nDATA: x\n data: x\ndata : x\n\n"), ["a"]);
}

#[test]
fn the_type_is_message_unless_an_event_says_otherwise_and_lasts_for_one() {
    let (events, _) = read(b"event: a\nevent: add\ndata: 1\n\ndata: 2\n\nevent\ndata: 3\n\nevent: x\n\ndata: 4\n\n");
    let kinds: Vec<&str> = events.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(kinds, ["add", "message", "message", "message"]);
}

#[test]
fn an_id_lasts_until_the_next_and_one_with_nul_is_ignored() {
    let (events, last) = read(b"id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid\ndata: d\n\nid: 9\n\n");
    let ids: Vec<&str> = events.iter().map(|(.., id)| id.as_str()).collect();
    assert_eq!(ids, ["1", "1", "1", ""]);
    assert_eq!(last, "9", "a blank line makes it the last, with data or without");
}

#[test]
fn a_later_response_goes_on_with_the_last_id() {
    let mut parser = Parser::new(Limits::default(), "7");
    let event = parser.next(&mut &b"data: a\n\n"[..]).unwrap().unwrap();
    assert_eq!((&*event.id, parser.last_id()), ("7", "7"));
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced() {
    let (events, _) = read(b"data: a\xffb\xe2\x82\ndata: \xe2\x82\xac\n\n");
    assert_eq!(events[0].1, "a\u{fffd}b\u{fffd}\n€");
}

#[test]
fn only_digits_are_a_wait_and_none_is_longer_than_a_day() {
    let retry = |value: &str| {
        let mut parser = Parser::new(Limits::default(), "");
        parser.next(&mut format!("retry:{value}\n").as_bytes()).unwrap();
        parser.take_retry()
    };
    assert_eq!(retry(" 1500"), Some(Duration::from_millis(1500)));
    assert_eq!(retry("0"), Some(Duration::ZERO));
    for value in ["", " ", "-1", "1.5", "1s", "  1", "٣"] {
        assert_eq!(retry(value), None, "{value:?}");
    }
    assert_eq!(retry("99999999999999999999999"), Some(Duration::from_secs(86_400)));
}

#[test]
fn a_line_and_an_event_without_an_end_are_errors_at_their_limits() {
    let limits = Limits { line: 100, data: 1000 };
    let feed = |piece: &[u8]| {
        let mut parser = Parser::new(limits, "");
        for count in 1..10_000 {
            if let Err(error) = parser.next(&mut &*piece) {
                return (error, count);
            }
        }
        panic!("no limit");
    };
    assert_eq!(feed(b"data: xxxx"), (EventsError::LineTooLong { limit: 100 }, 11));
    assert_eq!(feed(b": comment "), (EventsError::LineTooLong { limit: 100 }, 11));
    assert_eq!(feed(b"data: 123456789\n"), (EventsError::EventTooLong { limit: 1000 }, 101));
    assert_eq!(feed(b"data\n"), (EventsError::EventTooLong { limit: 1000 }, 1002), "empty lines count too");
    let mut parser = Parser::new(limits, "");
    assert!(parser.next(&mut &[&[b':'; 100][..], b"\n"].concat()[..]).is_ok());
}

#[test]
fn no_more_events_are_made_than_are_asked_for() {
    let mut parser = Parser::new(Limits::default(), "");
    let stream = b"data: 1\n\ndata: 2\n\n";
    let mut rest = &stream[..];
    assert_eq!(parser.next(&mut rest).unwrap().unwrap().data, "1");
    assert_eq!(rest, b"data: 2\n\n");
}

#[test]
fn a_stream_that_ended_is_asked_for_again_after_retry_and_failures_double_it_to_30_s() {
    let mut reconnection = Reconnection::default();
    assert_eq!(reconnection.after_end(), Duration::from_secs(3));
    let waits: Vec<u64> = (0..5).map(|_| reconnection.after_failure().as_secs()).collect();
    assert_eq!(waits, [6, 12, 24, 30, 30]);
    reconnection.opened();
    assert_eq!(reconnection.after_failure(), Duration::from_secs(6));
    reconnection.set_retry(Duration::from_secs(45));
    assert_eq!(
        (reconnection.after_end(), reconnection.after_failure()),
        (Duration::from_secs(45), Duration::from_secs(45))
    );
    reconnection.set_retry(Duration::ZERO);
    assert_eq!(reconnection.after_end(), Duration::from_millis(100), "it does not spin");
    (0..100_000).for_each(|_| assert!(reconnection.after_failure() <= Duration::from_secs(30)));
}

#[test]
fn only_a_200_of_the_right_type_is_a_stream() {
    for (status, content_type, verdict) in [
        (200, Some("text/event-stream"), Verdict::Stream),
        (200, Some("Text/Event-Stream ; charset=utf-8"), Verdict::Stream),
        (200, Some("text/event-streams"), Verdict::OtherType),
        (200, Some("application/json"), Verdict::OtherType),
        (200, None, Verdict::OtherType),
        (204, None, Verdict::NoMore),
        (206, Some("text/event-stream"), Verdict::OtherStatus),
        (503, Some("text/event-stream"), Verdict::OtherStatus),
    ] {
        assert_eq!(judge(status, content_type), verdict, "{status} {content_type:?}");
    }
}

#[test]
fn the_last_id_is_sent_unless_no_header_can_carry_it() {
    assert_eq!(last_event_id_line("42").as_deref(), Some("Last-Event-ID: 42"));
    assert_eq!(last_event_id_line("é").as_deref(), Some("Last-Event-ID: é"));
    assert_eq!(last_event_id_line(""), None);
    assert_eq!(last_event_id_line("a\u{1}"), None);
}
