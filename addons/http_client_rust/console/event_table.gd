@tool
extends VSplitContainer
## Server-sent events: one row for each event, and the whole text of the selected one below.

const BodyText := preload("body_text.gd")
const Exchange := preload("exchange.gd")
const PhaseChart := preload("phase_chart.gd")
const Table := preload("table.gd")

const COLUMNS: PackedStringArray = ["Time", "Type", "Id", "Data"]
const SHOWN_CHARACTERS := 200

## The whole text of the selected event; of the newest if none is selected.
var details: TextEdit

var _table: Table
var _shown := 0


func _init() -> void:
	name = "Events"
	_table = Table.new(COLUMNS)
	_table.size_flags_vertical = SIZE_EXPAND_FILL
	_table.size_flags_stretch_ratio = 2.0
	_table.fit([0, 1, 2])
	_table.item_selected.connect(_show_selected)
	add_child(_table)
	details = TextEdit.new()
	details.editable = false
	details.wrap_mode = TextEdit.LINE_WRAPPING_BOUNDARY
	details.size_flags_vertical = SIZE_EXPAND_FILL
	add_child(details)
	clear()


func clear() -> void:
	_table.clear()
	_table.create_item()
	details.text = ""
	details.placeholder_text = "Events appear here when they arrive. To read them, enable server-sent events in Options."
	_shown = 0


## Adds rows for the events that have come since the last call.
func show_events(exchange: Exchange) -> void:
	var fresh := mini(exchange.event_count - _shown, exchange.events.size())
	if fresh <= 0:
		return
	_shown = exchange.event_count
	for event: Array in exchange.events.slice(exchange.events.size() - fresh):
		var item := _table.add_row([
			PhaseChart.shown_time(event[0]), event[1], event[2], str(event[3]).left(SHOWN_CHARACTERS).replace("\n", " ")])
		item.set_metadata(0, event[3])
	while _table.get_root().get_child_count() > Exchange.KEPT_EVENTS:
		_table.get_root().get_first_child().free()
	if _table.get_selected() == null:
		var last := _table.get_root().get_child(-1)
		_table.scroll_to_item(last)
		details.text = BodyText.shown(last.get_metadata(0))


func _show_selected() -> void:
	details.text = BodyText.shown(_table.get_selected().get_metadata(0))
