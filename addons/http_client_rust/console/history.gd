@tool
extends RefCounted
## The requests that were sent last, stored in a file. Secrets are not stored.

const JsonText := preload("../web/json_text.gd")
const Names := preload("../web/secret_names.gd")

const MOST := 30
const LONGEST_BODY := 16 * 1024

## The newest first. The keys are those of the console's fill_in().
var requests: Array[Dictionary] = []

var _path := ""


func _init(path: String) -> void:
	_path = path
	if not FileAccess.file_exists(path):
		return
	var json := JSON.new()
	if json.parse(FileAccess.get_file_as_string(path)) != OK or not json.data is Array:
		return
	for value: Variant in json.data as Array:
		var request := _checked(value)
		if not request.is_empty() and requests.size() < MOST:
			requests.append(request)


## Adds a request, replaces an older one with the same method and URL, and writes the file.
func add(request: Dictionary) -> Error:
	var kept := _checked(request)
	if kept.is_empty():
		return ERR_INVALID_PARAMETER
	requests = requests.filter(
		func(other: Dictionary) -> bool: return other["url"] != kept["url"] or other["method"] != kept["method"])
	requests.push_front(kept)
	if requests.size() > MOST:
		requests.resize(MOST)
	return _write()


func clear() -> Error:
	requests.clear()
	return _write()


## A menu entry such as "PUT https://host/path", limited in length.
static func title_of(request: Dictionary) -> String:
	var title := "%s %s" % [request["method"], request["url"]]
	return title if title.length() <= 80 else title.left(79) + "…"


## The address without user and password.
static func without_credentials(address: String) -> String:
	return RegEx.create_from_string("//[^/?#@]*@").sub(address, "//")


func _write() -> Error:
	var new_path := _path + ".new"
	DirAccess.make_dir_recursive_absolute(_path.get_base_dir())
	var file := FileAccess.open(new_path, FileAccess.WRITE)
	if file == null:
		return FileAccess.get_open_error()
	file.store_string(JsonText.stringify(requests, "\t"))
	file.close()
	return DirAccess.rename_absolute(new_path, _path)


## The parts of a request that are stored; empty if the value is not a request. The file may have been edited by hand.
static func _checked(value: Variant) -> Dictionary:
	if not value is Dictionary or not (value as Dictionary).get("url") is String:
		return {}
	var from: Dictionary = value
	var url := without_credentials(str(from["url"]))
	if url.is_empty():
		return {}
	var headers := PackedStringArray()
	for line: Variant in _lines(from.get("headers")):
		if not Names.hides_line(str(line)):
			headers.append(str(line))
	var body := str(from.get("body", ""))
	return {
		"method": str(from.get("method", "GET")), "url": url, "headers": headers,
		"body": body if body.length() <= LONGEST_BODY else "", "ca_file": str(from.get("ca_file", "")),
		"verify": from.get("verify", true) == true, "read_timeout": maxf(str(from.get("read_timeout", 30.0)).to_float(), 0.0),
		"follow": from.get("follow", true) == true, "listen": from.get("listen", false) == true,
		"retries": int(clampf(str(from.get("retries", 0)).to_float(), 0.0, 10.0))}


static func _lines(value: Variant) -> Array:
	return value if value is Array else Array(value as PackedStringArray) if value is PackedStringArray else []
