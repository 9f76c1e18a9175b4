//! The class `HTTPSessionRust`: the state that many requests share. [`session_properties`](crate::high::session_properties) has
//! its properties.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use godot::builtin::{Array, GString, VarDictionary, Variant};
use godot::classes::{IRefCounted, ProjectSettings, RefCounted, TlsOptions as GodotTlsOptions};
use godot::global::{Error as GError, godot_error};
use godot::meta::ToGodot;
use godot::obj::{Base, Gd, Singleton};
use godot::register::{GodotClass, godot_api};
use http_client::{Chosen, Proxies, Proxy};
use http_fetch::cookies::{Cookie, SameSite};
use http_fetch::{Credentials, Download, Replay, Request, RequestBody, Settings};

use crate::call::failed_on_panic;
use crate::convert::tls_argument::TlsArgument;
use crate::held::{Held, Lasting};
use crate::high::body::{Session, Task, worker};
use crate::high::delivery;
use crate::high::readying::Readying;
use crate::high::replay::ReplayProperties;
use crate::high::request_body::request_body;
use crate::high::task::HttpTaskRust;
use crate::high::values::{AnyValue, HeaderLines};
use crate::low::{connect_timeout_of_project, seconds, user_agent};

/// A session. See the module.
#[derive(GodotClass)]
#[class(tool, base = RefCounted, rename = HTTPSessionRust)]
pub(crate) struct HttpSessionRust {
    shared: Arc<SessionShared>,
}

/// The state that the object shares with the calls on it.
pub(crate) struct SessionShared {
    pub(crate) session: Session,
    own: Mutex<Own>,
    /// Lets one thread at a time turn properties into settings, so that no request sees only a part of them.
    readying: Readying,
}

/// Locked only for moments. While it is locked, nothing is called.
#[derive(Default)]
pub(crate) struct Own {
    pub(crate) trusted_ca_file: Lasting<GString>,
    pub(crate) cookie_file: Lasting<GString>,
    pub(crate) cache_directory: Lasting<GString>,
    pub(crate) tls_options: Option<Held<Gd<GodotTlsOptions>>>,
    /// The settings reflect `trusted_ca_file` and `tls_options`.
    pub(crate) is_tls_known: bool,
    pub(crate) replay: ReplayProperties,
}

// SAFETY: the values of the engine have atomic reference counts, and only one thread at a time has the lock.
unsafe impl Send for Own {}

impl SessionShared {
    pub(crate) fn own(&self) -> MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a recording or a replay, if a script asked for it since the last request.
    fn know_replay(&self) {
        let mut own = self.own();
        if !std::mem::take(&mut own.replay.is_new) {
            return;
        }
        let replay = own.replay.clone();
        drop(own);
        // This closes a file that this session records into before it is opened again. A request that starts without this lock is
        // refused.
        self.session.set(|settings| settings.replay = Replay::refused("the replay_file is being opened"));
        let replay = replay.begin();
        self.session.set(|settings| settings.replay = replay);
    }

    /// Reads the certificates and options that changed since the last request. An error is a sentence.
    fn know_tls(&self) -> Result<(), String> {
        let mut own = self.own();
        // Values that are set from now on apply to the next request.
        if std::mem::replace(&mut own.is_tls_known, true) {
            return Ok(());
        }
        let options = own.tls_options.as_ref().map(|held| held.0.clone());
        let file = own.trusted_ca_file.clone();
        drop(own);
        match TlsArgument::of(options).read("https://", true, &file) {
            Ok(read) => {
                self.session.set(|settings| settings.tls = read.1);
                Ok(())
            }
            Err(error) => {
                self.own().is_tls_known = false;
                Err(error.message)
            }
        }
    }

    /// Does everything that must happen before a request can start. An error is a sentence.
    pub(crate) fn make_ready(&self) -> Result<(), String> {
        let Some(_turn) = self.readying.enter() else {
            return Err("the session is reading its files, and this call comes from a script that runs meanwhile, such as a Logger; \
                        use call_deferred() to make the request afterwards"
                .to_owned());
        };
        self.know_replay();
        self.know_tls()
    }

    fn request(&self, url: &GString, headers: &HeaderLines, method: i64, body: &Variant) -> Request {
        let body = match self.make_ready() {
            Ok(()) => request_body(body),
            Err(sentence) => RequestBody::Refused(sentence),
        };
        Request { url: url.to_string(), method, headers: headers.lines(), body }
    }

    /// Starts a request, and returns the object of its task.
    fn start(
        self: &Arc<Self>,
        url: &GString,
        headers: &HeaderLines,
        method: i64,
        body: &Variant,
        start: impl FnOnce(&Session, Request) -> Task,
    ) -> Gd<HttpTaskRust> {
        let request = self.request(url, headers, method, body);
        delivery::start(self, |_| {}, || start(&self.session, request))
    }
}

