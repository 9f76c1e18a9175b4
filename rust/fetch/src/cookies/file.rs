//! The text of a cookie file: one line with the name of the format, then one line for each cookie, whose parts are separated by tabs. It
//! only contains cookies with an expiry date.
//!
//! Anyone can have written the file, so every line must pass the same checks as a cookie of a server.

use std::fmt;
use std::time::{Duration, SystemTime};

use url::Host;

use super::jar::{Cookie, Jar, check_prefix, is_public_suffix, site_of};
use super::set_cookie::{LONGEST_ATTRIBUTE, LONGEST_PAIR, SameSite, has_control, not_too_late};

const FIRST_LINE: &str = "# HTTPClientRust cookies 1";

/// The maximum size of a cookie file, in bytes. The file of a full jar is smaller.
pub const LONGEST_FILE: usize = 64 << 20;

/// The file does not contain cookies and should not be overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieFileError;

impl Jar {
    /// Returns the text of the file.
    pub fn to_text(&self, now: SystemTime) -> String {
        let mut text = format!("{FIRST_LINE}\n");
        for cookie in self.cookies.iter().filter(|cookie| !cookie.is_expired(now)) {
            let Some(expires) = cookie.expires.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok()) else {
                continue;
            };
            let flag = |set: bool, word: &'static str| if set { word } else { "" };
            let parts = [
                cookie.domain.clone(),
                flag(cookie.host_only, "HostOnly").to_owned(),
                escape(&cookie.path),
                expires.as_secs().to_string(),
                flag(cookie.secure, "Secure").to_owned(),
                flag(cookie.http_only, "HttpOnly").to_owned(),
                cookie.same_site.as_str().to_owned(),
                escape(&cookie.name),
                escape(&cookie.value),
            ];
            text.push_str(&parts.join("\t"));
            text.push('\n');
        }
        text
    }

    /// Adds the cookies of a file to the jar, within its limits. Returns how many damaged lines were left out. An empty text is an empty
    /// file.
    pub fn add_text(&mut self, text: &str, now: SystemTime) -> Result<usize, CookieFileError> {
        if text.len() > LONGEST_FILE {
            return Err(CookieFileError);
        }
        let mut lines = text.lines();
        match lines.next() {
            None => return Ok(0),
            Some(FIRST_LINE) => {}
            Some(_) => return Err(CookieFileError),
        }
        let changes = self.changes;
        let mut damaged = 0;
        for line in lines.filter(|line| !line.is_empty()) {
            match read_line(line, now) {
                Some(cookie) => self.store(cookie, now),
                None => damaged += 1,
            }
        }
        self.changes = changes;
        Ok(damaged)
    }
}

fn read_line(line: &str, now: SystemTime) -> Option<Cookie> {
    let mut parts = line.split('\t');
    let mut part = || parts.next();
    let flag = |text: &str, word: &str| match text {
        "" => Some(false),
        text => (text == word).then_some(true),
    };
    let cookie = Cookie {
        domain: part()?.to_owned(),
        host_only: flag(part()?, "HostOnly")?,
        path: unescape(part()?),
        expires: Some(SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(part()?.parse().ok()?))?),
        secure: flag(part()?, "Secure")?,
        http_only: flag(part()?, "HttpOnly")?,
        same_site: SameSite::from_word(part()?),
        name: unescape(part()?),
        value: unescape(part()?),
        site: String::new(),
        last_used: 0,
    };
    let is_canonical = Host::parse(&cookie.domain).is_ok_and(|host| host.to_string() == cookie.domain);
    let is_sound = part().is_none()
        && is_canonical
        && (cookie.host_only || !is_public_suffix(&cookie.domain))
        && cookie.path.starts_with('/')
        && cookie.path.len() <= LONGEST_ATTRIBUTE
        && cookie.name.len() + cookie.value.len() <= LONGEST_PAIR
        && !(cookie.name.is_empty() && cookie.value.is_empty())
        && ![&cookie.name, &cookie.value, &cookie.path].into_iter().any(|text| has_control(text) || text.contains(';'))
        && !cookie.name.contains('=')
        && check_prefix(&cookie, true).is_ok();
    is_sound.then(|| Cookie {
        expires: cookie.expires.map(|at| not_too_late(at, now)),
        site: site_of(&cookie.domain).to_owned(),
        ..cookie
    })
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\t', "%09")
}

fn unescape(text: &str) -> String {
    text.replace("%09", "\t").replace("%25", "%")
}

impl fmt::Display for CookieFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cookie file does not contain cookies; choose another file, or remove this one")
    }
}

impl std::error::Error for CookieFileError {}
