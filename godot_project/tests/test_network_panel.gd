extends "res://tests/support/test_case.gd"
## The *Network* panel: messages of a game, rows, filter, waterfall, texts, and light and dark themes.

const NetworkPanel := preload("res://addons/http_client_rust/network/panel.gd")
const Recorded := preload("res://addons/http_client_rust/network/recorded.gd")
const ExchangeList := preload("res://addons/http_client_rust/network/exchange_list.gd")
const ExchangeTable := preload("res://addons/http_client_rust/network/exchange_table.gd")
const Details := preload("res://addons/http_client_rust/network/details.gd")
const Filter := preload("res://addons/http_client_rust/network/filter.gd")
const Colors := preload("res://addons/http_client_rust/console/colors.gd")
const Table := preload("res://addons/http_client_rust/console/table.gd")
const PhaseChart := preload("res://addons/http_client_rust/console/phase_chart.gd")
const BEGAN := 1_700_000_000_000_000

var _batch := 0


func test_news_of_an_exchange_become_one_row_that_is_complete() -> void:
	var panel := await _open()
	assert_true(panel.take(_message([{
		"id": 1, "connection": 4, "task": 0, "origin": "https://a.example", "proxy": "", "began": BEGAN, "is_on_kept": false,
		"phase": "Connecting"}])), "the message is known")
	var shown := panel.list.exchanges[0]
	assert_equal([shown.url(), shown.status_text()], ["https://a.example", "Connecting"], "before the request")
	panel.take(_message([{
		"id": 1, "method": "POST", "scheme": "https", "requested": BEGAN + 30_000, "bytes_sent": 7, "phase": "Waiting",
		"request_head": "POST /x?next=http://b/ HTTP/1.1\r\nHost: a.example\r\nX-A: b\r\n\r\n".to_utf8_buffer(),
		"request_body": "abc".to_utf8_buffer(), "timings": _timings(1, 2, 3, 4, 5, -1)}]))
	panel.take(_message([{
		"id": 1, "status": 200, "version": "HTTP/1.1", "reason": "OK", "response_body": "{\"a\":".to_utf8_buffer(), "bytes_received": 5,
		"response_headers": PackedStringArray(["Content-Type: application/json; charset=utf-8"])}]))
	panel.take(_message([{
		"id": 1, "response_body": "1}".to_utf8_buffer(), "bytes_received": 7, "over": true, "timings": _timings(1, 2, 3, 4, 5, 9)}]))
	assert_equal(panel.list.exchanges.size(), 1, "exchanges")
	assert_equal(shown.url(), "https://a.example/x?next=http://b/", "URL")
	assert_equal([shown.method, shown.status, shown.type(), shown.kind()], ["POST", 200, "application/json", "JSON"], "facts")
	assert_equal(shown.response_body.get_string_from_utf8(), "{\"a\":1}", "body")
	assert_equal(shown.request_header("x-a"), "b", "header")
	assert_equal(shown.duration(), 15_000, "the connection's phases and the request's")
	var table := _table_of(panel)
	assert_equal(_texts(table.get_root().get_first_child()), PackedStringArray([
		"POST", "/x?next=http://b/  https://a.example", "200", "json", "7 B", "15.0 ms"]), "row")
	panel.choose(shown)
	var details: Details = panel.get("_details")
	assert_equal(details.status_text(), "200 OK", "details")
	assert_contains(details.body_text(), "  \"a\": 1", "pretty JSON")
	for other: Array in [[], [1, 2], ["a", 0, []], [1, 0, {}]]:
		assert_true(not panel.take(other), "what is no message: %s" % [other])
	panel.take([1, 0, [1, {}, {"id": "x"}, {"id": 99, "status": 200}]])
	assert_equal(panel.list.exchanges.size(), 1, "what is no news is no row")
	await _close(panel)


