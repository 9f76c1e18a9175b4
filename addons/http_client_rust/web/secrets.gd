@tool
extends RefCounted
## Finds the secrets of exchanges, remembers them, and replaces each wherever it occurs. Recordings of the stand-ins and HAR files of
## the *Network* panel use it. The rules are those of the library, in rust/fetch/src/replay.
##
## First call the [code]redact_…[/code] methods for all parts of an exchange, then [method replace] or [method replace_in_body] for
## the results: a response can reveal a secret that the request already contains.

const BodyText := preload("../console/body_text.gd")
const Names := preload("secret_names.gd")

const MARK := "[redacted]"
## A shorter secret is only replaced where it was found, because it would match too much other text.
const SHORTEST := 4
## A shorter secret is only replaced where it is not part of a longer word.
const SHORTEST_IN_WORDS := 8
## A longer secret is only replaced where it was found.
const LONGEST := 8 << 10
## The maximum number of secrets that are remembered. The oldest ones are forgotten first.
const MOST := 2000
## With more secrets than this, only those are searched for whose first bytes occur in the text.
const FEW := 20
## Longer values are not examined for tokens.
const LONGEST_TOKEN := 16 << 10
const EVERYDAY_WORDS: PackedStringArray = ["true", "false", "null", "none", "basic", "bearer", "undefined", "unknown"]

## The names and values that may be secret: in JSON, in a query or form, and in a multipart form. The patterns do not backtrack:
## otherwise, a long text would exceed the limit of steps, and nothing after it would be found.
const JSON_NAME := "\"((?:[^\"\\\\]|\\\\.){1,200}+)\"\\s*+:\\s*+"
## A string of JSON. Its end is missing if the text was cut off.
const JSON_STRING := "\"([^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+(?:\\\\\\z)?+)(?:\"|\\z)"
const JSON_NUMBER := "-?[0-9][0-9.eE+-]*+"
const JSON_VALUE := JSON_NAME + "((?=[\\[{])|" + JSON_STRING + "|" + JSON_NUMBER + ")"
const JSON_LIST := "\\G(?<list>[\\[{](?:[^\\[\\]{}\"]++|\"[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+\"|(?&list))*+[\\]}])"
## If the string is a name, the second group is its colon.
const JSON_SCALAR := JSON_STRING + "(\\s*+:)?|" + JSON_NUMBER
## A value that is not secret may contain another pair. A secret value includes that pair.
const PAIR := "(?<=[?&#;]|^)([^=&?#;\\s\"{}:/]++)=([^&?#;\\s\"]*+)"
const PART := "(?i)name=\"([^\"\\r\\n]{1,200})\"[^\\r\\n]*\\r\\n(?:[^\\r\\n]+\\r\\n)*\\r\\n([^\\r]*+(?:\\r(?!\\n--)[^\\r]*+)*+)(?=\\r\\n--)"
const USER_INFO := "://((?:[^/?#\"'<>\\s\\\\@]*+@)++)"

static var _json_value := RegEx.create_from_string(JSON_VALUE)
static var _json_list := RegEx.create_from_string(JSON_LIST)
static var _json_scalar := RegEx.create_from_string(JSON_SCALAR)
static var _pair := RegEx.create_from_string(PAIR)
static var _part := RegEx.create_from_string(PART)
static var _user_info := RegEx.create_from_string(USER_INFO)
static var _boundary := RegEx.create_from_string("boundary=\"?([^\";]+)")

## The secrets as keys, oldest first. Their values are the ways in which they are written.
var _known := {}
## The ways in which the secrets are written, by their first four bytes, each with the number of its secrets.
var _by_start := {}


