extends "client_enums.gd"
## HTTPClientRust without the library: it uses the engine's own HTTPClient, which uses fetch() in a browser. It has every member.
## A member that a browser cannot support says so: see docs/web.md.

const Limits := preload("limits.gd")

var blocking_mode_enabled := false: set = set_blocking_mode, get = is_blocking_mode_enabled
var connect_timeout := _connect_timeout_of_project(): set = set_connect_timeout, get = get_connect_timeout
var connection: StreamPeer = null: set = set_connection, get = get_connection
var read_chunk_size := 65536: set = set_read_chunk_size, get = get_read_chunk_size
var read_timeout := 0.0: set = set_read_timeout, get = get_read_timeout
var trusted_ca_file := "": set = set_trusted_ca_file, get = get_trusted_ca_file

## The maximum number of bytes that [method read_response_body_available] returns. Only tasks change it.
var _most_at_once := 16 * 1024 * 1024

var _http := HTTPClient.new()
var _status := Status.STATUS_DISCONNECTED
## The error that ended the connection.
var _error := OK
var _message := ""
## The error that ended the connection, as a sentence.
var _cause := ""
var _host := ""
var _port := 0
var _tls: TLSOptions = null
## A request that waits until there is a connection again: method, target, headers, body.
var _pending := []
var _is_polled_in_frame := -1
var _code := 0
var _headers := PackedStringArray()
var _shows_response := false
var _is_chunked := false
var _length := -1
var _received := 0
var _body_sent := 0
var _is_head_request := false
var _silent_since := 0
var _began := 0
var _began_to_connect := 0
var _timings := {}
var _has_http_proxy := false
var _has_https_proxy := false
## Whether this runs in a browser. A browser reports the end of a body only with the end of the connection.
var _is_browser := OS.has_feature("web")


func connect_to_host(host: String, port: int = -1, use_ssl: Variant = false, verify_host: bool = true) -> Error:
	close()
	_message = ""
	_cause = ""
	_error = OK
	var is_secure: bool = host.to_lower().begins_with("https://") or (
		not host.to_lower().begins_with("http://") and (use_ssl is TLSOptions or use_ssl is bool and use_ssl))
	if use_ssl != null and not use_ssl is bool and not use_ssl is TLSOptions:
		return _refuse(
			ERR_INVALID_PARAMETER, "connect_to_host",
			"the third argument must be a bool, TLSOptions or null, not %s" % type_string(typeof(use_ssl)))
	if use_ssl is TLSOptions and (use_ssl as TLSOptions).is_server():
		return _refuse(
			ERR_INVALID_PARAMETER, "connect_to_host", "the TLSOptions are for a server; create them with TLSOptions.client()")
	if port == 0 or port > 65535:
		return _refuse(ERR_INVALID_PARAMETER, "connect_to_host", "there is no port %d; ports are 1 to 65535" % port)
	if blocking_mode_enabled:
		return _refuse(ERR_UNAVAILABLE, "connect_to_host", Limits.BLOCKING)
	if _has_https_proxy if is_secure else _has_http_proxy:
		return _refuse(ERR_UNAVAILABLE, "connect_to_host", Limits.PROXY)
	if is_secure and (not trusted_ca_file.is_empty() or use_ssl is bool and use_ssl and not verify_host
			or use_ssl is TLSOptions and not Limits.takes_options(use_ssl as TLSOptions)):
		return _refuse(ERR_UNAVAILABLE, "connect_to_host", Limits.CERTIFICATES)
	var name := RegEx.create_from_string("^(?i)https?://").sub(host, "").trim_suffix("/")
	if name.count(":") > 1 and not name.begins_with("["):
		name = "[%s]" % name
	var parts := Limits.parts_of("%s://%s" % ["https" if is_secure else "http", name])
	if parts.has("problem") or parts["target"] != "/" or name.contains("@"):
		return _refuse(ERR_INVALID_PARAMETER, "connect_to_host", "%s is not a host; use one such as \"example.com\", and a port such as 443" % (
			"this" if name.contains("@") else var_to_str(host.left(80))))
	var has_own_port := RegEx.create_from_string(":[0-9]+$").search(name.get_slice("]", name.count("]"))) != null
	if has_own_port and port > 0 and port != parts["port"]:
		return _refuse(
			ERR_INVALID_PARAMETER, "connect_to_host",
			"the host contains port %d, but the port argument is %d; give only one of them" % [parts["port"], port])
	_host = parts["host"]
	_port = port if port > 0 else int(parts["port"])
	_tls = TLSOptions.client() if is_secure else null
	var error := _open()
	if error != OK:
		return _refuse(error, "connect_to_host", "the engine cannot connect to %s" % _shown_host())
	_status = _http.get_status() as Status
	return OK


