extends RefCounted
## HTTPSessionRust without the library. The browser manages connections, cookies, redirects and compression.

const Session := preload("session.gd")
const Task := preload("task.gd")
const Form := preload("form.gd")
const Replay := preload("replay.gd")
const Limits := preload("limits.gd")
const JsonText := preload("json_text.gd")
## How many dictionaries and arrays can be inside each other. The engine writes an ellipsis where JSON is deeper.
const DEEPEST := 1024

enum ReplayMode { REPLAY_OFF = 0, REPLAY_RECORD = 1, REPLAY_ONLY = 2 }

const REPLAY_OFF = ReplayMode.REPLAY_OFF
const REPLAY_RECORD = ReplayMode.REPLAY_RECORD
const REPLAY_ONLY = ReplayMode.REPLAY_ONLY

var base_url := "": set = set_base_url, get = get_base_url
var default_headers := PackedStringArray(): set = set_default_headers, get = get_default_headers
var user_agent := _engines_user_agent(): set = set_user_agent, get = get_user_agent
var connect_timeout := Task.Client._connect_timeout_of_project(): set = set_connect_timeout, get = get_connect_timeout
var stall_timeout := 30.0: set = set_stall_timeout, get = get_stall_timeout
var timeout := 0.0: set = set_timeout, get = get_timeout
var max_redirects := 10: set = set_max_redirects, get = get_max_redirects
var allow_insecure_redirects := false: set = set_allow_insecure_redirects, get = is_allowing_insecure_redirects
var max_retries := 2: set = set_max_retries, get = get_max_retries
var retry_unsafe_methods := false: set = set_retry_unsafe_methods, get = is_retrying_unsafe_methods
var body_size_limit := 134217728: set = set_body_size_limit, get = get_body_size_limit
var accept_compression := true: set = set_accept_compression, get = is_accepting_compression
var cookies_enabled := true: set = set_cookies_enabled, get = are_cookies_enabled
var cookie_file := "": set = set_cookie_file, get = get_cookie_file
var cache_directory := "": set = set_cache_directory, get = get_cache_directory
var max_connections_per_host := 6: set = set_max_connections_per_host, get = get_max_connections_per_host
var trusted_ca_file := "": set = set_trusted_ca_file, get = get_trusted_ca_file
var replay_file := "": set = set_replay_file, get = get_replay_file
var replay_mode := ReplayMode.REPLAY_OFF: set = set_replay_mode, get = get_replay_mode
var replay_timing := false: set = set_replay_timing, get = is_keeping_replay_timing

static var _shared: Session

var _authorization := ""
var _options: TLSOptions
## The hosts of proxies by scheme.
var _proxies := {}
## The recording or replay. It is null if there is none, and before the first request after replay_mode or replay_file was set.
var _tape: Replay
## The URL to which recorded URLs are relative, if it is not base_url.
var _tape_base := ""


static func shared() -> Session:
	if _shared == null:
		_shared = Session.new()
	return _shared


func fetch(url: String, custom_headers: PackedStringArray = PackedStringArray(), method: int = 0, body: Variant = null) -> Task:
	return _begin(Task.Kind.FETCH, url, "", custom_headers, method, body)


func stream(url: String, custom_headers: PackedStringArray = PackedStringArray(), method: int = 0, body: Variant = null) -> Task:
	return _begin(Task.Kind.STREAM, url, "", custom_headers, method, body)


func listen(url: String, custom_headers: PackedStringArray = PackedStringArray(), method: int = 0, body: Variant = null) -> Task:
	return _begin(Task.Kind.LISTEN, url, "", custom_headers, method, body)


func download(url: String, path: String, custom_headers: PackedStringArray = PackedStringArray()) -> Task:
	return _begin(Task.Kind.DOWNLOAD, url, path, custom_headers, HTTPClient.METHOD_GET, null)


