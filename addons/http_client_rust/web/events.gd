extends RefCounted
## Parses server-sent events (WHATWG) as their bytes arrive. The limits are those of the library, in rust/fetch/src/events.rs.

const SECONDS_AT_FIRST := 3.0
const SHORTEST_RETRY := 0.1
const LONGEST_RETRY := 86_400.0
## In bytes.
const LONGEST_LINE := 1 << 20
const LONGEST_EVENT := 8 << 20

## The identifier that is sent when the stream is requested again.
var last_id := ""
## The number of seconds to wait before that.
var retry := SECONDS_AT_FIRST
## Why reading has stopped; empty if it has not.
var problem := ""

var _bytes := PackedByteArray()
var _data := PackedStringArray()
## The length of the data in bytes.
var _length := 0
var _type := ""
## It becomes the last id at the next empty line.
var _next_id := ""
var _is_first := true
var _after_return := false


## Reads bytes, and returns the events that they complete, each as [type, data, id].
func take(bytes: PackedByteArray) -> Array[Array]:
	var events: Array[Array] = []
	if bytes.is_empty() or not problem.is_empty():
		return events
	var start := int(_after_return and bytes[0] == 10)
	_after_return = false
	var feed := bytes.find(10, start)
	var carriage_return := bytes.find(13, start)
	while problem.is_empty() and (feed >= 0 or carriage_return >= 0):
		var is_return := feed < 0 or carriage_return >= 0 and carriage_return < feed
		var end := carriage_return if is_return else feed
		if _take_piece(bytes.slice(start, end)):
			_take_line(_bytes, events)
			_bytes = PackedByteArray()
		start = end + 1
		if is_return:
			_after_return = start == bytes.size()
			start += int(start < bytes.size() and bytes[start] == 10)
			carriage_return = bytes.find(13, start) if start < bytes.size() else -1
		if feed >= 0 and feed < start:
			feed = bytes.find(10, start) if start < bytes.size() else -1
	if start < bytes.size() and problem.is_empty():
		_take_piece(bytes.slice(start))
	return events


## Begins a new stream. An unfinished event of the previous one is discarded.
func begin() -> void:
	_bytes = PackedByteArray()
	_data = PackedStringArray()
	_length = 0
	_type = ""
	_next_id = last_id
	_is_first = true
	_after_return = false


## Adds a piece of a line. Returns whether the line is not too long.
func _take_piece(piece: PackedByteArray) -> bool:
	if _bytes.size() + piece.size() > LONGEST_LINE:
		problem = "the server sent an event stream with a line of more than %d bytes, which is the limit" % LONGEST_LINE
		return false
	_bytes.append_array(piece)
	return true


func _take_line(bytes: PackedByteArray, events: Array[Array]) -> void:
	if _is_first and bytes.slice(0, 3) == PackedByteArray([0xef, 0xbb, 0xbf]):
		bytes = bytes.slice(3)
	_is_first = false
	if bytes.is_empty():
		last_id = _next_id
		if not _data.is_empty():
			events.append(["message" if _type.is_empty() else _type, "\n".join(_data), last_id])
		_data = PackedStringArray()
		_length = 0
		_type = ""
		return
	var has_nul := bytes.has(0)
	var line := bytes.get_string_from_utf8()
	var colon := line.find(":")
	var value := line.substr(colon + 1).trim_prefix(" ") if colon >= 0 else ""
	match line.left(colon) if colon >= 0 else line:
		"data":
			_length += bytes.size()
			if _length > LONGEST_EVENT:
				problem = "the server sent an event with more than %d bytes of data, which is the limit" % LONGEST_EVENT
				return
			_data.append(value)
		"event":
			_type = value
		"id":
			if not has_nul:
				_next_id = value
		"retry":
			if RegEx.create_from_string("^[0-9]+$").search(value) != null:
				retry = clampf(value.to_float() / 1000.0, SHORTEST_RETRY, LONGEST_RETRY)
