# deadline: 180
# If threads call a client without synchronization, a call may come too late, or a stream may refer to itself.
# allow-log: ^ERROR: HTTPClientRust\.(request|read_response_body_chunk|set_connection)\(\): .+
extends "res://tests/support/test_case.gd"
## Clients that are used from several threads, freed at bad moments, and alive when the engine quits.

## Maximum processor time of a blocked call for one second of waiting.
const PROCESSOR_MS_PER_BLOCKED_SECOND := 50.0
## A getter returns in microseconds. This limit is a tenth of the shortest time that a blocked getter would take.
const GETTER_LIMIT_MS := 150.0
const SLOW_MS := 1500


func test_a_thread_fetches_in_blocking_mode() -> void:
	var thread := Thread.new()
	thread.start(_fetch_blocking.bind(new_client(), "/hello"))
	var fetched := await _result_of(thread)
	assert_equal(fetched["code"], 200, "code")
	assert_equal(fetched["body"], "Hello from the embedded server.\n".to_utf8_buffer(), "body")


func test_many_threads_with_a_client_each() -> void:
	var threads: Array[Thread] = []
	for index: int in 16:
		var thread := Thread.new()
		thread.start(_fetch_blocking.bind(new_client(), "/chunked/%d?size=1000" % (10_000 + index)))
		threads.append(thread)
	for index: int in threads.size():
		var fetched := await _result_of(threads[index])
		assert_equal(fetched["body"].size(), 10_000 + index, "bytes of thread %d" % index)


func test_one_client_goes_from_thread_to_thread() -> void:
	var client := new_client()
	for round_number: int in 3:
		var thread := Thread.new()
		thread.start(_fetch_blocking.bind(client, "/hello"))
		assert_equal((await _result_of(thread))["code"], 200, "code in round %d" % round_number)
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/json")
		assert_equal(answer.code, 200, "code on the main thread")


func test_a_call_while_another_thread_is_in_one_is_busy() -> void:
	var client: RefCounted = await connected_client()
	var thread := await _thread_blocked_in_poll(client, "/slow?ms=%d" % SLOW_MS)
	assert_error(client.poll(), ERR_BUSY, "poll()")
	assert_error(client.request(HTTPClient.METHOD_GET, "/hello", []), ERR_BUSY, "request()")
	assert_error(client.request_raw(HTTPClient.METHOD_GET, "/hello", [], PackedByteArray()), ERR_BUSY, "request_raw()")
	assert_equal(client.read_response_body_chunk(), PackedByteArray(), "read_response_body_chunk()")
	assert_not_equal(client.get_error_message(), "", "message")
	# None of these calls had an effect on the running one.
	var ended := await _result_of(thread)
	assert_error(ended["error"], OK, "poll() of the thread")
	assert_equal(ended["status"], HTTPClient.STATUS_BODY, "status after it")
	var answer := Exchange.new(client)
	await answer.read_body()
	assert_equal(answer.last_status(), "CONNECTED", "status after the body")


func test_getters_do_not_stand_still_behind_a_blocked_call() -> void:
	var client: RefCounted = await connected_client()
	var thread := await _thread_blocked_in_poll(client, "/slow?ms=%d" % SLOW_MS)
	for getter: StringName in [
			&"get_status", &"has_response", &"is_response_chunked", &"get_response_code", &"get_response_headers",
			&"get_response_headers_as_dictionary", &"get_response_body_length", &"get_read_chunk_size",
			&"is_blocking_mode_enabled", &"get_error_message"]:
		var start := Time.get_ticks_usec()
		client.call(getter)
		assert_below((Time.get_ticks_usec() - start) / 1000.0, GETTER_LIMIT_MS, "milliseconds of %s()" % getter)
	assert_status(client, HTTPClient.STATUS_REQUESTING, "status seen from the main thread")
	assert_true(thread.is_alive(), "the thread's poll() must still be running")
	await _result_of(thread)


func test_close_ends_a_blocked_call() -> void:
	for target: String in ["/fault/never-answers", "/fault/stop-in-head"]:
		var client: RefCounted = await connected_client("raw")
		await _assert_close_ends(client, await _thread_blocked_in_poll(client, target), "poll() of " + target)


