@tool
extends VBoxContainer
## A console for one request at a time: what to ask for above, on the left how in detail, on the right the answer.
##
## The editor's panel and the sample use it. It takes its looks and sizes from the theme around it.

const Exchange := preload("exchange.gd")
const Snippets := preload("snippets.gd")
const BodyText := preload("body_text.gd")
const Certificate := preload("certificate.gd")
const PhaseChart := preload("phase_chart.gd")

const VIEWS: PackedStringArray = ["Best view", "Text", "JSON", "Image", "Hex"]
const COPY_GDSCRIPT := 0
const COPY_CURL := 1
const GOOD := Color("63c466")
const DOUBTFUL := Color("ffb454")
const BAD := Color("ff7a70")

## Emitted when an answer, or an error, is shown.
signal shown(exchange: Exchange)

## The request as it was last sent, with its answer; null before the first.
var exchange: Exchange
## Bytes to send in place of the text of the body; a request of the sample's list sets it.
var body_bytes := PackedByteArray()

var _method: OptionButton
var _url: LineEdit
var _send: Button
var _cancel: Button
var _copy: MenuButton
var _headers: TextEdit
var _body: TextEdit
var _ca_file: LineEdit
var _verify: CheckBox
var _read_timeout: SpinBox
var _request_tabs: TabContainer
var _status: Label
var _message: Label
var _chart: PhaseChart
var _amount: Label
var _progress_row: Control
var _progress: ProgressBar
var _progress_text: Label
var _answer_tabs: TabContainer
var _view: OptionButton
var _answer_text: TextEdit
var _answer_image: TextureRect
var _answer_headers: Tree
var _connection: Tree


func _init() -> void:
	size_flags_horizontal = SIZE_EXPAND_FILL
	size_flags_vertical = SIZE_EXPAND_FILL
	_add_top()
	var split := HSplitContainer.new()
	split.size_flags_vertical = SIZE_EXPAND_FILL
	add_child(split)
	_add_request_side(split)
	_add_answer_side(split)
	_show_idle()


func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED and _answer_text != null:
		_use_fixed_width_font()


func _process(_delta: float) -> void:
	if exchange == null or not exchange.is_running:
		return
	exchange.step()
	_show_progress()
	if not exchange.is_running:
		_show_answer()


func _unhandled_key_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"ui_cancel") and exchange != null and exchange.is_running and is_visible_in_tree():
		cancel()
		get_viewport().set_input_as_handled()


## Fills in a request: keys "method" (such as "GET"), "url", "headers" (lines), "body", "bytes", "ca_file", "verify",
## "read_timeout". What is left out gets its default.
func fill_in(request: Dictionary) -> void:
	_method.select(maxi(Snippets.METHODS.find(str(request.get("method", "GET"))), 0))
	_url.text = request.get("url", "")
	_headers.text = "\n".join(PackedStringArray(request.get("headers", PackedStringArray())))
	_ca_file.text = request.get("ca_file", "")
	_verify.button_pressed = request.get("verify", true)
	_read_timeout.value = request.get("read_timeout", 30.0)
	body_bytes = request.get("bytes", PackedByteArray())
	_body.editable = body_bytes.is_empty()
	_body.text = request.get("body", "")
	if not body_bytes.is_empty():
		_body.text = "(%s of zeros)" % String.humanize_size(body_bytes.size())
	_request_tabs.current_tab = 1 if not _body.text.is_empty() else 0


## Sends what is filled in. A request that is under way is ended.
func send() -> void:
	if exchange != null and exchange.is_running:
		exchange.cancel()
	exchange = filled_in()
	_clear_answer()
	exchange.start()
	if exchange.is_running:
		_show_progress()
	else:
		_show_answer()


func cancel() -> void:
	if exchange != null and exchange.is_running:
		exchange.cancel()
		_show_answer()


