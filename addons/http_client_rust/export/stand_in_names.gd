@tool
extends RefCounted
## Replaces the classes of the library with the stand-ins, in the text of a script, a scene or a resource. The functions take
## texts and return texts.

const SourceMap := preload("../editor/source_map.gd")

## The stand-in file of each class.
const FILES := {
	"HTTPClientRust": "client.gd", "HTTPClientRustStream": "stream.gd", "HTTPSessionRust": "session.gd",
	"HTTPTaskRust": "task.gd", "HTTPResponseRust": "response.gd", "HTTPFormRust": "form.gd", "HTTPRequestRust": "request.gd",
}
## The only class that is a node, and the type that replaces it in a scene.
const NODE := "HTTPRequestRust"
const NODE_BASE := "Node"
const RESOURCE_ID := "http_client_rust_stand_in"
## The number of bytes of a binary file that are searched at once.
const PIECE := 1 << 20

## Matches runs of characters: one step for each character would exceed the limit of steps in a mesh that is saved as text.
const STRING := "\"[^\"\\\\]*+(?:\\\\[\\s\\S][^\"\\\\]*+)*+\""
## A line that begins a section of a scene or resource. It also matches strings, so that nothing in a string is taken for a
## section.
const SECTION := (
	"(?m)^\\[(gd_scene|gd_resource|ext_resource|sub_resource|resource|node|connection|editable)\\b"
	+ "(?:[^\"\\n]|" + STRING + ")*\\]\\s*$|" + STRING)


## Returns whether a text contains one of the names anywhere.
static func mentions(text: String) -> bool:
	return FILES.keys().any(func(name: String) -> bool: return text.contains(name))


## Returns the same for a binary scene or resource. The names in a compressed file are not visible, so it may contain any.
static func may_be_in_file(path: String, piece := PIECE) -> bool:
	var file := FileAccess.open(path, FileAccess.READ)
	if file == null or file.get_buffer(4) == "RSCC".to_ascii_buffer():
		return file != null
	var names := FILES.keys().map(func(name: String) -> String: return name.to_ascii_buffer().hex_encode())
	var longest: int = names.reduce(func(most: int, name: String) -> int: return maxi(most, name.length()), 0)
	var end := ""
	while file.get_position() < file.get_length():
		# A name may be split between two pieces.
		var digits := end + file.get_buffer(piece).hex_encode()
		if names.any(func(name: String) -> bool: return digits.contains(name)):
			return true
		end = digits.right(longest)
	return false


## Returns the text of a script with replaced names, or the same text if there is nothing to change. [param folder] is where the
## stand-ins are. No line moves: the constants for the classes are declared after the last line. Their names have a suffix for
## each script, because scripts that extend each other must not declare the same name.
static func in_script(path: String, source: String, folder: String) -> String:
	if not mentions(source):
		return source
	var map := SourceMap.new(source)
	var uses := {}
	for name: String in FILES:
		for index: int in map.code_uses(name):
			uses[index] = name
	var order := uses.keys()
	order.sort()
	var text := ""
	var done := 0
	var declared := {}
	for index: int in order:
		var name: String = uses[index]
		var file := folder.path_join(FILES[name])
		text += source.substr(done, map.tokens[index].at - done)
		# A script cannot extend one of its own constants.
		if map.text_of(index - 1) == "extends":
			text += "\"%s\"" % file
		else:
			text += own_name(name, path)
			declared[name] = file
		done = map.tokens[index].at + name.length()
	text += source.substr(done)
	for name: String in declared:
		text += "\nconst %s = preload(\"%s\")\n" % [own_name(name, path), declared[name]]
	return text


static func own_name(name: String, path: String) -> String:
	return "%s_%08x" % [name, path.hash()]


## Returns the text of a `.tscn` or `.tres` file with another node type, and with replaced names in its built-in scripts.
static func in_scene(path: String, source: String, folder: String) -> String:
	if not mentions(source):
		return source
	var sections: Array[RegExMatch] = RegEx.create_from_string(SECTION).search_all(source).filter(
		func(found: RegExMatch) -> bool: return not found.get_string(1).is_empty())
	var text := ""
	var done := 0
	var is_used := false
	for number: int in sections.size():
		var head := sections[number].get_string()
		var end := sections[number + 1].get_start() if number + 1 < sections.size() else source.length()
		var body := source.substr(sections[number].get_end(), end - sections[number].get_end())
		match sections[number].get_string(1):
			"node" when head.contains(" type=\"%s\"" % NODE):
				head = head.replace(" type=\"%s\"" % NODE, " type=\"%s\"" % NODE_BASE)
				# The node's own script already extends the stand-in.
				if RegEx.create_from_string("(?m)^script = ").search(body) == null:
					body = "\nscript = ExtResource(\"%s\")%s" % [RESOURCE_ID, body]
					is_used = true
			"sub_resource" when head.contains("type=\"GDScript\""):
				body = _in_built_in_script(path + head, body, folder)
		text += source.substr(done, sections[number].get_start() - done) + head + body
		done = end
	text += source.substr(done)
	if is_used:
		var first := sections[0].get_end()
		text = "%s\n\n[ext_resource type=\"Script\" path=\"%s\" id=\"%s\"]%s" % [
			text.left(first), folder.path_join(FILES[NODE]), RESOURCE_ID, text.substr(first)]
	return text


static func _in_built_in_script(path: String, body: String, folder: String) -> String:
	var found := RegEx.create_from_string("(?m)^script/source = (%s)" % STRING).search(body)
	if found == null:
		return body
	var source := str(str_to_var(found.get_string(1)))
	var changed := in_script(path, source, folder)
	if changed == source:
		return body
	var quoted := "\"%s\"" % changed.replace("\\", "\\\\").replace("\"", "\\\"")
	return body.left(found.get_start(1)) + quoted + body.substr(found.get_end(1))
