extends "res://tests/support/test_case.gd"
## Requests that are copied from the console as GDScript and as curl commands: they send what the console sends.

const ConsoleExchange := preload("res://addons/http_client_rust/console/exchange.gd")
const Snippets := preload("res://addons/http_client_rust/console/snippets.gd")


func _init() -> void:
	deadline_seconds = 90.0


func test_what_is_copied_as_gdscript_runs_as_pasted() -> void:
	for request: Dictionary in [
			{"method": "GET", "target": "/echo?q=1&p={body}", "headers": ["X-One: it's \"quoted\""], "body": ""},
			{"method": "POST", "target": "/echo", "headers": ["Content-Type: application/json"],
				"body": "{\"text\": \"two\nlines, a \\ and {headers} 'here' – ü?\"}"},
			{"method": "PATCH", "target": "/echo", "headers": [], "body": "a=1\\n"},
			{"method": "PUT", "target": "/echo", "headers": [], "bytes": PackedByteArray([0x61, 0, 0xff])}]:
		var sent := _exchange(request)
		for source: String in [Snippets.as_gdscript(sent), Snippets.as_client_gdscript(sent)]:
			var body := await _body_of_copied(source)
			var echo: Variant = JSON.parse_string(body.get_string_from_utf8())
			if not assert_true(echo is Dictionary, "the echo must be JSON"):
				continue
			assert_equal(echo["method"], request["method"], "method")
			assert_equal(echo["target"], request["target"].replace("{", "%7B").replace("}", "%7D"), "target")
			if request.has("bytes"):
				assert_equal(int(echo["body_crc32"]), crc32(request["bytes"]), "checksum of the body")
			else:
				assert_equal(str(echo["body_text"]), str(request["body"]), "body")
			for header: String in request["headers"]:
				var value := header.substr(header.find(":") + 2)
				assert_equal(sent_values(echo, header.get_slice(":", 0)), PackedStringArray([value]), header)


func test_what_is_copied_has_the_settings_of_the_request() -> void:
	var sent := _exchange({"method": "GET", "target": "/redirect"})
	assert_contains(Snippets.as_gdscript(sent), "HTTPSessionRust.shared().fetch(")
	sent.follows = false
	sent.verify = false
	sent.retries = 2
	sent.read_timeout = 5.0
	sent.ca_file = "res://a.pem"
	var source := Snippets.as_gdscript(sent)
	for line: String in [
			"session.trusted_ca_file = \"res://a.pem\"", "session.set_tls_options(TLSOptions.client_unsafe())",
			"session.stall_timeout = 5.0", "session.max_redirects = 0", "session.max_retries = 2"]:
		assert_contains(source, "\t%s\n" % line)
	sent.ca_file = ""
	var node := await _node_of(Snippets.as_gdscript(sent))
	if node != null:
		var response: HTTPResponseRust = await node.call("send")
		assert_equal(response.get_response_code(), 302, "a redirect that is not followed")
		node.queue_free()
	await wait_frames(2)


func test_what_is_copied_of_an_event_stream_gives_its_events() -> void:
	var sent := _exchange({"method": "POST", "target": "/events?count=2"})
	sent.listens = true
	var node := await _node_of(Snippets.as_gdscript(sent))
	if node == null:
		return
	var task: HTTPTaskRust = node.call("send")
	var seen := PackedStringArray()
	task.event_received.connect(func(_type: String, data: String, _id: String) -> void: seen.append(data))
	await task.wait()
	assert_equal(seen, PackedStringArray(["event 1", "event 2"]), "events")
	node.queue_free()
	await wait_frames(2)


func test_a_copied_request_that_fails_says_why() -> void:
	var sent := ConsoleExchange.new()
	sent.url = "http://127.0.0.1:%d/" % refused_port()
	sent.verify = false
	var node := await _node_of(Snippets.as_gdscript(sent))
	if node != null:
		var response: HTTPResponseRust = await node.call("send")
		assert_contains(response.get_error_message(), str(refused_port()))
		node.queue_free()
	node = await _node_of(Snippets.as_client_gdscript(sent))
	if node != null:
		var answer: Dictionary = await node.call("send")
		assert_contains(answer["error"], str(refused_port()))
		node.queue_free()
	await wait_frames(2)


func test_what_is_copied_as_curl_has_every_part_as_one_word() -> void:
	var sent := _exchange({"method": "POST", "target": "/a?b=c&d", "headers": ["X-A: it's"], "body": "{\"a\": 1}"})
	assert_equal(
		Snippets.as_curl(sent),
		"curl --globoff --path-as-is --include --request POST --header 'X-A: it'\\''s' --header 'Content-Type:' "
			+ "--data-raw '{\"a\": 1}' --location --url 'http://%s/a?b=c&d'" % address_of("http"), "command")


