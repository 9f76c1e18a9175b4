//! The class `HTTPRequestRust`: the API of the engine's node `HTTPRequest`, over the connections of a session.
//!
//! The node works while the tree is paused, because it needs no processing: [`delivery`](crate::high::delivery) reports the end
//! of its task. It reacts to leaving the tree in a notification. A virtual method would be hidden by one in the script.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use godot::builtin::{GString, PackedByteArray, PackedStringArray};
use godot::classes::notify::NodeNotification;
use godot::classes::{INode, Node, TlsOptions as GodotTlsOptions};
use godot::global::{Error as GError, godot_error};
use godot::meta::ToGodot;
use godot::obj::{Base, Gd, InstanceId};
use godot::register::{GodotClass, godot_api};
use http_client::{Chosen, TlsOptions};
use http_fetch::{Download, Phase, Request, RequestBody, Settings};

use crate::call::failed_on_panic;
use crate::convert::tls_argument::TlsArgument;
use crate::held::{Held, Lasting};
use crate::high::body::Task;
use crate::high::delivery;
use crate::high::request_body::raw_body;
use crate::high::session::{HttpSessionRust, SessionShared, chosen_proxy, first_settings, on_disk};
use crate::high::session_properties::limit;
use crate::high::task::{HttpTaskRust, TaskShared};
use crate::high::values::{ENGINE_RESULTS, EngineMethod, EngineStatus, HeaderLines, RawBody};
use crate::low;

/// The name of the class in scripts.
pub(crate) const NAME: &str = env!("NODE_CLASS_NAME");
/// How long a request waits for a connection of its session before it opens another one. The engine's node never waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// The node. See the module. [`node_properties`](crate::high::node_properties) has its properties.
#[derive(GodotClass)]
#[cfg_attr(not(feature = "engine-names"), class(tool, base = Node, rename = HTTPRequestRust))]
#[cfg_attr(feature = "engine-names", class(tool, base = Node, rename = HTTPRequest))]
pub(crate) struct HttpRequestRust {
    pub(crate) shared: Arc<NodeShared>,
    base: Base<Node>,
}

/// The state that the object shares with the calls on it and with its task.
pub(crate) struct NodeShared(Mutex<State>);

/// Locked only for moments. While it is locked, nothing is called, and no value is dropped that could run code of a script.
pub(crate) struct State {
    pub(crate) download_file: Lasting<GString>,
    pub(crate) download_chunk_size: i64,
    pub(crate) use_threads: bool,
    pub(crate) accept_gzip: bool,
    pub(crate) body_size_limit: i64,
    pub(crate) max_redirects: i64,
    pub(crate) timeout: f64,
    http_proxy: Option<Option<Chosen>>,
    https_proxy: Option<Option<Chosen>>,
    /// The options that a script set. None: the session's options apply.
    tls: Option<TlsOptions>,
    pub(crate) session: Option<Held<Gd<HttpSessionRust>>>,
    /// The current task, or the last one.
    task: Option<Held<Gd<HttpTaskRust>>>,
    is_requesting: bool,
    /// Increases with each request. The end of an earlier request is ignored.
    turn: u64,
}

// SAFETY: the text has an atomic reference count, and only one thread at a time has the lock.
unsafe impl Send for State {}

/// The link from a task to its node.
pub(crate) struct NodeLink {
    /// Used only on the main thread, and only while the node waits for this request. A node that has left the tree does not wait.
    id: InstanceId,
    shared: Weak<NodeShared>,
    turn: u64,
}

impl NodeLink {
    /// Called when the task has ended.
    pub(crate) fn completed(self, task: &Arc<TaskShared>) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut state = shared.lock();
        if state.turn != self.turn || !std::mem::take(&mut state.is_requesting) {
            return;
        }
        drop(state);
        let Some(response) = task.response() else { return };
        if let Ok(mut node) = Gd::<Node>::try_from_instance_id(self.id) {
            let response = response.bind();
            let arguments = [
                engine_result(response.get_result().0).to_variant(),
                response.get_response_code().to_variant(),
                response.get_headers().to_variant(),
                response.get_body().to_variant(),
            ];
            drop(response);
            node.emit_signal("request_completed", &arguments);
        }
    }
}