func request(method: Method, url: String, headers: PackedStringArray, body: String = "") -> Error:
	return request_raw(method, url, headers, body.to_utf8_buffer())


func request_raw(method: Method, url: String, headers: PackedStringArray, body: PackedByteArray) -> Error:
	if _status != Status.STATUS_CONNECTED:
		return _refuse(ERR_INVALID_PARAMETER, "request", "no connection is ready%s; call connect_to_host(), and poll() until STATUS_CONNECTED" % (
			"" if _cause.is_empty() else " because " + _cause))
	_message = ""
	if method < 0 or method >= Method.METHOD_MAX:
		return _refuse(ERR_INVALID_PARAMETER, "request", "there is no method %d; use one of the constants METHOD_GET to METHOD_PATCH" % method)
	if method in [Method.METHOD_TRACE, Method.METHOD_CONNECT]:
		return _refuse(ERR_UNAVAILABLE, "request", "a browser does not support TRACE and CONNECT; use another method")
	if url == "*" or RegEx.create_from_string("^[A-Za-z][A-Za-z0-9+.-]*://").search(url) != null:
		return _refuse(
			ERR_UNAVAILABLE, "request", "a browser only supports a path, such as \"/search?q=godot\"; pass the host to connect_to_host()")
	if RegEx.create_from_string("[\\x00-\\x1f\\x7f]").search(url) != null:
		return _refuse(ERR_INVALID_PARAMETER, "request", "the URL contains a control character; percent-encode it or leave it out")
	var problem := Limits.problem_of_headers(headers, body.size())
	if not problem.is_empty():
		return _refuse(ERR_INVALID_PARAMETER, "request", problem)
	Limits.warn_of_withheld(headers)
	_forget_response()
	_is_head_request = method == Method.METHOD_HEAD
	_began = Time.get_ticks_usec()
	_silent_since = Time.get_ticks_msec()
	_body_sent = body.size()
	var has_body := method in [Method.METHOD_POST, Method.METHOD_PUT, Method.METHOD_PATCH]
	if has_body and body.is_empty() and not Limits.has_header(headers, "Content-Length"):
		headers = headers.duplicate()
		headers.append("Content-Length: 0")
	var target := Limits.target_of(url)
	_pending = [method, target if target.begins_with("/") else "/" + target, headers, body]
	_status = Status.STATUS_REQUESTING
	if _http.get_status() == HTTPClient.STATUS_CONNECTED:
		_http.poll()
	if _http.get_status() != HTTPClient.STATUS_CONNECTED:
		# In a browser, each response ends the engine's connection. Servers can end it at any time.
		var error := _open()
		if error != OK:
			return _fail(Status.STATUS_CONNECTION_ERROR, error, "connecting to %s again failed" % _shown_host())
	return _go_on_connecting()


func poll() -> Error:
	match _status:
		Status.STATUS_DISCONNECTED:
			return _error if _error != OK else ERR_UNCONFIGURED
		Status.STATUS_RESOLVING, Status.STATUS_CONNECTING:
			return _go_on_connecting()
		Status.STATUS_REQUESTING:
			return _go_on_connecting() if not _pending.is_empty() else _await_head()
		Status.STATUS_CONNECTED, Status.STATUS_BODY:
			return OK
	_message = _cause
	return _error


