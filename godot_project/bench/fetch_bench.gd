# deadline: 1800
extends "res://bench/bench.gd"
## Measures one case with the engine's HTTPRequest node (with and without `use_threads`), with HTTPRequestRust, and with
## HTTPSessionRust, alternating, in this one process at 60 frames per second.
##
##     cargo xtask bench --fetch

const FETCH_LOOPS := "res://bench/fetch_loops.gd"
const SESSION_LOOPS := "res://bench/session_loops.gd"
const THREADS := "threads"
const SESSION := "session"


func _made_sides() -> Dictionary:
	Engine.max_fps = 60
	var text := FileAccess.get_file_as_string(FETCH_LOOPS)
	var sides := {
		BUILT_IN: _loops(text),
		THREADS: _loops(text),
		OURS: _loops(text.replace("HTTPRequest.", "HTTPRequestRust.")),
		SESSION: load(SESSION_LOOPS).new(),
	}
	for side: String in sides:
		sides[side].tree = self
		sides[side].port = int(_arguments["http"])
		sides[side].tls_port = int(_arguments["https"])
		sides[side].ca_file = _arguments["ca-file"]
	sides[THREADS].use_threads = true
	sides[OURS].session = HTTPSessionRust.new()
	sides[SESSION].session = HTTPSessionRust.new()
	return sides


func _fetch_one(side: String, pair: int) -> void:
	if side != "reference":
		var loops: RefCounted = _sides[side]
		_print("fetch_one", side, pair, await loops.one_by_one(loops.url("/hello"), 32, 20 if _quick else 100))


func _fetch_new_tls(side: String, pair: int) -> void:
	if side != "reference":
		var loops: RefCounted = _sides[side]
		_print("fetch_new_tls", side, pair, await loops.one_by_one(loops.url("/hello", true), 32, 5 if _quick else 20, true))


func _fetch_redirect(side: String, pair: int) -> void:
	if side != "reference":
		var loops: RefCounted = _sides[side]
		_print("fetch_redirect", side, pair, await loops.one_by_one(loops.url("/redirect?to=/hello"), 32, 10 if _quick else 50))


func _fetch_hundred(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS, SESSION]:
		await _hundred("fetch_hundred", side, pair, false)


func _fetch_hundred_tls(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS, SESSION]:
		await _hundred("fetch_hundred_tls", side, pair, true)


func _hundred(case: String, side: String, pair: int, secure: bool) -> void:
	var loops: RefCounted = _sides[side]
	if loops.session != null:
		# A new session has no open connection.
		loops.session = HTTPSessionRust.new()
	_print(case, side, pair, await loops.at_once(loops.url("/small/1024", secure), 1024, 100))


## At the built-in node's rate, the whole download would take two minutes per pair, so this side loads only a part.
func _fetch_download(side: String, pair: int) -> void:
	if side == "reference":
		var file := OS.get_user_data_dir().path_join("curl.bin")
		_curl("fetch_download", "/bytes/%d" % _size(512), pair, "http", file)
		DirAccess.remove_absolute(file)
		return
	await _large("fetch_download", side, pair, "/bytes/%d", _size(16 if side == BUILT_IN else 512), true)


func _fetch_gzip(side: String, pair: int) -> void:
	if side == "reference":
		return
	await _large("fetch_gzip", side, pair, "/gzip/%d", _size(64), false)


func _fetch_2_gib(side: String, pair: int) -> void:
	if side in [OURS, SESSION]:
		await _large("fetch_2_gib", side, pair, "/bytes/%d", _size(2048), true)


func _large(case: String, side: String, pair: int, path: String, size: int, to_file: bool) -> void:
	var loops: RefCounted = _sides[side]
	var file := OS.get_user_data_dir().path_join("bench.bin") if to_file else ""
	_print(case, side, pair, await loops.large(loops.url(path % size), size, file))


## 64 KiB every 31 ms is 2 MB/s.
func _fetch_running(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS, SESSION]:
		await _running("fetch_running", side, pair, "/bytes/%d?delay_ms=31" % (1 << 30), 100)


func _fetch_growth(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS, SESSION]:
		for count: int in [1, 10, 100, 1000]:
			await _running("fetch_growth_%d" % count, side, pair, "/chunked/%d?size=8192&delay_ms=50" % (1 << 30), count)


## A side would use memory again that another side freed. Therefore each side has its own process, and only the first pair
## counts.
func _fetch_memory(side: String, pair: int) -> void:
	if side == OURS and pair == 0:
		await _fetch_growth(side, pair)


func _fetch_memory_built_in(side: String, pair: int) -> void:
	if side == BUILT_IN and pair == 0:
		await _fetch_growth(side, pair)


func _running(case: String, side: String, pair: int, path: String, count: int) -> void:
	var loops: RefCounted = _sides[side]
	if loops.session != null:
		loops.session = HTTPSessionRust.new()
		loops.session.max_connections_per_host = count
		loops.session.body_size_limit = -1
	_print(case, side, pair, await loops.running(loops.url(path), count, 1.0 if _quick else 3.0))


func _fetch_idle(side: String, pair: int) -> void:
	if side == SESSION:
		_print("fetch_idle", side, pair, await _sides[side].idle(50, 1.0 if _quick else 5.0))


func _fetch_blocking(side: String, pair: int) -> void:
	if side == SESSION:
		var loops: RefCounted = _sides[side]
		var count := 500 if _quick else 3000
		_print("fetch_blocking", "HTTPClientRust", pair, loops.blocking_client("/small/1024", 1024, count))
		_print("fetch_blocking", side, pair, loops.blocking(loops.url("/small/1024"), 1024, count))