func test_a_packed_body_is_shown_unpacked() -> void:
	var panel := await _open()
	var text := "It was packed. ".repeat(100)
	var packed := text.to_utf8_buffer().compress(FileAccess.COMPRESSION_GZIP)
	panel.take(_message([_opening(1, "/packed")]))
	panel.take(_message([{
		"id": 1, "status": 200, "response_headers": PackedStringArray(["Content-Type: text/plain", "Content-Encoding: gzip"]),
		"response_body": packed, "bytes_received": packed.size(), "over": true}]))
	panel.choose(panel.list.exchanges[0])
	assert_equal((panel.get("_details") as Details).body_text(), text, "what is shown")
	await _close(panel)


func test_a_thousand_exchanges_cost_a_row_each_and_an_update_one_row() -> void:
	var panel := await _open()
	var table := _table_of(panel)
	for index: int in 1000:
		panel.take(_message([_opening(index + 1, "/%d" % index)]))
	assert_equal([table.rows_written, table.shown_count()], [1000, 1000], "rows written for a thousand")
	var first := table.get_root().get_first_child()
	panel.take(_message([{"id": 500, "bytes_received": 3}]))
	assert_equal(table.rows_written, 1001, "an update writes one row")
	panel.take(_message([_opening(1001, "/more")]))
	assert_equal(table.rows_written, 1002, "so does one that is new")
	assert_true(table.get_root().get_first_child() == first, "the rows are the same as before")
	await wait_frames(2)
	panel.set_filter("/999", Filter.ALL)
	assert_equal([table.rows_written, table.shown_count()], [1002, 1], "a filter hides rows and writes none")
	panel.take(_message([_opening(1002, "/9990"), _opening(1003, "/other")]))
	assert_equal(table.shown_count(), 2, "what is new is filtered too")
	panel.clear()
	assert_equal([panel.list.exchanges.size(), table.shown_count(), table.get_root().get_child_count()], [0, 0, 0], "cleared")
	panel.take(_message([{"id": 500, "status": 200}]))
	assert_equal(panel.list.exchanges.size(), 0, "the rest of what was cleared away does not come back")
	await _close(panel)


func test_news_with_values_of_other_types_change_nothing() -> void:
	var panel := await _open()
	var news := _opening(1, "/x", "POST", "", "body")
	news.merge({
		"status": 200, "version": "HTTP/1.1", "reason": "OK", "over": true, "bytes_sent": 4, "bytes_received": 1, "left_out": 0, "error": "",
		"store": "", "peer": "", "requested": BEGAN, "response_headers": PackedStringArray(["A: b"]), "response_body": PackedByteArray([65]),
		"timings": _timings(1, 2, 3, 4, 5, 6), "tls": {
			"version": "TLSv1.3", "cipher_suite": "A", "key_exchange": "B", "resumed": false, "certificate_facts": [{}]}})
	panel.take(_message([news]))
	panel.choose(panel.list.exchanges[0])
	for key: String in news:
		for value: Variant in [null, true, 1.5, {}, {"version": 1, "certificate_facts": [{"names": [1]}]}, {"total": "x"}, [], [1], "x", 7, Vector2()]:
			if key != "id" and typeof(value) != typeof(news[key]) or value is Dictionary:
				panel.take(_message([{"id": 1, key: value}]))
				panel.choose(panel.list.exchanges[0])
	var shown := panel.list.exchanges[0]
	assert_equal([shown.method, shown.status, shown.url(), shown.response_headers], ["POST", 200, "http://a.example/x", PackedStringArray(["A: b"])], "facts")
	await _close(panel)


func test_the_tooltip_of_a_list_says_what_ctrl_c_copies() -> void:
	var panel := await _open()
	panel.take(_message([_opening(1, "/x")]))
	panel.choose(panel.list.exchanges[0])
	var table := _table_of(panel)
	assert_equal([table.tooltip_text, table.row_text()], ["Ctrl+C copies the URL", "http://a.example/x"], "the list of exchanges")
	for other: Table in panel.find_children("*", "Tree", true, false).filter(func(tree_of_rows: Tree) -> bool: return tree_of_rows != table):
		assert_true(other.tooltip_text.contains("Ctrl+C copies a row") or not other.tooltip_text.contains("Ctrl+C"), other.tooltip_text)
	await _close(panel)


