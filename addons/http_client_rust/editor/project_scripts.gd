@tool
extends RefCounted
## Finds the scripts and scenes of the project that use HTTPClient or HTTPRequest, checks whether they would parse after the
## change, and writes them.

const Migration := preload("migration.gd")
const CompileCheck := preload("compile_check.gd")
const SourceMap := preload("source_map.gd")
const SceneText := preload("scene_text.gd")
const RequestLinks := preload("request_links.gd")
const BodyText := preload("../console/body_text.gd")

const BYTE_ORDER_MARK: PackedByteArray = [0xef, 0xbb, 0xbf]
const OF_OTHERS := "it belongs to another add-on, and an update of that add-on would undo the change"
const UNSAVED := "it has unsaved changes in the script editor; save it, then open this dialog again"
const UNSAVED_SCENE := "it has unsaved changes in the editor; save it, then open this dialog again"
const OPEN_SCENE := "it is open in the editor, which would overwrite the change; save and close it, then open this dialog again"
const CSHARP := "C# uses HTTPRequest here, but the new class has no C# type"
const BINARY := "it is a binary scene; first save it as .tscn"
## Names of the classes in C#.
const CSHARP_NAMES := {Migration.OLD: "HttpClient", Migration.OLD_NODE: "HttpRequest"}

## Files that would change or that the user has to check.
var changes: Array[Migration.Change] = []
## Files that this tool does not change: "res://file: reason".
var elsewhere := PackedStringArray()

## The class to move from: [constant Migration.OLD] or [constant Migration.OLD_NODE].
var _old := Migration.OLD
## All scripts by path, also those that are built into scenes.
var _sources := {}
## Scenes that may change, by path.
var _scenes := {}
## All scenes and C# files, by path.
var _texts := {}
## Files that use the class but cannot be moved: the reason by path.
var _fixed := {}
var _autoloads := {}
## Scripts of other add-ons.
var _of_others := {}


## Reads the scripts and scenes in a folder, and plans how they move away from a class. [param own] is the folder of this add-on,
## which is left out.
func read(folder: String, own: String, old := Migration.OLD) -> void:
	_old = old
	_read_folder(folder, own)
	for path: String in _sources.keys() + _scenes.keys():
		if path.begins_with(folder.path_join("addons") + "/"):
			_of_others[path] = true
	for property: Dictionary in ProjectSettings.get_property_list():
		var name: String = property["name"]
		if name.begins_with("autoload/"):
			_autoloads[name.trim_prefix("autoload/")] = str(ProjectSettings.get_setting(name)).trim_prefix("*")
	var concerned := {}
	for path: String in _sources:
		if Migration.mentions(_sources[path], _old) or (_old == Migration.OLD and _mentions_a_node(_sources[path])):
			concerned[path] = _sources[path]
	if _old == Migration.OLD_NODE:
		_take_all(Migration.plan_nodes(concerned))
		_keep_together()
	else:
		_plan_clients(concerned)
	_hold_back_what_breaks()


func _plan_clients(concerned: Dictionary) -> void:
	var own := Migration.plan_all(concerned, _autoloads, _of_others)
	_take_all(own.filter(func(change: Migration.Change) -> bool: return not _of_others.has(change.path)))
	if _of_others.keys().any(func(path: String) -> bool: return concerned.has(path)):
		var all := Migration.plan_all(concerned, _autoloads)
		_take_all(all.filter(func(change: Migration.Change) -> bool: return _of_others.has(change.path)))


## Collects the changes of scripts, of built-in scripts (as changes of their scenes), and of node types.
func _take_all(planned: Array) -> void:
	var in_scenes := {}
	for change: Migration.Change in planned:
		var scene := change.path.get_slice("::", 0)
		if scene == change.path:
			_take(change)
			continue
		if not in_scenes.has(scene):
			in_scenes[scene] = []
		(in_scenes[scene] as Array).append(change)
	for path: String in _scenes:
		var scene: SceneText = _scenes[path]
		var whole := Migration.Change.new()
		whole.path = path
		whole.before = scene.text
		for change: Migration.Change in in_scenes.get(path, []):
			whole.scripts.merge(change.scripts)
			whole.replaced += change.replaced
			whole.left_alone += change.left_alone
			for note: String in change.notes:
				var line := note.get_slice(":", 0).to_int() + scene.line_of_script(change.path)
				whole.notes.append("%d:%s" % [line, note.substr(note.find(":") + 1)])
		var is_of_nodes := _old == Migration.OLD_NODE
		# The other class needs all scenes here; in_scenes has only the scenes of this call.
		if in_scenes.has(path) or is_of_nodes:
			whole.replaced += scene.nodes_of(_old).size() if is_of_nodes else 0
			whole.after = scene.rewritten(whole.scripts, _old if is_of_nodes else "", Migration.NEW_NODE)
			_take(whole)


