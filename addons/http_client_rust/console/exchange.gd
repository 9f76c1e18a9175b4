@tool
extends RefCounted
## One request of a session and its response. Call [method step] in every frame to update it.

const Names := preload("../web/secret_names.gd")
const REDIRECTS: Array[int] = [301, 302, 303, 307, 308]
const MOST_REDIRECTS := 10

## The request. Set these members before [method start].
var method := HTTPClientRust.METHOD_GET
var url := ""
var headers := PackedStringArray()
var body := PackedByteArray()
var verify := true
var ca_file := ""
## In seconds.
var connect_timeout := 15.0
## In seconds; 0 is no limit.
var read_timeout := 30.0
## Whether redirects are followed, and how often the request is sent again after a temporary failure.
var follows := true
var retries := 0
## Whether the body is read as server-sent events.
var listens := false
## The session, which keeps connections and cookies. A new one is created if it is null.
var session: HTTPSessionRust

## The result.
var status := HTTPClientRust.STATUS_DISCONNECTED
var is_running := false
var code := 0
var answer_headers := PackedStringArray()
var trailers := PackedStringArray()
## The address that the response came from, after all redirects.
var answer_url := ""
## The steps on the way, such as redirects: pairs of a title and its details.
var steps: Array[PackedStringArray] = []
## The last [constant KEPT_EVENTS] events. Each is an array of time (microseconds since the start), type, id and data.
var events: Array[Array] = []
var event_count := 0
## The first [constant KEPT_BYTES] of the body.
var answer_body := PackedByteArray()
## A note about the body; empty if the note follows from the headers.
var note := ""
## Whether [member answer_body] is the whole body.
var is_kept := true
## Bytes of the body as received, and after decompression.
var received := 0
var unpacked := 0
## Size of the body in bytes; -1 if unknown.
var expected := -1
var sent := 0
var message := ""
var timings := {}
var tls := {}

## Bytes of the body after this limit are counted but not kept: the console is for viewing, not for storage.
const KEPT_BYTES := 16 * 1024 * 1024
const KEPT_EVENTS := 500
## Length of the interval over which the rate is computed, in microseconds.
const RATE_WINDOW_USEC := 1_000_000

var _task: HTTPTaskRust
var _response: HTTPResponseRust
var _start_usec := 0
var _phase := -1
var _phase_start_usec := 0
var _marks: Array[Vector2i] = []


## The parts of an address: "origin" (for connect_to_host()) and "target" (for request()). Empty if the address is not valid;
## [method problem_with] gives the reason.
static func parts_of(address: String) -> Dictionary:
	var scheme := scheme_of(address)
	if not scheme in ["", "http", "https"]:
		return {}
	var rest := address.strip_edges().substr(scheme.length() + 3 if not scheme.is_empty() else 0)
	var found := RegEx.create_from_string("^([^/?#\\s]+)([^#]*)").search(rest)
	if found == null:
		return {}
	var target := found.get_string(2)
	return {
		"origin": "%s://%s" % [scheme if not scheme.is_empty() else "http", found.get_string(1)],
		"target": target if target.begins_with("/") else "/" + target,
	}


## The scheme, in lower case; empty if the address has none.
static func scheme_of(address: String) -> String:
	var found := RegEx.create_from_string("^([A-Za-z][A-Za-z0-9+.-]*)://").search(address.strip_edges())
	return found.get_string(1).to_lower() if found != null else ""


## The reason why a request to this address is impossible; empty if it is possible.
static func problem_with(address: String) -> String:
	if not parts_of(address).is_empty():
		return ""
	var scheme := scheme_of(address)
	if not scheme in ["", "http", "https"]:
		return "%s:// is not HTTP. The URL must start with http:// or https://." % scheme.left(40)
	return "This is not a URL. Write http://host/path or https://host/path."


## The target as a session sends it: characters that are not allowed are percent-encoded.
static func encoded(target: String) -> String:
	var text := ""
	for byte: int in target.to_utf8_buffer():
		var stays := byte > 0x20 and byte < 0x7f and not char(byte) in "\"<>\\^`{|}"
		text += char(byte) if stays else "%%%02X" % byte
	return text