func test_a_list_keeps_a_bounded_number_and_says_how_many_it_dropped() -> void:
	var list := ExchangeList.new()
	for index: int in ExchangeList.MOST_EXCHANGES + 10:
		list.take(_message([_opening(index + 1, "/")]))
	assert_equal([list.exchanges.size(), list.dropped], [ExchangeList.MOST_EXCHANGES, 10], "kept and dropped")
	assert_equal(list.exchanges[0].id, 11, "the oldest went")
	list.take([1, 7, []])
	assert_equal(list.left_out, 7, "what the game left out")


func test_the_filter_knows_words_and_kinds() -> void:
	var filter := Filter.new()
	var cases := {
		"application/problem+json": "JSON", "image/png": "Images", "text/event-stream": "Events", "text/html": "Text",
		"application/octet-stream": "Other"}
	for type: String in cases:
		var shown := _finished("https://a.example/path", 200, type)
		for kind: String in Recorded.KINDS:
			filter.kind = kind
			assert_equal(filter.matches(shown), kind == cases[type], "%s as %s" % [type, kind])
	filter.kind = Filter.ERRORS
	for case: Array in [[200, "", false], [404, "", true], [503, "", true], [200, "cut short", true], [0, "refused", true]]:
		var shown := _finished("http://a/", case[0], "text/plain")
		shown.error = case[1]
		assert_equal(filter.matches(shown), case[2], str(case))
	filter.kind = Filter.ALL
	for case: Array in [["get a.example", true], ["PATH 200", true], ["html", true], ["post", false], ["", true]]:
		filter.text = case[0]
		assert_equal(filter.matches(_finished("https://a.example/path", 200, "text/html")), case[1], str(case))


func test_the_waterfall_has_one_scale_for_all() -> void:
	var panel := await _open()
	var table := _table_of(panel)
	# The first exchange takes the first half of the time. The second one takes the second half, on the same connection.
	for index: int in 2:
		var news := _opening(index + 1, "/")
		news["began"] = BEGAN + index * 100_000
		news["requested"] = news["began"] + (50_000 if index == 0 else 0)
		news["over"] = index == 1
		news["timings"] = _timings(0, 50, -1, 10, 30, 50) if index == 0 else _timings(-1, -1, -1, 10, 30, 100)
		panel.take(_message([news]))
	assert_equal(panel.list.last_usec - panel.list.first_usec, 200_000, "the scale")
	var first := table.pieces(panel.list.exchanges[0], 200.0)
	var second := table.pieces(panel.list.exchanges[1], 200.0)
	var of := func(pieces: Array[Vector3]) -> Array: return pieces.map(func(piece: Vector3) -> String: return "%s %d+%d" % [PhaseChart.PHASES[int(piece.x)] if piece.x >= 0.0 else "…", piece.y, piece.z])
	assert_equal(of.call(first), ["Resolve 0+2", "Connect 0+50", "Send 50+10", "Wait 60+20", "Body 80+20", "… 100+100"], "first")
	assert_equal(of.call(second), ["Send 100+10", "Wait 110+20", "Body 130+70"], "second")
	await _close(panel)


