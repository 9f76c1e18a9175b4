extends RefCounted
## Parses server-sent events (WHATWG) as their bytes arrive.

const SECONDS_AT_FIRST := 3.0

## The identifier that is sent when the stream is requested again.
var last_id := ""
## The number of seconds to wait before that.
var retry := SECONDS_AT_FIRST

var _bytes := PackedByteArray()
var _data := PackedStringArray()
var _type := ""
var _is_first := true
var _after_return := false


## Reads bytes, and returns the events that they complete, each as [type, data, id].
func take(bytes: PackedByteArray) -> Array[Array]:
	var events: Array[Array] = []
	var start := 0
	for index: int in bytes.size():
		var byte := bytes[index]
		if byte != 10 and byte != 13:
			_after_return = false
			continue
		if not (byte == 10 and _after_return):
			_bytes.append_array(bytes.slice(start, index))
			_take_line(_bytes, events)
			_bytes = PackedByteArray()
		start = index + 1
		_after_return = byte == 13
	_bytes.append_array(bytes.slice(start))
	return events


## Begins a new stream. An unfinished event of the previous one is discarded.
func begin() -> void:
	_bytes = PackedByteArray()
	_data = PackedStringArray()
	_type = ""
	_is_first = true
	_after_return = false


func _take_line(bytes: PackedByteArray, events: Array[Array]) -> void:
	if _is_first and bytes.slice(0, 3) == PackedByteArray([0xef, 0xbb, 0xbf]):
		bytes = bytes.slice(3)
	_is_first = false
	if bytes.is_empty():
		if not _data.is_empty():
			events.append(["message" if _type.is_empty() else _type, "\n".join(_data), last_id])
		_data = PackedStringArray()
		_type = ""
		return
	var has_nul := bytes.has(0)
	var line := bytes.get_string_from_utf8()
	var colon := line.find(":")
	var value := line.substr(colon + 1).trim_prefix(" ") if colon >= 0 else ""
	match line.left(colon) if colon >= 0 else line:
		"data":
			_data.append(value)
		"event":
			_type = value
		"id":
			if not has_nul:
				last_id = value
		"retry":
			if RegEx.create_from_string("^[0-9]{1,9}$").search(value) != null:
				retry = value.to_int() / 1000.0
