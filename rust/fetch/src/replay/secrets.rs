//! Remembers the secrets that were found, and replaces them wherever they occur: literally, or as written in a URL, JSON or HTML.

use std::collections::{BTreeMap, HashSet, VecDeque};

/// The text that replaces a secret.
pub(super) const MARK: &str = "[redacted]";

/// A shorter secret is only replaced where it was found, because it would match too much other text.
const SHORTEST: usize = 4;
/// A shorter secret is only replaced where it is not part of a longer word.
const SHORTEST_IN_WORDS: usize = 8;
/// The maximum number of secrets that are remembered. Then the first ones are forgotten.
const MOST: usize = 2000;
/// A longer secret is only replaced where it was found, in bytes.
const LONGEST: usize = 8 << 10;
/// The maximum average number of steps for a byte of the text. Two thousand secrets of hexadecimal digits need half of them.
const STEPS_A_BYTE: u64 = 500;
/// The maximum size of all remembered secrets, in bytes.
const MOST_BYTES: usize = 1 << 20;
/// The maximum number of backslashes before an escaped character, in several levels of JSON in JSON.
const MOST_BACKSLASHES: usize = 16;

/// See the module.
#[derive(Default)]
pub(super) struct Secrets {
    known: HashSet<Vec<u8>>,
    by_first: Vec<Bucket>,
    /// The number of secrets that were ever remembered.
    number: u64,
    count: usize,
    bytes: usize,
}

/// The secrets with the same first byte.
#[derive(Default)]
struct Bucket {
    /// The secrets by their second byte, with their numbers, oldest first.
    by_second: BTreeMap<u8, VecDeque<(u64, Vec<u8>)>>,
    count: usize,
}

impl Bucket {
    fn add(&mut self, number: u64, secret: Vec<u8>) {
        self.count += 1;
        self.by_second.entry(secret[1]).or_default().push_back((number, secret));
    }

    /// Removes the oldest secret.
    fn forget(&mut self) -> Option<Vec<u8>> {
        let lists = self.by_second.values_mut().filter(|secrets| !secrets.is_empty());
        let oldest = lists.min_by_key(|secrets| secrets.front().map(|(number, _)| *number))?;
        self.count -= 1;
        oldest.pop_front().map(|(_, secret)| secret)
    }

    fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.by_second.values().flatten().map(|(_, secret)| secret.as_slice())
    }

    fn with_second(&self, second: u8) -> impl Iterator<Item = &[u8]> {
        self.by_second.get(&second).into_iter().flatten().map(|(_, secret)| secret.as_slice())
    }
}

