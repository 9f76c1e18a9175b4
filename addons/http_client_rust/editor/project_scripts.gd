@tool
extends RefCounted
## Finds the scripts of the project that use HTTPClient, tries out what would become of them, and writes them.

const Migration := preload("migration.gd")
const CompileCheck := preload("compile_check.gd")
const BodyText := preload("../console/body_text.gd")

const BYTE_ORDER_MARK: PackedByteArray = [0xef, 0xbb, 0xbf]
const OF_OTHERS := "it belongs to an add-on of others, whose next version would undo this"
const UNSAVED := "it has changes in the script editor that are not saved; save it, and open this again"

## What would change or needs a look.
var changes: Array[Migration.Change] = []
## What this tool does not touch: "res://file: why".
var elsewhere := PackedStringArray()

## All scripts, by their paths.
var _sources := {}
var _autoloads := {}
## Scripts of other add-ons.
var _of_others := {}


## Reads the scripts below a folder, and plans. [param own] is the folder of this add-on, which is left out.
func read(folder: String, own: String) -> void:
	_read_folder(folder, own)
	for path: String in _sources:
		if path.begins_with(folder.path_join("addons") + "/"):
			_of_others[path] = true
	for property: Dictionary in ProjectSettings.get_property_list():
		var name: String = property["name"]
		if name.begins_with("autoload/"):
			_autoloads[name.trim_prefix("autoload/")] = str(ProjectSettings.get_setting(name)).trim_prefix("*")
	var concerned := {}
	for path: String in _sources:
		if Migration.mentions(_sources[path]) or Migration.mentions(_sources[path], "HTTPRequest"):
			concerned[path] = _sources[path]
	for change: Migration.Change in Migration.plan_all(concerned, _autoloads, _of_others):
		if not _of_others.has(change.path):
			_take(change)
	if _of_others.keys().any(func(path: String) -> bool: return concerned.has(path)):
		for change: Migration.Change in Migration.plan_all(concerned, _autoloads):
			if _of_others.has(change.path):
				change.held_back = OF_OTHERS
				_take(change)
	_hold_back_what_breaks()


## Why some of these would not parse, by their paths, if all of them were moved and nothing else.
func problems_of(moved: Array[Migration.Change]) -> Dictionary:
	var texts := {}
	for path: String in _sources:
		if Migration.mentions(_sources[path]) or _names_one_of(_sources[path], moved):
			texts[path] = _sources[path]
	var before := texts.duplicate()
	for change: Migration.Change in moved:
		texts[change.path] = change.after
	var found := CompileCheck.problems(texts, _autoloads)
	if found.is_empty():
		return {}
	var already := CompileCheck.problems(before, _autoloads)
	var problems := {}
	var is_moved := func(path: String) -> bool:
		return moved.any(func(change: Migration.Change) -> bool: return change.path == path)
	for path: String in found:
		if already.has(path):
			if is_moved.call(path):
				problems[path] = "it does not parse as it is: " + str(already[path])
		elif is_moved.call(path):
			problems[path] = "it would not parse any more: " + str(found[path])
		else:
			var named := moved.filter(
				func(change: Migration.Change) -> bool: return _names_one_of(_sources[path], [change]))
			for change: Migration.Change in named if not named.is_empty() else moved:
				if not problems.has(change.path):
					problems[change.path] = "%s would not parse any more: %s" % [path, found[path]]
	return problems


## Writes texts by their paths, all of them or none, and returns what is in the way. A file is written only if it still has
## the text that is expected there: nobody's edits are lost.
static func write(texts: Dictionary, expected: Dictionary) -> PackedStringArray:
	var problems := PackedStringArray()
	var made := {}
	for path: String in texts:
		var bytes := FileAccess.get_file_as_bytes(path)
		var mark := BYTE_ORDER_MARK if bytes.slice(0, 3) == BYTE_ORDER_MARK else PackedByteArray()
		if bytes != mark + str(expected[path]).to_utf8_buffer():
			problems.append(path + " was changed meanwhile; nothing was written")
		made[path] = mark + str(texts[path]).to_utf8_buffer()
	for path: String in made if problems.is_empty() else {}:
		var error := _write_bytes(path + ".moved", made[path])
		if error != OK:
			problems.append("%s cannot be written: %s; nothing was written" % [path, error_string(error)])
	for path: String in made:
		if problems.is_empty():
			var error := DirAccess.rename_absolute(path + ".moved", path)
			if error != OK:
				problems.append("%s cannot be written: %s" % [path, error_string(error)])
		if FileAccess.file_exists(path + ".moved"):
			DirAccess.remove_absolute(path + ".moved")
	return problems


