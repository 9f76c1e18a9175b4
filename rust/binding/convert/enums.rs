//! The enums of the class, as scripts see them: `HTTPClientRust.Method`, `.Status` and `.ResponseCode`.

use std::borrow::Cow;

use godot::builtin::VariantType;
use godot::meta::conv::ByValue;
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, ToGodot};

/// Creates a newtype of an integer that scripts see as one of the enums. It accepts every integer. Later code checks whether the
/// enum has the value, where an error message is possible.
macro_rules! script_enum {
    ($(#[$doc:meta])* $name:ident, $script_name:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $name(pub(crate) i64);

        impl GodotConvert for $name {
            type Via = i64;

            fn godot_shape() -> GodotShape {
                $crate::convert::enums::shape_of_enum($script_name)
            }
        }

        impl FromGodot for $name {
            fn try_from_godot(via: i64) -> Result<Self, ConvertError> {
                Ok(Self(via))
            }
        }

        impl ToGodot for $name {
            type Pass = ByValue;

            fn to_godot(&self) -> i64 {
                self.0
            }
        }
    };
}

pub(crate) use script_enum;

pub(crate) fn shape_of_enum(script_name: &'static str) -> GodotShape {
    GodotShape::Enum {
        variant_type: VariantType::INT,
        enumerators: Cow::Borrowed(&[]),
        godot_name: Some(Cow::Borrowed(script_name)),
        is_bitfield: false,
    }
}

script_enum!(
    /// A value of `HTTPClientRust.Method`, or any other integer.
    MethodValue,
    concat!(env!("CLASS_NAME"), ".Method")
);
script_enum!(
    /// A value of `HTTPClientRust.Status`.
    StatusValue,
    concat!(env!("CLASS_NAME"), ".Status")
);

/// Names and values, sorted by value.
pub(crate) const METHODS: &[(&str, i64)] = &[
    ("METHOD_GET", 0),
    ("METHOD_HEAD", 1),
    ("METHOD_POST", 2),
    ("METHOD_PUT", 3),
    ("METHOD_DELETE", 4),
    ("METHOD_OPTIONS", 5),
    ("METHOD_TRACE", 6),
    ("METHOD_CONNECT", 7),
    ("METHOD_PATCH", 8),
    ("METHOD_MAX", 9),
];

/// Names and values, sorted by value.
pub(crate) const STATUSES: &[(&str, i64)] = &[
    ("STATUS_DISCONNECTED", 0),
    ("STATUS_RESOLVING", 1),
    ("STATUS_CANT_RESOLVE", 2),
    ("STATUS_CONNECTING", 3),
    ("STATUS_CANT_CONNECT", 4),
    ("STATUS_CONNECTED", 5),
    ("STATUS_REQUESTING", 6),
    ("STATUS_BODY", 7),
    ("STATUS_CONNECTION_ERROR", 8),
    ("STATUS_TLS_HANDSHAKE_ERROR", 9),
    ("STATUS_SSL_HANDSHAKE_ERROR", 9),
];

/// Names and values, sorted by value.
pub(crate) const RESPONSE_CODES: &[(&str, i64)] = &[
    ("RESPONSE_CONTINUE", 100),
    ("RESPONSE_SWITCHING_PROTOCOLS", 101),
    ("RESPONSE_PROCESSING", 102),
    ("RESPONSE_OK", 200),
    ("RESPONSE_CREATED", 201),
    ("RESPONSE_ACCEPTED", 202),
    ("RESPONSE_NON_AUTHORITATIVE_INFORMATION", 203),
    ("RESPONSE_NO_CONTENT", 204),
    ("RESPONSE_RESET_CONTENT", 205),
    ("RESPONSE_PARTIAL_CONTENT", 206),
    ("RESPONSE_MULTI_STATUS", 207),
    ("RESPONSE_ALREADY_REPORTED", 208),
    ("RESPONSE_IM_USED", 226),
    ("RESPONSE_MULTIPLE_CHOICES", 300),
    ("RESPONSE_MOVED_PERMANENTLY", 301),
    ("RESPONSE_FOUND", 302),
    ("RESPONSE_SEE_OTHER", 303),
    ("RESPONSE_NOT_MODIFIED", 304),
    ("RESPONSE_USE_PROXY", 305),
    ("RESPONSE_SWITCH_PROXY", 306),
    ("RESPONSE_TEMPORARY_REDIRECT", 307),
    ("RESPONSE_PERMANENT_REDIRECT", 308),
    ("RESPONSE_BAD_REQUEST", 400),
    ("RESPONSE_UNAUTHORIZED", 401),
    ("RESPONSE_PAYMENT_REQUIRED", 402),
    ("RESPONSE_FORBIDDEN", 403),
    ("RESPONSE_NOT_FOUND", 404),
    ("RESPONSE_METHOD_NOT_ALLOWED", 405),
    ("RESPONSE_NOT_ACCEPTABLE", 406),
    ("RESPONSE_PROXY_AUTHENTICATION_REQUIRED", 407),
    ("RESPONSE_REQUEST_TIMEOUT", 408),
    ("RESPONSE_CONFLICT", 409),
    ("RESPONSE_GONE", 410),
    ("RESPONSE_LENGTH_REQUIRED", 411),
    ("RESPONSE_PRECONDITION_FAILED", 412),
    ("RESPONSE_REQUEST_ENTITY_TOO_LARGE", 413),
    ("RESPONSE_REQUEST_URI_TOO_LONG", 414),
    ("RESPONSE_UNSUPPORTED_MEDIA_TYPE", 415),
    ("RESPONSE_REQUESTED_RANGE_NOT_SATISFIABLE", 416),
    ("RESPONSE_EXPECTATION_FAILED", 417),
    ("RESPONSE_IM_A_TEAPOT", 418),
    ("RESPONSE_MISDIRECTED_REQUEST", 421),
    ("RESPONSE_UNPROCESSABLE_ENTITY", 422),
    ("RESPONSE_LOCKED", 423),
    ("RESPONSE_FAILED_DEPENDENCY", 424),
    ("RESPONSE_UPGRADE_REQUIRED", 426),
    ("RESPONSE_PRECONDITION_REQUIRED", 428),
    ("RESPONSE_TOO_MANY_REQUESTS", 429),
    ("RESPONSE_REQUEST_HEADER_FIELDS_TOO_LARGE", 431),
    ("RESPONSE_UNAVAILABLE_FOR_LEGAL_REASONS", 451),
    ("RESPONSE_INTERNAL_SERVER_ERROR", 500),
    ("RESPONSE_NOT_IMPLEMENTED", 501),
    ("RESPONSE_BAD_GATEWAY", 502),
    ("RESPONSE_SERVICE_UNAVAILABLE", 503),
    ("RESPONSE_GATEWAY_TIMEOUT", 504),
    ("RESPONSE_HTTP_VERSION_NOT_SUPPORTED", 505),
    ("RESPONSE_VARIANT_ALSO_NEGOTIATES", 506),
    ("RESPONSE_INSUFFICIENT_STORAGE", 507),
    ("RESPONSE_LOOP_DETECTED", 508),
    ("RESPONSE_NOT_EXTENDED", 510),
    ("RESPONSE_NETWORK_AUTH_REQUIRED", 511),
];
