extends RefCounted
## One request and its response, driven with one poll() per frame like a game does, with a record of everything that a script can
## see.

const STATUS_NAMES: PackedStringArray = [
	"DISCONNECTED", "RESOLVING", "CANT_RESOLVE", "CONNECTING", "CANT_CONNECT", "CONNECTED", "REQUESTING", "BODY",
	"CONNECTION_ERROR", "TLS_HANDSHAKE_ERROR",
]

var client: RefCounted
## The return value of connect_to_host() or request().
var error := OK
## The statuses in order, without repetitions.
var statuses: Array[String] = []
## The errors of poll() in order, without repetitions. The number of calls that return OK depends on timing.
var poll_codes: Array[String] = []
var code := 0
var headers := PackedStringArray()
var length := -1
var chunked := false
var body := PackedByteArray()
## The length of each piece returned by read_response_body_chunk().
var chunk_sizes: Array[int] = []
## The value of get_error_message() at the end, if the class has this method.
var message := ""
var timed_out := false
## Whether poll() is called before each read, as the tutorial does.
var polls_while_reading := true
var patience_ms := 20_000

var _end_ms := 0


func _init(p_client: RefCounted) -> void:
	client = p_client


static func status_name(status: int) -> String:
	return STATUS_NAMES[status] if status >= 0 and status < STATUS_NAMES.size() else str(status)


## Connects, and returns when that has succeeded or failed.
func open(host: String, port: int) -> void:
	_end_ms = Time.get_ticks_msec() + patience_ms
	error = client.connect_to_host(host, port)
	_note_status()
	await _poll_while([HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING])
	_note_message()


## Sends a request, and returns when the response has been read to its end or has failed.
func send(method: int, target: String, request_headers: PackedStringArray, request_body: Variant) -> void:
	await start(method, target, request_headers, request_body)
	await read_body()


## Sends a request, and returns when the head of the response has arrived.
func start(method: int, target: String, request_headers: PackedStringArray, request_body: Variant) -> void:
	_end_ms = Time.get_ticks_msec() + patience_ms
	if request_body is PackedByteArray:
		error = client.request_raw(method, target, request_headers, request_body)
	else:
		error = client.request(method, target, request_headers, request_body)
	_note_status()
	if error == OK:
		await _poll_while([HTTPClient.STATUS_REQUESTING])
		if client.get_status() in [HTTPClient.STATUS_BODY, HTTPClient.STATUS_CONNECTED]:
			code = client.get_response_code()
			length = client.get_response_body_length()
			chunked = client.is_response_chunked()
			headers = client.get_response_headers()
	_note_message()


func read_body() -> void:
	_end_ms = Time.get_ticks_msec() + patience_ms
	while client.get_status() == HTTPClient.STATUS_BODY and not _is_too_late():
		if polls_while_reading:
			_note_code(client.poll())
			_note_status()
			if client.get_status() != HTTPClient.STATUS_BODY:
				break
		var chunk: PackedByteArray = client.read_response_body_chunk()
		_note_status()
		if not chunk.is_empty():
			body.append_array(chunk)
			chunk_sizes.append(chunk.size())
		elif client.get_status() == HTTPClient.STATUS_BODY:
			await _next_frame()
	_note_message()


## Polls until the status changes, for example until the server closes an idle connection.
func poll_until_status_changes() -> void:
	_end_ms = Time.get_ticks_msec() + patience_ms
	_note_status()
	await _poll_while([client.get_status()])
	_note_message()


func text() -> String:
	return body.get_string_from_utf8()


## The results that must be equal for two clients. Only the date of a response may differ.
func record() -> Dictionary:
	var lasting_headers: Array[String] = []
	for header: String in headers:
		if not header.to_lower().begins_with("date:"):
			lasting_headers.append(header)
	return {
		"error": error_string(error), "statuses": statuses, "poll codes": poll_codes, "code": code,
		"headers": lasting_headers, "length": length, "chunked": chunked, "body size": body.size(),
		"body": _shown_body(),
	}


func last_status() -> String:
	return statuses.back() if not statuses.is_empty() else ""


func _poll_while(awaited: Array[int]) -> void:
	while client.get_status() in awaited and not _is_too_late():
		_note_code(client.poll())
		_note_status()
		if client.get_status() in awaited:
			await _next_frame()


func _next_frame() -> void:
	await (Engine.get_main_loop() as SceneTree).process_frame


func _is_too_late() -> bool:
	timed_out = Time.get_ticks_msec() > _end_ms
	return timed_out


func _note_status() -> void:
	var name := status_name(client.get_status())
	if statuses.is_empty() or statuses.back() != name:
		statuses.append(name)


func _note_code(poll_error: int) -> void:
	var name := error_string(poll_error)
	if poll_error != OK and (poll_codes.is_empty() or poll_codes.back() != name):
		poll_codes.append(name)


func _note_message() -> void:
	if client.has_method(&"get_error_message"):
		message = client.get_error_message()


## A short text unchanged, anything else as a hash.
func _shown_body() -> String:
	var is_text := body.size() < 4096
	for byte: int in body if is_text else PackedByteArray():
		is_text = is_text and (byte == 0x0a or byte >= 0x20 and byte < 0x7f)
	if is_text:
		return text()
	var hashing := HashingContext.new()
	hashing.start(HashingContext.HASH_SHA256)
	hashing.update(body)
	return "SHA-256 " + hashing.finish().hex_encode()
