//! The third argument of `connect_to_host`: the bool `use_ssl` of older engines, or the `TLSOptions` of current ones.

use godot::builtin::{GString, Variant};
use godot::classes::TlsOptions as GodotTlsOptions;
use godot::meta::error::ConvertError;
use godot::meta::shape::GodotShape;
use godot::meta::{FromGodot, GodotConvert, GodotImmutable, ToGodot};
use godot::obj::Gd;
use http_client::{Error, ErrorCode, TlsOptions, Verify};

use crate::convert::certificates::{chosen_by_project, is_hybrid_disabled, is_tls13_disabled, of_chain, of_file};

/// A value of any type. [`read`](Self::read) interprets it.
#[derive(Clone, Debug)]
pub(crate) struct TlsArgument(Variant);

impl TlsArgument {
    /// TLS with these options, or with those of the project.
    pub(crate) fn of(options: Option<Gd<GodotTlsOptions>>) -> Self {
        Self(options.map_or_else(|| true.to_variant(), |options| options.to_variant()))
    }

    /// Whether the connection to this host uses TLS, and the options for it. A host that starts with `https://` also turns TLS
    /// on. `verify_host` only counts if the argument is a bool.
    pub(crate) fn read(
        &self,
        host: &str,
        verify_host: bool,
        trusted_ca_file: &GString,
    ) -> Result<(bool, TlsOptions), Error> {
        let (secure, given) = if self.0.is_nil() {
            (false, None)
        } else if let Ok(use_ssl) = self.0.try_to::<bool>() {
            (use_ssl, None)
        } else if let Ok(options) = self.0.try_to::<Gd<GodotTlsOptions>>() {
            (true, Some(options))
        } else {
            let message = format!("the third argument must be a bool, TLSOptions or null, not {}", self.0.stringify());
            return Err(Error { code: ErrorCode::InvalidParameter, message });
        };
        let is_https = host.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
        if !secure && !is_https {
            return Ok((false, TlsOptions::default()));
        }
        let mut tls = TlsOptions {
            without_tls13: is_tls13_disabled(),
            without_hybrid: is_hybrid_disabled(),
            ..TlsOptions::default()
        };
        let chain = match &given {
            None => {
                tls.verify = if verify_host { Verify::Full } else { Verify::Nothing };
                None
            }
            Some(options) if options.is_server() => {
                let message = "the TLSOptions are for a server; create them with TLSOptions.client()".to_owned();
                return Err(Error { code: ErrorCode::InvalidParameter, message });
            }
            Some(options) => {
                let chain = options.get_trusted_ca_chain();
                tls.name = Some(options.get_common_name_override().to_string()).filter(|name| !name.is_empty());
                tls.verify = match (options.is_unsafe_client(), &chain) {
                    (false, _) => Verify::Full,
                    (true, Some(_)) => Verify::ChainOnly,
                    (true, None) => Verify::Nothing,
                };
                chain
            }
        };
        if tls.verify != Verify::Nothing {
            tls.trust = match chain {
                Some(chain) => of_chain(&chain)?,
                None if !trusted_ca_file.is_empty() => of_file(trusted_ca_file)?,
                None => chosen_by_project()?,
            };
        }
        Ok((secure, tls))
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
    fn try_from_godot(via: Variant) -> Result<Self, ConvertError> {
        Ok(Self(via))
    }
}

impl ToGodot for TlsArgument {
    type Pass = godot::meta::conv::ByValue;

    fn to_godot(&self) -> Variant {
        self.0.clone()
    }
}

// SAFETY: the only default value is a bool, which cannot be mutated and shares no memory.
unsafe impl GodotImmutable for TlsArgument {}
