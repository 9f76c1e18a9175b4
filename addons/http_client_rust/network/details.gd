@tool
extends VBoxContainer
## Shows the details of one exchange: the console's view of the response, the request, and the redirects and attempts of its
## task.

const Recorded := preload("recorded.gd")
const ExchangeList := preload("exchange_list.gd")
const AnswerView := preload("../console/answer_view.gd")
const BodyText := preload("../console/body_text.gd")
const Controls := preload("../console/controls.gd")
const PhaseChart := preload("../console/phase_chart.gd")
const Table := preload("../console/table.gd")

## Emitted when another exchange of the same task is chosen.
signal chosen(exchange: Recorded)
## Emitted when the user follows a redirect that the game did not follow. The keys are those of the console's fill_in().
signal followed(request: Dictionary)

var _exchange: Recorded
var _list: ExchangeList
var _answer: AnswerView
var _note: Label
var _request_headers: Table
var _request_body: TextEdit
var _way: Table


func _init() -> void:
	size_flags_horizontal = SIZE_EXPAND_FILL
	size_flags_vertical = SIZE_EXPAND_FILL
	_answer = AnswerView.new()
	_answer.size_flags_vertical = SIZE_EXPAND_FILL
	_answer.redirected.connect(_on_redirected)
	var scroll := ScrollContainer.new()
	scroll.horizontal_scroll_mode = ScrollContainer.SCROLL_MODE_DISABLED
	scroll.size_flags_vertical = SIZE_EXPAND_FILL
	scroll.add_child(_answer)
	add_child(scroll)
	_note = Controls.wrapped_label(self)
	_answer.add_tab(_request_tab())
	_way = Table.new(["Request", "Response", "Connection"])
	_way.name = "Redirects"
	_way.tooltip_text = "Redirects and attempts of the same task, in order"
	_way.item_activated.connect(_on_way_activated)
	_answer.add_tab(_way)
	show_nothing()


## Shows a hint while no exchange is selected.
func show_nothing() -> void:
	_exchange = null
	_answer.clear(null)
	_answer.say("Select a request in the list.")
	_note.visible = false
	_request_headers.clear()
	_request_body.text = ""
	_way.clear()


## Shows the known parts of an exchange in a list.
func show_exchange(exchange: Recorded, list: ExchangeList) -> void:
	_exchange = exchange
	_list = list
	var shown := exchange.as_console_exchange()
	_answer.clear(shown)
	_answer.show_end()
	_answer.say_of_body(exchange.unpacked().note if exchange.is_over else "")
	if not exchange.is_over:
		_answer.say("%s — %s…" % [exchange.status_text(), exchange.phase] if exchange.status != 0 else exchange.phase + "…")
	_show_request()
	_show_way(list)
	_note.text = _note_text()
	_note.visible = not _note.text.is_empty()


func shown_exchange() -> Recorded:
	return _exchange


func status_text() -> String:
	return _answer.status_text()


func body_text() -> String:
	return _answer.body_text()


func texts() -> Array[TextEdit]:
	var all := _answer.texts()
	all.append(_request_body)
	return all


func _show_request() -> void:
	_request_headers.clear()
	_request_headers.add_row([_exchange.method, _exchange.url()])
	for line: String in _exchange.request_headers:
		_request_headers.add_row([line.get_slice(":", 0), line.substr(line.find(":") + 1).strip_edges()])
	var body := _exchange.request_body
	_request_body.visible = not body.is_empty()
	var view := BodyText.best_view(_exchange.request_header("Content-Type"), body)
	match view:
		"json":
			_request_body.text = BodyText.pretty_json(body, _exchange.bytes_sent <= body.size())
		"text":
			_request_body.text = BodyText.text(body)
		_:
			_request_body.text = BodyText.hex(body)


## Lists the exchanges of the same task, with this one marked.
func _show_way(list: ExchangeList) -> void:
	_way.clear()
	for exchange: Recorded in list.of_same_task(_exchange):
		var came := exchange.status_text()
		if not exchange.redirect_address().is_empty():
			came += " → " + exchange.redirect_address()
		elif not exchange.error.is_empty():
			came = exchange.error
		var asked := "%s%s %s" % ["▶ " if exchange == _exchange else "", exchange.method, exchange.url()]
		var item := _way.add_row([asked.strip_edges(), came, _connection_of(exchange)])
		item.set_metadata(0, exchange)


## A text such as "2, kept, 127.0.0.1:80 through proxy:3128".
func _connection_of(exchange: Recorded) -> String:
	if not exchange.store.is_empty():
		return exchange.store_text()
	var text := "%d, %s" % [exchange.connection, "kept" if exchange.is_on_kept else "new"]
	if not exchange.peer.is_empty():
		text += ", " + exchange.peer
	return text + (" through " + exchange.proxy if not exchange.proxy.is_empty() else "")


func _note_text() -> String:
	if _exchange.left_out > 0:
		return "The editor was too slow: %s of headers and bodies are missing." % String.humanize_size(_exchange.left_out)
	if not _exchange.is_body_whole() and _exchange.is_over:
		return "The body has %s. Only the first %s are shown." % [
			String.humanize_size(_exchange.bytes_received), String.humanize_size(_exchange.response_body.size())]
	if not _exchange.store.is_empty():
		return "This exchange comes from the %s. Nothing was sent over the network." % _exchange.store
	return ""


func _on_way_activated() -> void:
	var item := _way.get_selected()
	if item != null and item.get_metadata(0) != null:
		chosen.emit(item.get_metadata(0))


## Shows the exchange that followed the redirect. If the game did not follow it, the console does.
func _on_redirected() -> void:
	var way := _list.of_same_task(_exchange)
	var next := way.find(_exchange) + 1
	if next < way.size():
		chosen.emit(way[next])
	else:
		followed.emit(_exchange.as_console_exchange().redirected(_exchange.as_request()))


func _request_tab() -> Control:
	var split := VSplitContainer.new()
	split.name = "Request"
	_request_headers = Table.new(["Name", "Value"])
	_request_headers.size_flags_vertical = SIZE_EXPAND_FILL
	split.add_child(_request_headers)
	_request_body = TextEdit.new()
	_request_body.editable = false
	_request_body.wrap_mode = TextEdit.LINE_WRAPPING_BOUNDARY
	_request_body.size_flags_vertical = SIZE_EXPAND_FILL
	split.add_child(_request_body)
	return split