impl HttpSessionRust {
    pub(crate) fn shared_of(this: &Gd<Self>) -> Arc<SessionShared> {
        this.bind().shared.clone()
    }

    pub(crate) fn own_shared(&self) -> &SessionShared {
        &self.shared
    }

    /// The session that a node uses if it has none of its own.
    pub(crate) fn of_the_game() -> Gd<Self> {
        delivery::shared_session(Gd::default)
    }
}

/// The settings of a session before a script changes any.
pub(crate) fn first_settings() -> Settings {
    Settings { user_agent: user_agent(), connect_timeout: seconds(connect_timeout_of_project()), ..Settings::default() }
}

/// Converts a path of the engine into a path of the operating system.
pub(crate) fn on_disk(path: &GString) -> std::path::PathBuf {
    let on_disk = ProjectSettings::singleton().globalize_path(path);
    // An unknown UID has no path, so the error message shows the UID itself.
    if on_disk.is_empty() { path.to_string().into() } else { on_disk.to_string().into() }
}

#[godot_api]
impl IRefCounted for HttpSessionRust {
    fn init(_base: Base<RefCounted>) -> Self {
        let session = Session::on(worker().clone(), first_settings());
        Self { shared: Arc::new(SessionShared { session, own: Mutex::default(), readying: Readying::default() }) }
    }
}

#[godot_api]
impl HttpSessionRust {
    #[func(gd_self)]
    fn fetch(
        this: Gd<Self>,
        url: GString,
        #[opt(default = HeaderLines::default())] custom_headers: HeaderLines,
        #[opt(default = 0)] method: i64,
        #[opt(default = AnyValue::default())] body: AnyValue,
    ) -> Gd<HttpTaskRust> {
        Self::shared_of(&this).start(&url, &custom_headers, method, &body.0, Session::fetch)
    }

    #[func(gd_self)]
    fn stream(
        this: Gd<Self>,
        url: GString,
        #[opt(default = HeaderLines::default())] custom_headers: HeaderLines,
        #[opt(default = 0)] method: i64,
        #[opt(default = AnyValue::default())] body: AnyValue,
    ) -> Gd<HttpTaskRust> {
        Self::shared_of(&this).start(&url, &custom_headers, method, &body.0, Session::stream)
    }

    #[func(gd_self)]
    fn listen(
        this: Gd<Self>,
        url: GString,
        #[opt(default = HeaderLines::default())] custom_headers: HeaderLines,
        #[opt(default = 0)] method: i64,
        #[opt(default = AnyValue::default())] body: AnyValue,
    ) -> Gd<HttpTaskRust> {
        Self::shared_of(&this).start(&url, &custom_headers, method, &body.0, Session::listen)
    }

    #[func(gd_self)]
    fn download(
        this: Gd<Self>,
        url: GString,
        path: GString,
        #[opt(default = HeaderLines::default())] custom_headers: HeaderLines,
    ) -> Gd<HttpTaskRust> {
        let to = Download::to(on_disk(&path));
        let download = |session: &Session, request| session.download(request, to);
        Self::shared_of(&this).start(&url, &custom_headers, 0, &Variant::nil(), download)
    }

    #[func]
    fn shared() -> Gd<Self> {
        Self::of_the_game()
    }

    #[func(gd_self)]
    fn set_bearer_auth(this: Gd<Self>, token: GString) {
        set_credentials(&Self::shared_of(&this), "set_bearer_auth", Credentials::bearer(&token.to_string()));
    }

    #[func(gd_self)]
    fn set_basic_auth(this: Gd<Self>, user: GString, password: GString) {
        if user.contains(":") {
            godot_error!(
                "HTTPSessionRust.set_basic_auth(): the user name contains a colon, so a server would read the rest of it as \
                 the password; use another user name"
            );
            return;
        }
        let credentials = Credentials::basic(&user.to_string(), &password.to_string());
        set_credentials(&Self::shared_of(&this), "set_basic_auth", credentials);
    }

    #[func(gd_self)]
    fn clear_auth(this: Gd<Self>) {
        Self::shared_of(&this).session.set(|settings| settings.credentials = None);
    }

    #[func(gd_self)]
    fn set_http_proxy(this: Gd<Self>, host: GString, port: i64) {
        let proxy = chosen_proxy("HTTPSessionRust.set_http_proxy()", &host, port);
        Self::shared_of(&this).session.set(|settings| settings.proxies.http = proxy);
    }

