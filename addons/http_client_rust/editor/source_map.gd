@tool
extends RefCounted
## The tokens of a GDScript file: where code, strings and comments are, how brackets nest, and where statements and functions
## begin.

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
	## Position in characters.
	var at := 0
	## The opening token of the enclosing bracket; -1 outside of brackets.
	var open := -1
	## Number of commas before it inside of that bracket.
	var commas := 0
	## For a bracket, the token that closes or opens it.
	var close := -1
	## The first token of its statement.
	var statement := 0
	## Indentation of its statement.
	var indent := 0
	## The token of the enclosing function's name; -1 outside of functions.
	var function := -1

var source := ""
## The tokens of the code, without comments and without line breaks inside of brackets.
var tokens: Array[Token] = []
## Ranges of strings and comments.
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


## The tokens of a name where it is used on its own: not in a node path, as a member, or as a key `name = 1`.
func code_uses(word: String) -> PackedInt32Array:
	var found := PackedInt32Array()
	for index: int in tokens.size():
		if tokens[index].kind == Kind.WORD and tokens[index].text == word:
			if not is_path_or_member(index) and not is_key(index):
				found.append(index)
	return found


## Whether the token is part of $Word, %Word, $A/Word or other.Word, which do not refer to the class of that name.
func is_path_or_member(index: int) -> bool:
	return index > 0 and text_of(index - 1) in ["$", "%", "/", "."] and is_beside(index - 1)


## Whether a word is a key of a dictionary in Lua style: {word = 1}.
func is_key(index: int) -> bool:
	return (
		tokens[index].open >= 0 and text_of(tokens[index].open) == "{" and text_of(index + 1) == "="
		and (index - 1 == tokens[index].open or text_of(index - 1) == ","))


## Whether the next token follows without a space.
func is_beside(index: int) -> bool:
	return index + 1 < tokens.size() and tokens[index].at + tokens[index].text.length() == tokens[index + 1].at


## The text of a token; empty for strings, and if there is no such token.
func text_of(index: int) -> String:
	if index < 0 or index >= tokens.size() or tokens[index].kind == Kind.STRING:
		return ""
	return tokens[index].text


## All positions of a word in strings.
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


## The whole line that contains a position.
func line_text(at: int) -> String:
	var start := source.rfind("\n", at - 1) + 1 if at > 0 else 0
	var end := source.find("\n", at)
	return source.substr(start, (end if end >= 0 else source.length()) - start)


func _find_statements() -> void:
	var start := -1
	var indent := 0
	# The enclosing functions: the token of the name, and its indentation.
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


## Whether a character can begin a name. Names are not limited to ASCII.
func _is_letter(character: String) -> bool:
	return character.is_valid_identifier() or character.unicode_at(0) > 0x7f
