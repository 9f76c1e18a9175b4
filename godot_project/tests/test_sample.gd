# deadline: 240
extends "res://tests/support/test_case.gd"
## The sample's screen and the console that it shares with the editor: every ready request comes to the end that it is
## there to show, and what is copied as code runs.

const Console := preload("res://addons/http_client_rust/console/console.gd")
const ConsoleExchange := preload("res://addons/http_client_rust/console/exchange.gd")
const Snippets := preload("res://addons/http_client_rust/console/snippets.gd")
const BodyText := preload("res://addons/http_client_rust/console/body_text.gd")
const Certificate := preload("res://addons/http_client_rust/console/certificate.gd")
const Requests := preload("res://demo/requests.gd")
const PATIENCE_MS := 40_000


func _init() -> void:
	deadline_seconds = 150.0


func test_every_ready_request_comes_to_the_end_that_it_is_there_to_show() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	for request: Dictionary in Requests.all(arguments):
		# The large ones take their time; others test them.
		if request.get("is_large", false):
			continue
		console.fill_in(request)
		console.send()
		await _wait_for(console)
		var exchange := console.exchange
		assert_equal(exchange.code, request.get("code", 200), "code of " + request["title"])
		assert_equal(not exchange.message.is_empty(), request.get("fails", false), "%s: %s" % [request["title"], exchange.message])
		assert_not_equal(console.status_text(), "", "status of " + request["title"])
	await _close(scene)


func test_a_download_shows_its_progress_and_can_be_cancelled() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	console.fill_in({"url": "http://%s/bytes/1000000?delay_ms=50" % address_of("http")})
	console.send()
	while console.exchange.is_running and console.exchange.received == 0:
		await tree.process_frame
	assert_equal(console.exchange.expected, 1_000_000, "expected bytes")
	assert_contains(console.status_text(), "receiving")
	console.cancel()
	assert_true(not console.exchange.is_running, "cancelling ends it")
	assert_contains(console.exchange.message, "Cancelled")
	await _close(scene)


func test_a_picture_is_shown_as_one() -> void:
	var scene := await _open_sample()
	var console: Console = scene.get("console")
	console.fill_in({"url": "http://%s/image.png" % address_of("http")})
	console.send()
	await _wait_for(console)
	assert_equal(BodyText.image_of(console.exchange.answer_body).get_size(), Vector2i(64, 64), "size of the picture")
	await _close(scene)


func test_tls_and_certificate_are_shown() -> void:
	var exchange := ConsoleExchange.new()
	exchange.url = "https://%s/hello" % address_of("https")
	exchange.ca_file = arguments.get("ca-file", "")
	exchange.start()
	while exchange.is_running:
		exchange.step()
		await tree.process_frame
	assert_equal(exchange.message, "", "error")
	assert_matches(exchange.tls.get("version", ""), "TLSv1\\.[23]")
	var facts := Certificate.facts_of(exchange.tls["peer_certificates"][0])
	for key: String in ["subject", "issuer"]:
		assert_not_equal(facts.get(key, ""), "", key)
	for key: String in ["from", "until"]:
		assert_matches(facts.get(key, ""), "^\\d{4}-\\d\\d-\\d\\d$", key)


func test_what_is_copied_as_gdscript_runs_as_pasted() -> void:
	for request: Dictionary in [
			{"method": "GET", "target": "/echo?q=1&p={body}", "headers": ["X-One: it's \"quoted\""], "body": ""},
			{"method": "POST", "target": "/echo", "headers": ["Content-Type: application/json"],
				"body": "{\"text\": \"two\nlines, a \\ and {headers} 'here' – ü?\"}"},
			{"method": "PATCH", "target": "/echo", "headers": [], "body": "a=1\\n"},
			{"method": "PUT", "target": "/echo", "headers": [], "bytes": PackedByteArray([0x61, 0, 0xff])}]:
		var exchange := _exchange(request)
		var node := await _node_of(Snippets.as_gdscript(exchange))
		if node == null:
			return
		var answer: Dictionary = await node.call("send")
		assert_equal(answer["error"], "", "error")
		assert_equal(answer["code"], 200, "code")
		var echo: Variant = JSON.parse_string((answer["body"] as PackedByteArray).get_string_from_utf8())
		if assert_true(echo is Dictionary, "the echo must be JSON"):
			assert_equal(echo["method"], request["method"], "method")
			assert_equal(echo["target"], request["target"].replace("{", "%7B").replace("}", "%7D"), "target")
			if request.has("bytes"):
				assert_equal(int(echo["body_crc32"]), crc32(request["bytes"]), "checksum of the body")
			else:
				assert_equal(str(echo["body_text"]), str(request["body"]), "body")
			for header: String in request["headers"]:
				var value := header.substr(header.find(":") + 2)
				assert_equal(sent_values(echo, header.get_slice(":", 0)), PackedStringArray([value]), header)
		node.queue_free()
	await wait_frames(2)


func test_a_copied_request_that_fails_says_why() -> void:
	var exchange := ConsoleExchange.new()
	exchange.url = "http://127.0.0.1:%d/" % refused_port()
	exchange.verify = false
	var node := await _node_of(Snippets.as_gdscript(exchange))
	if node != null:
		var answer: Dictionary = await node.call("send")
		assert_contains(answer["error"], str(refused_port()))
		node.queue_free()
	await wait_frames(2)


