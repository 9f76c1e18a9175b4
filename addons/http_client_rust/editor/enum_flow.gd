@tool
extends RefCounted
## Follows the constants of HTTPClient through a project: through variables, parameters, return values and comparisons, up to the
## classes that use them. Connected constants move together or not at all.

const SourceMap := preload("source_map.gd")
const Outline := preload("outline.gd")

const CLIENT := "!client"
const REQUEST := "!request"
const CLASSES: PackedStringArray = ["HTTPClient", "HTTPRequest", "HTTPRequestRust"]
const COMPARED: PackedStringArray = ["==", "!=", "<", ">", "<=", ">=", "in"]
const KEYWORDS: PackedStringArray = [
	"if", "elif", "else", "while", "in", "and", "or", "not", "return", "match", "await", "is", "as", "func"]
const ENUMS: PackedStringArray = ["Method", "Status", "ResponseCode"]
const ASSIGNED: PackedStringArray = ["=", ":="]

## Outlines of the scripts, by path.
var outlines := {}
## Paths of scripts, by global class name and by autoload name.
var classes := {}
## Paths of scripts that do not change. Constants that are passed to them do not change either.
var fixed := {}

var _parents := {}
## The classes that use a value, by the key of the value.
var _takers := {}


## [param autoloads] has paths of scripts, by autoload name.
func _init(sources: Dictionary, autoloads := {}) -> void:
	classes = autoloads.duplicate()
	for path: String in sources:
		var outline := Outline.new(path, SourceMap.new(sources[path]))
		outlines[path] = outline
		if not outline.declared_class.is_empty():
			classes[outline.declared_class] = path


func follow() -> void:
	for path: String in outlines:
		_follow_in(outlines[path])


## Whether the word HTTPClient at a token is followed by one of its constants or enumerations.
static func is_constant(map: SourceMap, index: int) -> bool:
	if map.text_of(index + 1) != ".":
		return false
	var name := map.text_of(index + 2)
	return name in ENUMS or name.begins_with("METHOD_") or name.begins_with("STATUS_") or name.begins_with("RESPONSE_")


## The classes that use a constant: [constant CLIENT], [constant REQUEST], both or none.
func takers_of(path: String, index: int) -> PackedStringArray:
	return _takers.get(_root("%s@%d" % [path, index]), PackedStringArray())


## The key of a group of connected constants: the same for all constants of the group.
func group_of(path: String, index: int) -> String:
	return _root("%s@%d" % [path, index])


func _follow_in(outline: Outline) -> void:
	var map := outline.map
	for index: int in map.tokens.size():
		if map.tokens[index].kind != SourceMap.Kind.WORD or map.tokens[index].text in KEYWORDS:
			continue
		var end := _end_of_chain(map, index)
		if map.text_of(index) == "HTTPClient" and is_constant(map, index):
			# Anything after HTTPClient.METHOD_GET does not matter.
			_connect(outline, "%s@%d" % [outline.path, index], index, mini(end, index + 4))
		elif map.text_of(index - 1) != "." and end >= 0:
			for key: String in _keys_ending_at(outline, end):
				_connect(outline, key, index, end)


func _connect(outline: Outline, key: String, start: int, end: int) -> void:
	for other: String in _taken_by(outline, start, end):
		_link(key, other)


## The keys that the value between two tokens is connected to.
func _taken_by(outline: Outline, start: int, end: int) -> PackedStringArray:
	var map := outline.map
	var token := map.tokens[start]
	var left := map.text_of(start - 1)
	var right := map.text_of(end + 1)
	if right in COMPARED and not (right == "in" and map.text_of(token.statement) == "for"):
		return _keys_starting_at(outline, end + 2)
	if left in COMPARED:
		return _keys_ending_at(outline, start - (3 if map.text_of(start - 2) == "not" else 2))
	if left in ["->", "return"]:
		return PackedStringArray([outline.key(token.function, "()")])
	if left == ":" and _declared_before(map, start - 1) >= 0:
		return _declaration_key(outline, _declared_before(map, start - 1))
	# Goes back over `a if b else`, `a as`, `not a or`: all parts of an expression are passed to the same place.
	var at := start - 1
	while at >= 0 and map.tokens[at].kind != SourceMap.Kind.NEWLINE and at != token.open and at >= token.statement:
		if map.tokens[at].open == token.open:
			var text := map.text_of(at)
			if text == "else":
				at = _if_before(map, at)
				continue
			if text in ASSIGNED:
				return _assigned(outline, at)
			if text == "return":
				return PackedStringArray([outline.key(token.function, "()")])
			if text in [",", ":", ";", "and", "or", "elif", "while", "match"] or text in COMPARED:
				break
			if text == "if" and at == token.statement:
				break
		at -= 1
	if token.open >= 0:
		return _through_bracket(outline, token.open, token.commas)
	return _matched(outline, start)


