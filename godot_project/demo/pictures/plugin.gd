@tool
# allow-log: V-Sync mode
# allow-log: VK_KHR_surface
# allow-log: ^ERROR: Condition "err != OK" is true
# allow-log: ^WARNING: .*(screen saver|dbus|portal|XIM|input method|touch)
# deadline: 1500
extends EditorPlugin
## Takes the pictures of the editor. `cargo xtask screenshots` starts the editor four times. The first start only creates the cache of
## the editor's help; without this cache, the editor does not show the help pages of extensions. The second start has the dark theme.
## The third start has the light theme and a narrow window. The fourth start has a scale of 200 %, so the panels are even narrower.

const Picture := preload("res://demo/pictures/picture.gd")
const PLUGIN := "res://addons/http_client_rust/plugin.cfg"
const GAME := "res://demo/pictures/network_game.gd"
const PATIENCE_MS := 240_000
const FRAMES := 12
## The index of 200 % in the editor setting for the display scale.
const SCALE_200 := 6
## Includes redirects and attempts.
const EXCHANGES := 19
## The example files for the migration dialog, by the names that they get in the project. They end in .txt, so that the dialog
## does not find the originals.
const MOVED: Array[Dictionary] = [
	{"player_scores.gd": "client.gd.txt"}, {"player_scores.gd": "nodes.gd.txt", "player_scores.tscn": "nodes.tscn.txt"}]

## The size of the editor's window in each round.
const SIZES := {"dark": Vector2i(1920, 1080), "light": Vector2i(1200, 720), "large": Vector2i(2560, 1440)}
## The suffix for the names of the pictures in each round.
const ENDS := {"dark": "", "light": "-light", "large": "-200-percent"}

var _round := OS.get_environment("HTTP_CLIENT_RUST_PICTURES_ROUND")
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
	# The editor prints a warning if it is closed during the first scan of the project.
	while EditorInterface.get_resource_filesystem().is_scanning() and Time.get_ticks_msec() < end:
		await get_tree().create_timer(0.5).timeout
	await get_tree().create_timer(1.0).timeout
	get_tree().quit()


func _run() -> void:
	# The editor always starts maximized.
	var window := EditorInterface.get_base_control().get_window()
	window.mode = Window.MODE_WINDOWED
	window.size = SIZES.get(_round, SIZES["dark"])
	await _settle()
	if not EditorInterface.is_plugin_enabled(PLUGIN):
		EditorInterface.set_plugin_enabled(PLUGIN, true)
	await _settle()
	await _panel()
	await _session()
	await _help()
	await _migration(0, "editor-migration")
	await _migration(1, "editor-migration-nodes")
	await _network("editor-network")
	match _round:
		"dark":
			# The setting had a different name before Godot 4.6.
			for preset: String in ["interface/theme/preset", "interface/theme/color_preset"]:
				if EditorInterface.get_editor_settings().has_setting(preset):
					EditorInterface.get_editor_settings().set_setting(preset, "Light")
		"light":
			EditorInterface.get_editor_settings().set_setting("interface/editor/display_scale", SCALE_200)
	EditorInterface.set_plugin_enabled(PLUGIN, false)
	await _settle()
	get_tree().quit(1 if _failed else 0)


