//! Parses `Set-Cookie` values (RFC 6265bis §5.6). The jar decides whether the cookie is stored.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::date;

/// The maximum length of the name and value together, in bytes.
pub(super) const LONGEST_PAIR: usize = 4096;

/// The maximum length of the value of an attribute, in bytes. A longer attribute is ignored.
pub(super) const LONGEST_ATTRIBUTE: usize = 1024;

/// The maximum lifetime of a cookie.
pub(super) const LONGEST_LIFE: Duration = Duration::from_secs(400 * 86_400);

/// The cookie that a server or a script wants to store.
#[derive(Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// The name. Can be empty.
    pub name: String,
    /// The value. Can be empty, unless the name is empty.
    pub value: String,
    /// The time when it expires, or `None` if it ends with the session.
    pub expires: Option<SystemTime>,
    /// The domain as written, without a leading dot, or `None`.
    pub domain: Option<String>,
    /// The path, or `None` if there was no path that starts with `/`.
    pub path: Option<String>,
    /// Whether it is only sent over TLS.
    pub secure: bool,
    /// Whether scripts of a page cannot read it. This value is stored, but has no effect here.
    pub http_only: bool,
    /// From which sites it is sent. This value is stored, but has no effect here, because no page makes the request.
    pub same_site: SameSite,
}

/// Omits the value, which may be a secret.
impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cookie = f.debug_struct("SetCookie");
        cookie.field("name", &self.name).field("value", &format_args!("{} bytes", self.value.len()));
        cookie.field("domain", &self.domain).field("path", &self.path).field("expires", &self.expires);
        cookie.finish_non_exhaustive()
    }
}

/// From which sites a cookie can be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// The attribute was not set.
    #[default]
    Unset,
    /// Also from other sites.
    None,
    /// From other sites only if the user navigates to the site.
    Lax,
    /// Never from other sites.
    Strict,
}

impl SameSite {
    const NAMES: [(SameSite, &str); 4] =
        [(Self::Unset, ""), (Self::None, "None"), (Self::Lax, "Lax"), (Self::Strict, "Strict")];

    /// Returns the word in a `Set-Cookie` header. Empty if the attribute was not set.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(value, _)| *value == self).map_or("", |(_, name)| name)
    }

    /// Reads a word. An unknown word counts as not set.
    pub fn from_word(word: &str) -> Self {
        Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map_or(Self::Unset, |(value, _)| *value)
    }
}

impl SetCookie {
    /// Reads a value. Returns `None` if it must be ignored: it contains a control character, is too long, or has neither a name nor a
    /// value.
    pub fn read(text: &str, now: SystemTime) -> Option<SetCookie> {
        if has_control(text) {
            return None;
        }
        let mut parts = text.split(';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (trim(name), trim(value));
        if name.len() + value.len() > LONGEST_PAIR || name.is_empty() && value.is_empty() {
            return None;
        }
        let mut cookie = SetCookie {
            name: name.to_owned(),
            value: value.to_owned(),
            expires: None,
            domain: None,
            path: None,
            secure: false,
            http_only: false,
            same_site: SameSite::Unset,
        };
        let mut max_age = None;
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            let (attribute, value) = (trim(attribute), trim(value));
            if value.len() > LONGEST_ATTRIBUTE {
                continue;
            }
            // If an attribute occurs several times, the last one counts.
            match attribute.to_ascii_lowercase().as_str() {
                "expires" => cookie.expires = date::read(value).or(cookie.expires),
                "max-age" => max_age = read_max_age(value).or(max_age),
                "domain" => {
                    let domain = value.strip_prefix('.').unwrap_or(value);
                    cookie.domain = (!domain.is_empty()).then(|| domain.to_owned());
                }
                "path" => cookie.path = value.starts_with('/').then(|| value.to_owned()),
                "secure" => cookie.secure = true,
                "httponly" => cookie.http_only = true,
                "samesite" => cookie.same_site = SameSite::from_word(value),
                _ => {}
            }
        }
        if let Some(seconds) = max_age {
            cookie.expires = Some(if seconds == 0 {
                SystemTime::UNIX_EPOCH
            } else {
                let life = Duration::from_secs(seconds).min(LONGEST_LIFE);
                now.checked_add(life).unwrap_or(now)
            });
        }
        cookie.expires = cookie.expires.map(|at| not_too_late(at, now));
        Some(cookie)
    }
}

/// Returns `at`, or the latest allowed expiry if that is earlier.
pub(super) fn not_too_late(at: SystemTime, now: SystemTime) -> SystemTime {
    now.checked_add(LONGEST_LIFE).map_or(at, |latest| at.min(latest))
}

/// Returns whether the text contains control characters other than tabs.
pub(super) fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte != b'\t' && byte.is_ascii_control())
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Reads a number of seconds. A negative number becomes 0. Returns `None` if the value is not a number.
fn read_max_age(value: &str) -> Option<u64> {
    let (negative, digits) = value.strip_prefix('-').map_or((false, value), |rest| (true, rest));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A number that does not fit is treated as a very long time.
    Some(if negative { 0 } else { digits.parse().unwrap_or(u64::MAX) })
}
