extends RefCounted
## HTTPTaskRust without the library: a request that advances once a frame, over the stand-in for HTTPClientRust. Only sessions
## create it.

const Client := preload("client.gd")
const Response := preload("response.gd")
const Events := preload("events.gd")
const Limits := preload("limits.gd")
const Task := preload("task.gd")

signal completed(response: Response)
signal response_started(response: Response)
signal progressed(bytes: int, total: int)
signal upload_progressed(bytes: int, total: int)
signal chunk_received(chunk: PackedByteArray)
signal event_received(type: String, data: String, id: String)
signal retrying(attempt: int, seconds: float, reason: String)

enum Kind { FETCH, STREAM, LISTEN, DOWNLOAD }

const METHODS_THAT_MAY_REPEAT: Array[int] = [
	HTTPClient.METHOD_GET, HTTPClient.METHOD_HEAD, HTTPClient.METHOD_PUT, HTTPClient.METHOD_DELETE, HTTPClient.METHOD_OPTIONS]
const CODES_FOR_NOW: Array[int] = [408, 429, 500, 502, 503, 504]
const REDIRECTS: Array[int] = [301, 302, 303, 307, 308]
const LONGEST_RETRY_AFTER := 60.0
const LONGEST_PAUSE := 30.0
## The maximum number of steps in one frame, if data is available.
const STEPS_A_FRAME := 8
const EVENT_BYTES_A_FRAME := 32 * 1024

## All running tasks. This list keeps them alive, so that nobody else has to.
static var _running: Array[Task] = []
static var _lock := Mutex.new()
static var _is_driven := false

var _kind := Kind.FETCH
var _given_url := ""
var _path := ""
var _headers := PackedStringArray()
var _method := 0
var _body := PackedByteArray()
## The settings of the session from the time when the task began.
var _settings := {}
@warning_ignore("unused_private_class_variable")
var _session_id := 0

var _client: Client
var _url := ""
## Why the request cannot begin. The variable below is the result in that case.
var _problem := ""
var _problem_result := Response.Result.RESULT_INVALID_REQUEST
var _response: Response
var _shows_response := false
var _is_over := false
var _is_cancelled := false
var _began := Time.get_ticks_msec()
var _attempts := 0
var _retries := 0
var _wait_until := 0
var _redirects := PackedStringArray()
var _is_sent := false
var _has_head := false
var _downloaded := 0
var _told_bytes := 0
var _uploaded := 0
var _total := -1
var _file: FileAccess
var _events := Events.new()
var _failed_streams := 0
var _bound: Array[Node] = []
var _waiters: Array[Waiter] = []


class Waiter:
	extends RefCounted
	signal done(response: Response)


func cancel() -> void:
	_is_cancelled = not _is_over


func is_completed() -> bool:
	return _is_over


func get_response() -> Response:
	return _response if _shows_response else null


func wait() -> Signal:
	var waiter := Waiter.new()
	if _is_over:
		(func() -> void: waiter.done.emit(_response)).call_deferred()
	else:
		_waiters.append(waiter)
	return waiter.done


func wait_to_finish() -> Response:
	if not _is_over:
		_finish(Response.Result.RESULT_REQUEST_FAILED, Limits.WAITING)
	return _response


func bind_node(node: Node) -> Task:
	if node == null:
		push_error("HTTPTaskRust.bind_node(): the node is null; pass the node that cancels the task when it leaves the tree")
	elif not _is_over:
		_bound.append(node)
		node.tree_exiting.connect(cancel)
	return self


func get_url() -> String:
	return _given_url


func get_downloaded_bytes() -> int:
	return _downloaded


func get_body_size() -> int:
	return _total


func get_uploaded_bytes() -> int:
	return _uploaded


## Adds the task to the list of running tasks.
func _begin() -> void:
	_response = Response.new()
	_response._url = _given_url
	_url = _given_url
	_lock.lock()
	_running.append(self)
	_lock.unlock()
	_drive.call_deferred()


