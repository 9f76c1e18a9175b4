//! The class `HTTPClientRust`: the API of Godot's `HTTPClient`, member by member.
//!
//! No method borrows the object mutably, because a call on another thread would have to wait for it. Methods that are not const
//! take `gd_self`, and the lock of [`HttpClient`] protects all mutable state.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use godot::builtin::{GString, PackedStringArray, VarDictionary, Variant, VariantType};
use godot::classes::{Engine, IRefCounted, Os, RefCounted, StreamPeer, StreamPeerTls};
use godot::global::Error as GError;
use godot::meta::ToGodot;
use godot::obj::{Base, Gd, Singleton};
use godot::register::info::{PropertyHint, PropertyHintInfo, PropertyUsageFlags};
use godot::register::{GodotClass, godot_api};
use http_client::{Error, ErrorCode, HttpClient, QueryString, RawConnection, Settings};

use crate::call::{error_of, value_of};
use crate::convert::certificates::setting;
use crate::convert::enums::{METHODS, RESPONSE_CODES, STATUSES};
use crate::convert::spare;
use crate::convert::tls_argument::TlsArgument;
use crate::convert::types::{timings_dictionary, tls_dictionary};
use crate::held::Lasting;
use crate::low::foreign_stream::ForeignStream;
use crate::low::stream_class::HttpClientRustStream;
use crate::object_registry::ObjectRegistry;
use crate::registration::{hint, register_enum, register_property};

/// The objects on which a hot method was called.
pub(crate) static OBJECTS: ObjectRegistry<Shared> = ObjectRegistry::new();

#[derive(GodotClass)]
#[cfg_attr(not(feature = "engine-names"), class(tool, base = RefCounted, rename = HTTPClientRust))]
#[cfg_attr(feature = "engine-names", class(tool, base = RefCounted, rename = HTTPClient))]
pub(crate) struct HttpClientRust {
    shared: Arc<Shared>,
}

/// The state that an object shares with the calls on it. A call borrows the object only while it takes this state.
pub(crate) struct Shared {
    pub(crate) client: Arc<HttpClient>,
    own: Mutex<Own>,
}

/// The state of an object besides its client. Locked only for moments. While it is locked, nothing is called, and no value is
/// dropped that could run code of a script.
#[derive(Default)]
struct Own {
    trusted_ca_file: Lasting<GString>,
    /// The last stream that `get_connection()` returned, and its connection. It is kept as long as the client has that
    /// connection, so that every caller gets the same object.
    stream: Option<(RawConnection, Lasting<Gd<HttpClientRustStream>>)>,
    /// The address of the object, once one of the hot methods was called.
    address: Option<usize>,
}

// SAFETY: the text and the stream have atomic reference counts and are only cloned and dropped, and only one thread at a time has
// the lock.
unsafe impl Send for Own {}

impl Shared {
    /// The open connection as a stream. Returns the same object every time.
    pub(crate) fn stream(&self) -> Option<Gd<StreamPeer>> {
        let connection = RawConnection::of(&self.client)?;
        let known =
            |own: &Own| own.stream.as_ref().filter(|(of, _)| *of == connection).map(|(_, stream)| (**stream).clone());
        let found = known(&self.lock_own());
        if let Some(stream) = found {
            return Some(stream.upcast());
        }
        let made = HttpClientRustStream::over(connection.clone());
        let mut own = self.lock_own();
        // Another thread may have created the stream in the meantime. The unused one is dropped after the lock.
        if let Some(stream) = known(&own) {
            drop(own);
            return Some(stream.upcast());
        }
        let last = own.stream.replace((connection.clone(), made.clone().into()));
        drop(own);
        drop(last);
        Some(made.upcast())
    }

    /// Drops the stream, unless the client still has its connection.
    fn forget_stream(&self) {
        let mut own = self.lock_own();
        let over = own.stream.take_if(|(connection, _)| !connection.is_of(&self.client));
        drop(own);
        drop(over);
    }

    fn lock_own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HttpClientRust {
    fn drop(&mut self) {
        let address = self.shared.lock_own().address.take();
        address.into_iter().for_each(|address| OBJECTS.forget(address));
        spare::release();
    }
}

#[godot_api]
impl IRefCounted for HttpClientRust {
    fn init(_base: Base<RefCounted>) -> Self {
        let client = Arc::new(HttpClient::new(first_settings()));
        Self { shared: Arc::new(Shared { client, own: Mutex::default() }) }
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
        let own = Self::shared(&this);
        let client = &own.client;
        let trusted_ca_file = own.lock_own().trusted_ca_file.clone();
        let host = host.to_string();
        let opened = error_of(&**client, "connect_to_host", || {
            let (secure, tls) = use_ssl.read(&host, verify_host, &trusted_ca_file).map_err(|error| {
                // A failed call closes the open connection too.
                client.close();
                client.refused(error)
            })?;
            client.connect_to_host(&host, port, secure, &tls)
        });
        own.forget_stream();
        opened
    }

    #[func(gd_self)]
    fn close(this: Gd<Self>) {
        let own = Self::shared(&this);
        value_of(&*own.client, "close", (), || {
            own.client.close();
            own.forget_stream();
            spare::release();
            Ok(())
        });
    }

