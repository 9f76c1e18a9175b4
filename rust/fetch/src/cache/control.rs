//! Parses `Cache-Control` of a request or a response (RFC 9111 §5.2).

use std::time::Duration;

/// The maximum number of seconds. Larger numbers count as this one (RFC 9111 §1.2.2).
const MOST_SECONDS: u64 = 1 << 31;

/// The directives of all `Cache-Control` fields of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Control {
    /// Names in lower case, and values without their quotes.
    directives: Vec<(String, Option<String>)>,
}

impl Control {
    /// Reads the values of the fields. Invalid parts are ignored.
    pub(crate) fn read(values: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut directives = Vec::new();
        for value in values {
            let mut rest = value.as_ref();
            while !rest.is_empty() {
                let (element, after) = split_at_comma(rest);
                let (name, value) = match element.split_once('=') {
                    Some((name, value)) => (name, Some(unquoted(value.trim()))),
                    None => (element, None),
                };
                let name = name.trim().to_ascii_lowercase();
                if !name.is_empty() {
                    directives.push((name, value));
                }
                rest = after;
            }
        }
        Self { directives }
    }

    /// Returns whether there is a directive with this name, with or without a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.directives.iter().any(|(other, _)| other == name)
    }

    /// Returns the seconds of a directive. `None` if it is missing. Several different values, and a value that is not a number, count as 0.
    pub(crate) fn seconds(&self, name: &str) -> Option<Duration> {
        let mut values = self.directives.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_deref());
        let first = values.next()?;
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = first.filter(is_number).filter(|_| values.all(|other| other == first));
        let seconds = seconds.map_or(0, |text| text.parse().unwrap_or(MOST_SECONDS).min(MOST_SECONDS));
        Some(Duration::from_secs(seconds))
    }

    /// Returns how stale a response may be by `max-stale`. Without a value there is no limit. `None` if it is missing.
    pub(crate) fn max_stale(&self) -> Option<Duration> {
        match self.directives.iter().any(|(name, value)| name == "max-stale" && value.is_none()) {
            true => Some(Duration::MAX),
            false => self.seconds("max-stale"),
        }
    }
}

/// Splits at the first comma that is not in quotes.
fn split_at_comma(text: &str) -> (&str, &str) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

fn unquoted(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"') else { return value.to_owned() };
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_whatever_their_case_and_not_inside_of_quotes() {
        let control =
            Control::read(["Max-Age = 5, NO-cache=\"a, must-revalidate, \\\" b\" , ,private", "x, max-age=\"5\""]);
        assert!(control.has("no-cache") && control.has("private") && control.has("x"));
        assert!(!control.has("must-revalidate") && !control.has("b") && !control.has(""));
        assert_eq!(control.seconds("max-age"), Some(Duration::from_secs(5)));
        assert_eq!(control.seconds("x"), Some(Duration::ZERO));
        assert_eq!(control.seconds("min-fresh"), None);
    }

    #[test]
    fn seconds_that_are_none_or_differ_are_no_time_and_too_many_are_as_many_as_there_can_be() {
        for text in
            ["max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=+7", "max-age=5, max-age=6", "max-age=\"5"]
        {
            let expected = if text.ends_with("\"5") { 5 } else { 0 };
            assert_eq!(Control::read([text]).seconds("max-age"), Some(Duration::from_secs(expected)), "{text}");
        }
        let control = Control::read(["max-age=99999999999999999999999, max-stale"]);
        assert_eq!(control.seconds("max-age"), Some(Duration::from_secs(MOST_SECONDS)));
        assert_eq!(control.max_stale(), Some(Duration::MAX));
        assert_eq!(Control::read(["max-stale=3"]).max_stale(), Some(Duration::from_secs(3)));
    }
}
