# deadline: 240
extends "res://tests/support/test_case.gd"
## The sample's screen and the console that it shares with the editor: every sample request has the result that it demonstrates.

const Console := preload("res://addons/http_client_rust/console/console.gd")
const ConsoleExchange := preload("res://addons/http_client_rust/console/exchange.gd")
const BodyText := preload("res://addons/http_client_rust/console/body_text.gd")
const AnswerView := preload("res://addons/http_client_rust/console/answer_view.gd")
const Colors := preload("res://addons/http_client_rust/console/colors.gd")
const History := preload("res://addons/http_client_rust/console/history.gd")
const RequestTabs := preload("res://addons/http_client_rust/console/request_tabs.gd")
const Table := preload("res://addons/http_client_rust/console/table.gd")
const PhaseChart := preload("res://addons/http_client_rust/console/phase_chart.gd")
const Requests := preload("res://demo/requests.gd")
const PATIENCE_MS := 40_000


func _init() -> void:
	deadline_seconds = 150.0


func test_every_ready_request_comes_to_the_end_that_it_is_there_to_show() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	for request: Dictionary in Requests.all(arguments):
		# Large requests take too long here; other tests cover them.
		if request.get("is_large", false):
			continue
		console.fill_in(request)
		console.send()
		await _wait_for(console)
		var sent := console.exchange
		assert_equal(sent.code, request.get("code", 200), "code of " + request["title"])
		assert_equal(not sent.message.is_empty(), request.get("fails", false), "%s: %s" % [request["title"], sent.message])
		assert_not_equal(console.status_text(), "", "status of " + request["title"])
	await _close(scene)


func test_a_download_shows_its_progress_and_can_be_cancelled() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	console.fill_in({"url": "http://%s/bytes/1000000?delay_ms=50" % address_of("http")})
	console.send()
	while console.exchange.is_running and console.exchange.received == 0:
		await tree.process_frame
	assert_equal(console.exchange.expected, 1_000_000, "expected bytes")
	assert_contains(console.status_text(), "receiving")
	console.cancel()
	assert_true(not console.exchange.is_running, "cancelling ends it")
	assert_contains(console.exchange.message, "Cancelled")
	await _close(scene)


func test_a_picture_is_shown_as_one() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	console.fill_in({"url": "http://%s/image.png" % address_of("http")})
	console.send()
	await _wait_for(console)
	assert_equal(BodyText.image_of(console.exchange.answer_body).get_size(), Vector2i(64, 64), "size of the picture")
	await _close(scene)


func test_tls_and_certificate_are_shown() -> void:
	var sent := ConsoleExchange.new()
	sent.url = "https://%s/hello" % address_of("https")
	sent.ca_file = arguments.get("ca-file", "")
	sent.start()
	while sent.is_running:
		sent.step()
		await tree.process_frame
	assert_equal(sent.message, "", "error")
	assert_matches(sent.tls.get("version", ""), "TLSv1\\.[23]")
	var view := AnswerView.new()
	view.clear(sent)
	view.show_end()
	var rows := {}
	var table: Tree = view.get("_connection")
	for row: TreeItem in table.get_root().get_children():
		rows[row.get_text(0)] = row.get_text(1)
	view.free()
	assert_equal(rows.get("TLS version"), sent.tls["version"], "version")
	assert_contains(rows.get("Certificate", ""), "CN=localhost", "whose it is")
	assert_contains(rows.get("  issued by", ""), "CN=", "who signed it")
	assert_equal(rows.get("  for"), "localhost, 127.0.0.1, ::1", "names")
	assert_matches(rows.get("  valid", ""), "^\\d{4}-\\d\\d-\\d\\d to \\d{4}-\\d\\d-\\d\\d$", "dates")


func test_a_stream_and_its_headers_show_as_they_come() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	console.fill_in({"url": "http://%s/stream?lines=400&delay_ms=20" % address_of("http")})
	console.send()
	while console.exchange.is_running and console.body_text().is_empty():
		await tree.process_frame
	assert_true(console.exchange.is_running, "the body shows before its end")
	var headers: Tree = console.get("_answer").get("_headers")
	assert_true(headers.get_root() != null and headers.get_root().get_child_count() > 0, "headers show before the end")
	var length := console.body_text().length()
	while console.exchange.is_running and console.body_text().length() == length:
		await tree.process_frame
	assert_true(console.exchange.is_running, "more of it shows before its end")
	console.cancel()
	assert_contains(console.status_text(), "incomplete")
	await _close(scene)


