//! Finds the values of secret names in a text: JSON, a query or a form. The module [`xml`](super::xml) does this for XML. The text may be
//! anything, such as JSON in lines of events, a page with URLs, or half of a document. Everything that looks like a field is treated as
//! one.

use std::ops::Range;

use super::names::{Secrecy, secrecy};

/// A value that was found.
#[derive(PartialEq)]
pub(super) struct Found {
    /// Its place in the text.
    pub(super) place: Range<usize>,
    /// The decoded value.
    pub(super) value: String,
    /// Whether it is a JSON number. Its replacement then needs quotes.
    pub(super) is_bare: bool,
}

/// The maximum depth of JSON in strings of JSON that is searched.
const DEEPEST: usize = 4;

/// Returns the secret values in JSON. `sent` is whether this side wrote the text.
pub(super) fn of_json(text: &str, sent: bool) -> Vec<Found> {
    Scanner::new(text, sent, 0).run()
}

struct Scanner<'a> {
    text: &'a str,
    sent: bool,
    at: usize,
    /// The containers around the position, innermost last. The value is whether everything in the container is secret.
    containers: Vec<bool>,
    /// What the name that was just read says about its value.
    next: Option<Secrecy>,
    found: Vec<Found>,
    depth: usize,
    /// A string that begins before this position has no end: all quotes up to here are escaped.
    no_quote_until: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, sent: bool, depth: usize) -> Self {
        Self { text, sent, at: 0, containers: Vec::new(), next: None, found: Vec::new(), depth, no_quote_until: 0 }
    }

    fn run(mut self) -> Vec<Found> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => {
                    let is_secret = self.is_all_secret();
                    self.containers.push(is_secret);
                    self.next = None;
                    self.at += 1;
                }
                b'}' | b']' => {
                    self.containers.pop();
                    self.next = None;
                    self.at += 1;
                }
                // A number is never a token.
                b'-' | b'0'..=b'9' if self.is_secret("") => {
                    let rest = &bytes[self.at..];
                    let len = rest.iter().take_while(|byte| is_of_number(**byte)).count();
                    let place = self.at..self.at + len;
                    let value = self.text[place.clone()].to_owned();
                    self.found.push(Found { place, value, is_bare: true });
                    self.next = None;
                    self.at += len;
                }
                b',' => {
                    self.next = None;
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
        self.found
    }

    fn is_all_secret(&self) -> bool {
        self.containers.last() == Some(&true) || self.next == Some(Secrecy::All)
    }

    fn is_secret(&self, value: &str) -> bool {
        self.containers.last() == Some(&true) || self.next.unwrap_or(Secrecy::None).hides(value, self.sent)
    }

    fn string(&mut self) {
        let start = self.at + 1;
        self.at = start;
        if start <= self.no_quote_until {
            return;
        }
        let end = match end_of_string(self.text.as_bytes(), start) {
            Ok(end) => end,
            Err(stop) => {
                // A single quote character without an end, or a text that was cut off inside a value.
                self.no_quote_until = stop;
                let value = &self.text[start..stop];
                if stop > start && self.is_secret(value) {
                    self.found.push(Found { place: start..stop, value: value.to_owned(), is_bare: false });
                    self.next = None;
                }
                return;
            }
        };
        let value = unescape(&self.text[start..end]);
        self.at = end + 1;
        let behind = self.text[self.at..].trim_start_matches([' ', '\t', '\r', '\n']);
        if behind.starts_with(':') {
            self.next = Some(secrecy(&value));
            self.at = self.text.len() - behind.len() + 1;
            return;
        }
        if self.is_secret(&value) {
            self.found.push(Found { place: start..end, value, is_bare: false });
        } else if value.contains('"') && self.depth < DEEPEST {
            self.look_into(&value, start..end);
        }
        self.next = None;
    }

    /// Searches JSON in a string. Its secrets are found by their values, and have no place of their own here.
    fn look_into(&mut self, value: &str, place: Range<usize>) {
        let (sent, depth) = (self.sent, self.depth + 1);
        let nowhere = place.start..place.start;
        let inner = Scanner::new(value, sent, depth).run().into_iter();
        self.found.extend(inner.map(|found| Found { place: nowhere.clone(), is_bare: false, ..found }));
    }
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Returns the position of the quote that ends a string. The error is the end of the line or text, if that comes first.
fn end_of_string(bytes: &[u8], start: usize) -> Result<usize, usize> {
    let mut at = start;
    loop {
        #[cfg(test)]
        steps::count();
        match bytes.get(at) {
            Some(b'"') => return Ok(at),
            Some(b'\n') => return Err(at),
            // Skips an escaped byte. There is none if the text ends with the backslash.
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
            None => return Err(bytes.len()),
        }
    }
}

fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned())
}

/// Returns the secret values of a query or of a form in the same format, anywhere in the text. `is_form` is whether the text begins with a
/// name. `is_url` is whether the text is one URL, in which no quote ends a value.
pub(super) fn of_query(text: &str, is_form: bool, is_url: bool) -> Vec<Found> {
    let bytes = text.as_bytes();
    let (mut found, mut done) = (Vec::new(), 0);
    let begins = |at: &usize| matches!(bytes[*at], b'?' | b'&' | b'#' | b';');
    let starts = (0..bytes.len()).filter(begins).map(|at| at + 1);
    let first = is_form.then_some(0);
    for start in first.into_iter().chain(starts) {
        let rest = &bytes[start..];
        let Some(len) = rest.iter().position(|byte| !is_of_name(*byte)) else { continue };
        if len == 0 || rest[len] != b'=' {
            continue;
        }
        let secrecy = secrecy(&percent_decoded(&text[start..start + len]));
        let start = start + len + 1;
        // A value inside another value ends where the next field may begin. So does a value that has to look like a token. So no byte is in
        // more than two values, however many there are.
        let is_inside = start < done || secrecy <= Secrecy::IfToken;
        let ends = |byte: &u8| {
            #[cfg(test)]
            steps::count();
            let ends = if is_url { matches!(byte, b'&' | b'#') } else { !is_of_value(*byte) };
            ends || is_inside && matches!(byte, b'?' | b';')
        };
        let len = bytes[start..].iter().position(ends).unwrap_or(bytes.len() - start);
        let value = percent_decoded(&text[start..start + len]);
        if len > 0 && secrecy.hides(&value, true) {
            done = done.max(start + len);
            found.push(Found { place: start..start + len, value, is_bare: false });
        }
    }
    found
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'[' | b']' | b'%' | b'+' | b'~' | b'$')
}

fn is_of_value(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !byte.is_ascii_control() && !matches!(byte, b'&' | b'#' | b'"' | b'<' | b'>' | b'\\')
}

/// Decodes a value of a form, in which `+` is a space.
pub(super) fn percent_decoded(text: &str) -> String {
    String::from_utf8_lossy(&http_protocol::percent_decode(&text.replace('+', " "))).into_owned()
}

