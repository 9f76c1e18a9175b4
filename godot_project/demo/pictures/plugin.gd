@tool
# allow-log: V-Sync mode
# allow-log: VK_KHR_surface
# allow-log: ^ERROR: Condition "err != OK" is true
# allow-log: ^WARNING: .*(screen saver|dbus|portal|XIM|input method|touch)
# deadline: 240
extends EditorPlugin
## Takes the pictures of the editor. For `cargo xtask screenshots`, which starts the editor three times: the first start only
## makes the editor's cache of its help, without which it does not take in the pages that extensions bring; the third is light and
## twice as large.

const Picture := preload("res://demo/pictures/picture.gd")
const PLUGIN := "res://addons/http_client_rust/plugin.cfg"
const GAME := "res://demo/pictures/network_game.gd"
const PATIENCE_MS := 60_000
## The number of 200 % in the editor's list of scales.
const SCALE_200 := 6
## Redirects and attempts included.
const EXCHANGES := 17

var _out := OS.get_environment("HTTP_CLIENT_RUST_PICTURES")
var _failed := false


func _enter_tree() -> void:
	if _out.is_empty():
		return
	if _out == "warm-up":
		_warm_up.call_deferred()
	else:
		_run.call_deferred()


func _warm_up() -> void:
	var cache := EditorInterface.get_editor_paths().get_cache_dir()
	var is_cache := func(file: String) -> bool: return file.begins_with("editor_doc_cache")
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while not Array(DirAccess.get_files_at(cache)).any(is_cache) and Time.get_ticks_msec() < end:
		await get_tree().create_timer(0.5).timeout
	await get_tree().create_timer(1.0).timeout
	get_tree().quit()


func _run() -> void:
	await _settle()
	EditorInterface.set_plugin_enabled(PLUGIN, true)
	await _settle()
	if _is_large():
		await _network("editor-network-200-percent")
	else:
		await _panel()
		await _help()
		await _migration()
		await _network("editor-network")
		# For the third start.
		# Before 4.6 it had another name.
		for preset: String in ["interface/theme/preset", "interface/theme/color_preset"]:
			if EditorInterface.get_editor_settings().has_setting(preset):
				EditorInterface.get_editor_settings().set_setting(preset, "Light")
		EditorInterface.get_editor_settings().set_setting("interface/editor/display_scale", SCALE_200)
	EditorInterface.set_plugin_enabled(PLUGIN, false)
	await _settle()
	get_tree().quit(1 if _failed else 0)


func _panel() -> void:
	var console := EditorInterface.get_base_control().find_child("HTTPConsole", true, false) as Control
	if console == null:
		_fail("the panel is not there")
		return
	EditorInterface.set_main_screen_editor("Script")
	EditorInterface.edit_resource(load("res://examples/get.gd"))
	make_bottom_panel_item_visible(console.get_parent())
	console.call("fill_in", {
		"method": "PUT", "url": "http://%s/echo?from=editor" % OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP"),
		"headers": ["Content-Type: application/json"], "body": "{\n  \"player\": \"Ada\",\n  \"score\": 1200\n}"})
	await _settle()
	console.call("focus_address")
	Picture.press(KEY_ENTER)
	await _settle()
	var exchange: RefCounted = console.get("exchange")
	if exchange == null or exchange.get("code") != 200:
		_fail("Enter in the address did not send the request")
	_take("editor-panel")
	var snippets: GDScript = load("res://addons/http_client_rust/console/snippets.gd")
	await _copy(console, "Copy as GDScript", snippets.call("as_gdscript", exchange))
	await _copy(console, "Copy as curl", snippets.call("as_curl", exchange))


## Chooses an item of the menu with the keyboard. It is done here because a headless Godot has no clipboard.
func _copy(console: Control, item: String, expected: String) -> void:
	var button: MenuButton = console.get("_copy")
	button.grab_focus()
	Picture.press(KEY_ENTER)
	await _settle()
	var menu := button.get_popup()
	for index: int in menu.item_count:
		Picture.press(KEY_DOWN)
		await get_tree().process_frame
		if menu.get_item_text(menu.get_focused_item()) == item:
			break
	Picture.press(KEY_ENTER)
	await _settle()
	if DisplayServer.clipboard_get() != expected:
		_fail("%s puts this on the clipboard: %s" % [item, DisplayServer.clipboard_get()])


func _help() -> void:
	hide_bottom_panel()
	EditorInterface.get_script_editor().goto_help("class_name:HTTPClientRust")
	await _settle()
	_take("editor-help")
	EditorInterface.get_script_editor().goto_help("class_method:HTTPClientRust:connect_to_host")
	await _settle()
	_take("editor-help-method")