## Connects files that pass nodes to each other, so that they move together or not at all.
func _keep_together() -> void:
	var files: Array[RequestLinks.File] = []
	for path: String in _texts.keys() + _sources.keys():
		if not path.contains("::"):
			files.append(_file_of(path))
	var groups := RequestLinks.groups(files)
	for change: Migration.Change in changes:
		for path: String in groups.get(change.path, PackedStringArray()):
			if path != change.path:
				change.together.append(path)
	for path: String in _fixed:
		for change: Migration.Change in changes:
			if change.together.has(path) and change.held_back.is_empty():
				change.held_back = "it moves together with %s: %s" % [path, _fixed[path]]
	if not ClassDB.class_exists(Migration.NEW_NODE):
		for change: Migration.Change in changes:
			change.held_back = "the library of this add-on is not loaded; restart the editor"
	hold_back_together()


func _file_of(path: String) -> RequestLinks.File:
	var file := RequestLinks.File.new()
	file.path = path
	file.text = _texts.get(path, _sources.get(path, ""))
	file.takes = _fixed.has(path)
	file.gives = _fixed.has(path)
	if _scenes.has(path):
		var scene: SceneText = _scenes[path]
		file.gives = file.gives or not scene.nodes_of(_old).is_empty()
		for script: String in scene.scripts:
			RequestLinks.look_into(file, SourceMap.new(scene.scripts[script]))
	elif _sources.has(path):
		if Migration.mentions(file.text, _old):
			RequestLinks.look_into(file, SourceMap.new(file.text))
		var declared := RegEx.create_from_string("(?m)^\\s*(?:@\\w+(?:\\([^)]*\\))?\\s+)*class_name\\s+(\\w+)").search(file.text)
		if declared != null:
			file.names.append(declared.get_string(1))
	for name: String in _autoloads:
		if _autoloads[name] == path:
			file.names.append(name)
	var id := ResourceLoader.get_resource_uid(path)
	if id != ResourceUID.INVALID_ID:
		file.names.append(ResourceUID.id_to_text(id))
	return file


## If a change is held back, holds back the changes that have to move with it, for the same reason.
func hold_back_together() -> void:
	for change: Migration.Change in changes:
		if change.held_back.is_empty():
			continue
		for other: Migration.Change in changes:
			if change.together.has(other.path) and other.held_back.is_empty():
				other.held_back = "it moves together with %s: %s" % [change.path, change.held_back]


## The text of a script in its file or in the file of its scene; empty if it was not read.
func text_of(path: String) -> String:
	return _sources.get(path, "")


## The reasons why scripts would not parse, by path, if exactly these changes were made.
func problems_of(moved: Array[Migration.Change]) -> Dictionary:
	var parted := _parted(moved)
	if not parted.is_empty():
		return parted
	var texts := {}
	for path: String in _sources:
		if Migration.mentions(_sources[path], _old) or _names_one_of(_sources[path], moved):
			texts[path] = _sources[path]
	var before := texts.duplicate()
	for change: Migration.Change in moved:
		texts.merge(change.scripts, true)
	var found := CompileCheck.problems(texts, _autoloads)
	if found.is_empty():
		return {}
	var already := CompileCheck.problems(before, _autoloads)
	var problems := {}
	var is_moved := func(path: String) -> bool:
		return moved.any(func(change: Migration.Change) -> bool: return change.scripts.has(path))
	for path: String in found:
		var file := path.get_slice("::", 0)
		if already.has(path):
			if is_moved.call(path):
				problems[file] = "it does not parse even without the change: " + str(already[path])
		elif is_moved.call(path):
			problems[file] = "it would no longer parse: " + str(found[path])
		else:
			var named := moved.filter(
				func(change: Migration.Change) -> bool: return _names_one_of(_sources[path], [change]))
			for change: Migration.Change in named if not named.is_empty() else moved:
				if not problems.has(change.path):
					problems[change.path] = "%s would no longer parse: %s" % [path, found[path]]
	return problems


## The reasons why some of these changes cannot be made without others, by path.
func _parted(moved: Array[Migration.Change]) -> Dictionary:
	var problems := {}
	var paths := moved.map(func(change: Migration.Change) -> String: return change.path)
	for change: Migration.Change in moved:
		for other: String in change.together:
			if not paths.has(other) and not problems.has(change.path):
				problems[change.path] = "it passes nodes to %s or gets nodes from it; move both or none" % other
	return problems


