@tool
extends RefCounted
## The declarations of one script: its class, its functions with their parameters, its variables, and their types.

const SourceMap := preload("source_map.gd")

class Function:
	extends RefCounted
	var path := ""
	## The token of the function's name. It is the scope of the function's parameters and variables.
	var scope := 0
	var parameters := PackedStringArray()
	var returns := ""

var path := ""
var map: SourceMap
var declared_class := ""
## The type after `extends`.
var base := ""
## Arrays of functions and signals, by name.
var functions := {}
## Types by name, by scope: the token of a function's name, or -1 for members. The type is empty if unknown.
var types := {-1: {}}


func _init(of_path: String, source_map: SourceMap) -> void:
	path = of_path
	map = source_map
	for index: int in map.tokens.size():
		var token := map.tokens[index]
		if token.kind != SourceMap.Kind.WORD or map.text_of(index - 1) == ".":
			continue
		match token.text:
			"class_name":
				declared_class = map.text_of(index + 1)
			"extends":
				if base.is_empty() and map.text_of(token.statement) != "class":
					base = _type_at(index + 1)
			"var", "const", "for":
				_declare(index + 1)
			"func", "signal":
				_read_function(index)
			_:
				# var http; then http = HTTPClient.new()
				if map.text_of(index + 1) == "=" and index == token.statement:
					_learn(index)


func key(scope: int, name: String) -> String:
	return "%s|%d|%s" % [path, scope, name]


## The scope in which a name is declared that is visible in a function; -2 if there is none.
func scope_of(name: String, function: int) -> int:
	if types.has(function) and types[function].has(name):
		return function
	return -1 if types[-1].has(name) else -2


## The type that `Name`, `Name.Inner`, `"res://path.gd"` or `preload("…")` at a token refers to.
func _type_at(index: int) -> String:
	if index >= map.tokens.size():
		return ""
	if map.tokens[index].kind == SourceMap.Kind.STRING:
		return absolute(map.tokens[index].text)
	var text := map.text_of(index)
	if text in ["preload", "load"] and map.text_of(index + 1) == "(":
		return _type_at(index + 2)
	while map.text_of(index + 1) == "." and map.tokens[index + 2].text != "new":
		index += 2
		text += "." + map.text_of(index)
	return text


## The type of an assigned value: `X.new()`, `preload("…")`, `$HTTPRequest`, `… as X`.
func _type_of_value(index: int) -> String:
	var open := map.tokens[index].open if index < map.tokens.size() else -1
	var end := index
	var cast := ""
	var has_request_path := false
	while end < map.tokens.size() and map.tokens[end].kind != SourceMap.Kind.NEWLINE:
		if map.tokens[end].open == open and map.text_of(end) in [",", ";"] or open >= 0 and end == map.tokens[open].close:
			break
		if map.tokens[end].open == open and map.text_of(end) == "as":
			cast = _type_at(end + 1)
		has_request_path = has_request_path or (
			map.tokens[end].text.contains("HTTPRequest") and map.text_of(end) != "HTTPRequest")
		end += 1
	if not cast.is_empty():
		return cast
	var type := _type_at(index)
	if map.text_of(index) in ["$", "%", "get_node", "get_node_or_null", "find_child"]:
		var is_request := has_request_path or _has_word("HTTPRequest", index, end)
		return "HTTPRequest" if is_request else ""
	var is_made := end - 2 > index and map.text_of(end - 1) == ")" and map.text_of(map.tokens[end - 1].close - 1) == "new"
	return type if is_made or map.text_of(index) == "preload" else ""


func _has_word(word: String, from: int, to: int) -> bool:
	for index: int in range(from, to):
		if map.text_of(index) == word:
			return true
	return false


## The absolute path of a script that is named by a string in this script.
func absolute(quoted: String) -> String:
	var text := quoted.trim_prefix("r").replace("\"", "").replace("'", "")
	if text.begins_with("uid://"):
		var id := ResourceUID.text_to_id(text)
		return ResourceUID.get_id_path(id) if ResourceUID.has_id(id) else text
	return path.get_base_dir().path_join(text).simplify_path() if text.is_relative_path() else text


func _declare(index: int) -> void:
	if index >= map.tokens.size() or map.tokens[index].kind != SourceMap.Kind.WORD:
		return
	var type := ""
	match map.text_of(index + 1):
		":":
			type = _type_at(index + 2)
		":=", "=":
			type = _type_of_value(index + 2)
	var scope := map.tokens[index].function
	if not types.has(scope):
		types[scope] = {}
	types[scope][map.text_of(index)] = type


func _learn(index: int) -> void:
	var scope := scope_of(map.text_of(index), map.tokens[index].function)
	if scope != -2 and str(types[scope][map.text_of(index)]).is_empty():
		types[scope][map.text_of(index)] = _type_of_value(index + 2)


func _read_function(index: int) -> void:
	var is_lambda := map.text_of(index + 1) == "("
	var open := index + (1 if is_lambda else 2)
	if map.text_of(open) != "(":
		return
	var function := Function.new()
	function.path = path
	function.scope = index + 1
	if map.text_of(index) == "signal":
		types[index + 1] = {}
	for inner: int in range(open + 1, map.tokens[open].close):
		var token := map.tokens[inner]
		if token.open == open and token.kind == SourceMap.Kind.WORD and map.text_of(inner - 1) in ["(", ","]:
			function.parameters.append(token.text)
			if map.text_of(index) == "signal":
				types[index + 1][token.text] = _type_at(inner + 2) if map.text_of(inner + 1) == ":" else ""
			else:
				_declare(inner)
	var close := map.tokens[open].close
	if map.text_of(close + 1) == "->":
		function.returns = _type_at(close + 2)
	if not is_lambda:
		if not functions.has(map.text_of(index + 1)):
			functions[map.text_of(index + 1)] = []
		(functions[map.text_of(index + 1)] as Array).append(function)
