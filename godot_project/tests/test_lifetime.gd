# deadline: 180
# Streams that lead back to their own client, or a chain of too many clients, are refused.
# expect-log: ^ERROR: HTTPClientRust\.set_connection\(\): .+
extends "res://tests/support/test_case.gd"
## Clients that are freed, or kept, while something is still running. Threads that use a single client are in test_threads.gd.

const BODY_SIZE := 3_000_000
## A body that is still running when the engine quits.
const ENDLESS := "/chunked/1000000000?size=1000&delay_ms=20"


func _init() -> void:
	deadline_seconds = 60.0


func test_the_engine_quits_while_a_name_is_being_resolved() -> void:
	_assert_quits("a-name-that-does-not-exist.invalid:80", HTTPClient.STATUS_RESOLVING)


func test_the_engine_quits_while_a_connection_is_being_made() -> void:
	_assert_quits(address_of("never-accepts"), HTTPClient.STATUS_CONNECTING)


func test_the_engine_quits_in_the_middle_of_a_tls_handshake() -> void:
	# The raw server accepts the connection and what it receives, but does not respond to TLS.
	_assert_quits(address_of("raw"), HTTPClient.STATUS_CONNECTING, "/", ["--tls"])


func test_the_engine_quits_while_a_response_is_awaited() -> void:
	_assert_quits(address_of("raw"), HTTPClient.STATUS_REQUESTING, "/fault/never-answers")


func test_the_engine_quits_in_the_middle_of_a_body() -> void:
	_assert_quits(address_of("http"), HTTPClient.STATUS_BODY, ENDLESS)


func test_the_engine_quits_in_the_middle_of_a_body_over_tls() -> void:
	_assert_quits(address_of("https"), HTTPClient.STATUS_BODY, ENDLESS, ["--tls"])


func test_the_engine_quits_while_a_thread_waits_for_a_response() -> void:
	_assert_quits(address_of("raw"), HTTPClient.STATUS_REQUESTING, "/fault/never-answers", ["--thread"])


func test_a_client_can_be_freed_in_the_middle_of_a_tls_handshake() -> void:
	var client := new_client()
	var opened: int = client.connect_to_host(host_of("raw"), port_of("raw"), TLSOptions.client_unsafe())
	assert_error(opened, OK, "connect_to_host()")
	for frame: int in 10:
		client.poll()
		await wait_frames(1)
	assert_status(client, HTTPClient.STATUS_CONNECTING)
	client = null
	await wait_frames(10)


func test_a_client_can_be_freed_after_a_failed_handshake() -> void:
	var client := new_client()
	# The server's authority is not trusted.
	client.connect_to_host(host_of("https"), port_of("https"), TLSOptions.client())
	var opening := Exchange.new(client)
	while client.get_status() == HTTPClient.STATUS_CONNECTING:
		await opening.poll_until_status_changes()
	assert_status(client, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR)
	opening.client = null
	client = null
	await wait_frames(10)


func test_a_client_can_be_freed_while_an_upload_goes_out() -> void:
	for round_number: int in 3:
		var client: RefCounted = await connected_client("raw")
		var body := PackedByteArray()
		body.resize(20_000_000)
		assert_error(client.request_raw(HTTPClient.METHOD_POST, "/fault/never-answers", [], body), OK, "request_raw()")
		client.poll()
		assert_status(client, HTTPClient.STATUS_REQUESTING)


func test_a_script_is_reloaded_while_its_transfer_runs() -> void:
	var script := GDScript.new()
	script.source_code = _downloader_source(1)
	assert_error(script.reload(), OK, "reload() the first time")
	var downloader: RefCounted = script.new()
	downloader.client = await connected_client()
	downloader.client.request(HTTPClient.METHOD_GET, "/chunked/%d?size=5000" % BODY_SIZE, [])
	@warning_ignore("integer_division")
	while downloader.body.size() < BODY_SIZE / 10 and downloader.step():
		await wait_frames(1)
	assert_equal(downloader.version(), 1, "version of the script")

	script.source_code = _downloader_source(2)
	assert_error(script.reload(true), OK, "reload() in the middle of the transfer")
	assert_equal(downloader.version(), 2, "version of the script after reloading it")
	var patience := 2000
	while downloader.step() and patience > 0:
		patience -= 1
		await wait_frames(1)
	assert_equal(downloader.body.size(), BODY_SIZE, "bytes")
	var sum: RefCounted = await connected_client()
	var promised: Variant = JSON.parse_string((await exchange(sum, HTTPClient.METHOD_GET, "/crc/%d" % BODY_SIZE)).text())
	assert_equal(crc32(downloader.body), int(promised["crc32"]), "CRC-32 of the body")


