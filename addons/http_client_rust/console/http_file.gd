@tool
extends RefCounted
## Requests that are saved in the project, in a file in the .http format that editors support. It is readable in a diff.
##
## The supported syntax: requests are separated by lines that begin with ###, followed by the request's name; comments begin with
## # or //; then come `METHOD URL HTTP/1.1` (a line that is only a URL is a GET), header lines, an empty line, and the body.
## Comments of the form `# @key value` are settings of the console: listen, no-redirect, no-verify, ca-file, read-timeout and
## retries. Variables ({{name}}) and bodies from files (< path) are not supported.

const Snippets := preload("snippets.gd")
const BodyText := preload("body_text.gd")
const History := preload("history.gd")
const Names := preload("../web/secret_names.gd")

const SEPARATOR := "###"
const BOM: PackedByteArray = [0xef, 0xbb, 0xbf]
const SETTINGS: PackedStringArray = ["listen", "no-redirect", "no-verify", "ca-file", "read-timeout", "retries"]

## Each request has its "name", and the keys of the console's fill_in().
var requests: Array[Dictionary] = []

var _path := ""
## The file in pieces: the text before the first separator, then one piece for each separator. Joined, they are the whole file.
var _pieces := PackedStringArray()
## For each request, the index of its piece.
var _places := PackedInt32Array()
var _end := "\n"
## False if the file is not UTF-8: writing would lose the bytes that could not be decoded.
var _can_be_written := true


func _init(path: String) -> void:
	_path = path
	read()


## Reads the file again. It may have been edited elsewhere.
func read() -> void:
	requests.clear()
	_pieces.clear()
	_places.clear()
	var bytes := FileAccess.get_file_as_bytes(_path) if FileAccess.file_exists(_path) else PackedByteArray()
	var text := BodyText.from_utf8(bytes) if BodyText.is_text_in_utf8(bytes) else bytes.get_string_from_ascii()
	_can_be_written = bytes == text.to_utf8_buffer() or bytes == BOM + text.to_utf8_buffer()
	_end = "\r\n" if text.contains("\r\n") else "\n"
	var start := 0
	var at := text.find(SEPARATOR)
	while at >= 0:
		if at == 0 or text[at - 1] == "\n":
			_pieces.append(text.substr(start, at - start))
			start = at
		at = text.find(SEPARATOR, at + 1)
	_pieces.append(text.substr(start))
	for index: int in _pieces.size():
		var request := _read_piece(_pieces[index])
		if not request.is_empty():
			if str(request["name"]).is_empty():
				request["name"] = History.title_of(request)
			requests.append(request)
			_places.append(index)


## The reason why a request cannot be saved under a name; empty if it can.
static func problem_with(name: String, request: Dictionary) -> String:
	if name.strip_edges().is_empty() or name.contains("\n"):
		return "The request needs a name without line breaks."
	if not PackedByteArray(request.get("bytes", PackedByteArray())).is_empty():
		return "A body that is binary or very long cannot be saved in this file."
	if str(request.get("url", "")).strip_edges().is_empty():
		return "The request has no URL."
	if str(request["url"]).strip_edges().contains("\n") or str(request["url"]).strip_edges().contains("\r"):
		return "The URL has a line break."
	for line: String in str(request.get("body", "")).split("\n"):
		if line.begins_with(SEPARATOR):
			return "A line of the body starts with ###, which separates requests in this file."
	return ""


## Saves a request under a name, and replaces the one that has that name. The rest of the file stays as it is. Headers with
## passwords or keys are left out, since the file is part of the project; such headers that were written into the file by hand
## stay.
func save(name: String, request: Dictionary) -> Error:
	if not problem_with(name, request).is_empty():
		return ERR_INVALID_PARAMETER
	read()
	if not _can_be_written:
		return ERR_FILE_UNRECOGNIZED
	var wanted := name.strip_edges()
	var found := _index_of(wanted)
	var old := _pieces[_places[found]] if found >= 0 else ""
	var written := _written(wanted, request, _comments_of(old), _secrets_of(found)).replace("\n", _end)
	if found < 0:
		var before := "".join(_pieces)
		if not before.is_empty() and not before.ends_with("\n"):
			_pieces[-1] += _end
		if not before.is_empty() and not before.ends_with(_end + _end):
			_pieces[-1] += _end
		_pieces.append(written)
	else:
		_pieces[_places[found]] = written + (_end if _places[found] < _pieces.size() - 1 else "")
	return _write("".join(_pieces))


## Removes a request from the file.
func remove(name: String) -> Error:
	read()
	if not _can_be_written:
		return ERR_FILE_UNRECOGNIZED
	var found := _index_of(name)
	if found < 0:
		return ERR_DOES_NOT_EXIST
	_pieces.remove_at(_places[found])
	return _write("".join(_pieces))


