extends RefCounted
## The base class of all test files: checks with messages, the addresses of the test server, and clients.

const Exchange := preload("res://tests/support/exchange.gd")
const BUILT_IN := &"HTTPClient"

var tree: SceneTree
## The command line's `--name=value` arguments, without the dashes.
var arguments: Dictionary
var failures := PackedStringArray()
var checks := 0
## Time limit for one test. A file with slow tests sets it in `_init()`.
var deadline_seconds := 30.0


func assert_true(condition: bool, what: String) -> bool:
	checks += 1
	if not condition:
		failures.append(what)
	return condition


func assert_equal(actual: Variant, expected: Variant, what := "value") -> bool:
	return assert_true(
		typeof(actual) == typeof(expected) and actual == expected,
		"%s: expected %s, got %s" % [what, _shown(expected), _shown(actual)])


func assert_not_equal(actual: Variant, unwanted: Variant, what := "value") -> bool:
	return assert_true(
		typeof(actual) != typeof(unwanted) or actual != unwanted, "%s must not be %s" % [what, _shown(unwanted)])


func assert_contains(text: String, part: String, what := "text") -> bool:
	return assert_true(text.contains(part), "%s: expected it to contain %s, got %s" % [what, _shown(part), _shown(text)])


## `pattern` is a regular expression that ignores case.
func assert_matches(text: String, pattern: String, what := "text") -> bool:
	var found := RegEx.create_from_string("(?i)" + pattern).search(text) != null
	return assert_true(found, "%s: expected it to match /%s/, got %s" % [what, pattern, _shown(text)])


func assert_error(actual: int, expected: int, what := "error") -> bool:
	return assert_true(actual == expected, "%s: expected %s, got %s" % [what, error_name(expected), error_name(actual)])


func assert_status(client: RefCounted, expected: int, what := "status") -> bool:
	return assert_equal(Exchange.status_name(client.get_status()), Exchange.status_name(expected), what)


## `actual` and `expected` are in the same unit, such as milliseconds.
func assert_below(actual: float, limit: float, what: String) -> bool:
	return assert_true(actual < limit, "%s: expected less than %s, got %s" % [what, limit, actual])


func error_name(error: int) -> String:
	return "%s (%d)" % [error_string(error), error]


## The class that is tested.
func class_under_test() -> StringName:
	return StringName(arguments.get("class", "HTTPClientRust"))


## An object of a class, or of its stand-in in an export without the library.
static func instance_of(name: StringName) -> Object:
	if ClassDB.class_exists(name):
		return ClassDB.instantiate(name)
	return (load(stand_in_of(name)) as GDScript).new() if is_known(name) else null


static func is_known(name: StringName) -> bool:
	return ClassDB.class_exists(name) or ResourceLoader.exists(stand_in_of(name))


## The add-on's file with the stand-in for a class.
static func stand_in_of(name: StringName) -> String:
	var file := "stream" if name == &"HTTPClientRustStream" else str(name).trim_prefix("HTTP").trim_suffix("Rust").to_lower()
	return "res://addons/http_client_rust/web/%s.gd" % file


func new_client(client_class: StringName = class_under_test()) -> RefCounted:
	var client := instance_of(client_class) as RefCounted
	if client == null:
		assert_true(false, "there is no class %s: is the extension built and staged?" % client_class)
	return client


## The host of one of the servers: "http", "raw", "speaks-first" or "never-accepts".
func host_of(server: String) -> String:
	return address_of(server).get_slice(":", 0)


func port_of(server: String) -> int:
	return address_of(server).get_slice(":", 1).to_int()


func address_of(server: String) -> String:
	if not arguments.has(server):
		assert_true(false, "this test needs --%s=HOST:PORT" % server)
	return arguments.get(server, "127.0.0.1:1")


## A port of 127.0.0.1 on which no server listens.
func refused_port() -> int:
	return str(arguments.get("refused-port", "1")).to_int()


## A client that is connected to one of the servers.
func connected_client(server := "http", client_class: StringName = class_under_test()) -> RefCounted:
	var client := new_client(client_class)
	await connect_client(client, server)
	return client


func connect_client(client: RefCounted, server := "http") -> void:
	var opening := Exchange.new(client)
	await opening.open(host_of(server), port_of(server))
	assert_status(client, HTTPClient.STATUS_CONNECTED, "status after connecting to %s" % server)


## Sends a request on a connected client, and reads the response to its end. `body` is a String or a PackedByteArray.
func exchange(
		client: RefCounted, method: int, target: String, headers := PackedStringArray(), body: Variant = "") -> Exchange:
	var result := Exchange.new(client)
	await result.send(method, target, headers, body)
	assert_true(not result.timed_out, "%s did not come to an end: %s" % [target.left(80), result.statuses])
	return result


## The client's result for exactly these bytes. `reply` is a String or a PackedByteArray. With `close`, the server closes the
## connection after them. `options` are further options of the server, such as "&split=1".
func answer_to(reply: Variant, close: bool, options := "") -> Exchange:
	var client: RefCounted = await connected_client("raw")
	return await exchange(client, HTTPClient.METHOD_GET, reply_target(reply, close, options))


func reply_target(reply: Variant, close: bool, options := "") -> String:
	var bytes: PackedByteArray = reply if reply is PackedByteArray else str(reply).to_utf8_buffer()
	# Godot logs an error if an empty array is encoded.
	var base64 := "" if bytes.is_empty() else Marshalls.raw_to_base64(bytes)
	var encoded := base64.replace("+", "-").replace("/", "_").replace("=", "")
	return "/reply?close=%d%s&b64=%s" % [int(close), options, encoded]


## The request as the server received it: keys "method", "target", "headers" and so on.
func echoed(answer: Exchange) -> Dictionary:
	var parsed: Variant = JSON.parse_string(answer.text())
	if parsed is Dictionary:
		return parsed
	assert_true(false, "expected the server's JSON, got status %d and %s" % [answer.code, _shown(answer.text())])
	return {"method": "", "target": "", "headers": [], "body_text": ""}


## All values with this name in an echoed request.
func sent_values(echo: Dictionary, name: String) -> PackedStringArray:
	var values := PackedStringArray()
	for field: Array in echo["headers"]:
		if str(field[0]).nocasecmp_to(name) == 0:
			values.append(str(field[1]))
	return values


func wait_frames(count: int) -> void:
	for frame: int in count:
		await tree.process_frame


func wait_seconds(seconds: float) -> void:
	await tree.create_timer(seconds).timeout


## The CRC-32 of some bytes. Every gzip file has it eight bytes before its end, in little-endian order.
static func crc32(bytes: PackedByteArray) -> int:
	var zipped := bytes.compress(FileAccess.COMPRESSION_GZIP)
	return zipped.decode_u32(zipped.size() - 8)


func _shown(value: Variant) -> String:
	var text := var_to_str(value) if value is String or value is PackedStringArray else str(value)
	return text if text.length() <= 400 else "%s … (%d characters)" % [text.left(400), text.length()]
