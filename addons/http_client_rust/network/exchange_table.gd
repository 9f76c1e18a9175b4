@tool
extends "../console/table.gd"
## The list of exchanges, one row for each. The last column is the waterfall: the phases of all exchanges on one time scale.

const Recorded := preload("recorded.gd")
const ExchangeList := preload("exchange_list.gd")
const Filter := preload("filter.gd")
const PhaseChart := preload("../console/phase_chart.gd")
const Colors := preload("../console/colors.gd")

enum Column { METHOD, URL, STATUS, TYPE, SIZE, TIME, WATERFALL }
const TITLES: PackedStringArray = ["Method", "URL", "Status", "Type", "Size", "Time", "Waterfall"]
## The longest texts that have to fit. Columns that may stretch have none.
const WIDEST: PackedStringArray = ["OPTIONS", "", "404 ✕", "event-stream", "999.9 KiB", "999.9 ms", ""]
const STRETCH: PackedInt32Array = [0, 3, 0, 0, 0, 0, 2]
## This number of columns is always shown, even in a narrow panel.
const FEWEST_COLUMNS := 3
## As a part of the height of a row.
const BAR := 0.55
const NARROWEST := 2.0
## In characters. A "data:" URL can have megabytes.
const LONGEST_URL := 500

## Emitted when another row is selected.
signal chosen(exchange: Recorded)

var filter := Filter.new()
## Number of rows written so far, for tests.
var rows_written := 0

var _list: ExchangeList
var _rows := {}
var _shown := 0
## The colours of errors, made readable in this theme.
var _readable := {}


func _init() -> void:
	super(TITLES)
	tooltip_text = "Ctrl+C copies the URL"
	size_flags_horizontal = SIZE_EXPAND_FILL
	size_flags_vertical = SIZE_EXPAND_FILL
	_dress_columns()
	create_item()
	item_selected.connect(func() -> void: chosen.emit(selected()))


## Sets the list to show.
func show_list(list: ExchangeList) -> void:
	_list = list
	list.added.connect(_add)
	list.changed.connect(_change)
	list.removed.connect(_remove)
	list.cleared.connect(_clear)


## Shows only the exchanges that match the filter.
func apply_filter() -> void:
	_shown = 0
	for exchange: Recorded in _rows:
		_show_if_wanted(_rows[exchange], exchange, false)


## The selected exchange; null if there is none.
func selected() -> Recorded:
	var item := get_selected()
	return item.get_metadata(0) if item != null else null


## The URL of the selected exchange, for Ctrl+C.
func row_text() -> String:
	return selected().url() if selected() != null else ""


func select_exchange(exchange: Recorded) -> void:
	var item: TreeItem = _rows.get(exchange)
	if item != null and item.visible:
		item.select(0)
		scroll_to_item(item)


func shown_count() -> int:
	return _shown


func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED:
		_readable.clear()
		_fit_columns()
		for exchange: Recorded in _rows:
			_color(_rows[exchange], exchange)
	elif what == NOTIFICATION_RESIZED:
		_fit_columns()


func _dress_columns() -> void:
	for column: int in columns:
		set_column_title(column, TITLES[column])
		set_column_title_alignment(column, HORIZONTAL_ALIGNMENT_LEFT)
		set_column_expand(column, STRETCH[column] > 0)
		set_column_clip_content(column, true)
		if STRETCH[column] > 0:
			set_column_expand_ratio(column, STRETCH[column])


## Hides the last columns if there is no room for them. Users would not find columns that they have to scroll to.
func _fit_columns() -> void:
	if size.x <= 0.0:
		return
	var font := get_theme_font(&"font", &"Tree")
	var font_size := get_theme_font_size(&"font_size", &"Tree")
	var widths := PackedInt32Array()
	# The margin is for the edges and the scroll bar.
	var left := size.x - font_size * 1.5
	var fitting := 0
	for column: int in TITLES.size():
		var text := WIDEST[column] if not WIDEST[column].is_empty() else "https://host/path"
		widths.append(ceili(font.get_string_size(text, HORIZONTAL_ALIGNMENT_LEFT, -1.0, font_size).x + font_size))
		left -= widths[column]
		fitting += int(left >= 0.0)
	var count := maxi(fitting, FEWEST_COLUMNS)
	if count != columns:
		_show_columns(count)
	for column: int in columns:
		set_column_custom_minimum_width(column, widths[column] if fitting >= FEWEST_COLUMNS or column != Column.URL else 1)


func _show_columns(count: int) -> void:
	columns = count
	_dress_columns()
	for exchange: Recorded in _rows:
		var item: TreeItem = _rows[exchange]
		_dress_row(item)
		_write(item, exchange)


