@tool
extends RefCounted
## Removes credentials from an exchange before it is written to a file that may be shared.
##
## It replaces the values of headers and cookies that carry credentials, and of fields in URLs, forms and JSON whose names
## suggest secrets. Wherever such a value occurs elsewhere in the exchange, it is replaced as well.

const Recorded := preload("recorded.gd")
const History := preload("../console/history.gd")
const BodyText := preload("../console/body_text.gd")

const REPLACED := "[redacted]"
const SECRET_HEADERS: PackedStringArray = ["set-cookie", "x-csrf-token", "x-xsrf-token"]
## Parts of the names of secret fields.
const SECRET_NAMES := "(?i)(token|secret|passw|pwd|api[-_]?key|auth|signature|session|credential|private)"
## Shorter values would match unrelated text.
const SHORTEST := 4

var _secrets := PackedStringArray()
var _names := RegEx.create_from_string(SECRET_NAMES)
var _fields := RegEx.create_from_string("(?:^|[?&;\\s\"])([^=&?;\\s\"]{1,200})=([^&;#\\s\"]*)")
var _parts := RegEx.create_from_string("(?i)name=\"([^\"\\r\\n]{1,200})\"[^\\r\\n]*\\r\\n(?:[^\\r\\n]+\\r\\n)*\\r\\n([^\\r]*+(?:\\r(?!\\n--)[^\\r]*+)*+)(?=\\r\\n--)")
# The pattern does not backtrack. Otherwise a long text would exceed the step limit, and the rest of the text would not be
# searched.
var _json := RegEx.create_from_string(
	"\"((?:[^\"\\\\]|\\\\.){1,200}+)\"\\s*+:\\s*+(?:\"([^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+)\"|(-?[0-9][0-9.eE+-]*+))")


## A copy of an exchange without its credentials. [param body] is the decompressed body of its response; the copy has the
## redacted body.
static func redacted(exchange: Recorded, body: PackedByteArray) -> Recorded:
	return new()._redacted(exchange, body)


func _redacted(exchange: Recorded, body: PackedByteArray) -> Recorded:
	for line: String in exchange.request_headers + exchange.response_headers:
		_find_in_header(line)
	_find_in_fields(exchange.url())
	_find_in_fields(exchange.response_header("Location"))
	_find_in_body(exchange.request_body, exchange.request_header("Content-Type"))
	_find_in_body(body, exchange.response_header("Content-Type"))
	# Longest first, because one secret may contain another.
	var secrets := Array(_secrets)
	secrets.sort_custom(func(a: String, b: String) -> bool: return a.length() > b.length())
	_secrets = PackedStringArray(secrets)
	var copy := Recorded.new()
	for name: String in [
			"id", "connection", "task", "began", "requested", "is_on_kept", "proxy", "peer", "method", "bytes_sent", "status",
			"version", "bytes_received", "left_out", "timings", "tls", "phase", "is_over"]:
		copy.set(name, exchange.get(name))
	copy.origin = _without(exchange.origin)
	copy.target = _without(_in_place(exchange.url(), _fields))
	copy.reason = _without(exchange.reason)
	copy.error = _without(exchange.error)
	copy.request_headers = _lines_without(exchange.request_headers)
	copy.response_headers = _lines_without(exchange.response_headers)
	copy.request_body = _bytes_without(exchange.request_body, exchange.request_header("Content-Type"))
	copy.response_body = _bytes_without(body, exchange.response_header("Content-Type"))
	return copy


func _find_in_header(line: String) -> void:
	if not _is_secret_header(line.get_slice(":", 0)):
		return
	var value := line.substr(line.find(":") + 1).strip_edges()
	_add(value)
	# Splits "Bearer TOKEN" and "name=value; name=value".
	_add(value.get_slice(" ", 1))
	for part: String in value.split(";", false):
		if part.contains("="):
			_add(part.substr(part.find("=") + 1).strip_edges())
			if line.get_slice(":", 0).strip_edges().to_lower() == "set-cookie":
				break


func _find_in_fields(text: String) -> void:
	for found: RegExMatch in _fields.search_all(text):
		if _names.search(found.get_string(1).uri_decode()) != null:
			_add(found.get_string(2))
			_add(found.get_string(2).replace("+", " ").uri_decode())