static func _drive() -> void:
	var tree := Engine.get_main_loop() as SceneTree
	if tree == null:
		push_error("HTTPSessionRust: without the native library, sessions need a SceneTree as the main loop")
		_end_all()
	elif not _is_driven:
		_is_driven = true
		tree.process_frame.connect(_advance_all)
		tree.root.tree_exiting.connect(_end_all)


static func _advance_all() -> void:
	for task: Task in _all_running():
		task._advance()


## Cancels all running tasks when the program quits.
static func _end_all() -> void:
	for task: Task in _all_running():
		task._finish(Response.Result.RESULT_CANCELLED, "the request was cancelled because the program quits")


static func _all_running() -> Array[Task]:
	_lock.lock()
	var running := _running.duplicate()
	_lock.unlock()
	return running


func _status() -> int:
	return int(_client.get_status()) if _client != null else 0


func _advance() -> void:
	var bytes_before := _downloaded
	for step: int in STEPS_A_FRAME:
		if _is_over:
			return
		if _is_cancelled or _bound.any(func(node: Variant) -> bool: return not is_instance_valid(node)):
			_finish(Response.Result.RESULT_CANCELLED, "the request was cancelled")
			return
		if not _problem.is_empty():
			_finish(_problem_result, _problem)
			return
		var limit: float = _settings["timeout"]
		if limit > 0.0 and Time.get_ticks_msec() - _began > int(limit * 1000.0):
			_finish(Response.Result.RESULT_TIMEOUT, "the request took longer than %s s (timeout)" % limit)
			return
		if Time.get_ticks_msec() < _wait_until:
			return
		if not _go_on():
			break
	if _downloaded != bytes_before and not _is_over:
		_tell_progress()


func _tell_progress() -> void:
	if _told_bytes != _downloaded:
		_told_bytes = _downloaded
		progressed.emit(_downloaded, _total)


## Drops the connection, because another one follows. The rest of the body is discarded.
func _let_go() -> void:
	if _client != null:
		_client.close()
	_client = null


## Makes one step. Returns whether another one may follow in the same frame.
func _go_on() -> bool:
	if _client == null:
		_connect()
		return true
	var before := _client.get_status()
	_client.poll()
	match _client.get_status():
		Client.STATUS_CONNECTED:
			if not _is_sent:
				_send()
			return true
		Client.STATUS_BODY:
			if not _has_head:
				_take_head()
				return true
			return _take_body()
		Client.STATUS_RESOLVING, Client.STATUS_CONNECTING, Client.STATUS_REQUESTING:
			return _client.get_status() != before
	_take_failure()
	return true


func _connect() -> void:
	var parts := Limits.parts_of(_url)
	if parts.has("problem"):
		var is_first := _redirects.is_empty()
		_finish(
			Response.Result.RESULT_INVALID_REQUEST if is_first else Response.Result.RESULT_REQUEST_FAILED,
			("" if is_first else "the server redirected the request: ") + str(parts["problem"]))
		return
	_attempts += 1
	_is_sent = false
	_has_head = false
	_client = Client.new() if _settings["tape"] == null else _settings["tape"].client(_url, _settings["tape_base"])
	_client.connect_timeout = _settings["connect_timeout"]
	_client.read_timeout = 0.0 if _kind == Kind.LISTEN else _settings["stall_timeout"]
	_client.read_chunk_size = 256 * 1024
	if _kind == Kind.LISTEN:
		# A server may send many empty lines, and each line takes time.
		_client.read_chunk_size = EVENT_BYTES_A_FRAME
		_client._most_at_once = EVENT_BYTES_A_FRAME
	_client.trusted_ca_file = _settings["trusted_ca_file"]
	if (_settings["proxies"] as Dictionary).has(parts["scheme"]):
		_finish(Response.Result.RESULT_INVALID_REQUEST, Limits.PROXY)
		return
	var tls: Variant = false
	if parts["scheme"] == "https":
		tls = _settings["tls_options"] if _settings["tls_options"] != null else true
	if _client.connect_to_host("%s://%s" % [parts["scheme"], parts["host"]], parts["port"], tls) != OK:
		_finish(Response.Result.RESULT_INVALID_REQUEST, _client.get_error_message())