## Remembers a decoded secret.
func add(secret: String) -> void:
	secret = secret.strip_edges()
	var is_short := secret.length() < SHORTEST or EVERYDAY_WORDS.has(secret.to_lower())
	# Marks must stay whole.
	if is_short or secret.length() > LONGEST or _known.has(secret) or secret.contains(MARK) or MARK.contains(secret):
		return
	if _known.size() >= MOST:
		_forget(_known.keys()[0])
	var ways := {secret: true}
	for way: String in [
			secret.uri_encode(), secret.uri_encode().replace("%20", "+"), secret.json_escape(), secret.json_escape().replace("/", "\\/"),
			secret.json_escape().json_escape(), secret.xml_escape(true)]:
		ways[way] = true
	_known[secret] = ways.keys()
	for way: String in ways:
		var alike: Dictionary = _by_start.get_or_add(_start_of(way), {})
		alike[way] = int(alike.get(way, 0)) + 1


## Returns a header's value without its secrets. [param is_sent] is whether this side wrote it.
func redact_header(name: String, value: String, is_sent: bool) -> String:
	match name.to_lower():
		"cookie":
			return ";".join(Array(value.split(";")).map(_redacted_cookie))
		"set-cookie":
			# Browsers write several cookies as lines of one value.
			return "\n".join(Array(value.split("\n")).map(func(cookie: String) -> String:
				var pair := cookie.get_slice(";", 0)
				return _redacted_cookie(pair) + cookie.substr(pair.length())))
	if not Names.hides_header(name, value):
		return redact_text(value, is_sent)
	_add_credentials(value)
	return MARK


## Returns a text without the values of secret names.
func redact_text(text: String, is_sent: bool) -> String:
	text = _redact_json(text, is_sent)
	if text.contains("\\\""):
		# This only remembers the secrets in JSON that is itself a string of JSON. [method replace] replaces them.
		_redact_json(text.replace("\\\"", "\u0001").replace("\"", " ").replace("\u0001", "\""), is_sent)
	text = _redact_user_info(text)
	for pattern: RegEx in [_pair, _part]:
		text = _redact_fields(text, pattern, is_sent)
	return text


## Does the same for a body. It may be a form with files, or any other binary data.
func redact_body(body: PackedByteArray, type: String, is_sent: bool) -> PackedByteArray:
	if body.is_empty():
		return body
	if BodyText.is_text_in_utf8(body):
		return _changed(body, func(text: String) -> String: return redact_text(text, is_sent))
	redact_text(_printable(body), is_sent)
	return _redact_parts(body, type, is_sent)


## Returns a text in which a mark replaces each remembered secret.
func replace(text: String) -> String:
	for secret: String in _written_in(text.to_utf8_buffer()):
		if not text.contains(secret):
			continue
		if secret.length() >= SHORTEST_IN_WORDS:
			text = text.replace(secret, MARK)
		else:
			text = RegEx.create_from_string(
				"(?<![A-Za-z0-9])\\Q%s\\E(?![A-Za-z0-9])" % secret.replace("\\E", "\\E\\\\E\\Q")).sub(text, MARK, true)
	return text


## Does the same for a body.
func replace_in_body(body: PackedByteArray) -> PackedByteArray:
	if body.is_empty() or _known.is_empty():
		return body
	if BodyText.is_text_in_utf8(body):
		return _changed(body, replace)
	# Bytes cannot be searched, but their hexadecimal digits can.
	var digits := body.hex_encode()
	for secret: String in _written_in(body):
		digits = _digits(MARK).join(_split_at_bytes(digits, _digits(secret)))
	return digits.hex_decode()


func _forget(secret: String) -> void:
	for way: String in _known[secret]:
		var alike: Dictionary = _by_start[_start_of(way)]
		alike[way] = int(alike[way]) - 1
		if alike[way] == 0:
			alike.erase(way)
		if alike.is_empty():
			_by_start.erase(_start_of(way))
	_known.erase(secret)


