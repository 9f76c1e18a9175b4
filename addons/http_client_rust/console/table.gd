@tool
extends Tree
## A list with column titles, in which whole rows are selected. Ctrl+C copies the selected row.

## In a column that is as wide as its texts, longer texts would push out the other columns.
const WIDEST_FITTED := 40
## Rows and tooltips with longer texts would slow down the editor. A server can send headers of any length.
const LONGEST_TEXT := 1000
const TEXTS := &"texts"

var _fitted := PackedInt32Array()


func _init(titles: PackedStringArray) -> void:
	columns = titles.size()
	hide_root = true
	# There is nothing to fold, and the texts are aligned with the column titles.
	hide_folding = true
	select_mode = SELECT_ROW
	column_titles_visible = true
	tooltip_text = "Ctrl+C copies a row"
	for column: int in titles.size():
		set_column_title(column, titles[column])
		set_column_title_alignment(column, HORIZONTAL_ALIGNMENT_LEFT)
	# Two columns are a name and its value.
	if titles.size() == 2:
		set_column_expand_ratio(0, 2)
		set_column_expand_ratio(1, 5)


## Makes these columns as wide as their texts. The others share the rest.
func fit(fitted: PackedInt32Array) -> void:
	_fitted = fitted
	for column: int in columns:
		set_column_expand(column, not _fitted.has(column))


## Adds a row at the end. The tooltip of each cell has the text that may be cut off in the cell.
func add_row(texts: PackedStringArray) -> TreeItem:
	var item := create_item(get_root() if get_root() != null else create_item())
	for column: int in texts.size():
		item.set_text(column, texts[column].left(WIDEST_FITTED if _fitted.has(column) else LONGEST_TEXT))
		if _fitted.has(column):
			# The width of a text that may be trimmed does not count for its column.
			item.set_text_overrun_behavior(column, TextServer.OVERRUN_NO_TRIMMING)
		item.set_tooltip_text(column, texts[column].left(LONGEST_TEXT))
	item.set_meta(TEXTS, texts)
	return item


## The selected row as text, such as "Content-Type: text/plain". If there are more than two columns, they are separated by tabs.
## Empty if no row is selected.
func row_text() -> String:
	var item := get_selected()
	if item == null or not item.has_meta(TEXTS):
		return ""
	var texts := PackedStringArray()
	for text: String in PackedStringArray(item.get_meta(TEXTS)):
		texts.append(text.strip_edges())
	return (": " if columns == 2 else "\t").join(texts)


func _gui_input(event: InputEvent) -> void:
	var key := event as InputEventKey
	if key != null and key.pressed and key.keycode == KEY_C and key.is_command_or_control_pressed():
		# Without a selected row, the clipboard keeps its content.
		if not row_text().is_empty():
			DisplayServer.clipboard_set(row_text())
		accept_event()
