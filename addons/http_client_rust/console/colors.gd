@tool
extends RefCounted
## Colours with a meaning, made lighter or darker until they are readable on their background.

const GOOD := Color("63c466")
const DOUBTFUL := Color("ffb454")
const BAD := Color("ff7a70")
## The colours of the editor's theme with the same meaning.
const IN_EDITOR := {GOOD: &"success_color", DOUBTFUL: &"warning_color", BAD: &"error_color"}
## WCAG 2.2, 1.4.3: minimum contrast for text of normal size.
const LEAST_CONTRAST := 4.5
const STEPS := 40
## Share of the font colour in the placeholder text of an empty field.
const PLACEHOLDER := 0.75


## One of the colours above, taken from the node's theme and made readable on that theme's panels.
static func readable(color: Color, user: Node) -> Color:
	return against(_in_theme(color, user), background_of(user))


## The same for the rows of a list, where a selected row has a different background.
static func readable_in_rows(color: Color, user: Node) -> Color:
	var background := background_of(user)
	var found := against(_in_theme(color, user), background)
	for name: StringName in [&"selected", &"selected_focus"]:
		var box := user.call(&"get_theme_stylebox", name, &"Tree") as StyleBoxFlat
		if box != null and box.draw_center:
			var on_both := against(found, background.blend(box.bg_color))
			# If the selected row is light and the others are dark, no colour is readable on both.
			if contrast(on_both, background) >= LEAST_CONTRAST:
				found = on_both
	return found


static func _in_theme(color: Color, user: Node) -> Color:
	var name: StringName = IN_EDITOR.get(color, &"")
	if not name.is_empty() and user.call(&"has_theme_color", name, &"Editor"):
		return user.call(&"get_theme_color", name, &"Editor")
	return color


## The background of text: of the theme's backgrounds, the one with the least contrast to the font colour.
static func background_of(user: Node) -> Color:
	var letters: Color = user.call(&"get_theme_color", &"font_color", &"Label")
	var background := Color(0.15, 0.15, 0.15) if luminance(letters) > 0.2 else Color.WHITE
	for place: Array in [[&"panel", &"PanelContainer"], [&"normal", &"TextEdit"], [&"panel", &"TabContainer"], [&"panel", &"Tree"]]:
		var box := user.call(&"get_theme_stylebox", place[0], place[1]) as StyleBoxFlat
		if box == null or box.bg_color.a < 0.5:
			continue
		if contrast(box.bg_color, letters) < contrast(background, letters):
			background = Color(box.bg_color, 1.0)
	return background


## The colour itself, or a lighter or darker one that is readable on the background.
static func against(color: Color, background: Color) -> Color:
	var end := Color.WHITE if contrast(Color.WHITE, background) > contrast(Color.BLACK, background) else Color.BLACK
	for step: int in STEPS:
		var tried := color.lerp(end, float(step) / STEPS)
		if contrast(tried, background) >= LEAST_CONTRAST:
			return tried
	return end


## The contrast ratio, from 1 to 21, as defined by WCAG 2.2.
static func contrast(a: Color, b: Color) -> float:
	var lighter := maxf(luminance(a), luminance(b))
	var darker := minf(luminance(a), luminance(b))
	return (lighter + 0.05) / (darker + 0.05)


static func luminance(color: Color) -> float:
	var linear := color.srgb_to_linear()
	return 0.2126 * linear.r + 0.7152 * linear.g + 0.0722 * linear.b


## The colour of placeholder text.
static func placeholder(user: Node) -> Color:
	var background := background_of(user)
	var letters: Color = user.call(&"get_theme_color", &"font_color", &"TextEdit")
	return against(background.lerp(letters, PLACEHOLDER), background)


## Sets a monospace font and colours in which read-only text is also readable.
static func dress_texts(edits: Array, user: Control) -> void:
	var font: Font = SystemFont.new()
	(font as SystemFont).font_names = ["JetBrains Mono", "DejaVu Sans Mono", "Consolas", "Menlo", "monospace"]
	if user.has_theme_font(&"source", &"EditorFonts"):
		font = user.get_theme_font(&"source", &"EditorFonts")
	for edit: TextEdit in edits:
		edit.add_theme_font_override(&"font", font)
		edit.add_theme_color_override(&"font_readonly_color", user.get_theme_color(&"font_color", &"TextEdit"))
		edit.add_theme_color_override(&"font_placeholder_color", placeholder(user))
