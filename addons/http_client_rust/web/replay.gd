extends RefCounted
## Records exchanges in a file, or replays them from a file without a network: HAR 1.2 without secrets, in the format of the
## library. The method, the URL and the body are compared, without their secrets. A [code][redacted][/code] on either side matches
## anything.

const Client := preload("client.gd")
const Limits := preload("limits.gd")
const BodyText := preload("../console/body_text.gd")
const JsonText := preload("json_text.gd")
const Secrets := preload("secrets.gd")

const MARK := Secrets.MARK
const METHODS: PackedStringArray = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"]
const METHODS_THAT_ASK: PackedStringArray = ["GET", "HEAD", "OPTIONS"]

## Why nothing can be recorded or replayed. Empty if it is possible.
var problem := ""

var _file := ""
var _keeps_timing := false
## For replay: the entries, each with its `entry`, its `shape`, and whether it `is_played`.
var _entries: Array[Dictionary] = []
## For recording: the entries as text.
var _lines := PackedStringArray()
var _is_recording := false
var _secrets := Secrets.new()


func _init(file: String, is_recording: bool, keeps_timing: bool) -> void:
	_file = file
	_is_recording = is_recording
	_keeps_timing = keeps_timing
	if file.is_empty():
		problem = "replay_file is empty; set it to the file to record to or to replay from"
	elif is_recording and not Limits.can_be_written(file):
		problem = "the replay file %s cannot be written: %s" % [file, Limits.FILES]
	elif is_recording:
		_write()
	elif not FileAccess.file_exists(file):
		problem = "the replay_file %s does not exist; record it first with REPLAY_RECORD, and add *.har to the filter for non-resource files in the export preset" % file
	else:
		_read()


## Returns the client that records or replays an exchange.
func client(url: String, base_url: String) -> Client:
	var made: Client = Played.new()
	if _is_recording:
		made = Recorded.new()
	made.set("tape", self)
	made.set("url", url.get_slice("#", 0))
	made.set("base_url", base_url)
	return made


func _read() -> void:
	var json := JSON.new()
	var har: Variant = json.data if json.parse(FileAccess.get_file_as_string(_file)) == OK else null
	var entries: Variant = _member(_member(har, "log"), "entries")
	if not entries is Array:
		problem = "the replay file %s is damaged or not a HAR file; record it again" % _file
		return
	for entry: Variant in entries:
		if _member(entry, "request") is Dictionary and _member(entry, "response") is Dictionary:
			var sound := _sound(entry)
			_entries.append({"entry": sound, "shape": _shape(_without_secrets(sound)), "is_played": false})
	_entries.sort_custom(func(one: Dictionary, other: Dictionary) -> bool: return one["entry"]["_number"] < other["entry"]["_number"])


## Returns the members of an entry that are replayed, with correct types, whichever program wrote the file.
static func _sound(entry: Dictionary) -> Dictionary:
	var request: Dictionary = entry["request"]
	var response: Dictionary = entry["response"]
	var sound := {
		"_number": int(_number(entry, "_number")), "_baseUrl": _text(entry, "_baseUrl"), "time": _number(entry, "time"),
		"request": {"method": _text(request, "method"), "url": _text(request, "url"), "headers": _sound_headers(request)},
		"response": {
			"status": int(_number(response, "status")), "headers": _sound_headers(response),
			"content": _sound_content(_member(response, "content"), "encoding")}}
	if _member(request, "postData") is Dictionary:
		sound["request"]["postData"] = _sound_content(request["postData"], "_encoding")
	if _member(entry, "_end") is Dictionary:
		sound["_end"] = {"sentence": _text(entry["_end"], "sentence")}
	return sound


static func _sound_headers(part: Dictionary) -> Array:
	var headers := []
	for header: Variant in _member(part, "headers") if _member(part, "headers") is Array else []:
		if not _text(header, "name").is_empty():
			headers.append({"name": _text(header, "name"), "value": _text(header, "value")})
	return headers


static func _sound_content(content: Variant, encoding: String) -> Dictionary:
	var text := _text(content, "text")
	var sound := {"mimeType": _text(content, "mimeType"), "text": text}
	if _text(content, encoding) == "base64" and not text.is_empty():
		# Godot logs an error for invalid Base64.
		if text.length() % 4 == 0 and RegEx.create_from_string("^[A-Za-z0-9+/]*+={0,2}$").search(text) != null:
			sound[encoding] = "base64"
		else:
			sound["text"] = ""
	return sound


