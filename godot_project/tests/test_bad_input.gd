# deadline: 120
# Bad arguments are logged, as by the built-in class. All of the errors here are expected; see _assert_refused().
# expect-log: ^ERROR: HTTPClientRust\.\w+\(\): .+
extends "res://tests/support/test_case.gd"
## Mistakes of a script: each returns its Error with a message, logs one error, and has no other effect.

## A stream that tries to add a header to the request.
class PlantingStream extends StreamPeerTCP:
	@warning_ignore("native_method_override")
	func get_connected_host() -> String:
		return "host.test\r\nX-Planted: yes"


## Collects the logged errors; null before Godot 4.5, where scripts cannot read the log.
var _log: RefCounted


func _init() -> void:
	if ClassDB.class_exists(&"Logger"):
		_log = (load("res://tests/support/error_log.gd") as GDScript).new()
		OS.call(&"add_logger", _log)


func _notification(what: int) -> void:
	if what == NOTIFICATION_PREDELETE and _log != null:
		OS.call(&"remove_logger", _log)


func test_a_host_that_is_none() -> void:
	for host: String in ["", " ", "http://", "https://", "not a host", "a..b", ".", "%zz", "host.example/a/b", "[", "]"]:
		var client: RefCounted = await connected_client()
		_assert_refused(client, func() -> int: return client.connect_to_host(host), ERR_INVALID_PARAMETER, "host '%s'" % host)
		assert_status(client, HTTPClient.STATUS_DISCONNECTED, "the old connection is closed first; status")


func test_a_port_that_is_none() -> void:
	for port: int in [0, 65536, 1 << 31, 1 << 32, (1 << 32) + port_of("http"), 1 << 40, 1 << 62]:
		var client: RefCounted = await connected_client()
		_assert_refused(
			client, func() -> int: return client.connect_to_host("127.0.0.1", port), ERR_INVALID_PARAMETER, "port %d" % port)
		assert_contains(client.get_error_message(), str(port), "message")
		assert_status(client, HTTPClient.STATUS_DISCONNECTED, "the old connection is closed first; status")


func test_a_third_argument_that_is_neither_bool_nor_tls_options() -> void:
	for wrong: Variant in [1, "true", [], RefCounted.new(), StreamPeerBuffer.new()]:
		var client := new_client()
		_assert_refused(
			client, func() -> int: return client.connect_to_host("127.0.0.1", 80, wrong), ERR_INVALID_PARAMETER,
			"third argument %s" % [wrong])


func test_tls_options_of_a_server() -> void:
	var options := TLSOptions.server(CryptoKey.new(), X509Certificate.new())
	var client := new_client()
	_assert_refused(
		client, func() -> int: return client.connect_to_host("127.0.0.1", 80, options), ERR_INVALID_PARAMETER, "server options")


func test_a_request_while_not_connected() -> void:
	var client := new_client()
	_assert_refused(
		client, func() -> int: return client.request(HTTPClient.METHOD_GET, "/", []), ERR_INVALID_PARAMETER, "request()")
	_assert_refused(
		client, func() -> int: return client.request_raw(HTTPClient.METHOD_GET, "/", [], PackedByteArray()),
		ERR_INVALID_PARAMETER, "request_raw()")
	assert_status(client, HTTPClient.STATUS_DISCONNECTED)


func test_a_request_while_connecting() -> void:
	var client := new_client()
	client.connect_to_host(host_of("never-accepts"), port_of("never-accepts"))
	_assert_refused(
		client, func() -> int: return client.request(HTTPClient.METHOD_GET, "/", []), ERR_INVALID_PARAMETER, "request()")
	assert_status(client, HTTPClient.STATUS_CONNECTING)


func test_a_method_out_of_range() -> void:
	for method: int in [-1, 9, 10, 255, 1 << 31, 1 << 32, 1 << 40, -(1 << 40), 9_223_372_036_854_775_807]:
		await _assert_request_refused([method, "/hello", PackedStringArray(), ""], "method %d" % method)


func test_a_header_that_is_none() -> void:
	for header: String in [
			"nothing", "", " ", ":", ": value", " : value", "Na me: value", "Name : value", " Name: value", "\tName: value",
			"Nam\u00e9: value", "Na(me): value", "Name\u0001: value", "\"Name\": value"]:
		await _assert_request_refused(
			[HTTPClient.METHOD_GET, "/hello", PackedStringArray(["X-Good: 1", header]), ""], "header %s" % var_to_str(header))