## The whole address of a redirect; empty if there is no location or its scheme is not HTTP. Implements the part of RFC 3986 §5.2
## that redirects need.
static func address_of(location: String, from: String) -> String:
	var parts := parts_of(from)
	var place := location.strip_edges()
	if place.is_empty() or parts.is_empty():
		return ""
	if not scheme_of(place).is_empty():
		return place if problem_with(place).is_empty() else ""
	var origin: String = parts["origin"]
	if place.begins_with("//"):
		return origin.get_slice("//", 0) + place
	if place.begins_with("/"):
		return origin + place
	var path := str(parts["target"]).get_slice("?", 0)
	if place.begins_with("?"):
		return origin + path + place
	if place.begins_with("#"):
		return origin + str(parts["target"])
	var query := place.find("?")
	var relative := place if query < 0 else place.left(query)
	var folder := (path.left(path.rfind("/") + 1) + relative).simplify_path()
	var end := "/" if relative.ends_with("/") and not folder.ends_with("/") else ""
	return origin + folder + end + ("" if query < 0 else place.substr(query))


func _notification(what: int) -> void:
	if what == NOTIFICATION_PREDELETE and is_running and _task != null:
		_task.cancel()


## Starts the request. If [member is_running] is false afterwards, [member message] gives the reason.
func start() -> void:
	var parts := parts_of(url)
	if parts.is_empty():
		message = problem_with(url)
		return
	_prepare_session()
	var address: String = parts["origin"] + parts["target"]
	# Requests with these methods have a Content-Length even if it is 0.
	var has_body := not body.is_empty() or method in [
		HTTPClientRust.METHOD_POST, HTTPClientRust.METHOD_PUT, HTTPClientRust.METHOD_PATCH]
	var payload: Variant = null
	if has_body:
		payload = body
	_start_usec = Time.get_ticks_usec()
	_phase_start_usec = _start_usec
	_task = session.listen(address, headers, method, payload) if listens else session.stream(address, headers, method, payload)
	_task.response_started.connect(_on_response_started)
	_task.chunk_received.connect(_keep)
	_task.event_received.connect(_on_event)
	_task.retrying.connect(_on_retrying)
	is_running = true
	status = HTTPClientRust.STATUS_REQUESTING


## Processes what has been received, without waiting.
func step() -> void:
	if not is_running:
		return
	sent = _task.get_uploaded_bytes()
	received = _task.get_downloaded_bytes()
	if code != 0:
		expected = _task.get_body_size()
		timings = _response.get_timings()
	_mark()
	if phase() != _phase:
		_phase = phase()
		_phase_start_usec = Time.get_ticks_usec()
	if _task.is_completed():
		_finish(_task.get_response())


## Cancels the request.
func cancel() -> void:
	if is_running:
		_task.cancel()
		_finish(_response)
		message = "Cancelled."


## Microseconds since the start.
func elapsed_usec() -> int:
	return Time.get_ticks_usec() - _start_usec


## The current phase, as an index into the chart's phases; -1 if the request is not running.
func phase() -> int:
	if not is_running:
		return -1
	if status == HTTPClientRust.STATUS_BODY:
		return 5
	return 3 if is_uploading() else 4


## Microseconds since the current phase began.
func phase_usec() -> int:
	return Time.get_ticks_usec() - _phase_start_usec


## The value of the first response header with this name.
func header(name: String) -> String:
	for line: String in answer_headers:
		if line.get_slice(":", 0).nocasecmp_to(name) == 0:
			return line.substr(line.find(":") + 1).strip_edges()
	return ""


## The address that the response redirects to; empty if it is not a redirect.
func redirect_address() -> String:
	return address_of(header("Location"), answer_url if not answer_url.is_empty() else url) if code in REDIRECTS else ""