func close() -> void:
	_http.close()
	_status = Status.STATUS_DISCONNECTED
	_error = OK
	_pending = []
	_forget_response()


func get_status() -> Status:
	return _status


func get_error_message() -> String:
	return _message


func has_response() -> bool:
	return _shows_response


func is_response_chunked() -> bool:
	return _is_chunked


func get_response_code() -> int:
	return _code


func get_response_headers() -> PackedStringArray:
	_shows_response = false
	return _headers.duplicate()


func get_response_headers_as_dictionary() -> Dictionary:
	_shows_response = false
	var found := {}
	var spelled := {}
	for header: String in _headers:
		var name := header.get_slice(":", 0).strip_edges()
		var value := header.substr(header.find(":") + 1).strip_edges()
		if not spelled.has(name.to_lower()):
			spelled[name.to_lower()] = name
			found[name] = value
		elif name.to_lower() != "content-length" or found[spelled[name.to_lower()]] != value:
			found[spelled[name.to_lower()]] += "; " + value
	return found


func get_response_header_values(name: String) -> PackedStringArray:
	return Limits.values_of(_headers, name)


## A browser drops trailers.
func get_response_trailers() -> PackedStringArray:
	Limits.warn_of_no_effect("get_response_trailers")
	return PackedStringArray()


func get_response_body_length() -> int:
	return _length


func read_response_body_chunk() -> PackedByteArray:
	if _status != Status.STATUS_BODY:
		_refuse(ERR_INVALID_PARAMETER, "read_response_body_chunk", "there is no body to read; wait for STATUS_BODY")
		return PackedByteArray()
	return _read()


func read_response_body_available() -> PackedByteArray:
	var body := PackedByteArray()
	if _status != Status.STATUS_BODY:
		_refuse(ERR_INVALID_PARAMETER, "read_response_body_available", "there is no body to read; wait for STATUS_BODY")
	while _status == Status.STATUS_BODY and body.size() < _most_at_once:
		var chunk := _read()
		if chunk.is_empty():
			break
		body.append_array(chunk)
	return body


## A browser does not report the progress of an upload: the whole body counts as sent when the response has begun.
func get_request_bytes_sent() -> int:
	return _body_sent if _code > 0 else 0


func get_timings() -> Dictionary:
	var timings := {"dns": -1, "connect": -1, "tls": -1, "send": -1, "first_byte": -1, "total": -1}
	timings.merge(_timings, true)
	return timings


func get_tls_info() -> Dictionary:
	Limits.warn_of_no_effect("get_tls_info")
	return {}


func query_string_from_dict(fields: Dictionary) -> String:
	return _http.query_string_from_dict(fields)


func set_http_proxy(host: String, port: int) -> void:
	_has_http_proxy = _is_proxy("set_http_proxy", host, port)


func set_https_proxy(host: String, port: int) -> void:
	_has_https_proxy = _is_proxy("set_https_proxy", host, port)


## A browser has no such variables.
func set_proxy_from_environment() -> void:
	_has_http_proxy = false
	_has_https_proxy = false


func set_blocking_mode(enabled: bool) -> void:
	blocking_mode_enabled = enabled
	if enabled:
		_message = Limits.BLOCKING


func is_blocking_mode_enabled() -> bool:
	return blocking_mode_enabled


func set_connect_timeout(seconds: float) -> void:
	if is_finite(seconds) and seconds >= 0.0:
		connect_timeout = minf(seconds, 1e9)
	else:
		_refuse(ERR_INVALID_PARAMETER, "set_connect_timeout", "a timeout of %s s is not possible; use 0 for no limit" % seconds)


func get_connect_timeout() -> float:
	return connect_timeout