## The ways in which secrets may be written in a text. They are sorted by length, because one may be the beginning of another.
func _written_in(bytes: PackedByteArray) -> Array:
	var ways: Array = []
	if _known.size() <= FEW:
		for of_secret: Array in _known.values():
			ways.append_array(of_secret)
	else:
		var starts := {}
		for at: int in maxi(bytes.size() - 3, 0):
			var start := bytes.decode_u32(at)
			if _by_start.has(start):
				starts[start] = true
		for start: int in starts:
			ways.append_array((_by_start[start] as Dictionary).keys())
	ways.sort_custom(func(one: String, other: String) -> bool: return one.length() > other.length())
	return ways


## The first four bytes of a secret, which has at least [constant SHORTEST] characters.
static func _start_of(way: String) -> int:
	return way.left(SHORTEST).to_utf8_buffer().decode_u32(0)


func _redacted_cookie(pair: String) -> String:
	# A cookie without a name consists only of its value.
	var start := pair.find("=") + 1
	if start == 0:
		start = pair.length() - pair.strip_edges(true, false).length()
	var value := pair.substr(start).strip_edges()
	if value.is_empty():
		return pair
	add(value)
	add(value.trim_prefix("\"").trim_suffix("\""))
	add(decoded(value))
	return pair.left(start) + MARK


## Adds the whole value, the token of [code]Bearer TOKEN[/code], and the password in [code]Basic BASE64[/code].
func _add_credentials(value: String) -> void:
	add(value)
	if not value.strip_edges().contains(" "):
		return
	var rest := value.strip_edges().split(" ", true, 1)[1].strip_edges()
	add(rest)
	if value.strip_edges().to_lower().begins_with("basic "):
		var user_info := text_of(Names.from_base64(rest))
		add(user_info)
		add(user_info.substr(user_info.find(":") + 1))


func _redact_json(text: String, is_sent: bool) -> String:
	var kept := PackedStringArray()
	var done := 0
	for found: RegExMatch in _json_value.search_all(text):
		var start := found.get_start(2)
		if start < done:
			continue
		var end := found.get_end(2)
		var name := _unescaped(found.get_string(1))
		if start == end:
			if Names.secrecy(name) != Names.Secrecy.ALL:
				continue
			var list := _json_list.search(text, start)
			# If the text was cut off, the list is the whole rest.
			end = list.get_end() if list != null else text.length()
		elif not Names.hides(name, _unescaped(found.get_string(3).left(LONGEST_TOKEN)), is_sent):
			continue
		kept.append(text.substr(done, start - done))
		kept.append(_redact_scalars(text.substr(start, end - start)))
		done = end
	kept.append(text.substr(done))
	return "".join(kept)


## Returns a value of JSON in which a mark replaces each string and each number, but no name.
func _redact_scalars(json: String) -> String:
	var kept := PackedStringArray()
	var done := 0
	for found: RegExMatch in _json_scalar.search_all(json):
		var is_number := found.get_start(1) < 0
		var group := 0 if is_number else 1
		var value := found.get_string(group)
		if value.is_empty() or value == MARK or not found.get_string(2).is_empty():
			continue
		add(_unescaped(value))
		kept.append(json.substr(done, found.get_start(group) - done))
		kept.append("\"%s\"" % MARK if is_number else MARK)
		done = found.get_end(group)
	kept.append(json.substr(done))
	return "".join(kept)


func _redact_fields(text: String, pattern: RegEx, is_sent: bool) -> String:
	var is_pair := pattern == _pair
	var kept := PackedStringArray()
	var done := 0
	for found: RegExMatch in pattern.search_all(text):
		var start := found.get_start(2)
		var name := decoded(found.get_string(1)) if is_pair else found.get_string(1)
		var value := found.get_string(2).left(LONGEST_TOKEN)
		if start < done or value.is_empty() or not Names.hides(name, decoded(value) if is_pair else value, is_sent or is_pair):
			continue
		var end := Names.end_of_value(name, text, found.get_end(2)) if is_pair else found.get_end(2)
		var whole := text.substr(start, end - start)
		if whole == MARK:
			continue
		add(whole)
		add(decoded(whole) if is_pair else whole.replace("\r\n", "\n"))
		kept.append(text.substr(done, start - done))
		kept.append(MARK)
		done = end
	kept.append(text.substr(done))
	return "".join(kept)


