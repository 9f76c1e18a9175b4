extends "res://tests/support/test_case.gd"
## Compares the members of the registered class with the API dumps of Godot 3.2.3 (the reference) and 4.6.3.

const CLASS := &"HTTPClientRust"
const REFERENCE := "res://tests/fixtures/godot-3.2.3-HTTPClient.json"
const TODAY := "res://tests/fixtures/godot-4.6.3-HTTPClient.json"
const CONSTANTS_IN_REFERENCE := 81

## Methods that differ from a dump: their signature here, and the reason.
const DIFFERENT_METHODS := {
	"connect_to_host": [
		"connect_to_host(host: String, port: int = -1, use_ssl: Variant = false, verify_host: bool = true) -> Error",
		"the third argument takes both the reference's bool and today's TLSOptions"],
}
## Methods that are in no dump: their signature, and the reason.
const EXTRA_METHODS := {
	"get_error_message": ["get_error_message() -> String const", "says why something failed, which a status cannot"],
	"get_response_header_values": [
		"get_response_header_values(name: String) -> PackedStringArray const", "all values of a repeated header, unjoined"],
	"get_response_trailers": ["get_response_trailers() -> PackedStringArray const", "the built-in drops trailers"],
	"read_response_body_available": [
		"read_response_body_available() -> PackedByteArray", "all that has arrived in one call, whatever the chunks are"],
	"get_request_bytes_sent": ["get_request_bytes_sent() -> int const", "progress of an upload"],
	"get_connect_timeout": ["get_connect_timeout() -> float const", "getter of connect_timeout"],
	"set_connect_timeout": ["set_connect_timeout(seconds: float) -> void", "setter of connect_timeout"],
	"get_read_timeout": ["get_read_timeout() -> float const", "getter of read_timeout"],
	"set_read_timeout": ["set_read_timeout(seconds: float) -> void", "setter of read_timeout"],
	"get_trusted_ca_file": ["get_trusted_ca_file() -> String const", "getter of trusted_ca_file"],
	"set_trusted_ca_file": ["set_trusted_ca_file(path: String) -> void", "setter of trusted_ca_file"],
	"get_timings": ["get_timings() -> Dictionary const", "how long each phase took, in microseconds"],
	"get_tls_info": ["get_tls_info() -> Dictionary const", "what TLS agreed on, which the built-in does not tell"],
	"set_proxy_from_environment": [
		"set_proxy_from_environment() -> void", "the proxies that the player's system names, where a game asks for them"],
}
## Properties that the built-in class does not have: type, getter, setter, and the reason.
const EXTRA_PROPERTIES := {
	"connect_timeout": ["float", "get_connect_timeout", "set_connect_timeout", "the built-in has a project setting only"],
	"read_timeout": ["float", "get_read_timeout", "set_read_timeout", "the built-in waits for ever for a silent server"],
	"trusted_ca_file": [
		"String", "get_trusted_ca_file", "set_trusted_ca_file",
		"several authorities, which TLSOptions cannot carry; the built-in has a project setting only"],
}
## Constants that only one of the dumps has.
const EXTRA_CONSTANTS := {
	"STATUS_TLS_HANDSHAKE_ERROR": "today's name; the reference has it as STATUS_SSL_HANDSHAKE_ERROR",
	"STATUS_SSL_HANDSHAKE_ERROR": "the reference's name; today's is STATUS_TLS_HANDSHAKE_ERROR",
}


func test_the_dump_of_today_describes_the_engines_own_class() -> void:
	# Shows that the comparison below reads dumps and classes correctly.
	var dump := _read_dump(TODAY)
	var expected := _dumped_methods(dump, BUILT_IN)
	var actual := _registered_methods(BUILT_IN)
	for name: String in expected:
		assert_equal(actual.get(name, "missing"), expected[name], "HTTPClient." + name)
	for name: String in dump["enums"]:
		assert_equal(_registered_enum(BUILT_IN, name), _whole_numbers(dump["enums"][name]), "HTTPClient." + name)


func test_every_method_of_the_reference_is_there_as_it_says() -> void:
	_compare_methods(_read_dump(REFERENCE))


func test_every_method_of_today_is_there_as_it_says() -> void:
	_compare_methods(_read_dump(TODAY))


