@tool
extends RefCounted
## Takes a picture of a viewport. Refuses the picture if it shows nothing.

## A screen with text has at least this many colors, and at least this part of its pixels differs from the most common color.
const FEWEST_COLORS := 24
const LEAST_SHOWN := 0.02
## The distance between the pixels that are checked, in both directions.
const STEP := 3


## Saves the picture. Returns an error message, or an empty string.
static func take(viewport: Viewport, path: String) -> String:
	var image := viewport.get_texture().get_image()
	if image == null or image.is_empty():
		return path + ": there is no picture; is there a display?"
	image.convert(Image.FORMAT_RGB8)
	var counts := {}
	var looked_at := 0
	for y: int in range(0, image.get_height(), STEP):
		for x: int in range(0, image.get_width(), STEP):
			var color := image.get_pixel(x, y).to_rgba32()
			counts[color] = counts.get(color, 0) + 1
			looked_at += 1
	var most: int = counts.values().max()
	if counts.size() < FEWEST_COLORS or looked_at - most < looked_at * LEAST_SHOWN:
		return "%s: the screen is blank (%d colors)" % [path, counts.size()]
	var error := image.save_png(path)
	return "" if error == OK else "%s: %s" % [path, error_string(error)]


## Makes the library read the certificates, so that the duration of a handshake in a picture does not include this. The pictures
## use a different host name, so that they do not resume this TLS session.
static func warm_up(https: String, ca_file: String) -> void:
	var session := HTTPSessionRust.new()
	session.trusted_ca_file = ca_file
	await session.fetch("https://%s/close" % https.replace("localhost", "127.0.0.1")).wait()


## Clicks on a position in a control, like a person.
static func click(control: Control, place: Vector2) -> void:
	var at := control.get_viewport().get_screen_transform() * (control.get_global_transform_with_canvas() * place)
	for pressed: bool in [true, false]:
		var event := InputEventMouseButton.new()
		event.button_index = MOUSE_BUTTON_LEFT
		event.position = at
		event.global_position = at
		event.button_mask = MOUSE_BUTTON_MASK_LEFT if pressed else 0 as MouseButtonMask
		event.pressed = pressed
		Input.parse_input_event(event)


## Clicks on a tab.
static func click_tab(tabs: TabContainer, index: int) -> void:
	var bar := tabs.get_tab_bar()
	bar.ensure_tab_visible(index)
	click(bar, bar.get_tab_rect(index).get_center())


## Presses and releases a key, like a person.
static func press(key: Key, control := false) -> void:
	for pressed: bool in [true, false]:
		var event := InputEventKey.new()
		event.keycode = key
		event.physical_keycode = key
		event.ctrl_pressed = control
		event.pressed = pressed
		Input.parse_input_event(event)
