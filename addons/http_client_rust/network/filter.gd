@tool
extends RefCounted
## Selects the exchanges that are shown.

const Recorded := preload("recorded.gd")
const ALL := "All"
const ERRORS := "Errors"

## Words that must occur in method, URL, status or type, in upper or lower case.
var text := ""
## [constant ALL], [constant ERRORS], or one of Recorded.KINDS.
var kind := ALL


## All choices, in the order in which they are shown.
static func kinds() -> PackedStringArray:
	var names := PackedStringArray([ALL])
	names.append_array(Recorded.KINDS)
	names.append(ERRORS)
	return names


func matches(exchange: Recorded) -> bool:
	if kind == ERRORS and not exchange.is_error():
		return false
	if kind in Recorded.KINDS and exchange.kind() != kind:
		return false
	if text.strip_edges().is_empty():
		return true
	for word: String in text.split(" ", false):
		if not exchange.words().containsn(word):
			return false
	return true
