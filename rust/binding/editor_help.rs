//! The class reference, which the editor shows in its help.

use std::ffi::c_char;

use godot::sys;

/// Godot's class reference XML, one file per class.
const PAGES: [&str; 7] = [
    include_str!("../../addons/http_client_rust/doc/HTTPClientRust.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPClientRustStream.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPFormRust.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPRequestRust.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPResponseRust.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPSessionRust.xml"),
    include_str!("../../addons/http_client_rust/doc/HTTPTaskRust.xml"),
];

/// Passes the pages to the editor. Only valid in the editor's initialization stage, because the help does not exist elsewhere.
pub(crate) fn load() {
    for page in PAGES {
        // SAFETY: the interface is available from the first stage on. The text is UTF-8 with the given length, and the engine
        // copies it.
        unsafe {
            sys::interface_fn!(editor_help_load_xml_from_utf8_chars_and_len)(
                page.as_ptr().cast::<c_char>(),
                page.len() as i64,
            );
        }
    }
}