func set_bearer_auth(token: String) -> void:
	_set_authorization("set_bearer_auth", "Bearer " + token)


func set_basic_auth(user: String, password: String) -> void:
	if user.contains(":"):
		push_error(
			"HTTPSessionRust.set_basic_auth(): the user name contains a colon, so a server would read the rest of it as the password; use another user name")
		return
	_set_authorization("set_basic_auth", "Basic " + Marshalls.utf8_to_base64("%s:%s" % [user, password]))


func clear_auth() -> void:
	_authorization = ""


func set_http_proxy(host: String, port: int) -> void:
	_set_proxy("http", host, port)


func set_https_proxy(host: String, port: int) -> void:
	_set_proxy("https", host, port)


## A browser has no such variables.
func set_proxy_from_environment() -> void:
	_proxies = {}


func set_tls_options(options: TLSOptions) -> void:
	if options != null and options.is_server():
		push_error("HTTPSessionRust.set_tls_options(): the options are for a server; create them with TLSOptions.client()")
	else:
		_options = options


func get_cookies(_url: String) -> Array[Dictionary]:
	return []


func set_cookie(_url: String, _cookie: String) -> Error:
	push_error("HTTPSessionRust.set_cookie(): " + Limits.COOKIES)
	return ERR_UNAVAILABLE


func clear_cookies() -> void:
	push_error("HTTPSessionRust.clear_cookies(): " + Limits.COOKIES)


func cancel_all() -> void:
	for task: Task in _own_tasks():
		task.cancel()


func get_active_count() -> int:
	return _own_tasks().size()


func _own_tasks() -> Array[Task]:
	return Task._all_running().filter(func(task: Task) -> bool: return task._session_id == get_instance_id())


func _begin(kind: Task.Kind, url: String, path: String, custom_headers: PackedStringArray, method: int, body: Variant) -> Task:
	var task := Task.new()
	task._kind = kind
	task._given_url = Limits.resolved(base_url, url)
	task._path = path
	task._method = method
	task._session_id = get_instance_id()
	var headers := custom_headers.duplicate()
	for header: String in default_headers:
		if not Limits.has_header(headers, header.get_slice(":", 0).strip_edges()):
			headers.append(header)
	# The browser sends its own User-Agent, unless a game sets another one. Another one requires a preflight request to the server
	# (CORS).
	if user_agent != _engines_user_agent() and not user_agent.is_empty() and not Limits.has_header(headers, "User-Agent"):
		headers.append("User-Agent: " + user_agent)
	if kind == Task.Kind.LISTEN and not Limits.has_header(headers, "Accept"):
		headers.append("Accept: text/event-stream")
	task._problem = _take_body(task, headers, body)
	task._headers = headers
	if max_redirects == 0 and OS.has_feature("web"):
		Limits.warn_of_no_effect("max_redirects")
	task._settings = {
		"timeout": timeout, "connect_timeout": connect_timeout, "stall_timeout": stall_timeout, "max_redirects": max_redirects,
		"allow_insecure_redirects": allow_insecure_redirects, "max_retries": max_retries, "retry_unsafe_methods": retry_unsafe_methods,
		"body_size_limit": body_size_limit, "accept_compression": accept_compression, "trusted_ca_file": trusted_ca_file,
		"tls_options": _options, "proxies": _proxies.duplicate(), "authorization": _authorization, "base_url": base_url,
		"tape": _current_tape(), "tape_base": base_url if _tape_base.is_empty() else _tape_base,
	}
	if task._problem.is_empty():
		task._problem = _problem_of(task)
	task._begin()
	# The task returns the URL as it was passed.
	task._given_url = url
	return task