## What is filled in, not sent.
func filled_in() -> Exchange:
	var made := Exchange.new()
	made.method = _method.get_selected_id() as HTTPClientRust.Method
	made.url = _url.text.strip_edges()
	for line: String in _headers.text.split("\n", false):
		if not line.strip_edges().is_empty():
			made.headers.append(line.strip_edges())
	made.body = body_bytes if not body_bytes.is_empty() else _body.text.to_utf8_buffer()
	made.ca_file = _ca_file.text.strip_edges()
	made.verify = _verify.button_pressed
	made.read_timeout = _read_timeout.value
	return made


func focus_address() -> void:
	_url.grab_focus()


## Shows a tab of the answer: 0 the body, 1 the headers, 2 the connection.
func show_tab(index: int) -> void:
	_answer_tabs.current_tab = index


## The sentence about how it went.
func status_text() -> String:
	return _status.text


## What the body is shown as.
func body_text() -> String:
	return _answer_text.text


func _add_top() -> void:
	var row := HBoxContainer.new()
	add_child(row)
	_method = OptionButton.new()
	_method.tooltip_text = "Method"
	for index: int in Snippets.METHODS.size():
		# CONNECT is for proxies only.
		if index != HTTPClientRust.METHOD_CONNECT:
			_method.add_item(Snippets.METHODS[index], index)
	row.add_child(_method)
	_url = LineEdit.new()
	_url.placeholder_text = "https://host/path"
	_url.tooltip_text = "Address. Enter sends the request."
	_url.size_flags_horizontal = SIZE_EXPAND_FILL
	_url.text_submitted.connect(func(_text: String) -> void: send())
	row.add_child(_url)
	_send = Button.new()
	_send.text = "Send"
	_send.pressed.connect(send)
	row.add_child(_send)
	_cancel = Button.new()
	_cancel.text = "Cancel"
	_cancel.tooltip_text = "Ends the request (Esc)"
	_cancel.pressed.connect(cancel)
	row.add_child(_cancel)
	_copy = MenuButton.new()
	_copy.text = "Copy as…"
	_copy.flat = false
	_copy.focus_mode = FOCUS_ALL
	_copy.get_popup().add_item("Copy as GDScript", COPY_GDSCRIPT)
	_copy.get_popup().add_item("Copy as curl", COPY_CURL)
	_copy.get_popup().id_pressed.connect(_on_copy)
	row.add_child(_copy)


func _add_request_side(split: Control) -> void:
	_request_tabs = TabContainer.new()
	_request_tabs.size_flags_horizontal = SIZE_EXPAND_FILL
	_request_tabs.size_flags_stretch_ratio = 0.55
	split.add_child(_request_tabs)
	_headers = TextEdit.new()
	_headers.name = "Headers"
	_headers.placeholder_text = "Accept: application/json\nAuthorization: Bearer …"
	_request_tabs.add_child(_headers)
	_body = TextEdit.new()
	_body.name = "Body"
	_body.placeholder_text = "The body of the request, sent as UTF-8"
	_request_tabs.add_child(_body)
	for edit: TextEdit in [_headers, _body]:
		# Tab goes to the next control: there are people without a mouse.
		edit.gui_input.connect(_on_edit_input.bind(edit))
	_request_tabs.add_child(_options())


func _options() -> Control:
	var scroll := ScrollContainer.new()
	scroll.name = "Options"
	scroll.horizontal_scroll_mode = ScrollContainer.SCROLL_MODE_DISABLED
	var rows := VBoxContainer.new()
	rows.size_flags_horizontal = SIZE_EXPAND_FILL
	scroll.add_child(rows)
	_verify = CheckBox.new()
	_verify.text = "Verify the server's certificate"
	_verify.button_pressed = true
	rows.add_child(_verify)
	var ca_label := Label.new()
	ca_label.text = "Trusted authorities (PEM file)"
	rows.add_child(ca_label)
	_ca_file = LineEdit.new()
	_ca_file.placeholder_text = "those of the system"
	rows.add_child(_ca_file)
	var timeout_label := Label.new()
	timeout_label.text = "Read timeout in seconds (0: none)"
	rows.add_child(timeout_label)
	_read_timeout = SpinBox.new()
	_read_timeout.max_value = 3600.0
	_read_timeout.step = 0.5
	_read_timeout.value = 30.0
	rows.add_child(_read_timeout)
	return scroll