static func _write_bytes(path: String, bytes: PackedByteArray) -> Error:
	var file := FileAccess.open(path, FileAccess.WRITE)
	if file == null:
		return FileAccess.get_open_error()
	file.store_buffer(bytes)
	file.close()
	return OK if FileAccess.get_file_as_bytes(path) == bytes else ERR_FILE_CANT_WRITE


## Whether a C# file uses Godot's HttpClient as a client: not .NET's class of the same name, and not only its constants.
static func uses_client_in_csharp(text: String) -> bool:
	var code := RegEx.create_from_string("//[^\\n]*|/\\*[\\s\\S]*?\\*/|@?\"(?:\\\\.|[^\"\\\\])*\"").sub(text, " ", true)
	var use := "HttpClient\\b(?!\\s*\\.\\s*(Method|Status|ResponseCode)\\b)"
	if RegEx.create_from_string("\\bGodot\\s*\\.\\s*" + use).search(code) != null:
		return true
	if RegEx.create_from_string("\\busing\\s+Godot\\s*;").search(code) == null or code.contains("System.Net.Http"):
		return false
	return RegEx.create_from_string("(?<![\\w.])" + use).search(code) != null


func _read_folder(folder: String, own: String) -> void:
	var directory := DirAccess.open(folder)
	if directory == null or folder.trim_suffix("/") == own.trim_suffix("/") or directory.file_exists(".gdignore"):
		return
	for name: String in directory.get_directories():
		if not name.begins_with("."):
			_read_folder(folder.path_join(name), own)
	for name: String in directory.get_files():
		var path := folder.path_join(name)
		match name.get_extension().to_lower():
			"gd":
				_read_script(path)
			"tscn", "tres":
				var text := FileAccess.get_file_as_string(path)
				if text.contains("script/source") and Migration.mentions(text):
					elsewhere.append(path + ": has a built-in script that uses HTTPClient; change it in the editor")
			"cs":
				if uses_client_in_csharp(FileAccess.get_file_as_string(path)):
					elsewhere.append(path + ": uses HTTPClient from C#; see README, C#")


func _read_script(path: String) -> void:
	var bytes := FileAccess.get_file_as_bytes(path)
	if bytes.slice(0, 3) == BYTE_ORDER_MARK:
		bytes = bytes.slice(3)
	# Godot would complain about bytes that are no text, and writing it back would change them.
	if bytes.has(0) or not BodyText.is_utf8(bytes):
		elsewhere.append(path + ": is not UTF-8; change it by hand")
	else:
		_sources[path] = bytes.get_string_from_utf8()


func _take(change: Migration.Change) -> void:
	if change.is_changed() or not change.notes.is_empty():
		changes.append(change)


## Until the rest parses: what breaks may break only since something else does.
func _hold_back_what_breaks() -> void:
	while true:
		var ticked: Array[Migration.Change] = []
		ticked.assign(changes.filter(
			func(change: Migration.Change) -> bool: return change.is_changed() and change.held_back.is_empty()))
		var problems := problems_of(ticked) if not ticked.is_empty() else {}
		if problems.is_empty():
			return
		var is_all_that_follows := problems.values().all(CompileCheck.only_follows)
		for change: Migration.Change in ticked:
			var problem: String = problems.get(change.path, "")
			change.held_back = problem if is_all_that_follows or not CompileCheck.only_follows(problem) else ""


func _names_one_of(text: String, moved: Array) -> bool:
	for change: Migration.Change in moved:
		if text.contains(change.path.get_file()):
			return true
		var declared := RegEx.create_from_string("(?m)^\\s*class_name\\s+(\\w+)").search(change.before)
		if declared != null and Migration.mentions(text, declared.get_string(1)):
			return true
		for name: String in _autoloads:
			if _autoloads[name] == change.path and Migration.mentions(text, name):
				return true
	return false
