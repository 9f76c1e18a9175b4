extends Node
## HTTPRequestRust without the library: a node that uses a task of a session.

const Session := preload("session.gd")
const Task := preload("task.gd")
const Response := preload("response.gd")
const Limits := preload("limits.gd")

signal request_completed(result: int, response_code: int, headers: PackedStringArray, body: PackedByteArray)

## The enum of responses, which begins with the results of HTTPRequest. This node emits no others.
const Result = Response.Result
const RESULT_SUCCESS = Result.RESULT_SUCCESS
const RESULT_CHUNKED_BODY_SIZE_MISMATCH = Result.RESULT_CHUNKED_BODY_SIZE_MISMATCH
const RESULT_CANT_CONNECT = Result.RESULT_CANT_CONNECT
const RESULT_CANT_RESOLVE = Result.RESULT_CANT_RESOLVE
const RESULT_CONNECTION_ERROR = Result.RESULT_CONNECTION_ERROR
const RESULT_TLS_HANDSHAKE_ERROR = Result.RESULT_TLS_HANDSHAKE_ERROR
const RESULT_NO_RESPONSE = Result.RESULT_NO_RESPONSE
const RESULT_BODY_SIZE_LIMIT_EXCEEDED = Result.RESULT_BODY_SIZE_LIMIT_EXCEEDED
const RESULT_BODY_DECOMPRESS_FAILED = Result.RESULT_BODY_DECOMPRESS_FAILED
const RESULT_REQUEST_FAILED = Result.RESULT_REQUEST_FAILED
const RESULT_DOWNLOAD_FILE_CANT_OPEN = Result.RESULT_DOWNLOAD_FILE_CANT_OPEN
const RESULT_DOWNLOAD_FILE_WRITE_ERROR = Result.RESULT_DOWNLOAD_FILE_WRITE_ERROR
const RESULT_REDIRECT_LIMIT_REACHED = Result.RESULT_REDIRECT_LIMIT_REACHED
const RESULT_TIMEOUT = Result.RESULT_TIMEOUT

@export_global_file var download_file := "": set = set_download_file, get = get_download_file
@export var download_chunk_size := 65536: set = set_download_chunk_size, get = get_download_chunk_size
@export var use_threads := false: set = set_use_threads, get = is_using_threads
@export var accept_gzip := true: set = set_accept_gzip, get = is_accepting_gzip
@export var body_size_limit := -1: set = set_body_size_limit, get = get_body_size_limit
@export var max_redirects := 8: set = set_max_redirects, get = get_max_redirects
@export var timeout := 0.0: set = set_timeout, get = get_timeout
var session: Session = null: set = set_session, get = get_session

var _task: Task
var _options: TLSOptions
## The hosts of proxies by scheme, in addition to those of the session.
var _proxies := {}
## A session with the settings of this node instead of those of [member session].
var _own := Session.new()


func request(
		url: String, custom_headers: PackedStringArray = PackedStringArray(), method: HTTPClient.Method = HTTPClient.METHOD_GET,
		request_data: String = "") -> Error:
	return request_raw(url, custom_headers, method, request_data.to_utf8_buffer())


func request_raw(
		url: String, custom_headers: PackedStringArray = PackedStringArray(), method: HTTPClient.Method = HTTPClient.METHOD_GET,
		request_data_raw: PackedByteArray = PackedByteArray()) -> Error:
	if not is_inside_tree():
		push_error("HTTPRequestRust.request(): the node is not in the tree; add it first")
		return ERR_UNCONFIGURED
	if _is_under_way():
		push_error("HTTPRequestRust.request(): a request is running; wait for request_completed, or call cancel_request()")
		return ERR_BUSY
	var problem: String = Limits.parts_of(url).get("problem", Limits.problem_of_headers(custom_headers, request_data_raw.size()))
	if problem.is_empty() and (method < 0 or method >= HTTPClient.METHOD_MAX or method == HTTPClient.METHOD_CONNECT):
		problem = "there is no method %d; use a value of HTTPClient.Method" % method
	if not problem.is_empty():
		push_error("HTTPRequestRust.request(): %s" % problem)
		return ERR_INVALID_PARAMETER
	var kept := session if session != null else Session.shared()
	_own._tape = kept._current_tape()
	_own._tape_base = kept.base_url
	if _own._tape != null and not _own._tape.problem.is_empty():
		push_error("HTTPRequestRust.request(): ", _own._tape.problem)
		return ERR_INVALID_PARAMETER
	_own.set_tls_options(_options if _options != null else kept._options)
	_own.trusted_ca_file = kept.trusted_ca_file
	_own.connect_timeout = kept.connect_timeout
	_own._proxies = kept._proxies.merged(_proxies, true)
	_own.body_size_limit = body_size_limit
	_own.max_redirects = max_redirects
	_own.timeout = timeout
	_own.stall_timeout = 0.0
	_own.max_retries = 0
	_own.allow_insecure_redirects = true
	_own.accept_compression = accept_gzip
	_task = _own._begin(
		Task.Kind.FETCH if download_file.is_empty() else Task.Kind.DOWNLOAD, url, download_file, custom_headers, method, request_data_raw)
	_task.completed.connect(_on_completed.bind(_task))
	return OK