func test_what_is_copied_as_curl_has_every_part_as_one_word() -> void:
	var exchange := _exchange({"method": "POST", "target": "/a?b=c&d", "headers": ["X-A: it's"], "body": "{\"a\": 1}"})
	assert_equal(
		Snippets.as_curl(exchange),
		"curl --globoff --path-as-is --include --request POST --header 'X-A: it'\\''s' --header 'Content-Type:' "
			+ "--data-raw '{\"a\": 1}' --url 'http://%s/a?b=c&d'" % address_of("http"), "command")


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
		var exchange := _exchange(request)
		var command := Snippets.as_curl(exchange)
		assert_true(not command.contains("'@") or command.contains("--data-raw '@"), command)
		if not has_curl:
			continue
		var output: Array = []
		assert_equal(OS.execute("sh", ["-c", "NO_PROXY='*'; export NO_PROXY; " + command.replace("curl ", "curl -sS ")], output, true), 0, command)
		var by_curl: Variant = JSON.parse_string(str(output[0]).get_slice("\r\n\r\n", 1))
		exchange.headers = PackedStringArray(Array(exchange.headers).filter(
			func(line: String) -> bool: return line.contains(":") and not line.begins_with("@")))
		exchange.start()
		await _finish(exchange)
		var by_us: Variant = JSON.parse_string(exchange.answer_body.get_string_from_utf8())
		if not assert_true(by_curl is Dictionary and by_us is Dictionary, "%s\n%s\n%s" % [command, output[0], exchange.message]):
			continue
		for key: String in ["method", "target", "body_length", "body_crc32", "body_text"]:
			assert_equal(by_curl[key], by_us[key], "%s of %s" % [key, command])
		for name: String in ["Content-Type", "Content-Length", "X-Empty", "Host"]:
			assert_equal(sent_values(by_curl, name), sent_values(by_us, name), "%s of %s" % [name, command])


func test_head_is_copied_with_one_option_and_ends() -> void:
	var exchange := _exchange({"method": "HEAD", "target": "/hello", "body": "none of it is sent"})
	var command := Snippets.as_curl(exchange)
	assert_equal(command, "curl --globoff --path-as-is -I --url 'http://%s/hello'" % address_of("http"), "command")
	if OS.get_name() != "Windows" and OS.execute("sh", ["-c", "command -v curl"]) == 0:
		var output: Array = []
		assert_equal(OS.execute("sh", ["-c", "NO_PROXY='*' " + command.replace("curl ", "curl -sS ")], output, true), 0, "exit code")
		assert_contains(output[0], "200 OK")


func test_bodies_are_shown_as_what_they_are() -> void:
	assert_equal(BodyText.best_view("application/problem+json; charset=utf-8", PackedByteArray()), "json", "view")
	assert_equal(BodyText.best_view("", PackedByteArray([0, 1])), "hex", "view")
	assert_equal(BodyText.best_view("image/png", "no picture".to_utf8_buffer()), "text", "view")
	assert_equal(
		BodyText.pretty_json("{\"b\":[[1],2.50,{}],\"c\" : \"a,{\\\"\",\"d\":[]}".to_utf8_buffer()),
		"{\n  \"b\": [\n    [\n      1\n    ],\n    2.50,\n    {}\n  ],\n  \"c\": \"a,{\\\"\",\n  \"d\": []\n}", "JSON")
	assert_contains(BodyText.pretty_json("{".to_utf8_buffer()), "not JSON")
	assert_matches(BodyText.hex("Hi\n".to_utf8_buffer()), "^00000000  48 69 0a +Hi\\.$")
	assert_equal(BodyText.text(PackedByteArray([0x67, 0xfc, 0x6e])), "gün", "Latin-1")


func test_an_address_is_taken_apart() -> void:
	for parts: Array in [
			["http://a.example/b?c#d", "http://a.example", "/b?c"], ["https://[::1]:8443", "https://[::1]:8443", "/"],
			["a.example/b", "http://a.example", "/b"], ["http://a.example?q", "http://a.example", "/?q"]]:
		assert_equal(ConsoleExchange.parts_of(parts[0]), {"origin": parts[1], "target": parts[2]}, parts[0])
	assert_equal(ConsoleExchange.parts_of(""), {}, "nothing")


func _exchange(request: Dictionary) -> ConsoleExchange:
	var exchange := ConsoleExchange.new()
	exchange.method = Snippets.METHODS.find(request["method"]) as HTTPClientRust.Method
	exchange.url = "http://%s%s" % [address_of("http"), request["target"]]
	exchange.headers = PackedStringArray(request.get("headers", []))
	exchange.body = request.get("bytes", str(request.get("body", "")).to_utf8_buffer())
	return exchange


func _finish(exchange: ConsoleExchange) -> void:
	while exchange.is_running:
		exchange.step()
		await tree.process_frame


## A node with this script, in the tree. Its _ready() makes the request once too.
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


func _open_sample() -> Control:
	var scene := (load("res://demo/main.tscn") as PackedScene).instantiate() as Control
	tree.root.add_child.call_deferred(scene)
	await wait_frames(2)
	return scene


func _close(scene: Control) -> void:
	scene.queue_free()
	await wait_frames(2)


func _wait_for(console: Console) -> void:
	var end := Time.get_ticks_msec() + PATIENCE_MS
	while console.exchange.is_running and Time.get_ticks_msec() < end:
		await tree.process_frame
	assert_true(not console.exchange.is_running, "it must come to an end: " + console.exchange.url)