func set_read_timeout(seconds: float) -> void:
	if is_finite(seconds) and seconds >= 0.0:
		read_timeout = minf(seconds, 1e9)
	else:
		_refuse(ERR_INVALID_PARAMETER, "set_read_timeout", "a timeout of %s s is not possible; use 0 for no limit" % seconds)


func get_read_timeout() -> float:
	return read_timeout


func set_read_chunk_size(bytes: int) -> void:
	if bytes < 256 or bytes > 1 << 24:
		_refuse(ERR_INVALID_PARAMETER, "set_read_chunk_size", "a read chunk size of %d bytes is not possible; use 256 to 16777216" % bytes)
		return
	read_chunk_size = bytes
	_http.read_chunk_size = bytes


func get_read_chunk_size() -> int:
	return read_chunk_size


func set_connection(new_connection: StreamPeer) -> void:
	if new_connection == null:
		_refuse(ERR_INVALID_PARAMETER, "set_connection", "the connection is null; call close() to end a connection")
	else:
		_refuse(ERR_UNAVAILABLE, "set_connection", Limits.CONNECTION)


func get_connection() -> StreamPeer:
	return null


func set_trusted_ca_file(path: String) -> void:
	trusted_ca_file = path


func get_trusted_ca_file() -> String:
	return trusted_ca_file


func _is_proxy(method: String, host: String, port: int) -> bool:
	if host.is_empty() or port == -1:
		return false
	_refuse(ERR_UNAVAILABLE, method, Limits.PROXY)
	return true


static func _connect_timeout_of_project() -> float:
	return clampf(float(ProjectSettings.get_setting("network/limits/tcp/connect_timeout_seconds", 30)), 0.0, 1e9)


func _open() -> Error:
	_http.close()
	_began_to_connect = Time.get_ticks_msec()
	# Outside of URLs, an IPv6 address has no brackets. The engine does not accept a host of three characters or fewer.
	var host := _host if _is_browser else _host.trim_prefix("[").trim_suffix("]")
	return _http.connect_to_host("0" + host if host.begins_with("::") else host, _port, _tls)


## Continues to connect, and then sends the request that waits for the connection.
func _go_on_connecting() -> Error:
	# In a browser, these are only steps, without any waiting.
	for step: int in 3:
		match _http.get_status():
			HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING:
				_http.poll()
	var is_anew := not _pending.is_empty()
	match _http.get_status():
		HTTPClient.STATUS_CONNECTED:
			if not is_anew:
				_status = Status.STATUS_CONNECTED
				return OK
			var error := _http.request_raw(_pending[0], _pending[1], _pending[2], _pending[3])
			_pending = []
			if error != OK:
				return _fail(Status.STATUS_CONNECTION_ERROR, error, "the request to %s could not be sent" % _shown_host())
			return OK
		HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING:
			if connect_timeout > 0.0 and Time.get_ticks_msec() - _began_to_connect > int(connect_timeout * 1000.0):
				return _fail(
					Status.STATUS_CONNECTION_ERROR if is_anew else Status.STATUS_CANT_CONNECT, ERR_TIMEOUT,
					"cannot connect to %s: no answer in %s s (connect_timeout)" % [_shown_host(), connect_timeout])
			if not is_anew:
				_status = _http.get_status() as Status
			return OK
		HTTPClient.STATUS_CANT_RESOLVE:
			return _fail(
				Status.STATUS_CANT_RESOLVE, ERR_CANT_RESOLVE,
				"the host name %s could not be resolved; check its spelling and the network" % var_to_str(_host))
		HTTPClient.STATUS_TLS_HANDSHAKE_ERROR:
			return _fail(Status.STATUS_TLS_HANDSHAKE_ERROR, ERR_CANT_CONNECT, "the TLS handshake with %s failed; check its certificate" % _shown_host())
	return _fail(
		Status.STATUS_CANT_CONNECT, ERR_CANT_CONNECT,
		"cannot connect to %s; check that the server is running and listens there" % _shown_host())


