//! The class `HTTPClientRust`: the API of Godot's `HTTPClient`, member by member.
//!
//! No method borrows the object mutably, since another thread's call would then wait behind it: methods that are not const take
//! `gd_self`, and what changes stands behind the lock of [`HttpClient`].

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use godot::builtin::{GString, PackedStringArray, VarDictionary, Variant, VariantType};
use godot::classes::{Engine, IRefCounted, Os, RefCounted, StreamPeer};
use godot::global::Error as GError;
use godot::meta::ToGodot;
use godot::obj::{Base, Gd, InstanceId, Singleton};
use godot::register::{GodotClass, godot_api};
use http_client::{Error, ErrorCode, HttpClient, QueryString, RawConnection, Settings};

use crate::call::{error_of, value_of};
use crate::certificates::setting;
use crate::convert::{timings_dictionary, tls_dictionary};
use crate::foreign_stream::ForeignStream;
use crate::hot_methods;
use crate::spare;
use crate::stream_class::HttpClientRustStream;
use crate::tls_argument::TlsArgument;

#[derive(GodotClass)]
#[class(tool, base = RefCounted, rename = HTTPClientRust)]
pub(crate) struct HttpClientRust {
    client: Arc<HttpClient>,
    own: Arc<Mutex<Own>>,
}

/// What an object has besides its client. Locked for moments only.
#[derive(Default)]
struct Own {
    trusted_ca_file: GString,
    /// The stream that `get_connection()` gave last, as long as somebody has it.
    stream: Option<InstanceId>,
    /// Where the object lies, once one of the [`hot_methods`] was called.
    address: Option<usize>,
}

impl Drop for HttpClientRust {
    fn drop(&mut self) {
        let address = self.lock_own().address.take();
        address.into_iter().for_each(hot_methods::forget);
        spare::release();
    }
}

#[godot_api]
impl IRefCounted for HttpClientRust {
    fn init(_base: Base<RefCounted>) -> Self {
        let settings = Settings {
            user_agent: user_agent(),
            connect_timeout: seconds(connect_timeout_of_project()),
            ..Settings::default()
        };
        Self { client: Arc::new(HttpClient::new(settings)), own: Arc::default() }
    }
}

#[godot_api]
impl HttpClientRust {
    #[func(gd_self)]
    fn connect_to_host(
        this: Gd<Self>,
        host: GString,
        #[opt(default = -1)] port: i64,
        #[opt(default = TlsArgument::from(false))] use_ssl: TlsArgument,
        #[opt(default = true)] verify_host: bool,
    ) -> GError {
        let client = Self::client(&this);
        let trusted_ca_file = this.bind().get_trusted_ca_file();
        let host = host.to_string();
        error_of("connect_to_host", || {
            let (secure, tls) = use_ssl.read(&host, verify_host, &trusted_ca_file).map_err(|error| {
                // The connection that was open is closed in any case.
                client.close();
                client.refused(error)
            })?;
            client.connect_to_host(&host, port, secure, &tls)
        })
    }

    #[func(gd_self)]
    fn close(this: Gd<Self>) {
        let client = Self::client(&this);
        value_of("close", (), || {
            client.close();
            spare::release();
            Ok(())
        });
    }

    #[func]
    fn get_response_header_values(&self, name: GString) -> PackedStringArray {
        value_of("get_response_header_values", PackedStringArray::new(), || {
            Ok(self.client.response_header_values(&name.to_string()).iter().map(GString::from).collect())
        })
    }

    #[func]
    fn get_response_trailers(&self) -> PackedStringArray {
        value_of("get_response_trailers", PackedStringArray::new(), || {
            Ok(self.client.response_trailers().iter().map(GString::from).collect())
        })
    }

    #[func]
    fn get_error_message(&self) -> GString {
        GString::from(&self.client.error_message())
    }

    #[func(gd_self)]
    fn set_blocking_mode(this: Gd<Self>, enabled: bool) {
        Self::client(&this).set_blocking_mode(enabled);
    }

    #[func]
    fn is_blocking_mode_enabled(&self) -> bool {
        self.client.settings().blocking
    }

    #[func(gd_self)]
    fn set_connection(this: Gd<Self>, connection: Option<Gd<StreamPeer>>) {
        let client = Self::client(&this);
        value_of("set_connection", (), || {
            let Some(peer) = connection else {
                let message = "the connection is null; give a connected StreamPeer".to_owned();
                return Err(client.refused(Error { code: ErrorCode::InvalidParameter, message }));
            };
            if let Ok(own) = peer.clone().try_cast::<HttpClientRustStream>()
                && own.bind().connection().is_some_and(|connection| connection.is_of(&client))
            {
                return Ok(());
            }
            let mut stream = ForeignStream::new(peer);
            let host = stream.host();
            client.set_stream(Box::new(stream), host)
        });
    }

    #[func]
    fn get_connection(&self) -> Option<Gd<StreamPeer>> {
        let connection = RawConnection::of(&self.client)?;
        let known = self.lock_own().stream.and_then(|id| Gd::<HttpClientRustStream>::try_from_instance_id(id).ok());
        if let Some(stream) = known
            && stream.bind().connection().is_some_and(|connection| connection.is_of(&self.client))
        {
            return Some(stream.upcast());
        }
        let stream = HttpClientRustStream::over(connection);
        self.lock_own().stream = Some(stream.instance_id());
        Some(stream.upcast())
    }

