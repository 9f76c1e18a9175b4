//! Which cookies are stored, and which of them are sent with a request. The cases follow RFC 6265bis.
#![allow(missing_docs)]

use std::time::{Duration, SystemTime};

use http_fetch::address::Address;
use http_fetch::cookies::{CookieError, CookieFileError, Jar, LONGEST_FILE, Limits, SameSite, SetCookie};

const DAY: Duration = Duration::from_secs(86_400);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn address(url: &str) -> Address {
    Address::resolve(None, url).unwrap()
}

/// Sets each line from its URL, and returns the header for a request to `to`.
fn sent(lines: &[(&str, &str)], to: &str) -> String {
    let mut jar = Jar::default();
    for (from, line) in lines {
        let _ = jar.set(&address(from), line, now());
    }
    jar.header(&address(to), now()).unwrap_or_default()
}

/// Returns the header for a request to the URL that set the cookie.
fn back(line: &str) -> String {
    sent(&[("https://example.com/", line)], "https://example.com/")
}

fn refused(from: &str, line: &str) -> CookieError {
    let mut jar = Jar::default();
    let error = jar.set(&address(from), line, now()).expect_err(line);
    assert!(jar.is_empty());
    error
}

#[test]
fn name_and_value_are_what_stands_around_the_first_equals_sign() {
    for (line, expected) in [
        ("a=b", "a=b"),
        (" a \t=\t b ", "a=b"),
        ("a=b=c", "a=b=c"),
        ("a=\"b c\"", "a=\"b c\""),
        ("a=", "a="),
        ("=b", "b"),
        ("b", "b"),
        ("a=b;", "a=b"),
        ("a=b; c=d", "a=b"),
        ("a=b, c=d", "a=b, c=d"),
        ("ü=é", "ü=é"),
        ("", ""),
        ("=", ""),
        (";Path=/", ""),
        ("a=b\tc", "a=b\tc"),
        ("a=b\u{1}", ""),
        ("a=b\u{7f}", ""),
        ("a=b\r\nX: y", ""),
    ] {
        assert_eq!(back(line), expected, "{line:?}");
    }
}

#[test]
fn a_pair_of_more_than_4096_bytes_and_an_attribute_of_more_than_1024_are_not_there() {
    assert_eq!(back(&format!("a={}", "b".repeat(4095))).len(), 4097);
    assert_eq!(back(&format!("a={}", "b".repeat(4096))), "");
    let long = format!("/{}", "x".repeat(1024));
    assert_eq!(back(&format!("a=b; Path={long}")), "a=b", "the path is the default one");
    assert_eq!(refused(&format!("https://example.com{long}/x"), "a=b"), CookieError::Unreadable);
}

#[test]
fn expiry_is_max_age_then_expires_and_never_more_than_400_days() {
    let life = |line: &str| {
        let expires = SetCookie::read(line, now()).unwrap().expires?;
        Some(expires.duration_since(now()).unwrap_or_default().as_secs())
    };
    assert_eq!(life("a=b"), None);
    assert_eq!(life("a=b; Max-Age=60"), Some(60));
    assert_eq!(life("a=b; max-age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"), Some(60));
    assert_eq!(life("a=b; Max-Age=1; Max-Age=2"), Some(2));
    assert_eq!(life("a=b; Expires=Tue, 14 Nov 2023 22:14:20 GMT"), Some(60));
    for ignored in ["Max-Age=", "Max-Age=6x", "Max-Age=+6", "Max-Age=1.5", "Max-Age=-", "Expires=soon"] {
        assert_eq!(life(&format!("a=b; {ignored}")), None, "{ignored}");
    }
    let most = 400 * 86_400;
    for long in ["Max-Age=99999999999999999999999", "Max-Age=34560001", "Expires=Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_eq!(life(&format!("a=b; {long}")), Some(most), "{long}");
    }
}

#[test]
fn an_expired_cookie_removes_the_one_of_its_name_and_no_other() {
    let from = "https://example.com/";
    for gone in ["a=; Max-Age=0", "a=x; Max-Age=-5", "a=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"] {
        assert_eq!(sent(&[(from, "a=b"), (from, "c=d"), (from, gone)], from), "c=d", "{gone}");
    }
    let other_path = "a=; Max-Age=0; Path=/x";
    assert_eq!(sent(&[(from, "a=b"), (from, other_path)], from), "a=b");
}

#[test]
fn a_cookie_goes_no_more_from_its_expiry_on() {
    let mut jar = Jar::default();
    let here = address("https://example.com/");
    jar.set(&here, "a=b; Max-Age=60", now()).unwrap();
    assert_eq!(jar.header(&here, now() + Duration::from_secs(59)).as_deref(), Some("a=b"));
    assert_eq!(jar.header(&here, now() + Duration::from_secs(60)), None);
}

