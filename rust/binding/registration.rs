//! What the godot crate's attributes cannot register: constants that belong to an enum, so that scripts can use it as a type, and
//! properties whose setters do not borrow the object.
//!
//! It takes hidden paths of that crate, and only this file uses them; the crate's minor version is pinned for it.

use godot::builtin::GString;
use godot::classes::StreamPeer;
use godot::obj::{Gd, GodotClass};
use godot::register::info::{PropertyHint, PropertyHintInfo, PropertyUsageFlags};
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};
use godot::register::private::register_var;
use godot::register::property::Var;

use crate::class::HttpClientRust;
use crate::enums::{METHODS, RESPONSE_CODES, STATUSES};

/// Completes the class, which must be registered already.
pub(crate) fn complete_class() {
    register_enum("Method", METHODS);
    register_enum("Status", STATUSES);
    register_enum("ResponseCode", RESPONSE_CODES);

    let none = PropertyHintInfo::none;
    let default = PropertyUsageFlags::DEFAULT;
    register_property::<bool>(
        "blocking_mode_enabled",
        ["is_blocking_mode_enabled", "set_blocking_mode"],
        none(),
        default,
    );
    let stream = hint(PropertyHint::RESOURCE_TYPE, "StreamPeer");
    let connection = ["get_connection", "set_connection"];
    register_property::<Option<Gd<StreamPeer>>>("connection", connection, stream, PropertyUsageFlags::NONE);
    let sizes = hint(PropertyHint::RANGE, "256,16777216");
    register_property::<i64>("read_chunk_size", ["get_read_chunk_size", "set_read_chunk_size"], sizes, default);
    register_property::<f64>("connect_timeout", ["get_connect_timeout", "set_connect_timeout"], none(), default);
    register_property::<f64>("read_timeout", ["get_read_timeout", "set_read_timeout"], none(), default);
    let file = hint(PropertyHint::FILE, "*.pem,*.crt");
    register_property::<GString>("trusted_ca_file", ["get_trusted_ca_file", "set_trusted_ca_file"], file, default);
}

fn register_enum(name: &str, constants: &[(&str, i64)]) {
    let enumerators = constants.iter().map(|&(name, value)| IntegerConstant::new(name, value)).collect();
    let kind = ConstantKind::Enum { name: name.into(), enumerators };
    ExportConstant::new(HttpClientRust::class_id(), kind).register();
}

fn register_property<T: Var>(name: &str, methods: [&str; 2], hint: PropertyHintInfo, usage: PropertyUsageFlags) {
    let [getter, setter] = methods;
    register_var::<HttpClientRust, T>(name, getter, setter, Some(hint), Some(usage));
}

fn hint(hint: PropertyHint, text: &str) -> PropertyHintInfo {
    PropertyHintInfo { hint, hint_string: text.into() }
}
