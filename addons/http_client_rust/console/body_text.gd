@tool
extends RefCounted
## Converts a body to something that can be displayed.

## Longer texts slow down the editor.
const SHOWN_CHARACTERS := 200_000
const SHOWN_HEX_BYTES := 16_384
const HEX_ROW := 16
## The time that a text field needs for a line grows with the square of its length.
const LONGEST_LINE := 5000
## Longer bodies are formatted without checking that they are JSON.
const PARSED_BYTES := 1 << 20
## Deeper levels of JSON are not indented any further.
const DEEPEST_INDENT := 64
const JSON_TOKEN := "(?s)\"[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+(?:\"|\\\\?\\z)|[{}\\[\\],:]|[^\\s{}\\[\\],:\"]++"
## Finds bytes that are not valid UTF-8 (RFC 3629), in a string with one character for each byte. The engine would log an error for
## each of them. It looks for faults, because a pattern for the whole of a long text would exceed the limit of steps.
const NO_UTF8 := (
	"[\\xc0\\xc1\\xf5-\\xff]|\\xe0[\\x80-\\x9f]|\\xed[\\xa0-\\xbf]|\\xf0[\\x80-\\x8f]|\\xf4[\\x90-\\xbf]"
	# A character is too short.
	+ "|[\\xc2-\\xdf](?![\\x80-\\xbf]|\\z)|[\\xe0-\\xef](?![\\x80-\\xbf]{2}|[\\x80-\\xbf]?\\z)"
	+ "|[\\xf0-\\xf4](?![\\x80-\\xbf]{3}|[\\x80-\\xbf]{0,2}\\z)"
	# Or too long.
	+ "|(?<![\\x80-\\xff])[\\x80-\\xbf]|[\\xc2-\\xdf][\\x80-\\xbf]{2}|[\\xe0-\\xef][\\x80-\\xbf]{3}|[\\xf0-\\xf4][\\x80-\\xbf]{4}")

static var _json_token := RegEx.create_from_string(JSON_TOKEN)
static var _long_line := RegEx.create_from_string("[^\\n]{%d}(?=[^\\n])" % LONGEST_LINE)
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
	return shown(_decoded(body))


## The body as JSON with line breaks. A body that is not whole is formatted as far as it goes.
static func pretty_json(body: PackedByteArray, is_whole := true) -> String:
	if is_whole and body.size() <= PARSED_BYTES:
		var json := JSON.new()
		if json.parse(_decoded(body, PARSED_BYTES)) != OK:
			return "This is not JSON (line %d: %s).\n\n%s" % [json.get_error_line(), json.get_error_message(), text(body)]
	return shown(_indented(_decoded(body)))


## A text that a text field can show at once: without its rest if it is long, and with breaks in long lines.
static func shown(whole: String) -> String:
	var cut := whole.left(SHOWN_CHARACTERS)
	var broken := _long_line.sub(cut, "$0\n", true)
	if whole.length() > SHOWN_CHARACTERS:
		broken += "\n… (the rest is not shown)"
	if _long_line.search(cut) != null:
		broken += "\n… (there are breaks in lines of more than %d characters)" % LONGEST_LINE
	return broken


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
## It ends after the characters that are shown.
static func _indented(json: String) -> String:
	var pieces := PackedStringArray()
	var length := 0
	var depth := 0
	# Whether the last token opened a list or an object.
	var is_opened := false
	var found := _json_token.search(json)
	while found != null and length <= SHOWN_CHARACTERS:
		var token := found.get_string()
		var piece := token
		match token:
			"}", "]":
				depth = maxi(depth - 1, 0)
				piece = token if is_opened else _new_line(depth) + token
				is_opened = false
			",":
				piece += _new_line(depth)
				is_opened = false
			":":
				piece += " "
			_:
				if is_opened:
					piece = _new_line(depth) + token
				is_opened = token in ["{", "["]
				depth += int(is_opened)
		pieces.append(piece)
		length += piece.length()
		found = _json_token.search(json, found.get_end())
	return "".join(pieces)


static func _new_line(depth: int) -> String:
	return "\n" + "  ".repeat(mini(depth, DEEPEST_INDENT))


## Decodes the body as UTF-8 if it is valid, otherwise as Latin-1.
static func _decoded(body: PackedByteArray, most := SHOWN_CHARACTERS * 4) -> String:
	var bytes := body.slice(0, most)
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
