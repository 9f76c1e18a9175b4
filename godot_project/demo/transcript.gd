extends SceneTree
## Makes real exchanges with the embedded server, prints them as they happen, and checks them. The exit code is 0 if everything went
## as expected.
##
##     godot --headless --path godot_project --script res://demo/transcript.gd -- \
##         --http=HOST:PORT --refused-port=PORT [--url=http://HOST[:PORT]/PATH]
##
## With --url, it only uses that server: it sends HEAD and then GET.

const SILENCE_SECONDS := 30.0
const CONNECT_SECONDS := 15.0
const DOWNLOAD_SIZE := 32 * 1024 * 1024
const BAR_WIDTH := 30
const SHOWN_CHARACTERS := 600

var _http := HTTPClientRust.new()
var _arguments := {}
var _problems := PackedStringArray()


func _initialize() -> void:
	for argument: String in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=", true, 1)
		_arguments[parts[0]] = parts[1] if parts.size() == 2 else ""
	# Nothing in this script may wait forever.
	_http.connect_timeout = CONNECT_SECONDS
	_http.read_timeout = SILENCE_SECONDS
	if _arguments.has("url"):
		await _show_url(str(_arguments["url"]))
	elif _arguments.has("http"):
		await _show_embedded_server(str(_arguments["http"]))
	else:
		_problem("--http=HOST:PORT or --url=URL is missing")
	_http.close()
	print()
	for problem: String in _problems:
		print("Not as expected: ", problem)
	if _problems.is_empty():
		print("Everything went as expected.")
	quit(0 if _problems.is_empty() else 1)


func _show_embedded_server(address: String) -> void:
	_title("Connect to " + address)
	if not await _connect(address.get_slice(":", 0), address.get_slice(":", 1).to_int()):
		return
	await _get_with_headers()
	await _post_form()
	await _stream()
	await _download()
	await _refused_port()


func _get_with_headers() -> void:
	_title("GET with headers")
	var body := await _exchange(HTTPClientRust.METHOD_GET, "/hello", ["X-Greeting: Hello from Godot", "Accept: text/plain"])
	_expect(_http.get_response_code() == 200, "/hello answers 200, not %d" % _http.get_response_code())
	_expect(body.get_string_from_utf8() == "Hello from the embedded server.\n", "the response to /hello is its greeting")


func _post_form() -> void:
	_title("POST a form. The server sends back what it received")
	var fields := {"name": "Zoë & Söhne", "level": 3, "tags": ["fast", "small"], "newsletter": null}
	var form := _http.query_string_from_dict(fields)
	print("fields %s" % [fields])
	var body := await _exchange(
		HTTPClientRust.METHOD_POST, "/echo", ["Content-Type: application/x-www-form-urlencoded"], form)
	var echo: Variant = JSON.parse_string(body.get_string_from_utf8())
	if _expect(echo is Dictionary, "/echo answers with JSON"):
		_expect(echo["method"] == "POST", "the server received a POST")
		_expect(echo["body_text"] == form, "the server received the same form that was sent")


func _stream() -> void:
	_title("A chunked response, line by line as it arrives")
	if not await _request(HTTPClientRust.METHOD_GET, "/stream?lines=5&delay_ms=150", []):
		return
	_expect(_http.is_response_chunked(), "the response is chunked")
	var start := Time.get_ticks_msec()
	var lines := 0
	while _http.get_status() == HTTPClientRust.STATUS_BODY:
		_http.poll()
		var chunk := _http.read_response_body_chunk()
		if chunk.is_empty():
			await process_frame
			continue
		for line: String in chunk.get_string_from_utf8().split("\n", false):
			lines += 1
			print("  after %4d ms: %s" % [Time.get_ticks_msec() - start, line])
	_expect_whole_body()
	_expect(lines == 5, "5 lines arrive, not %d" % lines)


func _download() -> void:
	_title("A download with progress: %s" % String.humanize_size(DOWNLOAD_SIZE))
	if not await _request(HTTPClientRust.METHOD_GET, "/bytes/%d" % DOWNLOAD_SIZE, []):
		return
	_http.read_chunk_size = 1024 * 1024
	var total := _http.get_response_body_length()
	_expect(total == DOWNLOAD_SIZE, "the server announces %d bytes, not %d" % [DOWNLOAD_SIZE, total])
	var body := PackedByteArray()
	var start := Time.get_ticks_usec()
	var shown := -1
	while _http.get_status() == HTTPClientRust.STATUS_BODY:
		_http.poll()
		var chunk := _http.read_response_body_chunk()
		if chunk.is_empty():
			await process_frame
			continue
		body.append_array(chunk)
		var quarter := int(4.0 * body.size() / DOWNLOAD_SIZE)
		if quarter != shown:
			shown = quarter
			print("  ", _bar(body.size(), Time.get_ticks_usec() - start))
	_expect_whole_body()
	_expect(body.size() == DOWNLOAD_SIZE, "%d bytes arrive, not %d" % [DOWNLOAD_SIZE, body.size()])
	var stated: Variant = JSON.parse_string(
		(await _exchange(HTTPClientRust.METHOD_GET, "/crc/%d" % DOWNLOAD_SIZE, [])).get_string_from_utf8())
	if _expect(stated is Dictionary, "/crc answers with JSON"):
		_expect(int(stated["crc32"]) == _crc32(body), "the checksum of the download is the same as on the server")


