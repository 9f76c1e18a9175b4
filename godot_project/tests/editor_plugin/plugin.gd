@tool
extends "res://tests/support/editor_test.gd"
## Makes requests with HTTPClientRust inside of the editor, prints a line for each test like tests/run.gd, and quits the editor
## with code 0 if all of them pass.
##
## Runs only if the environment variable HTTP_CLIENT_RUST_TEST_HTTP has the address of the test server (host:port), so that the
## sample project can be opened like any other.

const DEADLINE_MS := 20_000
const CLASS := &"HTTPClientRust"

var _end_ms := 0


func _enter_tree() -> void:
	if not OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP").is_empty():
		_run.call_deferred()


func _run() -> void:
	_report("the_editor_runs_this", Engine.is_editor_hint(), "Engine.is_editor_hint() is false")
	# A class that is not available in the editor would be a placeholder here, without its methods.
	var client: RefCounted = ClassDB.instantiate(CLASS)
	if client == null:
		_report("the_class_works_in_the_editor", false, "there is no class %s" % CLASS)
		await _finish()
		return
	_report("the_class_works_in_the_editor", client.call("poll") == ERR_UNCONFIGURED, "poll() of a new client")
	await _test_request(client)
	await _test_chunked_answer(client)
	await _test_fault(client)
	await _test_refused_port(client)
	await _test_session()
	await _test_node()
	await _finish()


func _test_request(client: RefCounted) -> void:
	var answer := await _fetch(client, OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP"), "/hello")
	_report(
		"a_plugin_makes_a_request_in_the_editor",
		answer["code"] == 200 and answer["body"] == "Hello from the embedded server.\n".to_utf8_buffer(), str(answer))


func _test_session() -> void:
	var session: RefCounted = ClassDB.instantiate(&"HTTPSessionRust")
	var response: RefCounted = await session.call("fetch", "http://%s/hello" % OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP")).wait()
	_report("a_plugin_awaits_a_task", response.call("get_response_code") == 200, str(response.call("get_error_message")))


func _test_node() -> void:
	var node: Node = ClassDB.instantiate(&"HTTPRequestRust")
	add_child(node)
	node.call("request", "http://%s/hello" % OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP"))
	var result: Array = await Signal(node, &"request_completed")
	_report("a_plugins_node_makes_a_request", result[0] == 0 and result[1] == 200, str(result))
	node.queue_free()


func _test_chunked_answer(client: RefCounted) -> void:
	var answer := await _fetch(client, OS.get_environment("HTTP_CLIENT_RUST_TEST_HTTP"), "/chunked/100000?size=1000")
	_report("a_plugin_reads_a_chunked_answer", answer["body"].size() == 100_000, "%d bytes" % answer["body"].size())


func _test_fault(client: RefCounted) -> void:
	var raw := OS.get_environment("HTTP_CLIENT_RUST_TEST_RAW")
	if raw.is_empty():
		return
	var answer := await _fetch(client, raw, "/fault/body-cut-short")
	_report(
		"a_plugin_sees_that_a_body_was_cut_short",
		answer["status"] == HTTPClient.STATUS_CONNECTION_ERROR and answer["message"] != "", str(answer))


func _test_refused_port(client: RefCounted) -> void:
	var port := OS.get_environment("HTTP_CLIENT_RUST_TEST_REFUSED_PORT")
	if port.is_empty():
		return
	var answer := await _fetch(client, "127.0.0.1:" + port, "/")
	_report(
		"a_plugin_sees_that_a_port_is_refused",
		answer["status"] == HTTPClient.STATUS_CANT_CONNECT and str(answer["message"]).contains(port), str(answer))


## Makes one GET on a new connection. Returns its code, body, last status and message.
func _fetch(client: RefCounted, address: String, target: String) -> Dictionary:
	_end_ms = Time.get_ticks_msec() + DEADLINE_MS
	var code := 0
	var body := PackedByteArray()
	client.call("connect_to_host", address.get_slice(":", 0), address.get_slice(":", 1).to_int())
	await _poll_while(client, [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING])
	if client.call("get_status") == HTTPClient.STATUS_CONNECTED:
		client.call("request", HTTPClient.METHOD_GET, target, PackedStringArray())
		await _poll_while(client, [HTTPClient.STATUS_REQUESTING])
		code = client.call("get_response_code")
	while client.call("get_status") == HTTPClient.STATUS_BODY and Time.get_ticks_msec() < _end_ms:
		client.call("poll")
		var chunk: PackedByteArray = client.call("read_response_body_chunk")
		body.append_array(chunk)
		if chunk.is_empty():
			await get_tree().process_frame
	return {
		"code": code, "body": body, "status": client.call("get_status"), "message": client.call("get_error_message"),
	}


func _poll_while(client: RefCounted, statuses: Array[int]) -> void:
	while client.call("get_status") in statuses and Time.get_ticks_msec() < _end_ms:
		client.call("poll")
		await get_tree().process_frame
