extends "res://tests/support/test_case.gd"
## The engine reports no warning for the scripts of the project and of the add-on.

const SETTINGS := "debug/gdscript/warnings/"
const WARN := 1
const ERROR := 2


func test_no_script_has_a_warning() -> void:
	for property: Dictionary in ProjectSettings.get_property_list():
		var name: String = property["name"]
		if name.begins_with(SETTINGS) and property["type"] == TYPE_INT and ProjectSettings.get_setting(name) == WARN:
			ProjectSettings.set_setting(name, ERROR)
	# Add-ons are excluded by default: by the first setting before Godot 4.5, by the second one since then.
	ProjectSettings.set_setting(SETTINGS + "exclude_addons", false)
	ProjectSettings.set_setting(SETTINGS + "directory_rules", {})
	# The engine applies the settings at the end of the frame.
	await wait_frames(2)
	var scripts := _scripts_in("res://")
	assert_true(scripts.size() > 50, "there are %d scripts" % scripts.size())
	# Scripts that are already loaded have been compiled, and are compiled again from their text.
	var running := Array(scripts).filter(func(path: String) -> bool: return ResourceLoader.has_cached(path))
	for path: String in scripts:
		var script := GDScript.new()
		if running.has(path):
			script.source_code = FileAccess.get_file_as_string(path)
			script.reload()
		else:
			script = load(path)
		assert_true(script.can_instantiate(), path + " has a warning; the log has its words")


## In the editor, a script without @tool has no static variables, and its constants that need code are missing.
func test_what_a_tool_script_of_the_add_on_preloads_is_a_tool_script_too() -> void:
	var preloaded := RegEx.create_from_string("preload\\(\"([^\"]+\\.gd)\"\\)")
	var count := 0
	for path: String in _scripts_in("res://addons/http_client_rust"):
		var source := FileAccess.get_file_as_string(path)
		if not source.begins_with("@tool"):
			continue
		for found: RegExMatch in preloaded.search_all(source):
			var other := path.get_base_dir().path_join(found.get_string(1)).simplify_path()
			# A comment may show a preload of a script that does not exist.
			if not FileAccess.file_exists(other):
				continue
			assert_true(FileAccess.get_file_as_string(other).begins_with("@tool"), "%s, which %s preloads" % [other, path])
			count += 1
	assert_true(count > 50, "there are %d preloads" % count)


func _scripts_in(folder: String) -> PackedStringArray:
	var scripts := PackedStringArray()
	for file: String in DirAccess.get_files_at(folder):
		if file.ends_with(".gd"):
			scripts.append(folder.path_join(file))
	for below: String in DirAccess.get_directories_at(folder):
		scripts.append_array(_scripts_in(folder.path_join(below)))
	return scripts
