//! The third argument of `connect_to_host`: `use_ssl` of the old reference, or `TLSOptions` of today's engine.

use godot::builtin::Variant;
use godot::classes::TlsOptions;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, GodotImmutable, ToGodot};
use godot::obj::Gd;
use http_client::{Error, ErrorCode};

/// A value of any type; [`read`](Self::read) says what it means.
#[derive(Clone, Debug)]
pub(crate) struct TlsArgument(Variant);

/// What the script wants of TLS.
pub(crate) enum TlsWish {
    /// None, unless the host begins with `https://`.
    No,
    /// With the usual checks of the server's certificate.
    Yes,
    /// As the options say.
    Options(#[expect(dead_code, reason = "TLS comes next")] Gd<TlsOptions>),
}

impl TlsArgument {
    pub(crate) fn read(&self) -> Result<TlsWish, Error> {
        if self.0.is_nil() {
            return Ok(TlsWish::No);
        }
        if let Ok(use_ssl) = self.0.try_to::<bool>() {
            return Ok(if use_ssl { TlsWish::Yes } else { TlsWish::No });
        }
        if let Ok(options) = self.0.try_to::<Gd<TlsOptions>>() {
            return Ok(TlsWish::Options(options));
        }
        let given = self.0.stringify();
        let message = format!("the third argument must be a bool, TLSOptions or null, not {given}");
        Err(Error { code: ErrorCode::InvalidParameter, message })
    }
}

impl From<bool> for TlsArgument {
    fn from(use_ssl: bool) -> Self {
        Self(use_ssl.to_variant())
    }
}

impl GodotConvert for TlsArgument {
    type Via = Variant;

    fn godot_shape() -> GodotShape {
        GodotShape::Variant
    }
}

impl FromGodot for TlsArgument {
    fn try_from_godot(via: Variant) -> Result<Self, godot::meta::error::ConvertError> {
        Ok(Self(via))
    }
}

impl ToGodot for TlsArgument {
    type Pass = godot::meta::conv::ByValue;

    fn to_godot(&self) -> Variant {
        self.0.clone()
    }
}

// SAFETY: the only default value is a bool, which has nothing to mutate or share.
unsafe impl GodotImmutable for TlsArgument {}
