@tool
# deadline: 600
extends "res://tests/support/editor_test.gd"
## Enables the add-on's plugin in the editor, sends a request from its panel, and moves a script with its tool and back.
##
## Runs only if the environment variable HTTP_CLIENT_RUST_TEST_HTTP has the address of the test server (host:port).

const PLUGIN := "res://addons/http_client_rust/plugin.cfg"
const SCRIPT_TO_MOVE := "res://moved_by_the_test.gd"
const SCENE_TO_MOVE := "res://moved_scene_of_the_test.tscn"
const SCRIPT_OF_SCENE := "res://moved_scene_of_the_test.gd"
const OLD_SCENE := """[gd_scene load_steps=2 format=3]

[ext_resource type="Script" path="res://moved_scene_of_the_test.gd" id="1"]

[node name="A" type="Node"]
script = ExtResource("1")

[node name="R" type="HTTPRequest" parent="."]
"""
const OLD_SCRIPT_OF_SCENE := "extends Node\n@onready var r: HTTPRequest = $R\n"
const SCRIPT_OF_OTHERS := "res://addons/of_others/net.gd"
## Columns of the list in the migration dialog.
const TICK := 0
const NAME := 1
const OLD_TEXT := "extends RefCounted\nvar http := HTTPClient.new()\n"
const NEW_TEXT := "extends RefCounted\nvar http := HTTPClientRust.new()\n"
const PATIENCE_MS := 20_000
## Set in the environment of the second editor; see _test_help().
const SECOND := "HTTP_CLIENT_RUST_TEST_SECOND_EDITOR"
const HELP_TEXT := "An HTTP/1.1 client with the API of"
const HELP_IS_THERE := "the help is there"



## Stands in for the editor of Godot 4.7.
class NewerEditor:
	extends RefCounted
	var open: PackedStringArray = []
	var unsaved: PackedStringArray = []
	var reloaded: Array[String] = []

	func get_open_scenes() -> PackedStringArray:
		return open

	func get_unsaved_scenes() -> PackedStringArray:
		return unsaved

	func reload_scene_from_path(path: String) -> void:
		reloaded.append(path)


func _enter_tree() -> void:
	if not OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP").is_empty():
		if OS.get_environment(SECOND).is_empty():
			_run.call_deferred()
		else:
			_look_for_help.call_deferred()


func _run() -> void:
	await get_tree().process_frame
	EditorInterface.set_plugin_enabled(PLUGIN, true)
	await get_tree().process_frame
	_report("the_plugin_can_be_enabled", EditorInterface.is_plugin_enabled(PLUGIN), "it is not enabled")
	var console := EditorInterface.get_base_control().find_child("HTTPConsole", true, false) as Control
	if console == null:
		_report("the_editor_has_the_panel", false, "there is no node HTTPConsole below the editor's controls")
		await _finish()
		return
	await _test_request(console)
	await _test_failure(console)
	await _test_height(console)
	await _test_help()
	await _test_moving()
	await _test_moving_nodes()
	EditorInterface.set_plugin_enabled(PLUGIN, false)
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while is_instance_valid(console) and Time.get_ticks_msec() < end:
		await get_tree().process_frame
	_report(
		"the_plugin_can_be_disabled_and_leaves_nothing_behind", not is_instance_valid(console), "the console is still there")
	await _finish()


func _test_request(console: Control) -> void:
	var address := OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP")
	console.call("fill_in", {"url": "http://%s/json" % address})
	await _send(console)
	_report("the_panel_shows_the_status_of_an_answer", console.call("status_text") == "200 OK", console.call("status_text"))
	_report(
		"the_panel_shows_json_with_indentation", str(console.call("body_text")).contains("  \"server\": \"embedded\""),
		console.call("body_text"))


func _test_failure(console: Control) -> void:
	var port := OS.get_environment("HTTP_CLIENT_RUST_TEST_REFUSED_PORT")
	console.call("fill_in", {"url": "http://127.0.0.1:%s/" % port})
	await _send(console)
	var message := str((console.get("exchange") as RefCounted).get("message"))
	_report("the_panel_shows_why_a_request_failed", message.contains(port), message)