func test_close_ends_a_blocked_read() -> void:
	var client: RefCounted = await connected_client("raw")
	var answer := Exchange.new(client)
	await answer.start(HTTPClient.METHOD_GET, "/fault/stop-in-chunk", PackedStringArray(), "")
	client.read_response_body_chunk()
	client.blocking_mode_enabled = true
	var thread := Thread.new()
	thread.start(func() -> Dictionary:
		client.read_response_body_chunk()
		return {"error": OK, "status": client.get_status()})
	await wait_seconds(0.2)
	await _assert_close_ends(client, thread, "read_response_body_chunk()")


func test_close_ends_a_blocked_connect() -> void:
	var client := new_client()
	client.blocking_mode_enabled = true
	client.connect_to_host(host_of("never-accepts"), port_of("never-accepts"))
	var thread := Thread.new()
	thread.start(func() -> Dictionary:
		var error: int = OK
		while client.get_status() == HTTPClient.STATUS_CONNECTING and error == OK:
			error = client.poll()
		return {"error": error, "status": client.get_status()})
	await wait_seconds(0.2)
	await _assert_close_ends(client, thread, "poll() while connecting")


func test_close_returns_at_once_in_every_status() -> void:
	for status: int in _statuses():
		var only: Array[RefCounted] = []
		await _add_client_in(status, only)
		var client: RefCounted = only[0]
		var start := Time.get_ticks_msec()
		client.close()
		assert_below(Time.get_ticks_msec() - start, 100.0, "milliseconds of close() in %s" % Exchange.status_name(status))
		assert_status(client, HTTPClient.STATUS_DISCONNECTED)


func test_a_blocked_second_costs_next_to_no_processor_time() -> void:
	if OS.get_name() != "Linux":
		assert_true(true, "only Linux tells the processor time of one thread")
		return
	var client: RefCounted = await connected_client()
	client.blocking_mode_enabled = true
	client.request(HTTPClient.METHOD_GET, "/slow?ms=%d" % SLOW_MS, [])
	var start_ms := Time.get_ticks_msec()
	var start_cost := _processor_ms_of_this_thread()
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		assert_error(client.poll(), OK, "poll()")
	var seconds := (Time.get_ticks_msec() - start_ms) / 1000.0
	assert_true(seconds >= SLOW_MS / 1000.0 * 0.9, "poll() must have waited for the answer, it took %s s" % seconds)
	var cost := _processor_ms_of_this_thread() - start_cost
	assert_below(cost / seconds, PROCESSOR_MS_PER_BLOCKED_SECOND, "milliseconds of processor time per blocked second")


func test_poll_does_not_block_unless_it_is_told_to() -> void:
	var client: RefCounted = await connected_client()
	client.request(HTTPClient.METHOD_GET, "/slow?ms=%d" % SLOW_MS, [])
	for round_number: int in 20:
		var start := Time.get_ticks_usec()
		client.poll()
		assert_below((Time.get_ticks_usec() - start) / 1000.0, GETTER_LIMIT_MS, "milliseconds of poll()")
	assert_status(client, HTTPClient.STATUS_REQUESTING)


func test_poll_never_blocks_when_connected() -> void:
	var client: RefCounted = await connected_client()
	client.blocking_mode_enabled = true
	var start := Time.get_ticks_msec()
	assert_error(client.poll(), OK, "poll()")
	assert_below(Time.get_ticks_msec() - start, GETTER_LIMIT_MS, "milliseconds of poll()")


func test_a_client_can_be_freed_in_every_status() -> void:
	for status: int in _statuses():
		# The client is in an array, is checked in another function, and a frame passes: a function keeps its temporary values
		# until it returns.
		var only: Array[RefCounted] = []
		await _add_client_in(status, only)
		await wait_frames(1)
		var id := _id_of_only_client(only, status)
		only.clear()
		assert_true(not is_instance_id_valid(id), "%s: the client must be gone" % Exchange.status_name(status))
	await wait_frames(10)


func test_the_last_reference_may_go_on_another_thread() -> void:
	var client: RefCounted = await connected_client()
	client.request(HTTPClient.METHOD_GET, "/slow?ms=100", [])
	var id := client.get_instance_id()
	var box: Array[RefCounted] = [client]
	client = null
	var thread := Thread.new()
	thread.start(func() -> Dictionary:
		box.clear()
		return {})
	await _result_of(thread)
	assert_true(not is_instance_id_valid(id), "the client must be gone")


