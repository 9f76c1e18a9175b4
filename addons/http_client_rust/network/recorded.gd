@tool
extends RefCounted
## One exchange of a running game or of a HAR file, assembled from the game's updates.

const ConsoleExchange := preload("../console/exchange.gd")
const Snippets := preload("../console/snippets.gd")
const ContentCoding := preload("content_coding.gd")
const PhaseChart := preload("../console/phase_chart.gd")

## The kinds of exchanges in the filter.
const KINDS: PackedStringArray = ["JSON", "Images", "Text", "Events", "Other"]
const IMAGE_ENDS: PackedStringArray = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "svg", "ico"]
## Headers that are generated for each request. A copy of the request leaves them out.
const MADE_ANEW: PackedStringArray = [
	"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "proxy-authorization"]

## In characters. The engine logs an error for a number that is too long.
const LONGEST_NUMBER := 18
## The end of the year 9999, in seconds since 1970.
const LAST_SECOND := 253_402_300_799

var id := 0
## The number of the connection in the game. Successive exchanges can share a connection.
var connection := 0
## The task of a session, shared by its redirects and attempts; 0 for HTTPClientRust.
var task := 0
## Start in microseconds since 1970: of connecting, or of the request if it used an open connection.
var began := 0
## Start of the request in microseconds since 1970; 0 before it.
var requested := 0
var is_on_kept := false
var origin := ""
## Source of the response, such as "cache", if it did not come over a connection.
var store := ""
var proxy := ""
var peer := ""
## Empty before there is a request.
var method := ""
var target := ""
var request_headers := PackedStringArray()
var request_body := PackedByteArray()
var bytes_sent := 0
## 0 before there is a response.
var status := 0
var version := ""
var reason := ""
var response_headers := PackedStringArray()
## The first 1 MiB of the body as received, compressed or not.
var response_body := PackedByteArray()
## Size of the received body, including bytes that were not kept.
var bytes_received := 0
## Bytes that were not sent to the editor, because it was too slow.
var left_out := 0
## Like the result of get_timings().
var timings := {}
## Like the result of get_tls_info().
var tls := {}
var phase := ""
var error := ""
var is_over := false

var _scheme := ""
## Cached, because the filter reads it for every exchange at each key press.
var _words := ""


## Applies an update of the game. The keys are listed in rust/binding/network_panel/wire.rs. Values of other types, such as those of
## a game with another version of the library, are ignored.
func apply(news: Dictionary) -> void:
	for key: String in [
			"id", "connection", "task", "began", "requested", "is_on_kept", "origin", "store", "proxy", "peer", "method", "version",
			"reason", "response_headers", "bytes_sent", "bytes_received", "left_out", "status", "phase", "error"]:
		if typeof(news.get(key)) == typeof(get(key)):
			set(key, news[key])
	if news.get("scheme") is String:
		_scheme = news["scheme"]
	if news.get("request_head") is PackedByteArray:
		_read_request_head(news["request_head"])
	if news.get("request_body") is PackedByteArray:
		request_body.append_array(news["request_body"])
	if news.get("response_body") is PackedByteArray:
		response_body.append_array(news["response_body"])
	if news.get("timings") is Dictionary:
		timings = _typed_timings(news["timings"])
	if news.get("tls") is Dictionary:
		tls = _typed_tls(news["tls"])
	if news.get("over") is bool:
		is_over = news["over"]
	_words = ""


## The URL of the request, or the address of the connection while there is no request.
func url() -> String:
	# A request to a proxy has a whole URL as its target. So do entries of a HAR file, also with schemes that no game uses.
	if target.begins_with("http://") or target.begins_with("https://") or (_scheme.is_empty() and target.contains(":")):
		return target
	var host := request_header("Host")
	if not host.is_empty():
		return "%s://%s%s" % [_scheme, host, target]
	return (origin if not origin.is_empty() else "(unknown)") + target


## The URL with the distinctive part first: "/path  https://host".
func place() -> String:
	var parts := ConsoleExchange.parts_of(url())
	var shown := url() if parts.is_empty() or method.is_empty() else "%s  %s" % [parts["target"], parts["origin"]]
	return shown if store.is_empty() else "(%s) %s" % [store_text(), shown]


## A text such as "from cache"; empty if the response came over a connection.
func store_text() -> String:
	return "" if store.is_empty() else "from " + store


func request_header(name: String) -> String:
	return _header(request_headers, name)


func response_header(name: String) -> String:
	return _header(response_headers, name)


## The text that the filter searches.
func words() -> String:
	if _words.is_empty():
		_words = " ".join(PackedStringArray([method, url(), status_text(), type(), error, store_text()]))
	return _words


## The media type of the response, such as "application/json"; empty if there is none.
func type() -> String:
	return response_header("Content-Type").get_slice(";", 0).strip_edges().to_lower()


## One of [constant KINDS].
func kind() -> String:
	var media := type()
	if media.ends_with("json"):
		return "JSON"
	if media.begins_with("image/") or (media.is_empty() and target.get_slice("?", 0).get_extension().to_lower() in IMAGE_ENDS):
		return "Images"
	if media == "text/event-stream":
		return "Events"
	if media.begins_with("text/") or media.ends_with("xml") or media.ends_with("javascript"):
		return "Text"
	return "Other"


func is_error() -> bool:
	return not error.is_empty() or status >= 400


## The status code, "failed", or the current phase.
func status_text() -> String:
	if status != 0:
		return "%d%s" % [status, " ✕" if not error.is_empty() else ""]
	if is_over:
		return "failed" if not error.is_empty() else "—"
	return phase


func size_text() -> String:
	return "" if status == 0 else String.humanize_size(bytes_received)


## Known duration in microseconds, until now if the exchange is running: connecting and the request.
func duration() -> int:
	var sum := 0
	for usec: int in PhaseChart.durations(timings):
		sum += maxi(usec, 0)
	return sum


## The end of the exchange, or the last known moment while it is running, in microseconds since 1970.
func last_known() -> int:
	var last := began
	for span: Vector3i in spans():
		last = maxi(last, began + span.z)
	return last


## The phases that happened: index into PhaseChart.PHASES, start and end in microseconds after [member began].
func spans() -> Array[Vector3i]:
	var found: Array[Vector3i] = []
	var usec := PhaseChart.durations(timings)
	var at := 0
	for index: int in usec.size():
		# The phases of the connection come first. A script may wait between connecting and sending the request.
		if index == 3 and requested > 0:
			at = maxi(requested - began, at)
		if usec[index] >= 0:
			found.append(Vector3i(index, at, at + usec[index]))
			at += usec[index]
	return found


## Approximate memory use of this exchange in bytes.
func weight() -> int:
	return request_body.size() + response_body.size() + 4096


## Whether the whole body of the response is here.
func is_body_whole() -> bool:
	return bytes_received == response_body.size()


## The body of the response, decompressed if possible.
func unpacked() -> ContentCoding:
	return ContentCoding.new(response_body, response_header("Content-Encoding"), is_body_whole() and error.is_empty())


## The address that the response redirects to; empty if it is not a redirect.
func redirect_address() -> String:
	return ConsoleExchange.address_of(response_header("Location"), url()) if status in ConsoleExchange.REDIRECTS else ""


## The request with the keys of the console's fill_in().
func as_request() -> Dictionary:
	var lines := PackedStringArray()
	for line: String in request_headers:
		if not line.get_slice(":", 0).strip_edges().to_lower() in MADE_ANEW:
			lines.append(line)
	var is_text := Snippets.is_text(request_body)
	return {
		"method": method if method in Snippets.METHODS else "GET", "url": url(), "headers": lines,
		"body": request_body.get_string_from_utf8() if is_text else "",
		"bytes": PackedByteArray() if is_text else request_body}


## The exchange in the form that the console's views and snippets use.
func as_console_exchange() -> ConsoleExchange:
	var made := ConsoleExchange.new()
	var request := as_request()
	made.method = maxi(Snippets.METHODS.find(str(request["method"])), 0) as HTTPClientRust.Method
	made.url = url()
	made.headers = request["headers"]
	made.body = request_body
	made.code = status
	made.answer_url = url()
	made.answer_headers = response_headers
	var whole := unpacked()
	made.answer_body = whole.body
	made.note = whole.note
	made.is_kept = is_body_whole()
	made.received = bytes_received
	made.unpacked = made.answer_body.size()
	made.sent = bytes_sent
	var length := response_header("Content-Length")
	made.expected = length.to_int() if length.is_valid_int() and length.length() <= LONGEST_NUMBER else -1
	made.message = error
	made.timings = timings
	made.tls = tls
	return made


func _read_request_head(head: PackedByteArray) -> void:
	var lines := head.get_string_from_utf8().split("\r\n", false)
	if lines.is_empty():
		return
	target = lines[0].get_slice(" ", 1)
	request_headers = lines.slice(1)


static func _header(lines: PackedStringArray, name: String) -> String:
	for line: String in lines:
		if line.get_slice(":", 0).nocasecmp_to(name) == 0:
			return line.substr(line.find(":") + 1).strip_edges()
	return ""


static func _typed_timings(from: Dictionary) -> Dictionary:
	var typed := {}
	for key: Variant in from:
		if key is String and from[key] is int:
			typed[key] = from[key]
	return typed


## Gives the values the types of get_tls_info(). Messages and files do not keep the types of arrays, and files may have any values.
static func _typed_tls(info: Dictionary) -> Dictionary:
	if info.is_empty():
		return {}
	var typed := info.duplicate()
	for key: String in ["version", "cipher_suite", "key_exchange"]:
		typed[key] = _text(info.get(key))
	typed["resumed"] = info.get("resumed") is bool and bool(info["resumed"])
	var facts: Array[Dictionary] = []
	for value: Variant in info.get("certificate_facts") if info.get("certificate_facts") is Array else []:
		if value is Dictionary:
			facts.append(_typed_facts(value))
	typed["certificate_facts"] = facts
	return typed


## Facts that could not be read are empty.
static func _typed_facts(facts: Dictionary) -> Dictionary:
	if facts.is_empty():
		return {}
	var typed := facts.duplicate()
	for key: String in ["subject", "issuer"]:
		typed[key] = _text(facts.get(key))
	for key: String in ["not_before", "not_after"]:
		typed[key] = clampi(facts[key], 0, LAST_SECOND) if facts.get(key) is int else 0
	var names: Variant = facts.get("names")
	typed["names"] = PackedStringArray(Array(names).filter(func(name: Variant) -> bool: return name is String)) if (
		names is Array or names is PackedStringArray) else PackedStringArray()
	return typed


static func _text(value: Variant) -> String:
	return value if value is String else ""
