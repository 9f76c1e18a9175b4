@tool
extends RefCounted
## Puts the stand-ins in the place of the library's classes, in the text of a script, a scene or a resource. Texts in, texts out.

const SourceMap := preload("../editor/source_map.gd")

## Which file stands in for which class.
const FILES := {
	"HTTPClientRust": "client.gd", "HTTPClientRustStream": "stream.gd", "HTTPSessionRust": "session.gd",
	"HTTPTaskRust": "task.gd", "HTTPResponseRust": "response.gd", "HTTPFormRust": "form.gd", "HTTPRequestRust": "request.gd",
}
## The only one of them that is a node, and what a scene has in its place.
const NODE := "HTTPRequestRust"
const NODE_BASE := "Node"
const RESOURCE_ID := "http_client_rust_stand_in"
## So many bytes of a binary file are looked through at once.
const PIECE := 1 << 20

## In runs: a step for each character would be more than there may be in a mesh that is written as text.
const STRING := "\"[^\"\\\\]*+(?:\\\\[\\s\\S][^\"\\\\]*+)*+\""
## A line that begins a section of a scene or resource; or a string, so that nothing in it is taken for one.
const SECTION := (
	"(?m)^\\[(gd_scene|gd_resource|ext_resource|sub_resource|resource|node|connection|editable)\\b"
	+ "(?:[^\"\\n]|" + STRING + ")*\\]\\s*$|" + STRING)


## Whether a text has one of the names, anywhere.
static func mentions(text: String) -> bool:
	return FILES.keys().any(func(name: String) -> bool: return text.contains(name))


## The same of a binary scene or resource. One that is compressed does not show its names: it may have any.
static func may_be_in_file(path: String, piece := PIECE) -> bool:
	var file := FileAccess.open(path, FileAccess.READ)
	if file == null or file.get_buffer(4) == "RSCC".to_ascii_buffer():
		return file != null
	var names := FILES.keys().map(func(name: String) -> String: return name.to_ascii_buffer().hex_encode())
	var longest: int = names.reduce(func(most: int, name: String) -> int: return maxi(most, name.length()), 0)
	var end := ""
	while file.get_position() < file.get_length():
		# A name may be in two pieces.
		var digits := end + file.get_buffer(piece).hex_encode()
		if names.any(func(name: String) -> bool: return digits.contains(name)):
			return true
		end = digits.right(longest)
	return false


## The text of a script with other names; [param folder] is where the stand-ins are. The same text if there is nothing to
## change. No line moves: the names that stand for the classes are declared behind the last one. They have a part of their own
## for each script, since scripts that extend each other may not declare the same name.
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
		# A script that extends one of its own constants would not parse.
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


## The text of a `.tscn` or `.tres` with another type of nodes, and other names in the scripts that are built into it.
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
				# Its own script extends the stand-in already.
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