## The header lines of a request in the file that hold secrets. They stay as they are, and are never added.
func _secrets_of(index: int) -> PackedStringArray:
	var lines := PackedStringArray()
	for line: String in PackedStringArray(requests[index]["headers"]) if index >= 0 else PackedStringArray():
		if Names.hides_line(line):
			lines.append(line)
	return lines


func _index_of(name: String) -> int:
	for index: int in requests.size():
		if requests[index]["name"] == name:
			return index
	return -1


func _write(text: String) -> Error:
	var new_path := _path + ".new"
	DirAccess.make_dir_recursive_absolute(_path.get_base_dir())
	var file := FileAccess.open(new_path, FileAccess.WRITE)
	if file == null:
		return FileAccess.get_open_error()
	file.store_string(text)
	file.flush()
	var error := file.get_error()
	file.close()
	if error != OK:
		DirAccess.remove_absolute(new_path)
		return error
	error = DirAccess.rename_absolute(new_path, _path)
	read()
	return error


static func _is_comment(line: String) -> bool:
	return line.begins_with("#") or line.begins_with("//")


## Parses the request in a piece of the file; empty if there is none.
static func _read_piece(piece: String) -> Dictionary:
	var lines := piece.replace("\r\n", "\n").split("\n")
	var request := {"name": "", "headers": PackedStringArray()}
	var at := 0
	if lines[0].begins_with(SEPARATOR):
		request["name"] = lines[0].trim_prefix(SEPARATOR).strip_edges()
		at = 1
	while at < lines.size() and (lines[at].strip_edges().is_empty() or _is_comment(lines[at])):
		_read_setting(request, lines[at])
		at += 1
	if at >= lines.size():
		return {}
	var words := lines[at].strip_edges().split(" ", false)
	if words[-1].begins_with("HTTP/") and words.size() > 1:
		words.remove_at(words.size() - 1)
	var is_method_given := words.size() > 1 and words[0] in Snippets.METHODS
	request["method"] = words[0] if is_method_given else "GET"
	request["url"] = " ".join(words.slice(1) if is_method_given else words)
	at += 1
	var headers := PackedStringArray()
	while at < lines.size() and not lines[at].strip_edges().is_empty():
		if _is_comment(lines[at]):
			_read_setting(request, lines[at])
		else:
			headers.append(lines[at].strip_edges())
		at += 1
	request["headers"] = headers
	request["body"] = "\n".join(lines.slice(at + 1)).rstrip("\n")
	return request


## Parses a comment such as `# @read-timeout 5`.
static func _read_setting(request: Dictionary, line: String) -> void:
	var text := line.trim_prefix("//").trim_prefix("#").strip_edges()
	if not text.begins_with("@"):
		return
	var value := text.substr(text.find(" ") + 1).strip_edges() if text.contains(" ") else ""
	match text.get_slice(" ", 0):
		"@name":
			if str(request["name"]).is_empty():
				request["name"] = value
		"@listen":
			request["listen"] = true
		"@no-redirect":
			request["follow"] = false
		"@no-verify":
			request["verify"] = false
		"@ca-file":
			request["ca_file"] = value
		"@read-timeout":
			request["read_timeout"] = maxf(value.to_float(), 0.0)
		"@retries":
			request["retries"] = int(clampf(value.to_float(), 0.0, 10.0))


static func _written(name: String, request: Dictionary, comments: String, secrets: PackedStringArray) -> String:
	var text := "%s %s\n%s" % [SEPARATOR, name, comments]
	if request.get("listen", false):
		text += "# @listen\n"
	if not request.get("follow", true):
		text += "# @no-redirect\n"
	if not request.get("verify", true):
		text += "# @no-verify\n"
	if not str(request.get("ca_file", "")).is_empty():
		text += "# @ca-file %s\n" % request["ca_file"]
	if float(request.get("read_timeout", 30.0)) != 30.0:
		text += "# @read-timeout %s\n" % String.num(request["read_timeout"]).trim_suffix(".0")
	if int(request.get("retries", 0)) > 0:
		text += "# @retries %d\n" % request["retries"]
	text += "%s %s HTTP/1.1\n" % [request.get("method", "GET"), History.without_credentials(str(request["url"]).strip_edges())]
	for line: String in PackedStringArray(request.get("headers", PackedStringArray())):
		if not Names.hides_line(line):
			text += line + "\n"
	for line: String in secrets:
		text += line + "\n"
	var body := str(request.get("body", "")).replace("\r\n", "\n").rstrip("\n")
	return text + ("" if body.is_empty() else "\n%s\n" % body)


## The comments of a piece that are not settings of the console.
static func _comments_of(piece: String) -> String:
	var comments := ""
	for line: String in piece.replace("\r\n", "\n").split("\n").slice(1):
		if line.strip_edges().is_empty():
			continue
		if not _is_comment(line):
			break
		var text := line.trim_prefix("//").trim_prefix("#").strip_edges()
		if not (text.begins_with("@") and text.substr(1).get_slice(" ", 0) in SETTINGS):
			comments += line + "\n"
	return comments