## At a scale of 200 %, a screen of 1080 pixels has little room for the script editor and the panel.
func _test_height(console: Control) -> void:
	var frame := console.get_parent() as ScrollContainer
	var window := frame.get_window()
	var size_before := window.size
	var scale_before: float = frame.get("display_scale")
	frame.set("display_scale", 2.0)
	console.theme = Theme.new()
	console.theme.default_font_size = 28
	for sizes: Array in [[2160, 600.0], [1080, 380.0]]:
		window.size = Vector2i(1920, sizes[0])
		await get_tree().process_frame
		var least := frame.get_combined_minimum_size().y
		_report(
			"the_panel_leaves_room_for_the_script_editor_in_a_window_of_%d_pixels" % sizes[0], least == sizes[1],
			"its least height is %s" % least)
	frame.size.y = 300.0
	# Wrapped text needs a frame to compute its height.
	for count: int in 3:
		await get_tree().process_frame
	_report(
		"what_the_panel_has_no_room_for_is_scrolled_to", console.size.y > 300.0 and frame.get_v_scroll_bar().visible,
		"the console is %s high" % console.size.y)
	console.theme = null
	frame.set("display_scale", scale_before)
	window.size = size_before
	await get_tree().process_frame


## An editor without a cache of its help does not include the pages of extensions (4.6.3), and the tests run with their own home
## folder. Therefore a second editor, which uses the cache of this one, does the check.
func _test_help() -> void:
	var cache := EditorInterface.get_editor_paths().get_cache_dir()
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while not _has_help(cache) and Time.get_ticks_msec() < end:
		await get_tree().create_timer(0.5).timeout
	var program := OS.get_environment("GODOT")
	if program.is_empty():
		program = OS.get_executable_path()
	OS.set_environment(SECOND, "1")
	var output: Array = []
	OS.execute(
		program, ["--headless", "--path", ProjectSettings.globalize_path("res://"), "--editor"], output)
	OS.unset_environment(SECOND)
	_report("the_help_has_the_class_reference", str(output[0]).contains(HELP_IS_THERE), str(output[0]).right(600))


func _has_help(cache: String) -> bool:
	return Array(DirAccess.get_files_at(cache)).any(
		func(file: String) -> bool: return file.begins_with("editor_doc_cache"))


## Runs in the second editor.
func _look_for_help() -> void:
	var shown := ""
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while not shown.contains(HELP_TEXT) and Time.get_ticks_msec() < end:
		await get_tree().create_timer(0.5).timeout
		EditorInterface.get_script_editor().goto_help("class_name:HTTPClientRust")
		await get_tree().process_frame
		shown = ""
		for label: Node in EditorInterface.get_script_editor().find_children("*", "RichTextLabel", true, false):
			shown += (label as RichTextLabel).get_parsed_text()
	print(HELP_IS_THERE if shown.contains(HELP_TEXT) else shown)
	get_tree().quit()


func _test_moving() -> void:
	_write(SCRIPT_TO_MOVE, OLD_TEXT)
	_write(SCRIPT_OF_OTHERS, OLD_TEXT)
	EditorInterface.edit_script(load(SCRIPT_TO_MOVE) as Script)
	await get_tree().process_frame
	var dialog: ConfirmationDialog = (load("res://addons/http_client_rust/editor/migration_dialog.gd") as GDScript).new()
	dialog.set("undo_redo", get_undo_redo())
	EditorInterface.get_base_control().add_child(dialog)
	dialog.call("open")
	var paths: PackedStringArray = dialog.call("paths")
	_report("the_tool_finds_the_script", paths.has(SCRIPT_TO_MOVE), str(paths))
	var files: Tree = dialog.get("_files")
	var item := _row_of(files, SCRIPT_TO_MOVE)
	_report("what_parses_is_ticked", item.is_checked(TICK), "it is not")
	_report(
		"an_add_on_of_others_is_not_ticked_at_first", not _row_of(files, SCRIPT_OF_OTHERS).is_checked(TICK), "it is ticked")
	dialog.call("tick_all", false)
	_report("none_unticks_all", (dialog.call("_ticked") as Array).is_empty(), "some are ticked")
	dialog.call("tick_all", true)
	_report("all_ticks_what_nothing_speaks_against", item.is_checked(TICK), "it is not ticked")
	await _test_click(dialog, files, item)
	# Only this script is selected: the other scripts of the copy are tests of the class itself.
	dialog.call("tick_all", false)
	item.set_checked(TICK, true)
	_test_unsaved(dialog)
	dialog.call("apply")
	_report(
		"the_tool_moves_the_script", FileAccess.get_file_as_string(SCRIPT_TO_MOVE) == NEW_TEXT,
		FileAccess.get_file_as_string(SCRIPT_TO_MOVE) + str(dialog.call("refusal")))
	_report("the_script_editor_shows_what_was_written", _open_text().text == NEW_TEXT, _open_text().text)
	var manager := get_undo_redo()
	manager.get_history_undo_redo(EditorUndoRedoManager.GLOBAL_HISTORY).undo()
	_report(
		"moving_is_undone_in_one_step", FileAccess.get_file_as_string(SCRIPT_TO_MOVE) == OLD_TEXT,
		FileAccess.get_file_as_string(SCRIPT_TO_MOVE))
	dialog.hide()
	dialog.queue_free()
	await get_tree().process_frame


