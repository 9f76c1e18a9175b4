@tool
extends RefCounted
## Converts a body to something that can be displayed.

## Longer texts slow down the editor.
const SHOWN_CHARACTERS := 200_000
const SHOWN_HEX_BYTES := 16_384
const HEX_ROW := 16
## Finds bytes that are not valid UTF-8 (RFC 3629), in a string with one character for each byte. The engine would log an error for
## each of them. It looks for faults, because a pattern for the whole of a long text would exceed the limit of steps.
const NO_UTF8 := (
	"[\\xc0\\xc1\\xf5-\\xff]|\\xe0[\\x80-\\x9f]|\\xed[\\xa0-\\xbf]|\\xf0[\\x80-\\x8f]|\\xf4[\\x90-\\xbf]"
	# A character is too short.
	+ "|[\\xc2-\\xdf](?![\\x80-\\xbf]|\\z)|[\\xe0-\\xef](?![\\x80-\\xbf]{2}|[\\x80-\\xbf]?\\z)"
	+ "|[\\xf0-\\xf4](?![\\x80-\\xbf]{3}|[\\x80-\\xbf]{0,2}\\z)"
	# Or too long.
	+ "|(?<![\\x80-\\xff])[\\x80-\\xbf]|[\\xc2-\\xdf][\\x80-\\xbf]{2}|[\\xe0-\\xef][\\x80-\\xbf]{3}|[\\xf0-\\xf4][\\x80-\\xbf]{4}")

static var _no_utf8 := RegEx.create_from_string(NO_UTF8)


## The view that suits this body best: "json", "image", "text" or "hex".
static func best_view(content_type: String, body: PackedByteArray) -> String:
	var type := content_type.get_slice(";", 0).strip_edges().to_lower()
	if type.begins_with("image/") and image_of(body) != null:
		return "image"
	if type.ends_with("json"):
		return "json"
	if type.begins_with("text/") or type.ends_with("xml") or is_text(body):
		return "text"
	return "hex"


static func is_text(body: PackedByteArray) -> bool:
	return not body.slice(0, 4096).has(0)


## The image, or null. The format is detected from the first bytes, so that Godot does not print an error about a wrong format.
static func image_of(body: PackedByteArray) -> Image:
	var image := Image.new()
	var error := ERR_FILE_UNRECOGNIZED
	if body.slice(0, 8) == PackedByteArray([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]):
		error = image.load_png_from_buffer(body)
	elif body.slice(0, 3) == PackedByteArray([0xff, 0xd8, 0xff]):
		error = image.load_jpg_from_buffer(body)
	elif body.slice(8, 12) == "WEBP".to_ascii_buffer():
		error = image.load_webp_from_buffer(body)
	elif body.slice(0, 2) == "BM".to_ascii_buffer():
		error = image.load_bmp_from_buffer(body)
	return image if error == OK and not image.is_empty() else null


static func text(body: PackedByteArray) -> String:
	return _cut(_decoded(body))


static func pretty_json(body: PackedByteArray) -> String:
	var json := JSON.new()
	if json.parse(_decoded(body)) != OK:
		return "This is not JSON (line %d: %s).\n\n%s" % [json.get_error_line(), json.get_error_message(), text(body)]
	return _cut(_indented(_decoded(body)))


static func hex(body: PackedByteArray) -> String:
	var rows := PackedStringArray()
	for at: int in range(0, mini(body.size(), SHOWN_HEX_BYTES), HEX_ROW):
		var row := body.slice(at, at + HEX_ROW)
		var shown := ""
		var printable := ""
		for byte: int in row:
			shown += "%02x " % byte
			printable += char(byte) if byte >= 0x20 and byte < 0x7f else "."
		rows.append("%08x  %s %s" % [at, shown.rpad(HEX_ROW * 3), printable])
	if body.size() > SHOWN_HEX_BYTES:
		rows.append("… %d bytes more" % (body.size() - SHOWN_HEX_BYTES))
	return "\n".join(rows)


