@tool
extends RefCounted
## One request and its answer, got further by a call of [method step] in every frame.

const History := preload("history.gd")
const REDIRECTS: Array[int] = [301, 302, 303, 307, 308]

## What was asked for. Set before [method start].
var method := HTTPClientRust.METHOD_GET
var url := ""
var headers := PackedStringArray()
var body := PackedByteArray()
var verify := true
var ca_file := ""
## Seconds.
var connect_timeout := 15.0
## Seconds; 0 is no limit.
var read_timeout := 30.0

## What came of it.
var status := HTTPClientRust.STATUS_DISCONNECTED
var is_running := false
var code := 0
var answer_headers := PackedStringArray()
var trailers := PackedStringArray()
## The first [constant KEPT_BYTES] of the body.
var answer_body := PackedByteArray()
## Bytes of the body, kept or not.
var received := 0
## Bytes that the body will have; -1 if nobody knows.
var expected := -1
var sent := 0
var message := ""
var timings := {}
var tls := {}

## More of a body is counted and not kept: a console shows, and does not store.
const KEPT_BYTES := 16 * 1024 * 1024
## How far back the rate looks, in microseconds.
const RATE_WINDOW_USEC := 1_000_000

var _http := HTTPClientRust.new()
var _target := ""
var _is_sent := false
var _start_usec := 0
var _phase := -1
var _phase_start_usec := 0
var _marks: Array[Vector2i] = []


## The parts of an address: "origin" (what connect_to_host() takes) and "target" (what request() takes); empty if it is
## none, and [method problem_with] says why.
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


## What stands before "://", in lower case; empty if nothing does.
static func scheme_of(address: String) -> String:
	var found := RegEx.create_from_string("^([A-Za-z][A-Za-z0-9+.-]*)://").search(address.strip_edges())
	return found.get_string(1).to_lower() if found != null else ""


## Why an address cannot be asked; empty if it can.
static func problem_with(address: String) -> String:
	if not parts_of(address).is_empty():
		return ""
	var scheme := scheme_of(address)
	if not scheme in ["", "http", "https"]:
		return "%s:// is not HTTP: an address here begins with http:// or https://." % scheme.left(40)
	return "This is no address: write http://host/path or https://host/path."


## A target as it is sent: what may not stand in one, percent-encoded.
static func encoded(target: String) -> String:
	var text := ""
	for byte: int in target.to_utf8_buffer():
		text += char(byte) if byte > 0x20 and byte < 0x7f and not char(byte) in "\"<>\\^`{|}" else "%%%02X" % byte
	return text


## Where a redirect leads, as a whole address; empty if nobody says or it is not HTTP. RFC 3986 §5.2, as far as it is used.
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


## Starts to connect. [member message] says why not, where [member is_running] is false afterwards.
func start() -> void:
	var parts := parts_of(url)
	if parts.is_empty():
		message = problem_with(url)
		return
	_target = parts["target"]
	_http.connect_timeout = connect_timeout
	_http.read_timeout = read_timeout
	_http.trusted_ca_file = ca_file
	_start_usec = Time.get_ticks_usec()
	_phase_start_usec = _start_usec
	# Whether there is TLS, the address says.
	if _http.connect_to_host(parts["origin"], -1, false, verify) == OK:
		is_running = true
		status = _http.get_status()
	else:
		message = _http.get_error_message()


## Gets further, without waiting.
func step() -> void:
	if not is_running:
		return
	_http.poll()
	status = _http.get_status()
	if status == HTTPClientRust.STATUS_CONNECTED and not _is_sent:
		_is_sent = true
		if _http.request_raw(method, _target, headers, body) != OK:
			_finish()
			return
		status = _http.get_status()
	sent = _http.get_request_bytes_sent()
	if code == 0 and _http.get_response_code() != 0:
		code = _http.get_response_code()
		answer_headers = _http.get_response_headers()
		expected = _http.get_response_body_length()
	if status == HTTPClientRust.STATUS_BODY:
		_keep(_http.read_response_body_available())
		status = _http.get_status()
	_mark()
	timings = _http.get_timings()
	if phase() != _phase:
		_phase = phase()
		_phase_start_usec = Time.get_ticks_usec()
	if not status in [
			HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING, HTTPClientRust.STATUS_REQUESTING,
			HTTPClientRust.STATUS_BODY]:
		_finish()


## Ends it before its end.
func cancel() -> void:
	if is_running:
		_finish()
		message = "Cancelled."


## Microseconds since the start.
func elapsed_usec() -> int:
	return Time.get_ticks_usec() - _start_usec


## Which phase goes on: an index of the chart's phases; -1 if none does.
func phase() -> int:
	if not is_running:
		return -1
	match status:
		HTTPClientRust.STATUS_RESOLVING:
			return 0
		HTTPClientRust.STATUS_CONNECTING:
			return 1 if timings.get("connect", -1) < 0 else 2
		HTTPClientRust.STATUS_REQUESTING:
			return 3 if timings.get("send", -1) < 0 else 4
		HTTPClientRust.STATUS_BODY:
			return 5
	return -1


## Microseconds since that phase began.
func phase_usec() -> int:
	return Time.get_ticks_usec() - _phase_start_usec


## The first value of a header field of the answer.
func header(name: String) -> String:
	for line: String in answer_headers:
		if line.get_slice(":", 0).nocasecmp_to(name) == 0:
			return line.substr(line.find(":") + 1).strip_edges()
	return ""


## Where the answer redirects to; empty if it does not.
func redirect_address() -> String:
	return address_of(header("Location"), url) if code in REDIRECTS else ""


## The request that follows a redirect, made of the one that led there: 303 asks by GET, and so does what was a POST before
## (RFC 9110 §15.4). Another server does not get what was meant for this one alone.
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
		if not is_of_body and not (is_elsewhere and (name in History.SECRET or name == "host")):
			kept.append(line)
	next["headers"] = kept
	return next


## What a file with the body is called: the last part of the path.
func file_name() -> String:
	var name := str(parts_of(url).get("target", "")).get_slice("?", 0).get_file().uri_decode().validate_filename()
	return name if not name.is_empty() else "body"


## Whether the body of the request is what takes the time.
func is_uploading() -> bool:
	return _is_sent and code == 0 and sent < body.size()


## Bytes a second over the last moments, up or down.
func rate() -> float:
	if _marks.size() < 2:
		return 0.0
	var first := _marks[0]
	var last := _marks[-1]
	return (last.y - first.y) * 1_000_000.0 / maxi(last.x - first.x, 1)


## Seconds until the end at the present rate; -1 if nobody knows.
func remaining() -> float:
	var total := body.size() if is_uploading() else expected
	var done := sent if is_uploading() else received
	return (total - done) / rate() if total >= 0 and rate() > 0.0 else -1.0


func _keep(piece: PackedByteArray) -> void:
	received += piece.size()
	var room := KEPT_BYTES - answer_body.size()
	if room > 0:
		answer_body.append_array(piece if piece.size() <= room else piece.slice(0, room))


func _mark() -> void:
	var now := elapsed_usec()
	var count := sent if code == 0 else received
	# Counting starts anew between sending and receiving.
	if not _marks.is_empty() and count < _marks[-1].y:
		_marks.clear()
	_marks.append(Vector2i(now, count))
	while _marks.size() > 2 and _marks[0].x < now - RATE_WINDOW_USEC:
		_marks.pop_front()


func _finish() -> void:
	is_running = false
	message = _http.get_error_message()
	timings = _http.get_timings()
	tls = _http.get_tls_info()
	trailers = _http.get_response_trailers()
	_http.close()
