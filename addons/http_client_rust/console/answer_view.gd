@tool
extends VBoxContainer
## Shows the response: a one-sentence result, the phases, and tabs for body, headers and connection.

const Exchange := preload("exchange.gd")
const BodyText := preload("body_text.gd")
const Colors := preload("colors.gd")
const Controls := preload("controls.gd")
const PhaseChart := preload("phase_chart.gd")
const Table := preload("table.gd")

const VIEWS: PackedStringArray = ["Best view", "Text", "JSON", "Image", "Hex"]
## A text that is still growing is redrawn once in this many frames, as long as it is short.
const FRAMES_BETWEEN := 6
const STATUS_WIDTH := 8.0
## Minimum height of the tabs, in lines.
const LEAST_LINES := 8.0
const LONGEST_LIVE := 128 * 1024
## A server can send a text of any length. Labels are slow with very long texts.
const LONGEST_TEXT := 1000

## Emitted when the user asks to follow a redirect.
signal redirected

var _exchange: Exchange
var _status: Label
var _message: Label
var _note: Label
var _chart: PhaseChart
var _amount: Label
var _follow: Button
var _save: Button
var _progress_row: Control
var _progress: ProgressBar
var _progress_text: Label
var _tabs: TabContainer
var _view: OptionButton
var _text: TextEdit
var _image: TextureRect
var _headers: Table
var _connection: Table
var _files: FileDialog
var _body := PackedByteArray()
var _shown_bytes := 0
var _frames := 0


func _init() -> void:
	size_flags_horizontal = SIZE_EXPAND_FILL
	_add_status_row()
	_message = Controls.wrapped_label(self)
	_chart = PhaseChart.new()
	add_child(_chart)
	_add_progress_row()
	_note = Controls.wrapped_label(self)
	_tabs = TabContainer.new()
	_tabs.size_flags_vertical = SIZE_EXPAND_FILL
	add_child(_tabs)
	_tabs.add_child(_body_tab())
	_headers = _add_table("Headers", ["Name", "Value"])
	_connection = _add_table("Connection", ["Property", "Value"])
	clear(null)


## Clears the view. The response of the given exchange is shown next.
func clear(exchange: Exchange) -> void:
	_exchange = exchange
	_status.text = "" if exchange != null else "Enter a URL and press Send."
	_status.remove_theme_color_override(&"font_color")
	for label: Label in [_message, _note]:
		label.text = ""
		label.visible = false
	_chart.show_timings({})
	_amount.text = ""
	_follow.visible = false
	_save.visible = false
	_progress_row.visible = false
	_text.text = ""
	_text.visible = true
	_image.visible = false
	_image.texture = null
	_headers.clear()
	_connection.clear()
	_body = PackedByteArray()
	_shown_bytes = 0


## Adds a tab after the existing ones. Its title is its name.
func add_tab(tab: Control) -> void:
	_tabs.add_child(tab)


## Replaces the note about the body's coding. An empty text hides it.
func say_of_body(text: String) -> void:
	_note.text = text
	_note.visible = not text.is_empty()


## Replaces the result text, for example while the exchange is still running.
func say(text: String) -> void:
	_status.text = text


func show_tab(index: int) -> void:
	_tabs.current_tab = index


func status_text() -> String:
	return _status.text


func body_text() -> String:
	return _text.text


func texts() -> Array[TextEdit]:
	return [_text]


## Shows the progress. Called in every frame.
func show_progress() -> void:
	_chart.show_timings(_exchange.timings, _exchange.phase(), _exchange.phase_usec())
	var seconds := _exchange.elapsed_usec() / 1_000_000.0
	match _exchange.status:
		HTTPClientRust.STATUS_REQUESTING:
			_status.text = ("Sending… %.1f s" if _exchange.is_uploading() else "Waiting for the response… %.1f s") % seconds
			if not _exchange.steps.is_empty():
				_status.text += " — %s %s" % [_exchange.steps[-1][0].to_lower(), _exchange.steps[-1][1]]
		HTTPClientRust.STATUS_BODY:
			_status.text = "%s — receiving… %.1f s" % [_meaning(), seconds]
	_show_amounts()
	_show_what_came()


