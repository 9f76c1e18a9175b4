//! What the godot crate's attributes cannot register: constants that belong to an enum, so that scripts can use it as a type, and
//! properties whose setters do not borrow the object.
//!
//! It takes hidden paths of that crate; `object_registry` and `low/hot_methods` take the others. The crate's version is pinned for them.

use godot::builtin::StringName;
use godot::meta::conv::ParamTuple;
use godot::obj::GodotClass;
use godot::register::info::{PropertyHint, PropertyHintInfo, PropertyUsageFlags};
use godot::register::private::constant::{ConstantKind, ExportConstant, IntegerConstant};
use godot::register::private::register_var;
use godot::register::property::Var;
use godot::sys;

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

/// Registers a signal of a class: its name, and its arguments, of which one has a name that no argument in Rust can have.
pub(crate) fn register_signal<C: GodotClass, P: ParamTuple>(name: &str, arguments: &[&str]) {
    let infos: Vec<_> =
        arguments.iter().enumerate().filter_map(|(index, name)| P::property_info(index, name)).collect();
    let infos_sys: Vec<sys::GDExtensionPropertyInfo> = infos.iter().map(|info| info.property_sys()).collect();
    let name = StringName::from(name);
    // SAFETY: the names and the infos live until the call is over, which copies them; the class is registered.
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

/// What the inspector is told of a property.
pub(crate) fn hint(hint: PropertyHint, text: &str) -> PropertyHintInfo {
    PropertyHintInfo { hint, hint_string: text.into() }
}

/// The same, as the engine tells it of a property of its own. It may know more hints than the API that this library is built for.
pub(crate) fn engine_hint(number: i64, text: &str) -> PropertyHintInfo {
    let number = i32::try_from(number).unwrap_or_default();
    // SAFETY: the type is transparent over this integer, and the engine takes any.
    let kind = unsafe { std::mem::transmute::<i32, PropertyHint>(number) };
    hint(kind, text)
}
