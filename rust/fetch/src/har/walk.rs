//! Finds the entries of a file, and returns them one by one. Everything else in the file is skipped and uses no memory.

use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// What was found.
pub(super) enum Met {
    /// The list begins. If a file has several lists, the last one counts.
    List,
    Entry(Value),
}

/// Calls `tell` for everything in `log.entries`. An error of the category `Data` means that the file has no such list.
pub(super) fn walk(bytes: &[u8], tell: &mut dyn FnMut(Met)) -> Result<(), serde_json::Error> {
    let mut file = serde_json::Deserializer::from_slice(bytes);
    let has_log = Walk { place: Place::File, tell }.deserialize(&mut file)?;
    file.end()?;
    if has_log { Ok(()) } else { Err(serde_json::Error::custom("no list log.entries")) }
}

struct Walk<'a> {
    place: Place,
    tell: &'a mut dyn FnMut(Met),
}

#[derive(Clone, Copy)]
enum Place {
    File,
    Log,
    Entries,
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    /// Whether the list was found.
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        match self.place {
            Place::File | Place::Log => deserializer.deserialize_map(self),
            Place::Entries => deserializer.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the list log.entries")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let (wanted, place) = match self.place {
            Place::File => ("log", Place::Log),
            _ => ("entries", Place::Entries),
        };
        let mut is_there = false;
        while let Some(name) = members.next_key::<String>()? {
            if name == wanted {
                is_there = members.next_value_seed(Walk { place, tell: &mut *self.tell })?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(is_there)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<bool, A::Error> {
        (self.tell)(Met::List);
        while let Some(entry) = entries.next_element()? {
            (self.tell)(Met::Entry(entry));
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(text: &str) -> Result<Vec<Value>, serde_json::error::Category> {
        let mut entries = Vec::new();
        walk(text.as_bytes(), &mut |met| match met {
            Met::List => entries.clear(),
            Met::Entry(value) => entries.push(value),
        })
        .map_err(|error| error.classify())?;
        Ok(entries)
    }

    #[test]
    fn the_entries_are_found_wherever_they_stand_and_the_last_list_counts() {
        for (text, expected) in [
            (r#"{"log":{"entries":[1,2]}}"#, 2),
            (r#"{"a":[{"entries":[1]}],"log":{"pages":[{}],"entries":[1,{"x":[]},null],"b":1},"c":"d"}"#, 3),
            (r#"{"log":{"entries":[1,2],"entries":[3]}}"#, 1),
            (r#"{"log":{"entries":[]}} "#, 0),
        ] {
            assert_eq!(walked(text).map(|entries| entries.len()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_and_what_has_no_list_are_told_apart() {
        use serde_json::error::Category::{Data, Eof, Syntax};
        for (text, category) in [
            ("", Eof),
            ("{", Eof),
            (r#"{"log":{"entries":[1,2"#, Eof),
            (r#"{"log":{"entries":[1,,2]}}"#, Syntax),
            (r#"{"log":{"entries":[]}} x"#, Syntax),
            ("[]", Data),
            ("7", Data),
            ("{}", Data),
            (r#"{"log":{}}"#, Data),
            (r#"{"log":{"entries":{}}}"#, Data),
            (r#"{"log":[]}"#, Data),
            (r#"{"entries":[1]}"#, Data),
        ] {
            assert_eq!(walked(text), Err(category), "{text}");
        }
    }
}
