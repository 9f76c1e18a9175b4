@tool
extends RefCounted
## Which characters of a GDScript are code, and which stand in comments and strings.

const CODE := 0
const COMMENT := 1
const STRING := 2

## One of the above for each character.
var kinds := PackedByteArray()
var source := ""


func _init(text: String) -> void:
	source = text
	kinds.resize(text.length())
	var at := 0
	while at < text.length():
		var from := at
		var kind := CODE
		match text[at]:
			"#":
				kind = COMMENT
				at = _find_or_end("\n", at)
			"\"", "'":
				kind = STRING
				at = _end_of_string(at)
			_:
				at += 1
		for index: int in range(from, at):
			kinds[index] = kind


## Where a name stands in the code, as a word of its own and not as a part of a path or another's member.
func code_uses(word: String) -> PackedInt32Array:
	var found := PackedInt32Array()
	for at: int in positions(word):
		if kinds[at] == CODE and not is_path_or_member(at):
			found.append(at)
	return found


## Everywhere that a word stands, in code or not.
func positions(word: String) -> PackedInt32Array:
	var found := PackedInt32Array()
	var at := source.find(word)
	while at >= 0:
		if not _is_name(at - 1) and not _is_name(at + word.length()):
			found.append(at)
		at = source.find(word, at + word.length())
	return found


## $Word, %Word, $A/Word and other.Word are not the class of that name.
func is_path_or_member(at: int) -> bool:
	return at > 0 and source[at - 1] in "$%/." and kinds[at - 1] == CODE


func line_of(at: int) -> int:
	return source.count("\n", 0, at) + 1 if at > 0 else 1


## The position of the bracket that is open here; -1 if there is none.
func open_bracket(at: int) -> int:
	var depth := 0
	for index: int in range(at - 1, -1, -1):
		if kinds[index] != CODE:
			continue
		if source[index] in ")]}":
			depth += 1
		elif source[index] in "([{":
			if depth == 0:
				return index
			depth -= 1
	return -1


## How many commas stand between an open bracket and a position, those of inner brackets left out.
func commas_between(bracket: int, at: int) -> int:
	var depth := 0
	var count := 0
	for index: int in range(bracket + 1, at):
		if kinds[index] != CODE:
			continue
		if source[index] in "([{":
			depth += 1
		elif source[index] in ")]}":
			depth -= 1
		elif source[index] == "," and depth == 0:
			count += 1
	return count


## The word that ends before a position.
func word_before(at: int) -> String:
	var start := at
	while start > 0 and _is_name(start - 1):
		start -= 1
	return source.substr(start, at - start)


func _end_of_string(start: int) -> int:
	var quote := source[start]
	var is_raw := start > 0 and source[start - 1] == "r" and not _is_name(start - 2)
	var closing := quote.repeat(3) if source.substr(start, 3) == quote.repeat(3) else quote
	var at := start + closing.length()
	while at < source.length():
		if source[at] == "\\":
			# In a raw string too, a backslash keeps the quote behind it from ending the string.
			at += 2 if not is_raw or source.substr(at + 1, 1) == quote else 1
		elif source.substr(at, closing.length()) == closing:
			return at + closing.length()
		else:
			at += 1
	return source.length()


func _find_or_end(what: String, from: int) -> int:
	var at := source.find(what, from)
	return at if at >= 0 else source.length()


func _is_name(at: int) -> bool:
	if at < 0 or at >= source.length():
		return false
	var character := source[at]
	return character == "_" or character.is_valid_int() or character.to_lower() != character.to_upper()
