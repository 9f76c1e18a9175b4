extends "res://tests/support/test_case.gd"
## The common functions of the tests of the migration tool: a project in its own folder, and the tool's result for it.

const Migration := preload("res://addons/http_client_rust/editor/migration.gd")
const ProjectScripts := preload("res://addons/http_client_rust/editor/project_scripts.gd")
const CompileCheck := preload("res://addons/http_client_rust/editor/compile_check.gd")

var _folder := ""
var _old := ""


## [param folder] is emptied; [param old] is the class that the tool replaces.
func _init(folder: String, old := Migration.OLD) -> void:
	_folder = folder
	_old = old
	_remove(folder)


## The tool's result for a project of these scripts, given as texts by name.
func _read(texts: Dictionary, old := _old) -> ProjectScripts:
	for name: String in texts:
		_write(name, texts[name])
	var scripts := ProjectScripts.new()
	scripts.read(_folder, "", old)
	return scripts


func _of(scripts: ProjectScripts, name: String) -> Migration.Change:
	for change: Migration.Change in scripts.changes:
		if change.path.get_file() == name:
			return change
	assert_true(false, "nothing is said about " + name)
	return Migration.Change.new()


func _write(name: String, text: String) -> void:
	_write_bytes(name, text.to_utf8_buffer())


func _write_bytes(name: String, bytes: PackedByteArray) -> void:
	var path := _folder.path_join(name)
	DirAccess.make_dir_recursive_absolute(path.get_base_dir())
	FileAccess.open(path, FileAccess.WRITE).store_buffer(bytes)


func _remove(folder: String) -> void:
	for name: String in DirAccess.get_directories_at(folder) if DirAccess.dir_exists_absolute(folder) else PackedStringArray():
		_remove(folder.path_join(name))
	for name: String in DirAccess.get_files_at(folder) if DirAccess.dir_exists_absolute(folder) else PackedStringArray():
		DirAccess.remove_absolute(folder.path_join(name))
	DirAccess.remove_absolute(folder)