func test_many_clients_resolve_at_once() -> void:
	var clients: Array[RefCounted] = []
	for index: int in 50:
		var client := new_client()
		client.connect_to_host("localhost", port_of("http"))
		clients.append(client)
	for client: RefCounted in clients:
		var opening := Exchange.new(client)
		await opening.poll_until_status_changes()
		while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
			client.poll()
			await wait_frames(1)
		assert_status(client, HTTPClient.STATUS_CONNECTED)


func test_all_threads_get_the_same_connection() -> void:
	for round_number: int in 5:
		var client: RefCounted = await connected_client()
		var threads: Array[Thread] = []
		for index: int in 4:
			threads.append(Thread.new())
			threads[index].start(func() -> Dictionary:
				var ids := {}
				for turn: int in 2000:
					ids[client.connection.get_instance_id()] = true
				return ids)
		var seen := {}
		for thread: Thread in threads:
			seen.merge(await _result_of(thread))
		assert_equal(seen.keys(), [client.connection.get_instance_id()], "the objects that were seen")


func test_a_stream_answers_while_a_thread_waits_for_its_bytes() -> void:
	var client: RefCounted = await _echoing_client()
	var stream: StreamPeer = client.connection
	for how: String in ["close", "disconnect"]:
		var thread := Thread.new()
		thread.start(func() -> Dictionary: return {"error": stream.get_data(100)[0]})
		await wait_seconds(0.1)
		for turn: int in 500:
			assert_equal(stream.call(&"get_status"), StreamPeerTCP.STATUS_CONNECTED, "get_status()")
			assert_error(stream.call(&"poll"), OK, "poll()")
			assert_equal(stream.call(&"get_connected_port"), port_of("http"), "get_connected_port()")
			assert_true(client.connection == stream, "the property gives it")
			assert_equal(stream.get_available_bytes(), 0, "get_available_bytes()")
		assert_equal(client.get_error_message(), "", "nobody made a mistake")
		assert_true(thread.is_alive(), "get_data() goes on")
		if how == "close":
			client.close()
		else:
			stream.call(&"disconnect_from_host")
		assert_not_equal((await _result_of(thread))["error"], OK, "get_data() after it was closed")
		assert_equal(stream.call(&"get_status"), StreamPeerTCP.STATUS_NONE, "get_status() after " + how)
		client = await _echoing_client()
		stream = client.connection


func test_a_client_polls_while_a_thread_waits_for_its_bytes() -> void:
	var client: RefCounted = await _echoing_client()
	var stream: StreamPeer = client.connection
	var thread := Thread.new()
	thread.start(func() -> Dictionary: return {"got": stream.get_data(100)})
	await wait_seconds(0.1)
	var polled := 0
	for turn: int in 500:
		# The thread holds the connection for a moment at each of its checks.
		polled += int(client.poll() == OK)
	assert_true(polled > 250, "%d of 500 calls of poll() got through" % polled)
	assert_true(thread.is_alive(), "get_data() goes on")
	var bytes := PackedByteArray(range(100))
	assert_error(stream.put_data(bytes), OK, "put_data()")
	assert_equal((await _result_of(thread))["got"], [OK, bytes], "what get_data() gives")
	assert_status(client, HTTPClient.STATUS_CONNECTED)


func test_four_threads_on_one_stream() -> void:
	var client: RefCounted = await _echoing_client()
	var stream: StreamPeer = client.connection
	var threads: Array[Thread] = []
	for index: int in 4:
		threads.append(Thread.new())
		threads[index].start(func() -> Dictionary:
			var count := 0
			for turn: int in 300:
				stream.put_data(PackedByteArray([1, 2, 3]))
				var piece: Array = stream.get_partial_data(50)
				count += (piece[1] as PackedByteArray).size()
				stream.get_available_bytes()
			return {"received": count})
	var received := 0
	for thread: Thread in threads:
		received += (await _result_of(thread))["received"]
	for frame: int in 600:
		if received >= 4 * 300 * 3:
			break
		received += (stream.get_partial_data(5000)[1] as PackedByteArray).size()
		await wait_frames(1)
	assert_equal(received, 4 * 300 * 3, "bytes that came back")