func _migration() -> void:
	var script := "extends Node\n\nvar http := HTTPClient.new()\n\n\nfunc _ready() -> void:\n\thttp.connect_to_host(\"example.com\")\n\n\nfunc _process(_delta: float) -> void:\n\thttp.poll()\n\tif http.get_status() == HTTPClient.STATUS_CONNECTED:\n\t\thttp.request(HTTPClient.METHOD_GET, \"/\", [])\n\n\nfunc upload(node: HTTPRequest) -> void:\n\t# HTTPClient stays in comments.\n\tnode.request(\"/\", [], HTTPClient.METHOD_POST, \"body\")\n\n\nfunc raw() -> StreamPeerTCP:\n\treturn http.connection as StreamPeerTCP\n"
	FileAccess.open("res://player_scores.gd", FileAccess.WRITE).store_string(script)
	var dialog: ConfirmationDialog = (load("res://addons/http_client_rust/editor/migration_dialog.gd") as GDScript).new()
	dialog.set("undo_redo", get_undo_redo())
	EditorInterface.get_base_control().add_child(dialog)
	dialog.call("open")
	for item: TreeItem in (dialog.get("_files") as Tree).get_root().get_children():
		if item.get_text(1).begins_with("player_scores"):
			item.select(1)
	await _settle()
	_take("editor-migration")
	dialog.hide()
	dialog.queue_free()
	DirAccess.remove_absolute("res://player_scores.gd")
	await _settle()


func _is_large() -> bool:
	return not OS.get_environment("HTTP_CLIENT_RUST_PICTURES_LARGE").is_empty()


## Runs a game under the debugger, as "Play" does, and shows what the panel "Network" has of it.
func _network(picture: String) -> void:
	var panel: Control = null
	for node: Node in EditorInterface.get_base_control().find_children("Network", "VBoxContainer", true, false):
		panel = node as Control
	if panel == null:
		_fail("the panel Network is not there")
		return
	var free := TCPServer.new()
	free.listen(0, "127.0.0.1")
	var port := free.get_local_port()
	free.stop()
	EditorInterface.get_editor_settings().set_setting("network/debug/remote_port", port)
	_press_menu("Keep Debug Server Open")
	var game := OS.create_process(OS.get_environment("GODOT"), [
		"--headless", "--path", ProjectSettings.globalize_path("res://"), "--remote-debug", "tcp://127.0.0.1:%d" % port, "--script", GAME,
		"--", "--http=" + OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP"),
		"--refused-port=" + OS.get_environment("HTTP_CLIENT_RUST_TEST_REFUSED_PORT")])
	var list: RefCounted = panel.get("list")
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while Time.get_ticks_msec() < end and not (_count(list) >= EXCHANGES and _are_over(list)):
		await get_tree().process_frame
	_reveal(panel)
	_expand_bottom_panel()
	await _settle()
	(panel.get("_table") as Control).grab_focus()
	for count: int in 2:
		Picture.press(KEY_DOWN)
		await get_tree().process_frame
	await _settle()
	if panel.call("shown_exchange") == null:
		_fail("the arrow keys choose no exchange of %d" % _count(list))
	_take(picture)
	_expand_bottom_panel()
	_press_menu("Keep Debug Server Open")
	OS.kill(game)
	await _settle()


func _count(list: RefCounted) -> int:
	return (list.get("exchanges") as Array).size()


func _are_over(list: RefCounted) -> bool:
	return (list.get("exchanges") as Array).all(func(exchange: RefCounted) -> bool: return exchange.get("is_over"))


## Opens every tab above a control.
func _reveal(control: Control) -> void:
	var at: Node = control
	while at.get_parent() != null:
		if at.get_parent() is TabContainer:
			(at.get_parent() as TabContainer).current_tab = (at.get_parent() as TabContainer).get_tab_idx_from_control(at as Control)
		at = at.get_parent()


## Shift+F12, or back.
func _expand_bottom_panel() -> void:
	for pressed: bool in [true, false]:
		var event := InputEventKey.new()
		event.keycode = KEY_F12
		event.physical_keycode = KEY_F12
		event.shift_pressed = true
		event.pressed = pressed
		Input.parse_input_event(event)


func _press_menu(item: String) -> void:
	for node: Node in EditorInterface.get_base_control().find_children("*", "PopupMenu", true, false):
		var menu := node as PopupMenu
		for index: int in menu.item_count:
			if menu.get_item_text(index) == item:
				menu.id_pressed.emit(menu.get_item_id(index))


func _take(picture: String) -> void:
	var problem := Picture.take(EditorInterface.get_base_control().get_viewport(), _out.path_join(picture + ".png"))
	if problem.is_empty():
		print("took ", picture)
	else:
		_fail(problem)


func _fail(problem: String) -> void:
	_failed = true
	print("FAIL ", problem)


func _settle() -> void:
	await get_tree().create_timer(1.5).timeout
