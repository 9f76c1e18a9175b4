//! What is requested if a part of a file already exists, and what the response means for it.
#![allow(missing_docs)]

use std::path::Path;

use http_fetch::download::{
    ContentRange, DownloadError, Fields, LONGEST_NOTES, Notes, Plan, Validator, Verdict, check_length, notes_path,
    part_path,
};

const URL: &str = "https://example.com/game.pck";
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn notes() -> Notes {
    Notes { url: URL.to_owned(), validator: Validator::ETag("\"v1\"".to_owned()) }
}

fn rest() -> Plan {
    Plan::new(URL, Some(500), Some(notes()), false)
}

fn range(content_range: &str) -> Fields<'_> {
    Fields { content_range: Some(content_range), ..Fields::default() }
}

#[test]
fn part_and_notes_stand_beside_the_file() {
    assert_eq!(part_path(Path::new("/a/b.zip")), Path::new("/a/b.zip.part"));
    assert_eq!(notes_path(Path::new("b")), Path::new("b.part.info"));
}

#[test]
fn a_part_is_gone_on_with_only_if_it_is_known_where_it_comes_from() {
    assert_eq!(rest().header_lines(), ["Accept-Encoding: identity", "Range: bytes=500-", "If-Range: \"v1\""]);
    let other_url = Notes { url: "https://example.com/other.pck".to_owned(), ..notes() };
    for (len, notes) in
        [(None, Some(notes())), (Some(0), Some(notes())), (Some(500), None), (Some(500), Some(other_url))]
    {
        let plan = Plan::new(URL, len, notes, false);
        assert_eq!(plan, Plan::Whole);
        assert_eq!(plan.header_lines(), ["Accept-Encoding: identity"]);
    }
    assert_eq!(Plan::new(URL, Some(500), Some(notes()), true), Plan::ByHand);
    let by_date = Notes { validator: Validator::LastModified(DATE.to_owned()), ..notes() };
    assert_eq!(Plan::new(URL, Some(1), Some(by_date), false).header_lines()[2], format!("If-Range: {DATE}"));
}

#[test]
fn a_206_with_exactly_the_rest_is_written_behind_the_part() {
    let rest = rest();
    assert_eq!(rest.judge(206, &range("bytes 500-999/1000")), Ok(Verdict::Append { len: 1000 }));
    let with_len = Fields { body_len: Some(500), etag: Some("\"v1\""), ..range("bytes 500-999/1000") };
    assert_eq!(rest.judge(206, &with_len), Ok(Verdict::Append { len: 1000 }));
}

#[test]
fn a_206_that_does_not_match_is_an_error_and_never_written() {
    for other in [
        "bytes 0-999/1000",
        "bytes 499-999/1000",
        "bytes 501-999/1000",
        "bytes 500-899/1000",
        "bytes 500-999/*",
        "bytes 500-999/999",
        "bytes */1000",
        "items 500-999/1000",
        "garbage",
        "",
    ] {
        assert_eq!(rest().judge(206, &range(other)), Err(DownloadError::OtherRange { from: 500 }), "{other}");
    }
    assert_eq!(
        rest().judge(206, &Fields::default()),
        Err(DownloadError::OtherRange { from: 500 }),
        "multipart/byteranges"
    );
    let short = Fields { body_len: Some(499), ..range("bytes 500-999/1000") };
    assert_eq!(rest().judge(206, &short), Err(DownloadError::OtherRange { from: 500 }));
}

#[test]
fn a_206_of_another_version_or_packed_is_asked_for_again_as_a_whole() {
    let changed = Fields { etag: Some("\"v2\""), ..range("bytes 500-999/1000") };
    assert_eq!(rest().judge(206, &changed), Ok(Verdict::AskAgain));
    let packed = Fields { is_encoded: true, ..range("bytes 500-999/1000") };
    assert_eq!(rest().judge(206, &packed), Ok(Verdict::AskAgain));
}

#[test]
fn a_server_that_ignores_the_range_or_has_a_new_version_starts_over() {
    let whole = Fields { body_len: Some(1000), ..Fields::default() };
    assert_eq!(rest().judge(200, &whole), Ok(Verdict::StartOver { len: Some(1000) }));
    assert_eq!(Plan::Whole.judge(200, &Fields::default()), Ok(Verdict::StartOver { len: None }));
    assert_eq!(Plan::Whole.judge(200, &Fields { is_encoded: true, ..whole }), Ok(Verdict::StartOver { len: None }));
    assert_eq!(Plan::ByHand.judge(206, &range("bytes 5-9/10")), Ok(Verdict::StartOver { len: None }));
}

