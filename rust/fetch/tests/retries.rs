//! Which failed attempts are repeated, and after how long.
#![allow(missing_docs)]

use std::time::{Duration, SystemTime};

use http_fetch::retry::{Attempt, End, Failure, Next, Policy, backoff, decide, read_retry_after};
use http_protocol::Method;

const POLICY: Policy = Policy { most: 2, unsafe_methods: false };

fn attempt(method: Method) -> Attempt {
    Attempt {
        method,
        retries: 0,
        on_kept_connection: false,
        was_written: true,
        has_lost_kept_connection: false,
        can_resume: false,
        time_left: None,
    }
}

/// Sun, 06 Nov 1994 08:49:37 GMT
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

fn after(attempt: &Attempt, end: End<'_>) -> Next {
    decide(POLICY, attempt, end, now(), 1.0)
}

fn status(status: u16) -> End<'static> {
    End::Answered { status, retry_after: None }
}

const HALF_A_SECOND: Next = Next::After(Duration::from_millis(500));

#[test]
fn only_failures_that_another_attempt_may_mend_are_retried() {
    use Failure::*;
    for failure in
        [ResolveFailed, ConnectFailed, ProxyFailed, ConnectTimeout, ResetBeforeResponse, ClosedBeforeResponse]
    {
        assert_eq!(after(&attempt(Method::Get), End::Failed(failure)), HALF_A_SECOND, "{failure:?}");
    }
    for failure in [ProxyRefused, Tls, BrokenOff, BadResponse, Timeout] {
        assert_eq!(after(&attempt(Method::Get), End::Failed(failure)), Next::Stop, "{failure:?}");
    }
}

#[test]
fn only_statuses_that_may_pass_are_retried_and_413_only_where_the_server_says_when() {
    let retried: Vec<u16> =
        (100..600).filter(|code| after(&attempt(Method::Get), status(*code)) != Next::Stop).collect();
    assert_eq!(retried, [408, 429, 500, 502, 503, 504]);
    let said = End::Answered { status: 413, retry_after: Some("3") };
    assert_eq!(after(&attempt(Method::Get), said), Next::After(Duration::from_secs(3)));
    let unreadable = End::Answered { status: 413, retry_after: Some("soon") };
    assert_eq!(after(&attempt(Method::Get), unreadable), Next::Stop);
}

#[test]
fn methods_that_change_something_twice_are_retried_only_if_the_session_says_so() {
    let retried: Vec<&str> = Method::ALL
        .iter()
        .filter(|method| after(&attempt(**method), status(503)) != Next::Stop)
        .map(|method| method.as_str())
        .collect();
    assert_eq!(retried, ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"]);
    let policy = Policy { unsafe_methods: true, ..POLICY };
    for method in [Method::Post, Method::Patch] {
        assert_eq!(decide(policy, &attempt(method), status(503), now(), 1.0), HALF_A_SECOND);
    }
}

#[test]
fn retries_end_at_the_limit() {
    let used_up = Attempt { retries: 2, ..attempt(Method::Get) };
    assert_eq!(after(&used_up, status(503)), Next::Stop);
    let none = Policy { most: 0, ..POLICY };
    assert_eq!(decide(none, &attempt(Method::Get), status(503), now(), 1.0), Next::Stop);
}

#[test]
fn a_request_that_died_unanswered_with_a_kept_connection_goes_out_once_more_without_counting() {
    let none = Policy { most: 0, unsafe_methods: false };
    let kept = Attempt { on_kept_connection: true, ..attempt(Method::Get) };
    for failure in [Failure::ResetBeforeResponse, Failure::ClosedBeforeResponse] {
        assert_eq!(decide(none, &kept, End::Failed(failure), now(), 1.0), Next::AtOnce);
    }
    assert_eq!(decide(none, &kept, End::Failed(Failure::BrokenOff), now(), 1.0), Next::Stop, "there were bytes");
    let again = Attempt { has_lost_kept_connection: true, ..kept };
    assert_eq!(decide(none, &again, End::Failed(Failure::ResetBeforeResponse), now(), 1.0), Next::Stop, "once");
    assert_eq!(decide(POLICY, &again, End::Failed(Failure::ResetBeforeResponse), now(), 1.0), HALF_A_SECOND);
}

#[test]
fn a_post_on_a_dead_kept_connection_goes_out_once_more_only_if_no_byte_of_it_was_written() {
    let reset = End::Failed(Failure::ResetBeforeResponse);
    let written = Attempt { on_kept_connection: true, ..attempt(Method::Post) };
    assert_eq!(after(&written, reset), Next::Stop);
    assert_eq!(after(&Attempt { was_written: false, ..written }, reset), Next::AtOnce);
    let on_new_one = Attempt { was_written: false, on_kept_connection: false, ..written };
    assert_eq!(after(&on_new_one, reset), Next::Stop);
}

#[test]
fn a_download_that_can_go_on_where_it_broke_off_is_retried() {
    let resumable = Attempt { can_resume: true, ..attempt(Method::Get) };
    assert_eq!(after(&resumable, End::Failed(Failure::BrokenOff)), HALF_A_SECOND);
    assert_eq!(after(&resumable, End::Failed(Failure::Timeout)), Next::Stop);
}

#[test]
fn waits_double_from_half_a_second_to_thirty_and_jitter_only_shortens_them() {
    let whole: Vec<u64> = (0..8).map(|retries| backoff(retries, 1.0).as_millis() as u64).collect();
    assert_eq!(whole, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]);
    assert_eq!(backoff(0, 0.0), Duration::from_millis(250));
    assert_eq!(backoff(1, 0.5), Duration::from_millis(750));
    for strange in [f64::NAN, f64::INFINITY, -1.0, 2.0] {
        let wait = backoff(u32::MAX, strange);
        assert!((Duration::from_secs(15)..=Duration::from_secs(30)).contains(&wait), "{wait:?}");
    }
}

