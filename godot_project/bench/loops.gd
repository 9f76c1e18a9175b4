extends RefCounted
## The measured loops, written for the engine's `HTTPClient`.
##
## bench.gd creates the other side of each comparison from this text with the same change that a user makes: `HTTPClient` becomes
## `HTTPClientRust`. Both sides run the same typed code, and only the class differs. A third side also replaces
## `read_response_body_chunk()` with `read_response_body_available()`.
##
## Each loop returns its figures by name. A body of unexpected length ends the run (see `problem`).

## A frame of a game, in microseconds.
const FRAME_US := 16667

## The first problem; empty if there is none.
var problem := ""
var port := 0
## Null means plain TCP.
var tls: TLSOptions
## A file with the trusted authorities, for the class that has this property.
var ca_file := ""
## Clients that live until the process ends, so that later clients do not use their memory again.
var kept: Array[HTTPClient] = []


## Makes small exchanges one after the other on one connection. Measures exchanges per second, and per second of processor time.
func keep_alive(path: String, expected: int, count: int) -> Dictionary:
	var client := _opened()
	_exchange(client, path, expected)
	var began := Time.get_ticks_usec()
	var busy := _processor_us()
	for _index in count:
		_exchange(client, path, expected)
	busy = _processor_us() - busy
	var took := Time.get_ticks_usec() - began
	return {rate = count * 1e6 / took, per_processor_second = count * 1e6 / busy}


## The same as keep_alive(), with a new connection for each exchange.
func new_connections(path: String, expected: int, count: int) -> Dictionary:
	var began := Time.get_ticks_usec()
	for _index in count:
		var client := _opened()
		_exchange(client, path, expected)
		client.close()
	return {rate = count * 1e6 / (Time.get_ticks_usec() - began)}


## Downloads a large body as fast as possible. Measures bytes per second.
func download(path: String, expected: int, chunk_size: int) -> Dictionary:
	var client := _opened()
	if chunk_size > 0:
		client.read_chunk_size = chunk_size
	var began := Time.get_ticks_usec()
	_exchange(client, path, expected)
	return {rate = expected * 1e6 / (Time.get_ticks_usec() - began)}


## Uploads a large body and waits for the response. Measures bytes per second.
func upload(path: String, size: int) -> Dictionary:
	var body := PackedByteArray()
	body.resize(size)
	body.fill(0x5a)
	var client := _opened()
	var began := Time.get_ticks_usec()
	if client.request_raw(HTTPClient.METHOD_POST, path, ["Accept: application/json"], body) != OK:
		problem = "request_raw() was refused"
		return {}
	var answer := _received(client)
	var took := Time.get_ticks_usec() - began
	var seen: Variant = JSON.parse_string(answer.get_string_from_utf8())
	if not seen is Dictionary or int(seen["bytes"]) != size:
		problem = "the server got something else than was sent: " + answer.get_string_from_utf8()
	return {rate = size * 1e6 / took}


## Makes TLS connections, polled every half millisecond. Measures the microseconds in `poll()`, in total and in the longest call,
## and the whole processor time. Each connection then makes one exchange, with which the server's session tickets arrive.
func handshakes(ca_files: PackedStringArray, resumed: bool) -> Dictionary:
	var totals: Array[float] = []
	var longest: Array[float] = []
	var processor: Array[float] = []
	for file: String in ca_files:
		ca_file = file
		var client := _prepared()
		_connect(client)
		var total := 0
		var worst := 0
		OS.delay_usec(500)
		var busy := _processor_us()
		while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
			var began := Time.get_ticks_usec()
			client.poll()
			var took := Time.get_ticks_usec() - began
			total += took
			worst = maxi(worst, took)
			OS.delay_usec(500)
		processor.append(_processor_us() - busy)
		if client.get_status() != HTTPClient.STATUS_CONNECTED:
			problem = "no TLS connection: status %d" % client.get_status()
			return {}
		if client.has_method("get_tls_info") and client.call("get_tls_info")["resumed"] != resumed:
			problem = "the session was%s resumed" % [" not" if resumed else ""]
			return {}
		totals.append(total)
		longest.append(worst)
		_exchange(client, "/hello", 32)
		client.close()
	return {total = _median(totals), longest = _median(longest), processor_us = _median(processor)}


## Calls of `poll()` per second on an idle connection.
func idle_polls(count: int) -> Dictionary:
	var client := _opened()
	_exchange(client, "/hello", 32)
	var began := Time.get_ticks_usec()
	for _index in count:
		client.poll()
	var took := Time.get_ticks_usec() - began
	if client.get_status() != HTTPClient.STATUS_CONNECTED:
		problem = "the idle connection ended"
	return {rate = count * 1e6 / took}