func _panel() -> void:
	var console := _open_console()
	if console == null:
		return
	EditorInterface.set_main_screen_editor("Script")
	EditorInterface.edit_resource(load("res://examples/get.gd"))
	await Picture.warm_up(OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTPS"), OS.get_environment("HTTP_CLIENT_RUST_TEST_CA_FILE"))
	await _send(console, {
		"method": "PUT", "url": "https://%s/scores?ms=40" % OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTPS").replace("127.0.0.1", "localhost"),
		"ca_file": OS.get_environment("HTTP_CLIENT_RUST_TEST_CA_FILE"),
		"headers": ["Content-Type: application/json"], "body": "{\n  \"player\": \"Ada\",\n  \"score\": 1200\n}"})
	if console.get("exchange") == null or console.get("exchange").get("code") != 200:
		_fail("Enter in the address did not send the request")
	_take("editor-panel")
	# If the rest of the editor were higher than the panel expects, the panel would push the script editor out of a small window.
	var frame := console.get_parent() as Control
	var others := EditorInterface.get_base_control().get_combined_minimum_size().y - frame.get_combined_minimum_size().y
	var room: float = (frame.get_script() as Script).get_script_constant_map()["OTHERS"] * EditorInterface.get_editor_scale()
	if others > room:
		_fail("the editor is %d pixels high without the panel, which reckons with %d" % [others, room])
	var snippets: GDScript = load("res://addons/http_client_rust/console/snippets.gd")
	var exchange: RefCounted = console.get("exchange")
	await _copy(console, "Copy as GDScript", snippets.call("as_gdscript", exchange))
	await _copy(console, "Copy as curl", snippets.call("as_curl", exchange))


## Shows the session features of the console: redirect steps, events, cookies and saved requests.
func _session() -> void:
	var console := _open_console()
	if console == null:
		return
	_expand_bottom_panel()
	await _send(console, {"url": _server() + "/redirect?to=/redirect%3Fto%3D/scores"})
	await _click_tab(console, 2)
	_take("editor-panel-redirects")
	await _send(console, {"method": "POST", "url": _server() + "/chat?delay_ms=60", "listen": true})
	await _click_tab(console, 3)
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while console.get("exchange").get("is_running") and Time.get_ticks_msec() < end:
		await get_tree().process_frame
	await _settle()
	_take("editor-panel-events")
	console.call("focus_address")
	console.call("cancel")
	await _send(console, {"url": _server() + "/set-cookies"})
	await _click_tab(console, 4)
	_take("editor-panel-cookies")
	for title: String in ["Log in", "Scores of this week", "Save a score"]:
		console.call("save_request", title)
	await _open_menu(console.get("_saved") as MenuButton)
	_take("editor-panel-saved")
	Picture.press(KEY_ESCAPE)
	await _settle()
	DirAccess.remove_absolute("res://requests.http")
	await _click_tab(console, 0)
	_expand_bottom_panel()
	await _settle()


func _open_console() -> Control:
	var console := EditorInterface.get_base_control().find_child("HTTPConsole", true, false) as Control
	if console == null:
		_fail("the panel is not there")
		return null
	make_bottom_panel_item_visible(console.get_parent())
	return console


func _server() -> String:
	return "http://" + OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP")


## Fills in a request, and presses Enter in the address field to send it.
func _send(console: Control, request: Dictionary) -> void:
	console.call("fill_in", request)
	await _settle()
	var before: RefCounted = console.get("exchange")
	console.call("focus_address")
	Picture.press(KEY_ENTER)
	var end := Time.get_ticks_msec() + PATIENCE_MS
	var is_on := func() -> bool:
		var exchange: RefCounted = console.get("exchange")
		# A request that listens for events reconnects by itself.
		return exchange == before or (exchange.get("is_running") and not exchange.get("listens")) or exchange.get("code") == 0
	while is_on.call() and Time.get_ticks_msec() < end:
		await get_tree().process_frame
	if is_on.call():
		_fail("Enter in the address did not send the request to %s" % request["url"])
	await _settle()


func _click_tab(console: Control, index: int) -> void:
	var tabs: TabContainer = (console.get("_answer") as Node).get("_tabs")
	Picture.click_tab(tabs, index)
	await _settle()
	if tabs.current_tab != index:
		_fail("a click does not choose the tab %s" % tabs.get_tab_title(index))


func _open_menu(button: MenuButton) -> void:
	button.grab_focus()
	Picture.press(KEY_ENTER)
	await _settle()


## Chooses a menu item with the keyboard. This check is here because headless Godot has no clipboard.
func _copy(console: Control, item: String, expected: String) -> void:
	var button: MenuButton = console.get("_copy")
	await _open_menu(button)
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
	EditorInterface.set_main_screen_editor("Script")
	EditorInterface.get_script_editor().goto_help("class_name:HTTPSessionRust")
	await _settle()
	_take("editor-help-session")
	EditorInterface.get_script_editor().goto_help("class_name:HTTPClientRust")
	await _settle()
	_take("editor-help")
	EditorInterface.get_script_editor().goto_help("class_method:HTTPClientRust:connect_to_host")
	await _settle()
	_take("editor-help-method")


func _migration(kind: int, picture: String) -> void:
	var folder := (get_script() as Script).resource_path.get_base_dir().path_join("moved")
	for file: String in MOVED[kind]:
		DirAccess.copy_absolute(folder.path_join(MOVED[kind][file]), "res://" + file)
	var script: GDScript = load("res://addons/http_client_rust/editor/migration_dialog.gd")
	var dialog: ConfirmationDialog = script.new()
	dialog.set("undo_redo", get_undo_redo())
	EditorInterface.get_base_control().add_child(dialog)
	dialog.call("open")
	dialog.call("choose", script.get_script_constant_map()["KINDS"][kind][0])
	if kind == 1:
		dialog.call("tick_all", true)
	for item: TreeItem in (dialog.get("_files") as Tree).get_root().get_children():
		if item.get_text(1).begins_with("player_scores"):
			item.select(1)
	await _settle()
	_take(picture)
	dialog.hide()
	dialog.queue_free()
	for file: String in MOVED[kind]:
		DirAccess.remove_absolute("res://" + file)
	await _settle()


## Runs a game with the debugger, like the *Run Project* button, and shows its requests in the *Network* panel.
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
	Picture.press(KEY_C, true)
	await _settle()
	if DisplayServer.clipboard_get() != str(panel.call("shown_exchange").call("url")):
		_fail("Ctrl+C puts this on the clipboard: %s" % DisplayServer.clipboard_get())
	_take(picture)
	_expand_bottom_panel()
	_press_menu("Keep Debug Server Open")
	OS.kill(game)
	await _settle()


func _count(list: RefCounted) -> int:
	return (list.get("exchanges") as Array).size()


func _are_over(list: RefCounted) -> bool:
	return (list.get("exchanges") as Array).all(func(exchange: RefCounted) -> bool: return exchange.get("is_over"))


## Opens all tabs that contain a control.
func _reveal(control: Control) -> void:
	var at: Node = control
	while at.get_parent() != null:
		if at.get_parent() is TabContainer:
			(at.get_parent() as TabContainer).current_tab = (at.get_parent() as TabContainer).get_tab_idx_from_control(at as Control)
		at = at.get_parent()


## Expands or collapses the bottom panel, like Shift+F12.
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
	var problem := Picture.take(EditorInterface.get_base_control().get_viewport(), _out.path_join(picture + ENDS.get(_round, "") + ".png"))
	if problem.is_empty():
		print("took ", picture + str(ENDS.get(_round, "")))
	else:
		_fail(problem)


func _fail(problem: String) -> void:
	_failed = true
	print("FAIL ", problem)


## Waits long enough for fade-in effects, and for this many frames on a slow machine.
func _settle() -> void:
	await get_tree().create_timer(0.7).timeout
	for frame: int in FRAMES:
		await get_tree().process_frame