func test_a_header_with_control_characters() -> void:
	for character: String in ["\r", "\n", "\r\n", "\n ", "\r\n\t", "\u0001", "\u007f"]:
		await _assert_request_refused(
			[HTTPClient.METHOD_GET, "/hello", PackedStringArray(["X-A: a%sb" % character]), ""],
			"value with %s" % var_to_str(character))
		await _assert_request_refused(
			[HTTPClient.METHOD_GET, "/hello", PackedStringArray(["X%sA: b" % character]), ""],
			"name with %s" % var_to_str(character))


func test_a_tab_inside_a_header_value_is_fine() -> void:
	var client: RefCounted = await connected_client()
	var echo := echoed(await exchange(client, HTTPClient.METHOD_GET, "/echo", PackedStringArray(["X-A: a\tb"])))
	assert_equal(sent_values(echo, "X-A"), PackedStringArray(["a\tb"]), "value")


func test_a_url_with_control_characters() -> void:
	for character: String in ["\r", "\n", "\r\n", "\u0001", "\u001f", "\u007f", "\t"]:
		await _assert_request_refused(
			[HTTPClient.METHOD_GET, "/hello%sx" % character, PackedStringArray(), ""], "URL with %s" % var_to_str(character))


func test_an_authority_that_is_none_with_connect() -> void:
	for target: String in ["/hello", "", ":", "host", ":80", "host:"]:
		await _assert_request_refused([HTTPClient.METHOD_CONNECT, target, PackedStringArray(), ""], "CONNECT '%s'" % target)


func test_trace_with_a_body() -> void:
	await _assert_request_refused([HTTPClient.METHOD_TRACE, "/hello", PackedStringArray(), "body"], "TRACE with text")
	await _assert_request_refused(
		[HTTPClient.METHOD_TRACE, "/hello", PackedStringArray(), PackedByteArray([1])], "TRACE with bytes")


func test_a_content_length_that_contradicts_the_body() -> void:
	for stated: String in ["0", "3", "5", "-4", "+4", "0x4", "4 4", "4,5", "four", "99999999999999999999999"]:
		await _assert_request_refused(
			[HTTPClient.METHOD_POST, "/upload", PackedStringArray(["Content-Length: " + stated]), "four"],
			"Content-Length: " + stated)
	await _assert_request_refused(
		[HTTPClient.METHOD_GET, "/hello", PackedStringArray(["Content-Length: 4"]), ""], "a length without a body")
	await _assert_request_refused(
		[HTTPClient.METHOD_POST, "/upload", PackedStringArray(["Content-Length: 4", "Content-Length: 5"]), "four"], "two lengths")


func test_a_read_outside_of_a_body() -> void:
	var fresh := new_client()
	_assert_read_refused(fresh, "new")
	assert_status(fresh, HTTPClient.STATUS_DISCONNECTED)
	var client: RefCounted = await connected_client()
	_assert_read_refused(client, "connected")
	assert_status(client, HTTPClient.STATUS_CONNECTED)
	await _assert_still_works(client, "a read outside of a body")
	client.request(HTTPClient.METHOD_GET, "/slow?ms=100", [])
	_assert_read_refused(client, "requesting")
	assert_status(client, HTTPClient.STATUS_REQUESTING)


func test_a_read_chunk_size_out_of_range() -> void:
	var client := new_client()
	client.read_chunk_size = 1000
	for size: int in [255, 0, -1, -256, (1 << 24) + 1, 1 << 31, 1 << 32, (1 << 32) + 1000, 1 << 40]:
		_assert_logs(func() -> void: client.set_read_chunk_size(size), "set_read_chunk_size(%d)" % size)
		assert_equal(client.read_chunk_size, 1000, "read_chunk_size after %d" % size)
		assert_contains(client.get_error_message(), str(size), "message")


func test_null_as_connection() -> void:
	var client: RefCounted = await connected_client()
	_assert_logs(func() -> void: client.set_connection(null), "set_connection(null)")
	assert_not_equal(client.get_error_message(), "", "message")
	await _assert_still_works(client, "set_connection(null)")


func test_a_timeout_that_is_none() -> void:
	var client := new_client()
	for property: StringName in [&"read_timeout", &"connect_timeout"]:
		client.set(property, 2.0)
		for wrong: float in [-1.0, NAN, -INF, INF, -1e300]:
			_assert_logs(func() -> void: client.set(property, wrong), "%s = %s" % [property, wrong])
			assert_equal(client.get(property), 2.0, "%s after %s" % [property, wrong])