func _send() -> void:
	var headers := _headers.duplicate()
	var auth: String = _settings["authorization"]
	if not auth.is_empty() and not Limits.has_header(headers, "Authorization") and _origin(_url) == _origin(_settings["base_url"]):
		headers.append("Authorization: " + auth)
	if _kind == Kind.LISTEN and not _events.last_id.is_empty():
		headers.append("Last-Event-ID: " + _events.last_id)
	_is_sent = true
	if _client.request_raw(_method as Client.Method, Limits.parts_of(_url)["target"], headers, _body) != OK:
		_finish(Response.Result.RESULT_INVALID_REQUEST, _client.get_error_message())


func _take_head() -> void:
	_has_head = true
	var code := _client.get_response_code()
	_response._code = code
	_response._headers = _client.get_response_headers()
	_response._url = _url
	var location := _response.get_header("Location")
	if code in REDIRECTS and not location.is_empty():
		_redirect(code, location)
		return
	var reason := "the server answered with status %d" % code
	var is_for_now := code in CODES_FOR_NOW or code == 413 and not _response.get_header("Retry-After").is_empty()
	if is_for_now and _retry(reason, _response.get_header("Retry-After")):
		return
	if not _body.is_empty():
		_uploaded = _body.size()
		upload_progressed.emit(_uploaded, _body.size())
	_total = _client.get_response_body_length()
	_shows_response = true
	response_started.emit(_response)
	if _is_over or _is_cancelled:
		return
	if _kind == Kind.LISTEN:
		var type := _response.get_header("Content-Type").get_slice(";", 0).strip_edges().to_lower()
		if code != 200 or type != "text/event-stream":
			var result := Response.Result.RESULT_SUCCESS if code != 200 else Response.Result.RESULT_REQUEST_FAILED
			_finish(result, "" if code != 200 else "the response is not an event stream, but %s" % var_to_str(type.left(60)))
			return
		_failed_streams = 0
		_events.begin()
	elif _kind == Kind.DOWNLOAD and code >= 200 and code < 300:
		_file = FileAccess.open(_path + ".part", FileAccess.WRITE)
		if _file == null:
			var why := error_string(FileAccess.get_open_error())
			_finish(Response.Result.RESULT_DOWNLOAD_FILE_CANT_OPEN, "%s.part cannot be written: %s" % [_path, why])


func _redirect(code: int, location: String) -> void:
	var most: int = _settings["max_redirects"]
	if most >= 0 and _redirects.size() >= most:
		_shows_response = true
		response_started.emit(_response)
		_finish(Response.Result.RESULT_REDIRECT_LIMIT_REACHED, "the server redirected more than %d times, which is the limit (max_redirects)" % most)
		return
	var target := Limits.resolved(_url, location)
	if not target.contains("#") and _url.contains("#"):
		target += "#" + _url.get_slice("#", 1)
	if _url.begins_with("https:") and target.begins_with("http:") and not _settings["allow_insecure_redirects"]:
		_finish(Response.Result.RESULT_REQUEST_FAILED, "the server redirected from https to http; set allow_insecure_redirects to follow it anyway")
		return
	_redirects.append(_url)
	var loses_body := code == 303 and not _method in [HTTPClient.METHOD_GET, HTTPClient.METHOD_HEAD] or (
		code in [301, 302] and _method == HTTPClient.METHOD_POST)
	if loses_body:
		_method = HTTPClient.METHOD_GET
		_body = PackedByteArray()
	var is_away := _origin(target) != _origin(_url)
	_headers = PackedStringArray(Array(_headers).filter(func(header: String) -> bool:
		var name := header.get_slice(":", 0).strip_edges().to_lower()
		return not (loses_body and name.begins_with("content-")) and not (
			is_away and name in ["authorization", "cookie", "proxy-authorization", "host"])))
	_url = target
	_attempts -= 1
	_let_go()


