@tool
extends RefCounted
## Converts a body to something that can be displayed.

## Longer texts slow down the editor.
const SHOWN_CHARACTERS := 200_000
const SHOWN_HEX_BYTES := 16_384
const HEX_ROW := 16


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
	return bytes.get_string_from_utf8() if is_utf8(bytes) else bytes.get_string_from_ascii()


## Whether the bytes are valid UTF-8. The last character may be cut off.
static func is_utf8(bytes: PackedByteArray) -> bool:
	# Most texts are ASCII, which the engine detects much faster. A zero byte would end the string.
	if not bytes.has(0) and RegEx.create_from_string("[^\\x01-\\x7f]").search(bytes.get_string_from_ascii()) == null:
		return true
	var follow := 0
	for byte: int in bytes:
		if follow > 0:
			if byte & 0xc0 != 0x80:
				return false
			follow -= 1
		elif byte >= 0x80:
			follow = 1 if byte & 0xe0 == 0xc0 else 2 if byte & 0xf0 == 0xe0 else 3 if byte & 0xf8 == 0xf0 else -1
			if follow < 0:
				return false
	return true


static func _cut(whole: String) -> String:
	if whole.length() <= SHOWN_CHARACTERS:
		return whole
	return whole.left(SHOWN_CHARACTERS) + "\n… (the rest is not shown)"
