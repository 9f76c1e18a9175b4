@tool
extends "res://tests/support/editor_test.gd"
## Runs a game under the editor's debugger, like *Run Project*, and checks the add-on's *Network* panel.
##
## Runs only if the environment variable HTTP_CLIENT_RUST_TEST_HTTP has the address of the test server (host:port).

const PLUGIN := "res://addons/http_client_rust/plugin.cfg"
const PANEL := "res://addons/http_client_rust/network/panel.gd"
const GAME := "res://tests/fixtures/network_game.gd"
const PATIENCE_MS := 60_000
const MEBIBYTE := 1024 * 1024

var _messages := Messages.new()
var _game := -1


## Exchanges messages with the game, in addition to the add-on.
class Messages:
	extends EditorDebuggerPlugin

	var done := PackedStringArray()
	var monitors := {}

	func _has_capture(capture: String) -> bool:
		return capture == "network_game"

	func _capture(message: String, data: Array, _session_id: int) -> bool:
		match message:
			"network_game:done":
				done.append(str(data[0]))
			"network_game:monitors":
				monitors = data[0]
			_:
				return false
		return true

	func ask(message: String, data: Array) -> void:
		get_session(0).send_message("network_game:" + message, data)


func _enter_tree() -> void:
	if not OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP").is_empty():
		_run.call_deferred()


func _run() -> void:
	await get_tree().process_frame
	EditorInterface.set_plugin_enabled(PLUGIN, true)
	add_debugger_plugin(_messages)
	await get_tree().process_frame
	var panel := _panel()
	_report("the_debugger_has_a_tab_network", panel != null and panel.name == "Network", "there is no panel")
	if panel != null and await _start_game():
		await _test_first_requests(panel)
		await _test_pause(panel)
		await _test_sending_again(panel)
		await _test_monitors()
		panel = await _test_a_plugin_that_comes_while_a_game_runs()
		await _test_end(panel)
	if _game > 0 and OS.is_process_running(_game):
		OS.kill(_game)
	remove_debugger_plugin(_messages)
	EditorInterface.set_plugin_enabled(PLUGIN, false)
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while is_instance_valid(panel) and Time.get_ticks_msec() < end:
		await get_tree().process_frame
	_report("the_tab_goes_with_the_plugin", not is_instance_valid(panel), "it is still there")
	await _finish()


func _panel() -> Control:
	for node: Node in EditorInterface.get_base_control().find_children("*", "VBoxContainer", true, false):
		var script := node.get_script() as Script
		if script != null and script.resource_path == PANEL:
			return node as Control
	return null


## Opens the debugger's server, and starts a game that connects to it.
func _start_game() -> bool:
	var free := TCPServer.new()
	free.listen(0, "127.0.0.1")
	var port := free.get_local_port()
	free.stop()
	EditorInterface.get_editor_settings().set_setting("network/debug/remote_port", port)
	if not _open_server():
		_report("the_debuggers_server_can_be_opened", false, "there is no such item in the menus")
		return false
	await get_tree().process_frame
	var program := OS.get_environment("GODOT")
	if program.is_empty():
		program = OS.get_executable_path()
	_game = OS.create_process(program, [
		"--headless", "--path", ProjectSettings.globalize_path("res://"), "--remote-debug", "tcp://127.0.0.1:%d" % port,
		"--script", GAME, "--", "--http=" + OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP"),
		"--refused-port=" + OS.get_environment("HTTP_CLIENT_RUST_TEST_REFUSED_PORT"),
		"--https=" + OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTPS"),
		"--ca-file=" + OS.get_environment("HTTP_CLIENT_RUST_TEST_CA_FILE")])
	await _until(func() -> bool: return _messages.done.size() >= 6)
	var done := Array(_messages.done)
	done.sort()
	_report("a_game_runs_under_the_debugger", done == ["client", "node", "redirect", "refused", "secured", "stream"], str(done))
	return done.size() == 6


## Activates the item of the *Debug* menu that makes the server listen while no game runs.
func _open_server() -> bool:
	for node: Node in EditorInterface.get_base_control().find_children("*", "PopupMenu", true, false):
		var menu := node as PopupMenu
		for index: int in menu.item_count:
			if menu.get_item_text(index) == "Keep Debug Server Open":
				menu.id_pressed.emit(menu.get_item_id(index))
				return true
	return false