## Plans a retry, and returns whether there is one. [param retry_after] is the wait that the server asks for.
func _retry(reason: String, retry_after: String = "") -> bool:
	if _retries >= int(_settings["max_retries"]) or not (_method in METHODS_THAT_MAY_REPEAT or _settings["retry_unsafe_methods"]):
		return false
	var seconds := minf(0.5 * pow(2.0, _retries), LONGEST_PAUSE) * randf_range(0.75, 1.0)
	if retry_after.is_valid_int():
		seconds = maxf(retry_after.to_float(), 0.0)
	var left: float = _settings["timeout"] - (Time.get_ticks_msec() - _began) / 1000.0 if _settings["timeout"] > 0.0 else INF
	if seconds > LONGEST_RETRY_AFTER or seconds > left:
		return false
	_retries += 1
	_wait_until = Time.get_ticks_msec() + int(seconds * 1000.0)
	_let_go()
	retrying.emit(_attempts + 1, seconds, reason)
	return true


func _take_body() -> bool:
	var chunk := _client.read_response_body_available()
	_downloaded += chunk.size()
	if not chunk.is_empty():
		_keep(chunk)
	if _is_over or _is_cancelled:
		return false
	if _client.get_status() == Client.STATUS_CONNECTED:
		if _kind == Kind.LISTEN:
			_listen_again("the event stream ended")
		else:
			_finish_body()
	# Reads only one batch of bytes in each frame, because signals of progress are emitted with each.
	return _client == null or not _client.get_status() == Client.STATUS_BODY


func _keep(chunk: PackedByteArray) -> void:
	match _kind:
		Kind.FETCH:
			_response._body.append_array(chunk)
			var limit: int = _settings["body_size_limit"]
			if limit >= 0 and _response._body.size() > limit:
				_finish(Response.Result.RESULT_BODY_SIZE_LIMIT_EXCEEDED, "the body has more than %d bytes, which is the limit (body_size_limit)" % limit)
		Kind.STREAM:
			chunk_received.emit(chunk)
		Kind.LISTEN:
			for event: Array in _events.take(chunk):
				if not _is_over and not _is_cancelled:
					event_received.emit(event[0], event[1], event[2])
			if not _events.problem.is_empty() and not _is_cancelled:
				_finish(Response.Result.RESULT_BODY_SIZE_LIMIT_EXCEEDED, _events.problem)
		Kind.DOWNLOAD:
			if _file == null:
				return
			_file.store_buffer(chunk)
			if _file.get_error() != OK:
				var why := error_string(_file.get_error())
				_finish(Response.Result.RESULT_DOWNLOAD_FILE_WRITE_ERROR, "%s.part cannot be written: %s" % [_path, why])


func _finish_body() -> void:
	if _file != null:
		_file.close()
		_file = null
		if DirAccess.rename_absolute(_path + ".part", _path) != OK:
			_finish(Response.Result.RESULT_DOWNLOAD_FILE_CANT_OPEN, "%s cannot be written; the downloaded data is in %s.part" % [_path, _path])
			return
	if OS.has_feature("web") or not _settings["accept_compression"] or _unpack():
		_finish(Response.Result.RESULT_SUCCESS, "")


## Decompresses a body in memory. A browser has already done this. Elsewhere, a server may compress a body without being asked.
func _unpack() -> bool:
	var packing := _response.get_header("Content-Encoding").to_lower()
	if packing in ["", "identity"] or _response._body.is_empty():
		return true
	var packed := _response._body
	var limit: int = _settings["body_size_limit"]
	# gzip data ends with the length of its content.
	if packing == "gzip" and limit >= 0 and packed.size() > 4 and packed.decode_u32(packed.size() - 4) > limit:
		_finish(Response.Result.RESULT_BODY_SIZE_LIMIT_EXCEEDED, "the body has more than %d bytes, which is the limit (body_size_limit)" % limit)
		return false
	if packing in ["gzip", "deflate"]:
		var mode := FileAccess.COMPRESSION_GZIP if packing == "gzip" else FileAccess.COMPRESSION_DEFLATE
		_response._body = packed.decompress_dynamic(limit, mode)
	if _response._body.is_empty() or not packing in ["gzip", "deflate"]:
		_finish(
			Response.Result.RESULT_BODY_DECOMPRESS_FAILED,
			"the body cannot be decompressed: it is damaged, or compressed with %s" % var_to_str(packing.left(40)))
		return false
	return true