## At the first call, the engine looks up the method of a stream without a lock. Threads that made the first call at the same
## time crashed at address 0.
func test_threads_may_call_a_new_stream_first_at_once() -> void:
	var listener := TCPServer.new()
	assert_error(listener.listen(0, "127.0.0.1"), OK, "listen()")
	var client := new_client()
	var is_over: Array[bool] = [false]
	var threads: Array[Thread] = []
	for index: int in 4:
		var thread := Thread.new()
		thread.start(_call_each_new_stream.bind(client, is_over))
		threads.append(thread)
	var began := Time.get_ticks_msec()
	for connection: int in 1000:
		# On a busy machine, fewer connections are enough.
		if Time.get_ticks_msec() - began > 10_000:
			break
		client.connect_to_host("127.0.0.1", listener.get_local_port())
		for attempt: int in 1000:
			client.poll()
			if client.get_status() == HTTPClient.STATUS_CONNECTED:
				break
			OS.delay_usec(10)
		OS.delay_usec(200)
		while listener.is_connection_available():
			listener.take_connection()
	is_over[0] = true
	var called := 0
	for thread: Thread in threads:
		called += (await _result_of(thread))["called"]
	assert_true(called > 0, "streams were called")


func _call_each_new_stream(client: RefCounted, is_over: Array[bool]) -> Dictionary:
	var byte := PackedByteArray([1])
	var last: StreamPeer = null
	var called := 0
	while not is_over[0]:
		var stream: StreamPeer = client.get_connection()
		if stream != null and stream != last:
			stream.put_partial_data(byte)
			stream.get_partial_data(1)
			stream.get_available_bytes()
			last = stream
			called += 1
	return {"called": called}


func test_any_calls_from_several_threads() -> void:
	var clients: Array[RefCounted] = [await _echoing_client(), await connected_client()]
	var threads: Array[Thread] = []
	for index: int in 4:
		threads.append(Thread.new())
		threads[index].start(_any_calls.bind(clients, index))
	for thread: Thread in threads:
		await _result_of(thread)
	for client: RefCounted in clients:
		client.blocking_mode_enabled = false
		client.read_timeout = 0.0
		await connect_client(client)
		assert_equal((await exchange(client, HTTPClient.METHOD_GET, "/hello")).code, 200, "the next request's code")


## Runs on a thread: makes calls of every kind on clients that other threads use as well.
func _any_calls(clients: Array[RefCounted], index: int) -> Dictionary:
	var random := RandomNumberGenerator.new()
	random.seed = 20_251_126 + index
	var stream: StreamPeer
	for turn: int in 3000:
		var client := clients[random.randi_range(0, 1)]
		match random.randi_range(0, 21):
			0:
				client.connect_to_host(host_of("http"), port_of("http"))
			1, 2:
				if client.get_status() == HTTPClient.STATUS_CONNECTED:
					client.request(HTTPClient.METHOD_GET, "/hello", [])
			3, 4:
				if client.get_status() == HTTPClient.STATUS_BODY:
					client.read_response_body_chunk()
			5:
				stream = client.connection
			6:
				stream = client.get_connection()
			7:
				stream = null
			8 when stream != null:
				stream.get_partial_data(100)
			9 when stream != null:
				stream.put_partial_data(PackedByteArray([1, 2, 3]))
			10 when stream != null:
				stream.get_available_bytes()
			11 when stream != null:
				stream.call(&"poll")
			12 when stream != null:
				stream.call(&"get_status")
				stream.call(&"get_connected_host")
				stream.call(&"get_local_port")
			13 when stream != null:
				stream.call(&"set_no_delay", true)
			14 when stream != null and random.randi_range(0, 30) == 0:
				stream.call(&"disconnect_from_host")
			15 when random.randi_range(0, 30) == 0:
				client.close()
			16:
				client.get_response_headers_as_dictionary()
				client.get_error_message()
			17:
				client.read_timeout = random.randf_range(0.001, 0.05)
			18 when random.randi_range(0, 30) == 0 and stream != null:
				client.set_connection(stream)
			_:
				client.poll()
	return {}


func _echoing_client() -> RefCounted:
	var client: RefCounted = await connected_client()
	client.request(HTTPClient.METHOD_GET, "/upgrade-echo", ["Connection: Upgrade", "Upgrade: echo"])
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		client.poll()
		await wait_frames(1)
	assert_equal(client.get_response_code(), 101, "code")
	return client


## The last test of this file: the engine quits while names are still being resolved, and must quit cleanly.
func test_the_engine_may_quit_while_names_are_being_resolved() -> void:
	var clients: Array[RefCounted] = []
	for index: int in 8:
		var client := new_client()
		assert_error(client.connect_to_host("quit-%d.invalid" % index, 80), OK, "connect_to_host()")
		clients.append(client)
	tree.root.set_meta(&"still_resolving", clients)