func test_redirects_and_attempts_of_a_task_stand_beside_each_other() -> void:
	var panel := await _open()
	for index: int in 3:
		var news := _opening(index + 1, ["/old", "/new", "/other"][index])
		news["task"] = [5, 5, 6][index]
		news["status"] = [302, 200, 200][index]
		news["response_headers"] = PackedStringArray(["Location: /new"] if index == 0 else [])
		news["over"] = true
		panel.take(_message([news]))
	panel.choose(panel.list.exchanges[0])
	var way: Tree = (panel.get("_details") as Details).get("_way")
	assert_equal(way.get_root().get_child_count(), 2, "steps")
	assert_equal(way.get_root().get_child(0).get_text(0), "▶ GET http://a.example/old", "this one is marked")
	assert_equal(way.get_root().get_child(0).get_text(1), "302 → http://a.example/new", "where it redirects to")
	way.get_root().get_child(1).select(0)
	way.item_activated.emit()
	assert_equal(panel.shown_exchange(), panel.list.exchanges[1], "the next step is shown")
	panel.choose(panel.list.exchanges[0])
	var asked: Array[Dictionary] = []
	panel.sent_again.connect(func(request: Dictionary) -> void: asked.append(request))
	var follow: Button = ((panel.get("_details") as Details).get("_answer") as Control).get("_follow")
	follow.pressed.emit()
	assert_equal([panel.shown_exchange(), asked.size()], [panel.list.exchanges[1], 0], "Follow shows what the game did")
	var unfollowed := _opening(4, "/left")
	unfollowed.merge({"status": 303, "response_headers": PackedStringArray(["Location: /right"]), "over": true})
	panel.take(_message([unfollowed]))
	panel.choose(panel.list.exchanges[3])
	follow.pressed.emit()
	assert_equal(str(asked[0]["url"]), "http://a.example/right", "or asks in the console")
	await _close(panel)


func test_a_packed_body_is_shown_unpacked_and_one_that_is_cut_off_says_so() -> void:
	var panel := await _open()
	var packed := "{\"a\": 1}".to_utf8_buffer().compress(FileAccess.COMPRESSION_GZIP)
	for whole: bool in [true, false]:
		var news := _opening(1 if whole else 2, "/")
		news.merge({
			"status": 200, "response_headers": PackedStringArray(["Content-Type: application/json", "Content-Encoding: gzip"]), "over": true,
			"response_body": packed if whole else packed.slice(0, 10), "bytes_received": packed.size()})
		panel.take(_message([news]))
		panel.choose(panel.list.exchanges[-1])
		var details: Details = panel.get("_details")
		var note: Label = (details.get("_answer") as Control).get("_note")
		assert_true(details.body_text().contains("\"a\": 1") == whole, details.body_text())
		assert_contains(note.text, "Decompressed" if whole else "incomplete", "what is said of it")
	await _close(panel)


func test_a_new_run_clears_the_list_unless_the_log_is_kept() -> void:
	var panel := await _open()
	panel.take(_message([_opening(1, "/a")]))
	(panel.get("_keep") as CheckBox).button_pressed = true
	panel.end_run()
	assert_contains(panel.list.exchanges[0].error, "ended", "what was under way")
	panel.begin_run()
	panel.take(_message([_opening(1, "/b")]))
	assert_equal(panel.list.exchanges.map(func(shown: Recorded) -> String: return shown.target), ["/a", "/b"], "both runs")
	(panel.get("_keep") as CheckBox).button_pressed = false
	panel.begin_run()
	assert_equal(panel.list.exchanges.size(), 0, "cleared")
	await _close(panel)


func test_a_request_can_be_copied_and_sent_again() -> void:
	var panel := await _open()
	var asked: Array[Dictionary] = []
	panel.sent_again.connect(func(request: Dictionary) -> void: asked.append(request))
	panel.take(_message([_opening(1, "/x", "POST", "Authorization: Bearer abc\r\nContent-Length: 2\r\n", "hi")]))
	var again: Button = panel.get("_again")
	assert_true(again.disabled, "nothing is chosen")
	panel.choose(panel.list.exchanges[0])
	assert_true(not again.disabled, "an exchange is chosen")
	again.pressed.emit()
	assert_equal(asked, [{
		"method": "POST", "url": "http://a.example/x", "headers": PackedStringArray(["Authorization: Bearer abc"]), "body": "hi",
		"bytes": PackedByteArray()}] as Array[Dictionary], "the request without what is made anew")
	assert_contains(panel.copy_of(NetworkPanel.Copy.CURL), "--data-raw 'hi'", "curl")
	assert_contains(panel.copy_of(NetworkPanel.Copy.GDSCRIPT), "METHOD_POST", "GDScript")
	assert_equal(panel.copy_of(NetworkPanel.Copy.URL), "http://a.example/x", "URL")
	await _close(panel)