## Returns a text without the user and password of URLs.
func _redact_user_info(text: String) -> String:
	var kept := PackedStringArray()
	var done := 0
	for found: RegExMatch in _user_info.search_all(text):
		var start := found.get_start(1)
		var end := found.get_end(1) - 1
		var info := text.substr(start, end - start)
		if info.is_empty() or info == MARK:
			continue
		add(info.substr(info.find(":") + 1).uri_decode())
		kept.append(text.substr(done, start - done))
		kept.append(MARK)
		done = end
	kept.append(text.substr(done))
	return "".join(kept)


## Replaces the secret fields of a multipart form with files.
func _redact_parts(body: PackedByteArray, type: String, is_sent: bool) -> PackedByteArray:
	var found := _boundary.search(type)
	if found == null:
		return body
	var boundary := _digits("--" + found.get_string(1))
	var gap := _digits("\r\n\r\n")
	var parts := _split_at_bytes(body.hex_encode(), boundary)
	for index: int in parts.size():
		var head_digits := _split_at_bytes(parts[index], gap)[0]
		var head := RegEx.create_from_string("name=\"([^\"]*)\"").search(text_of(head_digits.hex_decode()))
		if head == null or head_digits.length() == parts[index].length():
			continue
		var start := head_digits.length() + gap.length()
		# A long part is a file and not a token.
		var value := text_of(parts[index].substr(start, LONGEST_TOKEN * 2).hex_decode()).trim_suffix("\r\n")
		if not value.is_empty() and Names.hides(head.get_string(1), value, is_sent):
			add(value)
			parts[index] = parts[index].left(start) + _digits(MARK + "\r\n")
	return boundary.join(parts).hex_decode()


## Returns a value without the escapes of JSON.
static func _unescaped(value: String) -> String:
	var json := JSON.new()
	return json.data if value.contains("\\") and json.parse("\"%s\"" % value) == OK else value


## Decodes a value of a query or form, in which + is a space.
static func decoded(value: String) -> String:
	return value.replace("+", " ").uri_decode()


## Returns the text in UTF-8; empty if the bytes are something else.
static func text_of(bytes: PackedByteArray) -> String:
	return BodyText.from_utf8(bytes) if BodyText.is_text_in_utf8(bytes) else ""


## Changes a body that is text in UTF-8. Its last character may be cut off.
static func _changed(body: PackedByteArray, change: Callable) -> PackedByteArray:
	var text := BodyText.from_utf8(body)
	var changed: String = change.call(text)
	return body if changed == text else changed.to_utf8_buffer() + body.slice(BodyText.whole_length(body))


## The printable ASCII text of a body, with a space for every other byte.
static func _printable(body: PackedByteArray) -> String:
	var printable := body.duplicate()
	for index: int in printable.size():
		var byte := printable[index]
		if (byte < 0x20 and not byte in [0x0d, 0x0a]) or byte >= 0x7f:
			printable[index] = 0x20
	return printable.get_string_from_ascii()


static func _digits(text: String) -> String:
	return text.to_utf8_buffer().hex_encode()


## Splits hexadecimal digits. A match at an odd digit is not aligned to bytes.
static func _split_at_bytes(digits: String, separator: String) -> PackedStringArray:
	var pieces := PackedStringArray()
	var start := 0
	var at := digits.find(separator)
	while at >= 0:
		if at % 2 == 0:
			pieces.append(digits.substr(start, at - start))
			start = at + separator.length()
		at = digits.find(separator, maxi(start, at + 1))
	pieces.append(digits.substr(start))
	return pieces
