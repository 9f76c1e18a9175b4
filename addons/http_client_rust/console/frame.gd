@tool
extends ScrollContainer
## What holds the console in the editor's bottom panel. It leaves room for the script editor above it, which would be pushed out of a
## small window otherwise. What has no room in it is scrolled to.

## Heights at 100 %: of the panel where there is room, of the panel where there is none, and of what stands above and below it.
const WANTED := 300.0
const LEAST := 120.0
const OTHERS := 350.0

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
		var room := get_window().size.y / display_scale - OTHERS
		custom_minimum_size.y = clampf(room, LEAST, WANTED) * display_scale