## Shows the whole response when the exchange has ended.
func show_end() -> void:
	var failed := not _exchange.message.is_empty()
	_chart.show_timings(_exchange.timings)
	_progress_row.visible = false
	_amount.text = "" if _exchange.code == 0 else _amount_text()
	_status.text = _meaning() if _exchange.code != 0 else "No response"
	if failed and _exchange.code != 0:
		_status.text += " — incomplete"
	_status.add_theme_color_override(&"font_color", Colors.readable(_color(failed), self))
	_message.text = sentence(_exchange.message.left(LONGEST_TEXT))
	_message.visible = failed
	_message.add_theme_color_override(&"font_color", Colors.readable(Colors.BAD, self))
	_follow.visible = not _exchange.redirect_address().is_empty()
	_follow.tooltip_text = "Requests " + _exchange.redirect_address().left(LONGEST_TEXT)
	_show_headers()
	_show_connection()
	var is_kept := _exchange.is_kept
	_body = _exchange.answer_body
	_note.text = _exchange.note if not _exchange.note.is_empty() else _note_of_coding()
	_note.visible = not _note.text.is_empty()
	_save.visible = not _body.is_empty()
	_save.disabled = not is_kept
	_save.tooltip_text = "Saves the body as shown here" if is_kept else "The body cannot be saved, because only its first %s are kept" % String.humanize_size(
		Exchange.KEPT_BYTES)
	_show_body()


## Writes the displayed body to a file. The note next to it shows the result.
func save_body(path: String) -> Error:
	var file := FileAccess.open(path, FileAccess.WRITE)
	var error := FileAccess.get_open_error() if file == null else OK
	if file != null:
		file.store_buffer(_body)
		error = file.get_error()
		file.close()
	_note.text = "Saved to %s." % path if error == OK else "%s cannot be written: %s." % [path, error_string(error)]
	_note.visible = true
	return error


## Returns a message of the library as a sentence, with a capital letter and a full stop.
static func sentence(message: String) -> String:
	if message.is_empty() or message[-1] in ".!?…":
		return message.left(1).to_upper() + message.substr(1)
	return "%s%s." % [message[0].to_upper(), message.substr(1)]


## The note about a compressed body. A body stays compressed only if the request's own headers ask for that.
func _note_of_coding() -> String:
	var coding := _exchange.header("Content-Encoding")
	if coding.to_lower() in ["", "identity"] or _body.is_empty():
		return ""
	for line: String in _exchange.headers:
		if line.get_slice(":", 0).strip_edges().to_lower() in ["accept-encoding", "range"]:
			return "The body is compressed with %s, because the headers of the request ask for it." % coding.left(40)
	return "Decompressed (%s): %s became %s." % [
		coding.left(40), String.humanize_size(_exchange.received), String.humanize_size(_exchange.unpacked)]


func _show_what_came() -> void:
	if _exchange.code == 0:
		return
	if _headers.get_root() == null:
		_show_headers()
	_frames += 1
	var count := _exchange.answer_body.size()
	if count == _shown_bytes or count > LONGEST_LIVE or _frames < FRAMES_BETWEEN:
		return
	if BodyText.best_view(_exchange.header("Content-Type"), _exchange.answer_body) in ["text", "json"]:
		_frames = 0
		_shown_bytes = count
		_text.text = BodyText.text(_exchange.answer_body)
		_text.scroll_vertical = _text.get_line_count()


