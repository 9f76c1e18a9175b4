# allow-log: V-Sync mode
# allow-log: ^WARNING: .*(screen saver|dbus|portal|XIM|input method|touch)
# deadline: 1500
extends SceneTree
## Takes the pictures of the sample project, and controls it with the keyboard. `cargo xtask screenshots` runs it:
##
##     godot --path godot_project --script res://demo/pictures/sample.gd -- --out=FOLDER --http=HOST:PORT …

const Picture := preload("res://demo/pictures/picture.gd")
const PATIENCE_MS := 240_000

var _out := ""
var _failed := false
var _main: Control


func _initialize() -> void:
	var arguments := {}
	for argument: String in OS.get_cmdline_user_args():
		arguments[argument.get_slice("=", 0)] = argument.substr(argument.find("=") + 1)
	_out = arguments["--out"]
	root.size = Vector2i(1280, 720)
	_main = (load("res://demo/main.tscn") as PackedScene).instantiate()
	root.add_child.call_deferred(_main)
	await _frames(10)
	_set_scale(1.0)

	await _send("Picture")
	await _take("sample-picture")
	await Picture.warm_up(arguments["--https"], arguments["--ca-file"])
	await _send("TLS")
	await _take("sample")
	await _click_tab(_answer_tabs(), 2)
	await _take("sample-tls")
	await _click_tab(_answer_tabs(), 0)
	await _send("Fails: body cut short")
	await _take("sample-error")
	await _send("Download 100 MiB", 25 * 1024 * 1024)
	await _take("sample-download")
	Picture.press(KEY_ESCAPE)
	await _frames(5)
	if _exchange().get("is_running"):
		_fail("Esc did not cancel the download")
	await _click_tab(_main.get_node("%Pages") as TabContainer, 1)
	await _use_session()
	await _take("sample-session")
	root.size = Vector2i(1920, 1080)
	_set_scale(2.0)
	await _take("sample-session-200-percent")
	await _end_session()
	await _click_tab(_main.get_node("%Pages") as TabContainer, 0)
	await _send("JSON")
	await _take("sample-200-percent")
	_main.queue_free()
	await _frames(3)
	quit(1 if _failed else 0)


## Chooses a request from the list with the arrow keys, and sends it with Enter. Waits until it ends, or until this many bytes have
## arrived.
func _send(title: String, bytes := -1) -> void:
	var list: ItemList = _main.get_node("%Requests")
	list.grab_focus()
	var wanted := -1
	for index: int in list.item_count:
		if list.get_item_text(index) == title:
			wanted = index
	for step: int in list.item_count:
		var selected := list.get_selected_items()[0]
		if selected == wanted:
			break
		Picture.press(KEY_DOWN if selected < wanted else KEY_UP)
		await _frames(2)
	if list.get_item_text(list.get_selected_items()[0]) != title:
		_fail("the arrow keys do not reach %s" % title)
	Picture.press(KEY_ENTER)
	await _frames(3)
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while _exchange() != null and _exchange().get("is_running") and Time.get_ticks_msec() < end:
		if bytes >= 0 and _exchange().get("received") >= bytes:
			return
		await process_frame
	if _exchange() == null or _exchange().get("is_running"):
		_fail("%s does not come to an end" % title)


## Presses the buttons of the *Session* page until each row shows something: the images and the upload are complete, and the
## download was interrupted once.
func _use_session() -> void:
	var page: Control = _main.get("session_page")
	for feature: String in ["images", "upload"]:
		await _press_button(page.get(feature))
		await _wait_until(func() -> bool: return not page.get(feature).call("is_running"), feature)
	await _press_button(page.get("events"))
	await _wait_until(func() -> bool: return page.get("events").get("bar").get("value") >= 0.3, "events")
	await _press_button(page.get("download"))
	await _wait_until(func() -> bool: return "was lost" in page.get("download").call("status_text"), "download")


func _end_session() -> void:
	var page: Control = _main.get("session_page")
	for feature: String in ["download", "events"]:
		await _wait_until(func() -> bool: return not page.get(feature).call("is_running"), feature)


func _press_button(row: Control) -> void:
	row.call("focus_button")
	Picture.press(KEY_ENTER)
	await _frames(3)


func _wait_until(is_so: Callable, what: String) -> void:
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while not is_so.call() and Time.get_ticks_msec() < end:
		await process_frame
	if not is_so.call():
		_fail("%s does not get as far as it should" % what)


func _click_tab(tabs: TabContainer, index: int) -> void:
	Picture.click_tab(tabs, index)
	await _frames(3)
	if tabs.current_tab != index:
		_fail("a click does not choose the tab %s" % tabs.get_tab_title(index))


func _answer_tabs() -> TabContainer:
	return (_console().get("_answer") as Node).get("_tabs")


func _take(name: String) -> void:
	await _frames(4)
	var problem := Picture.take(root, _out.path_join(name + ".png"))
	if problem.is_empty():
		print("took ", name)
	else:
		_fail(problem)


func _set_scale(factor: float) -> void:
	root.content_scale_factor = factor


func _console() -> Control:
	return _main.get("console")


func _exchange() -> RefCounted:
	return _console().get("exchange")


func _fail(problem: String) -> void:
	_failed = true
	print("FAIL ", problem)


func _frames(count: int) -> void:
	for frame: int in count:
		await process_frame
