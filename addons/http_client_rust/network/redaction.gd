@tool
extends RefCounted
## Removes credentials from an exchange before it is written to a file that may be shared.
##
## It replaces the values of headers and cookies that carry credentials, and of fields in URLs, forms and JSON whose names
## suggest secrets. Wherever such a value occurs elsewhere in the exchange, it is replaced as well.

const Recorded := preload("recorded.gd")
const History := preload("../console/history.gd")
const BodyText := preload("../console/body_text.gd")
const Names := preload("../web/secret_names.gd")

const REPLACED := "[redacted]"
const SECRET_HEADERS: PackedStringArray = ["set-cookie", "x-csrf-token", "x-xsrf-token"]
## Shorter values would match unrelated text.
const SHORTEST := 4
## Longer values are not examined for tokens.
const LONGEST_TOKEN := 16 << 10

var _secrets := PackedStringArray()
# Another field may be in the value of one that is not secret.
var _fields := RegEx.create_from_string("(?:^|[?&;#\\s\"])([^=&?;#\\s\"]{1,200}+)=([^&?;#\\s\"]*+)")
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
	_find_in_body(exchange.request_body, exchange.request_header("Content-Type"), true)
	_find_in_body(body, exchange.response_header("Content-Type"), false)
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
	copy.target = _without(_in_place(exchange.url(), _fields, true))
	copy.reason = _without(exchange.reason)
	copy.error = _without(exchange.error)
	copy.request_headers = _lines_without(exchange.request_headers)
	copy.response_headers = _lines_without(exchange.response_headers)
	copy.request_body = _bytes_without(exchange.request_body, exchange.request_header("Content-Type"), true)
	copy.response_body = _bytes_without(body, exchange.response_header("Content-Type"), false)
	return copy


func _find_in_header(line: String) -> void:
	if not _is_secret_header(line):
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
		if _is_secret(found, true):
			var value := text.substr(found.get_start(2), _end_of_field(text, found) - found.get_start(2))
			_add(value)
			_add(value.replace("+", " ").uri_decode())


func _find_in_body(body: PackedByteArray, content_type: String, is_sent: bool) -> void:
	if body.is_empty():
		return
	# A multipart form with a file is text mixed with binary data.
	var text := body.get_string_from_utf8() if not body.has(0) and BodyText.is_utf8(body) else _text_of(body)
	for found: RegExMatch in _parts.search_all(text) if content_type.to_lower().begins_with("multipart/") else []:
		if _is_secret(found, is_sent):
			_add(found.get_string(2))
	if content_type.to_lower().begins_with("application/x-www-form-urlencoded"):
		_find_in_fields(text)
	for found: RegExMatch in _json.search_all(text):
		if _is_secret(found, is_sent):
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


static func _is_secret_header(line: String) -> bool:
	var name := line.get_slice(":", 0).strip_edges().to_lower()
	var value := line.substr(line.find(":") + 1).strip_edges()
	return name in History.SECRET or name in SECRET_HEADERS or Names.hides(name, value, false) or Names.has_credentials(value)


## Returns whether the field is secret. [param is_sent] is whether the game sent it.
static func _is_secret(field: RegExMatch, is_sent: bool) -> bool:
	var value := field.get_string(2) if not field.get_string(2).is_empty() else field.get_string(3)
	return Names.hides(field.get_string(1).uri_decode(), value.left(LONGEST_TOKEN).uri_decode(), is_sent)


## Returns where a secret field of a query or form ends.
static func _end_of_field(text: String, field: RegExMatch) -> int:
	return Names.end_of_value(field.get_string(1).uri_decode(), text, field.get_end(2))


func _lines_without(lines: PackedStringArray) -> PackedStringArray:
	var kept := PackedStringArray()
	for line: String in lines:
		var name := line.get_slice(":", 0)
		kept.append("%s: %s" % [name, REPLACED] if _is_secret_header(line) else _without(line))
	return kept


func _without(text: String) -> String:
	for secret: String in _secrets:
		text = text.replace(secret, REPLACED)
	return text


## Replaces the values of secret names, whatever their length. Values shorter than [constant SHORTEST] are replaced only here.
func _in_place(text: String, pattern: RegEx, is_sent: bool) -> String:
	var kept := PackedStringArray()
	var done := 0
	for found: RegExMatch in pattern.search_all(text):
		var group := 3 if not found.get_string(3).is_empty() else 2
		if found.get_start(group) < done or found.get_string(group).is_empty() or not _is_secret(found, is_sent):
			continue
		kept.append(text.substr(done, found.get_start(group) - done))
		kept.append(REPLACED if group == 2 else "\"%s\"" % REPLACED)
		done = _end_of_field(text, found) if pattern == _fields else found.get_end(group)
	kept.append(text.substr(done))
	return "".join(kept)


func _bytes_without(body: PackedByteArray, content_type: String, is_sent: bool) -> PackedByteArray:
	if body.is_empty():
		return body
	if not body.has(0) and BodyText.is_utf8(body):
		var text := body.get_string_from_utf8()
		var without := _in_place(text, _json, is_sent)
		if content_type.to_lower().begins_with("multipart/"):
			without = _in_place(without, _parts, is_sent)
		elif content_type.to_lower().begins_with("application/x-www-form-urlencoded"):
			without = _in_place(without, _fields, is_sent)
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