func test_recording_can_be_paused() -> void:
	var panel := await _open()
	var said: Array[bool] = []
	panel.recording_changed.connect(func(on: bool) -> void: said.append(on))
	var record: CheckBox = panel.get("_record")
	assert_true(panel.is_recording(), "it records from the start")
	record.button_pressed = false
	record.button_pressed = true
	assert_equal(said, [false, true] as Array[bool], "the game is told")
	await _close(panel)


func test_the_keyboard_moves_through_the_list_and_finds_the_filter() -> void:
	var panel := await _open()
	for index: int in 3:
		panel.take(_message([_opening(index + 1, "/%d" % index)]))
	var table := _table_of(panel)
	table.grab_focus()
	await wait_frames(2)
	for count: int in 2:
		_press(KEY_DOWN)
	assert_equal(panel.shown_exchange(), panel.list.exchanges[1], "two rows down")
	_press(KEY_F, true)
	assert_true((panel.get("_search") as LineEdit).has_focus(), "Ctrl+F")
	await _close(panel)


func test_all_letters_can_be_read_in_light_and_dark_themes_and_the_panel_fits_at_every_size() -> void:
	var panel := await _open()
	panel.take(_message([_opening(1, "/a"), _opening(2, "/b"), _opening(3, "/c")]))
	for index: int in 3:
		panel.take(_message([{"id": index + 1, "status": [200, 404, 503][index], "over": true, "error": "" if index < 2 else "cut short"}]))
	for colors: Array in [[Color("e0e0e0"), Color("2b2f36")], [Color("1a1a1a"), Color("f4f4f4")]]:
		for font_size: int in [14, 28]:
			panel.theme = _theme_of(colors[0], colors[1], font_size)
			await wait_frames(1)
			for item: TreeItem in _table_of(panel).get_root().get_children():
				var color := item.get_custom_color(ExchangeTable.Column.STATUS)
				if color != Color():
					assert_true(Colors.contrast(color, colors[1]) >= 4.5, "%s on %s" % [color, colors[1]])
			var search: LineEdit = panel.get("_search")
			assert_true(
				Colors.contrast(search.get_theme_color(&"font_placeholder_color"), colors[1]) >= 4.5, "the empty filter on %s" % colors[1])
			for edit: TextEdit in (panel.get("_details") as Details).texts():
				assert_true(Colors.contrast(edit.get_theme_color(&"font_readonly_color"), colors[1]) >= 4.5, "a body on %s" % colors[1])
			panel.say("something went wrong", true)
			var message: Label = panel.get("_message")
			assert_true(Colors.contrast(message.get_theme_color(&"font_color"), colors[1]) >= 4.5, "a message on %s" % colors[1])
			# Wrapped text needs a frame to compute its height.
			await wait_frames(2)
			var least := panel.get_combined_minimum_size()
			assert_true(least.x <= 1100.0 * font_size / 14.0 and least.y <= 200.0 * font_size / 14.0, "the least size is %s at %d" % [least, font_size])
	await _close(panel)


func test_without_a_debugger_nobody_watches_the_game() -> void:
	# The observer and the monitors are installed together, and only if there is a debugger.
	assert_true(not EngineDebugger.is_active(), "there is no debugger")
	for monitor: String in ["Open connections", "Requests per second", "Bytes per second"]:
		assert_true(not Performance.has_custom_monitor("HTTPClientRust/" + monitor), monitor)
	assert_true(not EngineDebugger.has_capture("http_client_rust"), "no capture")