    #[func]
    fn get_response_header_values(&self, name: GString) -> PackedStringArray {
        value_of(self.client(), "get_response_header_values", PackedStringArray::new(), || {
            Ok(self.client().response_header_values(&name.to_string()).iter().map(GString::from).collect())
        })
    }

    #[func]
    fn get_response_trailers(&self) -> PackedStringArray {
        value_of(self.client(), "get_response_trailers", PackedStringArray::new(), || {
            Ok(self.client().response_trailers().iter().map(GString::from).collect())
        })
    }

    #[func]
    fn get_error_message(&self) -> GString {
        GString::from(&self.client().error_message())
    }

    #[func(gd_self)]
    fn set_blocking_mode(this: Gd<Self>, enabled: bool) {
        Self::client_of(&this).set_blocking_mode(enabled);
    }

    #[func]
    fn is_blocking_mode_enabled(&self) -> bool {
        self.client().settings().blocking
    }

    #[func(gd_self)]
    fn set_connection(this: Gd<Self>, connection: Option<Gd<StreamPeer>>) {
        let own = Self::shared(&this);
        let client = &own.client;
        value_of(&**client, "set_connection", (), || {
            let refused = |message: &str| {
                client.refused(Error { code: ErrorCode::InvalidParameter, message: message.to_owned() })
            };
            let Some(peer) = connection else {
                return Err(refused("the connection is null; use a connected StreamPeer"));
            };
            let is_own = peer.is_class("HTTPClientRustStream");
            let below = connection_below(&peer).map_err(|error| client.refused(error))?;
            if below.as_ref().is_some_and(|below| below.is_of(client)) {
                return if is_own {
                    Ok(())
                } else {
                    Err(refused(
                        "the stream uses this client's own connection, which would be closed; assign it to another client",
                    ))
                };
            }
            let mut stream = ForeignStream::new(peer);
            let host = stream.host();
            match below {
                Some(below) => client.set_stream_over(Box::new(stream), host, &below)?,
                None => client.set_stream(Box::new(stream), host)?,
            }
            own.forget_stream();
            Ok(())
        });
    }

    #[func(gd_self)]
    fn set_read_chunk_size(this: Gd<Self>, bytes: i64) {
        let client = Self::client_of(&this);
        value_of(&*client, "set_read_chunk_size", (), || client.set_read_chunk_size(bytes));
    }

    #[func]
    fn get_read_chunk_size(&self) -> i64 {
        self.client().settings().read_chunk_size as i64
    }

    #[func(gd_self)]
    fn set_connect_timeout(this: Gd<Self>, seconds: f64) {
        let client = Self::client_of(&this);
        value_of(&*client, "set_connect_timeout", (), || {
            let timeout = timeout(seconds).map_err(|error| client.refused(error))?;
            client.set_connect_timeout(timeout);
            Ok(())
        });
    }

    #[func]
    fn get_connect_timeout(&self) -> f64 {
        self.client().settings().connect_timeout.map_or(0.0, |timeout| timeout.as_secs_f64())
    }

    #[func(gd_self)]
    fn set_read_timeout(this: Gd<Self>, seconds: f64) {
        let client = Self::client_of(&this);
        value_of(&*client, "set_read_timeout", (), || {
            let timeout = timeout(seconds).map_err(|error| client.refused(error))?;
            client.set_read_timeout(timeout);
            Ok(())
        });
    }

    #[func]
    fn get_read_timeout(&self) -> f64 {
        self.client().settings().read_timeout.map_or(0.0, |timeout| timeout.as_secs_f64())
    }

    #[func(gd_self)]
    fn set_http_proxy(this: Gd<Self>, host: GString, port: i64) {
        let client = Self::client_of(&this);
        value_of(&*client, "set_http_proxy", (), || client.set_http_proxy(&host.to_string(), port));
    }

    #[func(gd_self)]
    fn set_https_proxy(this: Gd<Self>, host: GString, port: i64) {
        let client = Self::client_of(&this);
        value_of(&*client, "set_https_proxy", (), || client.set_https_proxy(&host.to_string(), port));
    }

    #[func(gd_self)]
    fn set_proxy_from_environment(this: Gd<Self>) {
        let client = Self::client_of(&this);
        value_of(&*client, "set_proxy_from_environment", (), || client.set_proxy_from_environment());
    }

    #[func(gd_self)]
    fn set_trusted_ca_file(this: Gd<Self>, path: GString) {
        let own = Self::shared(&this);
        own.lock_own().trusted_ca_file = path.into();
    }

    #[func]
    fn get_trusted_ca_file(&self) -> GString {
        self.shared.lock_own().trusted_ca_file.clone()
    }

    #[func]
    fn get_timings(&self) -> VarDictionary {
        timings_dictionary(&self.client().timings())
    }

    #[func]
    fn get_tls_info(&self) -> VarDictionary {
        self.client().tls_info().map(|info| tls_dictionary(&info)).unwrap_or_default()
    }

