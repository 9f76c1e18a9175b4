//! Runs the inputs that the fuzz targets found on every run of the tests. The properties are in `fuzz/properties`.
#![allow(missing_docs)]

#[path = "../../../fuzz/properties/cookies.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod cookies;
#[path = "../../../fuzz/properties/decode.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod decode;
#[path = "../../../fuzz/properties/events.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod events;
#[path = "../../../fuzz/properties/fields.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod fields;
#[path = "../../../fuzz/properties/locations.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod locations;
#[path = "../../../fuzz/properties/recordings.rs"]
#[allow(unreachable_pub, reason = "fuzz targets use it too")]
mod recordings;

use std::path::Path;

use proptest::prelude::*;

/// Checks every input of a target's corpus, and all its prefixes: a fuzzer keeps few inputs, and this adds many.
fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).expect("the target's corpus") {
        let path = entry.expect("a file of the corpus").path();
        let input = std::fs::read(&path).expect("a file of the corpus");
        println!("{}", path.display());
        for end in (0..input.len()).step_by(input.len() / 16 + 1).chain([input.len()]) {
            check(&input[..end]);
        }
        inputs += 1;
    }
    assert!(inputs >= 5, "{inputs} inputs in {}", folder.display());
}

#[test]
fn cookies_that_fuzzing_found_stay_with_those_who_set_them() {
    replay("cookies", cookies::check);
}

#[test]
fn bodies_that_fuzzing_found_are_unpacked_the_same_however_they_are_split() {
    replay("decode", decode::check);
}

#[test]
fn event_streams_that_fuzzing_found_are_read_as_the_obvious_reader_does() {
    replay("events", events::check);
}

#[test]
fn recordings_that_fuzzing_found_are_read_or_refused() {
    replay("recordings", recordings::check);
}

#[test]
fn fields_that_fuzzing_found_are_read_as_what_they_say_or_not_at_all() {
    replay("fields", fields::check);
}

#[test]
fn redirects_that_fuzzing_found_lead_only_to_http_and_take_nothing_secret_along() {
    replay("locations", locations::check);
}

/// Pieces that the parsers look for, in any order.
fn text(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(pieces), 0..30).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_cookies_stay_with_those_who_set_them(data in text(&[
        "\n0", "\n1", "\n2", "\n3", "\n5", "\n6", "\n8", "\n9", "\nexample.com\t", "a", "b", "=", ";", "; Domain=", "example.com", ".www", "co.uk",
        "github.io", "; Path=", "/", "/a", "; Secure", "; Max-Age=", "99", "0", "-1", "; Expires=", "06 Nov 2094 08:49:37", "__Host-", "__Secure-",
        "\t", "%25", "%09", "1700000099", "ü", "\u{1}",
    ])) {
        cookies::check(&data);
    }

    #[test]
    fn any_event_stream_is_read_as_the_obvious_reader_does(size in 0_u8..9, data in text(&[
        "\n", "\r", "\r\n", "data", "event", "id", "retry", ":", " ", "\u{feff}", "x", "\0", "é", "1",
    ])) {
        events::check(&[&[size], &data[..]].concat());
    }

    #[test]
    fn any_field_is_read_as_what_it_says_or_not_at_all(reader in 0_u8..6, data in text(&[
        "bytes", " ", "-", "/", "*", "0", "5", "18446744073709551615", ";", "charset", "=", "\"", "\\", ",", "gzip", "br", "HTTPClientRust download 1",
        "\n", "url ", "etag ", "\"v1\"", "Sun, 06 Nov 1994 08:49:37 GMT", "a=b", "; Expires=", "; Max-Age=", "Nov", ":", "utf-16", "é",
    ])) {
        fields::check(&[&[reader], &data[..]].concat());
    }

    #[test]
    fn any_redirect_leads_only_to_http_and_takes_nothing_secret_along(status in 0_u8..5, from in 0_u8..4, data in text(&[
        "http", "https", "file", ":", "/", "//", "\\", "@", "?", "#", "example.com", "[::1]", ":443", ":0", "..", "%2e", "%", " ", "ü", "\t", "\0", "a",
    ])) {
        locations::check(&[&[status, from], &data[..]].concat());
    }
}
