# deadline: 120
extends "res://tests/support/fetch_case.gd"
## Compares get_http_client_status() with the engine's node once per frame.

const NODES: Array[StringName] = [&"HTTPRequest", &"HTTPRequestRust"]
## A status that has not changed for this number of frames counts as the last one.
const STILL := 40


func test_each_phase_is_told_as_by_the_engines_node() -> void:
	var cases := {
		"a server that accepts nobody": ["http://%s/" % address_of("never-accepts"), HTTPClient.STATUS_CONNECTING],
		"a TLS handshake that is not answered": ["https://%s/" % address_of("raw"), HTTPClient.STATUS_CONNECTING],
		"a request that is not answered": [url("/fault/never-answers", "raw"), HTTPClient.STATUS_REQUESTING],
		"a head that stops": [url("/fault/stop-in-head", "raw"), HTTPClient.STATUS_REQUESTING],
		"a body that stops": [url("/fault/stop-in-chunk", "raw"), HTTPClient.STATUS_BODY],
		"a body without an end": [url("/fault/length-max?ms=5", "raw"), HTTPClient.STATUS_BODY]}
	# In the first frame of a program, the root is not in the tree.
	await wait_frames(1)
	for case: String in cases:
		for name: StringName in NODES:
			var node := _node(name)
			assert_equal(node.get_http_client_status(), HTTPClient.STATUS_DISCONNECTED, "before the request")
			assert_equal(node.request(cases[case][0]), OK, "request()")
			assert_equal(await _statuses(node, cases[case][1]), [cases[case][1]], "%s, %s: at last" % [case, name])
			node.cancel_request()
			assert_equal(node.get_http_client_status(), HTTPClient.STATUS_DISCONNECTED, "%s, %s: cancelled" % [case, name])
			node.free()


func test_the_last_status_of_every_ended_request_is_the_same() -> void:
	for at: String in [
			url("/hello"), url("/bytes/300000"), url("/redirect?to=/hello"), "http://127.0.0.1:%d/" % refused_port(),
			"http://name.invalid/", url("/fault/reset-at-once", "raw")]:
		var last := []
		for name: StringName in NODES:
			var node := _node(name)
			var in_signal: Array[int] = []
			node.request_completed.connect(
				func(_result: int, _code: int, _headers: PackedStringArray, _body: PackedByteArray) -> void:
					in_signal.append(node.get_http_client_status()))
			assert_equal(node.request(at), OK, "request()")
			while in_signal.is_empty():
				await wait_frames(1)
			last.append([in_signal, node.get_http_client_status()])
			node.free()
		assert_equal(last[1], last[0], at)


## The engine's node is CONNECTED for one frame before it sends, and for one frame after the body.
func test_statuses_come_in_the_order_of_the_engines_node() -> void:
	var seen := {}
	for name: StringName in NODES:
		var node := _node(name)
		var at := url("/chunked/60000?size=6000&delay_ms=10").replace("127.0.0.1", "localhost")
		assert_equal(node.request(at), OK, "request()")
		seen[name] = await _statuses(node, HTTPClient.STATUS_DISCONNECTED, true)
		node.free()
	var engines: Array = seen[NODES[0]].filter(func(status: int) -> bool: return status != HTTPClient.STATUS_CONNECTED)
	# A status that lasts less than a frame may not be seen.
	var expected := engines.filter(func(status: int) -> bool: return seen[NODES[1]].has(status))
	assert_equal(seen[NODES[1]], expected, "beside %s" % [seen[NODES[0]]])
	assert_equal(seen[NODES[1]].slice(-2), [HTTPClient.STATUS_BODY, HTTPClient.STATUS_DISCONNECTED], "the body and the end")


func _node(name: StringName) -> Node:
	var node := made(name) as Node
	if "session" in node:
		# A new session has no connection of another test.
		node.set("session", new_session())
	tree.root.add_child(node)
	return node


## Waits for a status, and then until it has not changed for some frames. Returns the last status, or all seen statuses, each
## once.
func _statuses(node: Node, wanted: int, all := false) -> Array:
	var seen: Array[int] = []
	var still := 0
	var end := Time.get_ticks_msec() + 20_000
	while still < STILL and Time.get_ticks_msec() < end:
		var status: int = node.get_http_client_status()
		if seen.is_empty() or seen.back() != status:
			seen.append(status)
			still = 0
		still += int(status == wanted)
		await wait_frames(1)
	return seen if all else [seen.back()]