func test_a_timeout_beyond_all_measure_is_cut() -> void:
	for property: StringName in [&"read_timeout", &"connect_timeout"]:
		for long: float in [1e10, 1e18, 1e19]:
			var client := new_client()
			client.set(property, long)
			assert_equal(client.get(property), 1e9, "%s after %s" % [property, long])
			client.blocking_mode_enabled = true
			client.connect_to_host(host_of("http"), port_of("http"))
			while client.get_status() == HTTPClient.STATUS_CONNECTING:
				client.poll()
			await _assert_still_works(client, "%s of %s" % [property, long])
			assert_equal(client.get_error_message(), "", "message")


func test_a_projects_timeout_beyond_all_measure_is_cut() -> void:
	var setting := "network/limits/tcp/connect_timeout_seconds"
	var before: Variant = ProjectSettings.get_setting(setting)
	ProjectSettings.set_setting(setting, 9_223_372_036_854_775_807)
	var client := new_client()
	ProjectSettings.set_setting(setting, before)
	assert_equal(client.connect_timeout, 1e9, "connect_timeout")
	await connect_client(client)
	await _assert_still_works(client, "a setting beyond all measure")


func test_a_stream_whose_script_has_methods_of_another_kind() -> void:
	GDExtensionManager.load_extension("res://.godot/test_peer.gdextension")
	for methods: String in [
			"func poll(_wanted: int) -> int:\n\treturn 0\n", "func get_status(_wanted: int) -> int:\n\treturn 2\n",
			"func get_status() -> String:\n\treturn 'connected'\n\n\nfunc poll() -> Array:\n\treturn []\n",
			"func get_connected_host(_a: int) -> int:\n\treturn 3\n\n\nfunc get_connected_port() -> String:\n\treturn 'x'\n"]:
		var script := GDScript.new()
		script.source_code = "extends StreamPeerExtension\n\n\n" + methods
		assert_error(script.reload(), OK, "the script")
		var peer: StreamPeer = ClassDB.instantiate(&"TestPeer")
		peer.set_script(script)
		var client := new_client()
		client.set_connection(peer)
		var error: int = client.request(HTTPClient.METHOD_GET, "/", [])
		if methods.contains("String"):
			assert_error(error, OK, "request()")
			assert_error(client.poll(), OK, "poll()")
		else:
			assert_error(error, ERR_CONNECTION_ERROR, "request()")
			assert_status(client, HTTPClient.STATUS_CONNECTION_ERROR)
			assert_contains(client.get_error_message(), "cannot be called", "message")
		client.close()
		assert_equal(peer.get_reference_count(), 1, "references to the peer")


func test_many_header_fields_are_joined_by_name_like_few() -> void:
	for count: int in [5, 31, 32, 33, 1000]:
		var reply := "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
		var expected := {"Content-Length": "0"}
		var names := {}
		for index: int in count:
			@warning_ignore("integer_division")
			var slot := index % (count / 2 + 1)
			var name := "%s-%d" % ["Name" if index % 3 > 0 else "NAME", slot]
			reply += "%s: v%d\r\n" % [name, index]
			var first: String = names.get_or_add(slot, name)
			expected[first] = "%s; v%d" % [expected[first], index] if expected.has(first) else "v%d" % index
		var answer := await answer_to(reply + "\r\n", false)
		assert_equal(answer.client.get_response_headers_as_dictionary(), expected, "%d fields" % count)


func test_polling_without_a_connection_is_no_misuse() -> void:
	var client := new_client()
	for round_number: int in 3:
		assert_error(client.poll(), ERR_UNCONFIGURED, "poll()")
	assert_status(client, HTTPClient.STATUS_DISCONNECTED)


func test_random_strings_as_arguments_have_no_effect() -> void:
	var random := RandomNumberGenerator.new()
	random.seed = 20_250_101
	var client: RefCounted = await connected_client()
	for round_number: int in 200:
		var garbage := ""
		for index: int in random.randi_range(1, 20):
			garbage += String.chr([random.randi_range(1, 31), random.randi_range(127, 160)].pick_random())
		assert_error(client.request(HTTPClient.METHOD_GET, "/" + garbage + "\n", []), ERR_INVALID_PARAMETER, "URL")
		assert_error(client.request(HTTPClient.METHOD_GET, "/", [garbage + ": 1"]), ERR_INVALID_PARAMETER, "header")
	await _assert_still_works(client, "random strings")


