@tool
extends RefCounted
## Converts exchanges to and from a HAR 1.2 file, which browsers and other tools can read and write.

const Recorded := preload("recorded.gd")
const Redaction := preload("redaction.gd")
const BodyText := preload("../console/body_text.gd")
const JsonText := preload("../web/json_text.gd")

const NAME := "HTTPClientRust"
const VERSION_FILE := "../plugin.cfg"

## The exchanges that were read from a file.
var exchanges: Array[Recorded] = []
## The reason why the file could not be read, as a sentence; empty if it was read.
var problem := ""


## The text of a HAR file. If [param redacts] is true, credentials are replaced.
static func text_of(list: Array[Recorded], redacts: bool) -> String:
	var entries: Array[Dictionary] = []
	var secrets := Redaction.Secrets.new() if redacts else null
	for exchange: Recorded in list:
		# HAR has entries for requests only, not for connections that failed before a request was sent.
		if not exchange.method.is_empty():
			entries.append(_entry(exchange, secrets))
	var creator := {"name": NAME, "version": _version()}
	return JsonText.stringify({"log": {"version": "1.2", "creator": creator, "entries": entries}}, "  ", false)


## Parses the text of a HAR file.
static func read(text: String) -> RefCounted:
	var found := new()
	found._read(text)
	return found


static func _version() -> String:
	var config := ConfigFile.new()
	var path := (Recorded as Script).resource_path.get_base_dir().path_join(VERSION_FILE).simplify_path()
	return str(config.get_value("plugin", "version", "")) if config.load(path) == OK else ""


## An entry for an exchange, without credentials unless [param secrets] is null.
static func _entry(exchange: Recorded, secrets: Redaction.Secrets) -> Dictionary:
	var unpacked := exchange.unpacked()
	var shown := Redaction.redacted(exchange, unpacked.body, secrets) if secrets != null else exchange
	var body := shown.response_body if secrets != null else unpacked.body
	var entry := {
		"startedDateTime": _date(exchange.requested if exchange.requested > 0 else exchange.began),
		"time": _milliseconds_of(exchange),
		"request": _request(shown),
		"response": _response(shown, body),
		"cache": {},
		"timings": _timings(exchange),
		"connection": str(exchange.connection),
	}
	var address := _address(exchange.peer)
	if not address.is_empty():
		entry["serverIPAddress"] = address
	var comments := PackedStringArray()
	if not unpacked.note.is_empty():
		comments.append(unpacked.note)
	if not exchange.is_body_whole():
		comments.append("This file contains only the first %d of %d bytes of the body." % [exchange.response_body.size(), exchange.bytes_received])
	if not comments.is_empty():
		entry["comment"] = " ".join(comments)
	if not shown.error.is_empty():
		entry["_error"] = shown.error
	if not exchange.tls.is_empty():
		entry["_tls"] = exchange.tls
	if not exchange.store.is_empty():
		entry["_fromCache"] = exchange.store
	entry["_task"] = exchange.task
	return entry


## "[::1]:80" or "127.0.0.1:80" without brackets and port, as HAR has it.
static func _address(peer: String) -> String:
	if peer.begins_with("["):
		return peer.get_slice("]", 0).trim_prefix("[")
	return peer.get_slice(":", 0) if peer.count(":") == 1 else peer


static func _request(exchange: Recorded) -> Dictionary:
	var request := {
		"method": exchange.method, "url": exchange.url(), "httpVersion": "HTTP/1.1",
		"cookies": _cookies(exchange.request_headers, "cookie"), "headers": _headers(exchange.request_headers),
		"queryString": _fields(_query(exchange.url())), "headersSize": -1, "bodySize": exchange.request_body.size()}
	if not exchange.request_body.is_empty():
		var type := exchange.request_header("Content-Type")
		var post := {"mimeType": type if not type.is_empty() else "application/octet-stream"}
		if not exchange.request_body.has(0) and BodyText.is_utf8(exchange.request_body):
			post["text"] = exchange.request_body.get_string_from_utf8()
		else:
			# HAR defines no encoding for binary data in this place. This extension is read by the tools that know it.
			post["text"] = Marshalls.raw_to_base64(exchange.request_body)
			post["comment"] = "base64"
			post["_encoding"] = "base64"
		if type.to_lower().begins_with("application/x-www-form-urlencoded"):
			post["params"] = _fields(str(post["text"]))
		request["postData"] = post
	return request