## Runs on a thread: connects, sends a request and reads the response in blocking mode.
func _fetch_blocking(client: RefCounted, target: String) -> Dictionary:
	client.blocking_mode_enabled = true
	client.connect_to_host(host_of("http"), port_of("http"))
	while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
		client.poll()
	client.request(HTTPClient.METHOD_GET, target, [])
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		client.poll()
	var code: int = client.get_response_code()
	var body := PackedByteArray()
	while client.get_status() == HTTPClient.STATUS_BODY:
		body.append_array(client.read_response_body_chunk())
	client.blocking_mode_enabled = false
	return {"code": code, "body": body}


## A thread that is blocked in poll() while it waits for the response to `target`.
func _thread_blocked_in_poll(client: RefCounted, target: String) -> Thread:
	client.blocking_mode_enabled = true
	client.request(HTTPClient.METHOD_GET, target, [])
	var thread := Thread.new()
	thread.start(func() -> Dictionary:
		var error: int = client.poll()
		return {"error": error, "status": client.get_status()})
	await wait_seconds(0.3)
	assert_true(thread.is_alive(), "poll() must block in blocking mode")
	return thread


func _assert_close_ends(client: RefCounted, thread: Thread, what: String) -> void:
	assert_true(thread.is_alive(), what + " must block until close()")
	var start := Time.get_ticks_msec()
	client.close()
	assert_below(Time.get_ticks_msec() - start, GETTER_LIMIT_MS, "milliseconds of close() during " + what)
	var ended := await _result_of(thread)
	assert_below(Time.get_ticks_msec() - start, 1000.0, "milliseconds until %s came back" % what)
	assert_equal(ended["status"], HTTPClient.STATUS_DISCONNECTED, "status after " + what)
	assert_status(client, HTTPClient.STATUS_DISCONNECTED)
	client.blocking_mode_enabled = false
	await connect_client(client)
	assert_equal((await exchange(client, HTTPClient.METHOD_GET, "/hello")).code, 200, "the next request's code")


## Waits for a thread without blocking the frames.
func _result_of(thread: Thread) -> Dictionary:
	while thread.is_alive():
		await wait_frames(1)
	return thread.wait_to_finish()


func _statuses() -> Array[int]:
	return [
		HTTPClient.STATUS_DISCONNECTED, HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CANT_RESOLVE,
		HTTPClient.STATUS_CONNECTING, HTTPClient.STATUS_CANT_CONNECT, HTTPClient.STATUS_CONNECTED,
		HTTPClient.STATUS_REQUESTING, HTTPClient.STATUS_BODY, HTTPClient.STATUS_CONNECTION_ERROR]


func _add_client_in(status: int, clients: Array[RefCounted]) -> void:
	var client := new_client()
	clients.append(client)
	var exchanged := Exchange.new(client)
	match status:
		HTTPClient.STATUS_RESOLVING:
			client.connect_to_host("name.invalid", 80)
		HTTPClient.STATUS_CANT_RESOLVE:
			await exchanged.open("name.invalid", 80)
		HTTPClient.STATUS_CONNECTING:
			client.connect_to_host(host_of("never-accepts"), port_of("never-accepts"))
		HTTPClient.STATUS_CANT_CONNECT:
			await exchanged.open("127.0.0.1", refused_port())
		HTTPClient.STATUS_CONNECTED:
			await connect_client(client)
		HTTPClient.STATUS_REQUESTING:
			await connect_client(client, "raw")
			client.request(HTTPClient.METHOD_GET, "/fault/never-answers", [])
			client.poll()
		HTTPClient.STATUS_BODY:
			await connect_client(client)
			await exchanged.start(HTTPClient.METHOD_GET, "/bytes/1000000", PackedStringArray(), "")
		HTTPClient.STATUS_CONNECTION_ERROR:
			await connect_client(client, "raw")
			await exchanged.send(HTTPClient.METHOD_GET, reply_target("", true), PackedStringArray(), "")
	exchanged.client = null


func _id_of_only_client(clients: Array[RefCounted], status: int) -> int:
	assert_status(clients[0], status, "status to free it in")
	return clients[0].get_instance_id()


## User and system time. Linux reports them in hundredths of a second.
func _processor_ms_of_this_thread() -> float:
	var line := FileAccess.open("/proc/thread-self/stat", FileAccess.READ).get_line()
	var fields := line.get_slice(")", 1).strip_edges().split(" ")
	return (fields[11].to_float() + fields[12].to_float()) * 10.0