## Converts a body to bytes. Returns what is wrong with it, or an empty text.
func _take_body(task: Task, headers: PackedStringArray, body: Variant) -> String:
	var type := ""
	match typeof(body):
		TYPE_NIL:
			pass
		TYPE_STRING, TYPE_STRING_NAME:
			task._body = str(body).to_utf8_buffer()
		TYPE_PACKED_BYTE_ARRAY:
			task._body = body
		TYPE_DICTIONARY, TYPE_ARRAY:
			if _is_too_deep(body):
				return "the body contains itself, or has more than %d levels; make it flatter" % DEEPEST
			task._body = JsonText.stringify(body, "", false, true).to_utf8_buffer()
			type = "application/json"
		_:
			if not body is Form:
				return "the body is a %s; give a String, a PackedByteArray, a Dictionary, an Array, an HTTPFormRust or null" % (
					type_string(typeof(body)))
			var form: Form = body
			if not form._missing().is_empty():
				return form._missing()
			task._body = form._bytes()
			type = form.get_content_type()
	if not type.is_empty() and not Limits.has_header(headers, "Content-Type"):
		headers.append("Content-Type: " + type)
	return ""


## Whether a body has more than DEEPEST levels of dictionaries and arrays, for example because it contains itself.
static func _is_too_deep(body: Variant) -> bool:
	var waiting: Array[Array] = [[body, 1]]
	while not waiting.is_empty():
		var next: Array = waiting.pop_back()
		var level: int = next[1]
		if level > DEEPEST:
			return true
		var values: Array = next[0] if next[0] is Array else (next[0] as Dictionary).values()
		for inner: Variant in values:
			if inner is Array or inner is Dictionary:
				waiting.append([inner, level + 1])
	return false


## Returns the recording or replay. It starts again if one of its properties was set.
func _current_tape() -> Replay:
	if _tape == null and replay_mode != ReplayMode.REPLAY_OFF:
		_tape = Replay.new(replay_file, replay_mode == ReplayMode.REPLAY_RECORD, replay_timing)
	return _tape


func _problem_of(task: Task) -> String:
	if _tape != null and not _tape.problem.is_empty():
		return _tape.problem
	var parts := Limits.parts_of(task._given_url)
	if parts.has("problem"):
		return parts["problem"]
	var problem := Limits.problem_of_headers(task._headers, task._body.size())
	if not problem.is_empty():
		return problem
	if task._method < 0 or task._method >= HTTPClient.METHOD_MAX or task._method == HTTPClient.METHOD_CONNECT:
		return "there is no method %d; use a value of HTTPClient.Method" % task._method
	if task._kind == Task.Kind.DOWNLOAD:
		if not Limits.can_be_written(task._path) or task._path.get_file().is_empty():
			return Limits.FILES
		for other: Task in Task._all_running():
			if other._path == task._path:
				task._problem_result = Task.Response.Result.RESULT_DOWNLOAD_FILE_CANT_OPEN
				return "another download is writing to %s; wait until it ends" % task._path
	return ""


func _set_authorization(from: String, value: String) -> void:
	if Limits.parts_of(base_url).has("problem"):
		push_error("HTTPSessionRust.%s(): base_url is empty or invalid, and credentials are only sent to its origin; set base_url first" % from)
	else:
		_authorization = value


func _set_proxy(scheme: String, host: String, port: int) -> void:
	if host.is_empty() or port == -1:
		_proxies.erase(scheme)
	else:
		_proxies[scheme] = host


static func _engines_user_agent() -> String:
	var version := Engine.get_version_info()
	var number := "%d.%d%s" % [version["major"], version["minor"], ".%d" % version["patch"] if version["patch"] > 0 else ""]
	return "GodotEngine/%s.%s.%s (%s)" % [number, version["status"], version["build"], OS.get_name()]


func _seconds(name: String, value: float, before: float) -> float:
	if is_finite(value) and value >= 0.0 and value < 1e100:
		return value
	push_error("HTTPSessionRust.set_%s(): a %s of %s s is not possible; use 0 for no limit" % [name, name, value])
	return before


func set_base_url(new_value: String) -> void:
	base_url = new_value


func get_base_url() -> String:
	return base_url


