//! The enums and argument types of these classes, as scripts see them.

use godot::builtin::{PackedByteArray, PackedStringArray, Variant};
use godot::meta::conv::ByValue;
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, GodotImmutable, ToGodot};

use crate::convert::enums::script_enum;

script_enum!(
    /// A value of `HTTPResponseRust.Result`.
    ResultValue,
    "HTTPResponseRust.Result"
);
script_enum!(
    /// A value of `HTTPSessionRust.ReplayMode`, or any other integer.
    ReplayModeValue,
    "HTTPSessionRust.ReplayMode"
);
script_enum!(
    /// A value of the engine's `HTTPClient.Method`, or any other integer.
    EngineMethod,
    "HTTPClient.Method"
);
script_enum!(
    /// A value of the engine's `HTTPClient.Status`.
    EngineStatus,
    "HTTPClient.Status"
);

// SAFETY: an integer cannot be mutated and shares no memory.
unsafe impl GodotImmutable for EngineMethod {}

/// Names and values of the engine's own results, sorted by value.
pub(crate) const ENGINE_RESULTS: &[(&str, i64)] = ALL_RESULTS.split_at(14).0;

/// Names and values, sorted by value.
pub(crate) const ALL_RESULTS: &[(&str, i64)] = &[
    ("RESULT_SUCCESS", 0),
    ("RESULT_CHUNKED_BODY_SIZE_MISMATCH", 1),
    ("RESULT_CANT_CONNECT", 2),
    ("RESULT_CANT_RESOLVE", 3),
    ("RESULT_CONNECTION_ERROR", 4),
    ("RESULT_TLS_HANDSHAKE_ERROR", 5),
    ("RESULT_NO_RESPONSE", 6),
    ("RESULT_BODY_SIZE_LIMIT_EXCEEDED", 7),
    ("RESULT_BODY_DECOMPRESS_FAILED", 8),
    ("RESULT_REQUEST_FAILED", 9),
    ("RESULT_DOWNLOAD_FILE_CANT_OPEN", 10),
    ("RESULT_DOWNLOAD_FILE_WRITE_ERROR", 11),
    ("RESULT_REDIRECT_LIMIT_REACHED", 12),
    ("RESULT_TIMEOUT", 13),
    ("RESULT_CANCELLED", 100),
    ("RESULT_INVALID_REQUEST", 101),
    ("RESULT_REPLAY_MISS", 102),
];

/// Names and values, sorted by value.
pub(crate) const REPLAY_MODES: &[(&str, i64)] = &[("REPLAY_OFF", 0), ("REPLAY_RECORD", 1), ("REPLAY_ONLY", 2)];

/// Creates a newtype of one of the engine's types that can be a default value.
macro_rules! argument {
    ($(#[$doc:meta])* $name:ident, $of:ty, $shape:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub(crate) struct $name(pub(crate) $of);

        impl GodotConvert for $name {
            type Via = $of;

            fn godot_shape() -> GodotShape {
                $shape
            }
        }

        impl FromGodot for $name {
            fn try_from_godot(via: $of) -> Result<Self, ConvertError> {
                Ok(Self(via))
            }
        }

        impl ToGodot for $name {
            type Pass = ByValue;

            fn to_godot(&self) -> $of {
                self.0.clone()
            }
        }

        // SAFETY: the only default value is empty, and a writer copies it first.
        unsafe impl GodotImmutable for $name {}
    };
}

argument!(
    /// Header lines; none by default.
    HeaderLines,
    PackedStringArray,
    PackedStringArray::godot_shape()
);
argument!(
    /// Bytes; none by default.
    RawBody,
    PackedByteArray,
    PackedByteArray::godot_shape()
);
argument!(
    /// A value of any type; null by default.
    AnyValue,
    Variant,
    GodotShape::Variant
);

impl HeaderLines {
    /// The lines in the form that the worker needs.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.as_slice().iter().map(ToString::to_string).collect()
    }
}
