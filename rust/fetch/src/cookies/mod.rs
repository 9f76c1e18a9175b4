//! Cookies (RFC 6265bis): the content of a `Set-Cookie` header ([`SetCookie`]), the cookies that are stored and sent back ([`Jar`]), and
//! the text of a cookie file.
//!
//! The crate `cookie_store` has no prefixes, no SameSite and no limits, and depends on serde. So the rules are our own, except for the
//! list of public suffixes (`psl`).

mod date;
mod file;
mod jar;
mod set_cookie;

pub use file::{CookieFileError, LONGEST_FILE};
pub use jar::{Cookie, CookieError, Jar, Limits};
pub use set_cookie::{SameSite, SetCookie};