func set_default_headers(new_value: PackedStringArray) -> void:
	default_headers = new_value


func get_default_headers() -> PackedStringArray:
	return default_headers


func set_user_agent(new_value: String) -> void:
	user_agent = new_value


func get_user_agent() -> String:
	return user_agent


func set_connect_timeout(new_value: float) -> void:
	connect_timeout = _seconds("connect_timeout", new_value, connect_timeout)


func get_connect_timeout() -> float:
	return connect_timeout


func set_stall_timeout(new_value: float) -> void:
	stall_timeout = _seconds("stall_timeout", new_value, stall_timeout)


func get_stall_timeout() -> float:
	return stall_timeout


func set_timeout(new_value: float) -> void:
	timeout = _seconds("timeout", new_value, timeout)


func get_timeout() -> float:
	return timeout


func set_max_redirects(new_value: int) -> void:
	max_redirects = clampi(new_value, -1, 0xffffffff)


func get_max_redirects() -> int:
	return max_redirects


func set_allow_insecure_redirects(new_value: bool) -> void:
	allow_insecure_redirects = new_value


func is_allowing_insecure_redirects() -> bool:
	return allow_insecure_redirects


func set_max_retries(new_value: int) -> void:
	max_retries = clampi(new_value, 0, 0xffffffff)


func get_max_retries() -> int:
	return max_retries


func set_retry_unsafe_methods(new_value: bool) -> void:
	retry_unsafe_methods = new_value


func is_retrying_unsafe_methods() -> bool:
	return retry_unsafe_methods


func set_body_size_limit(new_value: int) -> void:
	body_size_limit = maxi(new_value, -1)


func get_body_size_limit() -> int:
	return body_size_limit


func set_accept_compression(new_value: bool) -> void:
	accept_compression = new_value


func is_accepting_compression() -> bool:
	return accept_compression


func set_cookies_enabled(new_value: bool) -> void:
	if not new_value:
		Limits.warn_of_no_effect("cookies_enabled")
	cookies_enabled = new_value


func are_cookies_enabled() -> bool:
	return cookies_enabled


func set_cookie_file(new_value: String) -> void:
	if not new_value.is_empty():
		push_error("HTTPSessionRust.set_cookie_file(): " + Limits.COOKIES)


func get_cookie_file() -> String:
	return cookie_file


func set_cache_directory(new_value: String) -> void:
	if not new_value.is_empty():
		Limits.warn_of_no_effect("cache_directory")
	cache_directory = new_value


func get_cache_directory() -> String:
	return cache_directory


func set_max_connections_per_host(new_value: int) -> void:
	if new_value < 1:
		push_error("HTTPSessionRust.set_max_connections_per_host(): %d connections are not possible; use 1 or more" % new_value)
	else:
		if new_value != max_connections_per_host:
			Limits.warn_of_no_effect("max_connections_per_host")
		max_connections_per_host = new_value


func get_max_connections_per_host() -> int:
	return max_connections_per_host


func set_trusted_ca_file(new_value: String) -> void:
	trusted_ca_file = new_value


func get_trusted_ca_file() -> String:
	return trusted_ca_file


func set_replay_file(new_value: String) -> void:
	replay_file = new_value
	_tape = null


func get_replay_file() -> String:
	return replay_file


func set_replay_mode(new_value: ReplayMode) -> void:
	if new_value < ReplayMode.REPLAY_OFF or new_value > ReplayMode.REPLAY_ONLY:
		push_error("HTTPSessionRust.set_replay_mode(): there is no mode %d; use a value of HTTPSessionRust.ReplayMode" % new_value)
		return
	replay_mode = new_value
	_tape = null


func get_replay_mode() -> ReplayMode:
	return replay_mode


func set_replay_timing(new_value: bool) -> void:
	replay_timing = new_value
	_tape = null


func is_keeping_replay_timing() -> bool:
	return replay_timing