/// Returns the user and password in URLs. `is_url` is whether the text is one URL, in which no quote ends the user-info.
pub(super) fn of_user_info(text: &str, is_url: bool) -> Vec<Found> {
    let ends: &[char] =
        if is_url { &['/', '?', '#', '\\'] } else { &['/', '?', '#', '"', '\'', '<', '>', ' ', '\n', '\\'] };
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let authority = text[start..].split(ends).next();
        let Some(len) = authority.and_then(|authority| authority.rfind('@')).filter(|len| *len > 0) else { continue };
        let info = &text[start..start + len];
        let password = info.split_once(':').map_or(info, |(_, password)| password);
        let value = String::from_utf8_lossy(&http_protocol::percent_decode(password)).into_owned();
        found.push(Found { place: start..start + len, value, is_bare: false });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(found: Vec<Found>) -> Vec<String> {
        found.into_iter().map(|found| found.value).collect()
    }

    #[test]
    fn values_of_secret_names_are_found_in_json_of_any_shape() {
        for (text, expected) in [
            (r#"{"user":"a","password":"b\"c"}"#, &["b\"c"][..]),
            (r#"[{"a":{"Token" : 12}},{"token":null,"x":"y"}]"#, &["12"]),
            (r#"{"tokens":["a",{"b":"c"}],"d":"e"}"#, &["a", "c"]),
            (r#"{"pass\u0077ord":"\u00e4"}"#, &["ä"]),
            ("data: {\"token\":\"t\"}\n\ndata: {\"a\":\"b\"}\n", &["t"]),
            (r#"{"session":{"map":"x"},"sid":"s"}"#, &["s"]),
            (r#"{"inner":"{\"password\":\"p\"}"}"#, &["p"]),
            ("it\"s {\n\"password\": \"p\"\n", &["p"]),
            (r#"{"token":"#, &[]),
            ("{\"password\" :\r\n  \"p\",\n\"token\"\n:\n[\n\"t\"\n]}", &["p", "t"]),
            (r#"{"token":""#, &[]),
            (r#"{"token":"x"#, &["x"]),
            (r#"{"token":"x\"#, &["x\\"]),
            ("{\"token\":\"x\n\"a\"", &["x"]),
            (r#"{"code":200}"#, &[]),
            (
                r#"{"access":"4f5cd2e0a9b84c3e","refresh":"short","access":{"refresh":"9f5cd2e0a9b84c3e"}}"#,
                &["4f5cd2e0a9b84c3e", "9f5cd2e0a9b84c3e"],
            ),
            (r#"{"refresh":1234567890123456789}"#, &[]),
            (r#"{"x":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"}"#, &["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"]),
        ] {
            assert_eq!(values(of_json(text, false)), expected, "{text}");
        }
        assert_eq!(values(of_json(r#"{"code":"c"}"#, true)), ["c"], "the code of a login");
    }

    #[test]
    fn values_of_secret_names_are_found_in_queries_and_forms() {
        let url = "http://a/b?x=1&access_token=a%2Bb&key=k#id_token=t";
        assert_eq!(values(of_query(url, false, false)), ["a+b", "k", "t"]);
        assert_eq!(values(of_query("password=a+b&user=c&code=d", true, false)), ["a b", "d"]);
        assert_eq!(values(of_query("password=a", false, false)), Vec::<String>::new(), "no query");
        assert_eq!(values(of_query("<a href=\"/x?token=t\">", false, false)), ["t"]);
        assert_eq!(values(of_query("user%5Bpassword%5D=p", true, false)), ["p"]);
        assert_eq!(values(of_query("/x?access=all&refresh=4f5cd2e0a9b84c3e&a=b", false, false)), ["4f5cd2e0a9b84c3e"]);
        assert_eq!(values(of_query("/x;jsessionid=4f5c?a=b", false, false)), ["4f5c?a=b"], "it may be part of it");
        let web_token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln";
        assert_eq!(values(of_query(&format!("/x?next={web_token};b"), false, false)), [web_token]);
    }

    #[test]
    fn many_values_in_each_other_are_no_more_text_than_the_text_twice() {
        assert_eq!(values(of_query("?token=a;password=b?x=1", false, false)), ["a;password=b?x=1", "b"]);
        let text = "?token=abc;sid=".repeat(2000);
        let found = of_query(&text, false, false);
        let total: usize = found.iter().map(|found| found.value.len()).sum();
        assert!(found.len() >= 2000 && total <= 2 * text.len(), "{total}");
    }

    #[test]
    fn a_line_of_quotes_without_an_end_is_looked_through_once() {
        // Reading the line once for each quote would take days.
        let text = format!("\"{}\n{{\"token\":\"t\"}}", "\\\"".repeat(2 << 20));
        assert_eq!(values(of_json(&text, false)), ["t"]);
    }

    #[test]
    fn user_and_password_are_found_in_urls() {
        let found = of_user_info("see http://me:p%40ss@a/ and https://b/@c", false);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].place.clone(), found[0].value.as_str()), (11..20, "p@ss"));
    }

    #[test]
    fn a_text_is_read_once_however_its_quotes_and_names_stand() {
        let count = 10_000;
        for piece in
            ["\\\"", "\"\\\"", "\"\n", "?token=", ";token=", ";access=", ";x=", "&sid=a;", "{\"token\":\"", "\\"]
        {
            for start in ["", "\"", "?token=", "{\"token\":\""] {
                let text = format!("{start}{}", piece.repeat(count));
                steps::begin();
                of_json(&text, true);
                of_query(&text, true, false);
                let steps = steps::counted();
                let most = text.len() * 8;
                assert!(steps <= most, "{start}{piece}: {steps} of {most}");
            }
        }
    }
}

/// Counts the bytes that were read.
#[cfg(test)]
mod steps {
    use std::cell::Cell;

    thread_local!(static STEPS: Cell<usize> = const { Cell::new(0) });

    pub(super) fn begin() {
        STEPS.set(0);
    }

    pub(super) fn count() {
        STEPS.set(STEPS.get() + 1);
    }

    pub(super) fn counted() -> usize {
        STEPS.get()
    }
}
