@tool
extends ScrollContainer
## Contains the console in the editor's bottom panel. It leaves room for the script editor above, which would otherwise be pushed
## out of a small window. The console scrolls if it does not fit.

## Heights at a scale of 100 %: the wanted and the minimum height of the panel, and the height of everything above and below it.
const WANTED := 300.0
const LEAST := 120.0
const OTHERS := 350.0

## The editor's display scale.
var display_scale := 1.0:
	set(value):
		display_scale = value
		_fit()


func _init() -> void:
	horizontal_scroll_mode = SCROLL_MODE_DISABLED


func _enter_tree() -> void:
	get_window().size_changed.connect(_fit)
	_fit()


func _exit_tree() -> void:
	get_window().size_changed.disconnect(_fit)


func _fit() -> void:
	if is_inside_tree():
		var room := get_window().size.y / display_scale - OTHERS
		custom_minimum_size.y = clampf(room, LEAST, WANTED) * display_scale