func _dress_row(item: TreeItem) -> void:
	if columns > Column.WATERFALL:
		item.set_cell_mode(Column.WATERFALL, TreeItem.CELL_MODE_CUSTOM)
		item.set_custom_draw_callback(Column.WATERFALL, _draw_waterfall)
	for column: Column in [Column.SIZE, Column.TIME]:
		if column < columns:
			item.set_text_alignment(column, HORIZONTAL_ALIGNMENT_RIGHT)


func _add(exchange: Recorded) -> void:
	var item := create_item(get_root())
	item.set_metadata(0, exchange)
	_dress_row(item)
	_rows[exchange] = item
	_shown += 1
	_write(item, exchange)
	_show_if_wanted(item, exchange, true)


func _change(exchange: Recorded) -> void:
	var item: TreeItem = _rows.get(exchange)
	if item == null:
		return
	var was_shown := item.visible
	_write(item, exchange)
	_show_if_wanted(item, exchange, was_shown)


func _remove(exchange: Recorded) -> void:
	var item: TreeItem = _rows.get(exchange)
	if item == null:
		return
	_shown -= int(item.visible)
	_rows.erase(exchange)
	item.free()


func _clear() -> void:
	_rows.clear()
	_shown = 0
	clear()
	create_item()


func _show_if_wanted(item: TreeItem, exchange: Recorded, was_counted: bool) -> void:
	var is_wanted := filter.matches(exchange)
	_shown += int(is_wanted) - int(was_counted)
	if item.visible != is_wanted:
		item.visible = is_wanted


func _write(item: TreeItem, exchange: Recorded) -> void:
	rows_written += 1
	var usec := exchange.duration()
	var texts: PackedStringArray = [
		exchange.method if not exchange.method.is_empty() else "—", exchange.place().left(LONGEST_URL), exchange.status_text(),
		exchange.type().get_slice("/", 1) if exchange.type().contains("/") else exchange.type(), exchange.size_text(), PhaseChart.shown_time(usec) if usec > 0 or exchange.is_over else ""]
	for column: int in mini(texts.size(), columns):
		var text := texts[column].left(LONGEST_URL)
		if item.get_text(column) != text:
			item.set_text(column, text)
	item.set_tooltip_text(Column.URL, exchange.url().left(LONGEST_URL))
	item.set_tooltip_text(Column.STATUS, (exchange.error if not exchange.error.is_empty() else exchange.reason).left(LONGEST_TEXT))
	if columns > Column.TYPE:
		item.set_tooltip_text(Column.TYPE, exchange.type().left(LONGEST_TEXT))
	if columns > Column.WATERFALL:
		item.set_tooltip_text(Column.WATERFALL, _phases_of(exchange))
	_color(item, exchange)


func _color(item: TreeItem, exchange: Recorded) -> void:
	if exchange.is_error():
		var color := Colors.BAD if exchange.status < 400 or exchange.status >= 500 else Colors.DOUBTFUL
		if not _readable.has(color):
			_readable[color] = Colors.readable_in_rows(color, self)
		item.set_custom_color(Column.STATUS, _readable[color])
	else:
		item.clear_custom_color(Column.STATUS)


## A text such as "Connect 1.2 ms, Wait 30.0 ms".
func _phases_of(exchange: Recorded) -> String:
	var parts := PackedStringArray()
	for span: Vector3i in exchange.spans():
		parts.append("%s %s" % [PhaseChart.PHASES[span.x], PhaseChart.shown_time(span.z - span.y)])
	return ", ".join(parts)


func _draw_waterfall(item: TreeItem, place: Rect2) -> void:
	var exchange: Recorded = item.get_metadata(0)
	if exchange == null or _list == null:
		return
	var bar := Rect2(place.position + Vector2(0.0, place.size.y * (1.0 - BAR) / 2.0), Vector2(0.0, place.size.y * BAR))
	for piece: Vector3 in pieces(exchange, place.size.x):
		bar.position.x = place.position.x + piece.y
		bar.size.x = piece.z
		draw_rect(bar, PhaseChart.COLORS[int(piece.x)] if piece.x >= 0.0 else Color(get_theme_color(&"font_color", &"Tree"), 0.35))


## The bars of an exchange in a waterfall of the given width: phase, left edge and width of each. The running part has phase -1
## and ends at the last known moment of all exchanges.
func pieces(exchange: Recorded, width: float) -> Array[Vector3]:
	var found: Array[Vector3] = []
	var whole := maxf(_list.last_usec - _list.first_usec, 1.0)
	for span: Vector3i in exchange.spans():
		var left := (exchange.began - _list.first_usec + span.y) / whole * width
		var right := (exchange.began - _list.first_usec + span.z) / whole * width
		found.append(Vector3(span.x, minf(left, width - NARROWEST), maxf(right - left, NARROWEST)))
	if not exchange.is_over:
		var from := (exchange.last_known() - _list.first_usec) / whole * width
		found.append(Vector3(-1.0, minf(from, width - NARROWEST), maxf(width - from, NARROWEST)))
	return found