func test_packed_bodies_are_unpacked_or_named() -> void:
	var text := "It was packed. ".repeat(100)
	var gzip := text.to_utf8_buffer().compress(FileAccess.COMPRESSION_GZIP)
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	var head := "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
	var view: AnswerView = console.get("_answer")
	for case: Array in [
			[gzip, [], text, "Decompressed \\(gzip\\): \\d+ B became 1\\.4. KiB", false], [gzip, ["Accept-Encoding: gzip"], "", "because the headers of the request", false],
			["none of it".to_utf8_buffer(), [], "", "^$", true]]:
		var reply: PackedByteArray = (head % case[0].size()).to_utf8_buffer() + case[0]
		console.fill_in({"url": "http://%s%s" % [address_of("raw"), reply_target(reply, false)], "headers": case[1]})
		console.send()
		await _wait_for(console)
		if not str(case[2]).is_empty():
			assert_equal(console.body_text(), case[2], "what the console shows")
		assert_matches((view.get("_note") as Label).text, case[3])
		assert_equal(not console.exchange.message.is_empty(), case[4], "whether it failed: " + console.exchange.message)
	await _close(scene)


func test_redirects_are_followed_and_shown_as_steps() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	console.fill_in({"url": "http://%s/redirect?to=/redirect%%3Fto%%3D/json" % address_of("http")})
	console.send()
	await _wait_for(console)
	assert_equal(console.status_text(), "200 OK", "status")
	var rows := PackedStringArray()
	var table: Tree = console.get("_answer").get("_connection")
	for row: TreeItem in table.get_root().get_children().slice(0, 3):
		rows.append("%s %s" % [row.get_text(0), row.get_text(1).trim_prefix("http://" + address_of("http"))])
	assert_equal(rows, PackedStringArray(["Redirect /redirect?to=/redirect%3Fto%3D/json", "Redirect /redirect?to=/json", "Response /json"]), "steps")
	await _close(scene)


func test_retries_are_shown_as_steps() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	var reply := "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
	console.fill_in({"url": "http://%s%s" % [address_of("raw"), reply_target(reply, false)], "retries": 1})
	console.send()
	await _wait_for(console)
	assert_equal(console.exchange.steps[0][0], "Attempt 2", "the first step")
	assert_contains(console.status_text(), "503")
	await _close(scene)


func test_events_are_listed_as_they_come() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	# A GET is repeated when its event stream ends, so it continues until it is cancelled.
	console.fill_in({"url": "http://%s/events?count=2" % address_of("http"), "listen": true})
	console.send()
	var table: Tree = console.get("_events").get("_table")
	while console.exchange.is_running and (table.get_root() == null or table.get_root().get_child_count() < 5):
		await tree.process_frame
	assert_true(console.exchange.is_running, "events show while the stream goes on")
	var third := table.get_root().get_child(2)
	assert_equal([third.get_text(1), third.get_text(2), third.get_text(3)], ["message", "3", "event 3"], "the third event")
	third.select(0)
	assert_equal((console.get("_events").get("details") as TextEdit).text, "event 3", "the chosen event")
	console.cancel()
	await _close(scene)


func test_cookies_of_the_session_are_listed_sent_and_forgotten() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	var table: Tree = console.get("_cookies").get("_table")
	for target: String in ["/set-cookies", "/echo"]:
		console.fill_in({"url": "http://%s%s" % [address_of("http"), target]})
		console.send()
		await _wait_for(console)
		var names := table.get_root().get_children().map(func(row: TreeItem) -> String: return row.get_text(0))
		names.sort()
		assert_equal(names, ["session", "theme"], "cookies behind " + target)
	assert_contains(console.body_text(), "session=abc123")
	(console.get("_cookies").get("_clear") as Button).pressed.emit()
	console.send()
	await _wait_for(console)
	assert_true(not console.body_text().contains("session=abc123"), "they are not sent any more")
	await _close(scene)


