//! Converts the body that a script passes into the form that the worker needs.

use godot::builtin::{GString, PackedByteArray, Variant, VariantType};
use godot::classes::Json;
use godot::obj::Gd;
use http_fetch::RequestBody;

use crate::high::form::HttpFormRust;

/// Converts a body of any type. Bytes are copied: the worker must not keep memory of the engine, which may shut down first.
pub(crate) fn request_body(body: &Variant) -> RequestBody {
    match body.get_type() {
        VariantType::NIL => RequestBody::Empty,
        VariantType::STRING | VariantType::STRING_NAME => RequestBody::bytes(body.to::<GString>().to_string()),
        VariantType::PACKED_BYTE_ARRAY => raw_body(&body.to::<PackedByteArray>()),
        VariantType::DICTIONARY | VariantType::ARRAY => {
            let text = Json::stringify_ex(body).sort_keys(false).done().to_string();
            RequestBody::json(text)
        }
        VariantType::OBJECT => match body.try_to::<Gd<HttpFormRust>>() {
            Ok(form) => RequestBody::Form(form.bind().form()),
            Err(_) => refused("an object that is not an HTTPFormRust"),
        },
        other => refused(&format!("of the type {other:?}")),
    }
}

pub(crate) fn raw_body(bytes: &PackedByteArray) -> RequestBody {
    if bytes.is_empty() { RequestBody::Empty } else { RequestBody::bytes(bytes.to_vec()) }
}

fn refused(what: &str) -> RequestBody {
    RequestBody::Refused(format!(
        "the body is {what}; give a String, a PackedByteArray, a Dictionary, an Array, an HTTPFormRust or null"
    ))
}