func test_a_proxy_that_is_none() -> void:
	var client := new_client()
	for proxy: Array in [
			["socks5://127.0.0.1", 1080], ["https://127.0.0.1", 3128], ["a b", 3128], ["127.0.0.1", 0], ["127.0.0.1", 65536],
			["127.0.0.1\r\n", 80]]:
		for setter: StringName in [&"set_http_proxy", &"set_https_proxy"]:
			_assert_logs(func() -> void: client.callv(setter, proxy), "%s(%s)" % [setter, proxy])
			assert_contains(client.get_error_message(), "proxy", "message")
	# An invalid proxy must not lead to a connection without a proxy.
	_assert_refused(
		client, func() -> int: return client.connect_to_host("127.0.0.1", port_of("http")), ERR_INVALID_PARAMETER,
		"connect_to_host() with a proxy that is none")
	client.set_http_proxy("", -1)
	await connect_client(client)
	await _assert_still_works(client, "proxies that are none")


func test_a_trusted_ca_file_that_is_none() -> void:
	var empty := FileAccess.open("user://empty.pem", FileAccess.WRITE)
	empty.close()
	for path: String in ["res://nothing.pem", "user://empty.pem", "/", "res://"]:
		var client := new_client()
		client.trusted_ca_file = path
		_assert_refused(
			client, func() -> int: return client.connect_to_host("127.0.0.1", 443, true), ERR_FILE_CANT_OPEN, "file " + path)
		assert_contains(client.get_error_message(), path, "message")


func test_tls_options_with_an_empty_certificate() -> void:
	var client := new_client()
	_assert_refused(
		client, func() -> int: return client.connect_to_host("127.0.0.1", 443, TLSOptions.client(X509Certificate.new())),
		ERR_INVALID_PARAMETER, "an empty certificate")


func test_a_stream_with_a_host_that_is_none() -> void:
	var stream := PlantingStream.new()
	stream.connect_to_host("127.0.0.1", port_of("http"))
	while stream.get_status() == StreamPeerTCP.STATUS_CONNECTING:
		stream.poll()
		await wait_frames(1)
	var client: RefCounted = await connected_client()
	_assert_logs(func() -> void: client.set_connection(stream), "set_connection() with a host that is none")
	assert_contains(client.get_error_message(), "the stream is connected to the host", "message")
	await _assert_still_works(client, "a stream with a host that is none")


func test_a_stream_that_is_not_connected() -> void:
	var client := new_client()
	client.set_connection(StreamPeerTCP.new())
	assert_not_equal(client.request(HTTPClient.METHOD_GET, "/", []), OK, "request()")
	assert_contains(client.get_error_message(), "not connected", "message")
	await connect_client(client)
	await _assert_still_works(client, "a stream that is not connected")


## The request is refused, and the connection still serves the next one.
func _assert_request_refused(request: Array, what: String) -> void:
	var client: RefCounted = await connected_client()
	var method := &"request_raw" if request[3] is PackedByteArray else &"request"
	_assert_refused(client, func() -> int: return client.callv(method, request), ERR_INVALID_PARAMETER, what)
	assert_status(client, HTTPClient.STATUS_CONNECTED, "status after " + what)
	await _assert_still_works(client, what)


func _assert_still_works(client: RefCounted, after: String) -> void:
	var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
	assert_equal(answer.code, 200, "the next request after %s: code" % after)
	assert_equal(answer.text(), "Hello from the embedded server.\n", "the next request after %s: body" % after)


func _assert_refused(client: RefCounted, attempt: Callable, expected: int, what: String) -> void:
	_assert_logs(func() -> void: assert_error(attempt.call(), expected, what), what)
	assert_not_equal(client.get_error_message(), "", "message for " + what)


func _assert_read_refused(client: RefCounted, when: String) -> void:
	var read := func() -> void: assert_equal(client.read_response_body_chunk(), PackedByteArray(), "chunk when " + when)
	_assert_logs(read, "read when " + when)
	assert_not_equal(client.get_error_message(), "", "message for a read when " + when)


## Checks that a mistake logs exactly one error.
func _assert_logs(attempt: Callable, what: String) -> void:
	if _log == null:
		attempt.call()
		return
	_log.set("messages", PackedStringArray())
	attempt.call()
	var messages: PackedStringArray = _log.get("messages")
	assert_true(messages.size() == 1, "%s: expected one error in the log, got %s" % [what, messages])
