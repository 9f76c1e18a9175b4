//! Finds secret values in XML and HTML: in the text of elements, and in attributes. The text is read once from start to end, whatever it
//! contains. Everything that is not markup is skipped.

use std::ops::Range;

use super::fields::Found;
use super::names::{Secrecy, secrecy};
use super::secrets::entity;

/// Attributes that name the value of the other attributes of the tag.
const NAMING: [&str; 5] = ["name", "key", "id", "property", "http-equiv"];
/// Attributes that then contain the value.
const VALUES: [&str; 2] = ["value", "content"];

/// Returns the secret values of a text that begins like XML, and none for any other text. `sent` is whether this side wrote it.
pub(super) fn of_xml(text: &str, sent: bool) -> Vec<Found> {
    if !text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('<') {
        return Vec::new();
    }
    let mut reader = Reader { text, sent, at: 0, within: None, next: Secrecy::None, found: Vec::new() };
    reader.run();
    reader.found
}

struct Reader<'a> {
    text: &'a str,
    sent: bool,
    at: usize,
    /// The element in which everything is secret, and the number of open elements with this name.
    within: Option<(&'a str, usize)>,
    /// What the element says about the next text.
    next: Secrecy,
    found: Vec<Found>,
}

impl<'a> Reader<'a> {
    fn run(&mut self) {
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            if let Some(inner) = rest.strip_prefix("<![CDATA[") {
                self.enclosed(inner, "]]>", true);
            } else if let Some(inner) = rest.strip_prefix("<!--") {
                self.enclosed(inner, "-->", false);
            } else if rest.starts_with('<') {
                self.tag();
            } else {
                let len = rest.find('<').unwrap_or(rest.len());
                self.value(self.at..self.at + len, false);
                self.at += len;
            }
        }
    }

    /// Reads the text between two marks. The first mark was already read.
    fn enclosed(&mut self, inner: &str, end: &str, is_text: bool) {
        let start = self.text.len() - inner.len();
        let len = inner.find(end);
        let stop = start + len.unwrap_or(inner.len());
        if is_text {
            self.value(start..stop, true);
        }
        self.at = if len.is_some() { stop + end.len() } else { stop };
    }

    fn tag(&mut self) {
        self.at += 1;
        let closes = self.text[self.at..].starts_with('/');
        self.at += usize::from(closes);
        let name = local(self.name());
        if name.is_empty() {
            // A literal bracket, or a declaration.
            return;
        }
        if closes {
            self.next = Secrecy::None;
            let rest = &self.text[self.at..];
            self.at += rest.find(['<', '>']).map_or(rest.len(), |end| end + usize::from(rest[end..].starts_with('>')));
            if let Some((open, count)) = &mut self.within
                && *open == name
            {
                *count -= 1;
                if *count == 0 {
                    self.within = None;
                }
            }
            return;
        }
        let is_empty = self.attributes(name);
        self.next = if is_empty { Secrecy::None } else { secrecy(name) };
        match &mut self.within {
            _ if is_empty => {}
            Some((open, count)) => *count += usize::from(*open == name),
            None if self.next == Secrecy::All => self.within = Some((name, 1)),
            None => {}
        }
    }

    /// Reads the attributes of an element up to the end of the tag. Returns whether the element has no content.
    fn attributes(&mut self, element: &str) -> bool {
        // What the name of the element, and `name="password"`, say about `value="…"`, which can precede it.
        let (mut says, mut values) = (secrecy(element), Vec::new());
        let bytes = self.text.as_bytes();
        let mut is_empty = false;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'<' => break,
                b'>' => {
                    self.at += 1;
                    break;
                }
                b'/' => {
                    is_empty = bytes.get(self.at + 1) == Some(&b'>');
                    self.at += 1;
                }
                byte if is_of_name(byte) => {
                    let name = local(self.name());
                    let Some(place) = self.attribute_value() else { continue };
                    let is = |other: &&str| name.eq_ignore_ascii_case(other);
                    let value = &self.text[place.clone()];
                    if NAMING.iter().any(is) {
                        says = says.max(secrecy(value));
                    } else if self.within.is_some() || secrecy(name).hides(value, self.sent) {
                        self.push(place);
                    } else if VALUES.iter().any(is) {
                        values.push(place);
                    }
                }
                _ => self.at += 1,
            }
        }
        for place in values {
            if says.hides(&self.text[place.clone()], self.sent) {
                self.push(place);
            }
        }
        is_empty
    }

    /// Reads the value after `=`. Returns `None` if there is none.
    fn attribute_value(&mut self) -> Option<Range<usize>> {
        let blanks = [' ', '\t', '\r', '\n'];
        let rest = self.text[self.at..].trim_start_matches(blanks).strip_prefix('=')?.trim_start_matches(blanks);
        let start = self.text.len() - rest.len();
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''));
        let Some(quote) = quote else {
            let len =
                rest.find(|one: char| one.is_ascii_whitespace() || one == '>' || one == '<').unwrap_or(rest.len());
            self.at = start + len;
            return Some(start..start + len);
        };
        let len = rest[1..].find(quote).unwrap_or(rest.len() - 1);
        self.at = (start + len + 2).min(self.text.len());
        Some(start + 1..start + 1 + len)
    }

    fn name(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let len = rest.bytes().position(|byte| !is_of_name(byte)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Handles a text of the element that was opened last.
    fn value(&mut self, place: Range<usize>, is_whole: bool) {
        let text = &self.text[place.clone()];
        let trimmed = if is_whole { text } else { text.trim() };
        let is_secret = self.within.is_some() || self.next.hides(trimmed, self.sent);
        if is_secret && !trimmed.trim().is_empty() {
            let start = place.start + (text.len() - text.trim_start().len()) * usize::from(!is_whole);
            self.push(start..start + trimmed.len());
        }
    }

    fn push(&mut self, place: Range<usize>) {
        if !place.is_empty() {
            let value = unescaped(&self.text[place.clone()]);
            self.found.push(Found { place, value, is_bare: false });
        }
    }
}

/// Returns a name without the prefix of its namespace.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':') || !byte.is_ascii()
}