## A click on the name shows the script, and does not toggle its check box.
func _test_click(dialog: Window, files: Tree, item: TreeItem) -> void:
	# A headless display has hardly any room.
	dialog.size = Vector2i(1000, 600)
	await get_tree().process_frame
	files.scroll_to_item(item)
	await get_tree().process_frame
	var at := Vector2.ZERO
	for y: int in int(files.size.y):
		var tried := Vector2(files.size.x * 0.6, y + 2.0)
		if files.get_item_at_position(tried) == item and files.get_column_at_position(tried) == NAME:
			at = tried
	for pressed: bool in [true, false]:
		var click := InputEventMouseButton.new()
		click.button_index = MOUSE_BUTTON_LEFT
		click.pressed = pressed
		click.position = files.get_global_transform() * (at - Vector2(0.0, 2.0))
		click.global_position = click.position
		dialog.push_input(click)
	await get_tree().process_frame
	var shown := (dialog.get("_diff") as RichTextLabel).get_parsed_text()
	_report(
		"a_click_on_a_name_shows_its_change_and_does_not_untick_it",
		item.is_checked(TICK) and files.get_selected() == item and shown.contains("HTTPClientRust.new()"), "%s at %s" % [shown, at])


## Moves a scene and its script, with the other choice of the dialog.
func _test_moving_nodes() -> void:
	_write(SCRIPT_OF_SCENE, OLD_SCRIPT_OF_SCENE)
	_write(SCENE_TO_MOVE, OLD_SCENE)
	var dialog: ConfirmationDialog = (load("res://addons/http_client_rust/editor/migration_dialog.gd") as GDScript).new()
	dialog.set("undo_redo", get_undo_redo())
	EditorInterface.get_base_control().add_child(dialog)
	dialog.call("open")
	dialog.call("choose", "HTTPRequest")
	var files: Tree = dialog.get("_files")
	_report("nothing_is_ticked_where_nodes_move", (dialog.call("_ticked") as Array).is_empty(), "some are")
	_row_of(files, SCENE_TO_MOVE).set_checked(TICK, true)
	dialog.call("apply")
	_report(
		"a_scene_does_not_move_without_its_script",
		FileAccess.get_file_as_string(SCENE_TO_MOVE) == OLD_SCENE and str(dialog.call("refusal")).contains(SCRIPT_OF_SCENE),
		str(dialog.call("refusal")))
	_row_of(files, SCENE_TO_MOVE).set_checked(TICK, false)
	await _click_tick(dialog, files, _row_of(files, SCENE_TO_MOVE))
	_report("a_click_ticks_what_moves_together", _row_of(files, SCRIPT_OF_SCENE).is_checked(TICK), "the script is not ticked")
	EditorInterface.open_scene_from_path(SCENE_TO_MOVE)
	await get_tree().process_frame
	dialog.call("apply")
	_report(
		"an_open_scene_is_refused", str(dialog.call("refusal")).contains("open in the editor"), str(dialog.call("refusal")))
	_test_newer_editor(dialog)
	EditorInterface.close_scene()
	await get_tree().process_frame
	dialog.call("apply")
	_report(
		"the_tool_moves_a_scene_with_its_script",
		FileAccess.get_file_as_string(SCENE_TO_MOVE).contains("type=\"HTTPRequestRust\"")
		and FileAccess.get_file_as_string(SCRIPT_OF_SCENE).contains("r: HTTPRequestRust"), str(dialog.call("refusal")))
	get_undo_redo().get_history_undo_redo(EditorUndoRedoManager.GLOBAL_HISTORY).undo()
	_report(
		"a_scene_is_moved_back_with_its_script",
		FileAccess.get_file_as_string(SCENE_TO_MOVE) == OLD_SCENE
		and FileAccess.get_file_as_string(SCRIPT_OF_SCENE) == OLD_SCRIPT_OF_SCENE, FileAccess.get_file_as_string(SCENE_TO_MOVE))
	dialog.hide()
	dialog.queue_free()
	await get_tree().process_frame