func _show_amounts() -> void:
	var uploading := _exchange.is_uploading()
	var done := _exchange.sent if uploading else _exchange.received
	var total := _exchange.body.size() if uploading else _exchange.expected
	_progress_row.visible = _exchange.code != 0 or uploading
	# The number of events is not known in advance.
	_progress.visible = not _exchange.listens
	_progress.indeterminate = total < 0 and _exchange.status == HTTPClientRust.STATUS_BODY
	_progress.value = float(done) / total if total > 0 else 0.0
	if not _progress_row.visible:
		_progress_text.text = ""
		return
	var text := String.humanize_size(done)
	if total > 0:
		text += " of " + String.humanize_size(total)
	if _exchange.rate() > 0.0:
		text += " · %s/s" % String.humanize_size(int(_exchange.rate()))
	if _exchange.remaining() >= 0.0:
		text += " · %s left" % ("%.0f s" % _exchange.remaining() if _exchange.remaining() >= 1.0 else "under 1 s")
	_progress_text.text = text


func _amount_text() -> String:
	var text := String.humanize_size(_exchange.received)
	if _exchange.expected > _exchange.received:
		text += " of " + String.humanize_size(_exchange.expected)
	var usec: int = _exchange.timings.get("total", -1)
	if _exchange.received > 1_000_000 and usec > 0:
		text += " in %s · %s/s" % [
			PhaseChart.shown_time(usec), String.humanize_size(int(_exchange.received * 1_000_000.0 / usec))]
	return text


func _show_headers() -> void:
	_headers.clear()
	_headers.create_item()
	for line: String in _exchange.answer_headers:
		_headers.add_row([line.get_slice(":", 0), line.substr(line.find(":") + 1).strip_edges()])
	for line: String in _exchange.trailers:
		_headers.add_row([line.get_slice(":", 0) + " (trailer)", line.substr(line.find(":") + 1).strip_edges()])


func _show_connection() -> void:
	_connection.clear()
	for step: PackedStringArray in _exchange.steps:
		_connection.add_row(step)
	var durations := PhaseChart.durations(_exchange.timings)
	for index: int in PhaseChart.PHASES.size():
		if durations[index] >= 0:
			_connection.add_row([PhaseChart.PHASES[index], PhaseChart.shown_time(durations[index])])
	if _exchange.tls.is_empty():
		_connection.add_row(["TLS", "none: anyone on the network path can read the traffic"])
		return
	_connection.add_row(["TLS version", _exchange.tls["version"]])
	_connection.add_row(["Cipher suite", _exchange.tls["cipher_suite"]])
	_connection.add_row(["Key exchange", _exchange.tls["key_exchange"]])
	_connection.add_row(["Session", "resumed" if _exchange.tls["resumed"] else "new"])
	var certificates: Array[Dictionary] = _exchange.tls["certificate_facts"]
	for index: int in certificates.size():
		var facts := certificates[index]
		if facts.is_empty():
			continue
		_connection.add_row(["Certificate" if index == 0 else "Certificate %d" % (index + 1), facts["subject"]])
		_connection.add_row(["  issued by", facts["issuer"]])
		var names: PackedStringArray = facts["names"]
		if not names.is_empty():
			_connection.add_row(["  for", ", ".join(names)])
		var from := Time.get_date_string_from_unix_time(facts["not_before"])
		_connection.add_row(["  valid", "%s to %s" % [from, Time.get_date_string_from_unix_time(facts["not_after"])]])


func _show_body() -> void:
	if _exchange == null or _exchange.is_running:
		return
	var view := VIEWS[_view.selected].to_lower()
	if view == "best view":
		view = BodyText.best_view(_exchange.header("Content-Type"), _body)
	var image := BodyText.image_of(_body, _exchange.is_kept and _exchange.message.is_empty()) if view == "image" else null
	_image.visible = image != null
	_text.visible = image == null
	if image != null:
		_image.texture = ImageTexture.create_from_image(image)
		return
	match view:
		"json":
			_text.text = BodyText.pretty_json(_body, _exchange.is_kept)
		"hex":
			_text.text = BodyText.hex(_body)
		"image":
			_text.text = "This image cannot be shown here: it is incomplete, damaged, too large, or has an unknown format."
		_:
			_text.text = BodyText.text(_body)