/// The engine has no result for an error that is found in a request after its start, so this returns `RESULT_REQUEST_FAILED`.
fn engine_result(result: i64) -> i64 {
    const REQUEST_FAILED: i64 = 9;
    if ENGINE_RESULTS.iter().any(|(_, value)| *value == result) { result } else { REQUEST_FAILED }
}

impl NodeShared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self) {
        let mut state = self.lock();
        let task = state.task.clone().filter(|_| std::mem::take(&mut state.is_requesting));
        drop(state);
        if let Some(task) = task {
            let shared = task.0.bind().shared();
            shared.cancel();
        }
    }

    fn task(&self) -> Option<Gd<HttpTaskRust>> {
        self.lock().task.as_ref().map(|held| held.0.clone())
    }

    /// Sets a value that must not change during a request.
    pub(crate) fn set(&self, method: &str, set: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        if state.is_requesting {
            drop(state);
            godot_error!(
                "{NAME}.{method}(): a request is running; set it before the request, or after cancel_request()"
            );
        } else {
            set(&mut state);
        }
    }

    fn settings(&self, session: &SessionShared) -> Settings {
        let of_session = session.session.settings();
        let state = self.lock();
        let mut proxies = of_session.proxies.clone();
        if let Some(proxy) = &state.http_proxy {
            proxies.http.clone_from(proxy);
        }
        if let Some(proxy) = &state.https_proxy {
            proxies.https.clone_from(proxy);
        }
        Settings {
            stall_timeout: None,
            timeout: low::seconds(state.timeout),
            max_redirects: limit(state.max_redirects),
            allow_insecure_redirects: true,
            max_retries: 0,
            body_size_limit: u64::try_from(state.body_size_limit).ok(),
            accept_compression: state.accept_gzip,
            cookies_enabled: false,
            max_connections_per_host: of_session.max_connections_per_host,
            place_patience: Some(PATIENCE),
            proxies,
            tls: state.tls.clone().unwrap_or_else(|| of_session.tls.clone()),
            replay: of_session.replay.clone(),
            ..first_settings()
        }
    }
}

#[godot_api]
impl INode for HttpRequestRust {
    fn init(base: Base<Node>) -> Self {
        let state = State {
            download_file: Lasting::default(),
            download_chunk_size: 65_536,
            use_threads: false,
            accept_gzip: true,
            body_size_limit: -1,
            max_redirects: 8,
            timeout: 0.0,
            http_proxy: None,
            https_proxy: None,
            tls: None,
            session: None,
            task: None,
            is_requesting: false,
            turn: 0,
        };
        Self { shared: Arc::new(NodeShared(Mutex::new(state))), base }
    }

    fn on_notification(&mut self, what: NodeNotification) {
        if what == NodeNotification::EXIT_TREE {
            self.shared.cancel();
        }
    }
}

#[godot_api]
impl HttpRequestRust {
    #[signal]
    fn request_completed(result: i64, response_code: i64, headers: PackedStringArray, body: PackedByteArray);

    #[func(gd_self)]
    fn request(
        this: Gd<Self>,
        url: GString,
        #[opt(default = HeaderLines::default())] custom_headers: HeaderLines,
        #[opt(default = EngineMethod(0))] method: EngineMethod,
        #[opt(default = "")] request_data: GString,
    ) -> GError {
        let body = match request_data.is_empty() {
            true => RequestBody::Empty,
            false => RequestBody::bytes(request_data.to_string()),
        };
        failed_on_panic(|| start(&this, "request", &url, &custom_headers, method, body))
    }

    #[func(gd_self)]
    fn request_raw(
        this: Gd<Self>,
        url: GString,
        #[opt(default = HeaderLines::default())] custom_headers: HeaderLines,
        #[opt(default = EngineMethod(0))] method: EngineMethod,
        #[opt(default = RawBody::default())] request_data_raw: RawBody,
    ) -> GError {
        failed_on_panic(|| start(&this, "request_raw", &url, &custom_headers, method, raw_body(&request_data_raw.0)))
    }

    #[func(gd_self)]
    fn cancel_request(this: Gd<Self>) {
        Self::shared_of(&this).cancel();
    }

    #[func(gd_self)]
    fn set_tls_options(this: Gd<Self>, client_options: Option<Gd<GodotTlsOptions>>) {
        let Some(options) = client_options.filter(|options| !options.is_server()) else {
            godot_error!(
                "{NAME}.set_tls_options(): the options are null, or for a server; create them with TLSOptions.client()"
            );
            return;
        };
        match TlsArgument::of(Some(options)).read("https://", true, &GString::new()) {
            Ok((_, tls)) => Self::shared_of(&this).lock().tls = Some(tls),
            Err(error) => godot_error!("{NAME}.set_tls_options(): {error}"),
        }
    }