## Godot 4.7 can list the open scenes with unsaved changes: only those are refused, and the others are opened again.
func _test_newer_editor(dialog: Window) -> void:
	var newer := NewerEditor.new()
	newer.open = [SCENE_TO_MOVE]
	newer.unsaved = [SCENE_TO_MOVE]
	dialog.set("scenes", newer)
	dialog.call("apply")
	var refusal := str(dialog.call("refusal"))
	_report("a_scene_with_changes_is_refused_where_the_editor_tells", refusal.contains("unsaved changes"), refusal)
	newer.unsaved = []
	dialog.call("apply")
	_report(
		"an_open_scene_without_changes_moves_and_is_opened_again",
		FileAccess.get_file_as_string(SCENE_TO_MOVE).contains("type=\"HTTPRequestRust\"") and newer.reloaded == ([SCENE_TO_MOVE] as Array[String]),
		"%s %s" % [dialog.call("refusal"), newer.reloaded])
	get_undo_redo().get_history_undo_redo(EditorUndoRedoManager.GLOBAL_HISTORY).undo()
	_report(
		"moving_it_back_opens_it_again",
		FileAccess.get_file_as_string(SCENE_TO_MOVE) == OLD_SCENE and newer.reloaded == ([SCENE_TO_MOVE, SCENE_TO_MOVE] as Array[String]), str(newer.reloaded))
	dialog.set("scenes", EditorInterface)


func _click_tick(dialog: Window, files: Tree, item: TreeItem) -> void:
	dialog.size = Vector2i(1000, 600)
	await get_tree().process_frame
	files.scroll_to_item(item)
	await get_tree().process_frame
	var at := Vector2(-1.0, 0.0)
	for y: int in int(files.size.y):
		for x: int in [8, 14]:
			if files.get_item_at_position(Vector2(x, y)) == item and files.get_column_at_position(Vector2(x, y)) == TICK and at.x < 0.0:
				at = Vector2(x, y + 6)
	for pressed: bool in [true, false]:
		var click := InputEventMouseButton.new()
		click.button_index = MOUSE_BUTTON_LEFT
		click.pressed = pressed
		click.position = files.get_global_transform() * at
		click.global_position = click.position
		dialog.push_input(click)
	await get_tree().process_frame


func _test_unsaved(dialog: Window) -> void:
	_open_text().text = OLD_TEXT + "# not saved\n"
	dialog.call("apply")
	_report(
		"a_script_with_changes_that_are_not_saved_is_refused",
		FileAccess.get_file_as_string(SCRIPT_TO_MOVE) == OLD_TEXT and str(dialog.call("refusal")).contains("unsaved"),
		str(dialog.call("refusal")))
	_open_text().text = OLD_TEXT


func _open_text() -> TextEdit:
	return EditorInterface.get_script_editor().get_current_editor().get_base_editor() as TextEdit


func _row_of(files: Tree, path: String) -> TreeItem:
	for item: TreeItem in files.get_root().get_children():
		if item.get_text(NAME).begins_with(path.trim_prefix("res://")):
			return item
	return files.get_root()


func _write(path: String, text: String) -> void:
	DirAccess.make_dir_recursive_absolute(path.get_base_dir())
	FileAccess.open(path, FileAccess.WRITE).store_string(text)


func _send(console: Control) -> void:
	console.call("send")
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while bool((console.get("exchange") as RefCounted).get("is_running")) and Time.get_ticks_msec() < end:
		await get_tree().process_frame