#[test]
fn without_domain_a_cookie_goes_to_its_host_alone_and_with_one_below_it_too() {
    let www = "https://www.example.com/";
    assert_eq!(sent(&[(www, "a=b")], www), "a=b");
    assert_eq!(sent(&[(www, "a=b; Domain=")], "https://x.www.example.com/"), "");
    assert_eq!(sent(&[(www, "a=b")], "https://x.www.example.com/"), "");
    assert_eq!(sent(&[(www, "a=b")], "https://example.com/"), "");
    for domain in ["example.com", ".example.com", "EXAMPLE.com", "other.org; Domain=example.com"] {
        let line = format!("a=b; Domain={domain}");
        for to in ["https://example.com/", www, "https://x.www.example.com/"] {
            assert_eq!(sent(&[(www, &line)], to), "a=b", "{line} {to}");
        }
        for to in ["https://badexample.com/", "https://example.com.evil.org/", "https://example.org/"] {
            assert_eq!(sent(&[(www, &line)], to), "", "{line} {to}");
        }
    }
    assert_eq!(sent(&[("https://bücher.example/", "a=b; Domain=bücher.example")], "https://x.bücher.example/"), "a=b");
}

#[test]
fn a_domain_of_another_host_is_refused() {
    for (from, domain) in [
        ("https://example.com/", "other.com"),
        ("https://example.com/", "www.example.com"),
        ("https://badexample.com/", "example.com"),
        ("https://example.com/", "..example.com"),
        ("http://127.0.0.1/", "0.0.1"),
        ("http://127.0.0.1/", "1"),
        ("https://example.com/", "exa mple.com"),
    ] {
        let error = refused(from, &format!("a=b; Domain={domain}"));
        assert!(matches!(error, CookieError::OtherDomain | CookieError::PublicSuffix), "{from} {domain}: {error:?}");
    }
}

#[test]
fn a_public_suffix_is_refused_but_for_the_host_that_is_one() {
    for (from, domain) in [
        ("https://shop.co.uk/", "co.uk"),
        ("https://example.com/", "com"),
        ("https://player.github.io/", "github.io"),
        ("https://game.internal/", "internal"),
    ] {
        assert_eq!(refused(from, &format!("a=b; Domain={domain}")), CookieError::PublicSuffix, "{domain}");
    }
    let lines = [("https://github.io/", "a=b; Domain=github.io")];
    assert_eq!(sent(&lines, "https://github.io/"), "a=b");
    assert_eq!(sent(&lines, "https://player.github.io/"), "", "host-only");
    assert_eq!(sent(&[("http://localhost/", "a=b; Domain=localhost")], "http://localhost:8080/"), "a=b", "any port");
}

#[test]
fn an_address_is_no_name_and_has_nothing_below_it() {
    assert_eq!(sent(&[("http://127.0.0.1/", "a=b; Domain=127.0.0.1")], "http://127.0.0.1:81/"), "a=b");
    assert_eq!(sent(&[("http://[::1]/", "a=b")], "http://[::1]/"), "a=b");
    assert_eq!(sent(&[("http://127.0.0.1/", "a=b")], "http://127.0.0.2/"), "");
}

#[test]
fn a_path_matches_whole_folders_and_the_default_is_that_of_the_request() {
    let from = "https://example.com/a/b/c?x=/y/z";
    assert_eq!(sent(&[(from, "a=b")], "https://example.com/a/b"), "a=b", "the default");
    assert_eq!(sent(&[(from, "a=b")], "https://example.com/a/bc"), "");
    assert_eq!(sent(&[("https://example.com/x", "a=b")], "https://example.com/"), "a=b");
    for (path, to, goes) in [
        ("/", "/", true),
        ("/a", "/a", true),
        ("/a", "/a/", true),
        ("/a", "/ab", false),
        ("/a/", "/a", false),
        ("/a/", "/a/b", true),
        ("/A", "/a", false),
        ("x", "/a/b/q", true),
        ("", "/a/b/q", true),
        ("/z; Path=/a", "/a", true),
        ("/z; Path", "/a/b/q", true),
    ] {
        let header = sent(&[(from, &format!("n=v; Path={path}"))], &format!("https://example.com{to}"));
        assert_eq!(header == "n=v", goes, "{path} {to}");
    }
}

#[test]
fn secure_cookies_come_and_go_over_tls_alone() {
    assert_eq!(refused("http://example.com/", "a=b; Secure"), CookieError::NotSecure);
    let lines = [("https://example.com/", "a=b; secure=no")];
    assert_eq!(sent(&lines, "https://example.com/"), "a=b");
    assert_eq!(sent(&lines, "http://example.com/"), "");
}

