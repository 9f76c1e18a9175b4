@tool
extends RefCounted
## A GDScript as tokens: which characters are code, what stands in which bracket, where statements and functions begin.

enum Kind { WORD, NUMBER, STRING, COMMENT, SIGN, NEWLINE }

const PATTERN := (
	"#[^\\n]*"
	+ "|r?(?:\"\"\"(?:\\\\[\\s\\S]|[^\\\\])*?(?:\"\"\"|\\z)|'''(?:\\\\[\\s\\S]|[^\\\\])*?(?:'''|\\z)"
	+ "|\"(?:\\\\[\\s\\S]|[^\\\\\"])*+(?:\"|\\z)|'(?:\\\\[\\s\\S]|[^\\\\'])*+(?:'|\\z))"
	+ "|[\\p{L}_][\\p{L}\\p{N}_]*|[0-9][\\w.]*"
	+ "|\\n|\\\\\\r?\\n|:=|==|!=|<=|>=|->|\\+=|-=|[^\\s]")

class Token:
	extends RefCounted
	var kind := Kind.SIGN
	var text := ""
	## Characters before it.
	var at := 0
	## The token of the bracket around it; -1 outside of brackets.
	var open := -1
	## Commas before it inside of that bracket.
	var commas := 0
	## For a bracket: the one that closes or opens it.
	var close := -1
	## The first token of its statement.
	var statement := 0
	## How far its statement is indented.
	var indent := 0
	## The token of the name of the function around it; -1 outside of functions.
	var function := -1

var source := ""
## Those of the code. Comments and ends of lines inside of brackets are left out.
var tokens: Array[Token] = []
## Where strings and comments are.
var strings: Array[Vector2i] = []
var comments: Array[Vector2i] = []


func _init(text: String) -> void:
	source = text
	var brackets: Array[int] = []
	var counts: Array[int] = []
	for found: RegExMatch in RegEx.create_from_string(PATTERN).search_all(text):
		var token := Token.new()
		token.text = found.get_string()
		token.at = found.get_start()
		match token.text[0]:
			"#":
				comments.append(Vector2i(token.at, found.get_end()))
				continue
			"\\":
				continue
			"\"", "'":
				token.kind = Kind.STRING
				strings.append(Vector2i(token.at, found.get_end()))
			"\n":
				token.kind = Kind.NEWLINE
				if not brackets.is_empty():
					continue
			"r" when token.text.length() > 1 and token.text[1] in "\"'":
				token.kind = Kind.STRING
				strings.append(Vector2i(token.at, found.get_end()))
			_:
				if token.text[0].is_valid_int():
					token.kind = Kind.NUMBER
				elif _is_letter(token.text[0]):
					token.kind = Kind.WORD
		if token.kind == Kind.SIGN and token.text in ")]}" and not brackets.is_empty():
			token.close = brackets.pop_back()
			tokens[token.close].close = tokens.size()
			counts.pop_back()
		token.open = brackets[-1] if not brackets.is_empty() else -1
		token.commas = counts[-1] if not counts.is_empty() else 0
		if token.kind == Kind.SIGN and token.text in "([{":
			brackets.append(tokens.size())
			counts.append(0)
		elif token.kind == Kind.SIGN and token.text == "," and not counts.is_empty():
			counts[-1] += 1
		tokens.append(token)
	_find_statements()


## The tokens at which a name stands as a word of its own: no part of a path, of another's member or of a key `name = 1`.
func code_uses(word: String) -> PackedInt32Array:
	var found := PackedInt32Array()
	for index: int in tokens.size():
		if tokens[index].kind == Kind.WORD and tokens[index].text == word:
			if not is_path_or_member(index) and not is_key(index):
				found.append(index)
	return found


## $Word, %Word, $A/Word and other.Word are not the class of that name.
func is_path_or_member(index: int) -> bool:
	return index > 0 and text_of(index - 1) in ["$", "%", "/", "."] and is_beside(index - 1)


## Whether a word is a key of a dictionary in Lua's style: {word = 1}.
func is_key(index: int) -> bool:
	return (
		tokens[index].open >= 0 and text_of(tokens[index].open) == "{" and text_of(index + 1) == "="
		and (index - 1 == tokens[index].open or text_of(index - 1) == ","))


## Whether nothing stands between a token and the next one.
func is_beside(index: int) -> bool:
	return index + 1 < tokens.size() and tokens[index].at + tokens[index].text.length() == tokens[index + 1].at


## The text of a token of the code that is no string; empty if there is none.
func text_of(index: int) -> String:
	if index < 0 or index >= tokens.size() or tokens[index].kind == Kind.STRING:
		return ""
	return tokens[index].text


## Everywhere in strings that a word stands.
func in_strings(word: String) -> PackedInt32Array:
	var found := PackedInt32Array()
	for part: Vector2i in strings:
		var at := source.find(word, part.x)
		while at >= 0 and at < part.y:
			if not _is_name(at - 1) and not _is_name(at + word.length()):
				found.append(at)
			at = source.find(word, at + word.length())
	return found


func line_of(at: int) -> int:
	return source.count("\n", 0, at) + 1 if at > 0 else 1


## The line of a position without what is around it.
func line_text(at: int) -> String:
	var start := source.rfind("\n", at - 1) + 1 if at > 0 else 0
	var end := source.find("\n", at)
	return source.substr(start, (end if end >= 0 else source.length()) - start)


func _find_statements() -> void:
	var start := -1
	var indent := 0
	# Names of the functions around, with how far they are indented.
	var around: Array[Vector2i] = []
	for index: int in tokens.size():
		var token := tokens[index]
		if token.kind == Kind.NEWLINE or (token.text == ";" and token.kind == Kind.SIGN and token.open < 0):
			token.statement = start if start >= 0 else index
			start = -1
			continue
		if start < 0:
			start = index
			indent = _indent_at(token.at)
			while not around.is_empty() and around[-1].y >= indent:
				around.pop_back()
		token.statement = start
		token.indent = indent
		token.function = around[-1].x if not around.is_empty() else -1
		if token.kind == Kind.WORD and token.open < 0 and text_of(index - 1) == "func" and text_of(index + 1) == "(":
			around.append(Vector2i(index, indent))
			token.function = index


func _indent_at(at: int) -> int:
	var line := source.rfind("\n", at) + 1
	var count := 0
	while source[line + count] in " \t":
		count += 1
	return count


func _is_name(at: int) -> bool:
	if at < 0 or at >= source.length():
		return false
	return _is_letter(source[at]) or source[at].is_valid_int()


## No digit, but a part of a name: more than ASCII can be.
func _is_letter(character: String) -> bool:
	return character.is_valid_identifier() or character.unicode_at(0) > 0x7f
