@tool
extends Tree
## A list with a title above each column, in which whole rows are selected.


func _init(titles: PackedStringArray) -> void:
	columns = titles.size()
	hide_root = true
	select_mode = SELECT_ROW
	column_titles_visible = true
	for column: int in titles.size():
		set_column_title(column, titles[column])
		set_column_title_alignment(column, HORIZONTAL_ALIGNMENT_LEFT)
	# Names, and what they stand for.
	if titles.size() == 2:
		set_column_expand_ratio(0, 2)
		set_column_expand_ratio(1, 5)
