# deadline: 120
extends "res://tests/support/fetch_case.gd"
## The sample's *Session* page, controlled with the keyboard.

const SessionPage := preload("res://demo/session_page.gd")
const FeatureRow := preload("res://demo/feature_row.gd")
const Colors := preload("res://addons/http_client_rust/console/colors.gd")
const PATIENCE_MS := 40_000

var _scene: Control
var _page: SessionPage


func _init() -> void:
	deadline_seconds = 90.0


func test_pictures_come_together_and_fill_the_bar() -> void:
	await _open()
	await _press_button(_page.images)
	await _wait_for(_page.images)
	assert_equal(_page.images.status_text(), "%d images loaded" % SessionPage.PICTURES, "status")
	assert_equal(_page.images.content.get_child_count(), SessionPage.PICTURES, "pictures that are shown")
	assert_equal(_page.images.bar.value, 1.0, "bar")
	await _close()


func test_what_stands_on_a_bar_can_be_read() -> void:
	await _open()
	var text := _page.images.bar.get_theme_color(&"font_color")
	for part: StringName in [&"fill", &"background"]:
		var color := (_page.images.bar.get_theme_stylebox(part) as StyleBoxFlat).bg_color
		# The background is partly transparent over the row.
		assert_true(Colors.contrast(text, Color(color, 1.0)) >= 4.5, "%s: %s on %s" % [part, text, color])
	await _close()


func test_a_download_is_paused_and_goes_on_where_it_was() -> void:
	await _open()
	DirAccess.remove_absolute(SessionPage.DOWNLOAD_PATH)
	await _press_button(_page.download)
	while _page.download.is_running() and not _page.download.status_text().contains("was lost"):
		await wait_frames(1)
	await _press_button(_page.download)
	await _wait_for(_page.download)
	assert_matches(_page.download.status_text(), "^Paused at \\d\\d %$")
	assert_true(_page.download.bar.value >= 0.3 and _page.download.bar.value < 1.0, "the bar stays: %s" % _page.download.bar.value)
	var there := FileAccess.open(SessionPage.DOWNLOAD_PATH + ".part", FileAccess.READ).get_length()
	assert_true(there > 0, "the part is kept")
	await _press_button(_page.download)
	await _wait_for(_page.download)
	# The rest needs two connections; the whole file would need three.
	assert_contains(_page.download.status_text(), "Saved to %s after 2 attempts" % SessionPage.DOWNLOAD_PATH)
	assert_equal(_page.download.bar.value, 1.0, "bar")
	var stated: Variant = (await fetched(new_session(), url("/crc/%d" % SessionPage.DOWNLOAD_BYTES))).get_json()
	assert_equal(crc32(FileAccess.get_file_as_bytes(SessionPage.DOWNLOAD_PATH)), int(stated["crc32"]), "checksum")
	await _close()


func test_a_form_is_uploaded_with_its_file() -> void:
	await _open()
	await _press_button(_page.upload)
	assert_true(_page.upload.is_running(), "the upload has begun")
	await _wait_for(_page.upload)
	var found := RegEx.create_from_string("received (\\d+) of (\\d+) bytes").search(_page.upload.status_text())
	if assert_true(found != null, "status: " + _page.upload.status_text()):
		assert_equal(found.get_string(1), found.get_string(2), "bytes")
		assert_true(found.get_string(1).to_int() > SessionPage.UPLOAD_BYTES, "the file is in it")
	assert_equal(_page.upload.bar.value, 1.0, "bar")
	await _close()


func test_events_come_over_many_connections_and_can_be_cancelled() -> void:
	await _open()
	await _press_button(_page.events)
	while _page.events.is_running() and _page.events.bar.value < 0.15:
		await wait_frames(1)
	assert_matches(_page.events.status_text(), "^Latest: event \\d+$")
	await _press_button(_page.events)
	await _wait_for(_page.events)
	assert_matches(_page.events.status_text(), "^[2-9] events received$")
	await _press_button(_page.events)
	await _wait_for(_page.events)
	assert_equal(_page.events.status_text(), "%d events received" % SessionPage.EVENTS, "status")
	await _close()


func test_what_fails_says_why_and_can_be_started_again() -> void:
	await _open()
	_page.server = url("/nothing-here")
	for row: FeatureRow in [_page.images, _page.download, _page.upload, _page.events]:
		for attempt: int in 2:
			await _press_button(row)
			await _wait_for(row)
			assert_contains(row.status_text(), "404", row.name)
	await _close()


func _open() -> void:
	_scene = (load("res://demo/main.tscn") as PackedScene).instantiate() as Control
	tree.root.add_child.call_deferred(_scene)
	await wait_frames(2)
	(_scene.get_node("%Pages") as TabContainer).current_tab = 1
	_page = _scene.get_node("%Session")
	await wait_frames(2)


func _close() -> void:
	_scene.queue_free()
	await wait_frames(2)


func _press_button(row: FeatureRow) -> void:
	row.focus_button()
	for pressed: bool in [true, false]:
		var key := InputEventKey.new()
		key.keycode = KEY_ENTER
		key.pressed = pressed
		tree.root.push_input(key)
	await wait_frames(1)


func _wait_for(row: FeatureRow) -> void:
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while row.is_running() and Time.get_ticks_msec() < end:
		await wait_frames(1)
	assert_true(not row.is_running(), "it must come to an end: " + row.status_text())