    #[func(gd_self)]
    fn set_read_chunk_size(this: Gd<Self>, bytes: i64) {
        let client = Self::client(&this);
        value_of("set_read_chunk_size", (), || client.set_read_chunk_size(bytes));
    }

    #[func]
    fn get_read_chunk_size(&self) -> i64 {
        self.client.settings().read_chunk_size as i64
    }

    #[func(gd_self)]
    fn set_connect_timeout(this: Gd<Self>, seconds: f64) {
        let client = Self::client(&this);
        value_of("set_connect_timeout", (), || {
            let timeout = timeout(seconds).map_err(|error| client.refused(error))?;
            client.set_connect_timeout(timeout);
            Ok(())
        });
    }

    #[func]
    fn get_connect_timeout(&self) -> f64 {
        self.client.settings().connect_timeout.map_or(0.0, |timeout| timeout.as_secs_f64())
    }

    #[func(gd_self)]
    fn set_read_timeout(this: Gd<Self>, seconds: f64) {
        let client = Self::client(&this);
        value_of("set_read_timeout", (), || {
            let timeout = timeout(seconds).map_err(|error| client.refused(error))?;
            client.set_read_timeout(timeout);
            Ok(())
        });
    }

    #[func]
    fn get_read_timeout(&self) -> f64 {
        self.client.settings().read_timeout.map_or(0.0, |timeout| timeout.as_secs_f64())
    }

    #[func(gd_self)]
    fn set_http_proxy(this: Gd<Self>, host: GString, port: i64) {
        let client = Self::client(&this);
        value_of("set_http_proxy", (), || client.set_http_proxy(&host.to_string(), port));
    }

    #[func(gd_self)]
    fn set_https_proxy(this: Gd<Self>, host: GString, port: i64) {
        let client = Self::client(&this);
        value_of("set_https_proxy", (), || client.set_https_proxy(&host.to_string(), port));
    }

    #[func(gd_self)]
    fn set_proxy_from_environment(this: Gd<Self>) {
        let client = Self::client(&this);
        value_of("set_proxy_from_environment", (), || client.set_proxy_from_environment());
    }

    #[func(gd_self)]
    fn set_trusted_ca_file(this: Gd<Self>, path: GString) {
        this.bind().lock_own().trusted_ca_file = path;
    }

    #[func]
    fn get_trusted_ca_file(&self) -> GString {
        self.lock_own().trusted_ca_file.clone()
    }

    #[func]
    fn get_timings(&self) -> VarDictionary {
        timings_dictionary(&self.client.timings())
    }

    #[func]
    fn get_tls_info(&self) -> VarDictionary {
        self.client.tls_info().map(|info| tls_dictionary(&info)).unwrap_or_default()
    }

    #[func(gd_self)]
    fn query_string_from_dict(_this: Gd<Self>, fields: VarDictionary) -> GString {
        value_of("query_string_from_dict", GString::new(), || Ok(GString::from(&query_string(&fields))))
    }

    /// Notes where the object lies, so that it can be forgotten there. Gives the client.
    pub(crate) fn remember_address(&self, address: usize) -> Arc<HttpClient> {
        self.lock_own().address = Some(address);
        self.client.clone()
    }

    fn lock_own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client itself, so that the object is not borrowed while it works.
    fn client(this: &Gd<Self>) -> Arc<HttpClient> {
        this.bind().client.clone()
    }
}

fn query_string(fields: &VarDictionary) -> String {
    let mut query = QueryString::default();
    for (key, value) in fields.iter_shared() {
        let key = key.stringify().to_string();
        match value.get_type() {
            VariantType::NIL => query.append(&key, None),
            VariantType::ARRAY => {
                for element in value.to::<godot::builtin::AnyArray>().iter_shared() {
                    query.append(&key, Some(&element.stringify().to_string()));
                }
            }
            _ => query.append(&key, Some(&value.stringify().to_string())),
        }
    }
    query.finish()
}

/// A timeout in seconds, where 0 is none.
fn timeout(given: f64) -> Result<Option<Duration>, Error> {
    if given >= 0.0 && Duration::try_from_secs_f64(given).is_ok() {
        return Ok(seconds(given));
    }
    let message = format!("a timeout of {given} s is not possible; give 0 for none, or more");
    Err(Error { code: ErrorCode::InvalidParameter, message })
}

fn seconds(given: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(given).ok().filter(|timeout| !timeout.is_zero())
}

fn connect_timeout_of_project() -> f64 {
    setting("network/limits/tcp/connect_timeout_seconds").try_to::<i64>().map_or(30.0, |seconds| seconds as f64)
}

/// The engine's own `User-Agent`, such as `GodotEngine/4.6.3.stable.official (Linux)`.
fn user_agent() -> Arc<str> {
    static USER_AGENT: OnceLock<Arc<str>> = OnceLock::new();
    let build = || {
        let version = Engine::singleton().get_version_info();
        let part = |key: &str| version.get(&key.to_variant()).unwrap_or(Variant::nil()).stringify();
        let patch = match part("patch").to_string().as_str() {
            "0" => String::new(),
            patch => format!(".{patch}"),
        };
        let system = Os::singleton().get_name();
        let (major, minor, status, build) = (part("major"), part("minor"), part("status"), part("build"));
        format!("GodotEngine/{major}.{minor}{patch}.{status}.{build} ({system})").into()
    };
    USER_AGENT.get_or_init(build).clone()
}