func _add_answer_side(split: Control) -> void:
	var side := VBoxContainer.new()
	side.size_flags_horizontal = SIZE_EXPAND_FILL
	split.add_child(side)
	var status_row := HBoxContainer.new()
	side.add_child(status_row)
	_status = Label.new()
	_status.text_overrun_behavior = TextServer.OVERRUN_TRIM_ELLIPSIS
	_status.custom_minimum_size.x = 1.0
	_status.size_flags_horizontal = SIZE_EXPAND_FILL
	status_row.add_child(_status)
	_amount = Label.new()
	status_row.add_child(_amount)
	_view = OptionButton.new()
	_view.tooltip_text = "How the body is shown"
	for view: String in VIEWS:
		_view.add_item(view)
	_view.item_selected.connect(func(_index: int) -> void: _show_body())
	status_row.add_child(_view)
	_message = Label.new()
	_message.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	_message.custom_minimum_size.x = 1.0
	side.add_child(_message)
	_chart = PhaseChart.new()
	side.add_child(_chart)
	_progress_row = HBoxContainer.new()
	side.add_child(_progress_row)
	_progress = ProgressBar.new()
	_progress.size_flags_horizontal = SIZE_EXPAND_FILL
	_progress.size_flags_vertical = SIZE_SHRINK_CENTER
	_progress.max_value = 1.0
	_progress.step = 0.0
	_progress_row.add_child(_progress)
	_progress_text = Label.new()
	_progress_row.add_child(_progress_text)
	_answer_tabs = TabContainer.new()
	_answer_tabs.size_flags_vertical = SIZE_EXPAND_FILL
	side.add_child(_answer_tabs)
	_answer_tabs.add_child(_body_tab())
	_answer_headers = _table("Headers", "Name", "Value")
	_answer_tabs.add_child(_answer_headers)
	_connection = _table("Connection", "What", "Value")
	_answer_tabs.add_child(_connection)


func _body_tab() -> Control:
	var rows := VBoxContainer.new()
	rows.name = "Body"
	_answer_text = TextEdit.new()
	_answer_text.editable = false
	_answer_text.wrap_mode = TextEdit.LINE_WRAPPING_BOUNDARY
	_answer_text.size_flags_vertical = SIZE_EXPAND_FILL
	_answer_text.gui_input.connect(_on_edit_input.bind(_answer_text))
	rows.add_child(_answer_text)
	_answer_image = TextureRect.new()
	_answer_image.size_flags_vertical = SIZE_EXPAND_FILL
	_answer_image.expand_mode = TextureRect.EXPAND_IGNORE_SIZE
	_answer_image.stretch_mode = TextureRect.STRETCH_KEEP_ASPECT_CENTERED
	_answer_image.texture_filter = TEXTURE_FILTER_NEAREST
	_answer_image.visible = false
	rows.add_child(_answer_image)
	return rows


func _table(title: String, first: String, second: String) -> Tree:
	var table := Tree.new()
	table.name = title
	table.columns = 2
	table.hide_root = true
	table.column_titles_visible = true
	table.set_column_title(0, first)
	table.set_column_title(1, second)
	table.set_column_title_alignment(0, HORIZONTAL_ALIGNMENT_LEFT)
	table.set_column_title_alignment(1, HORIZONTAL_ALIGNMENT_LEFT)
	table.set_column_expand_ratio(0, 2)
	table.set_column_expand_ratio(1, 5)
	return table


func _use_fixed_width_font() -> void:
	var font: Font = SystemFont.new()
	(font as SystemFont).font_names = ["JetBrains Mono", "DejaVu Sans Mono", "Consolas", "Menlo", "monospace"]
	if has_theme_font(&"source", &"EditorFonts"):
		font = get_theme_font(&"source", &"EditorFonts")
	for edit: TextEdit in [_headers, _body, _answer_text]:
		edit.add_theme_font_override(&"font", font)
		# What can be read and not changed is there to be read all the same.
		edit.add_theme_color_override(&"font_readonly_color", get_theme_color(&"font_color", &"TextEdit"))