static func _member(from: Variant, key: String) -> Variant:
	return (from as Dictionary).get(key) if from is Dictionary else null


static func _text(from: Variant, key: String) -> String:
	var value: Variant = _member(from, key)
	return value if value is String else ""


static func _number(from: Variant, key: String) -> float:
	var value: Variant = _member(from, key)
	return clampf(value, 0.0, 86_400_000.0) if value is float else 0.0


func _write() -> void:
	var file := FileAccess.open(_file, FileAccess.WRITE)
	if file == null:
		problem = "the replay file %s cannot be written: %s" % [_file, error_string(FileAccess.get_open_error())]
		return
	file.store_string("{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"HTTPClientRust\",\"version\":\"web\"},\"entries\":[\n")
	file.store_string(",\n".join(_lines) + "\n]}}\n")


## Adds an entry. The file is valid JSON after each one.
func _append(entry: Dictionary) -> void:
	entry["_number"] = _lines.size() + 1
	_lines.append(JsonText.stringify(_without_secrets(entry)))
	_write()


## Returns the entry that answers a request, or `{problem}`.
func _find(asked: Dictionary) -> Dictionary:
	var shape := _shape(_without_secrets(asked))
	var found := _entries.filter(func(entry: Dictionary) -> bool: return _difference(shape, entry["shape"]).is_empty())
	var name := "%s %s" % [shape["method"], shape["urls"][0]]
	for entry: Dictionary in found:
		if not entry["is_played"]:
			entry["is_played"] = true
			return entry["entry"]
	if not found.is_empty():
		if METHODS_THAT_ASK.has(shape["method"]):
			return found.back()["entry"]
		return {"problem": "the replay file %s has only %d %s for %s, and all were used; record it again" % [
			_file, found.size(), "response" if found.size() == 1 else "responses", name]}
	if _entries.is_empty():
		return {"problem": "the replay file %s has no entries; record it first" % _file}
	var nearest := 0
	for index: int in _entries.size():
		if _difference(shape, _entries[index]["shape"]).size() < _difference(shape, _entries[nearest]["shape"]).size():
			nearest = index
	var other: Dictionary = _entries[nearest]["shape"]
	return {"problem": "the replay file %s has no response for %s; the nearest is entry %d, %s %s: its %s differs" % [
		_file, name, nearest + 1, other["method"], other["urls"][0], " and its ".join(_difference(shape, other))]}


## Returns the parts of a request that are compared. Its URL is compared as a whole, below the base URL, and below its server.
static func _shape(entry: Dictionary) -> Dictionary:
	var url: String = str(entry["request"]["url"]).get_slice("#", 0)
	var base: String = str(entry.get("_baseUrl", ""))
	var folder := base.left(base.rfind("/") + 1)
	var origin := RegEx.create_from_string("^\\w+://[^/?#]*").search(base)
	var urls := [RegEx.create_from_string("^(\\w+://)(?:localhost|127\\.[0-9.]+|\\[::1\\])(:[0-9]+)?(?=[/?]|$)").sub(url, "$1localhost")]
	urls.append(url.trim_prefix(folder) if folder.length() > 8 and url.begins_with(folder) else "")
	urls.append(url.trim_prefix(origin.get_string()) if origin != null and url.begins_with(origin.get_string()) else "")
	var content: Dictionary = entry["request"].get("postData", {})
	var body: Variant = content.get("text", "")
	var json := JSON.new()
	var boundary := RegEx.create_from_string("boundary=\"?([^\";]+)").search(str(content.get("mimeType", "")))
	if str(body).strip_edges().left(1) in ["{", "["] and json.parse(body) == OK:
		body = json.data
	elif boundary != null and content.has("_encoding"):
		body = Marshalls.base64_to_raw(body).hex_encode().replace(_digits(boundary.get_string(1)), "boundary")
	elif boundary != null:
		body = str(body).replace(boundary.get_string(1), "boundary")
	return {"method": str(entry["request"]["method"]).to_upper(), "urls": urls, "body": body}


