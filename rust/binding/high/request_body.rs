//! Converts the body that a script passes into the form that the worker needs.

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
            RequestBody::json(text)
        }
        VariantType::OBJECT => match body.try_to::<Gd<HttpFormRust>>() {
            Ok(form) => RequestBody::Form(form.bind().form()),
            Err(_) => refused("an object that is not an HTTPFormRust"),
        },
        other => refused(&format!("of the type {other:?}")),
    }
}

/// Whether a value has more levels of dictionaries and arrays than `levels`. One that contains itself has.
fn is_too_deep(value: &Variant, levels: usize) -> bool {
    let values = match value.get_type() {
        VariantType::ARRAY => value.to::<AnyArray>(),
        VariantType::DICTIONARY => value.to::<AnyDictionary>().values_array(),
        _ => return false,
    };
    levels == 0 || values.iter_shared().any(|value| is_too_deep(&value, levels - 1))
}

pub(crate) fn raw_body(bytes: &PackedByteArray) -> RequestBody {
    if bytes.is_empty() { RequestBody::Empty } else { RequestBody::bytes(bytes.to_vec()) }
}

fn refused(what: &str) -> RequestBody {
    RequestBody::Refused(format!(
        "the body is {what}; give a String, a PackedByteArray, a Dictionary, an Array, an HTTPFormRust or null"
    ))
}