func _on_edit_input(event: InputEvent, edit: TextEdit) -> void:
	var key := event as InputEventKey
	if key == null or not key.pressed or key.keycode != KEY_TAB or key.ctrl_pressed:
		return
	var next := edit.find_prev_valid_focus() if key.shift_pressed else edit.find_next_valid_focus()
	if next != null:
		next.grab_focus()
	edit.accept_event()


func _on_copy(id: int) -> void:
	var request := filled_in()
	DisplayServer.clipboard_set(
		Snippets.as_gdscript(request) if id == COPY_GDSCRIPT else Snippets.as_curl(request))


func _show_idle() -> void:
	_clear_answer()
	_status.text = "Enter an address and press Send."


func _clear_answer() -> void:
	_status.text = ""
	_status.remove_theme_color_override(&"font_color")
	_message.text = ""
	_message.visible = false
	_chart.show_timings({})
	_amount.text = ""
	_progress_row.visible = false
	_answer_text.text = ""
	_answer_image.texture = null
	_answer_headers.clear()
	_connection.clear()
	_cancel.disabled = true


func _show_progress() -> void:
	_cancel.disabled = false
	_chart.show_timings(exchange.timings)
	var seconds := exchange.elapsed_usec() / 1_000_000.0
	match exchange.status:
		HTTPClientRust.STATUS_RESOLVING:
			_status.text = "Looking up the name… %.1f s" % seconds
		HTTPClientRust.STATUS_CONNECTING:
			_status.text = "Connecting… %.1f s" % seconds
		HTTPClientRust.STATUS_REQUESTING:
			_status.text = ("Sending… %.1f s" if exchange.is_uploading() else "Waiting for the answer… %.1f s") % seconds
		HTTPClientRust.STATUS_BODY:
			_status.text = "%s — receiving… %.1f s" % [_meaning(exchange.code), seconds]
	var done := exchange.sent if exchange.is_uploading() else exchange.received
	var total := exchange.body.size() if exchange.is_uploading() else exchange.expected
	_progress_row.visible = exchange.code != 0 or exchange.is_uploading()
	_progress.indeterminate = total < 0 and exchange.status == HTTPClientRust.STATUS_BODY
	_progress.value = float(done) / total if total > 0 else 0.0
	if exchange.code == 0 and not exchange.is_uploading():
		_progress_text.text = ""
		return
	var text := String.humanize_size(done)
	if total > 0:
		text += " of " + String.humanize_size(total)
	if exchange.rate() > 0.0:
		text += " · %s/s" % String.humanize_size(int(exchange.rate()))
	if exchange.remaining() >= 0.0:
		text += " · %s left" % ("%.0f s" % exchange.remaining() if exchange.remaining() >= 1.0 else "under 1 s")
	_progress_text.text = text


func _show_answer() -> void:
	var failed := not exchange.message.is_empty()
	_cancel.disabled = true
	_chart.show_timings(exchange.timings)
	_progress_row.visible = false
	_amount.text = "" if exchange.code == 0 else _amount_text()
	_status.text = _meaning(exchange.code) if exchange.code != 0 else "No answer"
	if failed and exchange.code != 0:
		_status.text += " — not whole"
	_status.add_theme_color_override(&"font_color", _color_of(exchange.code, failed))
	_message.text = exchange.message
	_message.visible = failed
	_message.add_theme_color_override(&"font_color", _themed(&"error_color", BAD))
	_show_headers()
	_show_connection()
	_show_body()
	shown.emit(exchange)


func _amount_text() -> String:
	var text := String.humanize_size(exchange.received)
	if exchange.expected > exchange.received:
		text += " of " + String.humanize_size(exchange.expected)
	var usec: int = exchange.timings.get("total", -1)
	if exchange.received > 1_000_000 and usec > 0:
		text += " in %s · %s/s" % [
			PhaseChart.shown_time(usec), String.humanize_size(int(exchange.received * 1_000_000.0 / usec))]
	return text