static func _difference(one: Dictionary, other: Dictionary) -> PackedStringArray:
	var names := PackedStringArray()
	if one["method"] != other["method"]:
		names.append("method")
	if not range(3).any(func(index: int) -> bool:
			return not str(one["urls"][index]).is_empty() and _agree(one["urls"][index], other["urls"][index], "[^&#/?]*")):
		names.append("URL")
	if not _agree(one["body"], other["body"]):
		names.append("body")
	return names


## Returns whether two values match. [param anything] is the pattern that a mark matches.
static func _agree(one: Variant, other: Variant, anything := ".*?") -> bool:
	if one is String and one == MARK or other is String and other == MARK:
		return true
	if typeof(one) != typeof(other):
		return false
	match typeof(one):
		TYPE_DICTIONARY:
			return one.size() == other.size() and (one as Dictionary).keys().all(
				func(key: Variant) -> bool: return other.has(key) and _agree(one[key], other[key]))
		TYPE_ARRAY:
			return one.size() == other.size() and range(one.size()).all(func(index: int) -> bool: return _agree(one[index], other[index]))
		TYPE_STRING:
			return one == other or _fits(one, other, anything) or _fits(other, one, anything)
	return one == other


static func _fits(pattern: String, text: String, anything: String) -> bool:
	return pattern.contains(MARK) and RegEx.create_from_string(
		"^(?s)\\Q%s\\E$" % ("\\E%s\\Q" % anything).join(pattern.split(MARK))).search(text) != null


## Returns an entry in which a mark replaces each secret, wherever it occurs.
func _without_secrets(entry: Dictionary) -> Dictionary:
	var copy := entry.duplicate(true)
	var request: Dictionary = copy["request"]
	var response: Dictionary = copy.get("response", {})
	# Find all secrets before replacing any: a response can reveal a secret that the request already contains.
	for turn: int in 2:
		var is_first := turn == 0
		var change := func(text: String, is_sent: bool) -> String:
			return _secrets.redact_text(text, is_sent) if is_first else _secrets.replace(text)
		for place: Array in [[copy, "_baseUrl", true], [request, "url", true], [response, "redirectURL", false], [copy.get("_end", {}), "sentence", true]]:
			if (place[0] as Dictionary).has(place[1]):
				place[0][place[1]] = change.call(str(place[0][place[1]]), place[2])
		for part: Dictionary in [request, response]:
			var is_sent := is_same(part, request)
			for header: Dictionary in part.get("headers", []):
				var value := str(header["value"])
				header["value"] = _secrets.redact_header(str(header["name"]), value, is_sent) if is_first else _secrets.replace(value)
			var content: Dictionary = part.get("postData" if is_sent else "content", {})
			if content.has("encoding") or content.has("_encoding"):
				var bytes := Marshalls.base64_to_raw(content["text"])
				bytes = _secrets.redact_body(bytes, str(content.get("mimeType")), is_sent) if is_first else _secrets.replace_in_body(bytes)
				content["text"] = Marshalls.raw_to_base64(bytes)
			elif content.has("text"):
				content["text"] = change.call(str(content["text"]), is_sent)
	return copy


static func _digits(text: String) -> String:
	return text.to_utf8_buffer().hex_encode()


static func _content(bytes: PackedByteArray, type: String, encoding: String) -> Dictionary:
	if BodyText.is_utf8(bytes) and not bytes.has(0):
		return {"mimeType": type, "size": bytes.size(), "text": bytes.get_string_from_utf8()}
	return {"mimeType": type, "size": bytes.size(), "text": Marshalls.raw_to_base64(bytes), encoding: "base64"}


static func _asked(method: int, url: String, base_url: String, headers: PackedStringArray, body: PackedByteArray) -> Dictionary:
	var request := {
		"method": METHODS[method], "url": url, "httpVersion": "HTTP/1.1", "cookies": [], "headers": _listed(headers), "queryString": [],
		"headersSize": -1, "bodySize": body.size(),
	}
	if not body.is_empty():
		request["postData"] = _content(body, "".join(Limits.values_of(headers, "Content-Type")), "_encoding")
	return {"_baseUrl": base_url, "request": request}


