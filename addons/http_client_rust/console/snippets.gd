@tool
extends RefCounted
## A request as code that runs as pasted.

const Exchange := preload("exchange.gd")
const METHODS: PackedStringArray = [
	"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"]

const TEMPLATE := """extends Node


func _ready() -> void:
	var answer := await send()
	if answer["error"] != "":
		push_error(answer["error"])
		return
	print(answer["code"], " ", answer["headers"])
	print((answer["body"] as PackedByteArray).get_string_from_utf8())


## Makes the request. Keys of the answer: "code", "headers", "body", and "error", which is empty if all went well.
func send() -> Dictionary:
	var http := HTTPClientRust.new()
{settings}	if http.connect_to_host({connect}) != OK:
		return {"code": 0, "error": http.get_error_message()}
	while http.get_status() in [HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING]:
		http.poll()
		await get_tree().process_frame
	if http.get_status() != HTTPClientRust.STATUS_CONNECTED:
		return {"code": 0, "error": http.get_error_message()}

	var headers: PackedStringArray = {headers}
	if http.request(HTTPClientRust.METHOD_{method}, {target}, headers{body}) != OK:
		return {"code": 0, "error": http.get_error_message()}
	while http.get_status() == HTTPClientRust.STATUS_REQUESTING:
		http.poll()
		await get_tree().process_frame

	var received := PackedByteArray()
	while http.get_status() == HTTPClientRust.STATUS_BODY:
		http.poll()
		received.append_array(http.read_response_body_available())
		await get_tree().process_frame
	return {
		"code": http.get_response_code(),
		"headers": http.get_response_headers(),
		"body": received,
		"error": http.get_error_message(),
	}
"""


## A script for a node. [param body] is text; an exchange with bytes that are none cannot be written down.
static func as_gdscript(exchange: Exchange) -> String:
	var parts := Exchange.parts_of(exchange.url)
	var settings := ""
	if not exchange.ca_file.is_empty():
		settings += "\thttp.trusted_ca_file = %s\n" % literal(exchange.ca_file)
	if exchange.read_timeout > 0.0:
		settings += "\thttp.read_timeout = %s\n" % String.num(exchange.read_timeout).pad_decimals(1)
	var connect_arguments := literal(parts.get("origin", exchange.url))
	if not exchange.verify:
		connect_arguments += ", -1, false, false"
	var lines := PackedStringArray()
	for header: String in exchange.headers:
		lines.append("\n\t\t%s," % literal(header))
	var text := exchange.body.get_string_from_utf8()
	# Not format(): the values may have braces in them.
	var pieces := {
		"{settings}": settings,
		"{connect}": connect_arguments,
		"{headers}": "[%s%s]" % ["".join(lines), "" if lines.is_empty() else "\n\t"],
		"{method}": METHODS[exchange.method],
		"{target}": literal(parts.get("target", "/")),
		"{body}": "" if text.is_empty() else ", " + literal(text),
	}
	var code := ""
	var rest := TEMPLATE
	while not rest.is_empty():
		var next := rest.length()
		var key := ""
		for candidate: String in pieces:
			var at := rest.find(candidate)
			if at >= 0 and at < next:
				next = at
				key = candidate
		code += rest.left(next) + str(pieces.get(key, ""))
		rest = rest.substr(next + key.length())
	return code


## A command line for a shell of Linux or macOS.
static func as_curl(exchange: Exchange) -> String:
	var words := PackedStringArray(["curl", "--include"])
	if exchange.method == HTTPClientRust.METHOD_HEAD:
		words = PackedStringArray(["curl", "--head"])
	elif exchange.method != HTTPClientRust.METHOD_GET or not exchange.body.is_empty():
		words.append_array(["--request", METHODS[exchange.method]])
	for header: String in exchange.headers:
		words.append_array(["--header", quoted(header)])
	if not exchange.body.is_empty():
		words.append_array(["--data-binary", quoted(exchange.body.get_string_from_utf8())])
	if not exchange.verify:
		words.append("--insecure")
	if not exchange.ca_file.is_empty():
		words.append_array(["--cacert", quoted(ProjectSettings.globalize_path(exchange.ca_file))])
	var parts := Exchange.parts_of(exchange.url)
	words.append(quoted(str(parts.get("origin", exchange.url)) + str(parts.get("target", ""))))
	return " ".join(words)


## A text as GDScript writes it down.
static func literal(text: String) -> String:
	return "\"%s\"" % text.json_escape()


## A text as one word of a shell.
static func quoted(text: String) -> String:
	return "'%s'" % text.replace("'", "'\\''")