func test_what_is_copied_as_curl_sends_what_the_console_sends() -> void:
	var has_curl := OS.get_name() != "Windows" and OS.execute("sh", ["-c", "command -v curl base64"]) == 0
	if not has_curl:
		print("there is no curl on this machine: the copied commands were not run")
	for request: Dictionary in [
			{"method": "GET", "target": "/echo?q={a}&r=[1-3]&s=a b&t=\u00fc|^`\"<>\\"},
			{"method": "GET", "target": "/echo?p=/../x&it's=$HOME"},
			{"method": "GET", "target": "/echo", "body": "a body of a GET"},
			{"method": "POST", "target": "/echo", "body": "@/etc/hostname"},
			{"method": "POST", "target": "/echo", "body": "a=1&b=\u20ac\n'two' lines\\n", "headers": ["Content-Type: text/plain", "X-Empty:"]},
			{"method": "POST", "target": "/echo"}, {"method": "DELETE", "target": "/echo"},
			{"method": "OPTIONS", "target": "/echo"}, {"method": "PATCH", "target": "/echo", "body": "-X GET --url x"},
			{"method": "PUT", "target": "/echo", "bytes": PackedByteArray([0, 1, 255, 10, 13, 64])},
			{"method": "POST", "target": "/echo", "headers": ["@/etc/hostname", "no header"]}]:
		var sent := _exchange(request)
		var command := Snippets.as_curl(sent)
		assert_true(not command.contains("'@") or command.contains("--data-raw '@"), command)
		if not has_curl:
			continue
		var output: Array = []
		assert_equal(_run_in_shell(command, output), 0, command)
		var by_curl: Variant = JSON.parse_string(str(output[0]).get_slice("\r\n\r\n", 1))
		sent.headers = PackedStringArray(Array(sent.headers).filter(
			func(line: String) -> bool: return line.contains(":") and not line.begins_with("@")))
		sent.start()
		await _finish(sent)
		var by_us: Variant = JSON.parse_string(sent.answer_body.get_string_from_utf8())
		if not assert_true(by_curl is Dictionary and by_us is Dictionary, "%s\n%s\n%s" % [command, output[0], sent.message]):
			continue
		for key: String in ["method", "target", "body_length", "body_crc32", "body_text"]:
			assert_equal(by_curl[key], by_us[key], "%s of %s" % [key, command])
		for name: String in ["Content-Type", "Content-Length", "X-Empty", "Host"]:
			assert_equal(sent_values(by_curl, name), sent_values(by_us, name), "%s of %s" % [name, command])


func test_head_is_copied_with_one_option_and_ends() -> void:
	var sent := _exchange({"method": "HEAD", "target": "/hello", "body": "none of it is sent"})
	var command := Snippets.as_curl(sent)
	assert_equal(command, "curl --globoff --path-as-is -I --location --url 'http://%s/hello'" % address_of("http"), "command")
	if OS.get_name() != "Windows" and OS.execute("sh", ["-c", "command -v curl"]) == 0:
		var output: Array = []
		assert_equal(_run_in_shell(command, output), 0, "exit code")
		assert_contains(output[0], "200 OK")


func _exchange(request: Dictionary) -> ConsoleExchange:
	var sent := ConsoleExchange.new()
	sent.method = Snippets.METHODS.find(request["method"]) as HTTPClientRust.Method
	sent.url = "http://%s%s" % [address_of("http"), request["target"]]
	sent.headers = PackedStringArray(request.get("headers", []))
	sent.body = request.get("bytes", str(request.get("body", "")).to_utf8_buffer())
	return sent


## Runs a command from a file, because OS.execute() passes its arguments through a shell of its own.
func _run_in_shell(command: String, output: Array) -> int:
	var path := OS.get_user_data_dir().path_join("copied.sh")
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_string("NO_PROXY='*'\nexport NO_PROXY\n" + command.replace("curl ", "curl -sS ") + "\n")
	file.close()
	return OS.execute("sh", [path], output, true)


## The body that a copied script receives, whichever class it uses.
func _body_of_copied(source: String) -> PackedByteArray:
	var node := await _node_of(source)
	if node == null:
		return PackedByteArray()
	var answer: Variant = await node.call("send")
	node.queue_free()
	await wait_frames(2)
	if answer is HTTPResponseRust:
		var response: HTTPResponseRust = answer
		assert_equal([response.get_error_message(), response.get_response_code()], ["", 200], "error and code")
		return response.get_body()
	assert_equal([answer["error"], answer["code"]], ["", 200], "error and code")
	return answer["body"]


func _finish(sent: ConsoleExchange) -> void:
	while sent.is_running:
		sent.step()
		await tree.process_frame


## A node with this script, in the tree. Its _ready() is renamed, so that the request is not made twice.
func _node_of(source: String) -> Node:
	var script := GDScript.new()
	script.source_code = source.replace("func _ready()", "func not_ready()")
	if not assert_error(script.reload(), OK, "parsing what was copied:\n" + source):
		return null
	var node: Node = Node.new()
	node.set_script(script)
	tree.root.add_child.call_deferred(node)
	await wait_frames(2)
	return node