#[test]
fn without_tls_nobody_replaces_a_secure_cookie_or_puts_one_over_it() {
    let set = |first: &str, second: &str| {
        let mut jar = Jar::default();
        jar.set(&address("https://www.example.com/"), first, now()).unwrap();
        jar.set(&address("http://www.example.com/"), second, now())
    };
    assert_eq!(set("a=b; Secure", "a=evil"), Err(CookieError::WouldReplaceSecure));
    assert_eq!(set("a=b; Secure", "a=evil; Domain=example.com"), Err(CookieError::WouldReplaceSecure));
    assert_eq!(set("a=b; Secure; Domain=example.com", "a=evil; Path=/x"), Err(CookieError::WouldReplaceSecure));
    assert_eq!(set("a=b; Secure; Path=/x", "a=other; Path=/"), Ok(()));
    assert_eq!(set("a=b; Secure", "c=other"), Ok(()));
    assert_eq!(set("a=b", "a=other"), Ok(()));
}

#[test]
fn a_prefix_in_the_name_is_a_promise() {
    for kept in [
        "__Secure-a=b; Secure",
        "__Secure-a=b; Secure; Domain=example.com",
        "__Host-a=b; Secure; Path=/",
        "__HOST-a=b; Secure; Path=/",
        "__Host=b",
    ] {
        assert!(!back(kept).is_empty(), "{kept}");
    }
    for broken in [
        "__Secure-a=b",
        "__secure-a=b",
        "__Host-a=b; Path=/",
        "__Host-a=b; Secure",
        "__Host-a=b; Secure; Path=/x",
        "__Host-a=b; Secure; Path=/; Domain=example.com",
        "=__Host-a=b; Secure; Path=/",
        "__Secure-a; Secure",
    ] {
        assert_eq!(refused("https://example.com/", broken), CookieError::Prefix, "{broken}");
    }
}

#[test]
fn http_only_and_same_site_are_read_and_the_last_word_counts() {
    let mut jar = Jar::default();
    let here = address("https://example.com/");
    jar.set(&here, "a=b; HttpOnly; SameSite=lax", now()).unwrap();
    jar.set(&here, "c=d; SameSite=Strict; SameSite=None", now()).unwrap();
    jar.set(&here, "e=f; SameSite=Sideways", now()).unwrap();
    let kept: Vec<_> = jar.get(&here, now()).iter().map(|cookie| (cookie.http_only, cookie.same_site)).collect();
    assert_eq!(kept, [(true, SameSite::Lax), (false, SameSite::None), (false, SameSite::Unset)]);
}

#[test]
fn longer_paths_are_sent_first_then_older_cookies_and_a_replaced_one_keeps_its_place() {
    let from = "https://example.com/a/b";
    let lines = [
        (from, "1=x; Path=/"),
        (from, "2=x; Path=/a/b"),
        (from, "3=x; Path=/a"),
        (from, "4=x; Path=/"),
        (from, "1=y; Path=/"),
    ];
    assert_eq!(sent(&lines, from), "2=x; 3=x; 1=y; 4=x");
    assert_eq!(
        sent(&[(from, "1=x; Path=/"), (from, "1=y; Path=/a")], from),
        "1=y; 1=x",
        "another path is another cookie"
    );
}

#[test]
fn cookies_by_the_thousand_stay_within_the_limits_and_push_out_nobody_elses() {
    let mut jar = Jar::default();
    jar.set(&address("https://game.example/"), "mine=1", now()).unwrap();
    for count in 0..10_000 {
        let host = format!("https://h{}.evil.example/", count % 50);
        jar.set(&address(&host), &format!("n{count}=x; Domain=evil.example"), now()).unwrap();
    }
    assert_eq!(jar.len(), 181);
    assert_eq!(jar.header(&address("https://game.example/"), now()).as_deref(), Some("mine=1"));
    let kept = jar.header(&address("https://evil.example/"), now()).unwrap();
    assert!(kept.contains("n9999=") && kept.contains("n9820=") && !kept.contains("n9819="), "the newest stay");
}

#[test]
fn at_the_limit_the_expired_go_first_then_those_not_used_longest() {
    let mut jar = Jar::new(Limits { per_site: 10, in_all: 3 });
    let hosts = ["a.example", "b.example", "c.example", "d.example", "e.example"]
        .map(|host| address(&format!("https://{host}/")));
    jar.set(&hosts[0], "a=1", now()).unwrap();
    jar.set(&hosts[1], "b=1; Max-Age=10", now()).unwrap();
    jar.set(&hosts[2], "c=1", now()).unwrap();
    jar.set(&hosts[3], "d=1", now() + DAY).unwrap();
    assert_eq!(jar.get(&hosts[0], now()).len(), 1, "the expired one went");
    jar.header(&hosts[0], now());
    jar.set(&hosts[4], "e=1", now() + DAY).unwrap();
    let left: Vec<usize> = hosts.iter().map(|host| jar.get(host, now()).len()).collect();
    assert_eq!(left, [1, 0, 0, 1, 1]);
}