func test_there_is_no_method_that_nobody_knows() -> void:
	var known := _dumped_methods(_read_dump(TODAY), CLASS)
	known.merge(_dumped_methods(_read_dump(REFERENCE), CLASS))
	var actual := _registered_methods(CLASS)
	for name: String in actual:
		if not known.has(name):
			assert_equal(actual[name], EXTRA_METHODS.get(name, ["nothing of that name"])[0], "extra method " + name)
	for name: String in EXTRA_METHODS:
		assert_true(actual.has(name), "the extra method %s is missing" % name)


func test_properties_are_those_of_the_built_in() -> void:
	var expected := _registered_properties(BUILT_IN)
	var actual := _registered_properties(CLASS)
	for dump: Dictionary in [_read_dump(REFERENCE), _read_dump(TODAY)]:
		for property: Dictionary in dump["properties"]:
			assert_true(expected.has(property["name"]), "the dump has %s, the engine has not" % property["name"])
	for name: String in expected:
		assert_equal(actual.get(name, {}), expected[name], "property " + name)


func test_there_is_no_property_that_nobody_knows() -> void:
	var known := _registered_properties(BUILT_IN)
	var actual := _registered_properties(CLASS)
	for name: String in actual:
		if known.has(name):
			continue
		if assert_true(EXTRA_PROPERTIES.has(name), "extra property %s: expected nothing of that name" % name):
			var found: Dictionary = actual[name]
			assert_equal([found["type"], found["getter"], found["setter"]], EXTRA_PROPERTIES[name].slice(0, 3), name)
			assert_equal(found["usage"], PROPERTY_USAGE_DEFAULT, name + "'s usage")
	for name: String in EXTRA_PROPERTIES:
		assert_true(actual.has(name), "the extra property %s is missing" % name)


func test_every_enum_of_today_has_every_constant_with_its_value() -> void:
	var enums: Dictionary = _read_dump(TODAY)["enums"]
	for name: String in enums:
		var actual := _registered_enum(CLASS, name)
		var expected := _whole_numbers(enums[name])
		for constant: String in expected:
			assert_equal(actual.get(constant, -1), expected[constant], "%s.%s" % [name, constant])
		for constant: String in actual:
			assert_true(
				expected.has(constant) or EXTRA_CONSTANTS.has(constant), "%s.%s is not known" % [name, constant])
	var names := Array(ClassDB.class_get_enum_list(CLASS, true))
	names.sort()
	assert_equal(names, ["Method", "ResponseCode", "Status"], "enums")


func test_all_81_constants_of_the_reference_have_its_values() -> void:
	var constants := _whole_numbers(_read_dump(REFERENCE)["constants"])
	assert_equal(constants.size(), CONSTANTS_IN_REFERENCE, "constants in the reference")
	for name: String in constants:
		assert_true(ClassDB.class_has_integer_constant(CLASS, name), "%s is missing" % name)
		assert_equal(ClassDB.class_get_integer_constant(CLASS, name), constants[name], name)
		assert_not_equal(ClassDB.class_get_integer_constant_enum(CLASS, name, true), &"", "the enum of " + name)


func test_there_is_no_constant_that_nobody_knows() -> void:
	var known: Dictionary = _read_dump(REFERENCE)["constants"]
	for name: String in ClassDB.class_get_integer_constant_list(CLASS, true):
		assert_true(known.has(name) or EXTRA_CONSTANTS.has(name), "the constant %s is not known" % name)


func test_there_are_no_signals() -> void:
	assert_equal(ClassDB.class_get_signal_list(CLASS, true).size(), 0, "signals")


func test_the_base_class_is_ref_counted() -> void:
	assert_equal(ClassDB.get_parent_class(CLASS), &"RefCounted", "base class")


func test_the_class_of_connections_is_a_stream_peer() -> void:
	assert_equal(ClassDB.get_parent_class(&"HTTPClientRustStream"), &"StreamPeerExtension", "base class")
	var methods := _registered_methods(&"HTTPClientRustStream")
	var expected := {
		"get_status": "get_status() -> int const", "poll": "poll() -> Error const",
		"get_connected_host": "get_connected_host() -> String const", "get_connected_port": "get_connected_port() -> int const",
		"get_local_port": "get_local_port() -> int const", "set_no_delay": "set_no_delay(enabled: bool) -> void const",
		"disconnect_from_host": "disconnect_from_host() -> void const",
	}
	for name: String in expected:
		# For a script, it makes no difference whether a method is const.
		assert_equal(
			str(methods.get(name, "missing")).trim_suffix(" const"), expected[name].trim_suffix(" const"), "its method " + name)


