@tool
extends RefCounted
## Writes JSON that every program can read. The engine writes a vertical tab as [code]\v[/code], which JSON does not have and the
## engine itself cannot read, and most other control characters without an escape.

## An even number of backslashes before the escape stands for backslashes.
static var _tab := RegEx.create_from_string("(?<!\\\\)((?:\\\\\\\\)*+)\\\\v")
static var _control := RegEx.create_from_string("[\\x01-\\x07\\x0e-\\x1f]")


## Takes the arguments of JSON.stringify().
static func stringify(value: Variant, indent := "", sort_keys := true, full_precision := false) -> String:
	var text := JSON.stringify(value, indent, sort_keys, full_precision)
	text = _tab.sub(text, "$1\\u000b", true) if text.contains("\\v") else text
	var control := _control.search(text)
	while control != null:
		text = text.replace(control.get_string(), "\\u%04x" % control.get_string().unicode_at(0))
		control = _control.search(text, control.get_start())
	return text
