@tool
extends RefCounted
## Plans how scripts move from HTTPClient to HTTPClientRust, or from HTTPRequest to HTTPRequestRust. It only converts texts, and
## does not read or write files.

const SourceMap := preload("source_map.gd")
const EnumFlow := preload("enum_flow.gd")

const OLD := "HTTPClient"
const NEW := "HTTPClientRust"
const OLD_NODE := "HTTPRequest"
const NEW_NODE := "HTTPRequestRust"

## Uses that the tool cannot change, with a hint for the user.
const LOOK_AT := {
	"StreamPeerTCP": "the connection of the client is a StreamPeer, not a StreamPeerTCP; `as` returns null, and `is` returns false",
	"StreamPeerTLS": "the connection of the client is a StreamPeer, not a StreamPeerTLS; use get_tls_info() instead",
}
## Functions and types that take the name of a node, not of a class.
const TAKE_NODES: PackedStringArray = ["get_node", "get_node_or_null", "has_node", "find_child", "NodePath"]
const LENGTH_PATTERN := "(?i)content-length[^\\n]*\\.length\\(\\)"


## The planned change of one script or scene.
class Change:
	extends RefCounted
	var path := ""
	var before := ""
	var after := ""
	## Lines that the user has to check, each once, such as "12: what to check".
	var notes := PackedStringArray()
	var replaced := 0
	## Uses that stay, because an HTTPRequest takes them, or because no use of the value was found.
	var left_alone := 0
	## The reason why the change is not selected in the list; empty if there is none.
	var held_back := ""
	## The changed scripts, by path: the file itself, or the scripts that are built into a scene.
	var scripts := {}
	## Paths of other files that must move together with this one.
	var together := PackedStringArray()

	func is_changed() -> bool:
		return before != after


## Plans the change of a single script.
static func plan(path: String, source: String) -> Change:
	return plan_all({path: source})[0]


## Plans the changes of scripts that belong together, given as texts by path. A script that needs nothing gets a change with the
## same text and no notes. [param autoloads] has paths of scripts, by autoload name. The scripts in [param fixed] do not change,
## and neither do constants that are passed to them.
static func plan_all(sources: Dictionary, autoloads := {}, fixed := {}) -> Array[Change]:
	var flow := EnumFlow.new(sources, autoloads)
	flow.fixed = fixed
	flow.follow()
	var groups := _moving_groups(flow)
	var changes: Array[Change] = []
	for path: String in sources:
		var change := Change.new()
		change.path = path
		change.before = sources[path]
		change.after = change.before
		if not fixed.has(path):
			_plan_one(change, flow, groups)
		changes.append(change)
	return changes


## Plans how scripts move from HTTPRequest to HTTPRequestRust, with all of their uses at once. Constants of HTTPClient stay,
## because the new node takes them, too.
static func plan_nodes(sources: Dictionary) -> Array[Change]:
	var changes: Array[Change] = []
	for path: String in sources:
		var change := Change.new()
		change.path = path
		change.before = sources[path]
		var map := SourceMap.new(change.before)
		var moved := PackedInt32Array()
		for index: int in map.code_uses(OLD_NODE):
			moved.append(map.tokens[index].at)
		_replace(change, moved, OLD_NODE, NEW_NODE)
		for index: int in map.tokens.size():
			if map.tokens[index].kind == SourceMap.Kind.STRING and _names_the_class(map, index):
				_note(change, map, map.tokens[index].at, "the name of the class is in a string, which is not changed")
		changes.append(change)
	return changes


## The changed lines with one line of context: " 12   text", "-13   old", "+13   new".
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


## Whether a text of another kind, such as a scene or a C# file, contains this word.
static func mentions(text: String, word := OLD) -> bool:
	return RegEx.create_from_string("\\b%s\\b" % word).search(text) != null


