//! The entry point for an engine without its own `HTTPClient` and `HTTPRequest` (`disabled_classes` in its build profile). The
//! library takes these names, so scripts need no change. If the engine has one of the classes, this entry point prints an error
//! and stops the load. Without it, the godot crate would continue, and the engine would refuse every method.

use std::ffi::CStr;

use godot::sys;

const NAMES: [&CStr; 2] = [c"HTTPClient", c"HTTPRequest"];
const REASON: &CStr = c"this library contains the classes HTTPClient and HTTPRequest, which this engine already has; \
    use the add-on's normal library, whose classes are HTTPClientRust and HTTPRequestRust, or an engine that was \
    built without these two classes (disabled_classes in its build profile)";

// SAFETY: the godot crate exports no function with this name, because this build sets another entry symbol.
#[unsafe(no_mangle)]
unsafe extern "C" fn gdext_rust_init(
    get_proc_address: sys::GDExtensionInterfaceGetProcAddress,
    library: sys::GDExtensionClassLibraryPtr,
    initialization: *mut sys::GDExtensionInitialization,
) -> sys::GDExtensionBool {
    // SAFETY: Godot passes its own function.
    if unsafe { is_a_name_taken(get_proc_address) } == Some(true) {
        return 0;
    }
    // SAFETY: these are Godot's own arguments.
    unsafe { crate::gdext_rust_init_of_the_crate(get_proc_address, library, initialization) }
}

/// Whether the engine has one of the classes. If it has, prints what to do.
///
/// # Safety
///
/// The argument is the function that Godot passes to a library.
unsafe fn is_a_name_taken(get_proc_address: sys::GDExtensionInterfaceGetProcAddress) -> Option<bool> {
    let get = get_proc_address?;
    // SAFETY: Godot has functions with these names and types since 4.1.
    let (new_name, class_tag, print_error) = unsafe {
        (
            std::mem::transmute::<_, sys::GDExtensionInterfaceStringNameNewWithLatin1Chars>(get(
                c"string_name_new_with_latin1_chars".as_ptr(),
            )?),
            std::mem::transmute::<_, sys::GDExtensionInterfaceClassdbGetClassTag>(get(
                c"classdb_get_class_tag".as_ptr()
            )?),
            std::mem::transmute::<_, sys::GDExtensionInterfacePrintErrorWithMessage>(get(
                c"print_error_with_message".as_ptr()
            )?),
        )
    };
    let has_class = |class_name: &CStr| {
        // A StringName is a pointer. This one refers to a static text and is never freed, which costs a few bytes once.
        let mut name: *mut std::ffi::c_void = std::ptr::null_mut();
        // SAFETY: the engine creates the name in memory that has room for one, and then looks the name up.
        let tag = unsafe {
            new_name((&raw mut name).cast(), class_name.as_ptr(), 1);
            class_tag((&raw const name).cast())
        };
        !tag.is_null()
    };
    let is_taken = NAMES.into_iter().any(has_class);
    if is_taken {
        let (title, place) = (c"HTTPClientRust cannot be loaded.", c"rust/binding/engine_names.rs");
        // SAFETY: all these texts end with a NUL.
        unsafe { print_error(title.as_ptr(), REASON.as_ptr(), c"gdext_rust_init".as_ptr(), place.as_ptr(), 1, 1) };
    }
    Some(is_taken)
}
