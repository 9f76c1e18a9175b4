@tool
# allow-log: V-Sync mode
# allow-log: VK_KHR_surface
# allow-log: ^ERROR: Condition "err != OK" is true
# allow-log: ^WARNING: .*(screen saver|dbus|portal|XIM|input method|touch)
extends EditorPlugin
## Sits in a project into which the add-on was just unpacked, and looks at what a person has at the editor's first start.
##
## Nothing here waits with `await`: the first scan loads scripts anew, and what they wait for is then forgotten.

const CLASS := &"HTTPClientRust"
const PLUGIN := "res://addons/http_client_rust/plugin.cfg"
## After the editor came to rest, and after the plugin was turned on.
const PAUSE_MS := 2_000
## For the editor to come to rest.
const PATIENCE_MS := 90_000

var _quiet_since_ms := -1
var _passed := 0
var _failed := 0


func _process(_delta: float) -> void:
	var now := Time.get_ticks_msec()
	if _quiet_since_ms < 0 or (_is_busy() and now < PATIENCE_MS):
		_quiet_since_ms = now
	elif now - _quiet_since_ms > PAUSE_MS:
		if _passed + _failed == 0:
			_look()
			_quiet_since_ms = now
		else:
			_look_again()
			set_process(false)
			print("%d passed, %d failed" % [_passed, _failed])
			get_tree().quit(0 if _failed == 0 else 1)


## An editor that ends while it still makes its help crashes where there are extensions (godotengine/godot#111048).
func _is_busy() -> bool:
	var is_help := func(file: String) -> bool: return file.begins_with("editor_doc_cache")
	var cache := EditorInterface.get_editor_paths().get_cache_dir()
	return (
		EditorInterface.get_resource_filesystem().is_scanning()
		or not Array(DirAccess.get_files_at(cache)).any(is_help))


func _look() -> void:
	_report("the_class_is_there_without_a_second_start", ClassDB.class_exists(CLASS))
	_report("a_script_with_the_class_compiles", (load("res://request.gd") as GDScript).reload() == OK)
	EditorInterface.set_plugin_enabled(PLUGIN, true)


func _look_again() -> void:
	_report("the_plugin_can_be_turned_on", EditorInterface.is_plugin_enabled(PLUGIN))
	_report(
		"the_panel_is_ready_for_a_request",
		EditorInterface.get_base_control().find_child("HTTPConsole", true, false) != null)


func _report(test_name: String, holds: bool) -> void:
	if holds:
		_passed += 1
	else:
		_failed += 1
	print("ok   " if holds else "FAIL ", test_name)
