//! The properties of `HTTPSessionRust`. They apply to requests that start later.

use std::sync::Arc;
use std::time::Duration;

use godot::builtin::{GString, PackedStringArray};
use godot::global::godot_error;
use godot::obj::Gd;
use godot::register::godot_api;
use godot::register::info::{PropertyHint, PropertyHintInfo, PropertyUsageFlags};
use godot::register::property::Var;
use http_fetch::{Cache, Settings};

use crate::high::session::{HttpSessionRust, on_disk};
use crate::high::values::HeaderLines;
use crate::low;
use crate::registration::{hint, register_property};

#[godot_api(secondary)]
impl HttpSessionRust {
    #[func]
    fn get_base_url(&self) -> GString {
        GString::from(&self.settings().base_url)
    }

    #[func(gd_self)]
    fn set_base_url(this: Gd<Self>, url: GString) {
        set(&this, |settings| settings.base_url = url.to_string());
    }

    #[func]
    fn get_default_headers(&self) -> PackedStringArray {
        self.settings().default_headers.iter().map(GString::from).collect()
    }

    #[func(gd_self)]
    fn set_default_headers(this: Gd<Self>, headers: PackedStringArray) {
        let lines = HeaderLines(headers).lines();
        set(&this, |settings| settings.default_headers = lines);
    }

    #[func]
    fn get_user_agent(&self) -> GString {
        GString::from(&*self.settings().user_agent)
    }

    #[func(gd_self)]
    fn set_user_agent(this: Gd<Self>, text: GString) {
        set(&this, |settings| settings.user_agent = text.to_string().into());
    }

    #[func]
    fn get_connect_timeout(&self) -> f64 {
        in_seconds(self.settings().connect_timeout)
    }

    #[func(gd_self)]
    fn set_connect_timeout(this: Gd<Self>, seconds: f64) {
        set_timeout(&this, "set_connect_timeout", seconds, |settings, limit| settings.connect_timeout = limit);
    }

    #[func]
    fn get_stall_timeout(&self) -> f64 {
        in_seconds(self.settings().stall_timeout)
    }

    #[func(gd_self)]
    fn set_stall_timeout(this: Gd<Self>, seconds: f64) {
        set_timeout(&this, "set_stall_timeout", seconds, |settings, limit| settings.stall_timeout = limit);
    }

    #[func]
    fn get_timeout(&self) -> f64 {
        in_seconds(self.settings().timeout)
    }

    #[func(gd_self)]
    fn set_timeout(this: Gd<Self>, seconds: f64) {
        set_timeout(&this, "set_timeout", seconds, |settings, limit| settings.timeout = limit);
    }

    #[func]
    fn get_max_redirects(&self) -> i64 {
        self.settings().max_redirects.map_or(-1, i64::from)
    }

    #[func(gd_self)]
    fn set_max_redirects(this: Gd<Self>, count: i64) {
        set(&this, |settings| settings.max_redirects = limit(count));
    }

    #[func]
    fn is_allowing_insecure_redirects(&self) -> bool {
        self.settings().allow_insecure_redirects
    }

    #[func(gd_self)]
    fn set_allow_insecure_redirects(this: Gd<Self>, enabled: bool) {
        set(&this, |settings| settings.allow_insecure_redirects = enabled);
    }

    #[func]
    fn get_max_retries(&self) -> i64 {
        self.settings().max_retries.into()
    }

    #[func(gd_self)]
    fn set_max_retries(this: Gd<Self>, count: i64) {
        set(&this, |settings| settings.max_retries = limit(count.max(0)).unwrap_or_default());
    }

    #[func]
    fn is_retrying_unsafe_methods(&self) -> bool {
        self.settings().retry_unsafe_methods
    }

    #[func(gd_self)]
    fn set_retry_unsafe_methods(this: Gd<Self>, enabled: bool) {
        set(&this, |settings| settings.retry_unsafe_methods = enabled);
    }

    #[func]
    fn get_body_size_limit(&self) -> i64 {
        in_bytes(self.settings().body_size_limit)
    }

    #[func(gd_self)]
    fn set_body_size_limit(this: Gd<Self>, bytes: i64) {
        set(&this, |settings| settings.body_size_limit = u64::try_from(bytes).ok());
    }

    #[func]
    fn is_accepting_compression(&self) -> bool {
        self.settings().accept_compression
    }

    #[func(gd_self)]
    fn set_accept_compression(this: Gd<Self>, enabled: bool) {
        set(&this, |settings| settings.accept_compression = enabled);
    }

    #[func]
    fn are_cookies_enabled(&self) -> bool {
        self.settings().cookies_enabled
    }

    #[func(gd_self)]
    fn set_cookies_enabled(this: Gd<Self>, enabled: bool) {
        set(&this, |settings| settings.cookies_enabled = enabled);
    }

    #[func]
    fn get_cookie_file(&self) -> GString {
        self.own_shared().own().cookie_file.clone()
    }

    #[func(gd_self)]
    fn set_cookie_file(this: Gd<Self>, path: GString) {
        let shared = Self::shared_of(&this);
        let file = (!path.is_empty()).then(|| on_disk(&path));
        match shared.session.set_cookie_file(file) {
            Ok(()) => shared.own().cookie_file = path.into(),
            Err(sentence) => {
                godot_error!("HTTPSessionRust.set_cookie_file(): {sentence}");
                if !shared.session.has_cookie_file() {
                    // The file was in use, and has other contents now. It is not overwritten.
                    shared.own().cookie_file = GString::new().into();
                }
            }
        }
    }

    #[func]
    fn get_cache_directory(&self) -> GString {
        self.own_shared().own().cache_directory.clone()
    }