func test_a_request_is_saved_by_name_and_loaded_from_the_menu() -> void:
	DirAccess.remove_absolute("user://requests.http")
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	console.fill_in({"method": "PUT", "url": "http://%s/echo" % address_of("http"), "body": "{}", "headers": ["X-A: b"], "follow": false})
	console.call("_on_saved", Console.SAVE_REQUEST)
	await wait_frames(2)
	var name: LineEdit = console.get("_name")
	name.text = ""
	var dialog: ConfirmationDialog = console.get("_name_dialog")
	for letter: String in "Score":
		_press(dialog, OS.find_keycode_from_string(letter.to_upper()), letter)
	_press(dialog, KEY_ENTER)
	await wait_frames(2)
	assert_true(not dialog.visible, "the dialog is closed")
	assert_equal(
		FileAccess.get_file_as_string("user://requests.http"),
		"### Score\n# @no-redirect\nPUT http://%s/echo HTTP/1.1\nX-A: b\n\n{}\n" % address_of("http"), "the file")
	console.fill_in({})
	console.call("_show_saved")
	var menu: PopupMenu = (console.get("_saved") as MenuButton).get_popup()
	assert_equal(menu.get_item_text(0), "Score", "the first of the menu")
	menu.id_pressed.emit(menu.get_item_id(0))
	console.send()
	await _wait_for(console)
	assert_equal([console.exchange.method, console.exchange.follows], [HTTPClientRust.METHOD_PUT, false], "what was loaded")
	assert_contains(console.body_text(), "\"body_text\": \"{}\"")
	assert_contains(console.save_request(""), "name")
	menu.id_pressed.emit(Console.REMOVE_REQUEST)
	assert_equal(console.saved_requests(), PackedStringArray(), "after it was removed")
	await _close(scene)


func test_a_phase_that_goes_on_is_counted() -> void:
	assert_equal(PhaseChart.durations({"dns": 5, "connect": -1}, 1, 70)[1], 70, "connecting")
	assert_equal(PhaseChart.durations({"dns": 5, "connect": 9, "send": 3, "first_byte": -1}, 4, 70)[4], 70, "waiting")
	var sent := ConsoleExchange.new()
	sent.url = "http://%s/slow?ms=400" % address_of("http")
	sent.start()
	var longest := -1
	while sent.is_running:
		sent.step()
		if sent.phase() == 4:
			longest = maxi(longest, PhaseChart.durations(sent.timings, 4, sent.phase_usec())[4])
		await tree.process_frame
	assert_true(longest > 0, "waiting is counted while it goes on")


func test_sentences_say_what_an_answer_means() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	for case: Array in [
			["http", "/nothing-here", "404 Not Found — nothing at this URL"], ["http", "/redirect", "redirects to /hello"],
			["raw", "/fault/body-cut-short", "incomplete"]]:
		console.fill_in({"url": "http://%s%s" % [address_of(case[0]), case[1]], "follow": false})
		console.send()
		await _wait_for(console)
		assert_contains(console.status_text(), case[2])
	await _close(scene)


func test_a_redirect_is_followed_when_it_is_asked_for() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	console.fill_in({
		"method": "POST", "url": "http://%s/redirect?to=/echo%%3Fa" % address_of("http"), "body": "a",
		"follow": false, "headers": ["Content-Type: text/plain", "Authorization: Bearer x"]})
	console.send()
	await _wait_for(console)
	console.follow_redirect()
	await _wait_for(console)
	var echo: Variant = JSON.parse_string(console.exchange.answer_body.get_string_from_utf8())
	assert_equal(echo["method"], "GET", "method")
	assert_equal(echo["target"], "/echo?a", "target")
	assert_equal(sent_values(echo, "Content-Type").size(), 0, "fields of the body")
	assert_equal(sent_values(echo, "Authorization").size(), 1, "the same server gets what is meant for it")
	var sent := ConsoleExchange.new()
	sent.url = "https://a.example/b"
	sent.code = 307
	sent.answer_headers = PackedStringArray(["Location: https://b.example/c"])
	var next := sent.redirected({"method": "PUT", "headers": PackedStringArray(["Cookie: a", "X-A: b"]), "body": "c"})
	assert_equal(next["headers"], PackedStringArray(["X-A: b"]), "what another server gets")
	assert_equal([next["method"], next["body"], next["url"]], ["PUT", "c", "https://b.example/c"], "307")
	await _close(scene)