func _show_headers() -> void:
	_answer_headers.clear()
	var root := _answer_headers.create_item()
	for line: String in exchange.answer_headers:
		_add_row(_answer_headers, root, line.get_slice(":", 0), line.substr(line.find(":") + 1).strip_edges())
	for line: String in exchange.trailers:
		_add_row(
			_answer_headers, root, line.get_slice(":", 0) + " (trailer)", line.substr(line.find(":") + 1).strip_edges())


func _show_connection() -> void:
	_connection.clear()
	var root := _connection.create_item()
	for index: int in PhaseChart.PHASES.size():
		var usec := PhaseChart.durations(exchange.timings)[index]
		_add_row(_connection, root, PhaseChart.PHASES[index], PhaseChart.shown_time(usec) if usec >= 0 else "—")
	if exchange.tls.is_empty():
		_add_row(_connection, root, "TLS", "none: everybody on the way can read along")
		return
	_add_row(_connection, root, "TLS version", exchange.tls["version"])
	_add_row(_connection, root, "Cipher suite", exchange.tls["cipher_suite"])
	_add_row(_connection, root, "Key exchange", exchange.tls["key_exchange"])
	_add_row(_connection, root, "Session", "resumed" if exchange.tls["resumed"] else "new")
	var certificates: PackedStringArray = exchange.tls["peer_certificates"]
	for index: int in certificates.size():
		var facts := Certificate.facts_of(certificates[index])
		if facts.is_empty():
			continue
		_add_row(_connection, root, "Certificate" if index == 0 else "Certificate %d" % (index + 1), facts["subject"])
		_add_row(_connection, root, "  issued by", facts["issuer"])
		_add_row(_connection, root, "  valid", "%s to %s" % [facts["from"], facts["until"]])


func _show_body() -> void:
	if exchange == null:
		return
	var view := VIEWS[_view.selected].to_lower()
	if view == "best view":
		view = BodyText.best_view(_header("Content-Type"), exchange.answer_body)
	var image := BodyText.image_of(exchange.answer_body) if view == "image" else null
	_answer_image.visible = image != null
	_answer_text.visible = image == null
	if image != null:
		_answer_image.texture = ImageTexture.create_from_image(image)
		return
	match view:
		"json":
			_answer_text.text = BodyText.pretty_json(exchange.answer_body)
		"hex":
			_answer_text.text = BodyText.hex(exchange.answer_body)
		"image":
			_answer_text.text = "This is no picture that can be shown here."
		_:
			_answer_text.text = BodyText.text(exchange.answer_body)


func _header(name: String) -> String:
	for line: String in exchange.answer_headers:
		if line.get_slice(":", 0).nocasecmp_to(name) == 0:
			return line.substr(line.find(":") + 1).strip_edges()
	return ""


func _add_row(table: Tree, root: TreeItem, name: String, value: String) -> void:
	var item := table.create_item(root)
	item.set_text(0, name)
	item.set_text(1, value)
	item.set_tooltip_text(1, value)


## "404 Not Found: there is nothing here under this address".
func _meaning(code: int) -> String:
	var name := ""
	for constant: String in ClassDB.class_get_enum_constants(&"HTTPClientRust", &"ResponseCode", true):
		if ClassDB.class_get_integer_constant(&"HTTPClientRust", constant) == code:
			name = " " + constant.trim_prefix("RESPONSE_").capitalize()
	if name == " Ok":
		name = " OK"
	match floori(code / 100.0):
		3:
			return "%d%s — it is elsewhere: %s" % [code, name, _header("Location")] if code != 304 else "304 Not Modified"
		4:
			return "%d%s — the server does not accept the request" % [code, name]
		5:
			return "%d%s — the server failed" % [code, name]
	return "%d%s" % [code, name]


func _color_of(code: int, failed: bool) -> Color:
	if failed or code >= 500:
		return _themed(&"error_color", BAD)
	if code >= 300:
		return _themed(&"warning_color", DOUBTFUL)
	return _themed(&"success_color", GOOD)


## A colour of the editor's theme, or another outside of the editor.
func _themed(name: StringName, otherwise: Color) -> Color:
	return get_theme_color(name, &"Editor") if has_theme_color(name, &"Editor") else otherwise
