@tool
extends VBoxContainer
## A console for one request at a time: the address at the top, the details of the request on the left, the response on the
## right.
##
## Its requests share a session, and with it the open connections and the cookies.
##
## The editor's panel and the sample use it. Its colours and sizes come from the surrounding theme.

const Exchange := preload("exchange.gd")
const Snippets := preload("snippets.gd")
const Colors := preload("colors.gd")
const Controls := preload("controls.gd")
const History := preload("history.gd")
const RequestTabs := preload("request_tabs.gd")
const AnswerView := preload("answer_view.gd")
const HttpFile := preload("http_file.gd")
const EventTable := preload("event_table.gd")
const CookieTable := preload("cookie_table.gd")

## In units of the font size.
const ADDRESS_WIDTH := 11.0
const COPY_GDSCRIPT := 0
const COPY_CURL := 1
const COPY_CLIENT := 2
const SAVE_REQUEST := 1000
const REMOVE_REQUEST := 1001
const CLEAR_HISTORY := 1000
const REQUESTS_FILE := "user://requests.http"
const HISTORY_FILE := "user://http_console_history.json"

## Emitted when a response or an error is shown.
signal shown(exchange: Exchange)

## The request that was sent last, with its response; null before the first one.
var exchange: Exchange
## File of the request history. Set it before the console enters the tree. If empty, no history is kept.
var history_file := HISTORY_FILE
## The .http file of the saved requests. The plugin sets a file in the project.
var requests_file := REQUESTS_FILE
var session := HTTPSessionRust.new()

var _history: History
var _method: OptionButton
var _url: LineEdit
var _cancel: Button
var _copy: MenuButton
var _recent: MenuButton
var _saved: MenuButton
var _name_dialog: ConfirmationDialog
var _name: LineEdit
var _name_problem: Label
## The name under which the current request was loaded or saved.
var _loaded := ""
var _request: RequestTabs
var _answer: AnswerView
var _events: EventTable
var _cookies: CookieTable


func _init() -> void:
	size_flags_horizontal = SIZE_EXPAND_FILL
	size_flags_vertical = SIZE_EXPAND_FILL
	_add_top()
	var split := HSplitContainer.new()
	split.size_flags_vertical = SIZE_EXPAND_FILL
	add_child(split)
	_request = RequestTabs.new()
	_request.size_flags_horizontal = SIZE_EXPAND_FILL
	_request.size_flags_stretch_ratio = 0.55
	_request.sent.connect(send)
	split.add_child(_request)
	_answer = AnswerView.new()
	_answer.redirected.connect(follow_redirect)
	_events = EventTable.new()
	_answer.add_tab(_events)
	_cookies = CookieTable.new()
	_answer.add_tab(_cookies)
	split.add_child(_answer)


func _ready() -> void:
	if not history_file.is_empty():
		_history = History.new(history_file)


func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED and _events != null:
		_dress_texts()
	elif what == NOTIFICATION_PREDELETE and exchange != null:
		exchange.cancel()


func _process(_delta: float) -> void:
	if exchange == null or not exchange.is_running:
		return
	exchange.step()
	_answer.show_progress()
	_events.show_events(exchange)
	if not exchange.is_running:
		_show_end()


func _shortcut_input(event: InputEvent) -> void:
	var key := event as InputEventKey
	if key == null or not key.pressed or not is_visible_in_tree() or not Controls.has_focus_in(self):
		return
	if key.keycode in [KEY_ENTER, KEY_KP_ENTER] and key.is_command_or_control_pressed():
		get_viewport().set_input_as_handled()
		send()


func _unhandled_key_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"ui_cancel") and exchange != null and exchange.is_running and is_visible_in_tree():
		cancel()
		get_viewport().set_input_as_handled()


## Fills in a request. Keys: "method" (such as "GET"), "url", "headers" (lines), "body", "bytes", "ca_file", "verify",
## "read_timeout", "follow", "listen", "retries". A missing key gets its default.
func fill_in(request: Dictionary) -> void:
	var method := Snippets.METHODS.find(str(request.get("method", "GET")))
	_method.select(maxi(_method.get_item_index(method), 0))
	_url.text = request.get("url", "")
	_request.fill_in(request)


