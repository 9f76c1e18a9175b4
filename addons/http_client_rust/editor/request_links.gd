@tool
extends RefCounted
## Finds the files that have to move together from HTTPRequest to HTTPRequestRust. A node of one class cannot be assigned to a
## variable of the other class, and the engine reports that only when the game runs. To find the files that may pass such nodes
## to each other, it looks at which files name which.

const SourceMap := preload("source_map.gd")

const NODE := "HTTPRequest"
## With these, a script can reach nodes in scenes that it does not name.
const REACHING: PackedStringArray = [
	"get_tree", "get_parent", "get_viewport", "get_window", "owner", "find_parent", "find_child", "find_children", "get_children",
	"get_child", "instance_from_id", "get_meta", "current_scene"]

class File:
	extends RefCounted
	var path := ""
	var text := ""
	## Names of the file other than its path: its class, its autoload, its UID.
	var names := PackedStringArray()
	## Whether the file creates such nodes, or has them in its scene.
	var gives := false
	## Whether the file declares this type for a value that may come from elsewhere.
	var takes := false
	## Whether the nodes that it takes may come from any scene.
	var reaches := false
	## The words of the statements in which the file takes such a node.
	var words_of_taking := {}

	func is_scene() -> bool:
		return path.get_extension().to_lower() in ["tscn", "scn", "tres", "res"]

	func is_concerned() -> bool:
		return gives or takes

	## Whether the file takes a node from a script that only stores or passes it: `var node: HTTPRequest = Net.request`, or a
	## function that is connected to a signal of that script.
	func takes_out_of(other: File) -> bool:
		if not takes:
			return false
		for name: String in other.names:
			if words_of_taking.has(name):
				return true
			if text.contains(name + ".") and RegEx.create_from_string("\\b%s\\.\\w+\\.connect\\b" % name).search(text) != null:
				return true
		return false

	func names_file(other: File) -> bool:
		if text.contains(other.path.get_file()):
			return true
		for name: String in other.names:
			if text.contains(name) and RegEx.create_from_string("\\b%s\\b" % name).search(text) != null:
				return true
		return false

var _parents := {}


## Records how a script uses such nodes.
static func look_into(file: File, map: SourceMap) -> void:
	for index: int in map.code_uses(NODE):
		var member := map.text_of(index + 2) if map.text_of(index + 1) == "." else ""
		if member == "new":
			file.gives = true
		elif member.is_empty() and not _is_filled_with_a_new_one(map, index):
			file.takes = true
			file.reaches = file.reaches or _reaches(map, map.tokens[index].statement)
			var at := map.tokens[index].statement
			while at < map.tokens.size() and map.tokens[at].kind != SourceMap.Kind.NEWLINE:
				file.words_of_taking[map.tokens[at].text] = true
				at += 1
			file.gives = file.gives or map.text_of(index - 1) == "extends"


## Arrays of paths that belong together, by path. A file without such nodes connects the files that it names.
static func groups(files: Array[File]) -> Dictionary:
	return new()._groups(files)


func _groups(files: Array[File]) -> Dictionary:
	var concerned: Array[File] = []
	concerned.assign(files.filter(func(file: File) -> bool: return file.is_concerned()))
	var others: Array[File] = []
	others.assign(files.filter(func(file: File) -> bool: return not file.is_concerned()))
	var scenes: Array[File] = []
	scenes.assign(others.filter(func(file: File) -> bool: return file.is_scene()))
	for file: File in concerned:
		_connect(file, concerned.filter(func(other: File) -> bool: return file.names_file(other)))
	for file: File in others:
		# A scene includes the nodes of the scenes that it names.
		var named := {}
		_gather(file, concerned, scenes, named, {})
		var knows := concerned.filter(func(other: File) -> bool: return other.names_file(file))
		for giver: File in named:
			_connect(giver, named.keys() + knows)
		for taker: File in knows:
			if taker.takes_out_of(file):
				_connect(taker, knows)
	for file: File in concerned:
		if file.reaches:
			_connect(file, concerned.filter(func(other: File) -> bool: return other.gives))
	var found := {}
	for file: File in concerned:
		var root := _root(file.path)
		if not found.has(root):
			found[root] = PackedStringArray()
		var group: PackedStringArray = found[root]
		group.append(file.path)
		found[root] = group
	var by_path := {}
	for file: File in concerned:
		by_path[file.path] = found[_root(file.path)]
	return by_path


func _gather(file: File, concerned: Array[File], scenes: Array[File], named: Dictionary, seen: Dictionary) -> void:
	seen[file.path] = true
	for other: File in concerned:
		if file.names_file(other):
			named[other] = true
	for scene: File in scenes:
		if not seen.has(scene.path) and file.names_file(scene):
			_gather(scene, concerned, scenes, named, seen)


## Connects files. Two files that only create their own nodes are independent of each other.
func _connect(file: File, others: Array) -> void:
	for other: File in others:
		if other != file and (file.takes or other.takes):
			var root := _root(file.path)
			if root != _root(other.path):
				_parents[root] = _root(other.path)


func _root(path: String) -> String:
	while _parents.has(path):
		path = _parents[path]
	return path


## Whether a statement gets a node from a place that it does not name: `get_tree().current_scene.get_node(…) as HTTPRequest`.
static func _reaches(map: SourceMap, statement: int) -> bool:
	var index := statement
	while index < map.tokens.size() and map.tokens[index].kind != SourceMap.Kind.NEWLINE:
		if map.text_of(index) in REACHING or map.tokens[index].text.contains("\"/root") or map.tokens[index].text.contains("../.."):
			return true
		index += 1
	return false


## In `var node := HTTPRequest.new()` or `var node: HTTPRequest = HTTPRequest.new()`, the node cannot come from elsewhere.
static func _is_filled_with_a_new_one(map: SourceMap, index: int) -> bool:
	return (
		map.text_of(index - 1) == ":" and map.text_of(index - 3) == "var" and map.text_of(index + 1) == "="
		and map.text_of(index + 2) == NODE and map.text_of(index + 4) == "new" and map.text_of(index - 4) != "export")