fn unescaped(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let (mut meant, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('&') {
        let (before, from) = rest.split_at(at);
        let (character, len) = entity(from.as_bytes()).unwrap_or(('&', 1));
        meant.push_str(before);
        meant.push(character);
        rest = &from[len..];
    }
    meant + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        of_xml(text, true).into_iter().map(|found| found.value).collect()
    }

    #[test]
    fn the_text_of_an_element_with_a_secret_name_is_found() {
        for (text, expected) in [
            ("<a><user>zoe</user><password>p&amp;q</password></a>", &["p&q"][..]),
            ("<token>&#x70;&#228;&apos;&amp;lt;&amp&#;&#x110000;</token>", &["pä'&lt;&amp&#;&#x110000;"]),
            ("<?xml version='1.0'?>\n<wsse:Password Type=\"x#PasswordText\">p</wsse:Password>", &["p"]),
            ("<a><token><![CDATA[<t>]]></token>b</a>", &["<t>"]),
            ("<tokens><a>1</a> <tokens><b>2</b></tokens><c>3</c></tokens><d>4</d>", &["1", "2", "3"]),
            ("<session><map>forest</map></session>", &[]),
            ("<session> s </session>", &["s"]),
            ("<a><token/>b</a>", &[]),
            ("<a><!-- <password>x</password> --><b>c</b></a>", &[]),
            ("<a><password>it is cut", &["it is cut"]),
            ("<access>4f5cd2e0a9b84c3e</access><access>public</access>", &["4f5cd2e0a9b84c3e"]),
            ("<a>eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln</a>", &["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"]),
            ("write it as <password> and go on", &[]),
        ] {
            assert_eq!(values(text), expected, "{text}");
        }
    }

    #[test]
    fn attributes_with_secret_names_and_values_of_fields_with_such_names_are_found() {
        for (text, expected) in [
            ("<login user='zoe' password='p'/>", &["p"][..]),
            ("<a x:apiKey = \"k\" b=c token=t>x</a>", &["k", "t"]),
            ("<input type=\"hidden\" name=\"csrf_token\" value=\"c\">", &["c"]),
            ("<input value='c' name='authenticity_token'>", &["c"]),
            ("<meta name=\"csrf-token\" content=\"c\" /><meta name=\"author\" content=\"zoe\"/>", &["c"]),
            ("<add key=\"apiKey\" value=\"k\"/>", &["k"]),
            ("<password value='p'/><token type='t' content='c'>d</token><size value='3'/>", &["p", "c", "d"]),
            (
                "<credentials><login user='zoe' code='1'/><a name='b' href='c'>d</a></credentials><e f='g'/>",
                &["zoe", "1", "c", "d"],
            ),
            ("<a token='it is cut", &["it is cut"]),
        ] {
            assert_eq!(values(text), expected, "{text}");
        }
    }

    #[test]
    fn markup_that_is_none_is_passed_over() {
        for text in [
            "<",
            "</",
            "<<<>>>",
            "<a b",
            "<a b=",
            "<a b='",
            "<![CDATA[",
            "<!--",
            "< token>x",
            "<é ü='",
            "<a/",
            "</token>x",
        ] {
            assert_eq!(values(text), Vec::<String>::new(), "{text}");
        }
        // This would take forever if the text were read more than once.
        for piece in ["<token>", "<token a='", "<![CDATA[", "<!--", "</token", "<a b=\"c\" ", "&amp;"] {
            let text = format!("<{}", piece.repeat(200_000));
            let found = of_xml(&text, true);
            assert!(found.iter().map(|found| found.value.len()).sum::<usize>() <= 2 * text.len(), "{piece}");
        }
    }
}