func test_class_db_can_make_one() -> void:
	assert_true(ClassDB.can_instantiate(CLASS), "ClassDB must be able to make a %s" % CLASS)
	var client := new_client(CLASS)
	if client != null:
		assert_equal(client.get_class(), String(CLASS), "get_class()")


func test_a_fresh_client_has_the_defaults_of_the_built_in() -> void:
	var expected := new_client(BUILT_IN)
	var actual := new_client(CLASS)
	if actual == null:
		return
	for property: String in ["blocking_mode_enabled", "read_chunk_size"]:
		assert_equal(actual.get(property), expected.get(property), property)
	assert_true(actual.get("connection") == null, "connection must be null, as the built-in's")
	for getter: String in [
			"get_status", "has_response", "is_response_chunked", "get_response_code", "get_response_headers",
			"get_response_headers_as_dictionary", "get_response_body_length"]:
		assert_equal(actual.call(getter), expected.call(getter), getter)
	assert_equal(actual.call("get_error_message"), "", "get_error_message() before anything failed")
	assert_equal(actual.get("read_timeout"), 0.0, "read_timeout, none")
	assert_equal(actual.get("trusted_ca_file"), "", "trusted_ca_file, none")
	assert_equal(actual.call("get_tls_info"), {}, "get_tls_info() without a connection")
	assert_equal(
		actual.get("connect_timeout"), float(ProjectSettings.get_setting("network/limits/tcp/connect_timeout_seconds", 30)),
		"connect_timeout, from the project settings")


func test_properties_and_their_methods_are_the_same_thing() -> void:
	var client := new_client(CLASS)
	if client == null:
		return
	client.set("blocking_mode_enabled", true)
	assert_equal(client.call("is_blocking_mode_enabled"), true, "is_blocking_mode_enabled()")
	client.call("set_read_chunk_size", 4096)
	assert_equal(client.get("read_chunk_size"), 4096, "read_chunk_size")
	client.set("read_timeout", 2.5)
	assert_equal(client.get("read_timeout"), 2.5, "read_timeout")
	client.set("connect_timeout", 1.25)
	assert_equal(client.get("connect_timeout"), 1.25, "connect_timeout")
	client.set("trusted_ca_file", "res://authorities.pem")
	assert_equal(client.call("get_trusted_ca_file"), "res://authorities.pem", "get_trusted_ca_file()")


func test_the_class_and_its_enums_are_types_in_gdscript() -> void:
	# This is a separate script, because it does not parse without the extension.
	var script := load("res://tests/fixtures/typed_use.gd") as GDScript
	if not assert_true(script != null and script.can_instantiate(), "a script that extends %s must load" % CLASS):
		return
	var client: RefCounted = script.new("mine")
	assert_equal(client.get("label"), "mine", "a variable that the script's own _init() set")
	assert_equal(client.get("answer"), 418, "RESPONSE_IM_A_TEAPOT")
	assert_equal(client.call("status_now"), HTTPClient.STATUS_DISCONNECTED, "an inherited method")
	assert_equal(client.call("poll_as", client), ERR_UNCONFIGURED, "poll() of a client that is not connected")
	assert_equal(script.call("both_names_of_status_nine"), [9, 9] as Array[int], "both names of status 9")
	assert_equal(script.call("one_method_after_the_other").size(), 3, "an array typed with the enum")
	var made: RefCounted = script.call("made_by_new")
	assert_equal(made.get_class(), String(CLASS), "HTTPClientRust.new()")


func test_a_script_that_extends_it_makes_requests_like_the_class_itself() -> void:
	var script := load("res://tests/fixtures/typed_use.gd") as GDScript
	if not assert_true(script != null and script.can_instantiate(), "a script that extends %s must load" % CLASS):
		return
	var client: RefCounted = script.new("mine")
	await connect_client(client)
	var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
	assert_equal(answer.code, 200, "response code")
	assert_equal(answer.text(), "Hello from the embedded server.\n", "body")


