//! The class reference, which the editor shows as its own help.

use std::ffi::c_char;

use godot::sys;

/// Godot's class-reference XML, one file per class.
const PAGES: [&str; 7] = [
    include_str!("../../addons/http_client_rust/doc/HTTPClientRust.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPClientRustStream.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPFormRust.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPRequestRust.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPResponseRust.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPSessionRust.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPTaskRust.xml"),
];

/// Hands the pages to the editor. Only in the editor's stage: there is no help elsewhere.
pub(crate) fn load() {
    for page in PAGES {
        // SAFETY: the interface is there from the first stage on; the text is UTF-8 of the length given, and copied.
        unsafe {
            sys::interface_fn!(editor_help_load_xml_from_utf8_chars_and_len)(
                page.as_ptr().cast::<c_char>(),
                page.len() as i64,
            );
        }
    }
}
