//! Converts the body that a script passes into the form that the worker needs.

use std::fmt::Write as _;

use godot::builtin::{AnyArray, AnyDictionary, GString, PackedByteArray, StringName, Variant, VariantType};
use godot::classes::Json;
use godot::obj::Gd;
use http_fetch::RequestBody;

use crate::high::form::HttpFormRust;

/// How many dictionaries and arrays can be inside each other. The engine writes an ellipsis where JSON is deeper.
const DEEPEST: usize = 1024;

/// Converts a body of any type. Bytes are copied: the worker must not keep memory of the engine, which may shut down first.
pub(crate) fn request_body(body: &Variant) -> RequestBody {
    match body.get_type() {
        VariantType::NIL => RequestBody::Empty,
        VariantType::STRING => RequestBody::bytes(body.to::<GString>().to_string()),
        VariantType::STRING_NAME => RequestBody::bytes(body.to::<StringName>().to_string()),
        VariantType::PACKED_BYTE_ARRAY => raw_body(&body.to::<PackedByteArray>()),
        VariantType::DICTIONARY | VariantType::ARRAY if is_too_deep(body, DEEPEST) => RequestBody::Refused(format!(
            "the body contains itself, or has more than {DEEPEST} levels; make it flatter"
        )),
        VariantType::DICTIONARY | VariantType::ARRAY => {
            let text = Json::stringify_ex(body).sort_keys(false).full_precision(true).done().to_string();
            RequestBody::json(valid_json(text))
        }
        VariantType::OBJECT => match body.try_to::<Gd<HttpFormRust>>() {
            Ok(form) => RequestBody::Form(form.bind().form()),
            Err(_) => refused("an object that is not an HTTPFormRust"),
        },
        other => refused(&format!("of the type {other:?}")),
    }
}

/// Returns whether a value has more than `levels` levels of dictionaries and arrays, for example because it contains itself.
fn is_too_deep(value: &Variant, levels: usize) -> bool {
    let values = match value.get_type() {
        VariantType::ARRAY => value.to::<AnyArray>(),
        VariantType::DICTIONARY => value.to::<AnyDictionary>().values_array(),
        _ => return false,
    };
    levels == 0 || values.iter_shared().any(|value| is_too_deep(&value, levels - 1))
}

/// Corrects the strings in the engine's JSON. The engine writes a vertical tab as `\v`, which JSON does not have, and does not escape most
/// other control characters.
fn valid_json(text: String) -> String {
    let is_valid = |byte: u8| byte >= b' ';
    if text.bytes().all(is_valid) && !text.contains("\\v") {
        return text;
    }
    let mut valid = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('v') => valid.push_str("\\u000b"),
                next => {
                    valid.push('\\');
                    valid.extend(next);
                }
            },
            '\0'..' ' => {
                let _ = write!(valid, "\\u{:04x}", u32::from(character));
            }
            other => valid.push(other),
        }
    }
    valid
}

pub(crate) fn raw_body(bytes: &PackedByteArray) -> RequestBody {
    if bytes.is_empty() { RequestBody::Empty } else { RequestBody::bytes(bytes.to_vec()) }
}

fn refused(what: &str) -> RequestBody {
    RequestBody::Refused(format!(
        "the body is {what}; give a String, a PackedByteArray, a Dictionary, an Array, an HTTPFormRust or null"
    ))
}

#[cfg(test)]
mod tests {
    use super::valid_json;

    #[test]
    fn control_characters_of_the_engines_json_are_escaped_and_backslashes_stay() {
        for (engine, expected) in [
            (r#"{"a":"b\\n\"v"}"#, r#"{"a":"b\\n\"v"}"#),
            (r#"["\v","\\v","\\\v"]"#, r#"["\u000b","\\v","\\\u000b"]"#),
            ("[\"\u{1}\u{1f}\u{e}\"]", r#"["\u0001\u001f\u000e"]"#),
        ] {
            assert_eq!(valid_json(engine.to_owned()), expected);
        }
    }
}