## The token before the `if` that belongs to an `else` of the same expression.
func _if_before(map: SourceMap, else_at: int) -> int:
	for index: int in range(else_at - 1, map.tokens[else_at].statement, -1):
		if map.tokens[index].open == map.tokens[else_at].open and map.text_of(index) == "if":
			return index - 1
	return map.tokens[else_at].statement - 1


## The keys that a value in a bracket is connected to.
func _through_bracket(outline: Outline, open: int, commas: int) -> PackedStringArray:
	var map := outline.map
	var word := open - 1
	var is_word := word >= 0 and map.tokens[word].kind == SourceMap.Kind.WORD
	if map.text_of(open) == "(" and is_word and (map.text_of(word) == "func" or not map.text_of(word) in KEYWORDS):
		if map.text_of(word - 1) in ["func", "signal"] or map.text_of(word) == "func":
			return PackedStringArray()
		return _argument(outline, word, commas)
	if map.text_of(open) == "[" and (is_word or map.text_of(word) in [")", "]"]):
		# Array[HTTPClient.Method] is a type. Any other index is not followed.
		var is_type := map.text_of(word) in ["Array", "Dictionary"]
		return _taken_by(outline, word, map.tokens[open].close) if is_type else PackedStringArray()
	if map.text_of(open) == "{":
		# The values of a dictionary or an enumeration are independent of each other.
		return PackedStringArray()
	return _taken_by(outline, open, map.tokens[open].close)


## The keys to which an argument of a call is passed: a parameter of one of the project's functions, or a class of the engine.
func _argument(outline: Outline, name_at: int, index: int) -> PackedStringArray:
	var found := PackedStringArray()
	for function: Outline.Function in _called(outline, name_at):
		if index < function.parameters.size():
			found.append((outlines[function.path] as Outline).key(function.scope, function.parameters[index]))
	var name := outline.map.text_of(name_at)
	if not name in ["request", "request_raw"]:
		return found
	match _native_of(outline, name_at):
		"HTTPClient":
			return PackedStringArray([CLIENT]) if index == 0 else PackedStringArray()
		"HTTPRequest", "HTTPRequestRust":
			return PackedStringArray([REQUEST]) if index == 2 else PackedStringArray()
		"":
			# The class is unknown. The method is the first argument of HTTPClient.request(), and the third of
			# HTTPRequest.request().
			if found.is_empty():
				return PackedStringArray([CLIENT, "", REQUEST]).slice(index, index + 1)
	return found


func _assigned(outline: Outline, at: int) -> PackedStringArray:
	var name := _declared_before(outline.map, at)
	return _declaration_key(outline, name) if name >= 0 else _keys_ending_at(outline, at - 1)


## The name that is declared before a sign, as in `var name: Type =` or, in parameters, `name: Type =`; -1 if there is none.
func _declared_before(map: SourceMap, sign_at: int) -> int:
	var open := map.tokens[sign_at].open
	var is_parameter := open >= 0 and (
		map.text_of(open - 1) == "func" or map.text_of(open - 2) in ["func", "signal"])
	for index: int in range(sign_at - 1, maxi(map.tokens[sign_at].statement, open + 1) - 1, -1):
		if map.tokens[index].open != open or map.tokens[index].kind != SourceMap.Kind.WORD:
			if map.text_of(index) == "," and map.tokens[index].open == open:
				return -1
			continue
		if map.text_of(index - 1) in ["var", "const", "for"]:
			return index
		if is_parameter and map.text_of(index - 1) in ["(", ","]:
			return index
	return -1


func _declaration_key(outline: Outline, name_at: int) -> PackedStringArray:
	var map := outline.map
	var open := map.tokens[name_at].open
	var scope := map.tokens[name_at].function
	if open >= 0 and map.text_of(open - 2) == "signal":
		scope = open - 1
	return PackedStringArray([outline.key(scope, map.text_of(name_at))])


