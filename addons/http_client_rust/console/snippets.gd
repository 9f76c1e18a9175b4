@tool
extends RefCounted
## Converts a request to code that runs as pasted.

const Exchange := preload("exchange.gd")
const BodyText := preload("body_text.gd")
const METHODS: PackedStringArray = [
	"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"]

## More bytes would make a line that is too long for shells and editors.
const LONGEST_BYTES := 48 * 1024
const BODY_FILE := "body.bin"
## The default of a session, in seconds.
const DEFAULT_TIMEOUT := 30.0
const SESSION_TEMPLATE := """extends Node


func _ready() -> void:
	var response := await send()
	if response.get_result() != HTTPResponseRust.RESULT_SUCCESS:
		push_error(response.get_error_message())
		return
	print(response.get_response_code(), " ", response.get_headers())
	print(response.get_text())


## Makes the request. The response says what came of it.
func send() -> HTTPResponseRust:
{settings}	var headers: PackedStringArray = {headers}
	var task := {session}.fetch({url}, headers, HTTPClient.METHOD_{method}{body})
	var response: HTTPResponseRust = await task.completed
	return response
"""
const EVENTS_TEMPLATE := """extends Node


func _ready() -> void:
	var task := send()
	task.event_received.connect(_on_event)
	# Ends the stream when this node leaves the tree.
	task.bind_node(self)


## Makes the request. The task is completed when the stream ends.
func send() -> HTTPTaskRust:
{settings}	var headers: PackedStringArray = {headers}
	return {session}.listen({url}, headers, HTTPClient.METHOD_{method}{body})


func _on_event(type: String, data: String, id: String) -> void:
	print(type, " ", id, ": ", data)
"""
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
	if http.{request}(HTTPClientRust.METHOD_{method}, {target}, headers{body}) != OK:
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


## A script for a node that sends the request with a session: the shared one, unless the request has its own settings. A binary
## body is written as base64, or read from [constant BODY_FILE] if it is too long.
static func as_gdscript(exchange: Exchange) -> String:
	var settings := ""
	if not exchange.ca_file.is_empty():
		settings += "\tsession.trusted_ca_file = %s\n" % literal(exchange.ca_file)
	if not exchange.verify:
		settings += "\tsession.set_tls_options(TLSOptions.client_unsafe())\n"
	if exchange.read_timeout != DEFAULT_TIMEOUT:
		settings += "\tsession.stall_timeout = %s\n" % String.num(exchange.read_timeout).pad_decimals(1)
	if not exchange.follows:
		settings += "\tsession.max_redirects = 0\n"
	if exchange.retries > 0:
		settings += "\tsession.max_retries = %d\n" % exchange.retries
	var parts := Exchange.parts_of(exchange.url)
	var pieces := _pieces_of(exchange)
	pieces["{settings}"] = "" if settings.is_empty() else "\tvar session := HTTPSessionRust.new()\n" + settings
	pieces["{session}"] = "HTTPSessionRust.shared()" if settings.is_empty() else "session"
	pieces["{url}"] = literal(str(parts["origin"]) + str(parts["target"]) if not parts.is_empty() else exchange.url)
	return _filled(EVENTS_TEMPLATE if exchange.listens else SESSION_TEMPLATE, pieces)


## A script for a node that performs every step of HTTPClientRust itself.
static func as_client_gdscript(exchange: Exchange) -> String:
	var parts := Exchange.parts_of(exchange.url)
	var settings := ""
	if not exchange.ca_file.is_empty():
		settings += "\thttp.trusted_ca_file = %s\n" % literal(exchange.ca_file)
	if exchange.read_timeout > 0.0:
		settings += "\thttp.read_timeout = %s\n" % String.num(exchange.read_timeout).pad_decimals(1)
	var connect_arguments := literal(parts.get("origin", exchange.url))
	if not exchange.verify:
		connect_arguments += ", -1, false, false"
	var pieces := _pieces_of(exchange)
	pieces["{settings}"] = settings
	pieces["{connect}"] = connect_arguments
	pieces["{target}"] = literal(parts.get("target", "/"))
	pieces["{request}"] = "request" if is_text(exchange.body) else "request_raw"
	return _filled(TEMPLATE, pieces)


