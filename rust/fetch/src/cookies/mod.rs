//! Cookies (RFC 6265bis): what a `Set-Cookie` says ([`SetCookie`]), which of it is kept and sent back ([`Jar`]), and the text
//! of a cookie file.
//!
//! The crate `cookie_store` has no prefixes, no SameSite and no limits, and brings serde; so the rules are our own, and only
//! the list of public suffixes is another's (`psl`).

mod date;
mod file;
mod jar;
mod set_cookie;

pub use file::{CookieFileError, LONGEST_FILE};
pub use jar::{Cookie, CookieError, Jar, Limits};
pub use set_cookie::{SameSite, SetCookie};