    #[func]
    fn get_http_client_status(&self) -> EngineStatus {
        const DISCONNECTED: i64 = 0;
        const RESOLVING: i64 = 1;
        const CONNECTING: i64 = 3;
        const REQUESTING: i64 = 6;
        const BODY: i64 = 7;
        let state = self.shared.lock();
        let task = state.task.as_ref().map(|held| held.0.clone()).filter(|_| state.is_requesting);
        drop(state);
        let phase = task.and_then(|task| task.bind().shared().task().map(Task::phase));
        EngineStatus(match phase {
            None => DISCONNECTED,
            Some(Phase::Resolving) => RESOLVING,
            Some(Phase::Requesting) => REQUESTING,
            Some(Phase::Receiving) => BODY,
            // A request that waits for a connection will connect next.
            Some(_) => CONNECTING,
        })
    }

    #[func]
    fn get_downloaded_bytes(&self) -> i64 {
        self.shared.task().map_or(0, |task| task.bind().get_downloaded_bytes())
    }

    #[func]
    fn get_body_size(&self) -> i64 {
        self.shared.task().map_or(-1, |task| task.bind().get_body_size())
    }

    #[func(gd_self)]
    fn set_http_proxy(this: Gd<Self>, host: GString, port: i64) {
        let proxy = chosen_proxy(&format!("{NAME}.set_http_proxy()"), &host, port);
        Self::shared_of(&this).lock().http_proxy = Some(proxy);
    }

    #[func(gd_self)]
    fn set_https_proxy(this: Gd<Self>, host: GString, port: i64) {
        let proxy = chosen_proxy(&format!("{NAME}.set_https_proxy()"), &host, port);
        Self::shared_of(&this).lock().https_proxy = Some(proxy);
    }

    #[func]
    fn get_task(&self) -> Option<Gd<HttpTaskRust>> {
        self.shared.task()
    }

    pub(crate) fn shared_of(this: &Gd<Self>) -> Arc<NodeShared> {
        this.bind().shared.clone()
    }
}

fn start(
    this: &Gd<HttpRequestRust>,
    method_name: &str,
    url: &GString,
    headers: &HeaderLines,
    method: EngineMethod,
    body: RequestBody,
) -> GError {
    let refused = |code: GError, why: &str| {
        godot_error!("{NAME}.{method_name}(): {why}");
        code
    };
    if !this.is_inside_tree() {
        return refused(GError::ERR_UNCONFIGURED, "the node is not in the tree; add it first");
    }
    let shared = HttpRequestRust::shared_of(this);
    let (is_requesting, session, file) = {
        let state = shared.lock();
        (state.is_requesting, state.session.as_ref().map(|held| held.0.clone()), state.download_file.clone())
    };
    let busy =
        || refused(GError::ERR_BUSY, "a request is running; wait for request_completed, or call cancel_request()");
    if is_requesting {
        return busy();
    }
    let session = HttpSessionRust::shared_of(&session.unwrap_or_else(HttpSessionRust::of_the_game));
    if let Err(sentence) = session.make_ready() {
        return refused(GError::ERR_INVALID_PARAMETER, &sentence);
    }
    let settings = shared.settings(&session);
    let request = Request { url: url.to_string(), method: method.0, headers: headers.lines(), body };
    if let Err(sentence) = request.check(&settings) {
        return refused(GError::ERR_INVALID_PARAMETER, &sentence);
    }
    let to =
        (!file.is_empty()).then(|| Download { path: on_disk(&file), resumes: false, limit: settings.body_size_limit });
    let mut state = shared.lock();
    // Another thread may have started a request in the meantime.
    if std::mem::replace(&mut state.is_requesting, true) {
        drop(state);
        return busy();
    }
    state.turn += 1;
    let link = NodeLink { id: this.instance_id(), shared: Arc::downgrade(&shared), turn: state.turn };
    drop(state);
    let task =
        delivery::start(&session, |task| task.set_node(link), || session.session.fetch_with(request, to, settings));
    let before = shared.lock().task.replace(Held::new(task));
    drop(before);
    GError::OK
}
