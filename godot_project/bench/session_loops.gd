extends "res://bench/fetch_loops.gd"
## The loops of fetch_bench.gd with an `HTTPSessionRust` and without a node, and loops that have no counterpart in the engine.


func begin(at: String, expected: int, file := "") -> Callable:
	var used: HTTPSessionRust = session
	if at.begins_with("https") and used.trusted_ca_file.is_empty():
		used.trusted_ca_file = ca_file
	var task := used.fetch(at) if file.is_empty() else used.download(at, file)
	task.completed.connect(
		func(response: HTTPResponseRust) -> void:
			_ended(response.get_result(), response.get_response_code(), response.get_body().size(), expected, file))
	if expected < 0:
		_enders.append(task.cancel)
	_left += 1
	return task.get_downloaded_bytes


func _new_session() -> RefCounted:
	return HTTPSessionRust.new()


## Makes small requests on an open connection, and waits for each. Measures microseconds per request.
func blocking(at: String, expected: int, count: int) -> Dictionary:
	var used: HTTPSessionRust = session
	used.fetch(at).wait_to_finish()
	var began := Time.get_ticks_usec()
	for _index in count:
		var response := used.fetch(at).wait_to_finish()
		if response.get_body().size() != expected:
			problem = response.get_error_message()
			return {}
	return {took_us = (Time.get_ticks_usec() - began) / float(count)}


## The same with an `HTTPClientRust` in blocking mode.
func blocking_client(path: String, expected: int, count: int) -> Dictionary:
	var client := HTTPClientRust.new()
	client.blocking_mode_enabled = true
	client.connect_to_host("localhost", port)
	while client.get_status() in [HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING]:
		client.poll()
	var began := 0
	for index in count + 1:
		# The first request is not counted, as on the other side.
		if index == 1:
			began = Time.get_ticks_usec()
		client.request(HTTPClientRust.METHOD_GET, path, [])
		while client.get_status() == HTTPClientRust.STATUS_REQUESTING:
			client.poll()
		var body := PackedByteArray()
		while client.get_status() == HTTPClientRust.STATUS_BODY:
			body.append_array(client.read_response_body_chunk())
		if body.size() != expected:
			problem = "%d bytes in place of %d" % [body.size(), expected]
			return {}
	return {took_us = (Time.get_ticks_usec() - began) / float(count)}


## Measures a session with many idle connections: how often its threads wake up per second, and microseconds of their processor
## time per second.
func idle(connections: int, seconds: float) -> Dictionary:
	var used := HTTPSessionRust.new()
	used.max_connections_per_host = connections
	session = used
	for _index in connections:
		begin(url("/slow?ms=300"), 32)
	await _all_over()
	if _connections() != connections:
		problem = "%d connections in place of %d" % [_connections(), connections]
	await _frames_for(0.5)
	var before := _of_own_threads()
	await _frames_for(seconds)
	var after := _of_own_threads()
	return {wake_ups = (after[0] - before[0]) / seconds, processor_us = (after[1] - before[1]) / seconds, threads = after[2]}


## The context switches of the library's threads, their processor time in microseconds, and their number.
func _of_own_threads() -> Array:
	var switches := 0
	var busy := 0.0
	var count := 0
	for task: String in DirAccess.get_directories_at("/proc/self/task"):
		var status := FileAccess.open("/proc/self/task/%s/status" % task, FileAccess.READ)
		var is_own := false
		while not status.eof_reached():
			var line := status.get_line()
			if line.begins_with("Name:"):
				is_own = line.contains("http-fetch") or line.contains("HTTPClientRust")
			elif is_own and line.contains("ctxt_switches:"):
				switches += line.get_slice(":", 1).to_int()
		if is_own:
			count += 1
			busy += _first_number("/proc/self/task/%s/schedstat" % task)
	return [switches, busy / 1000.0, count]
