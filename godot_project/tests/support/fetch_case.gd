extends "res://tests/support/test_case.gd"
## The common functions of the tests of sessions, tasks and nodes.

const SUCCESS := 0
const CANCELLED := 100
const INVALID_REQUEST := 101
const HELLO := "Hello from the embedded server.\n"


## A new session. Fails if the class is missing.
func new_session() -> RefCounted:
	return made(&"HTTPSessionRust")


func made(name: StringName) -> Object:
	var object := instance_of(name)
	assert_true(object != null, "there must be a class %s" % name)
	return object


func url(path: String, server := "http") -> String:
	return "%s://%s%s" % ["https" if server == "https" else "http", address_of(server), path]


## A URL whose response is exactly these bytes. After them, the server closes the connection or keeps it open.
func url_of_reply(reply: Variant, close := true, options := "") -> String:
	return url(reply_target(reply, close, options), "raw")


func response_with(headers: PackedStringArray, body: PackedByteArray, code := "200 OK") -> PackedByteArray:
	var head := "HTTP/1.1 %s\r\nContent-Length: %d\r\n" % [code, body.size()]
	for header: String in headers:
		head += header + "\r\n"
	return (head + "\r\n").to_utf8_buffer() + body


## Waits until a task is completed, and returns its response. Fails if that takes too long.
func response_of(task: RefCounted, what := "task") -> RefCounted:
	if not assert_true(task != null, "%s: there must be a task" % what):
		return null
	var end := Time.get_ticks_msec() + 20_000
	while not task.is_completed() and Time.get_ticks_msec() < end:
		await wait_frames(1)
	assert_true(task.is_completed(), "%s: completed" % what)
	return task.get_response()


## Makes a request, and returns its response.
func fetched(session: RefCounted, at: String, headers := PackedStringArray(), method := 0, body: Variant = null) -> RefCounted:
	return await response_of(session.fetch(at, headers, method, body), at.left(80))


func assert_response(response: RefCounted, result: int, code: int, what := "response") -> bool:
	if not assert_true(response != null, what + ": there must be a response"):
		return false
	var found := [response.get_result(), response.get_response_code()]
	return assert_true(
		found == [result, code],
		"%s: expected result %d and code %d, got %s: %s" % [what, result, code, found, response.get_error_message()])


## The request as the server received it.
func echo_of(response: RefCounted) -> Dictionary:
	var parsed: Variant = response.get_json() if response != null else null
	if parsed is Dictionary and (parsed as Dictionary).has("headers"):
		return parsed
	assert_true(false, "expected the server's JSON")
	return {"method": "", "target": "", "headers": [], "body_text": ""}


## Records every signal of a task, with its arguments and its frame.
func recorded(task: RefCounted) -> Array[Array]:
	var events: Array[Array] = []
	var note := func(what: String, values: Array) -> void:
		events.append([what, values, Engine.get_process_frames(), OS.get_thread_caller_id() == OS.get_main_thread_id()])
	task.response_started.connect(func(response: RefCounted) -> void: note.call("response_started", [response]))
	task.completed.connect(func(response: RefCounted) -> void: note.call("completed", [response]))
	task.progressed.connect(func(bytes: int, total: int) -> void: note.call("progressed", [bytes, total]))
	task.upload_progressed.connect(func(bytes: int, total: int) -> void: note.call("upload_progressed", [bytes, total]))
	task.chunk_received.connect(func(chunk: PackedByteArray) -> void: note.call("chunk_received", [chunk]))
	task.event_received.connect(
		func(type: String, data: String, id: String) -> void: note.call("event_received", [type, data, id]))
	task.retrying.connect(
		func(attempt: int, seconds: float, reason: String) -> void: note.call("retrying", [attempt, seconds, reason]))
	return events


func named(events: Array[Array], name: String) -> Array[Array]:
	return events.filter(func(event: Array) -> bool: return event[0] == name)


func folder() -> String:
	var path := OS.get_user_data_dir().path_join("fetch-%d" % OS.get_process_id())
	DirAccess.make_dir_recursive_absolute(path)
	return path


func remove_folder() -> void:
	for file: String in DirAccess.get_files_at(folder()):
		DirAccess.remove_absolute(folder().path_join(file))
	DirAccess.remove_absolute(folder())


## The signatures of all methods that a class declares itself, by name.
func signatures_of(name: StringName) -> Dictionary:
	var signatures := {}
	for method: Dictionary in ClassDB.class_get_method_list(name, true):
		if str(method["name"]).begins_with("_"):
			continue
		var defaults: Array = method["default_args"]
		var taken: Array = method["args"]
		var shown := PackedStringArray()
		for index: int in taken.size():
			var part := "%s: %s" % [taken[index]["name"], type_of(taken[index], false)]
			var default_index := index - (taken.size() - defaults.size())
			if default_index >= 0:
				part += " = " + var_to_str(defaults[default_index])
			shown.append(part)
		signatures[method["name"]] = "%s%s(%s) -> %s" % [
			"static " if method["flags"] & METHOD_FLAG_STATIC else "", method["name"], ", ".join(shown),
			type_of(method["return"], true)]
	return signatures


func type_of(info: Dictionary, returned: bool) -> String:
	if info["class_name"] != &"":
		return info["class_name"]
	if info["type"] == TYPE_NIL:
		return "void" if returned and not info["usage"] & PROPERTY_USAGE_NIL_IS_VARIANT else "Variant"
	if info["type"] == TYPE_ARRAY and info["hint"] == PROPERTY_HINT_ARRAY_TYPE:
		return "Array[%s]" % info["hint_string"]
	return type_string(info["type"])


## Fails unless a class has exactly these methods in addition to the accessors of its properties.
func assert_methods(name: StringName, expected: PackedStringArray) -> void:
	var actual := signatures_of(name)
	for property: Dictionary in ClassDB.class_get_property_list(name, true):
		actual.erase(str(ClassDB.class_get_property_getter(name, property["name"])))
		actual.erase(str(ClassDB.class_get_property_setter(name, property["name"])))
	var found := Array(actual.values())
	for signature: String in expected:
		assert_true(found.has(signature), "%s must have %s, it has %s" % [
			name, signature, actual.get(signature.trim_prefix("static ").get_slice("(", 0), "nothing of that name")])
		found.erase(signature)
	assert_equal(found, [], "methods of %s that nobody knows" % name)


func assert_signals(name: StringName, expected: PackedStringArray) -> void:
	var found := []
	for info: Dictionary in ClassDB.class_get_signal_list(name, true):
		var shown := PackedStringArray()
		for argument: Dictionary in info["args"]:
			shown.append("%s: %s" % [argument["name"], type_of(argument, false)])
		found.append("%s(%s)" % [info["name"], ", ".join(shown)])
	found.sort()
	var wanted := Array(expected)
	wanted.sort()
	assert_equal(found, wanted, "signals of %s" % name)


func assert_enum(name: StringName, enum_name: StringName, expected: Dictionary) -> void:
	var found := {}
	for constant: String in ClassDB.class_get_enum_constants(name, enum_name, true):
		found[constant] = ClassDB.class_get_integer_constant(name, constant)
	assert_equal(found, expected, "%s.%s" % [name, enum_name])
