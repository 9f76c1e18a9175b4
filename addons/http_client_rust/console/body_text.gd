@tool
extends RefCounted
## Converts a body to something that can be displayed.

## Longer texts slow down the editor.
const SHOWN_CHARACTERS := 200_000
const SHOWN_HEX_BYTES := 16_384
const HEX_ROW := 16
## The time that a text field needs for a line grows with the square of its length.
const LONGEST_LINE := 5000
## A text field needs about as long for 4,000 lines as for the characters above.
const MOST_LINES := 4000
## The maximum number of JSON tokens in a line, such as a name, a colon, two brackets and a comma.
const PIECES_OF_A_LINE := 5
## The size of a picture of 8K. Images with more pixels are not decoded.
const MOST_PIXELS := 7680 * 4320
## Longer bodies are formatted without checking that they are JSON.
const PARSED_BYTES := 1 << 20
## Deeper levels of JSON are not indented any further.
const DEEPEST_INDENT := 64
const JSON_TOKEN := "(?s)\"[^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+(?:\"|\\\\?\\z)|[{}\\[\\],:]|[^\\s{}\\[\\],:\"]++"
## Finds bytes that are not valid UTF-8 (RFC 3629), in a string with one character for each byte. The engine would log an error for
## each of them. The pattern finds the faults, because a pattern for all of a long text would exceed the limit of steps.
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
	if type.begins_with("image/") and not _image_format(body).is_empty():
		return "image"
	if type.ends_with("json"):
		return "json"
	if type.begins_with("text/") or type.ends_with("xml") or is_text(body):
		return "text"
	return "hex"


static func is_text(body: PackedByteArray) -> bool:
	return not body.slice(0, 4096).has(0)


## The image, or null. An incomplete image is not decoded, because the engine would log errors. An image with too many pixels is not
## decoded either, even if its file is small.
static func image_of(body: PackedByteArray, is_whole := true) -> Image:
	var format := _image_format(body)
	var size := _image_size(body, format)
	if not is_whole or format.is_empty() or size.x * size.y > MOST_PIXELS:
		return null
	var image := Image.new()
	return image if image.call("load_%s_from_buffer" % format, body) == OK and not image.is_empty() else null


## "png", "jpg", "webp" or "bmp", according to the first bytes; empty for anything else.
static func _image_format(body: PackedByteArray) -> String:
	if body.slice(0, 8) == PackedByteArray([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]):
		return "png"
	if body.slice(0, 3) == PackedByteArray([0xff, 0xd8, 0xff]):
		return "jpg"
	if body.slice(8, 12) == "WEBP".to_ascii_buffer():
		return "webp"
	return "bmp" if body.slice(0, 2) == "BM".to_ascii_buffer() else ""


## The size in the head of an image; (0, 0) if there is none.
static func _image_size(body: PackedByteArray, format: String) -> Vector2i:
	var number := func(bytes: Array) -> int:
		return bytes.reduce(func(sum: int, at: int) -> int: return sum * 256 + (body[at] if at < body.size() else 0), 0)
	match format:
		"png":
			return Vector2i(number.call(range(16, 20)), number.call(range(20, 24)))
		"bmp":
			return Vector2i(number.call(range(21, 17, -1)), number.call(range(25, 21, -1))).abs()
		"webp" when body.slice(12, 16) == "VP8X".to_ascii_buffer():
			return Vector2i(number.call(range(26, 23, -1)), number.call(range(29, 26, -1))) + Vector2i.ONE
		"jpg":
			# The size is in the start of the frame. Other segments come before it.
			var at := 2
			while at + 8 < body.size() and body[at] == 0xff:
				var marker := body[at + 1]
				if marker >= 0xc0 and marker <= 0xcf and not marker in [0xc4, 0xc8, 0xcc]:
					return Vector2i(number.call(range(at + 7, at + 9)), number.call(range(at + 5, at + 7)))
				at += 2 + maxi(number.call(range(at + 2, at + 4)), 2)
	return Vector2i.ZERO


static func text(body: PackedByteArray) -> String:
	return shown(_decoded(body))


## The body as JSON with line breaks. A body that is not whole is formatted as far as it goes.
static func pretty_json(body: PackedByteArray, is_whole := true) -> String:
	if is_whole and body.size() <= PARSED_BYTES:
		var json := JSON.new()
		if json.parse(_decoded(body, PARSED_BYTES)) != OK:
			return "This is not JSON (line %d: %s).\n\n%s" % [json.get_error_line(), json.get_error_message(), text(body)]
	return shown(_indented(_decoded(body)))


## Shortens a text and breaks its long lines, so that a text field can show it at once.
static func shown(whole: String) -> String:
	var lines := whole.left(SHOWN_CHARACTERS).split("\n", true, MOST_LINES)
	var cut := "\n".join(lines.slice(0, MOST_LINES))
	var broken := _long_line.sub(cut, "$0\n", true)
	if whole.length() > cut.length():
		broken += "\n… (the rest is not shown)"
	if _long_line.search(cut) != null:
		broken += "\n… (there are breaks in lines of more than %d characters)" % LONGEST_LINE
	return broken


static func hex(body: PackedByteArray) -> String:
	var rows := PackedStringArray()
	for at: int in range(0, mini(body.size(), SHOWN_HEX_BYTES), HEX_ROW):
		var row := body.slice(at, at + HEX_ROW)
		var digits := ""
		var printable := ""
		for byte: int in row:
			digits += "%02x " % byte
			printable += char(byte) if byte >= 0x20 and byte < 0x7f else "."
		rows.append("%08x  %s %s" % [at, digits.rpad(HEX_ROW * 3), printable])
	if body.size() > SHOWN_HEX_BYTES:
		rows.append("… %d bytes more" % (body.size() - SHOWN_HEX_BYTES))
	return "\n".join(rows)


## JSON with line breaks. The text is not parsed and written again: Godot parses every number as a float, and 1 would become 1.0.
## The result ends after the characters that are shown.
static func _indented(json: String) -> String:
	var pieces := PackedStringArray()
	var length := 0
	var depth := 0
	# Whether the last token opened a list or an object.
	var is_opened := false
	var found := _json_token.search(json)
	while found != null and length <= SHOWN_CHARACTERS and pieces.size() <= MOST_LINES * PIECES_OF_A_LINE:
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


## Whether the bytes are valid UTF-8 without a zero byte. Texts have no zero bytes.
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