func _test_first_requests(panel: Control) -> void:
	await _until(func() -> bool: return _rows(panel).size() >= 8 and _rows(panel).all(func(row: RefCounted) -> bool: return row.get("is_over")))
	var targets := _rows(panel).map(func(row: RefCounted) -> String: return str(row.get("target")))
	var redirect := _row_of(panel, "/redirect?to=/json")
	var json := _row_of(panel, "/json")
	_report(
		"a_request_of_the_first_frame_and_its_redirect_are_listed_as_one_task",
		redirect != null and json != null and redirect.get("status") == 302 and int(redirect.get("task")) > 0
		and redirect.get("task") == json.get("task") and str(json.call("kind")) == "JSON", str(targets))
	var posted := _row_of(panel, "/echo?from=client")
	_report(
		"a_request_of_the_polled_client_is_listed_whole",
		posted != null and posted.get("method") == "POST" and posted.get("status") == 200 and posted.get("task") == 0
		and (posted.get("request_body") as PackedByteArray).get_string_from_utf8() == "a body"
		and posted.call("request_header", "Authorization") == "Bearer shown"
		and (posted.get("response_body") as PackedByteArray).get_string_from_utf8().contains("\"body_text\":\"a body\"")
		and str(posted.call("url")) == "http://%s/echo?from=client" % OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP"), str(targets))
	var timings: Dictionary = posted.get("timings") if posted != null else {}
	_report(
		"its_phases_are_there", int(timings.get("connect", -1)) >= 0 and int(timings.get("total", -1)) >= int(timings.get("first_byte", -1))
		and int(timings.get("first_byte", -1)) >= 0, str(timings))
	var image := _row_of(panel, "/image.png")
	_report("a_request_of_the_node_is_listed", image != null and str(image.call("kind")) == "Images", str(targets))
	var refused := _rows(panel).filter(func(row: RefCounted) -> bool: return str(row.get("method")).is_empty())
	var port := OS.get_environment("HTTP_CLIENT_RUST_TEST_REFUSED_PORT")
	_report(
		"attempts_that_reach_nobody_are_listed_with_their_sentence",
		refused.size() == 2 and refused.all(func(row: RefCounted) -> bool: return str(row.get("error")).contains(port))
		and refused[0].get("task") == refused[1].get("task"), str(targets))
	var large := _row_of(panel, "/bytes/3000000")
	_report(
		"of_a_large_body_the_first_mebibyte_is_here",
		large != null and (large.get("response_body") as PackedByteArray).size() == MEBIBYTE and large.get("bytes_received") == 3_000_000,
		str(large.get("bytes_received")) if large != null else str(targets))
	var secured := _row_of(panel, "/hello?secured")
	_report(
		"what_tls_agreed_on_is_here",
		secured != null and str(secured.call("url")).begins_with("https://") and str((secured.get("tls") as Dictionary).get("version")).begins_with("TLSv1.")
		and int((secured.get("timings") as Dictionary)["tls"]) > 0, str(targets))
	panel.call("choose", secured)
	panel.call("choose", posted)
	_report("the_details_show_it", str((panel.get("_details") as Control).call("status_text")) == "200 OK", "they do not")
	var file := EditorInterface.get_editor_paths().get_cache_dir().path_join("http_client_rust_test.har")
	var error: Error = (panel.get("_files") as Control).call("save", file)
	var har := FileAccess.get_file_as_string(file)
	DirAccess.remove_absolute(file)
	_report(
		"a_file_that_the_editor_saves_has_no_credential",
		error == OK and har.contains("/echo?from=client") and not har.contains("Bearer shown") and har.contains("[redacted]"), har.left(500))


func _test_pause(panel: Control) -> void:
	var before := _rows(panel).size()
	var record: CheckBox = panel.get("_record")
	record.button_pressed = false
	_messages.ask("fetch", ["/hello?paused"])
	await _until(func() -> bool: return _messages.done.has("/hello?paused"))
	record.button_pressed = true
	_messages.ask("fetch", ["/hello?recorded"])
	await _until(func() -> bool: return _messages.done.has("/hello?recorded") and _row_of(panel, "/hello?recorded") != null)
	_report(
		"what_happens_while_it_is_paused_is_not_listed",
		_rows(panel).size() == before + 1 and _row_of(panel, "/hello?paused") == null and _row_of(panel, "/hello?recorded") != null,
		"%d, %d" % [before, _rows(panel).size()])


func _test_sending_again(panel: Control) -> void:
	var console := EditorInterface.get_base_control().find_child("HTTPConsole", true, false) as Control
	panel.call("choose", _row_of(panel, "/echo?from=client"))
	(panel.get("_again") as Button).pressed.emit()
	await _until(func() -> bool: return console.get("exchange") != null and int((console.get("exchange") as RefCounted).get("code")) != 0)
	await _until(func() -> bool: return not bool((console.get("exchange") as RefCounted).get("is_running")))
	var text := str(console.call("body_text"))
	_report(
		"a_request_is_sent_again_in_the_console",
		text.contains("Bearer shown") and text.contains("\"body_text\": \"a body\"") and text.contains("\"method\": \"POST\""), text)


func _test_monitors() -> void:
	_messages.ask("monitors", [])
	await _until(func() -> bool: return not _messages.monitors.is_empty())
	var values := _messages.monitors
	_report(
		"the_game_has_monitors", values.size() == 3 and int(values["Open connections"]) >= 1 and values.has("Requests per second"), str(values))


func _test_a_plugin_that_comes_while_a_game_runs() -> Control:
	EditorInterface.set_plugin_enabled(PLUGIN, false)
	await get_tree().process_frame
	_messages.ask("fetch", ["/hello?nobody"])
	await _until(func() -> bool: return _messages.done.has("/hello?nobody"))
	EditorInterface.set_plugin_enabled(PLUGIN, true)
	await get_tree().process_frame
	var panel := _panel()
	_messages.ask("fetch", ["/hello?again"])
	await _until(func() -> bool: return _row_of(panel, "/hello?again") != null)
	_report(
		"a_plugin_that_comes_while_a_game_runs_hears_of_it_from_then_on",
		_rows(panel).size() == 1 and _row_of(panel, "/hello?again") != null, str(_rows(panel).size()))
	return panel


func _test_end(panel: Control) -> void:
	_messages.ask("quit", [])
	await _until(func() -> bool: return not OS.is_process_running(_game))
	_report("the_game_ends_with_0", OS.get_process_exit_code(_game) == 0, str(OS.get_process_exit_code(_game)))
	await _until(func() -> bool: return not _messages.get_session(0).is_active())
	_report("its_exchanges_stay_until_the_next_run", _rows(panel).size() == 1, str(_rows(panel).size()))


func _rows(panel: Control) -> Array:
	return (panel.get("list") as RefCounted).get("exchanges")


func _row_of(panel: Control, target: String) -> RefCounted:
	for row: RefCounted in _rows(panel):
		if row.get("target") == target:
			return row
	return null


func _until(holds: Callable) -> void:
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while not holds.call() and Time.get_ticks_msec() < end:
		await get_tree().process_frame
