//! Registers what the godot crate's attributes cannot: constants that belong to an enum, so that scripts can use it as a type,
//! and properties whose setters do not borrow the object.
//!
//! It uses hidden paths of that crate. `object_registry` and `low/hot_methods` use the others. The crate's version is pinned
//! because of them.

use godot::builtin::StringName;
use godot::meta::conv::ParamTuple;
use godot::obj::GodotClass;
use godot::register::info::{PropertyHint, PropertyHintInfo, PropertyUsageFlags};
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};
use godot::register::private::register_var;
use godot::register::property::Var;
use godot::sys;

/// Registers an enum of a class, which must be registered already. The constants are sorted by value.
pub(crate) fn register_enum<C: GodotClass>(name: &str, constants: &[(&str, i64)]) {
    let enumerators = constants.iter().map(|&(name, value)| IntegerConstant::new(name, value)).collect();
    let kind = ConstantKind::Enum { name: name.into(), enumerators };
    ExportConstant::new(C::class_id(), kind).register();
}

/// Registers a property of a class with two of its methods, a getter and a setter.
pub(crate) fn register_property<C: GodotClass, T: Var>(
    name: &str,
    methods: [&str; 2],
    hint: PropertyHintInfo,
    usage: PropertyUsageFlags,
) {
    let [getter, setter] = methods;
    register_var::<C, T>(name, getter, setter, Some(hint), Some(usage));
}

/// Registers a signal of a class. One of its arguments has a name that is not possible in Rust.
pub(crate) fn register_signal<C: GodotClass, P: ParamTuple>(name: &str, arguments: &[&str]) {
    let infos: Vec<_> =
        arguments.iter().enumerate().filter_map(|(index, name)| P::property_info(index, name)).collect();
    let infos_sys: Vec<sys::GDExtensionPropertyInfo> = infos.iter().map(|info| info.property_sys()).collect();
    let name = StringName::from(name);
    // SAFETY: the names and infos live until the end of the call, and the engine copies them. The class is registered.
    unsafe {
        sys::interface_fn!(classdb_register_extension_class_signal)(
            sys::get_library(),
            C::class_id().string_sys(),
            name.string_sys(),
            infos_sys.as_ptr(),
            infos_sys.len() as sys::GDExtensionInt,
        );
    }
}

/// The hint of a property for the inspector.
pub(crate) fn hint(hint: PropertyHint, text: &str) -> PropertyHintInfo {
    PropertyHintInfo { hint, hint_string: text.into() }
}

/// The same for the number of a hint that the engine uses for its own property. The engine may have more hints than the API of
/// this build.
pub(crate) fn engine_hint(number: i64, text: &str) -> PropertyHintInfo {
    let number = i32::try_from(number).unwrap_or_default();
    // SAFETY: the type is transparent over this integer, and the engine accepts every value.
    let kind = unsafe { std::mem::transmute::<i32, PropertyHint>(number) };
    hint(kind, text)
}