func _await_head() -> Error:
	# In a browser, nothing changes within a frame, and the engine logs an error.
	if _is_browser and _is_polled_in_frame == Engine.get_process_frames():
		return OK
	_is_polled_in_frame = Engine.get_process_frames()
	_http.poll()
	if _http.has_response() or _http.get_status() == HTTPClient.STATUS_BODY:
		_code = _http.get_response_code()
		_is_chunked = _http.is_response_chunked()
		_headers = _http.get_response_headers() if _http.has_response() else PackedStringArray()
		_length = _length_of_body()
		_shows_response = true
		_silent_since = Time.get_ticks_msec()
		_timings["first_byte"] = Time.get_ticks_usec() - _began
		_status = Status.STATUS_BODY
		return OK
	if _http.get_status() == HTTPClient.STATUS_REQUESTING:
		return _check_silence()
	return _fail(
		Status.STATUS_CONNECTION_ERROR, ERR_CONNECTION_ERROR,
		"the connection to %s ended without a response%s" % [
			_shown_host(), ", or the server does not allow other sites to read its responses (CORS)" if _is_browser else ""])


## In a browser, the engine does not know the length. The header contains the length of the sent data, which is that of the body
## unless the body is compressed.
func _length_of_body() -> int:
	if _is_chunked or not _is_browser:
		return -1 if _is_chunked else _http.get_response_body_length()
	var told := Limits.values_of(_headers, "Content-Length")
	var is_known := told.size() == 1 and told[0].is_valid_int() and not Limits.has_header(_headers, "Content-Encoding")
	return maxi(told[0].to_int(), -1) if is_known else -1


func _read() -> PackedByteArray:
	var chunk := PackedByteArray()
	# These responses have no body, whatever their headers say (RFC 9112, 6.3).
	if _is_head_request or _code in [204, 304]:
		_http.close()
	if _http.get_status() == HTTPClient.STATUS_BODY:
		chunk = _http.read_response_body_chunk()
		_received += chunk.size()
	if not chunk.is_empty():
		_silent_since = Time.get_ticks_msec()
	match _http.get_status():
		HTTPClient.STATUS_BODY:
			if chunk.is_empty():
				_check_silence()
		HTTPClient.STATUS_CONNECTED, HTTPClient.STATUS_DISCONNECTED:
			# The engine treats a body that was cut off as a complete one.
			if not _is_browser and not _is_head_request and not _code in [204, 304] and _length > _received:
				_break_off(" of %d" % _length)
			else:
				_timings["total"] = Time.get_ticks_usec() - _began
				_status = Status.STATUS_CONNECTED
		_:
			_break_off("")
	return chunk


func _break_off(of_how_many: String) -> void:
	_fail(
		Status.STATUS_CONNECTION_ERROR, ERR_CONNECTION_ERROR,
		"the response from %s was cut off after %d%s bytes" % [_shown_host(), _received, of_how_many])


func _check_silence() -> Error:
	if read_timeout > 0.0 and Time.get_ticks_msec() - _silent_since > int(read_timeout * 1000.0):
		return _fail(
			Status.STATUS_CONNECTION_ERROR, ERR_TIMEOUT, "nothing came from %s for %s s (read_timeout)" % [_shown_host(), read_timeout])
	return OK


func _forget_response() -> void:
	_code = 0
	_headers = PackedStringArray()
	_shows_response = false
	_is_chunked = false
	_length = -1
	_received = 0
	_body_sent = 0
	_timings = {}


## Sets the error. The data of the response is kept.
func _fail(status: Status, error: Error, message: String) -> Error:
	_http.close()
	_status = status
	_error = error
	_pending = []
	_cause = message
	_message = message
	return error


## Logs a mistake of the script, like the library.
func _refuse(error: Error, method: String, message: String) -> Error:
	_message = message
	push_error("HTTPClientRust.%s(): %s" % [method, message])
	return error


func _shown_host() -> String:
	return "%s port %d" % [_host, _port]