impl Secrets {
    /// Remembers a decoded secret.
    pub(super) fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if !(SHORTEST..=LONGEST).contains(&secret.len()) || secret.contains(MARK) || is_everyday_word(secret) {
            return;
        }
        self.remember(secret.as_bytes().to_vec());
        // The secret may also occur in a Latin-1 text.
        if !secret.is_ascii()
            && let Ok(bytes) = secret.chars().map(|one| u8::try_from(u32::from(one))).collect::<Result<Vec<_>, _>>()
            && bytes.len() >= SHORTEST
        {
            self.remember(bytes);
        }
    }

    fn remember(&mut self, bytes: Vec<u8>) {
        if !self.known.insert(bytes.clone()) {
            return;
        }
        self.by_first.resize_with(256, Bucket::default);
        while self.count >= MOST || self.bytes + bytes.len() > MOST_BYTES {
            let fullest = self.by_first.iter_mut().max_by_key(|bucket| bucket.count);
            let Some(forgotten) = fullest.and_then(Bucket::forget) else { break };
            self.known.remove(&forgotten);
            self.bytes -= forgotten.len();
            self.count -= 1;
        }
        self.bytes += bytes.len();
        self.count += 1;
        self.number += 1;
        self.by_first[usize::from(bytes[0])].add(self.number, bytes);
    }

    /// Replaces all secrets. If a text was made to take long, with many parts that nearly match many secrets, the search stops early, and
    /// the whole rest is replaced.
    pub(super) fn replace(&self, text: &[u8]) -> Vec<u8> {
        if self.count == 0 {
            return text.to_vec();
        }
        let (mut replaced, mut at, mut done) = (Vec::new(), 0, 0);
        let mut steps = (1 << 20) + STEPS_A_BYTE.saturating_mul(text.len() as u64);
        while at < text.len() {
            let end = self.end_of_secret(text, at, &mut steps);
            if steps == 0 {
                replaced.extend_from_slice(&text[done..at]);
                replaced.extend_from_slice(MARK.as_bytes());
                return replaced;
            }
            match end {
                Some(end) => {
                    replaced.extend_from_slice(&text[done..at]);
                    replaced.extend_from_slice(MARK.as_bytes());
                    (at, done) = (end, end);
                }
                None => at += 1,
            }
        }
        replaced.extend_from_slice(&text[done..]);
        replaced
    }

    /// Does the same in a string.
    pub(super) fn replace_in(&self, text: &mut String) {
        let replaced = self.replace(text.as_bytes());
        if replaced.len() != text.len() || replaced != text.as_bytes() {
            *text = String::from_utf8_lossy(&replaced).into_owned();
        }
    }

    /// Returns the end of the longest secret that begins here.
    fn end_of_secret(&self, text: &[u8], at: usize, steps: &mut u64) -> Option<usize> {
        let here = text[at];
        let bucket = |byte: u8| &self.by_first[usize::from(byte)];
        if stands_for_itself(here) {
            // Every secret has more than one byte.
            let next = *text.get(at + 1)?;
            return match stands_for_itself(next) {
                true => longest(bucket(here).with_second(next), text, at, steps),
                false => longest(bucket(here).all(), text, at, steps),
            };
        }
        let written = written_byte(&text[at..]).filter(|byte| *byte != here);
        let written = written.into_iter().flat_map(|byte| bucket(byte).all());
        longest(bucket(here).all().chain(written), text, at, steps)
    }
}

/// Returns the end of the longest of these secrets that begins here.
fn longest<'a>(secrets: impl Iterator<Item = &'a [u8]>, text: &[u8], at: usize, steps: &mut u64) -> Option<usize> {
    let ends = secrets.filter_map(|secret| {
        #[cfg(test)]
        tests::TRIED.set(tests::TRIED.get() + 1);
        let end = end_of(secret, text, at, steps)?;
        let is_alone = secret.len() >= SHORTEST_IN_WORDS
            || !ends_in_word(&text[..at]) && !text.get(end).is_some_and(u8::is_ascii_alphanumeric);
        is_alone.then_some(end)
    });
    ends.max()
}

/// Returns whether this byte cannot begin an encoded byte.
fn stands_for_itself(byte: u8) -> bool {
    !matches!(byte, b'%' | b'+' | b'&' | b'\\')
}

/// Returns the first decoded byte, if the text begins with an encoded one.
fn written_byte(text: &[u8]) -> Option<u8> {
    match *text {
        [b'%', high, low, ..] => hex(&[high, low]).and_then(|byte| u8::try_from(byte).ok()),
        [b'+', ..] => Some(b' '),
        [b'&', ..] => entity(text).and_then(|(meant, _)| meant.encode_utf8(&mut [0; 4]).bytes().next()),
        [b'\\', ..] => {
            let slashes = backslashes(text);
            match text.get(slashes)? {
                b'u' => {
                    let mut room = [0; 4];
                    let (character, _) = escaped_character(&text[slashes - 1..])?;
                    character.encode_utf8(&mut room).bytes().next()
                }
                escaped => escape(*escaped),
            }
        }
        _ => None,
    }
}