## "404 Not Found — nothing at this URL".
func _meaning() -> String:
	var code := _exchange.code
	var title := ""
	for constant: String in ClassDB.class_get_enum_constants(&"HTTPClient", &"ResponseCode", true):
		if ClassDB.class_get_integer_constant(&"HTTPClient", constant) == code:
			title = " " + constant.trim_prefix("RESPONSE_").capitalize()
	var said := "%d%s" % [code, " OK" if title == " Ok" else title]
	if code in [404, 410]:
		return said + " — nothing at this URL"
	if not _exchange.redirect_address().is_empty():
		return "%s — redirects to %s" % [said, _exchange.header("Location").left(LONGEST_TEXT)]
	match floori(code / 100.0):
		4:
			return said + " — the server does not accept the request"
		5:
			return said + " — the server failed"
	return said


func _color(failed: bool) -> Color:
	if failed or _exchange.code >= 500:
		return Colors.BAD
	return Colors.DOUBTFUL if _exchange.code >= 300 else Colors.GOOD


func _choose_file() -> void:
	if _files == null:
		_files = Controls.file_dialog(self, FileDialog.FILE_MODE_SAVE_FILE, [], save_body)
	_files.current_file = _exchange.file_name()
	_files.popup_centered_ratio(0.6)


## Reserves room for a few words of status, in units of the font size. The controls next to it wrap to the next line if there is
## no room.
func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED and _tabs != null:
		_status.custom_minimum_size.x = get_theme_font_size(&"font_size", &"Label") * STATUS_WIDTH
		_tabs.custom_minimum_size.y = get_theme_font_size(&"font_size", &"Label") * LEAST_LINES


func _add_status_row() -> void:
	var row := HFlowContainer.new()
	add_child(row)
	_status = Controls.cut_label(row)
	_amount = Label.new()
	row.add_child(_amount)
	_follow = Controls.button(row, "Follow", "")
	_follow.pressed.connect(func() -> void: redirected.emit())
	_save = Controls.button(row, "Save…", "")
	_save.pressed.connect(_choose_file)
	_view = OptionButton.new()
	_view.tooltip_text = "How the body is shown"
	for view: String in VIEWS:
		_view.add_item(view)
	_view.item_selected.connect(func(_index: int) -> void: _show_body())
	row.add_child(_view)


func _add_progress_row() -> void:
	_progress_row = HBoxContainer.new()
	add_child(_progress_row)
	_progress = ProgressBar.new()
	_progress.size_flags_horizontal = SIZE_EXPAND_FILL
	_progress.size_flags_vertical = SIZE_SHRINK_CENTER
	_progress.max_value = 1.0
	_progress.step = 0.0
	_progress_row.add_child(_progress)
	_progress_text = Label.new()
	_progress_row.add_child(_progress_text)


func _body_tab() -> Control:
	var rows := VBoxContainer.new()
	rows.name = "Body"
	_text = TextEdit.new()
	_text.editable = false
	_text.wrap_mode = TextEdit.LINE_WRAPPING_BOUNDARY
	_text.size_flags_vertical = SIZE_EXPAND_FILL
	rows.add_child(_text)
	_image = TextureRect.new()
	_image.size_flags_vertical = SIZE_EXPAND_FILL
	_image.expand_mode = TextureRect.EXPAND_IGNORE_SIZE
	_image.stretch_mode = TextureRect.STRETCH_KEEP_ASPECT_CENTERED
	_image.texture_filter = TEXTURE_FILTER_NEAREST
	rows.add_child(_image)
	return rows


func _add_table(title: String, titles: PackedStringArray) -> Table:
	var table := Table.new(titles)
	table.name = title
	_tabs.add_child(table)
	return table