    #[func(gd_self)]
    fn set_https_proxy(this: Gd<Self>, host: GString, port: i64) {
        let proxy = chosen_proxy("HTTPSessionRust.set_https_proxy()", &host, port);
        Self::shared_of(&this).session.set(|settings| settings.proxies.https = proxy);
    }

    #[func(gd_self)]
    fn set_proxy_from_environment(this: Gd<Self>) {
        let proxies = Proxies::of_process();
        if let Some(error) = proxies.problem() {
            godot_error!("HTTPSessionRust.set_proxy_from_environment(): {error}");
        }
        Self::shared_of(&this).session.set(|settings| settings.proxies = proxies);
    }

    #[func(gd_self)]
    fn set_tls_options(this: Gd<Self>, options: Option<Gd<GodotTlsOptions>>) {
        if options.as_ref().is_some_and(|options| options.is_server()) {
            godot_error!(
                "HTTPSessionRust.set_tls_options(): the options are for a server; create them with TLSOptions.client()"
            );
            return;
        }
        let shared = Self::shared_of(&this);
        let mut own = shared.own();
        let before = std::mem::replace(&mut own.tls_options, options.map(Held::new));
        own.is_tls_known = false;
        drop(own);
        drop(before);
    }

    #[func]
    fn get_cookies(&self, url: GString) -> Array<VarDictionary> {
        match self.shared.session.resolve(&url.to_string()) {
            Ok(address) => self.shared.session.cookies(&address).iter().map(cookie_dictionary).collect(),
            Err(error) => {
                godot_error!("HTTPSessionRust.get_cookies(): {error}");
                Array::new()
            }
        }
    }

    #[func(gd_self)]
    fn set_cookie(this: Gd<Self>, url: GString, cookie: GString) -> GError {
        let shared = Self::shared_of(&this);
        failed_on_panic(|| set_cookie(&shared, &url, &cookie))
    }

    #[func(gd_self)]
    fn clear_cookies(this: Gd<Self>) {
        let shared = Self::shared_of(&this);
        shared.session.clear_cookies();
        save_cookies(&shared, "clear_cookies");
    }

    #[func(gd_self)]
    fn cancel_all(this: Gd<Self>) {
        delivery::cancel_all(&Self::shared_of(&this));
    }

    #[func]
    fn get_active_count(&self) -> i64 {
        self.shared.session.active_count() as i64
    }
}

/// The proxy that a script passes to a setter. An invalid one logs an error and makes the next connection fail.
pub(crate) fn chosen_proxy(setter: &str, host: &GString, port: i64) -> Option<Chosen> {
    let proxy = Proxy::choose(&host.to_string(), port);
    if let Some(Err(error)) = &proxy {
        godot_error!("{setter}: {error}");
    }
    proxy
}

fn set_credentials(shared: &SessionShared, method: &str, credentials: Credentials) {
    if shared.session.settings().base_url.is_empty() {
        godot_error!(
            "HTTPSessionRust.{method}(): base_url is empty, and credentials are only sent to its origin; set base_url \
             first"
        );
        return;
    }
    shared.session.set(|settings| settings.credentials = Some(credentials));
}

fn set_cookie(shared: &SessionShared, url: &GString, cookie: &GString) -> GError {
    let address = shared.session.resolve(&url.to_string()).map_err(|error| error.to_string());
    let set = address.and_then(|address| {
        shared.session.set_cookie(&address, &cookie.to_string()).map_err(|error| error.to_string())
    });
    match set {
        Ok(()) => {
            save_cookies(shared, "set_cookie");
            GError::OK
        }
        Err(sentence) => {
            godot_error!("HTTPSessionRust.set_cookie(): {sentence}");
            GError::ERR_INVALID_PARAMETER
        }
    }
}

fn save_cookies(shared: &SessionShared, method: &str) {
    if let Err(error) = shared.session.save_cookies() {
        godot_error!("HTTPSessionRust.{method}(): {error}");
    }
}

fn cookie_dictionary(cookie: &Cookie) -> VarDictionary {
    let expires = cookie.expires.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    let same_site = match cookie.same_site {
        SameSite::Strict => "Strict",
        SameSite::Lax => "Lax",
        SameSite::None => "None",
        _ => "",
    };
    let mut dictionary = VarDictionary::new();
    for (name, value) in [
        ("name", cookie.name.to_variant()),
        ("value", cookie.value.to_variant()),
        ("domain", cookie.domain.to_variant()),
        ("path", cookie.path.to_variant()),
        ("expires", expires.map_or(0.0, |at| at.as_secs_f64()).to_variant()),
        ("secure", cookie.secure.to_variant()),
        ("http_only", cookie.http_only.to_variant()),
        ("same_site", same_site.to_variant()),
    ] {
        dictionary.set(&name.to_variant(), &value);
    }
    dictionary
}