func test_tasks_of_the_worker_thread_pool_fetch_side_by_side() -> void:
	var results: Array = []
	results.resize(16)
	var fetch := func(index: int) -> void:
		results[index] = _fetch(new_client(), 10_000 + index)
	var group := WorkerThreadPool.add_group_task(fetch, results.size())
	while not WorkerThreadPool.is_group_task_completed(group):
		await wait_frames(1)
	WorkerThreadPool.wait_for_group_task_completion(group)
	for index: int in results.size():
		assert_equal(results[index], 10_000 + index, "bytes of task %d" % index)


func test_close_ends_a_call_in_a_task_of_the_worker_thread_pool() -> void:
	var client: RefCounted = await connected_client("raw")
	client.blocking_mode_enabled = true
	client.request(HTTPClient.METHOD_GET, "/fault/never-answers", [])
	var task := WorkerThreadPool.add_task(client.poll)
	await wait_seconds(0.3)
	assert_true(not WorkerThreadPool.is_task_completed(task), "poll() must block")
	client.close()
	var start := Time.get_ticks_msec()
	WorkerThreadPool.wait_for_task_completion(task)
	assert_below(Time.get_ticks_msec() - start, 500.0, "milliseconds until the task ended")
	assert_status(client, HTTPClient.STATUS_DISCONNECTED)


func test_a_stream_may_be_freed_inside_of_its_own_call() -> void:
	GDExtensionManager.load_extension("res://.godot/test_peer.gdextension")
	for method: StringName in [
			&"get_available_bytes", &"get_partial_data", &"get_data", &"put_data", &"put_partial_data", &"poll"]:
		var clients: Array[RefCounted] = [new_client()]
		var peer: StreamPeer = ClassDB.instantiate(&"TestPeer")
		clients[0].set_connection(peer)
		var call_it := _callable_of_stream(clients[0], method)
		var id := call_it.get_object_id()
		var called: Array[int] = []
		peer.call(&"set_hook", func() -> void:
			called.append(1)
			if not clients.is_empty():
				clients[0].close()
				clients.clear())
		match method:
			&"get_partial_data", &"get_data":
				call_it.call(10)
			&"put_data", &"put_partial_data":
				call_it.call(PackedByteArray([1]))
			_:
				call_it.call()
		peer.call(&"set_hook", Callable())
		assert_true(not called.is_empty(), "%s: the peer was called" % method)
		await wait_frames(1)
		assert_true(not is_instance_id_valid(id), "%s: the stream must be gone" % method)


func test_a_client_may_be_closed_and_freed_by_the_stream_that_it_is_working_on() -> void:
	GDExtensionManager.load_extension("res://.godot/test_peer.gdextension")
	for what: String in ["close", "connect", "free", "poll"]:
		var clients: Array[RefCounted] = [new_client()]
		var peer: StreamPeer = ClassDB.instantiate(&"TestPeer")
		clients[0].set_connection(peer)
		clients[0].request(HTTPClient.METHOD_GET, "/", [])
		var answers: Array[int] = []
		peer.call(&"set_hook", _call_back.bind(clients, what, answers))
		_poll_first(clients)
		match what:
			"close":
				assert_status(clients[0], HTTPClient.STATUS_DISCONNECTED, "after close()")
			"connect", "poll":
				assert_true(answers.has(ERR_BUSY) and not answers.has(OK), "a call back is refused: %s" % [answers])
				assert_status(clients[0], HTTPClient.STATUS_REQUESTING, "the call goes on")
		peer.call(&"set_hook", Callable())
		clients.clear()
		await wait_frames(1)
		assert_equal(peer.get_reference_count(), 1, "%s: references to the peer" % what)


func test_two_clients_with_each_others_streams_are_freed() -> void:
	var watched: Array[WeakRef] = []
	await _give_each_others_streams(watched)
	await wait_frames(2)
	for index: int in watched.size():
		assert_true(watched[index].get_ref() == null, "object %d is freed" % index)


func test_a_stream_over_the_clients_own_connection_is_refused_and_freed() -> void:
	var watched: Array[WeakRef] = []
	await _give_back_secured(watched)
	await wait_frames(2)
	for index: int in watched.size():
		assert_true(watched[index].get_ref() == null, "object %d is freed" % index)


func test_a_stream_whose_connection_is_over_keeps_nothing() -> void:
	GDExtensionManager.load_extension("res://.godot/test_peer.gdextension")
	var peer: StreamPeer = ClassDB.instantiate(&"TestPeer")
	var clients: Array[RefCounted] = [new_client()]
	clients[0].set_connection(peer)
	var stream: StreamPeer = clients[0].connection
	# The connection fails by itself.
	peer.call(&"end")
	clients[0].poll()
	assert_status(clients[0], HTTPClient.STATUS_CONNECTION_ERROR)
	assert_equal(peer.get_reference_count(), 1, "references to the peer")
	assert_equal(stream.call(&"get_status"), StreamPeerTCP.STATUS_NONE, "get_status()")
	clients[0].set_connection(peer)
	clients.clear()
	await wait_frames(1)
	assert_equal(peer.get_reference_count(), 1, "references to the peer, with the old stream still there")
	assert_equal(stream.get_available_bytes(), 0, "the old stream answers")


