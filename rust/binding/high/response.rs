//! The class `HTTPResponseRust`: only values, without any work of its own.

use std::sync::{Arc, Mutex, PoisonError};

use godot::builtin::{GString, PackedByteArray, PackedStringArray, VarDictionary, Variant};
use godot::classes::{Json, RefCounted};
use godot::global::Error as GError;
use godot::obj::{Base, Gd, NewGd};
use godot::register::{GodotClass, godot_api};
use http_fetch::{Buffer, Facts, ResultCode};

use crate::convert::types::{timings_dictionary, tls_dictionary, whole_text};
use crate::high::body::Response;
use crate::high::values::{ALL_RESULTS, ResultValue};
use crate::registration::register_enum;

/// A response. See the module. Only tasks create it.
#[derive(GodotClass)]
#[class(tool, no_init, base = RefCounted, rename = HTTPResponseRust)]
pub(crate) struct HttpResponseRust {
    known: Mutex<Known>,
    _base: Base<RefCounted>,
}

/// What is known about the response: first the head, later everything.
#[derive(Clone)]
pub(crate) enum Known {
    Head(Arc<Facts>),
    All(Arc<Response>),
}

impl Known {
    fn facts(&self) -> &Facts {
        match self {
            Self::Head(facts) => facts,
            Self::All(response) => &response.facts,
        }
    }

    fn response(&self) -> Option<&Response> {
        match self {
            Self::Head(_) => None,
            Self::All(response) => Some(response),
        }
    }
}

impl HttpResponseRust {
    pub(crate) fn made(known: Known) -> Gd<Self> {
        Gd::from_init_fn(|base| Self { known: Mutex::new(known), _base: base })
    }

    /// Adds what is known now. A complete response does not change.
    pub(crate) fn learn(&self, known: Known) {
        let mut now = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if now.response().is_none() {
            *now = known;
        }
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[godot_api]
impl HttpResponseRust {
    #[func]
    pub(crate) fn get_result(&self) -> ResultValue {
        ResultValue(self.known().response().map_or(ResultCode::Success, |response| response.result).value())
    }

    #[func]
    pub(crate) fn get_response_code(&self) -> i64 {
        self.known().facts().code.into()
    }

    #[func]
    pub(crate) fn get_headers(&self) -> PackedStringArray {
        self.known().facts().headers().iter().map(GString::from).collect()
    }

    #[func]
    fn get_header(&self, name: GString) -> GString {
        GString::from(&self.known().facts().header(&name.to_string()).unwrap_or_default())
    }

    #[func]
    fn get_header_values(&self, name: GString) -> PackedStringArray {
        self.known().facts().header_values(&name.to_string()).iter().map(GString::from).collect()
    }

    #[func]
    pub(crate) fn get_body(&self) -> PackedByteArray {
        self.known().response().map(|response| response.body.give_out()).unwrap_or_default()
    }

    #[func]
    fn get_text(&self) -> GString {
        self.known().response().map(|response| whole_text(&response.text())).unwrap_or_default()
    }

    #[func]
    fn get_json(&self) -> Variant {
        let known = self.known();
        let Some(response) = known.response().filter(|response| !response.body.as_slice().is_empty()) else {
            return Variant::nil();
        };
        // The static method would log invalid JSON as an error, so this uses an object.
        let mut json = Json::new_gd();
        match json.parse(&whole_text(&response.json_text())) {
            GError::OK => json.get_data(),
            _ => Variant::nil(),
        }
    }

    #[func]
    fn is_ok(&self) -> bool {
        self.known().response().is_some_and(Response::is_ok)
    }

    #[func]
    fn get_error_message(&self) -> GString {
        self.known().response().map(|response| GString::from(&response.error)).unwrap_or_default()
    }

    #[func]
    fn get_url(&self) -> GString {
        GString::from(&self.known().facts().url)
    }

    #[func]
    fn get_redirects(&self) -> PackedStringArray {
        self.known().facts().redirects.iter().map(GString::from).collect()
    }

    #[func]
    fn get_attempts(&self) -> i64 {
        self.known().facts().attempts.into()
    }

    #[func]
    fn is_from_cache(&self) -> bool {
        self.known().facts().is_from_cache
    }

    #[func]
    fn get_timings(&self) -> VarDictionary {
        timings_dictionary(&self.known().facts().timings)
    }

    #[func]
    fn get_tls_info(&self) -> VarDictionary {
        self.known().facts().tls.as_deref().map(tls_dictionary).unwrap_or_default()
    }
}

/// Completes the registration of the class, which must be registered already.
pub(crate) fn register() {
    register_enum::<HttpResponseRust>("Result", ALL_RESULTS);
}