func test_a_debugger_that_does_not_ask_is_told_nothing_and_the_game_ends_well() -> void:
	var godot := OS.get_environment("GODOT")
	if not assert_true(not godot.is_empty(), "this test needs $GODOT, the program to start"):
		return
	# The game runs with a scene tree and without one. Without one, only the unloading of the library ends the recording.
	for script: String in ["quit_while_fetching", "main_loop_fetch"]:
		var server := TCPServer.new()
		assert_error(server.listen(0, "127.0.0.1"), OK, "listening as an editor does")
		var game := OS.create_process(godot, [
			"--headless", "--path", ProjectSettings.globalize_path("res://"), "--remote-debug",
			"tcp://127.0.0.1:%d" % server.get_local_port(), "--script", "res://tests/fixtures/%s.gd" % script, "--", "--url=http://" + address_of("http"),
			"--frames=3", "--how=fetch"])
		var said := PackedByteArray()
		var peer: StreamPeerTCP = null
		var is_over := false
		while not is_over:
			# This is checked before reading the rest, because the game may already have ended.
			is_over = not OS.is_process_running(game)
			if peer == null and server.is_connection_available():
				peer = server.take_connection()
			if peer != null:
				said.append_array(_what_came(peer))
			await tree.process_frame
		assert_equal(OS.get_process_exit_code(game), 0, "exit code of " + script)
		assert_true(said.size() > 50, "the game talks with the debugger: %d bytes" % said.size())
		assert_true(not said.get_string_from_ascii().contains("http_client_rust:"), script + " said something of ours")
		server.stop()


func test_what_no_connection_brought_is_marked_and_found_by_that() -> void:
	var panel := await _open()
	for index: int in 3:
		var news := _opening(index + 1, "/x")
		news.merge({"store": ["", "cache", "replay"][index], "status": 200, "over": true})
		panel.take(_message([news]))
	var places := panel.list.exchanges.map(func(shown: Recorded) -> String: return shown.place())
	assert_equal(places, ["/x  http://a.example", "(from cache) /x  http://a.example", "(from replay) /x  http://a.example"], "the rows")
	panel.choose(panel.list.exchanges[1])
	var details: Details = panel.get("_details")
	assert_contains((details.get("_note") as Label).text, "from the cache", "the note")
	var way: Tree = details.get("_way")
	assert_equal(way.get_root().get_child(0).get_text(2), "from cache", "in place of a connection")
	for case: Array in [["from replay", 1], ["from cache", 1], ["", 3]]:
		panel.set_filter(case[0], Filter.ALL)
		assert_equal(_table_of(panel).shown_count(), case[1], "rows with " + str(case[0]))
	await _close(panel)


func test_a_narrow_list_leaves_out_its_last_columns_and_never_scrolls_sideways() -> void:
	var panel := await _open()
	var table := _table_of(panel)
	var news := _opening(1, "/a-path-that-is-longer-than-any-narrow-column-can-show-at-once")
	news.merge({
		"status": 200, "response_headers": PackedStringArray(["Content-Type: application/json"]), "bytes_received": 5, "over": true,
		"timings": _timings(1, 2, -1, 3, 4, 5)})
	panel.take(_message([news]))
	for font_size: int in [14, 28]:
		panel.theme = _theme_of(Color("e0e0e0"), Color("2b2f36"), font_size)
		for width: float in [2400.0, 1100.0, 640.0, 2400.0]:
			panel.size = Vector2(width, 500.0)
			await wait_frames(3)
			var scrolled := table.get_children(true).any(
				func(child: Node) -> bool: return child is HScrollBar and (child as HScrollBar).visible)
			assert_true(not scrolled, "%d columns fit into %s at %d" % [table.columns, table.size.x, font_size])
			var is_whole := table.columns == ExchangeTable.TITLES.size()
			assert_equal(is_whole, width == 2400.0 or (width == 1100.0 and font_size == 14), "all columns at %s, %d" % [width, font_size])
			var item := table.get_root().get_child(0)
			for column: int in mini(table.columns, ExchangeTable.Column.WATERFALL):
				assert_true(not item.get_text(column).is_empty(), "%s at %s" % [ExchangeTable.TITLES[column], width])
	await _close(panel)


func test_phases_that_were_over_at_once_are_not_in_the_legend_unless_all_were() -> void:
	assert_equal(PhaseChart.shown([-1, 0, -1, 0, 900, 0]), [-1, -1, -1, -1, 900, -1] as Array[int], "one that took its time")
	assert_equal(PhaseChart.shown([-1, 0, -1, 0, 0, 0]), [-1, 0, -1, 0, 0, 0] as Array[int], "all were over at once")
	assert_equal(PhaseChart.shown([-1, -1, -1, -1, -1, -1]), [-1, -1, -1, -1, -1, -1] as Array[int], "none yet")


