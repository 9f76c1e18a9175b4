@tool
extends VBoxContainer
## The *Network* panel of one game: a toolbar, the list with the waterfall, and the details of the selected exchange.
##
## The panel does not use the editor. The debugger plugin passes messages to it, and its signals request actions of the game and
## the console.

const Recorded := preload("recorded.gd")
const ExchangeList := preload("exchange_list.gd")
const ExchangeTable := preload("exchange_table.gd")
const Details := preload("details.gd")
const Filter := preload("filter.gd")
const FileMenu := preload("har_menu.gd")
const Snippets := preload("../console/snippets.gd")
const Colors := preload("../console/colors.gd")
const Controls := preload("../console/controls.gd")

enum Copy { GDSCRIPT, CURL, URL }
const FRAMES_BETWEEN := 20
## A longer body is shown again when it is complete.
const LONGEST_LIVE := 128 * 1024
const COPIES := {Copy.GDSCRIPT: "Copy as GDScript", Copy.CURL: "Copy as curl", Copy.URL: "Copy URL"}

## Emitted to turn the game's recording on or off.
signal recording_changed(is_recording: bool)
## Emitted when the user sends a request again, in the console. The keys are those of the console's fill_in().
signal sent_again(request: Dictionary)

var list := ExchangeList.new()

var _table: ExchangeTable
var _details: Details
var _search: LineEdit
var _kinds: OptionButton
var _record: CheckBox
var _keep: CheckBox
var _copy: MenuButton
var _again: Button
var _files: FileMenu
var _summary: Label
var _message: Label
var _is_stale := false
var _are_details_stale := false
var _frames := 0


func _init() -> void:
	size_flags_horizontal = SIZE_EXPAND_FILL
	size_flags_vertical = SIZE_EXPAND_FILL
	_add_bar()
	_message = Controls.wrapped_label(self)
	var split := HSplitContainer.new()
	split.size_flags_vertical = SIZE_EXPAND_FILL
	add_child(split)
	_table = ExchangeTable.new()
	_table.size_flags_stretch_ratio = 1.6
	_table.show_list(list)
	_table.chosen.connect(show_exchange)
	split.add_child(_table)
	_details = Details.new()
	_details.chosen.connect(choose)
	_details.followed.connect(func(request: Dictionary) -> void: sent_again.emit(request))
	split.add_child(_details)
	_summary = Controls.cut_label(self)
	list.added.connect(_on_news)
	list.changed.connect(_on_news)
	list.removed.connect(_on_news)
	list.cleared.connect(_on_cleared)
	_on_cleared()


func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED and _details != null:
		_dress()


## Updates the view once in every frame, independently of the number of messages. A body that is still growing is redrawn less
## often.
func _process(_delta: float) -> void:
	_frames += 1
	if _are_details_stale and (shown_exchange().is_over or _frames % FRAMES_BETWEEN == 0 and shown_exchange().response_body.size() <= LONGEST_LIVE):
		show_exchange(shown_exchange())
	if _is_stale:
		_is_stale = false
		_show_summary()
		_table.queue_redraw()


func _shortcut_input(event: InputEvent) -> void:
	var key := event as InputEventKey
	if key == null or not key.pressed or not is_visible_in_tree() or not Controls.has_focus_in(self):
		return
	if key.keycode == KEY_F and key.is_command_or_control_pressed():
		_search.grab_focus()
		_search.select_all()
		get_viewport().set_input_as_handled()


## Processes a message of the game. Returns whether the message is valid.
func take(message: Array) -> bool:
	return list.take(message)


## Starts a new run.
func begin_run() -> void:
	if _keep.button_pressed:
		list.begin_run()
	else:
		list.clear()


## Marks the running exchanges as ended, because the game has ended.
func end_run() -> void:
	list.begin_run()


func is_recording() -> bool:
	return _record.button_pressed


func clear() -> void:
	list.clear()


## Selects an exchange in the list and shows it.
func choose(exchange: Recorded) -> void:
	_table.select_exchange(exchange)
	show_exchange(exchange)


func show_exchange(exchange: Recorded) -> void:
	_are_details_stale = false
	_copy.disabled = exchange == null or exchange.method.is_empty()
	_again.disabled = _copy.disabled
	if exchange == null:
		_details.show_nothing()
	else:
		_details.show_exchange(exchange, list)


