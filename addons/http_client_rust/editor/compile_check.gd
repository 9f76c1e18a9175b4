@tool
extends RefCounted
## Checks whether changed scripts parse together, before any of them is written.
##
## Copies of the scripts go into a temporary folder, with paths, global names and autoloads replaced so that they refer to each
## other and not to the project. None of their code runs: @tool is removed, and the folder is deleted afterwards.

const SourceMap := preload("source_map.gd")
const Outline := preload("outline.gd")

const FOLDER := "user://http_client_rust_move"
const NO_REASON := "it would no longer parse"
## Receives log messages. Scripts can do that from Godot 4.5 on; older versions cannot parse this code, so it is a string.
const LISTENER := """extends Logger
var messages := PackedStringArray()
var mutex := Mutex.new()
func _log_error(_f: String, file: String, line: int, code: String, why: String, _e: bool, _t: int, _b: Array[ScriptBacktrace]) -> void:
	mutex.lock()
	messages.append("%s:%d: %s" % [file, line, why if not why.is_empty() else code])
	mutex.unlock()
"""

## Parts of the engine's messages which mean that the error is in another script.
const FOLLOWS: PackedStringArray = ["depended scripts", "Could not resolve", "Could not preload", "Could not parse"]

var _folder := ""
## Paths of the copies, by the paths of the scripts.
var _places := {}
var _classes := {}
var _autoloads := {}
var _made: Array[GDScript] = []


## The reasons why scripts do not parse, by path. Scripts that parse are left out.
static func problems(texts: Dictionary, autoloads := {}) -> Dictionary:
	return new()._problems(texts, autoloads)


## Whether a reason only says that another script does not parse.
static func only_follows(reason: String) -> bool:
	for part: String in FOLLOWS:
		if reason.contains(part):
			return true
	return false


func _problems(texts: Dictionary, autoloads: Dictionary) -> Dictionary:
	# The path is different each time, because the engine caches scripts by path.
	_folder = "%s/%d-%d" % [FOLDER, OS.get_process_id(), Time.get_ticks_usec()]
	var outlines := {}
	for path: String in texts:
		_places[path] = "%s/%d.gd" % [_folder, _places.size()]
		outlines[path] = Outline.new(path, SourceMap.new(texts[path]))
		if not (outlines[path] as Outline).declared_class.is_empty():
			_classes[(outlines[path] as Outline).declared_class] = path
	for name: String in autoloads:
		if texts.has(autoloads[name]) and not _classes.has(name):
			_autoloads[name] = autoloads[name]
	var made := {}
	DirAccess.make_dir_recursive_absolute(_folder)
	for path: String in texts:
		var file := FileAccess.open(_places[path], FileAccess.WRITE)
		if file == null:
			return {path: "the folder %s cannot be written" % FOLDER}
		made[path] = _made_for_the_folder(outlines[path])
		file.store_string(made[path])
		file.close()
	var found := {}
	for path: String in texts:
		var reason := _compile(path, made[path])
		if not reason.is_empty():
			found[path] = reason
	for path: String in texts:
		_forget(_places[path])
	for path: String in texts:
		DirAccess.remove_absolute(_places[path])
	DirAccess.remove_absolute(_folder)
	DirAccess.remove_absolute(FOLDER)
	return found


func _compile(path: String, text: String) -> String:
	var listener := _listener()
	var printed := Engine.print_error_messages
	# The listener receives only messages that are printed. The editor's Output shows them in any case.
	Engine.print_error_messages = listener != null
	if listener != null:
		OS.call(&"add_logger", listener)
	var script := _script_at(_places[path], text)
	var error := script.reload()
	if listener != null:
		OS.call(&"remove_logger", listener)
	Engine.print_error_messages = printed
	if error == OK:
		return ""
	for message: String in listener.get("messages") if listener != null else PackedStringArray():
		if message.begins_with(str(_places[path]) + ":"):
			return "line %s" % _in_the_words_of_the_project(message.substr(str(_places[path]).length() + 1))
	return NO_REASON


## Clears a script. Scripts that preload each other would otherwise keep each other alive for ever.
func _forget(place: String) -> void:
	if ResourceLoader.has_cached(place):
		_made.append(load(place) as GDScript)
	for script: GDScript in _made:
		if script.resource_path == place:
			script.source_code = "extends RefCounted\n"
			script.reload()


## The script, if another one has loaded it already, or a new one with its path.
func _script_at(place: String, text: String) -> GDScript:
	if ResourceLoader.has_cached(place):
		return load(place)
	var script := GDScript.new()
	script.source_code = text
	script.resource_path = place
	_made.append(script)
	return script


func _listener() -> RefCounted:
	if not ClassDB.class_exists(&"Logger"):
		return null
	var script := GDScript.new()
	script.source_code = LISTENER
	return script.new() if script.reload() == OK else null


func _in_the_words_of_the_project(message: String) -> String:
	var text := RegEx.create_from_string("_Moved_(\\w+?)_\\d+(_type)?\\b").sub(message, "$1", true)
	for path: String in _places:
		text = text.replace(_places[path], path)
	return text.replace("Parse Error: ", "")


## The script's text for the temporary folder: everything that ties it to the project is replaced, and the line numbers stay the
## same.
func _made_for_the_folder(outline: Outline) -> String:
	var map := outline.map
	var text := ""
	var done := 0
	var behind := ""
	var known := {}
	var suffix := str(_places[outline.path]).get_file().get_basename()
	for index: int in map.tokens.size():
		var token := map.tokens[index]
		var end := token.at + token.text.length()
		var instead := token.text
		var before := map.text_of(index - 1)
		if token.kind == SourceMap.Kind.STRING:
			if before == "extends" or (before == "(" and map.text_of(index - 2) in ["preload", "load"]):
				instead = _path_in_folder(outline, token.text)
		elif token.text == "@" and map.text_of(index + 1) == "tool" or token.text == "tool" and before == "@":
			instead = ""
		elif token.kind != SourceMap.Kind.WORD or map.is_path_or_member(index) or map.is_key(index):
			continue
		elif before == "class_name" or token.text == "class_name":
			instead = ""
		elif _classes.has(token.text) or _autoloads.has(token.text):
			var path: String = _classes.get(token.text, _autoloads.get(token.text))
			if before == "extends":
				instead = "\"%s\"" % _places[path]
			elif outline.scope_of(token.text, token.function) == -2:
				instead = "_Moved_%s_%s" % [token.text, suffix]
				if not known.has(instead):
					known[instead] = true
					behind += _declaration(instead, path, _autoloads.has(token.text))
		if instead != token.text:
			text += map.source.substr(done, token.at - done) + instead
			done = end
	return text + map.source.substr(done) + "\n" + behind


func _declaration(name: String, path: String, is_node: bool) -> String:
	if is_node:
		return "const %s_type := preload(\"%s\")\nstatic var %s: %s_type\n" % [name, _places[path], name, name]
	return "const %s := preload(\"%s\")\n" % [name, _places[path]]


func _path_in_folder(outline: Outline, quoted: String) -> String:
	var path := outline.absolute(quoted)
	return "\"%s\"" % _places.get(path, path)