/// Returns the end of `secret`, if it begins here in any encoding. JSON doubles backslashes, and so does JSON in JSON.
fn end_of(secret: &[u8], text: &[u8], at: usize, steps: &mut u64) -> Option<usize> {
    let ways: &[usize] = if secret.contains(&b'\\') { &[1, 2, 4] } else { &[1] };
    let ends = ways.iter().filter_map(|backslash| {
        let (mut rest, mut at) = (secret, at);
        while !rest.is_empty() {
            *steps = steps.checked_sub(1)?;
            let (used, len) = one(rest, text.get(at..)?, *backslash)?;
            rest = &rest[used..];
            at += len;
        }
        Some(at)
    });
    // Otherwise, half of an escaped backslash would remain, and the text would not be valid JSON any more.
    ends.max()
}

/// Returns how many bytes of the secret the text begins with, and how many bytes of the text they take. `backslash` is how many backslashes
/// stand for one.
fn one(secret: &[u8], text: &[u8], backslash: usize) -> Option<(usize, usize)> {
    let byte = *secret.first()?;
    match *text {
        [b'%', high, low, ..] if hex(&[high, low]) == Some(u32::from(byte)) => Some((1, 3)),
        [b'\\', ..] if byte == b'\\' => {
            text.get(..backslash)?.iter().all(|byte| *byte == b'\\').then_some((1, backslash))
        }
        [b'\\', ..] => {
            let slashes = backslashes(text);
            let escaped = match *text.get(slashes)? {
                b'u' => {
                    return unicode_escape(secret, &text[slashes - 1..]).map(|(used, len)| (used, len + slashes - 1));
                }
                other => escape(other)?,
            };
            (escaped == byte).then_some((1, slashes + 1))
        }
        [b'+', ..] if byte == b' ' => Some((1, 1)),
        [b'&', ..] => {
            let meant = entity(text).and_then(|(meant, len)| Some((begins_with(secret, meant)?, len)));
            meant.or((byte == b'&').then_some((1, 1)))
        }
        [first, ..] if first == byte => Some((1, 1)),
        _ => None,
    }
}

fn backslashes(text: &[u8]) -> usize {
    text.iter().take(MOST_BACKSLASHES).take_while(|byte| **byte == b'\\').count()
}

/// Returns the meaning of a letter after a backslash, except for `u`.
fn escape(letter: u8) -> Option<u8> {
    Some(match letter {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'"' | b'/' | b'\'' => letter,
        _ => return None,
    })
}

/// What an entity of HTML or XML means that stands here, and how long it is. All characters can be written by their number.
pub(super) fn entity(text: &[u8]) -> Option<(char, usize)> {
    const NAMED: [(&[u8], char); 5] =
        [(b"&amp;", '&'), (b"&quot;", '"'), (b"&apos;", '\''), (b"&lt;", '<'), (b"&gt;", '>')];
    /// With zeros before it.
    const MOST_DIGITS: usize = 8;
    if let Some((entity, meant)) = NAMED.iter().find(|(entity, _)| text.starts_with(entity)) {
        return Some((*meant, entity.len()));
    }
    let (digits, radix, start) = match text.strip_prefix(b"&#")? {
        [b'x' | b'X', digits @ ..] => (digits, 16, 3),
        digits => (digits, 10, 2),
    };
    let len = digits.iter().take(MOST_DIGITS + 1).position(|digit| !char::from(*digit).is_digit(radix))?;
    if len == 0 || digits[len] != b';' {
        return None;
    }
    let digits = std::str::from_utf8(&digits[..len]).ok()?;
    Some((char::from_u32(u32::from_str_radix(digits, radix).ok()?)?, start + len + 1))
}

fn unicode_escape(secret: &[u8], text: &[u8]) -> Option<(usize, usize)> {
    let (character, len) = escaped_character(text)?;
    Some((begins_with(secret, character)?, len))
}

/// How many bytes of the secret the character is, if it begins with that.
fn begins_with(secret: &[u8], character: char) -> Option<usize> {
    let mut room = [0; 4];
    let character = character.encode_utf8(&mut room);
    secret.starts_with(character.as_bytes()).then_some(character.len())
}