## Writes texts by path, all of them or none, and returns the problems. A file is written only if it still has the expected text,
## so that no edit is lost.
static func write(texts: Dictionary, expected: Dictionary) -> PackedStringArray:
	var problems := PackedStringArray()
	var made := {}
	for path: String in texts:
		var bytes := FileAccess.get_file_as_bytes(path)
		var mark := BYTE_ORDER_MARK if bytes.slice(0, 3) == BYTE_ORDER_MARK else PackedByteArray()
		if bytes != mark + str(expected[path]).to_utf8_buffer():
			problems.append(path + " was changed in the meantime; no file was changed")
		made[path] = mark + str(texts[path]).to_utf8_buffer()
	for path: String in made if problems.is_empty() else {}:
		var error := _write_bytes(path + ".moved", made[path])
		if error != OK:
			problems.append("%s cannot be written: %s; no file was changed" % [path, error_string(error)])
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


## Whether a C# file uses Godot's HttpClient as a client, or its HttpRequest as a node. The .NET class of the same name does not
## count, nor does a use of the constants only.
static func uses_client_in_csharp(text: String, name := "HttpClient") -> bool:
	var code := RegEx.create_from_string("//[^\\n]*|/\\*[\\s\\S]*?\\*/|@?\"(?:\\\\.|[^\"\\\\])*\"").sub(text, " ", true)
	var use := name + "\\b(?!\\s*\\.\\s*(Method|Status|ResponseCode|Result)\\b)"
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
				_read_scene(path)
			"scn":
				_look_into_binary_scene(path)
			"cs":
				_texts[path] = FileAccess.get_file_as_string(path)
				if uses_client_in_csharp(_texts[path], CSHARP_NAMES[_old]):
					elsewhere.append("%s: uses %s from C#; see docs/recipes.md, From C#" % [path, _old])
					_fixed[path] = CSHARP


func _read_scene(path: String) -> void:
	var text := _text_of_file(path)
	_texts[path] = text
	if not Migration.mentions(text, _old) and not (text.contains("script/source") and _mentions_a_node(text)):
		return
	var scene := SceneText.new(path, text)
	if not scene.problem.is_empty() and Migration.mentions(text, _old):
		elsewhere.append("%s: %s; change it in the editor" % [path, scene.problem])
		_fixed[path] = "it " + scene.problem
		return
	_scenes[path] = scene
	_sources.merge(scene.scripts)


func _look_into_binary_scene(path: String) -> void:
	if _old != Migration.OLD_NODE:
		return
	var scene := ResourceLoader.load(path, "PackedScene", ResourceLoader.CACHE_MODE_IGNORE) as PackedScene
	if scene == null:
		return
	var dependencies := ResourceLoader.get_dependencies(path)
	_texts[path] = "\n".join(dependencies)
	for index: int in scene.get_state().get_node_count():
		if scene.get_state().get_node_type(index) == StringName(_old):
			elsewhere.append("%s: is a binary scene with an %s; save it as .tscn, or change it in the editor" % [path, _old])
			_fixed[path] = BINARY
			return


static func _mentions_a_node(text: String) -> bool:
	return Migration.mentions(text, Migration.OLD_NODE) or Migration.mentions(text, Migration.NEW_NODE)


func _text_of_file(path: String) -> String:
	var bytes := FileAccess.get_file_as_bytes(path)
	if bytes.has(0) or not BodyText.is_utf8(bytes):
		return bytes.get_string_from_ascii()
	return (bytes.slice(3) if bytes.slice(0, 3) == BYTE_ORDER_MARK else bytes).get_string_from_utf8()


func _read_script(path: String) -> void:
	var bytes := FileAccess.get_file_as_bytes(path)
	if bytes.slice(0, 3) == BYTE_ORDER_MARK:
		bytes = bytes.slice(3)
	# Godot would print an error about bytes that are not text, and writing the text back would change them.
	if bytes.has(0) or not BodyText.is_utf8(bytes):
		elsewhere.append(path + ": is not UTF-8; change it by hand")
		_texts[path] = bytes.get_string_from_ascii()
		if Migration.mentions(_texts[path], _old):
			_fixed[path] = "it is not UTF-8"
	else:
		_sources[path] = bytes.get_string_from_utf8()


func _take(change: Migration.Change) -> void:
	if _of_others.has(change.path):
		change.held_back = OF_OTHERS
	if change.is_changed() or not change.notes.is_empty():
		changes.append(change)


## Repeats until the rest parses: a script may fail only because another one fails.
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
		hold_back_together()


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