func _refused_port() -> void:
	var port := str(_arguments.get("refused-port", "1")).to_int()
	_title("An error and its message: no program listens on port %d" % port)
	_http.connect_to_host("127.0.0.1", port)
	await _poll_while([HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING])
	print("  status  STATUS_", _status_name())
	print("  message ", _http.get_error_message())
	_expect(_http.get_status() == HTTPClientRust.STATUS_CANT_CONNECT, "the connection is refused")
	_expect(_http.get_error_message().contains(str(port)), "the message names the port")


func _show_url(url: String) -> void:
	var parts := RegEx.create_from_string("^(https?)://([^/?#]+)([^#]*)").search(url)
	if parts == null:
		_problem("%s is not an address like http://host/path" % url)
		return
	var target := parts.get_string(3)
	if not target.begins_with("/"):
		target = "/" + target
	_title("Connect to %s" % parts.get_string(2))
	if not await _connect("%s://%s" % [parts.get_string(1), parts.get_string(2)], -1):
		return
	_title("HEAD " + target)
	await _exchange(HTTPClientRust.METHOD_HEAD, target, [])
	# The server may close the connection after a response.
	_http.poll()
	if _http.get_status() != HTTPClientRust.STATUS_CONNECTED and not await _connect(
			"%s://%s" % [parts.get_string(1), parts.get_string(2)], -1):
		return
	_title("GET " + target)
	await _exchange(HTTPClientRust.METHOD_GET, target, [])


func _connect(host: String, port: int) -> bool:
	if _http.connect_to_host(host, port) != OK:
		return _expect(false, "connect_to_host(\"%s\", %d): %s" % [host, port, _http.get_error_message()])
	await _poll_while([HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING])
	print("  status  STATUS_", _status_name())
	return _expect(
		_http.get_status() == HTTPClientRust.STATUS_CONNECTED, "connecting to %s: %s" % [host, _http.get_error_message()])


## Sends a request, and prints it with the headers of the response. Returns false if there is no response.
func _request(method: HTTPClientRust.Method, target: String, headers: PackedStringArray, body := "") -> bool:
	print("> %s %s" % [_method_name(method), target])
	for header: String in headers:
		print("> ", header)
	if not body.is_empty():
		print("> ")
		print("> ", body)
	if _http.request(method, target, headers, body) != OK:
		return _expect(false, "request: " + _http.get_error_message())
	await _poll_while([HTTPClientRust.STATUS_REQUESTING])
	if not _expect(_http.get_response_code() != 0, "no response to %s: %s" % [target, _http.get_error_message()]):
		return false
	print("< %d" % _http.get_response_code())
	for header: String in _http.get_response_headers():
		print("< ", header)
	return true


## Sends a request, prints it with the response, and returns the body of the response.
func _exchange(
		method: HTTPClientRust.Method, target: String, headers: PackedStringArray, request_body := "") -> PackedByteArray:
	var body := PackedByteArray()
	if not await _request(method, target, headers, request_body):
		return body
	while _http.get_status() == HTTPClientRust.STATUS_BODY:
		_http.poll()
		var chunk := _http.read_response_body_chunk()
		body.append_array(chunk)
		if chunk.is_empty():
			await process_frame
	_expect_whole_body()
	if not body.is_empty():
		print("< ")
		print(_shown_body(body))
	return body


func _expect_whole_body() -> void:
	_expect(
		_http.get_status() in [HTTPClientRust.STATUS_CONNECTED, HTTPClientRust.STATUS_DISCONNECTED],
		"the response is incomplete: " + _http.get_error_message())


func _shown_body(body: PackedByteArray) -> String:
	# Binary data contains zeros, text does not.
	if body.has(0):
		return "< (%d bytes of binary data)" % body.size()
	var text := body.get_string_from_utf8()
	var shown := text.left(SHOWN_CHARACTERS).strip_edges(false, true).replace("\n", "\n< ")
	return "< " + shown + ("\n< … (%d bytes)" % body.size() if text.length() > SHOWN_CHARACTERS else "")


func _bar(received: int, microseconds: int) -> String:
	var filled := int(float(BAR_WIDTH) * received / DOWNLOAD_SIZE)
	var rate := String.humanize_size(int(received * 1_000_000.0 / maxi(microseconds, 1)))
	var percent := int(100.0 * received / DOWNLOAD_SIZE)
	return "[%s%s] %3d %%  %s/s" % ["#".repeat(filled), "-".repeat(BAR_WIDTH - filled), percent, rate]


func _poll_while(statuses: Array[int]) -> void:
	while _http.get_status() in statuses:
		_http.poll()
		if _http.get_status() in statuses:
			await process_frame


func _status_name() -> String:
	for name: String in ClassDB.class_get_enum_constants(&"HTTPClient", &"Status"):
		if ClassDB.class_get_integer_constant(&"HTTPClient", name) == _http.get_status():
			return name.trim_prefix("STATUS_")
	return str(_http.get_status())


func _method_name(method: HTTPClientRust.Method) -> String:
	for name: String in ClassDB.class_get_enum_constants(&"HTTPClient", &"Method"):
		if ClassDB.class_get_integer_constant(&"HTTPClient", name) == method:
			return name.trim_prefix("METHOD_")
	return str(method)


## Returns the CRC-32 of bytes. A gzip file contains it, little-endian, eight bytes before its end.
func _crc32(bytes: PackedByteArray) -> int:
	var zipped := bytes.compress(FileAccess.COMPRESSION_GZIP)
	return zipped.decode_u32(zipped.size() - 8)


func _title(text: String) -> void:
	print()
	print("== ", text)


func _expect(holds: bool, what: String) -> bool:
	if not holds:
		_problem(what)
	return holds


func _problem(what: String) -> void:
	_problems.append(what)
	print("  ! not as expected: ", what)
