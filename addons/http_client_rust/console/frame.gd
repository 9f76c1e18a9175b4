@tool
extends ScrollContainer
## What holds the console in the editor's bottom panel. It is as high as the console needs, but takes no more than a part of the window:
## the rest is scrolled to. A panel that was higher would push the script editor out of a small window.

## At 100 %.
const WANTED_HEIGHT := 300.0
## Of the window.
const LARGEST_PART := 0.3

## The editor's.
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
		custom_minimum_size.y = minf(WANTED_HEIGHT * display_scale, LARGEST_PART * get_window().size.y)
