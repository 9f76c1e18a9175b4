extends RefCounted
## The loops of fetch_bench.gd, written for the engine's `HTTPRequest` node. The other side runs this text with `HTTPRequestRust`
## instead. session_loops.gd has the same loops with a session and without a node.
##
## Each loop returns its figures by name. An unexpected response ends the run (see `problem`).

## The first problem; empty if there is none.
var problem := ""
var tree: SceneTree
## The server's ports without and with TLS, and the file with its certificate authority.
var port := 0
var tls_port := 0
var ca_file := ""
var use_threads := false
## The session of the nodes, if the class has this property. Null means the shared session.
var session: RefCounted = null
var _tls: TLSOptions
## Callables that end the endless transfers.
var _enders: Array[Callable] = []
var _is_ending := false
## Number of running transfers.
var _left := 0
## Frame and time of the end of the last transfer.
var _done_in := 0
var _done_at := 0


func url(path: String, secure := false) -> String:
	return "%s://127.0.0.1:%d%s" % ["https" if secure else "http", tls_port if secure else port, path]


## Starts a transfer, and decrements `_left` at its end. A transfer with −1 expected bytes is endless. If `file` is given, the
## body is written to it. Returns a callable that returns the number of bytes received so far.
func begin(at: String, expected: int, file := "") -> Callable:
	var node := HTTPRequest.new()
	node.use_threads = use_threads
	node.download_file = file
	if session != null and "session" in node:
		node.set("session", session)
	if at.begins_with("https"):
		node.set_tls_options(_tls_options())
	tree.root.add_child(node)
	node.request_completed.connect(
		func(result: int, code: int, _headers: PackedStringArray, body: PackedByteArray) -> void:
			_ended(result, code, body.size(), expected, file)
			node.queue_free())
	if expected < 0:
		_enders.append(node.free)
	_left += 1
	if node.request(at) != OK:
		problem = "request() was refused"
		_left -= 1
	return node.get_downloaded_bytes


## Records the time, and reports a problem if the result is not the expected one.
func _ended(result: int, code: int, size: int, expected: int, file: String) -> void:
	if _is_ending:
		return
	_left -= 1
	_done_in = Engine.get_process_frames()
	_done_at = Time.get_ticks_usec()
	var found := size
	if not file.is_empty():
		found = FileAccess.open(file, FileAccess.READ).get_length() if FileAccess.file_exists(file) else -1
	if result != 0 or code != 200 or found != expected:
		problem = "result %d, code %d, %d bytes in place of %d" % [result, code, found, expected]


## Makes small requests one after the other, each at the start of a frame. Measures the frames until the signal (median and
## maximum) and the microseconds.
func one_by_one(at: String, expected: int, count: int, fresh := false) -> Dictionary:
	var frames: Array[float] = []
	var times: Array[float] = []
	# In the first frame of a program, the root is not in the tree.
	await tree.process_frame
	if not fresh:
		begin(at, expected)
		await _all_over()
	for _index in count:
		if fresh and session != null:
			session = _new_session()
		await tree.process_frame
		var frame := Engine.get_process_frames()
		var began := Time.get_ticks_usec()
		begin(at, expected)
		await _all_over()
		frames.append(_done_in - frame)
		times.append(_done_at - began)
		if not problem.is_empty():
			return {}
	return {frames = _median(frames), worst_frames = frames.max(), took_us = _median(times)}


## Makes many requests at once. Measures the microseconds until all have ended, and the highest number of connections in any
## frame, without earlier ones.
func at_once(at: String, expected: int, count: int) -> Dictionary:
	await tree.process_frame
	var before := _connections()
	var began := Time.get_ticks_usec()
	for _index in count:
		begin(at, expected)
	var most := 0
	while _left > 0:
		await tree.process_frame
		most = maxi(most, _connections())
	return {took_us = _done_at - began, connections = most - before}


## Downloads one large body to a file or to memory. Measures the bytes per second, the processor time of the process, and its
## additional memory.
func large(at: String, expected: int, file := "") -> Dictionary:
	var before := _resident_bytes()
	var most := before
	await tree.process_frame
	var busy := _processor_of_process_us()
	var began := Time.get_ticks_usec()
	begin(at, expected, file)
	while _left > 0:
		await tree.process_frame
		most = maxi(most, _resident_bytes())
	busy = _processor_of_process_us() - busy
	if not file.is_empty():
		DirAccess.remove_absolute(file)
	return {rate = expected * 1e6 / (_done_at - began), processor_us = busy, bytes = most - before}


