//! Property: for all Set-Cookie lines, no cookie is sent to a host, path or scheme that it is not for, the jar stays within its limits, and
//! the text of a file restores the written cookies. Any other text is accepted or refused.
//!
//! Input: lines. A line that starts with a digit comes from the URL with that number in a list. The others are lines of a cookie file.

use std::time::{Duration, SystemTime};

use http_fetch::address::Address;
use http_fetch::cookies::{Jar, Limits};

const URLS: [&str; 10] = [
    "https://example.com/",
    "http://example.com/a/b",
    "https://www.example.com/a",
    "http://deep.www.example.com/a/b/c",
    "https://other.example/",
    "https://shop.co.uk/x",
    "http://127.0.0.1:8080/a",
    "http://[::1]/",
    "https://player.github.io/",
    "http://localhost/a/",
];

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let addresses = URLS.map(|url| Address::resolve(None, url).expect("a URL"));
    let limits = Limits { per_site: 5, in_all: 12 };
    let mut jar = Jar::new(limits);
    let mut file = "# HTTPClientRust cookies 1\n".to_owned();
    for line in String::from_utf8_lossy(data).split('\n') {
        match line.as_bytes() {
            [digit @ b'0'..=b'9', ..] => {
                let address = &addresses[usize::from(digit - b'0')];
                let before = jar.clone();
                if jar.set(address, &line[1..], now).is_err() {
                    assert_eq!(jar.len(), before.len(), "{line:?}");
                }
                // Cookies of other hosts only change by being evicted.
                for other in &addresses {
                    let (is, was) = (jar.get(other, now), before.get(other, now));
                    for cookie in is.iter().filter(|cookie| !was.contains(cookie)) {
                        let host = address.host();
                        assert!(
                            host == cookie.domain
                                || !cookie.host_only && host.ends_with(&format!(".{}", cookie.domain)),
                            "{line:?}: {cookie:?}"
                        );
                        assert!(!cookie.secure || address.is_secure(), "{line:?}: {cookie:?}");
                    }
                }
            }
            _ => {
                file.push_str(line);
                file.push('\n');
            }
        }
        assert!(jar.len() <= limits.in_all);
    }
    for address in &addresses {
        for cookie in jar.get(address, now) {
            let host = address.host();
            assert!(host == cookie.domain || host.ends_with(&format!(".{}", cookie.domain)), "{cookie:?} {host}");
            assert!(address.path().starts_with(&cookie.path), "{cookie:?} {address}");
            assert!(!cookie.secure || address.is_secure(), "{cookie:?} {address}");
        }
        if let Some(header) = jar.header(address, now) {
            assert!(!header.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control()), "{header:?}");
        }
    }
    let text = jar.to_text(now);
    let mut read = Jar::new(limits);
    assert_eq!(read.add_text(&text, now), Ok(0), "{text:?}");
    assert_eq!(read.to_text(now), text);

    read.clear();
    read.add_text(&file, now).expect("the first line is right");
    assert!(read.len() <= limits.in_all);
    let text = read.to_text(now);
    let mut again = Jar::new(limits);
    assert_eq!(again.add_text(&text, now), Ok(0), "{text:?}");
    assert_eq!(again.to_text(now), text);
}