## The keys of the value that a `match` compares with the pattern at a token.
func _matched(outline: Outline, start: int) -> PackedStringArray:
	var map := outline.map
	var indent := map.tokens[start].indent
	if map.text_of(map.tokens[start].statement) in ["if", "elif", "while", "for", "match", "return", "var", "const"]:
		return PackedStringArray()
	for index: int in range(map.tokens[start].statement - 1, -1, -1):
		var token := map.tokens[index]
		if token.statement == index and token.kind != SourceMap.Kind.NEWLINE and token.indent < indent:
			return _keys_starting_at(outline, index + 1) if token.text == "match" else PackedStringArray()
	return PackedStringArray()


func _keys_starting_at(outline: Outline, start: int) -> PackedStringArray:
	var at := start
	while outline.map.text_of(at) in ["(", "await", "-"]:
		at += 1
	if at >= outline.map.tokens.size() or outline.map.tokens[at].kind != SourceMap.Kind.WORD:
		return PackedStringArray()
	if outline.map.text_of(at) == "HTTPClient" and is_constant(outline.map, at):
		return PackedStringArray(["%s@%d" % [outline.path, at]])
	return _keys_ending_at(outline, _end_of_chain(outline.map, at))


## The keys of the expression that ends at a token: a variable, the return value of a function, or a constant.
func _keys_ending_at(outline: Outline, end: int) -> PackedStringArray:
	var map := outline.map
	if end < 0:
		return PackedStringArray()
	if map.text_of(end) == "]" and map.tokens[end].close > 0:
		return _keys_ending_at(outline, map.tokens[end].close - 1)
	if map.text_of(end) == ")":
		return _returned(outline, map.tokens[end].close - 1)
	if map.tokens[end].kind != SourceMap.Kind.WORD:
		return PackedStringArray()
	if map.text_of(end - 1) == ".":
		if map.text_of(end - 2) == "HTTPClient" and is_constant(map, end - 2):
			return PackedStringArray(["%s@%d" % [outline.path, end - 2]])
		return _member(type_ending_at(outline, end - 2), map.text_of(end))
	var scope := outline.scope_of(map.text_of(end), map.tokens[end].function)
	if scope != -2:
		return PackedStringArray([outline.key(scope, map.text_of(end))])
	return _member(_normal(outline, outline.base), map.text_of(end))


func _member(type: String, name: String) -> PackedStringArray:
	for depth: int in 16:
		if not outlines.has(type):
			break
		var outline: Outline = outlines[type]
		if outline.types[-1].has(name):
			return PackedStringArray([outline.key(-1, name)])
		type = _normal(outline, outline.base)
	return PackedStringArray()


func _returned(outline: Outline, name_at: int) -> PackedStringArray:
	var found := PackedStringArray()
	if name_at < 0 or outline.map.tokens[name_at].kind != SourceMap.Kind.WORD:
		return found
	for function: Outline.Function in _called(outline, name_at):
		found.append((outlines[function.path] as Outline).key(function.scope, "()"))
	var name := outline.map.text_of(name_at)
	if name == "get_http_client_status":
		return PackedStringArray([REQUEST])
	if name in ["get_status", "get_response_code"] and found.is_empty():
		if _native_of(outline, name_at) in ["", "HTTPClient"]:
			return PackedStringArray([CLIENT])
	return found


## The functions of the project that a call may refer to.
func _called(outline: Outline, name_at: int) -> Array[Outline.Function]:
	var map := outline.map
	var name := map.text_of(name_at)
	var type := outline.path
	if map.text_of(name_at - 1) == ".":
		if name in ["emit", "call", "callv", "call_deferred"]:
			return _called(outline, name_at - 2) if map.tokens[name_at - 2].kind == SourceMap.Kind.WORD else _no_functions()
		type = type_ending_at(outline, name_at - 2)
	if name == "new":
		name = "_init"
	var found := _no_functions()
	if type.is_empty():
		for path: String in outlines:
			found.append_array((outlines[path] as Outline).functions.get(name, []))
	for depth: int in 16:
		if not outlines.has(type) or not found.is_empty():
			break
		found.append_array((outlines[type] as Outline).functions.get(name, []))
		type = _normal(outlines[type], (outlines[type] as Outline).base)
	return found


func _no_functions() -> Array[Outline.Function]:
	return []


## The engine's class whose method is called; empty if unknown, "-" if a script of the project declares the method.
func _native_of(outline: Outline, name_at: int) -> String:
	var map := outline.map
	var type := type_ending_at(outline, name_at - 2) if map.text_of(name_at - 1) == "." else outline.path
	for depth: int in 16:
		if not outlines.has(type):
			break
		if (outlines[type] as Outline).functions.has(map.text_of(name_at)):
			return "-"
		type = _normal(outlines[type], (outlines[type] as Outline).base)
		if type.is_empty():
			type = "RefCounted"
	return type