static func _listed(headers: PackedStringArray) -> Array:
	return Array(headers).map(func(header: String) -> Dictionary:
		return {"name": header.get_slice(":", 0).strip_edges(), "value": header.substr(header.find(":") + 1).strip_edges()})


## Responds to one request from the file.
class Played:
	extends "client.gd"

	var tape: RefCounted
	var url := ""
	var base_url := ""
	var _coming := PackedByteArray()
	var _due := 0

	func connect_to_host(_host_name: String, _at_port: int = -1, _use_ssl: Variant = false, _verify_host: bool = true) -> Error:
		_status = Status.STATUS_CONNECTED
		return OK

	func request_raw(method: Method, _target: String, headers: PackedStringArray, body: PackedByteArray) -> Error:
		_began = Time.get_ticks_usec()
		_body_sent = body.size()
		var entry: Dictionary = tape.call("_find", tape.call("_asked", method, url, base_url, headers, body))
		var ended: Dictionary = entry.get("_end", {})
		if entry.has("problem"):
			_fail(Status.STATUS_CONNECTION_ERROR, ERR_DOES_NOT_EXIST, entry["problem"])
		elif int(entry["response"].get("status", 0)) == 0:
			_fail(Status.STATUS_CONNECTION_ERROR, ERR_CONNECTION_ERROR, str(ended.get("sentence", "the recorded request had no response")))
		else:
			_take(entry["response"])
			_due = Time.get_ticks_msec() + int(entry.get("time", 0.0)) if tape.get("_keeps_timing") else 0
			_status = Status.STATUS_REQUESTING
		return OK

	func poll() -> Error:
		if _status == Status.STATUS_REQUESTING and Time.get_ticks_msec() >= _due:
			_timings["first_byte"] = Time.get_ticks_usec() - _began
			_shows_response = true
			_status = Status.STATUS_BODY
		return _error

	func read_response_body_available() -> PackedByteArray:
		_timings["total"] = Time.get_ticks_usec() - _began
		_status = Status.STATUS_CONNECTED
		return _coming

	func _take(response: Dictionary) -> void:
		var content: Dictionary = response.get("content", {})
		var text := str(content.get("text", ""))
		var is_packed: bool = content.get("encoding") == "base64" and not text.is_empty()
		_coming = Marshalls.base64_to_raw(text) if is_packed else text.to_utf8_buffer()
		_code = int(response["status"])
		_length = _coming.size()
		for header: Dictionary in response.get("headers", []):
			if not str(header["name"]).to_lower() in ["content-encoding", "transfer-encoding", "content-length"]:
				_headers.append("%s: %s" % [header["name"], header["value"]])
		_headers.append("Content-Length: %d" % _length)


## Records one exchange over the network.
class Recorded:
	extends "client.gd"

	var tape: RefCounted
	var url := ""
	var base_url := ""
	var _entry := {}
	var _kept := PackedByteArray()

	func request_raw(method: Method, target: String, headers: PackedStringArray, body: PackedByteArray) -> Error:
		_entry = tape.call("_asked", method, url, base_url, headers, body)
		_entry["startedDateTime"] = Time.get_datetime_string_from_system(true) + "Z"
		return super(method, target, headers, body)

	func poll() -> Error:
		var error := super()
		if error != OK:
			_write_down()
		return error

	func read_response_body_available() -> PackedByteArray:
		var bytes := super()
		_kept.append_array(bytes)
		if _status != Status.STATUS_BODY:
			_write_down()
		return bytes

	func close() -> void:
		_write_down()
		super()

	func _write_down() -> void:
		if _entry.is_empty():
			return
		var total := (Time.get_ticks_usec() - _began) / 1000.0
		_entry["time"] = total
		_entry["response"] = {
			"status": _code, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [], "headers": tape.call("_listed", _headers),
			"content": tape.call("_content", _kept, "".join(Limits.values_of(_headers, "Content-Type")), "encoding"),
			"redirectURL": "".join(Limits.values_of(_headers, "Location")), "headersSize": -1, "bodySize": _kept.size(),
		}
		_entry["cache"] = {}
		_entry["timings"] = {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": total, "receive": 0}
		if _code == 0:
			_entry["_end"] = {"kind": "ended", "sentence": _message}
		tape.call("_append", _entry)
		_entry = {}
