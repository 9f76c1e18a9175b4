@tool
extends RefCounted
## Which exchanges are shown.

const Recorded := preload("recorded.gd")
const ALL := "All"
const ERRORS := "Errors"

## Words that have to stand in method, URL, status or type; upper and lower case count as the same.
var text := ""
## [constant ALL], [constant ERRORS], or one of Recorded.KINDS.
var kind := ALL


## What can be chosen, in the order in which it is shown.
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