func test_clients_over_each_others_streams_are_refused_from_a_depth_on() -> void:
	var chain: Array[RefCounted] = [await connected_client()]
	for depth: int in 4:
		var client := new_client()
		client.set_connection(chain.back().connection)
		chain.append(client)
		assert_equal((await exchange(client, HTTPClient.METHOD_GET, "/hello")).code, 200, "code at depth %d" % depth)
	var too_deep := new_client()
	too_deep.set_connection(chain.back().connection)
	assert_status(too_deep, HTTPClient.STATUS_DISCONNECTED)
	assert_contains(too_deep.get_error_message(), "more than 4 clients", "message")
	assert_equal((await exchange(chain.back(), HTTPClient.METHOD_GET, "/hello")).code, 200, "those below go on")


## A callable does not keep its object alive, and neither does a function that has returned.
func _callable_of_stream(client: RefCounted, method: StringName) -> Callable:
	return Callable(client.connection as Object, method)


## The stream calls this in the middle of a call of its client.
func _call_back(clients: Array[RefCounted], what: String, answers: Array[int]) -> void:
	if clients.is_empty():
		return
	match what:
		"close":
			clients[0].close()
		"connect":
			answers.append(clients[0].connect_to_host("127.0.0.1", 1))
		"free":
			clients.clear()
		"poll":
			answers.append(clients[0].poll())


func _poll_first(clients: Array[RefCounted]) -> void:
	clients[0].poll()


func _give_each_others_streams(watched: Array[WeakRef]) -> void:
	var first: RefCounted = await connected_client()
	var second: RefCounted = await connected_client()
	var streams: Array[StreamPeer] = [first.connection, second.connection]
	first.set_connection(streams[1])
	second.set_connection(streams[0])
	second.set_connection(first.connection)
	first.set_connection(streams[0])
	for object: RefCounted in [first, second, streams[0], streams[1]]:
		watched.append(weakref(object))


func _give_back_secured(watched: Array[WeakRef]) -> void:
	var client: RefCounted = await connected_client("https")
	var secured := StreamPeerTLS.new()
	secured.connect_to_stream(client.connection, "localhost", TLSOptions.client_unsafe())
	client.set_connection(secured)
	assert_contains(client.get_error_message(), "this client's own connection", "message")
	assert_status(client, HTTPClient.STATUS_CONNECTED, "the connection stays")
	for object: RefCounted in [client, client.connection, secured]:
		watched.append(weakref(object))


## Another Godot process quits with a client in this status: with code 0, and a log without a leak, an error or a crash.
func _assert_quits(address: String, status: int, target := "/", options := PackedStringArray()) -> void:
	var godot := OS.get_environment("GODOT")
	if godot.is_empty():
		assert_true(false, "this test needs $GODOT, the program to start")
		return
	var command := PackedStringArray([
		"--headless", "--path", ProjectSettings.globalize_path("res://"), "--script",
		"res://tests/fixtures/quit_while.gd", "--", "--at=" + address, "--target=" + target, "--until=%d" % status])
	command.append_array(options)
	var output: Array = []
	var code := OS.execute(godot, command, output, true)
	var text := str(output[0]) if not output.is_empty() else ""
	assert_equal(code, 0, "exit code")
	assert_contains(text, "quits in status %d" % status, "what it printed")
	for suspicious: String in ["ERROR", "WARNING", "leaked", "ObjectDB instances", "handle_crash", "panicked"]:
		# The message does not contain the whole text, which would be taken for an error of this run.
		assert_true(not text.contains(suspicious), "its log has the word " + suspicious.reverse() + ", backwards")


func _downloader_source(version: int) -> String:
	return """
extends RefCounted
var client: RefCounted
var body := PackedByteArray()

func version() -> int:
	return %d

func step() -> bool:
	client.poll()
	if client.get_status() == HTTPClient.STATUS_BODY:
		body.append_array(client.read_response_body_chunk())
	return client.get_status() in [HTTPClient.STATUS_REQUESTING, HTTPClient.STATUS_BODY]
""" % version


## Runs in a task: makes a whole exchange in blocking mode, and returns the number of bytes received.
func _fetch(client: RefCounted, size: int) -> int:
	client.blocking_mode_enabled = true
	client.connect_to_host(host_of("http"), port_of("http"))
	while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
		client.poll()
	client.request(HTTPClient.METHOD_GET, "/chunked/%d?size=999" % size, [])
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		client.poll()
	var received := 0
	while client.get_status() == HTTPClient.STATUS_BODY:
		received += client.read_response_body_chunk().size()
	return received
