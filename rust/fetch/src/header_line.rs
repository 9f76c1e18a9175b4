//! Header lines of scripts, and the values of fields that describe a body.

use std::fmt;

/// Returns the name of a line such as `Accept: text/html`.
pub fn name_of(line: &str) -> &str {
    line.split(':').next().unwrap_or_default().trim()
}

/// Returns whether one of the lines has this name. The name is not case-sensitive.
pub fn has(lines: &[String], name: &str) -> bool {
    lines.iter().any(|line| name_of(line).eq_ignore_ascii_case(name))
}

/// Shows the names of header lines and the lengths of their values, which may be secrets. A line without a name may be a value, so only its
/// length is shown.
pub(crate) struct Names<'a>(pub(crate) &'a [String]);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|line| match line.split_once(':') {
            Some((name, value)) => format!("{} ({} bytes)", name.trim(), value.trim().len()),
            None => format!("a malformed line of {} bytes", line.len()),
        });
        f.debug_list().entries(shown).finish()
    }
}

/// The parts of a `Content-Type` value (RFC 9110 §8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentType<'a> {
    essence: &'a str,
    parameters: &'a str,
}

impl<'a> ContentType<'a> {
    /// Reads any text. Missing parts are empty.
    pub fn read(value: &'a str) -> Self {
        let (essence, parameters) = value.split_once(';').unwrap_or((value, ""));
        Self { essence: essence.trim(), parameters }
    }

    /// Returns whether the type is this one, such as `text/event-stream`, regardless of its parameters.
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }

    /// Returns the value of the first parameter with this name, without its quotes.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut rest = self.parameters;
        while !rest.is_empty() {
            let (key, after) = match rest.find(['=', ';']) {
                Some(at) if rest[at..].starts_with('=') => (&rest[..at], &rest[at + 1..]),
                Some(at) => {
                    rest = &rest[at + 1..];
                    continue;
                }
                None => return None,
            };
            let (value, after) = parameter_value(after);
            if key.trim().eq_ignore_ascii_case(name) {
                return Some(value);
            }
            rest = after;
        }
        None
    }
}

/// Returns the value, and the text after the semicolon that ends it.
fn parameter_value(text: &str) -> (String, &str) {
    let after_semicolon = |text: &'_ str| text.find(';').map_or(text.len(), |at| at + 1);
    let Some(quoted) = text.trim_start().strip_prefix('"') else {
        let value = text.split(';').next().unwrap_or_default();
        return (value.trim().to_owned(), &text[after_semicolon(text)..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let rest = &quoted[at + 1..];
                return (value, &rest[after_semicolon(rest)..]);
            }
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::{ContentType, has};

    #[test]
    fn a_parameter_is_found_with_and_without_quotes_and_behind_others() {
        for value in [
            "text/html; charset=latin1",
            "TEXT/HTML;Charset=\"latin1\"",
            "text/html; a; b=\"x;charset=wrong\"; charset=latin1",
            "text/html; x=\"a\\\"b\" ;charset = latin1 ",
        ] {
            let read = ContentType::read(value);
            assert!(read.is("text/html"), "{value}");
            assert_eq!(read.parameter("charset").as_deref(), Some("latin1"), "{value}");
        }
        for value in ["", ";", "text/html", "text/html; charset", "text/html; =x", "text/html; \"charset=x"] {
            assert_eq!(ContentType::read(value).parameter("charset"), None, "{value}");
        }
    }

    #[test]
    fn a_header_is_found_by_its_name_whatever_its_case() {
        let lines = ["accept-ENCODING: br".to_owned(), "X: Range: 1".to_owned()];
        assert!(has(&lines, "Accept-Encoding"));
        assert!(!has(&lines, "Range"));
    }
}
