extends RefCounted
## HTTPFormRust without the library: multipart/form-data in the format of browsers. Files are read completely when the form is
## sent.

const TYPES := {
	"txt": "text/plain", "html": "text/html", "css": "text/css", "csv": "text/csv", "js": "text/javascript", "json": "application/json",
	"xml": "application/xml", "pdf": "application/pdf", "zip": "application/zip", "gz": "application/gzip", "png": "image/png",
	"jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp", "svg": "image/svg+xml", "mp3": "audio/mpeg",
	"ogg": "audio/ogg", "wav": "audio/wav", "mp4": "video/mp4", "webm": "video/webm",
}

var _boundary := "----HTTPFormRust%08x%08x%08x%08x" % [randi(), randi(), randi(), randi()]
## For each part: its head, its bytes or the path of its file, and its name.
var _parts: Array[Array] = []


func add_field(name: String, value: String) -> void:
	var lines := value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
	_parts.append(["Content-Disposition: form-data; name=\"%s\"" % _escaped(name), lines.to_utf8_buffer(), name])


func add_file(name: String, path: String, filename: String = "", content_type: String = "") -> void:
	var told := path.get_file() if filename.is_empty() else filename
	var type: String = TYPES.get(told.get_extension().to_lower(), "application/octet-stream") if content_type.is_empty() else content_type
	_add("add_file", name, path, told, type)


func add_bytes(name: String, bytes: PackedByteArray, filename: String, content_type: String = "application/octet-stream") -> void:
	_add("add_bytes", name, bytes, filename, content_type)


func get_content_type() -> String:
	return "multipart/form-data; boundary=" + _boundary


func get_length() -> int:
	return _bytes().size() if _missing().is_empty() else -1


func _add(from: String, name: String, content: Variant, filename: String, type: String) -> void:
	if RegEx.create_from_string("^[!#$%&'*+.^_`|~0-9A-Za-z-]+/[^\\x00-\\x1f\\x7f]+$").search(type) == null:
		push_error("HTTPFormRust.%s(): the content type %s is invalid; write it like \"image/png\"" % [from, var_to_str(type.left(40))])
		return
	_parts.append([
		"Content-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\nContent-Type: %s" % [_escaped(name), _escaped(filename), type],
		content, name])


## Returns a sentence about the first file that cannot be read, or an empty text.
func _missing() -> String:
	for part: Array in _parts:
		if part[1] is String and not FileAccess.file_exists(part[1]):
			return "the file of the form field %s cannot be read: %s" % [var_to_str(part[2]), part[1]]
	return ""


func _bytes() -> PackedByteArray:
	var bytes := PackedByteArray()
	for part: Array in _parts:
		bytes.append_array(("--%s\r\n%s\r\n\r\n" % [_boundary, part[0]]).to_utf8_buffer())
		bytes.append_array(FileAccess.get_file_as_bytes(part[1]) if part[1] is String else part[1])
		bytes.append_array("\r\n".to_utf8_buffer())
	bytes.append_array(("--%s--\r\n" % _boundary).to_utf8_buffer())
	return bytes


static func _escaped(name: String) -> String:
	return name.replace("\"", "%22").replace("\r", "%0D").replace("\n", "%0A")
