//! Compares our rules with those of the crate `http-cache-semantics`, with generated requests and responses. Comments explain each
//! difference.

use std::time::{Duration, SystemTime};

use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::entry::read_head;
use super::rules::{self, Kept, Use};

const NOW: u64 = 1_700_000_000;

fn at(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW.saturating_add_signed(seconds))
}

/// A date with an offset in seconds from the response.
fn date(name: &'static str, offsets: std::ops::Range<i64>) -> impl Strategy<Value = Option<String>> {
    proptest::option::of(offsets.prop_map(move |offset| format!("{name}: {}", httpdate::fmt_http_date(at(offset)))))
}

fn directives(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let numbers = vec(0_u32..300, of.len());
    (subsequence(of, 0..=of.len()), numbers).prop_map(|(names, numbers)| {
        let written = names.iter().zip(numbers).map(|(name, number)| name.replace('#', &number.to_string()));
        let all = written.collect::<Vec<_>>().join(", ");
        if all.is_empty() { Vec::new() } else { vec![format!("cache-control: {all}")] }
    })
}

/// Responses without ambiguity: each directive once, and only valid dates. `Date` is never before the response, because the crate ignores
/// the age that results from it (RFC 9111 §4.2.3).
fn response() -> impl Strategy<Value = (u16, Vec<String>)> {
    let status = select(vec![200_u16, 203, 204, 301, 302, 303, 307, 308, 404, 405, 410, 414, 500, 501, 503]);
    let control =
        directives(&["max-age=#", "s-maxage=#", "no-cache", "no-store", "must-revalidate", "private", "public"]);
    let age = proptest::option::of((0_u32..200).prop_map(|age| format!("age: {age}")));
    let others = subsequence(vec!["etag: \"x\"".to_owned(), "vary: accept".to_owned(), "vary: *".to_owned()], 0..=2);
    (
        status,
        control,
        date("date", 0..1000),
        date("expires", -1000..1000),
        date("last-modified", -200_000..1000),
        age,
        others,
    )
        .prop_map(|(status, control, date, expires, modified, age, others)| {
            (status, [control, date.into_iter().chain(expires).chain(modified).chain(age).collect(), others].concat())
        })
}

fn request() -> impl Strategy<Value = Vec<String>> {
    directives(&["max-age=#", "min-fresh=#", "max-stale=#", "no-cache", "no-store"])
}

fn split(line: &str) -> (&str, &str) {
    line.split_once(": ").unwrap()
}

fn policy(request: &[String], status: u16, lines: &[String], received: SystemTime) -> (http::Request<()>, CachePolicy) {
    let builder = request.iter().fold(http::Request::builder().uri("http://a/"), |builder, line| {
        let (name, value) = split(line);
        builder.header(name, value)
    });
    let request = builder.body(()).unwrap();
    let response = lines.iter().fold(http::Response::builder().status(status), |builder, line| {
        let (name, value) = split(line);
        builder.header(name, value)
    });
    let options = CacheOptions { shared: false, ..CacheOptions::default() };
    let policy = CachePolicy::new_options(&request, &response.body(()).unwrap(), received, options);
    (request, policy)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_kept_and_how_long_it_answers_is_what_the_crate_says_but_for_what_we_know_of(
        asked in request(),
        (status, lines) in response(),
        later in 0_i64..400,
    ) {
        let text = format!("HTTP/1.1 {status} X\r\n{}\r\n\r\n", lines.join("\r\n"));
        let head = read_head(text.replace("\r\n\r\n\r\n", "\r\n\r\n").as_bytes()).unwrap();
        let control = rules::request_control(&asked);
        let (received, now) = (at(0), at(later));
        let (request, theirs) = policy(&asked, status, &lines, received);

        let said = rules::control(&head);
        let is_explicit = said.has("max-age") || head.fields.named("Expires").next().is_some();
        let is_other_status = matches!(status, 302 | 303 | 307 | 500 | 503) && !said.has("public") && !is_explicit;
        let keeps = rules::may_keep(&control, &head);
        // The crate does not store these if they are `private` (RFC 9111 §3), and derives their lifetime from their age if the server does
        // not specify it (§4.2.2).
        if is_other_status {
            prop_assert!(!keeps || said.has("private"));
            return Ok(());
        }
        // Our rules do not store responses that could never be used: they answer nothing, and nothing can confirm them.
        prop_assert!(!keeps || theirs.is_storable(), "{:?}", theirs);
        if !keeps {
            let can_be_confirmed = head.fields.named("ETag").chain(head.fields.named("Last-Modified")).next().is_some();
            let is_fresh = !rules::lifetime(&head, Some(received)).is_zero();
            let is_useless = rules::selecting_names(&head).contains(&"*".to_owned()) || !can_be_confirmed && !is_fresh;
            prop_assert!(!theirs.is_storable() || is_useless, "{:?}", theirs);
            return Ok(());
        }
        let kept = Kept { head: &head, requested: received, received };
        let left = rules::lifetime(&head, Some(received)).saturating_sub(rules::age(kept, now));
        if !said.has("no-cache") {
            prop_assert_eq!(left, theirs.time_to_live(now), "{:?}", theirs);
        }
        // A response that is exactly as stale as the request accepts: the crate treats "no more than" (§5.2.1.2) as "less than".
        let stale_for = rules::age(kept, now).saturating_sub(rules::lifetime(&head, Some(received)));
        // The crate also lets `max-stale` override `no-cache` (§5.2.2.4).
        if control.max_stale().is_some_and(|most| most == stale_for || said.has("no-cache")) {
            prop_assert!(!said.has("no-cache") || rules::judge(&control, kept, now) == Use::Confirmed);
            return Ok(());
        }
        let theirs_is_fresh = matches!(theirs.before_request(&request, now), BeforeRequest::Fresh(_));
        let ours = rules::judge(&control, kept, now) == Use::AsItIs;
        prop_assert_eq!(ours, theirs_is_fresh, "{:?}", theirs);
    }

    #[test]
    fn whatever_stands_in_a_file_it_is_an_entry_or_none_and_never_a_fault(
        bytes in vec(any::<u8>(), 0..400),
        body in vec(any::<u8>(), 0..100),
        change in any::<(prop::sample::Index, u8)>(),
        cut in any::<prop::sample::Index>(),
    ) {
        use super::entry::Entry;
        prop_assert!(Entry::read(bytes.clone()).is_none());
        let head = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n";
        let seal = |bytes: &[u8]| {
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
            [bytes, hash.as_ref()].concat()
        };
        let whole = seal(&[Entry::beginning("name", head, at(0), at(1)), body.clone()].concat());
        let entry = Entry::read(whole.clone()).unwrap();
        prop_assert_eq!((entry.body(), entry.requested, entry.received), (&body[..], at(0), at(1)));
        prop_assert!(Entry::read(whole[..cut.index(whole.len())].to_vec()).is_none());
        let mut changed = whole.clone();
        let place = change.0.index(whole.len());
        changed[place] ^= change.1.max(1);
        prop_assert!(Entry::read(changed.clone()).is_none());
        // A file that was forged with the right hash.
        let inside = changed.len() - 32;
        if let Some(entry) = Entry::read(seal(&changed[..inside])) {
            prop_assert!(entry.body().len() <= inside);
        }
        let _ = Entry::read(seal(&[&b"http-fetch cache 1\n"[..], &bytes].concat()));
    }
}