func _compare_methods(dump: Dictionary) -> void:
	var expected := _dumped_methods(dump, CLASS)
	var actual := _registered_methods(CLASS)
	for name: String in expected:
		var signature: String = DIFFERENT_METHODS[name][0] if DIFFERENT_METHODS.has(name) else expected[name]
		assert_equal(actual.get(name, "missing"), signature, "%s of %s" % [name, dump["engine"]])


func _read_dump(path: String) -> Dictionary:
	return JSON.parse_string(FileAccess.get_file_as_string(path))


## Signatures by name. The enums of HTTPClient in the dump become those of `client_class`.
func _dumped_methods(dump: Dictionary, client_class: StringName) -> Dictionary:
	var signatures := {}
	for method: Dictionary in dump["methods"]:
		var shown := PackedStringArray()
		for argument: Dictionary in method["args"]:
			var type := str(argument["type"])
			var part := "%s: %s" % [argument["name"], type]
			if argument.has("default"):
				var value: Variant = argument["default"]
				part += " = " + _shown_default(int(value) if type == "int" else value)
			shown.append(part)
		var signature := _signature(method["name"], shown, method["returns"], method["const"])
		signatures[method["name"]] = signature.replace("HTTPClient.", client_class + ".")
	return signatures


func _registered_methods(client_class: StringName) -> Dictionary:
	var signatures := {}
	for method: Dictionary in ClassDB.class_get_method_list(client_class, true):
		var defaults: Array = method["default_args"]
		var method_arguments: Array = method["args"]
		var shown := PackedStringArray()
		for index: int in method_arguments.size():
			var argument: Dictionary = method_arguments[index]
			var part := "%s: %s" % [argument["name"], _type_name(argument, false)]
			var default_index := index - (method_arguments.size() - defaults.size())
			if default_index >= 0:
				part += " = " + _shown_default(defaults[default_index])
			shown.append(part)
		var is_const := bool(method["flags"] & METHOD_FLAG_CONST)
		signatures[method["name"]] = _signature(method["name"], shown, _type_name(method["return"], true), is_const)
	return signatures


func _registered_properties(client_class: StringName) -> Dictionary:
	var properties := {}
	for property: Dictionary in ClassDB.class_get_property_list(client_class, true):
		if property["usage"] & (PROPERTY_USAGE_GROUP | PROPERTY_USAGE_CATEGORY | PROPERTY_USAGE_SUBGROUP):
			continue
		var name: String = property["name"]
		properties[name] = {
			"type": _type_name(property, false), "hint": property["hint"], "hint_string": property["hint_string"],
			"usage": property["usage"],
		}
		# Godot 4.3 has no methods to query these two.
		if ClassDB.has_method("class_get_property_getter"):
			properties[name]["getter"] = str(ClassDB.call("class_get_property_getter", client_class, name))
			properties[name]["setter"] = str(ClassDB.call("class_get_property_setter", client_class, name))
	return properties


func _registered_enum(client_class: StringName, enum_name: String) -> Dictionary:
	var values := {}
	for constant: String in ClassDB.class_get_enum_constants(client_class, enum_name, true):
		values[constant] = ClassDB.class_get_integer_constant(client_class, constant)
	return values


func _signature(name: String, shown: PackedStringArray, returns: String, is_const: bool) -> String:
	return "%s(%s) -> %s%s" % [name, ", ".join(shown), returns, " const" if is_const else ""]


func _type_name(info: Dictionary, returned: bool) -> String:
	if info["class_name"] != &"":
		return info["class_name"]
	if info["type"] == TYPE_NIL:
		var is_void := returned and not bool(info["usage"] & PROPERTY_USAGE_NIL_IS_VARIANT)
		return "void" if is_void else "Variant"
	return type_string(info["type"])


func _shown_default(value: Variant) -> String:
	return "null" if value == null else var_to_str(value)


## Converts floats to integers: every number in JSON is a float.
func _whole_numbers(numbers: Dictionary) -> Dictionary:
	var whole := {}
	for name: String in numbers:
		whole[name] = int(numbers[name])
	return whole
