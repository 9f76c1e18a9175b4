@tool
extends RefCounted
## The text of a scene or resource, with the positions of its node types and its built-in scripts. The rest is not parsed.

## Matches strings and comments as well, so that text inside of them is not taken for a heading.
const PATTERN := (
	"(?m)^\\[node(?:\\s+\\w+=STRING)*?\\s+type=\"(?<type>\\w+)\""
	+ "|^\\[sub_resource(?:\\s+\\w+=(?:STRING|[\\w-]+))*\\s*\\]"
	+ "|^script/source\\s*=\\s*\"(?<source>[^\"\\\\]*+(?:\\\\[\\s\\S][^\"\\\\]*+)*+)\""
	+ "|STRING|;[^\\n]*")
const STRING := "\"[^\"\\\\]*+(?:\\\\[\\s\\S][^\"\\\\]*+)*+(?:\"|\\z)"

var path := ""
var text := ""
## Built-in scripts, by the paths that the engine gives them: "res://scene.tscn::id".
var scripts := {}
## The reason why one of the scripts cannot be changed here; empty if all can.
var problem := ""

## Positions of node types, by class.
var _types := {}
## Range of the quoted source of each script, by path.
var _places := {}


func _init(of_path: String, of_text: String) -> void:
	path = of_path
	text = of_text
	var heading := ""
	for found: RegExMatch in RegEx.create_from_string(PATTERN.replace("STRING", STRING)).search_all(text):
		if not found.get_string("type").is_empty():
			if not _types.has(found.get_string("type")):
				_types[found.get_string("type")] = []
			(_types[found.get_string("type")] as Array).append(found.get_start("type"))
		elif found.get_start("source") >= 0:
			_take_script(heading, found)
		elif found.get_string().begins_with("[sub_resource"):
			heading = found.get_string()


## The positions of node types of a class.
func nodes_of(type: String) -> Array:
	return _types.get(type, [])


## The number of the line at which a built-in script begins in this file, counted from 0.
func line_of_script(script: String) -> int:
	return text.count("\n", 0, (_places[script] as Vector2i).x)


## The text with some scripts replaced, given by path, and with the nodes of one class changed to another class.
func rewritten(sources: Dictionary, type := "", new_type := "") -> String:
	var pieces := {}
	for script: String in sources:
		var place: Vector2i = _places[script]
		pieces[place.x] = [place.y, _quoted(sources[script])]
	for at: int in nodes_of(type):
		pieces[at] = [at + type.length(), new_type]
	var places := pieces.keys()
	places.sort()
	var made := PackedStringArray()
	var done := 0
	for at: int in places:
		made.append(text.substr(done, at - done) + str(pieces[at][1]))
		done = pieces[at][0]
	made.append(text.substr(done))
	return "".join(made)


func _take_script(heading: String, found: RegExMatch) -> void:
	var quoted := found.get_string("source")
	var id := RegEx.create_from_string("\\sid=\"?([^\"\\]\\s]+)").search(heading)
	var source := quoted.replace("\\\"", "\"").replace("\\\\", "\\")
	if id == null or not heading.contains("type=\"GDScript\"") or _quoted(source) != quoted:
		problem = "has a built-in script in a form that the editor does not write"
		return
	var name := path + "::" + id.get_string(1)
	scripts[name] = source
	_places[name] = Vector2i(found.get_start("source"), found.get_end("source"))


static func _quoted(source: String) -> String:
	return source.replace("\\", "\\\\").replace("\"", "\\\"")
