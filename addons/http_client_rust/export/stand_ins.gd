@tool
extends EditorExportPlugin
## Where an export has no library, as on the web, puts stand-ins in GDScript in its place. Leaves every other export alone.

const Names := preload("stand_in_names.gd")

## Files of the add-on that the stand-ins read, beside their own folder.
const SHARED: PackedStringArray = ["console/body_text.gd"]

## The folder of the add-on.
var _addon := ""
var _is_needed := false
## The list of extensions as it was, while an export goes on that leaves ours out; empty otherwise.
var _list := ""
var _changed := PackedStringArray()
## What has one of the names in it, and could not be read or written.
var _left := PackedStringArray()


## The first in the order of names is asked first: before the engine's own, which add the library and compile scripts.
func _get_name() -> String:
	return "Add-on HTTPClientRust"


func _export_begin(features: PackedStringArray, _is_debug: bool, _path: String, _flags: int) -> void:
	_addon = (get_script() as Script).resource_path.get_base_dir().get_base_dir()
	_is_needed = not has_library(_extension(), features)
	_changed.clear()
	_left.clear()
	if not _is_needed:
		return
	_leave_out_of_list()
	# Also where an export takes along only what scenes name.
	for path: String in _own_files():
		add_file(path, FileAccess.get_file_as_bytes(path), false)


func _export_file(path: String, _type: String, _features: PackedStringArray) -> void:
	if not _is_needed:
		return
	if path == _extension() or _own_files().has(path):
		skip()
		return
	match path.get_extension().to_lower():
		"gd":
			var source := FileAccess.get_file_as_string(path)
			_take(path, source, Names.in_script(path, source, _stand_ins()))
		"tscn", "tres":
			var source := FileAccess.get_file_as_string(path)
			_take(path, source, Names.in_scene(path, source, _stand_ins()))
		"scn", "res":
			_export_binary(path)


func _export_end() -> void:
	if not _is_needed:
		return
	_is_needed = false
	if not _list.is_empty():
		_write(_list_file(), _list)
		_list = ""
	print("HTTPClientRust: there is no library for this platform. The export uses stand-ins that are based on the built-in HTTPClient.")
	for path: String in _changed:
		print("  changed: ", path)
	for path: String in _left:
		push_warning("HTTPClientRust: %s could not be changed and will not work in this export; open it in the editor and save it again." % path)


## Whether one of the libraries of a `.gdextension` is for an export with these features.
static func has_library(extension: String, features: PackedStringArray) -> bool:
	var config := ConfigFile.new()
	if config.load(extension) != OK or not config.has_section("libraries"):
		return false
	for key: String in config.get_section_keys("libraries"):
		if Array(key.split(".")).all(func(tag: String) -> bool: return features.has(tag)):
			return true
	return false


func _take(path: String, before: String, after: String) -> void:
	if before != after:
		_changed.append(path)
		add_file(path, after.to_utf8_buffer(), false)
		skip()


## A scene or resource that is not text becomes text, where something in it has to change. Not in [method _customize_scene]: what that
## changes is kept in a cache, and no plugin that has it leaves other exports alone.
func _export_binary(path: String) -> void:
	if not Names.may_be_in_file(path):
		return
	var resource := ResourceLoader.load(path)
	var extension := "tscn" if resource is PackedScene else "tres"
	var text_file := EditorInterface.get_editor_paths().get_cache_dir().path_join("http_client_rust_stand_in." + extension)
	if resource == null or ResourceSaver.save(resource, text_file) != OK:
		_left.append(path)
		return
	var source := FileAccess.get_file_as_string(text_file)
	var changed := Names.in_scene(path, source, _stand_ins())
	if changed != source:
		_changed.append(path)
		add_file("%s.%s" % [path, extension], changed.to_utf8_buffer(), true)
	DirAccess.remove_absolute(text_file)


## The list of extensions goes into every export as it is on the disk, whatever a plugin skips. Should the editor end before
## [method _export_end], its next start finds the extension again.
func _leave_out_of_list() -> void:
	_list = FileAccess.get_file_as_string(_list_file()) if FileAccess.file_exists(_list_file()) else ""
	if not _list.is_empty():
		var others := Array(_list.split("\n")).filter(func(line: String) -> bool: return line.strip_edges() != _extension())
		_write(_list_file(), "\n".join(PackedStringArray(others)))


func _write(path: String, text: String) -> void:
	var file := FileAccess.open(path, FileAccess.WRITE)
	if file == null:
		push_error("HTTPClientRust: %s cannot be written: %s" % [path, error_string(FileAccess.get_open_error())])
	else:
		file.store_string(text)


func _own_files() -> PackedStringArray:
	var files := PackedStringArray(Array(SHARED).map(func(file: String) -> String: return _addon.path_join(file)))
	for file: String in DirAccess.get_files_at(_stand_ins()):
		if file.get_extension() == "gd":
			files.append(_stand_ins().path_join(file))
	return files


func _extension() -> String:
	return _addon.path_join("http_client_rust.gdextension")


func _stand_ins() -> String:
	return _addon.path_join("web")


static func _list_file() -> String:
	var is_hidden: bool = ProjectSettings.get_setting("application/config/use_hidden_project_data_directory", true)
	return ("res://.godot" if is_hidden else "res://godot").path_join("extension_list.cfg")