func test_where_a_redirect_leads() -> void:
	for case: Array in [
			["/c", "http://a.example/c"], ["c?d", "http://a.example/b/c?d"], ["../c", "http://a.example/c"],
			["//b.example/c", "http://b.example/c"], ["https://b.example", "https://b.example"], ["?x=1", "http://a.example/b/x?x=1"],
			["ftp://b.example/", ""], ["javascript:1", "http://a.example/b/javascript:1"], ["", ""], ["c/", "http://a.example/b/c/"]]:
		assert_equal(ConsoleExchange.address_of(case[0], "http://a.example/b/x?q"), case[1], case[0])


func test_other_schemes_are_understood_or_refused_plainly() -> void:
	assert_equal(ConsoleExchange.parts_of("HTTP://a.example/B"), {"origin": "http://a.example", "target": "/B"}, "upper case")
	for address: String in ["ftp://a.example/b", "ws://a.example", "file:///etc/hostname"]:
		var sent := ConsoleExchange.new()
		sent.url = address
		sent.start()
		assert_contains(sent.message, address.get_slice("://", 0) + ":// is not HTTP")


func test_a_message_of_the_library_is_shown_as_a_whole_sentence() -> void:
	for case: Array in [
			["", ""], ["the server closed the connection", "The server closed the connection."], ["Cancelled.", "Cancelled."],
			["TLS: the certificate expired; renew it", "TLS: the certificate expired; renew it."]]:
		assert_equal(AnswerView.sentence(case[0]), case[1], case[0])


func test_what_cannot_be_sent_says_why() -> void:
	for case: Array in [
			["headers", PackedStringArray(["no header"]), "http", "header"], ["headers", PackedStringArray(["A: b\u0001"]), "http", "."],
			["ca_file", "user://nowhere.pem", "https", "nowhere.pem"]]:
		var sent := ConsoleExchange.new()
		sent.url = "%s://%s/hello" % [case[2], address_of(case[2])]
		sent.set(case[0], case[1])
		sent.start()
		while sent.is_running:
			sent.step()
			await tree.process_frame
		assert_equal(sent.code, 0, "code")
		assert_matches(sent.message, case[3])


func test_requests_of_the_console_share_their_connection() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	for attempt: int in 2:
		console.fill_in({"url": "http://%s/hello" % address_of("http")})
		console.send()
		await _wait_for(console)
	assert_true(int(console.exchange.timings.get("connect", -1)) <= 0, "the second one need not connect: %s" % console.exchange.timings)
	await _close(scene)


func test_a_console_that_is_closed_ends_its_request() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	var session := console.session
	console.fill_in({"url": "http://%s/slow?ms=20000" % address_of("http")})
	console.send()
	await wait_frames(2)
	assert_equal(session.get_active_count(), 1, "requests while it is open")
	await _close(scene)
	for frame: int in 60:
		if session.get_active_count() > 0:
			await wait_frames(1)
	assert_equal(session.get_active_count(), 0, "requests after it was closed")


func test_ctrl_enter_sends_and_ctrl_c_copies_a_row() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	console.fill_in({"method": "POST", "url": "http://%s/echo" % address_of("http"), "body": "a"})
	var edits: Array = console.get("_request").call("texts")
	await wait_frames(2)
	for edit: Control in [edits[1], console.get("_method")]:
		console.exchange = null
		edit.grab_focus()
		for pressed: bool in [true, false]:
			var key := InputEventKey.new()
			key.keycode = KEY_ENTER
			key.ctrl_pressed = true
			key.pressed = pressed
			tree.root.push_input(key)
		if assert_true(console.exchange != null, "Ctrl+Enter sends from %s" % edit.get_class()):
			await _wait_for(console)
	assert_equal(console.exchange.body.get_string_from_utf8(), "a", "the body, without a line more")
	var view: AnswerView = console.get("_answer")
	var table: Table = view.get("_headers")
	table.get_root().get_first_child().select(0)
	assert_equal(table.row_text(), console.exchange.answer_headers[0], "the row as text")
	await _close(scene)


