//! The trusted certificates that a script or a project setting names, as PEM text.

use godot::builtin::{GString, Variant};
use godot::classes::{FileAccess, ProjectSettings, X509Certificate};
use godot::meta::ToGodot;
use godot::obj::{Gd, Singleton};
use http_client::{Error, ErrorCode, Trust};

/// The first line of every certificate.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// The certificates in an `X509Certificate`.
///
/// The engine saves a chain of several certificates as copies of the first one. If the chain was loaded from a file, this
/// function reads the file instead. Such copies from another source give an error.
pub(crate) fn of_chain(chain: &Gd<X509Certificate>) -> Result<Trust, Error> {
    let path = chain.get_path();
    if !path.is_empty() && FileAccess::file_exists(&path) {
        return of_file(&path);
    }
    // The oldest supported engine does not have this method, so it is called by name.
    let text = chain.clone().try_call("save_to_string", &[]);
    let text = text.map_err(|_| invalid("the trusted certificate has a save_to_string() that cannot be called"))?;
    let text = text.stringify().to_string();
    // The engine saves an X509Certificate without content as an empty block.
    let mut blocks = text.split(BEGIN).skip(1).filter(|block| !block.trim_start().starts_with("-----END"));
    match (blocks.next(), blocks.next()) {
        (None, _) => Err(invalid("the trusted certificate in the TLSOptions is empty; load one into it first")),
        (Some(_), None) => Ok(Trust::Pem(text.into_bytes().into())),
        (Some(first), Some(second)) if first.trim() != second.trim() => Ok(Trust::Pem(text.into_bytes().into())),
        (Some(_), Some(_)) => Err(invalid(
            "the TLSOptions contain a chain of several trusted certificates, but the engine returns only the first \
             one; load() it from a \
             .crt file in the project, or set trusted_ca_file to its path",
        )),
    }
}

/// The certificates in a PEM file.
pub(crate) fn of_file(path: &GString) -> Result<Trust, Error> {
    let cannot_open = |why: &str| Error {
        code: ErrorCode::FileCantOpen,
        message: format!("the trusted certificates in {:?} {why}; check the path", path.to_string()),
    };
    if !FileAccess::file_exists(path) {
        return Err(cannot_open("do not exist"));
    }
    let bytes = FileAccess::get_file_as_bytes(path);
    if bytes.is_empty() {
        return Err(cannot_open("cannot be read, or the file is empty"));
    }
    Ok(Trust::Pem(bytes.as_slice().into()))
}

/// The certificates that the project trusts instead of those of the system, if it names any.
pub(crate) fn chosen_by_project() -> Result<Trust, Error> {
    let path = setting("network/tls/certificate_bundle_override").try_to::<GString>().unwrap_or_default();
    if path.is_empty() { Ok(Trust::System) } else { of_file(&path) }
}

/// Whether the project disables TLS 1.3.
pub(crate) fn is_tls13_disabled() -> bool {
    setting("network/tls/enable_tls_v1.3").try_to::<bool>().is_ok_and(|enabled| !enabled)
}

/// Whether the project disables the hybrid key exchange. This setting belongs to the add-on.
pub(crate) fn is_hybrid_disabled() -> bool {
    setting("network/tls/enable_hybrid_key_exchange").try_to::<bool>().is_ok_and(|enabled| !enabled)
}

/// A project setting, or nil if this engine does not know it.
pub(crate) fn setting(name: &str) -> Variant {
    ProjectSettings::singleton().get_setting_ex(name).default_value(&Variant::nil().to_variant()).done()
}

fn invalid(message: &str) -> Error {
    Error { code: ErrorCode::InvalidParameter, message: message.to_owned() }
}
