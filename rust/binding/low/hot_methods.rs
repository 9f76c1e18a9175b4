//! Methods that a game calls thousands of times per second. They are registered without the godot crate's cell. One more method
//! is here because it must not borrow the object although it is const.
//!
//! With threads, that crate guards an object with a lock that makes a system call on every release. This costs more than
//! everything else in a `poll()` of an idle connection. The client has its own lock and needs no other, so these methods find it
//! by the address of the object ([`object_registry`](crate::object_registry)). In every other way, they behave like methods with
//! `#[func]`.

use godot::builtin::{GString, PackedByteArray, PackedStringArray, VarDictionary, Variant};
use godot::classes::StreamPeer;
use godot::global::Error as GError;
use godot::meta::ToGodot;
use godot::obj::Gd;
use godot::private::{CallContext, Signature, handle_fallible_ptrcall, handle_fallible_varcall};
use godot::register::info::MethodFlags;
use godot::register::private::method::ClassMethodInfo;
use godot::sys;
use http_client::{Body, Error, ErrorCode, HttpClient, Method, Status};

use crate::call::{error_of, value_of};
use crate::convert::enums::{MethodValue, StatusValue};
use crate::convert::types::{Bytes, SharedBytes, header_dictionary, header_lines};
use crate::low::class::{HttpClientRust, OBJECTS, Shared};

/// Registers a method: its name, flags, arguments, result and body. The last argument can have a default.
macro_rules! method {
    ($name:literal, $flags:expr, ($($argument:ident: $type:ty $(= $default:expr)?),*) -> $result:ty, $work:expr) => {{
        const CONTEXT: CallContext<'static> = CallContext::func(env!("CLASS_NAME"), $name);
        type Arguments = ($($type,)*);

        fn defaults() -> Vec<Variant> {
            vec![$($($default.to_variant())?)*]
        }

        fn call(object: sys::GDExtensionClassInstancePtr, arguments: Arguments) -> $result {
            let work: fn(&Shared, Arguments) -> $result = $work;
            // SAFETY: the engine calls methods of this class only with living objects of this class.
            let shared = unsafe { OBJECTS.shared_of(object, HttpClientRust::remember_address) };
            work(&shared, arguments)
        }

        unsafe extern "C" fn varcall(
            _data: *mut std::ffi::c_void,
            object: sys::GDExtensionClassInstancePtr,
            arguments: *const sys::GDExtensionConstVariantPtr,
            count: sys::GDExtensionInt,
            result: sys::GDExtensionVariantPtr,
            error: *mut sys::GDExtensionCallError,
        ) {
            // SAFETY: the engine passes what its interface promises: an object of this class, and valid pointers.
            unsafe {
                handle_fallible_varcall(&CONTEXT, &mut *error, || {
                    let defaults = defaults();
                    Signature::<Arguments, $result>::in_varcall(
                        object, &CONTEXT, arguments, count, &defaults, result, error, call,
                    )
                });
            }
        }

        unsafe extern "C" fn ptrcall(
            _data: *mut std::ffi::c_void,
            object: sys::GDExtensionClassInstancePtr,
            arguments: *const sys::GDExtensionConstTypePtr,
            result: sys::GDExtensionTypePtr,
        ) {
            handle_fallible_ptrcall(&CONTEXT, || {
                let kind = sys::PtrcallType::Standard;
                // SAFETY: see above.
                unsafe { Signature::<Arguments, $result>::in_ptrcall(object, &CONTEXT, arguments, result, call, kind) }
            });
        }

        // SAFETY: both functions take the registered arguments and return the registered type.
        let info = unsafe {
            ClassMethodInfo::from_signature::<HttpClientRust, Arguments, $result>(
                $name.into(),
                Some(varcall),
                Some(ptrcall),
                $flags,
                &[$(stringify!($argument)),*],
                defaults(),
            )
        };
        info.register_extension_class_method();
    }};
}

/// Registers the methods with the class, which must be registered already.
pub(crate) fn register() {
    let getter = MethodFlags::NORMAL | MethodFlags::CONST;
    method!("poll", MethodFlags::NORMAL, () -> GError, |own, ()| error_of(&*own.client, "poll", || own.client.poll()));
    method!("read_response_body_chunk", MethodFlags::NORMAL, () -> PackedByteArray, |own, ()| {
        value_of(&*own.client, "read_response_body_chunk", PackedByteArray::new(), || {
            own.client.read_chunk().map(|(bytes, status): (Bytes, _)| bytes.give_out(status != Status::Body))
        })
    });
    method!("read_response_body_available", MethodFlags::NORMAL, () -> PackedByteArray, |own, ()| {
        value_of(&*own.client, "read_response_body_available", PackedByteArray::new(), || {
            own.client.read_available().map(|(bytes, status): (Bytes, _)| bytes.give_out(status != Status::Body))
        })
    });
    method!(
        "request",
        MethodFlags::NORMAL,
        (method: MethodValue, url: GString, headers: PackedStringArray, body: GString = GString::new()) -> GError,
        |own, (method, url, headers, body)| {
            error_of(&*own.client, "request", || send(&own.client, method, &url, &headers, Box::new(body.to_string().into_bytes())))
        }
    );
    method!(
        "request_raw",
        MethodFlags::NORMAL,
        (method: MethodValue, url: GString, headers: PackedStringArray, body: PackedByteArray) -> GError,
        |own, (method, url, headers, body)| {
            error_of(&*own.client, "request_raw", || send(&own.client, method, &url, &headers, Box::new(SharedBytes::new(body))))
        }
    );
    method!("get_status", getter, () -> StatusValue, |own, ()| StatusValue(own.client.status() as i64));
    method!("has_response", getter, () -> bool, |own, ()| own.client.has_response());
    method!("is_response_chunked", getter, () -> bool, |own, ()| own.client.is_response_chunked());
    method!("get_response_body_length", getter, () -> i64, |own, ()| own.client.response_body_length());
    method!("get_request_bytes_sent", getter, () -> i64, |own, ()| {
        i64::try_from(own.client.request_bytes_sent()).unwrap_or(i64::MAX)
    });
    method!("get_response_headers", MethodFlags::NORMAL, () -> PackedStringArray, |own, ()| {
        value_of(&*own.client, "get_response_headers", PackedStringArray::new(), || {
            Ok(own.client.response_head().map(|head| header_lines(&head)).unwrap_or_default())
        })
    });
    method!("get_response_headers_as_dictionary", MethodFlags::NORMAL, () -> VarDictionary, |own, ()| {
        value_of(&*own.client, "get_response_headers_as_dictionary", VarDictionary::new(), || {
            Ok(own.client.response_head().map(|head| header_dictionary(&head)).unwrap_or_default())
        })
    });
    method!("get_response_code", getter, () -> i64, |own, ()| own.client.response_code().into());
    method!("get_connection", getter, () -> Option<Gd<StreamPeer>>, |own, ()| {
        value_of(&*own.client, "get_connection", None, || Ok(own.stream()))
    });
}

fn send(
    client: &HttpClient,
    method: MethodValue,
    url: &GString,
    headers: &PackedStringArray,
    body: Body,
) -> Result<(), Error> {
    let Some(known) = Method::from_index(method.0) else {
        let message = format!("there is no method {}; use one of the constants METHOD_GET to METHOD_PATCH", method.0);
        return Err(client.refused(Error { code: ErrorCode::InvalidParameter, message }));
    };
    let headers: Vec<String> = headers.as_slice().iter().map(GString::to_string).collect();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    client.request(known, &url.to_string(), &headers, body)
}
