extends PanelContainer
## One feature of a session: a description, a button, a progress bar and a status.

## Emitted when the button is pressed: [signal started] if nothing is running, otherwise [signal stopped].
signal started
signal stopped

var bar := ProgressBar.new()
## Below the status, for additional content such as images.
var content := HFlowContainer.new()

var _button := Button.new()
var _status := Label.new()
var _start_text := ""
var _stop_text := ""
var _is_running := false


func _init(title: String, about: String, start_text := "Start", stop_text := "Cancel") -> void:
	name = title.to_pascal_case()
	_start_text = start_text
	_stop_text = stop_text
	var rows := VBoxContainer.new()
	add_child(rows)
	var top := HBoxContainer.new()
	rows.add_child(top)
	var label := Label.new()
	label.text = "%s: %s" % [title, about]
	label.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	label.custom_minimum_size.x = 1.0
	label.size_flags_horizontal = SIZE_EXPAND_FILL
	top.add_child(label)
	_button.text = start_text
	_button.pressed.connect(func() -> void: (stopped if _is_running else started).emit())
	top.add_child(_button)
	bar.max_value = 1.0
	bar.step = 0.0
	rows.add_child(bar)
	_status.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	_status.custom_minimum_size.x = 1.0
	rows.add_child(_status)
	rows.add_child(content)


func run(text: String) -> void:
	_is_running = true
	_button.text = _stop_text
	_status.text = text


func finish(text: String) -> void:
	_is_running = false
	_button.text = _start_text
	_status.text = text


func say(text: String) -> void:
	_status.text = text


func show_progress(done: int, total: int) -> void:
	bar.indeterminate = total <= 0
	bar.value = float(done) / total if total > 0 else 0.0


func is_running() -> bool:
	return _is_running


func status_text() -> String:
	return _status.text


func focus_button() -> void:
	_button.grab_focus()