static func _response(exchange: Recorded, body: PackedByteArray) -> Dictionary:
	var type := exchange.response_header("Content-Type")
	var content := {"size": body.size(), "mimeType": type if not type.is_empty() else "x-unknown"}
	if body.size() != exchange.bytes_received:
		content["compression"] = body.size() - exchange.bytes_received
	if not body.is_empty():
		if not body.has(0) and BodyText.is_utf8(body) and body.get_string_from_utf8().to_utf8_buffer() == body:
			content["text"] = body.get_string_from_utf8()
		else:
			content["text"] = Marshalls.raw_to_base64(body)
			content["encoding"] = "base64"
	return {
		"status": exchange.status, "statusText": exchange.reason,
		"httpVersion": exchange.version if not exchange.version.is_empty() else "HTTP/1.1",
		"cookies": _cookies(exchange.response_headers, "set-cookie"), "headers": _headers(exchange.response_headers),
		"content": content, "redirectURL": exchange.response_header("Location"), "headersSize": -1,
		"bodySize": exchange.bytes_received}


static func _timings(exchange: Recorded) -> Dictionary:
	var usec := Recorded.PhaseChart.durations(exchange.timings)
	var of := func(index: int) -> float: return usec[index] / 1000.0 if usec[index] >= 0 else -1.0
	# In HAR, "connect" includes "ssl".
	var connect_usec := maxi(usec[1], 0) + maxi(usec[2], 0)
	return {
		"blocked": -1.0, "dns": of.call(0), "connect": connect_usec / 1000.0 if usec[1] >= 0 else -1.0, "ssl": of.call(2),
		"send": maxf(of.call(3), 0.0), "wait": maxf(of.call(4), 0.0), "receive": maxf(of.call(5), 0.0)}


static func _milliseconds_of(exchange: Recorded) -> float:
	var parts := _timings(exchange)
	var sum := 0.0
	for name: String in ["dns", "connect", "send", "wait", "receive"]:
		sum += maxf(parts[name], 0.0)
	return sum


static func _date(usec: int) -> String:
	var seconds := floori(usec / 1_000_000.0)
	return "%s.%03dZ" % [Time.get_datetime_string_from_unix_time(seconds), floori((usec - seconds * 1_000_000) / 1000.0)]


static func _headers(lines: PackedStringArray) -> Array[Dictionary]:
	var headers: Array[Dictionary] = []
	for line: String in lines:
		headers.append({"name": line.get_slice(":", 0), "value": line.substr(line.find(":") + 1).strip_edges()})
	return headers


static func _cookies(lines: PackedStringArray, header: String) -> Array[Dictionary]:
	var cookies: Array[Dictionary] = []
	for line: String in lines:
		if line.get_slice(":", 0).nocasecmp_to(header) != 0:
			continue
		var parts := line.substr(line.find(":") + 1).split(";", false)
		# In Set-Cookie, only the first part is the cookie; the rest are attributes.
		for part: String in parts.slice(0, 1) if header == "set-cookie" else parts:
			if part.contains("="):
				cookies.append({
					"name": part.get_slice("=", 0).strip_edges(), "value": part.substr(part.find("=") + 1).strip_edges()})
	return cookies


static func _query(url: String) -> String:
	return url.get_slice("#", 0).substr(url.find("?") + 1) if url.contains("?") else ""


static func _fields(text: String) -> Array[Dictionary]:
	var fields: Array[Dictionary] = []
	for field: String in text.split("&", false):
		var has_value := field.contains("=")
		fields.append({
			"name": field.get_slice("=", 0).replace("+", " ").uri_decode(),
			"value": field.substr(field.find("=") + 1).replace("+", " ").uri_decode() if has_value else ""})
	return fields


func _read(text: String) -> void:
	var json := JSON.new()
	if json.parse(text) != OK:
		problem = "This is not JSON (line %d: %s)." % [json.get_error_line(), json.get_error_message()]
		return
	var entries: Variant = _in(_in(json.data, "log"), "entries")
	if not entries is Array:
		problem = "This is not a HAR file: it has no list log.entries."
		return
	for entry: Variant in entries as Array:
		if _in(_in(entry, "request"), "url") is String and _in(entry, "response") is Dictionary:
			exchanges.append(_exchange(entry))
	if exchanges.is_empty() and not (entries as Array).is_empty():
		problem = "No entry of the file has a request with a URL and a response."