static func _plan_one(change: Change, flow: EnumFlow, groups: Dictionary) -> void:
	var map: SourceMap = flow.outlines[change.path].map
	var has_request_node := _has_request_node(map)
	var moved := PackedInt32Array()
	for index: int in map.code_uses(OLD):
		if not EnumFlow.is_constant(map, index) or groups.has(flow.group_of(change.path, index)):
			moved.append(map.tokens[index].at)
			continue
		change.left_alone += 1
		var takers := flow.takers_of(change.path, index)
		if takers.size() > 1:
			_note(change, map, map.tokens[index].at,
				"not changed, because it is passed both to a client and to an HTTPRequest, whose types differ; use two constants, or an int")
		elif takers.is_empty() and has_request_node and _has_client(map):
			_note(change, map, map.tokens[index].at,
				"not changed, because it may be passed to an HTTPRequest; change it to %s if it is only passed to a client" % NEW)
	_note_the_rest(change, map, not moved.is_empty())
	_replace(change, moved, OLD, NEW)


static func _replace(change: Change, moved: PackedInt32Array, old: String, new: String) -> void:
	var pieces := PackedStringArray()
	var done := 0
	for at: int in moved:
		pieces.append(change.before.substr(done, at - done))
		done = at + old.length()
	pieces.append(change.before.substr(done))
	change.replaced = moved.size()
	change.after = new.join(pieces)
	if change.is_changed():
		change.scripts[change.path] = change.after


## The groups of connected constants that move: those that a client takes, and those without a known use in a script that has a
## client and no HTTPRequest.
static func _moving_groups(flow: EnumFlow) -> Dictionary:
	var moving := {}
	for path: String in flow.outlines:
		var map: SourceMap = flow.outlines[path].map
		if flow.fixed.has(path):
			continue
		var is_of_clients := _has_client(map) and not _has_request_node(map)
		for index: int in map.code_uses(OLD):
			if EnumFlow.is_constant(map, index):
				var takers := flow.takers_of(path, index)
				if takers == PackedStringArray([EnumFlow.CLIENT]) or (takers.is_empty() and is_of_clients):
					moving[flow.group_of(path, index)] = true
	return moving


static func _has_client(map: SourceMap) -> bool:
	for index: int in map.code_uses(OLD):
		if not EnumFlow.is_constant(map, index):
			return true
	return false


## Whether a script uses an HTTPRequest: by its class, by the path of a node, or by a method or signal that only this class has.
static func _has_request_node(map: SourceMap) -> bool:
	for index: int in map.tokens.size():
		if map.text_of(index) in [OLD_NODE, NEW_NODE, "get_http_client_status", "request_completed"]:
			return true
	return not map.in_strings(OLD_NODE).is_empty() or not map.in_strings(NEW_NODE).is_empty()


## Whether a string is the name of the class, and not the name of a node.
static func _names_the_class(map: SourceMap, index: int) -> bool:
	var token := map.tokens[index]
	if token.text.trim_prefix("r").replace("\"", "").replace("'", "") != OLD_NODE:
		return false
	if map.text_of(index - 1) in ["$", "%", "^"] and map.is_beside(index - 1):
		return false
	if map.text_of(index - 1) == "=" and map.text_of(index - 2) == "name":
		return false
	return token.open < 1 or not map.text_of(token.open - 1) in TAKE_NODES


static func _note_the_rest(change: Change, map: SourceMap, is_moved: bool) -> void:
	for at: int in map.in_strings(OLD):
		_note(change, map, at, "the name is in a string, which is not changed")
	for index: int in map.tokens.size():
		if map.text_of(index) == OLD and map.is_path_or_member(index) and map.text_of(index - 1) == ".":
			_note(change, map, map.tokens[index].at, "a member of another object with this name is not changed")
		elif map.text_of(index) == OLD and map.is_key(index):
			_note(change, map, map.tokens[index].at, "a key with this name is not changed")
	if not is_moved:
		return
	for word: String in LOOK_AT:
		for index: int in map.code_uses(word):
			_note(change, map, map.tokens[index].at, LOOK_AT[word])
	for found: RegExMatch in RegEx.create_from_string(LENGTH_PATTERN).search_all(map.source):
		_note(change, map, found.get_start(),
			"length() counts characters, but Content-Length is in bytes; leave the line out, or use to_utf8_buffer().size()")


static func _note(change: Change, map: SourceMap, at: int, text: String) -> void:
	var note := "%d: %s" % [map.line_of(at), text]
	if not change.notes.has(note):
		change.notes.append(note)
