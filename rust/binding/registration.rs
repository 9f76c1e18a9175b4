//! What the godot crate's attributes cannot register: constants that belong to an enum, so that scripts can use it as a type, and
//! properties whose setters do not borrow the object.
//!
//! It takes hidden paths of that crate; `object_registry` and `low/hot_methods` take the others. The crate's version is pinned for them.

use godot::obj::GodotClass;
use godot::register::info::{PropertyHint, PropertyHintInfo, PropertyUsageFlags};
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};
use godot::register::private::register_var;
use godot::register::property::Var;

/// Registers an enum of a class, which must be registered already: its name, and its constants in the order of their values.
pub(crate) fn register_enum<C: GodotClass>(name: &str, constants: &[(&str, i64)]) {
    let enumerators = constants.iter().map(|&(name, value)| IntegerConstant::new(name, value)).collect();
    let kind = ConstantKind::Enum { name: name.into(), enumerators };
    ExportConstant::new(C::class_id(), kind).register();
}

/// Registers a property of a class over two of its methods, a getter and a setter.
pub(crate) fn register_property<C: GodotClass, T: Var>(
    name: &str,
    methods: [&str; 2],
    hint: PropertyHintInfo,
    usage: PropertyUsageFlags,
) {
    let [getter, setter] = methods;
    register_var::<C, T>(name, getter, setter, Some(hint), Some(usage));
}

/// What the inspector is told of a property.
pub(crate) fn hint(hint: PropertyHint, text: &str) -> PropertyHintInfo {
    PropertyHintInfo { hint, hint_string: text.into() }
}