func cancel_request() -> void:
	if _is_under_way():
		_task.completed.disconnect(_on_completed)
		_task.cancel()


func get_task() -> Task:
	return _task


func get_http_client_status() -> HTTPClient.Status:
	return (_task._status() if _is_under_way() else HTTPClient.STATUS_DISCONNECTED) as HTTPClient.Status


func get_downloaded_bytes() -> int:
	return _task.get_downloaded_bytes() if _task != null else 0


func get_body_size() -> int:
	return _task.get_body_size() if _task != null else -1


func set_tls_options(client_options: TLSOptions) -> void:
	if client_options == null or client_options.is_server():
		push_error("HTTPRequestRust.set_tls_options(): the options are null, or for a server; create them with TLSOptions.client()")
	else:
		_options = client_options


func set_http_proxy(host: String, port: int) -> void:
	_set_proxy("http", host, port)


func set_https_proxy(host: String, port: int) -> void:
	_set_proxy("https", host, port)


func set_download_file(path: String) -> void:
	if _may_change("download_file"):
		download_file = path


func get_download_file() -> String:
	return download_file


func set_download_chunk_size(chunk_size: int) -> void:
	if chunk_size < 256 or chunk_size > 1 << 24:
		push_error("HTTPRequestRust.set_download_chunk_size(): %d bytes are not possible; use 256 to 16777216" % chunk_size)
	elif _may_change("download_chunk_size"):
		download_chunk_size = chunk_size


func get_download_chunk_size() -> int:
	return download_chunk_size


func set_use_threads(enable: bool) -> void:
	if _may_change("use_threads"):
		use_threads = enable


func is_using_threads() -> bool:
	return use_threads


func set_accept_gzip(enable: bool) -> void:
	accept_gzip = enable


func is_accepting_gzip() -> bool:
	return accept_gzip


func set_body_size_limit(bytes: int) -> void:
	if _may_change("body_size_limit"):
		body_size_limit = maxi(bytes, -1)


func get_body_size_limit() -> int:
	return body_size_limit


func set_max_redirects(amount: int) -> void:
	max_redirects = maxi(amount, -1)


func get_max_redirects() -> int:
	return max_redirects


func set_timeout(timeout_seconds: float) -> void:
	if is_finite(timeout_seconds) and timeout_seconds >= 0.0:
		timeout = timeout_seconds
	else:
		push_error("HTTPRequestRust.set_timeout(): a timeout of %s s is not possible; use 0 for no limit" % timeout_seconds)


func get_timeout() -> float:
	return timeout


func set_session(new_session: Session) -> void:
	session = new_session


func get_session() -> Session:
	return session


## Not _exit_tree(), because a script that extends this class could override it.
func _notification(what: int) -> void:
	if what == NOTIFICATION_EXIT_TREE:
		cancel_request()


func _set_proxy(scheme: String, host: String, port: int) -> void:
	_proxies.erase(scheme)
	if not host.is_empty() and port != -1:
		_proxies[scheme] = host


func _is_under_way() -> bool:
	return _task != null and not _task.is_completed() and not _task._is_cancelled


func _may_change(what: String) -> bool:
	if _is_under_way():
		push_error("HTTPRequestRust.set_%s(): a request is running; set it before the request, or after cancel_request()" % what)
	return not _is_under_way()


func _on_completed(response: Response, of_task: Task) -> void:
	if of_task == _task and is_inside_tree():
		# The engine's node has no number for other results.
		var result := int(response._result) if response._result <= int(RESULT_TIMEOUT) else int(RESULT_REQUEST_FAILED)
		request_completed.emit(result, response._code, response._headers, response._body)