/// Decodes `\u00e9` and `\ud83d\ude00`. The second escape can have several backslashes, like the first.
fn escaped_character(text: &[u8]) -> Option<(char, usize)> {
    let unit = |text: &[u8]| {
        let slashes = backslashes(text);
        let digits = text.get(slashes..)?.strip_prefix(b"u").filter(|_| slashes > 0)?;
        Some((hex(digits.get(..4)?)?, slashes + 5))
    };
    let (first, len) = unit(text)?;
    let (code, len) = match first {
        0xd800..=0xdbff => {
            let (second, more) = unit(text.get(len..)?)?;
            let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            (0x10000 + ((first - 0xd800) << 10) + low, len + more)
        }
        _ => (first, len),
    };
    Some((char::from_u32(code)?, len))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

/// Returns whether the text ends inside a word. The end of an escape is not part of a word.
fn ends_in_word(text: &[u8]) -> bool {
    match *text {
        [.., b'%', high, low] if hex(&[high, low]).is_some() => false,
        [.., b'\\', b'n' | b't' | b'r' | b'b' | b'f'] => false,
        [.., last] => last.is_ascii_alphanumeric(),
        [] => false,
    }
}

/// Returns whether the value is a common word that is not secret, even if its name is.
fn is_everyday_word(value: &str) -> bool {
    const WORDS: [&str; 8] = ["true", "false", "null", "none", "basic", "bearer", "undefined", "unknown"];
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local!(pub(super) static TRIED: Cell<usize> = const { Cell::new(0) });

    fn replaced(secrets: &[&str], text: &str) -> String {
        let mut known = Secrets::default();
        secrets.iter().for_each(|secret| known.add(secret));
        String::from_utf8(known.replace(text.as_bytes())).unwrap()
    }

    #[test]
    fn a_secret_is_found_in_every_way_of_writing_it() {
        let secret = "p\"ä/ss w+rd&<\\😀";
        for text in [
            secret,
            "p%22%C3%A4%2Fss%20w%2Brd%26%3C%5C%F0%9F%98%80",
            "p%22%c3%a4/ss+w%2brd%26%3c%5c%f0%9f%98%80",
            r#"p\"ä\/ss w+rd&<\\😀"#,
            r#"p\"\u00e4/ss w+rd\u0026\u003c\\\ud83d\ude00"#,
            "p&quot;ä/ss w+rd&amp;&lt;\\😀",
            "p&#x22;&#228;&#x2F;ss w&#43;rd&#38;&#60;&#92;&#x1f600;",
            "&#x70;&#034;&#XE4;/ss w+rd&<\\&#128512;",
            r#"p\\\"\\u00e4\\/ss w+rd&<\\\\\\ud83d\\ude00"#,
        ] {
            assert_eq!(replaced(&[secret], &format!("<{text}>{text}")), "<[redacted]>[redacted]", "{text}");
        }
    }

    #[test]
    fn what_is_nearly_an_entity_is_none() {
        for (text, meant) in [("&apos;", Some(('\'', 6))), ("&#x27;s", Some(('\'', 6))), ("&#00039;", Some(('\'', 8)))]
        {
            assert_eq!(entity(text.as_bytes()), meant, "{text}");
        }
        for text in
            ["&", "&#", "&#;", "&#x;", "&#39", "&#3 9;", "&#xd800;", "&#x110000;", "&#000000039;", "&nbsp;", "&#+39;"]
        {
            assert_eq!(entity(text.as_bytes()), None, "{text}");
        }
        assert_eq!(replaced(&["hunter2's"], "<p>hunter2&#x27;s, hunter2&apos;s</p>"), "<p>[redacted], [redacted]</p>");
    }

    #[test]
    fn a_short_secret_is_found_where_it_stands_alone_and_a_shorter_one_nowhere() {
        assert_eq!(replaced(&["hunt3r"], "hunt3r xhunt3r hunt3rs"), "[redacted] xhunt3r hunt3rs");
        assert_eq!(replaced(&["hunt3r"], "a%2Fhunt3r%20b\\nhunt3r"), "a%2F[redacted]%20b\\n[redacted]");
        assert_eq!(replaced(&["abc", "true", "Bearer"], "abc true Bearer"), "abc true Bearer");
        assert_eq!(replaced(&["longer-secret"], "xlonger-secrety"), "x[redacted]y");
    }

    #[test]
    fn of_two_secrets_the_longer_one_is_replaced() {
        assert_eq!(replaced(&["secret12", "secret1234"], "secret1234 secret12"), "[redacted] [redacted]");
    }

    #[test]
    fn a_secret_that_is_too_long_to_be_remembered_is_not() {
        let long = "s3".repeat(LONGEST);
        assert_eq!(replaced(&[&long[..LONGEST]], &long[..LONGEST]), MARK);
        assert_eq!(replaced(&[&long], &long), long);
    }

    #[test]
    fn a_text_that_is_nearly_many_secrets_everywhere_is_replaced_rather_than_looked_through() {
        let secrets: Vec<String> = (0..50).map(|number| format!("{}{number}", "a".repeat(4000))).collect();
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let replaced = replaced(&secrets, &format!("<{}>", "a".repeat(20_000)));
        assert!(replaced.starts_with("<a") && replaced.ends_with("a[redacted]"));
    }

    #[test]
    fn what_was_replaced_is_not_replaced_again() {
        assert_eq!(replaced(&["redacted", "[redacted]"], "[redacted]"), "[[redacted]]");
        assert_eq!(replaced(&["[redacted]"], "[redacted]"), "[redacted]");
    }

    #[test]
    fn an_escape_is_compared_with_the_secrets_that_begin_with_what_it_means_alone() {
        let mut known = Secrets::default();
        for number in 0..MOST {
            known.add(&format!("{}secret-{number}", char::from(b'C' + (number % 24) as u8)));
        }
        let text = "%7B+\\\\\\n&lt;&\\u007b%%".repeat(500);
        TRIED.set(0);
        known.replace(text.as_bytes());
        assert_eq!(TRIED.get(), 0, "no secret begins with any of these");
    }

    #[test]
    fn a_byte_is_compared_with_the_secrets_that_go_on_as_the_text_does() {
        let mut known = Secrets::default();
        for number in 0..MOST as u64 {
            // Tokens of servers often begin in the same way.
            known.add(&format!("eyJhbGciOiJ{number}"));
            known.add(&format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        }
        let text = "he sees the secret where it is: 0123456789abcdef ".repeat(100);
        TRIED.set(0);
        known.replace(text.as_bytes());
        assert!(TRIED.get() <= text.len() * 8, "{} for {} bytes", TRIED.get(), text.len());
        for written in ["%65yJhbGciOiJ1999", "e%79JhbGciOiJ1999", "\\u0065\\u0079JhbGciOiJ1999", "eyJhbGciOiJ1999"] {
            assert_eq!(known.replace(format!("<{written}>").as_bytes()), b"<[redacted]>", "{written}");
        }
    }

    #[test]
    fn of_many_backslashes_only_as_many_are_read_as_json_in_json_has() {
        assert_eq!(backslashes(&[b'\\'; 100_000]), MOST_BACKSLASHES);
        let text = format!("{}\"abcdefg", "\\".repeat(1 << 16));
        assert!(!replaced(&["\"abcdefg"], &text).contains("abcdefg"));
    }

    #[test]
    fn what_is_remembered_is_bounded_in_bytes_and_the_latest_is_kept() {
        let mut known = Secrets::default();
        known.add(&"x".repeat(LONGEST + 1));
        assert_eq!((known.count, known.bytes), (0, 0));
        for number in 0..1000 {
            known.add(&format!("{number:04}{}", "y".repeat(LONGEST - 4)));
            assert!(known.bytes <= MOST_BYTES, "{}", known.bytes);
            assert_eq!(known.known.len(), known.count);
        }
        let last = format!("0999{}", "y".repeat(LONGEST - 4));
        assert_eq!(known.replace(last.as_bytes()), MARK.as_bytes());
    }
}