func test_a_row_is_copied_whole_however_much_of_it_is_shown() -> void:
	var long := "x".repeat(100)
	for rows: Array in [[["Name", "Value"], ["A", long], "A: " + long], [["Time", "Type", "Data"], ["1 ms", long, "b"], "1 ms\t%s\tb" % long]]:
		var table := Table.new(rows[0])
		tree.root.add_child(table)
		table.fit([1])
		var item := table.add_row(rows[1])
		assert_equal(table.row_text(), "", "nothing is selected")
		item.select(0)
		assert_equal(item.get_text(1).length(), Table.WIDEST_FITTED, "letters in a column that is as wide as its texts")
		var font := table.get_theme_font(&"font", &"Tree")
		var width := font.get_string_size(item.get_text(1), HORIZONTAL_ALIGNMENT_LEFT, -1.0, table.get_theme_font_size(&"font_size", &"Tree")).x
		assert_true(table.get_column_width(1) >= width, "all letters of it fit: %s of %s" % [table.get_column_width(1), width])
		assert_true(not table.is_column_expanding(1) and table.is_column_expanding(0), "the others share what is left")
		assert_equal(table.row_text(), rows[2], "the row")
		table.free()


func test_the_file_with_authorities_can_be_chosen() -> void:
	var scene := await _open_sample()
	var tabs: RequestTabs = (scene.get("console") as Console).get("_request")
	tabs.choose_file()
	var files: FileDialog = tabs.get("_files")
	assert_true(files.visible and files.filters[0].contains("*.pem"), "a dialog for certificates opens")
	files.file_selected.emit("/tmp/authorities.pem")
	assert_equal(tabs.filled_in()["ca_file"], "/tmp/authorities.pem", "the field")
	files.hide()
	await _close(scene)


func test_a_body_is_saved_as_it_is_shown() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	console.fill_in({"url": "http://%s/image.png?a=b" % address_of("http")})
	console.send()
	await _wait_for(console)
	assert_equal(console.exchange.file_name(), "image.png", "name")
	var path := OS.get_user_data_dir().path_join("saved.png")
	assert_error((console.get("_answer") as AnswerView).save_body(path), OK, "saving")
	assert_equal(FileAccess.get_file_as_bytes(path), console.exchange.answer_body, "bytes")
	await _close(scene)


func test_what_was_sent_is_there_after_a_restart_without_its_secrets() -> void:
	var path := "user://history_of_a_test.json"
	var history := History.new(path)
	history.clear()
	for index: int in History.MOST + 5:
		history.add({"method": "GET", "url": "http://a.example/%d" % index})
	history.add({
		"method": "PUT", "url": "https://me:secret@a.example/x", "headers": PackedStringArray([
			"authorization: secret", "X-Functions-Key: secret", "x-csrf-token: secret", "X-Login: Bearer secret-of-eight", "X-A: b"]),
		"body": "c", "verify": false, "read_timeout": 2.5, "ca_file": "d.pem", "listen": true, "retries": 99})
	var again := History.new(path)
	assert_equal(again.requests.size(), History.MOST, "how many are kept")
	assert_equal(again.requests[0], {
		"method": "PUT", "url": "https://a.example/x", "headers": PackedStringArray(["X-A: b"]), "body": "c", "ca_file": "d.pem",
		"verify": false, "read_timeout": 2.5, "follow": true, "listen": true, "retries": 10}, "the newest")
	assert_true(not FileAccess.get_file_as_string(path).contains("secret"), "no secret is written down")
	for text: String in ["", "{", "[1, {\"url\": 2}, {\"url\": \"http://a/\", \"headers\": 3}]"]:
		_write_text(path, text)
		assert_true(History.new(path).requests.size() <= 1, "a file that was damaged: " + text)


