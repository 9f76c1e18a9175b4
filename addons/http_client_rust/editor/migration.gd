@tool
extends RefCounted
## Plans how scripts move from HTTPClient to HTTPClientRust. Reads texts and makes texts; files are others' business.

const SourceMap := preload("source_map.gd")

const OLD := "HTTPClient"
const NEW := "HTTPClientRust"

## What the tool cannot decide, and what to look at instead.
const LOOK_AT := {
	"StreamPeerTCP": "the connection of a client is a StreamPeer here, not a StreamPeerTCP: `as` gives null, `is` gives false",
	"StreamPeerTLS": "the connection of a client is a StreamPeer here, not a StreamPeerTLS: get_tls_info() has what was agreed on",
}


## What becomes of one script.
class Change:
	extends RefCounted
	var path := ""
	var before := ""
	var after := ""
	## Lines, each once, that need a person's eye: "12: what is the matter".
	var notes := PackedStringArray()
	var replaced := 0
	## Uses that stay, since they belong to an HTTPRequest.
	var left_alone := 0

	func is_changed() -> bool:
		return before != after


## Plans for one script. A change that changes nothing and has no notes means that there is nothing to say.
static func plan(path: String, source: String) -> Change:
	var change := Change.new()
	change.path = path
	change.before = source
	change.after = source
	var map := SourceMap.new(source)
	var uses := map.code_uses(OLD)
	var has_request_node := _has_request_node(map)
	var has_client := false
	for at: int in uses:
		has_client = has_client or not _is_constant(map, at)
	var moved := PackedInt32Array()
	for at: int in uses:
		var owner := _owner_of(map, at)
		if owner == "HTTPRequest":
			change.left_alone += 1
		elif owner == "HTTPClient" or not has_request_node:
			moved.append(at)
		elif not _is_constant(map, at):
			moved.append(at)
		elif not has_client:
			# Nothing here is a client: the constants are those of the HTTPRequest.
			change.left_alone += 1
		elif _is_method(map, at):
			change.left_alone += 1
			_note(change, map, at,
				"left as it is, since it may go to an HTTPRequest; change it to %s if it goes to a client only" % NEW)
		else:
			moved.append(at)
	change.replaced = moved.size()
	_note_the_rest(change, map, not moved.is_empty())
	for index: int in range(moved.size() - 1, -1, -1):
		var end := moved[index] + OLD.length()
		change.after = change.after.left(end) + NEW.trim_prefix(OLD) + change.after.substr(end)
	return change


## The changed lines, with the line around them: " 12   text", "-13   old", "+13   new".
static func diff(change: Change) -> PackedStringArray:
	var old := change.before.split("\n")
	var new := change.after.split("\n")
	var shown := PackedStringArray()
	var last := -1
	for index: int in old.size():
		var is_near := false
		for near: int in range(maxi(index - 1, 0), mini(index + 2, old.size())):
			is_near = is_near or old[near] != new[near]
		if not is_near:
			continue
		if last >= 0 and index > last + 1:
			shown.append(" …")
		last = index
		if old[index] == new[index]:
			shown.append(" %4d  %s" % [index + 1, old[index]])
		else:
			shown.append("-%4d  %s" % [index + 1, old[index]])
			shown.append("+%4d  %s" % [index + 1, new[index]])
	return shown


## Whether a text of another kind, such as a scene or a C# file, has the class in it.
static func mentions(text: String) -> bool:
	return not SourceMap.new(text).positions(OLD).is_empty()


## "HTTPRequest" or "HTTPClient" where the call around shows whom a constant goes to, else nothing. Both classes have
## request() and request_raw(): the method is the third argument of the one, and the first of the other.
static func _owner_of(map: SourceMap, at: int) -> String:
	if not _is_constant(map, at):
		return ""
	# Up through brackets that only group: request(url, [], (HTTPClient.METHOD_GET)).
	var bracket := map.open_bracket(at)
	var inner := at
	while bracket >= 0:
		var called := map.word_before(bracket) if map.source[bracket] == "(" else ""
		if called in ["request", "request_raw"]:
			match map.commas_between(bracket, inner):
				0:
					return "HTTPClient"
				2:
					return "HTTPRequest"
			return ""
		if not called.is_empty() and not called in ["if", "and", "or", "not", "in", "else"]:
			return ""
		inner = bracket
		bracket = map.open_bracket(bracket)
	return ""


static func _is_constant(map: SourceMap, at: int) -> bool:
	var rest := map.source.substr(at + OLD.length(), 20)
	for start: String in [".METHOD_", ".Method", ".RESPONSE_", ".ResponseCode", ".STATUS_", ".Status"]:
		if rest.begins_with(start):
			return true
	return false


static func _is_method(map: SourceMap, at: int) -> bool:
	var rest := map.source.substr(at + OLD.length(), 8)
	return rest.begins_with(".METHOD_") or rest.begins_with(".Method")


## Whether an HTTPRequest is used here: by its name, by a node's path, or by a call that only it has.
static func _has_request_node(map: SourceMap) -> bool:
	for at: int in map.positions("HTTPRequest"):
		if map.kinds[at] != SourceMap.COMMENT:
			return true
	for at: int in map.code_uses(OLD):
		if _owner_of(map, at) == "HTTPRequest":
			return true
	return false


static func _note_the_rest(change: Change, map: SourceMap, is_moved: bool) -> void:
	for at: int in map.positions(OLD):
		if map.kinds[at] == SourceMap.STRING:
			_note(change, map, at, "the name stands in a text, which stays as it is")
		elif map.kinds[at] == SourceMap.CODE and map.is_path_or_member(at) and map.source[at - 1] == ".":
			_note(change, map, at, "a member of this name of something else stays as it is")
	if not is_moved:
		return
	for word: String in LOOK_AT:
		for at: int in map.code_uses(word):
			_note(change, map, at, LOOK_AT[word])


static func _note(change: Change, map: SourceMap, at: int, text: String) -> void:
	var note := "%d: %s" % [map.line_of(at), text]
	if not change.notes.has(note):
		change.notes.append(note)