    #[func(gd_self)]
    fn set_cache_directory(this: Gd<Self>, path: GString) {
        match cache_in(&path) {
            Ok(cache) => {
                set(&this, |settings| settings.cache = cache);
                Self::shared_of(&this).own().cache_directory = path.into();
            }
            Err(sentence) => godot_error!("HTTPSessionRust.set_cache_directory(): {sentence}"),
        }
    }

    #[func]
    fn get_max_connections_per_host(&self) -> i64 {
        self.settings().max_connections_per_host as i64
    }

    #[func(gd_self)]
    fn set_max_connections_per_host(this: Gd<Self>, count: i64) {
        let Ok(most @ 1..) = usize::try_from(count) else {
            godot_error!(
                "HTTPSessionRust.set_max_connections_per_host(): {count} connections are not possible; use 1 or more"
            );
            return;
        };
        set(&this, |settings| settings.max_connections_per_host = most);
    }

    #[func]
    fn get_trusted_ca_file(&self) -> GString {
        self.own_shared().own().trusted_ca_file.clone()
    }

    #[func(gd_self)]
    fn set_trusted_ca_file(this: Gd<Self>, path: GString) {
        let shared = Self::shared_of(&this);
        let mut own = shared.own();
        own.trusted_ca_file = path.into();
        own.is_tls_known = false;
    }

    fn settings(&self) -> Arc<Settings> {
        self.own_shared().session.settings()
    }
}

fn set(this: &Gd<HttpSessionRust>, change: impl FnOnce(&mut Settings)) {
    HttpSessionRust::shared_of(this).session.set(change);
}

/// Creates the folder of a cache, and opens the cache. The worker reads and writes its contents. None for an empty path.
fn cache_in(path: &GString) -> Result<Option<Cache>, String> {
    if path.is_empty() {
        return Ok(None);
    }
    let text = path.to_string();
    let folder = on_disk(path);
    if text.starts_with("res://") || !folder.is_absolute() {
        return Err(format!(
            "{text:?} is not a folder that a game can write to; use one in user://, or an absolute path"
        ));
    }
    let made = std::fs::create_dir_all(&folder).and_then(|()| Cache::at(&folder));
    made.map(Some).map_err(|error| {
        let error = error.to_string();
        format!("the folder {text:?} cannot be created: {}", error.split(" (os error").next().unwrap_or_default())
    })
}

fn set_timeout(
    this: &Gd<HttpSessionRust>,
    method: &str,
    seconds: f64,
    change: impl FnOnce(&mut Settings, Option<Duration>),
) {
    match low::timeout(seconds) {
        Ok(limit) => set(this, |settings| change(settings, limit)),
        Err(error) => godot_error!("HTTPSessionRust.{method}(): {error}"),
    }
}

fn in_seconds(limit: Option<Duration>) -> f64 {
    limit.map_or(0.0, |limit| limit.as_secs_f64())
}

fn in_bytes(limit: Option<u64>) -> i64 {
    limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
}

/// A limit of any size. A negative number means no limit.
pub(crate) fn limit(count: i64) -> Option<u32> {
    u64::try_from(count).ok().map(|count| u32::try_from(count).unwrap_or(u32::MAX))
}

/// Registers the properties with the class, which must be registered already.
pub(crate) fn register() {
    let none = PropertyHintInfo::none;
    property::<GString>("base_url", ["get_base_url", "set_base_url"], none());
    property::<PackedStringArray>("default_headers", ["get_default_headers", "set_default_headers"], none());
    property::<GString>("user_agent", ["get_user_agent", "set_user_agent"], none());
    property::<f64>("connect_timeout", ["get_connect_timeout", "set_connect_timeout"], none());
    property::<f64>("stall_timeout", ["get_stall_timeout", "set_stall_timeout"], none());
    property::<f64>("timeout", ["get_timeout", "set_timeout"], none());
    property::<i64>(
        "max_redirects",
        ["get_max_redirects", "set_max_redirects"],
        hint(PropertyHint::RANGE, "-1,64,or_greater"),
    );
    property::<bool>(
        "allow_insecure_redirects",
        ["is_allowing_insecure_redirects", "set_allow_insecure_redirects"],
        none(),
    );
    property::<i64>(
        "max_retries",
        ["get_max_retries", "set_max_retries"],
        hint(PropertyHint::RANGE, "0,10,or_greater"),
    );
    property::<bool>("retry_unsafe_methods", ["is_retrying_unsafe_methods", "set_retry_unsafe_methods"], none());
    property::<i64>(
        "body_size_limit",
        ["get_body_size_limit", "set_body_size_limit"],
        hint(PropertyHint::RANGE, "-1,2000000000,or_greater,suffix:B"),
    );
    property::<bool>("accept_compression", ["is_accepting_compression", "set_accept_compression"], none());
    property::<bool>("cookies_enabled", ["are_cookies_enabled", "set_cookies_enabled"], none());
    property::<GString>("cookie_file", ["get_cookie_file", "set_cookie_file"], hint(PropertyHint::SAVE_FILE, ""));
    property::<GString>(
        "cache_directory",
        ["get_cache_directory", "set_cache_directory"],
        hint(PropertyHint::GLOBAL_DIR, ""),
    );
    property::<i64>(
        "max_connections_per_host",
        ["get_max_connections_per_host", "set_max_connections_per_host"],
        hint(PropertyHint::RANGE, "1,64,or_greater"),
    );
    property::<GString>(
        "trusted_ca_file",
        ["get_trusted_ca_file", "set_trusted_ca_file"],
        hint(PropertyHint::FILE, "*.pem,*.crt"),
    );
}

pub(crate) fn property<T: Var>(name: &str, methods: [&str; 2], hint: PropertyHintInfo) {
    register_property::<HttpSessionRust, T>(name, methods, hint, PropertyUsageFlags::DEFAULT);
}