func _find_in_body(body: PackedByteArray, content_type: String) -> void:
	if body.is_empty():
		return
	# A multipart form with a file is text mixed with binary data.
	var text := body.get_string_from_utf8() if not body.has(0) and BodyText.is_utf8(body) else _text_of(body)
	for found: RegExMatch in _parts.search_all(text) if content_type.to_lower().begins_with("multipart/") else []:
		if _names.search(found.get_string(1)) != null:
			_add(found.get_string(2))
	if content_type.to_lower().begins_with("application/x-www-form-urlencoded"):
		_find_in_fields(text)
	for found: RegExMatch in _json.search_all(text):
		if _names.search(found.get_string(1)) != null:
			_add(found.get_string(2))
			_add(found.get_string(3))


## The printable ASCII text of a body, with a space for every other byte.
static func _text_of(body: PackedByteArray) -> String:
	var printable := body.duplicate()
	for index: int in printable.size():
		var byte := printable[index]
		if (byte < 0x20 and not byte in [0x0d, 0x0a]) or byte >= 0x7f:
			printable[index] = 0x20
	return printable.get_string_from_ascii()


func _add(secret: String) -> void:
	if secret.length() >= SHORTEST and not _secrets.has(secret):
		_secrets.append(secret)
		# The value as it occurs in URLs and forms.
		var encoded := secret.uri_encode()
		if encoded != secret and not _secrets.has(encoded):
			_secrets.append(encoded)


func _is_secret_header(name: String) -> bool:
	var lower := name.strip_edges().to_lower()
	return lower in History.SECRET or lower in SECRET_HEADERS or _names.search(lower) != null


func _lines_without(lines: PackedStringArray) -> PackedStringArray:
	var kept := PackedStringArray()
	for line: String in lines:
		var name := line.get_slice(":", 0)
		kept.append("%s: %s" % [name, REPLACED] if _is_secret_header(name) else _without(line))
	return kept


func _without(text: String) -> String:
	for secret: String in _secrets:
		text = text.replace(secret, REPLACED)
	return text


## Replaces the values of secret names, whatever their length. Values shorter than [constant SHORTEST] are replaced only here.
func _in_place(text: String, pattern: RegEx) -> String:
	var kept := PackedStringArray()
	var done := 0
	for found: RegExMatch in pattern.search_all(text):
		var group := 3 if not found.get_string(3).is_empty() else 2
		if found.get_string(group).is_empty() or _names.search(found.get_string(1).uri_decode()) == null:
			continue
		kept.append(text.substr(done, found.get_start(group) - done))
		kept.append(REPLACED if group == 2 else "\"%s\"" % REPLACED)
		done = found.get_end(group)
	kept.append(text.substr(done))
	return "".join(kept)


func _bytes_without(body: PackedByteArray, content_type: String) -> PackedByteArray:
	if body.is_empty():
		return body
	if not body.has(0) and BodyText.is_utf8(body):
		var text := body.get_string_from_utf8()
		var without := _in_place(text, _json)
		if content_type.to_lower().begins_with("multipart/"):
			without = _in_place(without, _parts)
		elif content_type.to_lower().begins_with("application/x-www-form-urlencoded"):
			without = _in_place(without, _fields)
		without = _without(without)
		return body if without == text else without.to_utf8_buffer()
	if _secrets.is_empty():
		return body
	# Searches a binary body as hexadecimal digits.
	var digits := body.hex_encode()
	for secret: String in _secrets:
		digits = _digits_without(digits, secret.to_utf8_buffer().hex_encode())
	return digits.hex_decode()


static func _digits_without(digits: String, secret: String) -> String:
	var kept := PackedStringArray()
	var start := 0
	var at := digits.find(secret)
	while at >= 0:
		# A match at an odd digit is not aligned to bytes.
		if at % 2 == 0:
			kept.append(digits.substr(start, at - start))
			kept.append(REPLACED.to_utf8_buffer().hex_encode())
			start = at + secret.length()
		at = digits.find(secret, maxi(start, at + 1))
	kept.append(digits.substr(start))
	return "".join(kept)
