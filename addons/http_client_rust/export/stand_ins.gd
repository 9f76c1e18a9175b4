@tool
extends EditorExportPlugin
## Adds the stand-ins in GDScript to exports without the library, such as web exports. Leaves all other exports unchanged.

const Names := preload("stand_in_names.gd")

## Files of the add-on that the stand-ins use, in addition to their own folder.
const SHARED: PackedStringArray = ["console/body_text.gd"]

## The folder of the add-on.
var _addon := ""
var _is_needed := false
## The original list of extensions during an export without this one. Empty otherwise.
var _list := ""
var _changed := PackedStringArray()
## Files with one of the names that could not be read or written.
var _left := PackedStringArray()


## Plugins are called in the order of their names. This one must come before the engine's own, which add the library and compile
## scripts.
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
	# Adds the files even if the export only contains the dependencies of scenes.
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


## Returns whether one of the libraries of a `.gdextension` file is for an export with these features.
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


## Replaces a binary scene or resource with a text file, if something in it must change. This does not use [method
## _customize_scene], because its results are cached, and a plugin that implements it affects other exports.
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


## Removes this extension from the list of extensions, which every export contains as it is on the disk, whatever plugins skip. If
## the editor quits before [method _export_end], its next start finds the extension again.
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