func _take_failure() -> void:
	var message := _client.get_error_message()
	var result := Response.Result.RESULT_CONNECTION_ERROR
	match _client.get_status():
		Client.STATUS_CANT_RESOLVE:
			result = Response.Result.RESULT_CANT_RESOLVE
		Client.STATUS_CANT_CONNECT:
			result = Response.Result.RESULT_CANT_CONNECT
		Client.STATUS_TLS_HANDSHAKE_ERROR:
			result = Response.Result.RESULT_TLS_HANDSHAKE_ERROR
	var error := _client.poll()
	if error == ERR_DOES_NOT_EXIST:
		_finish(Response.Result.RESULT_REPLAY_MISS, message)
		return
	if error == ERR_TIMEOUT:
		result = Response.Result.RESULT_TIMEOUT
		# The client uses its own name for the limit.
		message = message.replace("read_timeout", "stall_timeout")
	var may_retry := not _has_head and result != Response.Result.RESULT_TLS_HANDSHAKE_ERROR and (
		result != Response.Result.RESULT_TIMEOUT or not _is_sent)
	if _kind == Kind.LISTEN and _shows_response and _listen_again(message):
		return
	if may_retry and _retry(message):
		return
	_finish(result, message)


## Plans a new request for an event stream. Returns whether there is one.
func _listen_again(reason: String) -> bool:
	if _method != HTTPClient.METHOD_GET:
		if _client.get_status() == Client.STATUS_CONNECTED:
			_finish(Response.Result.RESULT_SUCCESS, "")
		return false
	var seconds := minf(_events.retry * pow(2.0, _failed_streams), maxf(LONGEST_PAUSE, _events.retry))
	_failed_streams += 1
	_wait_until = Time.get_ticks_msec() + int(seconds * 1000.0)
	_let_go()
	retrying.emit(_attempts + 1, seconds, reason)
	return true


func _finish(result: Response.Result, message: String) -> void:
	if _is_over:
		return
	if result == Response.Result.RESULT_SUCCESS:
		_tell_progress()
		if _is_over:
			return
	_is_over = true
	_response._result = result
	_response._attempts = _attempts
	_response._redirects = _redirects
	_response._message = message
	if message.is_empty() and _response._code >= 400:
		_response._message = "the server answered %d to %s" % [_response._code, _url.get_slice("?", 0)]
	if result != Response.Result.RESULT_SUCCESS:
		_response._body = PackedByteArray()
	if _client != null:
		_response._timings = _client.get_timings()
		_client.close()
	_client = null
	if _file != null:
		_file.close()
		_file = null
	for node: Variant in _bound:
		if is_instance_valid(node) and (node as Node).tree_exiting.is_connected(cancel):
			(node as Node).tree_exiting.disconnect(cancel)
	_bound.clear()
	_shows_response = true
	# Keeps this task alive, because the list may hold the last reference.
	var itself := self
	_lock.lock()
	_running.erase(self)
	_lock.unlock()
	completed.emit(_response)
	for waiter: Waiter in _waiters:
		waiter.done.emit(_response)
	_waiters.clear()
	for info: Dictionary in itself.get_signal_list():
		for connection: Dictionary in get_signal_connection_list(info["name"]):
			(connection["signal"] as Signal).disconnect(connection["callable"])


static func _origin(url: String) -> String:
	var parts := Limits.parts_of(url)
	return "" if parts.has("problem") else "%s://%s:%d" % [parts["scheme"], str(parts["host"]).to_lower(), parts["port"]]
