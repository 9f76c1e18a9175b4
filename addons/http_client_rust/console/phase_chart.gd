@tool
extends Control
## The phases of an exchange as bars in a row. The width of a bar is proportional to its duration.

const PHASES: Array[String] = ["Resolve", "Connect", "TLS", "Send", "Wait", "Body"]
## Light and dark colours alternate, so that people with colour blindness can tell them apart.
const COLORS: Array[Color] = [
	Color("7aa6ff"), Color("3f6fd8"), Color("b58bff"), Color("38b2a3"), Color("ffb454"), Color("63c466")]
const NARROWEST := 3.0
## In parts of the font size.
const SQUARE := 0.6
const GAP := 0.9
const SMALLEST_LEGEND := 0.8
const LARGEST_LEGEND := 0.95

var _usec: Array[int] = []


## Shows the result of get_timings(). For a running exchange, also pass the current phase and its duration so far.
func show_timings(timings: Dictionary, running := -1, running_usec := 0) -> void:
	_usec = shown(durations(timings, running, running_usec))
	update_minimum_size()
	queue_redraw()


## The durations that the chart shows. A phase of 0 microseconds is hidden, unless all of them are 0.
static func shown(usec: Array[int]) -> Array[int]:
	if usec.max() <= 0:
		return usec
	return Array(usec.map(func(of_phase: int) -> int: return of_phase if of_phase > 0 else -1), TYPE_INT, &"", null)


## The duration of each of [constant PHASES] in microseconds; -1 for a phase that did not happen. The running phase lasts until
## now.
static func durations(timings: Dictionary, running := -1, running_usec := 0) -> Array[int]:
	var of := func(key: String) -> int: return timings.get(key, -1)
	var between := func(from: int, to: int) -> int: return maxi(to - maxi(from, 0), 0) if to >= 0 else -1
	var answered: bool = of.call("first_byte") >= 0
	var found: Array[int] = [
		of.call("dns"), of.call("connect"), of.call("tls"), of.call("send"),
		between.call(of.call("send"), of.call("first_byte")),
		between.call(of.call("first_byte"), of.call("total")) if answered else -1,
	]
	if running >= 0 and found[running] < 0:
		found[running] = running_usec
	return found


static func shown_time(usec: int) -> String:
	if usec < 1000:
		return "%d µs" % usec
	if usec < 1_000_000:
		return "%.1f ms" % (usec / 1000.0)
	return "%.2f s" % (usec / 1_000_000.0)


func _get_minimum_size() -> Vector2:
	return Vector2(0.0, _row_height() * (1.0 + _legend_lines()) + 4.0)


func _notification(what: int) -> void:
	if what == NOTIFICATION_THEME_CHANGED or what == NOTIFICATION_RESIZED:
		update_minimum_size()


func _draw() -> void:
	var font := get_theme_font(&"font", &"Label")
	var font_size := get_theme_font_size(&"font_size", &"Label")
	var text_color := get_theme_color(&"font_color", &"Label")
	var bar := Rect2(0.0, 2.0, size.x, _row_height() * 0.8)
	draw_rect(bar, Color(text_color, 0.1))
	var total := 0.0
	var happened := 0
	for usec: int in _usec:
		total += maxi(usec, 0)
		happened += int(usec >= 0)
	var baseline := _row_height() + 4.0 + font.get_ascent(font_size)
	if happened == 0:
		draw_string(font, Vector2(0.0, baseline), "The phases of the request appear here.",
			HORIZONTAL_ALIGNMENT_LEFT, size.x, font_size, text_color)
		return
	var left := 0.0
	var free := maxf(size.x - NARROWEST * happened, 0.0)
	for index: int in _usec.size():
		if _usec[index] >= 0:
			var width := NARROWEST + free * _usec[index] / maxf(total, 1.0)
			draw_rect(Rect2(left, bar.position.y, width, bar.size.y), COLORS[index])
			left += width
	_draw_legend(font, font_size, text_color, baseline)


## Draws the legend. A narrow chart gets smaller letters, an even narrower one more lines, so that all phases are named.
func _draw_legend(font: Font, font_size: int, text_color: Color, baseline: float) -> void:
	var fitting := _legend_size(font, font_size)
	var place := Vector2(0.0, baseline)
	for index: int in _usec.size():
		if _usec[index] < 0:
			continue
		var width := _entry_width(index, font, fitting)
		if place.x > 0.0 and place.x + width > size.x:
			place = Vector2(0.0, place.y + _row_height())
		var square := fitting * SQUARE
		draw_rect(Rect2(place.x, place.y - square, square, square), COLORS[index])
		var left := place + Vector2(square + fitting * GAP * 0.5, 0.0)
		draw_string(font, left, _legend_of(index), HORIZONTAL_ALIGNMENT_LEFT, -1.0, fitting, text_color)
		place.x += width + fitting * GAP


func _legend_lines() -> int:
	var font := get_theme_font(&"font", &"Label")
	var fitting := _legend_size(font, get_theme_font_size(&"font_size", &"Label"))
	var lines := 1
	var left := 0.0
	for index: int in _usec.size():
		if _usec[index] < 0:
			continue
		var width := _entry_width(index, font, fitting)
		if left > 0.0 and left + width > size.x and size.x > 0.0:
			lines += 1
			left = 0.0
		left += width + fitting * GAP
	return lines


## The font size of the legend.
func _legend_size(font: Font, font_size: int) -> int:
	var wanted := 0.0
	for index: int in _usec.size():
		if _usec[index] >= 0:
			wanted += _entry_width(index, font, font_size) + font_size * GAP
	return maxi(int(font_size * clampf(size.x / maxf(wanted, 1.0), SMALLEST_LEGEND, LARGEST_LEGEND)), 1)


func _entry_width(index: int, font: Font, font_size: int) -> float:
	return font.get_string_size(_legend_of(index), HORIZONTAL_ALIGNMENT_LEFT, -1.0, font_size).x + font_size * (SQUARE + GAP * 0.5)


func _legend_of(index: int) -> String:
	return "%s %s" % [PHASES[index], shown_time(_usec[index])]


func _row_height() -> float:
	return get_theme_font(&"font", &"Label").get_height(get_theme_font_size(&"font_size", &"Label"))