func test_all_letters_can_be_read_in_light_and_dark_themes() -> void:
	for background: Color in [Color("1d2229"), Color("363d4a"), Color("ffffff"), Color("d9dde3"), Color("000000"), Color("e8eaed")]:
		for color: Color in [Colors.GOOD, Colors.DOUBTFUL, Colors.BAD]:
			assert_true(
				Colors.contrast(Colors.against(color, background), background) >= 4.5, "%s on %s" % [color, background])
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	for theme: Array in [[Color("e0e0e0"), Color("2b2f36")], [Color("1a1a1a"), Color("f4f4f4")]]:
		console.theme = _theme_of(theme[0], theme[1])
		assert_equal(Colors.background_of(console), theme[1], "what is behind the letters")
		for target: String in ["/hello", "/nothing-here", "/status/503"]:
			console.fill_in({"url": "http://%s%s" % [address_of("http"), target]})
			console.send()
			await _wait_for(console)
			var label: Label = console.get("_answer").get("_status")
			assert_true(
				Colors.contrast(label.get_theme_color(&"font_color"), theme[1]) >= 4.5, "the status of %s on %s" % [target, theme[1]])
		var edits: Array = console.get("_request").call("texts")
		for name: StringName in [&"font_color", &"font_placeholder_color", &"font_readonly_color"]:
			assert_true(Colors.contrast((edits[0] as TextEdit).get_theme_color(name), theme[1]) >= 4.5, "%s on %s" % [name, theme[1]])
	await _close(scene)


func test_a_coloured_row_can_be_read_also_while_it_is_selected() -> void:
	for colors: Array in [[Color("1a1a1a"), Color("e6e6e6"), Color("cacaca")], [Color("e0e0e0"), Color("292929"), Color("ffffff40")]]:
		var list := Tree.new()
		list.theme = _theme_of(colors[0], colors[1])
		for name: StringName in [&"selected", &"selected_focus"]:
			var box := StyleBoxFlat.new()
			box.bg_color = colors[2]
			list.theme.set_stylebox(name, &"Tree", box)
		tree.root.add_child(list)
		for color: Color in [Colors.GOOD, Colors.DOUBTFUL, Colors.BAD]:
			var shown := Colors.readable_in_rows(color, list)
			for background: Color in [colors[1], (colors[1] as Color).blend(colors[2])]:
				assert_true(Colors.contrast(shown, background) >= 4.5, "%s on %s" % [shown, background])
		list.free()


func test_the_sample_fits_a_screen_at_twice_the_size() -> void:
	var scene := await _open_sample()
	var margin: Control = scene.get_node("Margin")
	var least := margin.get_combined_minimum_size()
	assert_true(least.x <= 1920.0 / 2.0 and least.y <= 1080.0 / 2.0, "the least size is %s" % least)
	await _close(scene)


func test_an_address_is_taken_apart() -> void:
	for parts: Array in [
			["http://a.example/b?c#d", "http://a.example", "/b?c"], ["https://[::1]:8443", "https://[::1]:8443", "/"],
			["a.example/b", "http://a.example", "/b"], ["http://a.example?q", "http://a.example", "/?q"]]:
		assert_equal(ConsoleExchange.parts_of(parts[0]), {"origin": parts[1], "target": parts[2]}, parts[0])
	assert_equal(ConsoleExchange.parts_of(""), {}, "nothing")


func _press(window: Viewport, keycode: Key, letter := "") -> void:
	for pressed: bool in [true, false]:
		var key := InputEventKey.new()
		key.keycode = keycode
		key.unicode = letter.unicode_at(0) if not letter.is_empty() else 0
		key.pressed = pressed
		window.push_input(key)


func _open_sample() -> Control:
	var scene := (load("res://demo/main.tscn") as PackedScene).instantiate() as Control
	tree.root.add_child.call_deferred(scene)
	await wait_frames(2)
	return scene


func _close(scene: Control) -> void:
	scene.queue_free()
	await wait_frames(2)


func _wait_for(console: Console) -> void:
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while console.exchange.is_running and Time.get_ticks_msec() < end:
		await tree.process_frame
	assert_true(not console.exchange.is_running, "it must come to an end: " + console.exchange.url)


func _theme_of(letters: Color, background: Color) -> Theme:
	var theme := Theme.new()
	var box := StyleBoxFlat.new()
	box.bg_color = background
	for type: StringName in [&"Label", &"TextEdit", &"Tree", &"Button"]:
		theme.set_color(&"font_color", type, letters)
	theme.set_stylebox(&"panel", &"PanelContainer", box)
	theme.set_stylebox(&"normal", &"TextEdit", box)
	theme.set_stylebox(&"panel", &"TabContainer", box)
	theme.set_stylebox(&"panel", &"Tree", box)
	return theme


func _write_text(path: String, text: String) -> void:
	FileAccess.open(path, FileAccess.WRITE).store_string(text)