## Sends the request that is filled in. Cancels a running one.
func send() -> void:
	if exchange != null and exchange.is_running:
		exchange.cancel()
	exchange = filled_in()
	_answer.clear(exchange)
	_events.clear()
	_cookies.show_cookies(exchange)
	exchange.start()
	_remember()
	if exchange.is_running:
		_cancel.disabled = false
		_answer.show_progress()
	else:
		_show_end()


func cancel() -> void:
	if exchange != null and exchange.is_running:
		exchange.cancel()
		_show_end()


## Fills in the request that follows the redirect, and sends it.
func follow_redirect() -> void:
	if exchange == null or exchange.redirect_address().is_empty():
		return
	fill_in(exchange.redirected(_filled_in()))
	send()


## The request that is filled in, as an exchange that has not been sent.
func filled_in() -> Exchange:
	var request := _filled_in()
	var made := Exchange.new()
	made.method = _method.get_selected_id() as HTTPClientRust.Method
	made.url = request["url"]
	made.headers = request["headers"]
	var bytes: PackedByteArray = request["bytes"]
	made.body = bytes if not bytes.is_empty() else str(request["body"]).to_utf8_buffer()
	made.ca_file = request["ca_file"]
	made.verify = request["verify"]
	made.read_timeout = request["read_timeout"]
	made.follows = request["follow"]
	made.listens = request["listen"]
	made.retries = request["retries"]
	made.session = session
	return made


func focus_address() -> void:
	_url.grab_focus()


## Shows a tab of the response: 0 is the body, 1 the headers, 2 the connection, 3 the events, 4 the cookies.
func show_tab(index: int) -> void:
	_answer.show_tab(index)


## The sentence about the result.
func status_text() -> String:
	return _answer.status_text()


## The body as it is shown.
func body_text() -> String:
	return _answer.body_text()


func _filled_in() -> Dictionary:
	var request := _request.filled_in()
	request["method"] = Snippets.METHODS[_method.get_selected_id()]
	request["url"] = _url.text.strip_edges()
	return request


func _show_end() -> void:
	_cancel.disabled = true
	_answer.show_end()
	_events.show_events(exchange)
	_cookies.show_cookies(exchange)
	shown.emit(exchange)


func _remember() -> void:
	if _history == null or Exchange.parts_of(exchange.url).is_empty():
		return
	var error := _history.add(_filled_in())
	if error != OK:
		push_warning("The request cannot be added to the history: %s cannot be written: %s." % [history_file, error_string(error)])


func _show_recent() -> void:
	var menu := _recent.get_popup()
	menu.clear()
	for request: Dictionary in _history.requests if _history != null else []:
		menu.add_item(History.title_of(request), menu.item_count)
	if menu.item_count == 0:
		menu.add_item("No requests yet")
		menu.set_item_disabled(0, true)
	else:
		menu.add_separator()
		menu.add_item("Clear history", CLEAR_HISTORY)


func _on_recent(id: int) -> void:
	if id == CLEAR_HISTORY:
		_history.clear()
	else:
		fill_in(_history.requests[id])


## Saves the request that is filled in under a name. If that fails, the reason is shown in the dialog and returned.
func save_request(title: String) -> String:
	var request := _filled_in()
	var problem := HttpFile.problem_with(title, request)
	if problem.is_empty():
		var error := HttpFile.new(requests_file).save(title, request)
		if error == ERR_FILE_UNRECOGNIZED:
			problem = "%s is not UTF-8, and saving would damage it. Convert the file first." % requests_file
		elif error != OK:
			problem = "%s cannot be written: %s." % [requests_file, error_string(error)]
	if problem.is_empty():
		_loaded = title.strip_edges()
	return problem


## Fills in a saved request. Returns whether a request of that name exists.
func load_request(title: String) -> bool:
	for request: Dictionary in HttpFile.new(requests_file).requests:
		if request["name"] == title:
			fill_in(request)
			_loaded = title
			return true
	return false


## The names of the saved requests.
func saved_requests() -> PackedStringArray:
	var names := PackedStringArray()
	for request: Dictionary in HttpFile.new(requests_file).requests:
		names.append(request["name"])
	return names


func _show_saved() -> void:
	var menu := _saved.get_popup()
	menu.clear()
	for title: String in saved_requests():
		menu.add_item(title.left(80), menu.item_count)
		menu.set_item_metadata(menu.item_count - 1, title)
	if menu.item_count > 0:
		menu.add_separator()
	menu.add_item("Save…", SAVE_REQUEST)
	menu.add_item("Remove “%s”" % _loaded.left(40), REMOVE_REQUEST)
	menu.set_item_disabled(menu.item_count - 1, not _loaded in saved_requests())