func shown_exchange() -> Recorded:
	return _details.shown_exchange()


## Shows only exchanges with these words and of this kind; see Filter.
func set_filter(text: String, kind: String) -> void:
	_search.text = text
	for index: int in _kinds.item_count:
		if _kinds.get_item_text(index) == kind:
			_kinds.select(index)
	_on_filter()


## The selected exchange in the given form; empty if none is selected.
func copy_of(what: Copy) -> String:
	var exchange := shown_exchange()
	if exchange == null:
		return ""
	var request := exchange.as_console_exchange()
	match what:
		Copy.GDSCRIPT:
			return Snippets.as_gdscript(request)
		Copy.CURL:
			return Snippets.as_curl(request)
	return exchange.url()


## Shows a message above the list, for example that a file was saved. An empty text hides it.
func say(text: String, is_bad := false) -> void:
	_message.text = text
	_message.visible = not text.is_empty()
	if is_bad:
		_message.add_theme_color_override(&"font_color", Colors.readable(Colors.BAD, self))
	else:
		_message.remove_theme_color_override(&"font_color")


func _on_news(exchange: Recorded) -> void:
	_is_stale = true
	_are_details_stale = _are_details_stale or exchange == shown_exchange()


func _on_cleared() -> void:
	show_exchange(null)
	say("")
	_show_summary()


func _on_filter() -> void:
	_table.filter.text = _search.text
	_table.filter.kind = _kinds.get_item_text(_kinds.selected)
	_table.apply_filter()
	_show_summary()


func _show_summary() -> void:
	var count := list.exchanges.size()
	var text := "%d exchanges" % count if count != 1 else "1 exchange"
	if _table.shown_count() != count:
		text = "%d of %s" % [_table.shown_count(), text]
	text += " · %s received" % String.humanize_size(list.received)
	if list.left_out > 0:
		text += " · %d missing, because the editor was too slow" % list.left_out
	if list.dropped > 0:
		text += " · %d older ones removed" % list.dropped
	if not is_recording():
		text += " · paused"
	_summary.text = text


func _on_copy(id: int) -> void:
	DisplayServer.clipboard_set(copy_of(id as Copy))


func _on_again() -> void:
	if shown_exchange() != null:
		sent_again.emit(shown_exchange().as_request())


func _add_bar() -> void:
	var bar := HFlowContainer.new()
	add_child(bar)
	_record = Controls.check(bar, "Record", true, "If enabled, the running game sends its requests to this panel.")
	_record.toggled.connect(func(on: bool) -> void:
		recording_changed.emit(on)
		_show_summary())
	Controls.button(bar, "Clear", "Removes all requests from the list").pressed.connect(clear)
	_keep = Controls.check(bar, "Keep log", false, "If enabled, the list is kept when a new run starts.")
	_search = LineEdit.new()
	_search.placeholder_text = "Filter"
	_search.clear_button_enabled = true
	_search.tooltip_text = "Searches method, URL, status, type and error (Ctrl+F)"
	_search.size_flags_horizontal = SIZE_EXPAND_FILL
	_search.text_changed.connect(func(_text: String) -> void: _on_filter())
	bar.add_child(_search)
	_kinds = OptionButton.new()
	_kinds.tooltip_text = "Shows only one kind of request"
	for kind: String in Filter.kinds():
		_kinds.add_item(kind)
	_kinds.item_selected.connect(func(_index: int) -> void: _on_filter())
	bar.add_child(_kinds)
	_copy = Controls.menu(bar, "Copy as…", "Copies the selected request, including credentials")
	for copy: Copy in COPIES:
		_copy.get_popup().add_item(COPIES[copy], copy)
	_copy.get_popup().id_pressed.connect(_on_copy)
	_again = Controls.button(bar, "Send again", "Sends the selected request again in the HTTP panel")
	_again.pressed.connect(_on_again)
	_files = FileMenu.new()
	_files.list = list
	_files.said.connect(say)
	bar.add_child(_files)


## Sets sizes in units of the font size, so that they fit at every display scale.
func _dress() -> void:
	var font_size := get_theme_font_size(&"font_size", &"Label")
	_search.custom_minimum_size.x = font_size * 10.0
	Colors.dress_texts(_details.texts(), self)
	_search.add_theme_color_override(&"font_placeholder_color", Colors.placeholder(self))