#[test]
fn clearing_leaves_nothing() {
    let mut jar = Jar::default();
    let here = address("https://example.com/");
    jar.set(&here, "a=b", now()).unwrap();
    jar.clear();
    assert!(jar.is_empty());
    assert_eq!(jar.header(&here, now()), None);
}

#[test]
fn a_file_keeps_only_what_has_an_expiry_and_gives_it_back_as_it_was() {
    let mut jar = Jar::default();
    let here = address("https://www.example.com/");
    jar.set(&here, "session=1", now()).unwrap();
    jar.set(&here, "a=100%\t\"25%25\"; Max-Age=99; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax", now())
        .unwrap();
    jar.set(&here, "__Host-b=ü; Max-Age=99; Path=/; Secure", now()).unwrap();
    let text = jar.to_text(now());
    assert!(!text.contains("session"));

    let mut read = Jar::default();
    assert_eq!(read.add_text(&text, now()), Ok(0));
    let kept_of = |jar: &Jar| -> Vec<(String, String)> {
        let all = jar.get(&here, now()).into_iter().filter(|cookie| cookie.expires.is_some());
        all.map(|cookie| (format!("{cookie:?}"), cookie.value.clone())).collect()
    };
    assert_eq!((kept_of(&read), read.get(&here, now()).len()), (kept_of(&jar), 2));
    assert_eq!(read.add_text(&text, now() + 2 * DAY), Ok(0));
    assert!(read.get(&here, now() + 2 * DAY).is_empty(), "expired meanwhile");
}

#[test]
fn what_is_to_be_saved_is_known_by_a_number_that_changes() {
    let mut jar = Jar::default();
    let here = address("https://example.com/");
    let mut last = jar.changes();
    let mut changed = |jar: &Jar| std::mem::replace(&mut last, jar.changes()) != jar.changes();
    jar.set(&here, "session=1", now()).unwrap();
    assert!(!changed(&jar));
    jar.set(&here, "a=b; Max-Age=99", now()).unwrap();
    assert!(changed(&jar));
    jar.header(&here, now());
    assert!(!changed(&jar));
    jar.set(&here, "a=b", now()).unwrap();
    assert!(changed(&jar), "it is kept no more");
    jar.clear();
    assert!(changed(&jar));
}

#[test]
fn lines_of_a_file_that_no_server_could_have_set_are_left_out() {
    let good = "example.com\tHostOnly\t/\t1700000099\tSecure\t\t\ta\tb";
    let first = "# HTTPClientRust cookies 1";
    let damaged = |line: &str| Jar::default().add_text(&format!("{first}\n{line}\n"), now()).unwrap() == 1;
    assert!(!damaged(good));
    for (from, to) in [
        ("example.com\tHostOnly", "co.uk\t"),
        ("example.com", "EXAMPLE.com"),
        ("example.com", "exa mple.com"),
        ("HostOnly", "hostonly"),
        ("\t/\t", "\tx\t"),
        ("1700000099", "-1"),
        ("1700000099", "99999999999999999999"),
        ("\ta\tb", "\t\t"),
        ("\ta\tb", "\ta\tb\tc"),
        ("\ta\tb", "\ta"),
        ("\ta\tb", "\ta=\tb"),
        ("\ta\tb", "\ta\tb;c"),
        ("\ta\tb", "\ta\tb\u{1}"),
        ("Secure\t\t\ta", "\t\t\t__Secure-a"),
        ("Secure\t\t\ta", "\t\t\t__Host-a"),
    ] {
        let line = good.replace(from, to);
        assert!(damaged(&line), "{line:?}");
    }
    assert!(damaged(&good.replace("\tb", &format!("\t{}", "b".repeat(4097)))));
    let mut jar = Jar::default();
    let far = good.replace("1700000099", "99999999999");
    assert_eq!(jar.add_text(&format!("{first}\n\n{far}\n{good}garbage\t\n"), now()), Ok(1));
    let cookie = jar.get(&address("https://example.com/"), now())[0];
    assert_eq!(cookie.expires, Some(now() + 400 * DAY), "also a file does not keep one for ever");
}

#[test]
fn a_file_that_holds_something_else_is_not_taken_for_an_empty_one() {
    assert_eq!(Jar::default().add_text("", now()), Ok(0));
    for other in ["[application]\nconfig/name=x\n", "# Netscape HTTP Cookie File\n", "\n", "\u{feff}"] {
        assert_eq!(Jar::default().add_text(other, now()), Err(CookieFileError), "{other:?}");
    }
    let endless = "# HTTPClientRust cookies 1\n".to_owned() + &"\n".repeat(LONGEST_FILE);
    assert_eq!(Jar::default().add_text(&endless, now()), Err(CookieFileError));
}