func _on_saved(id: int) -> void:
	match id:
		SAVE_REQUEST:
			_ask_for_name()
		REMOVE_REQUEST:
			HttpFile.new(requests_file).remove(_loaded)
			_loaded = ""
		_:
			load_request(_saved.get_popup().get_item_metadata(_saved.get_popup().get_item_index(id)))


func _ask_for_name() -> void:
	if _name_dialog == null:
		_name_dialog = ConfirmationDialog.new()
		_name_dialog.title = "Save request"
		_name_dialog.ok_button_text = "Save"
		_name_dialog.dialog_hide_on_ok = false
		var rows := VBoxContainer.new()
		_name_dialog.add_child(rows)
		_name = LineEdit.new()
		_name.placeholder_text = "Name"
		_name.custom_minimum_size.x = 300.0
		rows.add_child(_name)
		_name_problem = Controls.wrapped_label(rows)
		_name_dialog.register_text_enter(_name)
		_name_dialog.confirmed.connect(_save_under_name)
		add_child(_name_dialog, false, INTERNAL_MODE_BACK)
	_name.text = _loaded if not _loaded.is_empty() else History.title_of(_filled_in())
	_name_problem.text = "The request is saved in %s, without headers that contain passwords or keys." % requests_file
	_name_dialog.popup_centered()
	_name.grab_focus()
	_name.select_all()


func _save_under_name() -> void:
	var problem := save_request(_name.text)
	_name_problem.text = problem
	if problem.is_empty():
		_name_dialog.hide()


func _add_top() -> void:
	# In a narrow panel the buttons wrap to the next line, and the address stays readable.
	var row := HFlowContainer.new()
	add_child(row)
	_method = OptionButton.new()
	_method.tooltip_text = "Method"
	for index: int in Snippets.METHODS.size():
		# CONNECT is only for proxies.
		if index != HTTPClientRust.METHOD_CONNECT:
			_method.add_item(Snippets.METHODS[index], index)
	row.add_child(_method)
	_url = LineEdit.new()
	_url.placeholder_text = "https://host/path"
	_url.tooltip_text = "URL. Enter sends the request. In the other fields, press Ctrl+Enter."
	_url.size_flags_horizontal = SIZE_EXPAND_FILL
	_url.text_submitted.connect(func(_text: String) -> void: send())
	row.add_child(_url)
	Controls.button(row, "Send", "Sends the request (Ctrl+Enter)").pressed.connect(send)
	_cancel = Controls.button(row, "Cancel", "Cancels the request (Esc)")
	_cancel.disabled = true
	_cancel.pressed.connect(cancel)
	_recent = Controls.menu(row, "Recent", "Earlier requests. Headers that contain passwords or keys are not saved.")
	_recent.about_to_popup.connect(_show_recent)
	_recent.get_popup().id_pressed.connect(_on_recent)
	_saved = Controls.menu(row, "Saved", "Named requests in a .http file, which other editors can also read")
	_saved.about_to_popup.connect(_show_saved)
	_saved.get_popup().id_pressed.connect(_on_saved)
	_copy = Controls.menu(row, "Copy as…", "")
	_copy.get_popup().add_item("Copy as GDScript", COPY_GDSCRIPT)
	_copy.get_popup().add_item("Copy as GDScript with HTTPClientRust", COPY_CLIENT)
	_copy.get_popup().add_item("Copy as curl", COPY_CURL)
	_copy.get_popup().id_pressed.connect(_on_copy)


func _dress_texts() -> void:
	_url.custom_minimum_size.x = get_theme_font_size(&"font_size", &"LineEdit") * ADDRESS_WIDTH
	Colors.dress_texts(_request.texts() + _answer.texts() + [_events.details], self)


func _on_copy(id: int) -> void:
	var request := filled_in()
	match id:
		COPY_GDSCRIPT:
			DisplayServer.clipboard_set(Snippets.as_gdscript(request))
		COPY_CLIENT:
			DisplayServer.clipboard_set(Snippets.as_client_gdscript(request))
		COPY_CURL:
			DisplayServer.clipboard_set(Snippets.as_curl(request))
