//! The properties of `HTTPRequestRust`: those of the engine's `HTTPRequest`, and the session.

use godot::builtin::GString;
use godot::classes::ClassDb;
use godot::global::godot_error;
use godot::obj::{Gd, Singleton};
use godot::register::godot_api;
use godot::register::info::{PropertyHintInfo, PropertyUsageFlags};
use godot::register::property::Var;

use crate::held::Held;
use crate::high::node::{HttpRequestRust, NAME};
use crate::high::session::HttpSessionRust;
use crate::high::values::ENGINE_RESULTS;
use crate::low;
use crate::registration::{engine_hint, register_enum, register_property};

/// The values that the engine's node accepts for `download_chunk_size`, in bytes.
const CHUNK_SIZES: std::ops::RangeInclusive<i64> = 256..=16 << 20;

#[godot_api(secondary)]
impl HttpRequestRust {
    #[func(gd_self)]
    fn set_use_threads(this: Gd<Self>, enable: bool) {
        Self::shared_of(&this).set("set_use_threads", |state| state.use_threads = enable);
    }

    #[func]
    fn is_using_threads(&self) -> bool {
        self.shared.lock().use_threads
    }

    #[func(gd_self)]
    fn set_accept_gzip(this: Gd<Self>, enable: bool) {
        Self::shared_of(&this).lock().accept_gzip = enable;
    }

    #[func]
    fn is_accepting_gzip(&self) -> bool {
        self.shared.lock().accept_gzip
    }

    #[func(gd_self)]
    fn set_body_size_limit(this: Gd<Self>, bytes: i64) {
        Self::shared_of(&this).set("set_body_size_limit", |state| state.body_size_limit = bytes);
    }

    #[func]
    fn get_body_size_limit(&self) -> i64 {
        self.shared.lock().body_size_limit
    }

    #[func(gd_self)]
    fn set_max_redirects(this: Gd<Self>, amount: i64) {
        Self::shared_of(&this).lock().max_redirects = amount;
    }

    #[func]
    fn get_max_redirects(&self) -> i64 {
        self.shared.lock().max_redirects
    }

    #[func(gd_self)]
    fn set_download_file(this: Gd<Self>, path: GString) {
        Self::shared_of(&this).set("set_download_file", |state| state.download_file = path.into());
    }

    #[func]
    fn get_download_file(&self) -> GString {
        self.shared.lock().download_file.clone()
    }

    #[func(gd_self)]
    fn set_timeout(this: Gd<Self>, timeout: f64) {
        match low::timeout(timeout) {
            Ok(_) => Self::shared_of(&this).lock().timeout = timeout,
            Err(error) => godot_error!("{NAME}.set_timeout(): {error}"),
        }
    }

    // Not const, because the engine's method is not const either.
    #[func(gd_self)]
    fn get_timeout(this: Gd<Self>) -> f64 {
        Self::shared_of(&this).lock().timeout
    }

    #[func(gd_self)]
    fn set_download_chunk_size(this: Gd<Self>, chunk_size: i64) {
        if CHUNK_SIZES.contains(&chunk_size) {
            Self::shared_of(&this).set("set_download_chunk_size", |state| state.download_chunk_size = chunk_size);
        } else {
            godot_error!("{NAME}.set_download_chunk_size(): {chunk_size} bytes are not possible; use 256 to 16777216");
        }
    }

    #[func]
    fn get_download_chunk_size(&self) -> i64 {
        self.shared.lock().download_chunk_size
    }

    #[func]
    fn get_session(&self) -> Option<Gd<HttpSessionRust>> {
        self.shared.lock().session.as_ref().map(|held| held.0.clone())
    }

    #[func(gd_self)]
    fn set_session(this: Gd<Self>, session: Option<Gd<HttpSessionRust>>) {
        let shared = Self::shared_of(&this);
        let mut state = shared.lock();
        let before = std::mem::replace(&mut state.session, session.map(Held::new));
        drop(state);
        drop(before);
    }
}

/// Completes the registration of the class, which must be registered already.
pub(crate) fn register() {
    register_enum::<HttpRequestRust>("Result", ENGINE_RESULTS);
    property::<GString>("download_file", ["get_download_file", "set_download_file"]);
    property::<i64>("download_chunk_size", ["get_download_chunk_size", "set_download_chunk_size"]);
    property::<bool>("use_threads", ["is_using_threads", "set_use_threads"]);
    property::<bool>("accept_gzip", ["is_accepting_gzip", "set_accept_gzip"]);
    property::<i64>("body_size_limit", ["get_body_size_limit", "set_body_size_limit"]);
    property::<i64>("max_redirects", ["get_max_redirects", "set_max_redirects"]);
    property::<f64>("timeout", ["get_timeout", "set_timeout"]);
    // Scenes do not store it, because a session is not a resource.
    register_property::<HttpRequestRust, Option<Gd<HttpSessionRust>>>(
        "session",
        ["get_session", "set_session"],
        PropertyHintInfo::none(),
        PropertyUsageFlags::NONE,
    );
}

/// Registers one of the engine's properties, with the hint that the engine's own property has in the inspector.
fn property<T: Var>(name: &str, methods: [&str; 2]) {
    let known = ClassDb::singleton().class_get_property_list_ex("HTTPRequest").no_inheritance(true).done();
    let name_in_list = GString::from(name);
    let own = known.iter_shared().find(|info| info.at("name").stringify() == name_in_list);
    let told = own.map_or_else(PropertyHintInfo::none, |info| {
        let number = info.at("hint").try_to::<i64>().unwrap_or_default();
        engine_hint(number, &info.at("hint_string").stringify().to_string())
    });
    register_property::<HttpRequestRust, T>(name, methods, told, PropertyUsageFlags::DEFAULT);
}