#[test]
fn retry_after_wins_over_doubling_in_seconds_and_as_a_date() {
    let said = |value| after(&attempt(Method::Get), End::Answered { status: 503, retry_after: Some(value) });
    let seconds = |count| Next::After(Duration::from_secs(count));
    assert_eq!(said("0"), seconds(0));
    assert_eq!(said(" 7 "), seconds(7));
    assert_eq!(said("60"), seconds(60));
    assert_eq!(said("Sun, 06 Nov 1994 08:49:57 GMT"), seconds(20));
    assert_eq!(said("Sunday, 06-Nov-94 08:49:57 GMT"), seconds(20));
    assert_eq!(said("Sun, 06 Nov 1994 08:49:07 GMT"), seconds(0), "a past date");
    for unreadable in ["", "-1", "1.5", "tomorrow", "+3", "Sun, 99 Nov 1994 08:49:57 GMT", "\u{661}"] {
        assert_eq!(said(unreadable), HALF_A_SECOND, "{unreadable}");
    }
}

#[test]
fn a_retry_after_of_more_than_a_minute_ends_it_with_that_response() {
    for value in ["61", "99999999999999999999999999", "Sun, 06 Nov 1994 08:50:38 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"]
    {
        let end = End::Answered { status: 503, retry_after: Some(value) };
        assert_eq!(after(&attempt(Method::Get), end), Next::Stop, "{value}");
        assert!(read_retry_after(value, now()).is_some(), "{value}");
    }
}

#[test]
fn a_wait_for_which_the_timeout_leaves_no_time_is_not_begun() {
    let hurried = Attempt { time_left: Some(Duration::from_secs(5)), ..attempt(Method::Get) };
    let said = |value| after(&hurried, End::Answered { status: 503, retry_after: Some(value) });
    assert_eq!(said("4"), Next::After(Duration::from_secs(4)));
    assert_eq!(said("5"), Next::Stop);
    let at_the_end = Attempt { time_left: Some(Duration::from_millis(400)), ..hurried };
    assert_eq!(after(&at_the_end, status(503)), Next::Stop);
}

#[test]
fn the_reason_for_a_retry_is_a_sentence_without_anything_that_the_server_said() {
    assert_eq!(status(503).to_string(), "the server answered with status 503");
    assert_eq!(End::Failed(Failure::ConnectFailed).to_string(), "the server could not be reached");
}
