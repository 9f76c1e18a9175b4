@tool
extends RefCounted
## Tells whether texts of scripts parse together, before any of them is written.
##
## They are put into a folder of their own, where their paths, global names and autoloads mean each other and not what is in
## the project. Nothing of them runs: they are no tools there, and the folder is gone afterwards.

const SourceMap := preload("source_map.gd")
const Outline := preload("outline.gd")

const FOLDER := "user://http_client_rust_move"
const NO_REASON := "it would no longer parse"
## Listens to the log where the engine lets scripts do that, from Godot 4.5 on; older ones cannot parse it.
const LISTENER := """extends Logger
var messages := PackedStringArray()
var mutex := Mutex.new()
func _log_error(_f: String, file: String, line: int, code: String, why: String, _e: bool, _t: int, _b: Array[ScriptBacktrace]) -> void:
	mutex.lock()
	messages.append("%s:%d: %s" % [file, line, why if not why.is_empty() else code])
	mutex.unlock()
"""

## How the engine says that the fault is in another script.
const FOLLOWS: PackedStringArray = ["depended scripts", "Could not resolve", "Could not preload", "Could not parse"]

var _folder := ""
## Paths of the copies by those of the scripts.
var _places := {}
var _classes := {}
var _autoloads := {}
var _made: Array[GDScript] = []


## Why scripts do not parse, by their paths; those that do are left out.
static func problems(texts: Dictionary, autoloads := {}) -> Dictionary:
	return new()._problems(texts, autoloads)


## Whether a reason only says that another script does not parse.
static func only_follows(reason: String) -> bool:
	for part: String in FOLLOWS:
		if reason.contains(part):
			return true
	return false


func _problems(texts: Dictionary, autoloads: Dictionary) -> Dictionary:
	# A path of its own each time: the engine remembers scripts by their paths.
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
	# What is not printed, the listener does not hear either. The editor's Output shows it in any case.
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


## Scripts that preload each other would keep each other for ever.
func _forget(place: String) -> void:
	if ResourceLoader.has_cached(place):
		_made.append(load(place) as GDScript)
	for script: GDScript in _made:
		if script.resource_path == place:
			script.source_code = "extends RefCounted\n"
			script.reload()


## The script as it was loaded for another one, or a new one under its path.
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


## The text with what ties it to the project replaced, on the same lines.
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
