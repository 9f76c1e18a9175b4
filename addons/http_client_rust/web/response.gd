extends RefCounted
## HTTPResponseRust without the library. Only tasks create it.

const Limits := preload("limits.gd")

enum Result {
	RESULT_SUCCESS = 0, RESULT_CHUNKED_BODY_SIZE_MISMATCH = 1, RESULT_CANT_CONNECT = 2, RESULT_CANT_RESOLVE = 3,
	RESULT_CONNECTION_ERROR = 4, RESULT_TLS_HANDSHAKE_ERROR = 5, RESULT_NO_RESPONSE = 6, RESULT_BODY_SIZE_LIMIT_EXCEEDED = 7,
	RESULT_BODY_DECOMPRESS_FAILED = 8, RESULT_REQUEST_FAILED = 9, RESULT_DOWNLOAD_FILE_CANT_OPEN = 10,
	RESULT_DOWNLOAD_FILE_WRITE_ERROR = 11, RESULT_REDIRECT_LIMIT_REACHED = 12, RESULT_TIMEOUT = 13, RESULT_CANCELLED = 100,
	RESULT_INVALID_REQUEST = 101, RESULT_REPLAY_MISS = 102,
}
const RESULT_SUCCESS = Result.RESULT_SUCCESS
const RESULT_CHUNKED_BODY_SIZE_MISMATCH = Result.RESULT_CHUNKED_BODY_SIZE_MISMATCH
const RESULT_CANT_CONNECT = Result.RESULT_CANT_CONNECT
const RESULT_CANT_RESOLVE = Result.RESULT_CANT_RESOLVE
const RESULT_CONNECTION_ERROR = Result.RESULT_CONNECTION_ERROR
const RESULT_TLS_HANDSHAKE_ERROR = Result.RESULT_TLS_HANDSHAKE_ERROR
const RESULT_NO_RESPONSE = Result.RESULT_NO_RESPONSE
const RESULT_BODY_SIZE_LIMIT_EXCEEDED = Result.RESULT_BODY_SIZE_LIMIT_EXCEEDED
const RESULT_BODY_DECOMPRESS_FAILED = Result.RESULT_BODY_DECOMPRESS_FAILED
const RESULT_REQUEST_FAILED = Result.RESULT_REQUEST_FAILED
const RESULT_DOWNLOAD_FILE_CANT_OPEN = Result.RESULT_DOWNLOAD_FILE_CANT_OPEN
const RESULT_DOWNLOAD_FILE_WRITE_ERROR = Result.RESULT_DOWNLOAD_FILE_WRITE_ERROR
const RESULT_REDIRECT_LIMIT_REACHED = Result.RESULT_REDIRECT_LIMIT_REACHED
const RESULT_TIMEOUT = Result.RESULT_TIMEOUT
const RESULT_CANCELLED = Result.RESULT_CANCELLED
const RESULT_INVALID_REQUEST = Result.RESULT_INVALID_REQUEST
const RESULT_REPLAY_MISS = Result.RESULT_REPLAY_MISS

var _result := Result.RESULT_SUCCESS
var _code := 0
var _headers := PackedStringArray()
var _body := PackedByteArray()
var _message := ""
var _url := ""
var _redirects := PackedStringArray()
var _attempts := 0
var _timings := {"dns": -1, "connect": -1, "tls": -1, "send": -1, "first_byte": -1, "total": -1}


func get_result() -> Result:
	return _result


func get_response_code() -> int:
	return _code


func get_headers() -> PackedStringArray:
	return _headers.duplicate()


func get_header(name: String) -> String:
	var values := get_header_values(name)
	return values[0] if not values.is_empty() else ""


func get_header_values(name: String) -> PackedStringArray:
	return Limits.values_of(_headers, name)


func get_body() -> PackedByteArray:
	return _body.duplicate()


## Apart from UTF-8, this supports Latin-1 and UTF-16.
func get_text() -> String:
	var found := RegEx.create_from_string("(?i)charset\\s*=\\s*\"?([^\\s;\"]+)").search(get_header("Content-Type"))
	match found.get_string(1).to_lower() if found != null else "utf-8":
		"iso-8859-1", "latin1", "us-ascii", "windows-1252":
			return "".join(Array(_body).map(func(byte: int) -> String: return char(byte)))
		"utf-16", "utf-16le":
			return _body.get_string_from_utf16()
	return _whole_text(_body)


## UTF-8 as a text. The engine would end it at the first NUL character, so U+FFFD replaces this character.
static func _whole_text(bytes: PackedByteArray) -> String:
	var parts := PackedStringArray()
	var from := 0
	var end := bytes.find(0)
	while end >= 0:
		parts.append(bytes.slice(from, end).get_string_from_utf8())
		from = end + 1
		end = bytes.find(0, from)
	parts.append(bytes.slice(from).get_string_from_utf8())
	return char(0xfffd).join(parts)


func get_json() -> Variant:
	var json := JSON.new()
	return json.data if json.parse(get_text()) == OK else null


func is_ok() -> bool:
	return _result == Result.RESULT_SUCCESS and _code >= 200 and _code < 300


func get_error_message() -> String:
	return _message


## In a browser, this is the requested URL, because a browser does not report where it was redirected.
func get_url() -> String:
	return _url


func get_redirects() -> PackedStringArray:
	return _redirects.duplicate()


func get_attempts() -> int:
	return _attempts


## Always false, because a browser does not report whether it used its cache.
func is_from_cache() -> bool:
	return false


func get_timings() -> Dictionary:
	return _timings.duplicate()


func get_tls_info() -> Dictionary:
	Limits.warn_of_no_effect("get_tls_info")
	return {}