static func _pieces_of(exchange: Exchange) -> Dictionary:
	var lines := PackedStringArray()
	for header: String in exchange.headers:
		lines.append("\n\t\t%s," % literal(header))
	return {
		"{headers}": "[%s%s]" % ["".join(lines), "" if lines.is_empty() else "\n\t"],
		"{method}": METHODS[exchange.method],
		"{body}": "" if exchange.body.is_empty() else ", " + _body_in_gdscript(exchange.body),
	}


## Replaces the placeholders of a template. String.format() would also replace braces inside of the values.
static func _filled(template: String, pieces: Dictionary) -> String:
	var code := ""
	var rest := template
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


## A command line for a Linux or macOS shell that sends the same request, as far as curl can.
static func as_curl(exchange: Exchange) -> String:
	var words := PackedStringArray(["curl", "--globoff", "--path-as-is"])
	var before := ""
	if exchange.method == HTTPClientRust.METHOD_HEAD:
		# With `--request HEAD`, curl would wait for a body. It sends no body with HEAD.
		words.append("-I")
	else:
		words.append("--include")
		if exchange.method != HTTPClientRust.METHOD_GET or not exchange.body.is_empty():
			words.append_array(["--request", METHODS[exchange.method]])
	var has_type := false
	for header: String in exchange.headers:
		var name := header.get_slice(":", 0)
		if name == header or name.begins_with("@"):
			# This line is not a header. curl could take it for the name of a file.
			continue
		has_type = has_type or name.strip_edges().nocasecmp_to("Content-Type") == 0
		var is_empty := header.substr(name.length() + 1).strip_edges().is_empty()
		words.append_array(["--header", quoted(name + ";" if is_empty else header)])
	if exchange.method != HTTPClientRust.METHOD_HEAD and _has_body(exchange):
		if not has_type:
			words.append_array(["--header", quoted("Content-Type:")])
		if is_text(exchange.body):
			words.append_array(["--data-raw", quoted(exchange.body.get_string_from_utf8())])
		elif exchange.body.size() <= LONGEST_BYTES:
			before = "printf %%s %s | base64 -d | " % quoted(Marshalls.raw_to_base64(exchange.body))
			words.append_array(["--data-binary", "@-"])
		else:
			before = "# Put the body into the file %s first.\n" % BODY_FILE
			words.append_array(["--data-binary", "@" + BODY_FILE])
	if exchange.follows:
		words.append("--location")
	if not exchange.verify:
		words.append("--insecure")
	if not exchange.ca_file.is_empty():
		words.append_array(["--cacert", quoted(ProjectSettings.globalize_path(exchange.ca_file))])
	var parts := Exchange.parts_of(exchange.url)
	var address := str(parts["origin"]) + Exchange.encoded(parts["target"]) if not parts.is_empty() else exchange.url
	words.append_array(["--url", quoted(address)])
	return before + " ".join(words)


## Whether a body is text that can be written as a literal.
static func is_text(body: PackedByteArray) -> bool:
	return not body.has(0) and BodyText.is_utf8(body) and (body.is_empty() or body[-1] < 0xc0)


## Requests with these methods have a Content-Length even if it is 0.
static func _has_body(exchange: Exchange) -> bool:
	return not exchange.body.is_empty() or exchange.method in [
		HTTPClientRust.METHOD_POST, HTTPClientRust.METHOD_PUT, HTTPClientRust.METHOD_PATCH]


static func _body_in_gdscript(body: PackedByteArray) -> String:
	if is_text(body):
		return literal(body.get_string_from_utf8())
	if body.size() <= LONGEST_BYTES:
		return "Marshalls.base64_to_raw(%s)" % literal(Marshalls.raw_to_base64(body))
	return "FileAccess.get_file_as_bytes(%s)" % literal("res://" + BODY_FILE)


## The text as a string literal of GDScript.
static func literal(text: String) -> String:
	return "\"%s\"" % text.json_escape()


## The text as one quoted word of a shell.
static func quoted(text: String) -> String:
	return "'%s'" % text.replace("'", "'\\''")