## The request that follows a redirect, built from the request that was redirected. After a 303, or after a 301 or 302 to a POST,
## it is a GET (RFC 9110 §15.4). A redirect to another server drops Host and the headers with credentials.
func redirected(request: Dictionary) -> Dictionary:
	var next := request.duplicate()
	next["url"] = redirect_address()
	var is_get: bool = code == HTTPClientRust.RESPONSE_SEE_OTHER and request["method"] != "HEAD"
	if is_get or (code in [301, 302] and request["method"] == "POST"):
		next["method"] = "GET"
		next["body"] = ""
		next["bytes"] = PackedByteArray()
	var is_elsewhere: bool = parts_of(url)["origin"] != parts_of(next["url"])["origin"]
	var kept := PackedStringArray()
	for line: String in PackedStringArray(request["headers"]):
		var name := line.get_slice(":", 0).strip_edges().to_lower()
		var is_of_body: bool = next["method"] != request["method"] and name.begins_with("content-")
		if not is_of_body and not (is_elsewhere and (Names.hides_line(line) or name == "host")):
			kept.append(line)
	next["headers"] = kept
	return next


## The default name of a file with the body: the last part of the path.
func file_name() -> String:
	var name := str(parts_of(url).get("target", "")).get_slice("?", 0).get_file().uri_decode().validate_filename()
	return name if not name.is_empty() else "body"


## Whether the request's body is still being sent.
func is_uploading() -> bool:
	return is_running and code == 0 and sent < body.size()


## Bytes per second in the last moments, up or down.
func rate() -> float:
	if _marks.size() < 2:
		return 0.0
	var first := _marks[0]
	var last := _marks[-1]
	return (last.y - first.y) * 1_000_000.0 / maxi(last.x - first.x, 1)


## Seconds until the end at the present rate; -1 if unknown.
func remaining() -> float:
	var total := body.size() if is_uploading() else expected
	var done := sent if is_uploading() else received
	return (total - done) / rate() if total >= 0 and rate() > 0.0 else -1.0


func _prepare_session() -> void:
	if session == null:
		session = HTTPSessionRust.new()
	session.connect_timeout = connect_timeout
	session.stall_timeout = read_timeout
	session.max_retries = retries
	session.max_redirects = MOST_REDIRECTS if follows else 0
	session.trusted_ca_file = ca_file
	var options: TLSOptions = null
	if not verify:
		options = TLSOptions.client_unsafe()
	session.set_tls_options(options)


func _on_response_started(response: HTTPResponseRust) -> void:
	if not is_running:
		return
	_take_head(response)
	status = HTTPClientRust.STATUS_BODY


func _take_head(response: HTTPResponseRust) -> void:
	_response = response
	code = response.get_response_code()
	answer_headers = response.get_headers()
	answer_url = response.get_url()


func _on_event(type: String, data: String, id: String) -> void:
	if not is_running:
		return
	event_count += 1
	events.append([elapsed_usec(), type, id, data])
	if events.size() > KEPT_EVENTS:
		events.pop_front()


func _on_retrying(attempt: int, seconds: float, reason: String) -> void:
	if is_running:
		steps.append(PackedStringArray(["Attempt %d" % attempt, "after %.1f s: %s" % [seconds, reason]]))


func _keep(piece: PackedByteArray) -> void:
	unpacked += piece.size()
	var room := KEPT_BYTES - answer_body.size()
	is_kept = is_kept and piece.size() <= room
	if room > 0:
		answer_body.append_array(piece if piece.size() <= room else piece.slice(0, room))


func _mark() -> void:
	var now := elapsed_usec()
	var count := sent if code == 0 else received
	# The count starts again at 0 when receiving begins.
	if not _marks.is_empty() and count < _marks[-1].y:
		_marks.clear()
	_marks.append(Vector2i(now, count))
	while _marks.size() > 2 and _marks[0].x < now - RATE_WINDOW_USEC:
		_marks.pop_front()


func _finish(response: HTTPResponseRust) -> void:
	is_running = false
	status = HTTPClientRust.STATUS_DISCONNECTED
	if response == null:
		return
	_take_head(response)
	received = _task.get_downloaded_bytes()
	timings = response.get_timings()
	tls = response.get_tls_info()
	var result := response.get_result()
	var is_stopped_redirect := result == HTTPResponseRust.RESULT_REDIRECT_LIMIT_REACHED and not follows
	if result != HTTPResponseRust.RESULT_SUCCESS and not is_stopped_redirect:
		message = response.get_error_message()
	for address: String in response.get_redirects():
		steps.append(PackedStringArray(["Redirect", address]))
	if not steps.is_empty() and code != 0:
		steps.append(PackedStringArray(["Response", answer_url]))