## Receives many endless bodies at once for the given time. Measures the processor time that they add to each frame of the main
## thread in microseconds, the time of the other threads per KiB in nanoseconds, and the memory per transfer without its body.
func running(at: String, count: int, seconds: float) -> Dictionary:
	await _frames_for(0.3)
	var idle := await _frames_for(0.7)
	var before := _resident_bytes()
	var asked: Array[Callable] = []
	for _index in count:
		asked.append(begin(at, -1))
	# Waits until all transfers have started.
	var patience := Time.get_ticks_msec() + 30_000
	while asked.any(func(bytes: Callable) -> bool: return bytes.call() == 0) and Time.get_ticks_msec() < patience:
		await tree.process_frame
	var received := -_sum(asked)
	var others := -_processor_of_others_us()
	var busy := await _frames_for(seconds)
	others += _processor_of_others_us()
	var at_the_end := _sum(asked)
	received += at_the_end
	var held := _resident_bytes() - before - at_the_end
	_is_ending = true
	for ender: Callable in _enders:
		ender.call()
	_enders.clear()
	await _frames_for(0.3)
	_is_ending = false
	_left = 0
	if received <= 0:
		problem = "nothing came of %d transfers" % count
	return {
		main_us = maxf(0.0, busy - idle), processor_ns_per_kib = others * 1000.0 * 1024.0 / maxi(1, received),
		bytes = maxi(0, held) / float(count), rate = received / seconds}


func _tls_options() -> TLSOptions:
	if _tls == null:
		var ca := X509Certificate.new()
		ca.load(ca_file)
		_tls = TLSOptions.client(ca)
	return _tls


func _all_over() -> void:
	while _left > 0:
		await tree.process_frame


func _new_session() -> RefCounted:
	return ClassDB.instantiate(&"HTTPSessionRust")


func _sum(asked: Array[Callable]) -> int:
	var sum := 0
	for bytes: Callable in asked:
		sum += bytes.call()
	return sum


## Waits for frames to pass. Returns the processor time of this thread per frame in microseconds.
func _frames_for(seconds: float) -> float:
	var end := Time.get_ticks_usec() + int(seconds * 1e6)
	var frames := 0
	var busy := _processor_us()
	while Time.get_ticks_usec() < end:
		await tree.process_frame
		frames += 1
	return (_processor_us() - busy) / frames


func _median(values: Array[float]) -> float:
	values.sort()
	@warning_ignore("integer_division")
	return values[values.size() / 2]


func _processor_us() -> float:
	return _first_number("/proc/thread-self/schedstat") / 1000.0


## Processor time of all other threads.
func _processor_of_others_us() -> float:
	var sum := 0.0
	for task: String in DirAccess.get_directories_at("/proc/self/task"):
		sum += _first_number("/proc/self/task/%s/schedstat" % task)
	return sum / 1000.0 - _processor_us()


## Processor time of the process, including threads that have ended.
func _processor_of_process_us() -> float:
	var fields := FileAccess.open("/proc/self/stat", FileAccess.READ).get_line().get_slice(") ", 1).split(" ")
	# The fields are in hundredths of a second.
	return (fields[11].to_float() + fields[12].to_float()) * 10_000.0


func _first_number(path: String) -> float:
	var file := FileAccess.open(path, FileAccess.READ)
	return file.get_line().to_float() if file != null else 0.0


## Number of this machine's connections to both ports of the server.
func _connections() -> int:
	var count := 0
	var far := [":%04X" % port, ":%04X" % tls_port]
	var table := FileAccess.open("/proc/net/tcp", FileAccess.READ)
	while not table.eof_reached():
		var fields := table.get_line().strip_edges().split(" ", false)
		if fields.size() > 3 and fields[3] == "01" and far.any(func(end: String) -> bool: return fields[2].ends_with(end)):
			count += 1
	return count


func _resident_bytes() -> int:
	var status := FileAccess.open("/proc/self/status", FileAccess.READ)
	while not status.eof_reached():
		var line := status.get_line()
		if line.begins_with("VmRSS:"):
			return line.trim_prefix("VmRSS:").to_int() * 1024
	return 0