## Downloads like a game: one `poll()` and one read in each frame. Measures bytes per second, and microseconds of processor time
## per frame.
func frames(path: String, count: int) -> Dictionary:
	var client := _opened()
	client.request(HTTPClient.METHOD_GET, path, [])
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		client.poll()
	# Data that arrived while nothing was read is not counted.
	OS.delay_usec(100_000)
	client.read_response_body_chunk()
	var received := 0
	var began := Time.get_ticks_usec()
	var busy := _processor_us()
	for frame in count:
		client.poll()
		received += client.read_response_body_chunk().size()
		OS.delay_usec(maxi(0, began + (frame + 1) * FRAME_US - Time.get_ticks_usec()))
	busy = _processor_us() - busy
	var took := Time.get_ticks_usec() - began
	if client.get_status() != HTTPClient.STATUS_BODY:
		problem = "the download ended: status %d" % client.get_status()
	client.close()
	return {rate = received * 1e6 / took, processor_us_per_frame = busy / count}


## Bytes of resident memory for each of many clients that made one exchange and stay connected.
func idle_clients(count: int) -> Dictionary:
	if kept.is_empty():
		for _index in 50:
			_keep_one()
	var before := _resident_bytes()
	for _index in count:
		_keep_one()
	return {bytes = (_resident_bytes() - before) / float(count)}


## Makes many downloads at once, each polled and read once per frame. Measures the microseconds until all have ended, and of the
## worst frame.
func crowd(path: String, expected: int, count: int) -> Dictionary:
	var clients: Array[HTTPClient] = []
	var received := PackedInt64Array()
	received.resize(count)
	received.fill(-1)
	var began := Time.get_ticks_usec()
	for _index in count:
		var client := _prepared()
		_connect(client)
		clients.append(client)
	var left := count
	var frame := 0
	var worst := 0
	while left > 0 and problem.is_empty():
		var frame_began := Time.get_ticks_usec()
		for index in count:
			if received[index] == expected:
				continue
			var client := clients[index]
			client.poll()
			match client.get_status():
				HTTPClient.STATUS_CONNECTED:
					if received[index] < 0:
						received[index] = 0
						client.request(HTTPClient.METHOD_GET, path, [])
				HTTPClient.STATUS_BODY:
					received[index] += client.read_response_body_chunk().size()
					if received[index] == expected:
						left -= 1
				HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING, HTTPClient.STATUS_REQUESTING:
					pass
				_:
					problem = "a download of the crowd ended: status %d" % client.get_status()
		var now := Time.get_ticks_usec()
		worst = maxi(worst, now - frame_began)
		frame += 1
		if left > 0:
			OS.delay_usec(maxi(0, began + frame * FRAME_US - now))
	return {total = float(Time.get_ticks_usec() - began), longest = float(worst)}


## Microseconds of processor time for a small exchange in blocking mode.
func blocking(path: String, expected: int, count: int) -> Dictionary:
	var client := _opened()
	client.blocking_mode_enabled = true
	_exchange(client, path, expected)
	var busy := _processor_us()
	for _index in count:
		_exchange(client, path, expected)
	return {processor_us = (_processor_us() - busy) / count}


## Small exchanges on many connections at once. Measures microseconds of processor time for each.
func many_clients(path: String, expected: int, count: int, rounds: int) -> Dictionary:
	var clients: Array[HTTPClient] = []
	for _index in count:
		var client := _opened()
		_exchange(client, path, expected)
		clients.append(client)
	var busy := _processor_us()
	for _round in rounds:
		for client: HTTPClient in clients:
			client.request(HTTPClient.METHOD_GET, path, [])
		for client: HTTPClient in clients:
			_check_length(client, _received(client).size(), expected)
	return {processor_us = (_processor_us() - busy) / (count * rounds)}


## The same as many_clients(), for response heads. All header lines are read.
func heads(path: String, expected: int, count: int) -> Dictionary:
	var client := _opened()
	var lines := 0
	var busy := _processor_us()
	for _index in count:
		client.request(HTTPClient.METHOD_GET, path, [])
		while client.get_status() == HTTPClient.STATUS_REQUESTING:
			client.poll()
		lines += client.get_response_headers().size()
		_check_length(client, _received(client).size(), expected)
	busy = _processor_us() - busy
	return {processor_us = busy / count, processor_us_per_line = busy / lines}


