@tool
extends TabContainer
## Tabs for the details of a request: header lines, body and options.

const BodyText := preload("body_text.gd")
const Controls := preload("controls.gd")

## Emitted when Ctrl+Enter is pressed in a text field.
signal sent

## Bytes to send instead of the text of the body, if it is binary or very long.
var body_bytes := PackedByteArray()

var _headers: TextEdit
var _body: TextEdit
var _ca_file: LineEdit
var _verify: CheckBox
var _read_timeout: SpinBox
var _follow: CheckBox
var _listen: CheckBox
var _retries: SpinBox
var _files: FileDialog


func _init() -> void:
	_headers = _text("Headers", "One header per line, such as\nAccept: application/json")
	_body = _text("Body", "The body of the request, sent as UTF-8")
	add_child(_options())


## Fills in a request. Keys: "headers" (lines), "body", "bytes", "ca_file", "verify", "read_timeout", "follow", "listen",
## "retries". A missing key gets its default.
func fill_in(request: Dictionary) -> void:
	_headers.text = "\n".join(PackedStringArray(request.get("headers", PackedStringArray())))
	_ca_file.text = request.get("ca_file", "")
	_verify.button_pressed = request.get("verify", true)
	_read_timeout.value = request.get("read_timeout", 30.0)
	_follow.button_pressed = request.get("follow", true)
	_listen.button_pressed = request.get("listen", false)
	_retries.value = request.get("retries", 0)
	body_bytes = request.get("bytes", PackedByteArray())
	var text: String = request.get("body", "")
	if BodyText.shown(text) != text:
		# The text field would stop the editor for minutes.
		body_bytes = text.to_utf8_buffer()
		text = ""
	_body.editable = body_bytes.is_empty()
	_body.text = text
	if not body_bytes.is_empty():
		_body.text = "(a body of %s)" % String.humanize_size(body_bytes.size())
	current_tab = 1 if not _body.text.is_empty() else 0


## The request that is filled in, with the keys of [method fill_in].
func filled_in() -> Dictionary:
	var lines := PackedStringArray()
	for line: String in _headers.text.split("\n", false):
		if not line.strip_edges().is_empty():
			lines.append(line.strip_edges())
	return {
		"headers": lines, "body": _body.text if body_bytes.is_empty() else "", "bytes": body_bytes,
		"ca_file": _ca_file.text.strip_edges(), "verify": _verify.button_pressed, "read_timeout": _read_timeout.value,
		"follow": _follow.button_pressed, "listen": _listen.button_pressed, "retries": int(_retries.value)}


func texts() -> Array[TextEdit]:
	return [_headers, _body]


func _text(title: String, placeholder: String) -> TextEdit:
	var edit := TextEdit.new()
	edit.name = title
	edit.placeholder_text = placeholder
	edit.wrap_mode = TextEdit.LINE_WRAPPING_BOUNDARY
	edit.gui_input.connect(_on_text_input.bind(edit))
	add_child(edit)
	return edit


func _options() -> Control:
	var scroll := ScrollContainer.new()
	scroll.name = "Options"
	scroll.horizontal_scroll_mode = ScrollContainer.SCROLL_MODE_DISABLED
	var rows := VBoxContainer.new()
	rows.size_flags_horizontal = SIZE_EXPAND_FILL
	scroll.add_child(rows)
	_follow = Controls.check(rows, "Follow redirects", true)
	_listen = Controls.check(rows, "Read the body as server-sent events", false)
	_verify = Controls.check(rows, "Verify the server's certificate", true)
	_add_label(rows, "Trusted authorities (PEM file)")
	var row := HBoxContainer.new()
	rows.add_child(row)
	_ca_file = LineEdit.new()
	_ca_file.placeholder_text = "The authorities of the system"
	_ca_file.size_flags_horizontal = SIZE_EXPAND_FILL
	row.add_child(_ca_file)
	Controls.button(row, "File…", "Selects a PEM file").pressed.connect(choose_file)
	_add_label(rows, "Read timeout in seconds (0 means no limit)")
	_read_timeout = _add_number(rows, 3600.0, 0.5, 30.0)
	_add_label(rows, "Retries after a temporary failure")
	_retries = _add_number(rows, 10.0, 1.0, 0.0)
	return scroll


## Opens a dialog for the file with the trusted certificates.
func choose_file() -> void:
	if _files == null:
		_files = Controls.file_dialog(
			self, FileDialog.FILE_MODE_OPEN_FILE, ["*.pem,*.crt,*.cer;Certificates"], func(path: String) -> void: _ca_file.text = path)
	_files.popup_centered_ratio(0.6)


func _add_number(rows: Control, most: float, step: float, value: float) -> SpinBox:
	var number := SpinBox.new()
	number.max_value = most
	number.step = step
	number.value = value
	rows.add_child(number)
	return number


func _add_label(rows: Control, text: String) -> void:
	var label := Label.new()
	label.text = text
	rows.add_child(label)


## Tab moves the focus to the next control, for people who do not use a mouse.
func _on_text_input(event: InputEvent, edit: TextEdit) -> void:
	var key := event as InputEventKey
	if key == null or not key.pressed:
		return
	if key.keycode in [KEY_ENTER, KEY_KP_ENTER] and key.is_command_or_control_pressed():
		edit.accept_event()
		sent.emit()
	elif key.keycode == KEY_TAB and not key.ctrl_pressed:
		var next := edit.find_prev_valid_focus() if key.shift_pressed else edit.find_next_valid_focus()
		if next != null:
			next.grab_focus()
		edit.accept_event()