func test_a_narrow_legend_goes_on_in_the_next_line() -> void:
	var chart := PhaseChart.new()
	tree.root.add_child(chart)
	chart.show_timings(_timings(10, 20, 30, 40, 50, 60))
	var heights: Array[float] = []
	for width: float in [900.0, 300.0, 150.0]:
		chart.size = Vector2(width, 200.0)
		await wait_frames(1)
		heights.append(chart.get_combined_minimum_size().y)
	assert_true(heights[0] < heights[1] and heights[1] < heights[2], "heights: %s" % [heights])
	chart.queue_free()
	await wait_frames(1)


## Everything received so far from a peer that may have disconnected.
func _what_came(peer: StreamPeerTCP) -> PackedByteArray:
	peer.poll()
	var count := peer.get_available_bytes() if peer.get_status() == StreamPeerTCP.STATUS_CONNECTED else 0
	return peer.get_partial_data(count)[1] if count > 0 else PackedByteArray()


func _open() -> NetworkPanel:
	var panel := NetworkPanel.new()
	panel.size = Vector2(1600, 500)
	tree.root.add_child(panel)
	await wait_frames(1)
	return panel


func _close(panel: NetworkPanel) -> void:
	panel.queue_free()
	await wait_frames(2)


func _table_of(panel: NetworkPanel) -> ExchangeTable:
	return panel.get("_table")


func _message(news: Array) -> Array:
	_batch += 1
	return [_batch, 0, news]


## The update for a request that was sent, together with its connection.
func _opening(id: int, target: String, method := "GET", headers := "", body := "") -> Dictionary:
	return {
		"id": id, "connection": 1, "task": 0, "origin": "http://a.example", "proxy": "", "began": BEGAN + id, "requested": BEGAN + id,
		"is_on_kept": false, "method": method, "scheme": "http", "phase": "Waiting",
		"request_head": ("%s %s HTTP/1.1\r\nHost: a.example\r\n%s\r\n" % [method, target, headers]).to_utf8_buffer(),
		"request_body": body.to_utf8_buffer()}


func _finished(url: String, status: int, type: String) -> Recorded:
	var shown := Recorded.new()
	shown.method = "GET"
	shown.target = url
	shown.status = status
	shown.response_headers = PackedStringArray(["Content-Type: " + type])
	shown.is_over = true
	return shown


## Takes milliseconds, and returns microseconds like get_timings().
func _timings(dns: int, connected: int, tls: int, send: int, first_byte: int, total: int) -> Dictionary:
	var timings := {"dns": dns, "connect": connected, "tls": tls, "send": send, "first_byte": first_byte, "total": total}
	for name: String in timings:
		timings[name] = maxi(timings[name] * 1000, -1)
	return timings


func _texts(item: TreeItem) -> PackedStringArray:
	var texts := PackedStringArray()
	for column: int in ExchangeTable.Column.WATERFALL:
		texts.append(item.get_text(column))
	return texts


func _press(key: Key, control := false) -> void:
	for pressed: bool in [true, false]:
		var event := InputEventKey.new()
		event.keycode = key
		event.ctrl_pressed = control
		event.pressed = pressed
		tree.root.push_input(event)


func _theme_of(letters: Color, background: Color, font_size: int) -> Theme:
	var theme := Theme.new()
	theme.default_font_size = font_size
	var box := StyleBoxFlat.new()
	box.bg_color = background
	for type: StringName in [&"Label", &"TextEdit", &"Tree", &"LineEdit"]:
		theme.set_color(&"font_color", type, letters)
	for place: Array in [[&"panel", &"PanelContainer"], [&"normal", &"TextEdit"], [&"panel", &"TabContainer"], [&"panel", &"Tree"]]:
		theme.set_stylebox(place[0], place[1], box)
	return theme