#[test]
fn a_416_means_complete_if_the_length_is_that_of_the_part_and_starts_over_otherwise() {
    assert_eq!(rest().judge(416, &range("bytes */500")), Ok(Verdict::Complete));
    for other in ["bytes */499", "bytes */501", "bytes */*", "bytes 0-1/500", ""] {
        assert_eq!(rest().judge(416, &range(other)), Ok(Verdict::AskAgain), "{other}");
    }
    assert_eq!(rest().judge(416, &Fields::default()), Ok(Verdict::AskAgain));
    let changed = Fields { etag: Some("\"v2\""), ..range("bytes */500") };
    assert_eq!(rest().judge(416, &changed), Ok(Verdict::AskAgain));
    assert_eq!(
        Plan::Whole.judge(416, &range("bytes */500")),
        Ok(Verdict::NoFile),
        "it was not asked for: once is enough"
    );
}

#[test]
fn an_error_page_never_becomes_the_file() {
    for status in [301, 304, 400, 404, 412, 429, 500, 503] {
        for plan in [Plan::Whole, Plan::ByHand, rest()] {
            assert_eq!(plan.judge(status, &range("bytes 500-999/1000")), Ok(Verdict::NoFile), "{status}");
        }
    }
}

#[test]
fn a_part_that_nobody_asked_for_is_an_error() {
    assert_eq!(Plan::Whole.judge(206, &range("bytes 0-9/10")), Err(DownloadError::UnaskedPart));
}

#[test]
fn a_content_range_is_read_strictly() {
    let part = |first, last, len| Some(ContentRange::Part { first, last, len });
    assert_eq!(ContentRange::read("bytes 0-0/1"), part(0, 0, Some(1)));
    assert_eq!(ContentRange::read(" Bytes 5-9/* "), part(5, 9, None));
    assert_eq!(ContentRange::read("bytes */10"), Some(ContentRange::Unsatisfied { len: 10 }));
    for bad in [
        "bytes 5-4/10",
        "bytes 5-10/10",
        "bytes -5/10",
        "bytes 5-/10",
        "bytes +5-9/10",
        "bytes 5-9/",
        "bytes 5-9",
        "bytes=5-9/10",
        "bytes5-9/10",
        "bytes 5 - 9/10",
        "bytes 0x5-9/10",
        "bytes 5-99999999999999999999/*",
        "bytes 0-18446744073709551615/*",
        "bytes 1-2/3/4",
        "5-9/10",
    ] {
        assert_eq!(ContentRange::read(bad), None, "{bad}");
    }
}

#[test]
fn only_a_strong_validator_is_remembered() {
    let of = |etag, last_modified| {
        Notes::of(URL, &Fields { etag, last_modified, ..Fields::default() }).map(|notes| notes.validator)
    };
    assert_eq!(of(Some("\"v1\""), Some(DATE)), Some(Validator::ETag("\"v1\"".to_owned())));
    assert_eq!(of(Some("W/\"v1\""), Some(DATE)), Some(Validator::LastModified(DATE.to_owned())));
    assert_eq!(of(Some("v1"), None), None);
    assert_eq!(of(Some("\"v\"1\""), None), None);
    assert_eq!(of(Some("\"v\n1\""), None), None);
    assert_eq!(of(None, Some("yesterday")), None);
    assert_eq!(of(None, None), None);
    let packed = Fields { etag: Some("\"v1\""), is_encoded: true, ..Fields::default() };
    assert_eq!(Notes::of(URL, &packed), None);
    let long = format!("\"{}\"", "x".repeat(LONGEST_NOTES));
    assert_eq!(of(Some(&long), None), None);
}

#[test]
fn notes_are_read_back_as_they_were_and_anything_else_is_none() {
    for notes in [notes(), Notes { validator: Validator::LastModified(DATE.to_owned()), ..notes() }] {
        assert_eq!(Notes::read(&notes.to_text()), Some(notes));
    }
    let text = notes().to_text();
    for end in 0..text.len() {
        assert_eq!(Notes::read(&text[..end]), None, "a crash in the middle of a write, after {end} bytes");
    }
    for (from, to) in [
        ("1\n", "2\n"),
        ("url ", "URL "),
        ("\"v1\"", "W/\"v1\""),
        ("\"v1\"", "v1"),
        ("\"v1\"\n", "\"v1\"\nmore\n"),
        ("\n", "\r\n"),
    ] {
        assert_eq!(Notes::read(&text.replacen(from, to, 1)), None, "{from:?} {to:?}");
    }
    assert_eq!(Notes::read(&format!("{text}{}", "x".repeat(LONGEST_NOTES))), None);
}

#[test]
fn a_file_that_is_not_as_long_as_announced_is_an_error() {
    assert_eq!(check_length(10, Some(10)), Ok(()));
    assert_eq!(check_length(10, None), Ok(()));
    assert_eq!(check_length(9, Some(10)), Err(DownloadError::WrongLength { found: 9, expected: 10 }));
    assert_eq!(check_length(11, Some(10)), Err(DownloadError::WrongLength { found: 11, expected: 10 }));
}