func _exchange(entry: Dictionary) -> Recorded:
	var request: Dictionary = entry["request"]
	var response: Dictionary = entry["response"]
	var made := Recorded.new()
	made.method = _text(request, "method")
	made.target = _text(request, "url")
	made.request_headers = _lines(request)
	made.request_body = _bytes(_in(request, "postData"), "_encoding")
	made.status = _number(response, "status")
	made.version = _text(response, "httpVersion")
	made.reason = _text(response, "statusText")
	made.response_headers = _lines(response)
	made.response_body = _bytes(_in(response, "content"), "encoding")
	# The body in a HAR file is already decompressed.
	made.response_headers = PackedStringArray(Array(made.response_headers).filter(
		func(line: String) -> bool: return line.get_slice(":", 0).nocasecmp_to("content-encoding") != 0))
	made.bytes_received = maxi(_number(_in(response, "content"), "size"), made.response_body.size())
	made.error = _text(entry, "_error")
	if made.error.is_empty():
		# Browsers write it here.
		made.error = _text(response, "_error")
	made.store = _text(entry, "_fromCache")
	if made.store in ["disk", "memory"]:
		made.store += " cache"
	made.peer = _text(entry, "serverIPAddress")
	made.connection = _text(entry, "connection").left(Recorded.LONGEST_NUMBER).to_int()
	made.task = _number(entry, "_task")
	var tls: Variant = entry.get("_tls")
	if tls is Dictionary and ["version", "cipher_suite", "key_exchange", "resumed"].all(func(key: String) -> bool: return (tls as Dictionary).has(key)):
		made.apply({"tls": _whole_numbers(tls)})
	made.timings = _read_timings(_in(entry, "timings"))
	made.requested = _usec(_text(entry, "startedDateTime"))
	made.began = made.requested
	made.is_over = true
	return made


static func _read_timings(from: Variant) -> Dictionary:
	var of := func(name: String) -> int:
		var value: Variant = _in(from, name)
		return int((value as float) * 1000.0) if value is float and value >= 0.0 else -1
	var ssl: int = of.call("ssl")
	var whole_connect: int = of.call("connect")
	var send := maxi(of.call("send"), 0)
	var first_byte := send + maxi(of.call("wait"), 0)
	return {
		"dns": of.call("dns"), "connect": maxi(whole_connect - maxi(ssl, 0), 0) if whole_connect >= 0 else -1, "tls": ssl,
		"send": send, "first_byte": first_byte, "total": first_byte + maxi(of.call("receive"), 0)}


## Microseconds since 1970 from a date such as "2026-01-31T12:00:00.123+02:00"; 0 if it is not valid.
static func _usec(date: String) -> int:
	# Godot would print an error about an invalid date.
	const DAY := "\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2\\d))"
	const TIME := "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d"
	var found := RegEx.create_from_string("^(%sT%s)(\\.\\d+)?(?:([+-])(\\d\\d):?(\\d\\d)|Z)?$" % [DAY, TIME]).search(date)
	var year := date.left(4).to_int()
	var is_leap := year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
	if found == null or date.substr(5, 5) == "02-29" and not is_leap:
		return 0
	var seconds := Time.get_unix_time_from_datetime_string(found.get_string(1))
	var offset := found.get_string(4).to_int() * 3600 + found.get_string(5).to_int() * 60
	seconds += offset if found.get_string(3) == "-" else -offset
	return seconds * 1_000_000 + roundi(("0" + found.get_string(2)).to_float() * 1_000_000.0)


static func _lines(part: Dictionary) -> PackedStringArray:
	var lines := PackedStringArray()
	for header: Variant in part.get("headers") as Array if part.get("headers") is Array else []:
		# HTTP/2 names that begin with a colon are pseudo-header fields, not headers.
		if _in(header, "name") is String and not _text(header, "name").begins_with(":"):
			lines.append("%s: %s" % [_text(header, "name"), _text(header, "value")])
	return lines


static func _bytes(content: Variant, encoding: String) -> PackedByteArray:
	var text := _text(content, "text")
	if _text(content, encoding) != "base64":
		return text.to_utf8_buffer()
	# Godot would print an error about invalid Base64.
	var is_base64 := text.length() % 4 == 0 and RegEx.create_from_string("^[A-Za-z0-9+/]*={0,2}$").search(text) != null
	return Marshalls.base64_to_raw(text) if is_base64 and not text.is_empty() else PackedByteArray()


static func _text(from: Variant, key: String) -> String:
	var value: Variant = _in(from, key)
	return value if value is String else ""


static func _number(from: Variant, key: String) -> int:
	var value: Variant = _in(from, key)
	return int(value as float) if value is float else 0


static func _in(from: Variant, key: String) -> Variant:
	return (from as Dictionary).get(key) if from is Dictionary else null


## Converts floats to integers: Godot parses every number in JSON as a float.
static func _whole_numbers(value: Variant) -> Variant:
	if value is float:
		return int(value as float)
	if value is Array:
		return (value as Array).map(func(element: Variant) -> Variant: return _whole_numbers(element))
	if value is Dictionary:
		var made := {}
		for key: Variant in value as Dictionary:
			made[key] = _whole_numbers((value as Dictionary)[key])
		return made
	return value