## JSON with line breaks. The text is not parsed and written again: Godot parses every number as a float, and 1 would become 1.0.
static func _indented(json: String) -> String:
	var pieces := PackedStringArray()
	var depth := 0
	var at := 0
	var is_empty := false
	while at < json.length():
		var character := json[at]
		match character:
			"{", "[":
				if is_empty:
					pieces.append("\n" + "  ".repeat(depth))
				depth += 1
				pieces.append(character)
				is_empty = true
				at += 1
				continue
			"}", "]":
				depth -= 1
				pieces.append(character if is_empty else "\n" + "  ".repeat(depth) + character)
				is_empty = false
				at += 1
				continue
			" ", "\t", "\n", "\r":
				at += 1
				continue
		if is_empty or character == ",":
			if is_empty:
				pieces.append("\n" + "  ".repeat(depth))
			else:
				pieces.append(",\n" + "  ".repeat(depth))
			is_empty = false
			if character == ",":
				at += 1
				continue
		if character == ":":
			pieces.append(": ")
			at += 1
			continue
		var end := _end_of_value(json, at)
		pieces.append(json.substr(at, end - at))
		at = end
	return "".join(pieces)


static func _end_of_value(json: String, start: int) -> int:
	var at := start + 1
	if json[start] != "\"":
		while at < json.length() and not json[at] in ",]}: \t\n\r":
			at += 1
		return at
	while at < json.length() and json[at] != "\"":
		at += 2 if json[at] == "\\" else 1
	return at + 1


## Decodes the body as UTF-8 if it is valid, otherwise as Latin-1.
static func _decoded(body: PackedByteArray) -> String:
	var bytes := body.slice(0, SHOWN_CHARACTERS * 4)
	return from_utf8(bytes) if is_utf8(bytes) else bytes.get_string_from_ascii()


## Whether the bytes are valid UTF-8. The last character may be cut off.
static func is_utf8(bytes: PackedByteArray) -> bool:
	for piece: PackedByteArray in _between_zeros(bytes) if bytes.has(0) else [bytes] as Array[PackedByteArray]:
		if _no_utf8.search(piece.get_string_from_ascii()) != null:
			return false
	return true


## Whether the bytes are valid UTF-8 without a zero byte, which no text has.
static func is_text_in_utf8(bytes: PackedByteArray) -> bool:
	return not bytes.has(0) and is_utf8(bytes)


## Decodes valid UTF-8, except for a last character that is cut off.
static func from_utf8(bytes: PackedByteArray) -> String:
	var length := whole_length(bytes)
	return (bytes if length == bytes.size() else bytes.slice(0, length)).get_string_from_utf8()


## The length of valid UTF-8 up to a last character that is cut off.
static func whole_length(bytes: PackedByteArray) -> int:
	for back: int in range(1, mini(bytes.size(), 3) + 1):
		var byte := bytes[-back]
		if byte >= 0xc0:
			var length := 2 if byte < 0xe0 else 3 if byte < 0xf0 else 4
			return bytes.size() - back if length > back else bytes.size()
	return bytes.size()


## The pieces between zero bytes, which would end a string. A space replaces each zero byte.
static func _between_zeros(bytes: PackedByteArray) -> Array[PackedByteArray]:
	var pieces: Array[PackedByteArray] = []
	var start := 0
	var end := bytes.find(0)
	while end >= 0:
		if end > start:
			pieces.append(bytes.slice(start, end) + PackedByteArray([0x20]))
		start = end + 1
		end = bytes.find(0, start) if start < bytes.size() else -1
	pieces.append(bytes.slice(start))
	return pieces


static func _cut(whole: String) -> String:
	if whole.length() <= SHOWN_CHARACTERS:
		return whole
	return whole.left(SHOWN_CHARACTERS) + "\n… (the rest is not shown)"
