@tool
extends RefCounted
## Finds the scripts of the project that use HTTPClient, and writes them.

const Migration := preload("migration.gd")

var changes: Array[Migration.Change] = []
## What this tool does not touch: "res://file: why".
var elsewhere := PackedStringArray()


## Reads the scripts below a folder. [param own] is the folder of this add-on, which is left out.
func read(folder: String, own: String) -> void:
	var directory := DirAccess.open(folder)
	if directory == null or folder.trim_suffix("/") == own.trim_suffix("/") or directory.file_exists(".gdignore"):
		return
	for name: String in directory.get_directories():
		if not name.begins_with("."):
			read(folder.path_join(name), own)
	for name: String in directory.get_files():
		var path := folder.path_join(name)
		match name.get_extension().to_lower():
			"gd":
				var change := Migration.plan(path, FileAccess.get_file_as_string(path))
				if change.is_changed() or not change.notes.is_empty():
					changes.append(change)
			"tscn", "tres":
				var text := FileAccess.get_file_as_string(path)
				if text.contains("script/source") and Migration.mentions(text):
					elsewhere.append(path + ": has a built-in script that uses HTTPClient; change it in the editor")
			"cs":
				if Migration.mentions(FileAccess.get_file_as_string(path).replace("HttpClient", Migration.OLD)):
					elsewhere.append(path + ": uses an HTTP client from C#; see README, C#")


## Writes texts by their paths, and returns what could not be written. A file is written only if it still has the text
## that is expected there: nobody's edits are lost.
static func write(texts: Dictionary, expected: Dictionary) -> PackedStringArray:
	var problems := PackedStringArray()
	for path: String in texts:
		if FileAccess.get_file_as_string(path) != expected[path]:
			problems.append(path + " was changed meanwhile and is left as it is")
			continue
		var file := FileAccess.open(path, FileAccess.WRITE)
		if file == null:
			problems.append("%s cannot be written: %s" % [path, error_string(FileAccess.get_open_error())])
			continue
		file.store_string(texts[path])
		file.close()
	return problems