## The same for bodies: nanoseconds of processor time per KiB.
func bodies(path: String, expected: int, count: int) -> Dictionary:
	var client := _opened()
	_exchange(client, path, expected)
	var busy := _processor_us()
	for _index in count:
		_exchange(client, path, expected)
	return {processor_ns_per_kib = (_processor_us() - busy) * 1000.0 * 1024.0 / (float(expected) * count)}


## Nanoseconds of single calls, without the surrounding loop.
func calls(path: String, expected: int, count: int) -> Dictionary:
	var client := _opened()
	_exchange(client, path, expected)
	var costs := {}
	var began := Time.get_ticks_usec()
	for _index in count:
		pass
	var loop := Time.get_ticks_usec() - began
	began = Time.get_ticks_usec()
	for _index in count:
		client.get_status()
	costs.get_status = Time.get_ticks_usec() - began - loop
	began = Time.get_ticks_usec()
	for _index in count:
		client.get_response_code()
	costs.get_response_code = Time.get_ticks_usec() - began - loop
	began = Time.get_ticks_usec()
	for _index in count:
		client.get_response_body_length()
	costs.get_response_body_length = Time.get_ticks_usec() - began - loop
	for name: String in costs:
		costs[name] = costs[name] * 1000.0 / count
	# The built-in class returns the headers only once, so each call needs its own response.
	@warning_ignore("integer_division")
	var few := count / 100
	var sums := {request = 0, headers = 0, dictionary = 0}
	for index in few:
		began = Time.get_ticks_usec()
		client.request(HTTPClient.METHOD_GET, path, ["Accept: */*"])
		sums.request += Time.get_ticks_usec() - began
		while client.get_status() == HTTPClient.STATUS_REQUESTING:
			client.poll()
		began = Time.get_ticks_usec()
		if index % 2 == 0:
			client.get_response_headers()
			sums.headers += Time.get_ticks_usec() - began
		else:
			client.get_response_headers_as_dictionary()
			sums.dictionary += Time.get_ticks_usec() - began
		_check_length(client, _received(client).size(), expected)
	costs.request = sums.request * 1000.0 / few
	costs.headers = sums.headers * 2000.0 / few
	costs.dictionary = sums.dictionary * 2000.0 / few
	began = Time.get_ticks_usec()
	for _index in few:
		HTTPClient.new()
	costs.made = (Time.get_ticks_usec() - began) * 1000.0 / few
	return costs


func _prepared() -> HTTPClient:
	var client := HTTPClient.new()
	if not ca_file.is_empty():
		client.set("trusted_ca_file", ca_file)
	return client


func _connect(client: HTTPClient) -> void:
	var error := client.connect_to_host("127.0.0.1", port) if tls == null else client.connect_to_host("127.0.0.1", port, tls)
	if error != OK:
		problem = "connect_to_host() gave " + error_string(error)


func _opened() -> HTTPClient:
	var client := _prepared()
	_connect(client)
	while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
		client.poll()
	if client.get_status() != HTTPClient.STATUS_CONNECTED:
		problem = "no connection: status %d" % client.get_status()
	return client


func _keep_one() -> void:
	var client := _opened()
	_exchange(client, "/small/1024", 1024)
	kept.append(client)


func _exchange(client: HTTPClient, path: String, expected: int) -> void:
	if client.request(HTTPClient.METHOD_GET, path, []) != OK:
		problem = "request() was refused"
		return
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		client.poll()
	var received := 0
	while client.get_status() == HTTPClient.STATUS_BODY:
		client.poll()
		received += client.read_response_body_chunk().size()
	_check_length(client, received, expected)


func _received(client: HTTPClient) -> PackedByteArray:
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		client.poll()
	var body := PackedByteArray()
	while client.get_status() == HTTPClient.STATUS_BODY:
		client.poll()
		body.append_array(client.read_response_body_chunk())
	return body


func _check_length(client: HTTPClient, received: int, expected: int) -> void:
	if received != expected or client.get_response_code() not in [0, 200]:
		problem = "%d instead of %d bytes came, status %d" % [received, expected, client.get_status()]


func _median(values: Array[float]) -> float:
	values.sort()
	@warning_ignore("integer_division")
	return values[values.size() / 2]


## Processor time of this thread, the only one that works for either class during the measurement.
func _processor_us() -> float:
	return FileAccess.open("/proc/thread-self/schedstat", FileAccess.READ).get_line().to_float() / 1000.0


func _resident_bytes() -> int:
	var rollup := FileAccess.open("/proc/self/smaps_rollup", FileAccess.READ)
	while not rollup.eof_reached():
		var line := rollup.get_line()
		if line.begins_with("Rss:"):
			return line.trim_prefix("Rss:").to_int() * 1024
	problem = "the system does not tell this process's memory"
	return 0