    #[func(gd_self)]
    fn query_string_from_dict(_this: Gd<Self>, fields: VarDictionary) -> GString {
        value_of(None, "query_string_from_dict", GString::new(), || Ok(GString::from(&query_string(&fields))))
    }

    /// Stores the object's address, so that the registry can remove the object later.
    pub(crate) fn remember_address(&self, address: usize) -> Arc<Shared> {
        self.shared.lock_own().address = Some(address);
        self.shared.clone()
    }

    fn client(&self) -> &HttpClient {
        &self.shared.client
    }

    /// The shared state, so that the object is not borrowed during a call.
    fn shared(this: &Gd<Self>) -> Arc<Shared> {
        this.bind().shared.clone()
    }

    fn client_of(this: &Gd<Self>) -> Arc<HttpClient> {
        this.bind().shared.client.clone()
    }
}

/// Completes the registration of the class, which must be registered already, and adds its hot methods.
pub(crate) fn register() {
    register_enum::<HttpClientRust>("Method", METHODS);
    register_enum::<HttpClientRust>("Status", STATUSES);
    register_enum::<HttpClientRust>("ResponseCode", RESPONSE_CODES);

    let none = PropertyHintInfo::none;
    let default = PropertyUsageFlags::DEFAULT;
    let blocking = ["is_blocking_mode_enabled", "set_blocking_mode"];
    register_property::<HttpClientRust, bool>("blocking_mode_enabled", blocking, none(), default);
    let stream = hint(PropertyHint::RESOURCE_TYPE, "StreamPeer");
    let methods = ["get_connection", "set_connection"];
    register_property::<HttpClientRust, Option<Gd<StreamPeer>>>(
        "connection",
        methods,
        stream,
        PropertyUsageFlags::NONE,
    );
    let sizes = hint(PropertyHint::RANGE, "256,16777216");
    let methods = ["get_read_chunk_size", "set_read_chunk_size"];
    register_property::<HttpClientRust, i64>("read_chunk_size", methods, sizes, default);
    let methods = ["get_connect_timeout", "set_connect_timeout"];
    register_property::<HttpClientRust, f64>("connect_timeout", methods, none(), default);
    let methods = ["get_read_timeout", "set_read_timeout"];
    register_property::<HttpClientRust, f64>("read_timeout", methods, none(), default);
    let file = hint(PropertyHint::FILE, "*.pem,*.crt");
    let methods = ["get_trusted_ca_file", "set_trusted_ca_file"];
    register_property::<HttpClientRust, GString>("trusted_ca_file", methods, file, default);
}

/// The client's connection that a stream represents, or on which it is built with the engine's TLS in between. Returns an error
/// for too many layers, because the stream below could then be any client, or the stream itself.
fn connection_below(peer: &Gd<StreamPeer>) -> Result<Option<RawConnection>, Error> {
    let mut peer = peer.clone();
    for _ in 0..=RawConnection::DEEPEST {
        let tls = match peer.try_cast::<HttpClientRustStream>() {
            Ok(stream) => return Ok(stream.bind().connection().cloned()),
            Err(peer) => peer.try_cast::<StreamPeerTls>(),
        };
        let Some(below) = tls.ok().and_then(|tls| tls.get_stream()) else { return Ok(None) };
        peer = below;
    }
    let most = RawConnection::DEEPEST;
    let message = format!("more than {most} StreamPeerTLS are chained; connect to the server directly");
    Err(Error { code: ErrorCode::InvalidParameter, message })
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

/// A timeout in seconds. 0 means none.
pub(crate) fn timeout(given: f64) -> Result<Option<Duration>, Error> {
    if given >= 0.0 && Duration::try_from_secs_f64(given).is_ok() {
        return Ok(seconds(given));
    }
    let given = if given.abs() < 1e15 { given.to_string() } else { format!("{given:e}") };
    let message = format!("a timeout of {given} s is not possible; use 0 for no limit, or up to 1,000,000,000");
    Err(Error { code: ErrorCode::InvalidParameter, message })
}

pub(crate) fn seconds(given: f64) -> Option<Duration> {
    // A short time must not become 0, which means no limit.
    let limit = |timeout: Duration| (given > 0.0).then(|| timeout.max(Duration::from_nanos(1)));
    Duration::try_from_secs_f64(given).ok().and_then(limit)
}

pub(crate) fn connect_timeout_of_project() -> f64 {
    setting("network/limits/tcp/connect_timeout_seconds").try_to::<i64>().map_or(30.0, |seconds| seconds as f64)
}

/// The initial settings of a client. Clients share them until the project's setting changes.
fn first_settings() -> Arc<Settings> {
    static SHARED: Mutex<Option<Arc<Settings>>> = Mutex::new(None);
    let connect_timeout = seconds(connect_timeout_of_project());
    let known = SHARED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(known) = known.filter(|known| known.connect_timeout == connect_timeout) {
        return known;
    }
    let made = Arc::new(Settings { user_agent: user_agent(), connect_timeout, ..Settings::default() });
    *SHARED.lock().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
    made
}

/// The engine's own `User-Agent`, such as `GodotEngine/4.6.3.stable.official (Linux)`.
pub(crate) fn user_agent() -> Arc<str> {
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