## The type of the expression that ends at a token: a class of the engine, or the path of a script; empty if unknown.
func type_ending_at(outline: Outline, end: int) -> String:
	var map := outline.map
	if end < 0:
		return ""
	var text := map.text_of(end)
	if map.tokens[end].kind == SourceMap.Kind.STRING:
		return "HTTPRequest" if map.tokens[end].text.contains("HTTPRequest") else ""
	if text == ")":
		var open := map.tokens[end].close
		var inner := map.tokens[end - 1]
		if map.text_of(open - 1) == "new":
			return type_ending_at(outline, open - 3)
		if map.text_of(open - 1) in ["preload", "load"] and inner.kind == SourceMap.Kind.STRING:
			return outline.absolute(inner.text)
		if map.text_of(open - 1) in ["get_node", "get_node_or_null", "find_child"]:
			return "HTTPRequest" if inner.text.contains("HTTPRequest") else ""
		if map.text_of(end - 2) == "as":
			return _normal(outline, inner.text)
		if open > 0 and map.tokens[open - 1].kind == SourceMap.Kind.WORD:
			for function: Outline.Function in _called(outline, open - 1):
				return _normal(outlines[function.path], function.returns)
		return ""
	if map.tokens[end].kind != SourceMap.Kind.WORD:
		return ""
	if map.text_of(end - 1) in ["$", "%", "/"] and map.is_beside(end - 1):
		return "HTTPRequest" if text.contains("HTTPRequest") else ""
	if map.text_of(end - 1) == ".":
		return _type_of_member(type_ending_at(outline, end - 2), text)
	if text == "self":
		return outline.path
	if text == "super":
		return _normal(outline, outline.base)
	var scope := outline.scope_of(text, map.tokens[end].function)
	if scope != -2:
		return _normal(outline, outline.types[scope][text])
	if text in CLASSES or classes.has(text):
		return _normal(outline, text)
	return _type_of_member(_normal(outline, outline.base), text)


func _type_of_member(type: String, name: String) -> String:
	for depth: int in 16:
		if not outlines.has(type):
			break
		var outline: Outline = outlines[type]
		if outline.types[-1].has(name):
			return _normal(outline, outline.types[-1][name])
		type = _normal(outline, outline.base)
	return ""


func _normal(outline: Outline, type: String) -> String:
	if classes.has(type):
		return classes[type]
	# const Api := preload("api.gd")
	var alias: String = outline.types[-1].get(type, "")
	return alias if not alias.is_empty() and alias != type else type


## The last token of a chain such as `name`, `name.other`, `name(…)[…].more`; -1 if the name is being declared.
func _end_of_chain(map: SourceMap, start: int) -> int:
	if map.text_of(start - 1) in ["var", "const", "func", "signal", "class", "class_name", "extends"]:
		return -1
	var at := start
	while true:
		var next := map.text_of(at + 1)
		if next == "." and at + 2 < map.tokens.size() and map.tokens[at + 2].kind == SourceMap.Kind.WORD:
			at += 2
		elif next in ["(", "["] and map.tokens[at + 1].close > 0 and not map.text_of(at) in KEYWORDS:
			at = map.tokens[at + 1].close
		else:
			return at
	return at


func _root(key: String) -> String:
	var root := key
	while _parents.has(root):
		root = _parents[root]
	while key != root:
		var next: String = _parents[key]
		_parents[key] = root
		key = next
	return root


func _link(a: String, b: String) -> void:
	if b.is_empty() or a.is_empty() or a == b:
		return
	if a.begins_with("!"):
		if not b.begins_with("!"):
			_link(b, a)
		return
	var root := _root(a)
	if b.begins_with("!"):
		_take(root, b)
		return
	for key: String in [a, b]:
		if fixed.has(key.get_slice("|", 0).get_slice("@", 0)):
			_take(_root(key), REQUEST)
	var other := _root(b)
	if root != other:
		_parents[root] = other
		for taker: String in _takers.get(root, PackedStringArray()):
			_take(other, taker)


func _take(root: String, taker: String) -> void:
	var takers: PackedStringArray = _takers.get(root, PackedStringArray())
	if not takers.has(taker):
		takers.append(taker)
	_takers[root] = takers
