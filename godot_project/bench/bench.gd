# deadline: 1800
# The engine's own class prints this if poll() finds the end of a body that ends with the connection.
# allow-log: ^ERROR: Condition "status != STATUS_BODY" is true
extends SceneTree
## Measures one case with the engine's HTTPClient and with HTTPClientRust, alternating, in this one process.
##
##     cargo xtask bench
##
## which starts this script once for each case, and makes a table of the lines `BENCH case.figure side pair value`. With
## `--side=ours`, only that side runs, for example under a profiler.

const MIB := 1048576

## The source text that all sides share. Each side replaces some of its words.
const LOOPS := "res://bench/loops.gd"
const BUILT_IN := "built-in"
const OURS := "ours"
const AVAILABLE := "available"

var _arguments := {}
var _quick := false
var _sides := {}


func _initialize() -> void:
	for argument: String in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=", true, 1)
		_arguments[parts[0]] = parts[1] if parts.size() == 2 else ""
	_quick = _arguments.has("quick")
	_sides = _made_sides()
	var case: String = _arguments["case"]
	var problem := "there is no case '%s'" % case
	if has_method("_" + case):
		problem = await _run(Callable(self, "_" + case))
	if not problem.is_empty():
		print("FAIL ", case, ": ", problem)
	quit(0 if problem.is_empty() else 1)


## The loops of each side, by its name.
func _made_sides() -> Dictionary:
	var text := FileAccess.get_file_as_string(LOOPS)
	var renamed := text.replace("HTTPClient", "HTTPClientRust")
	return {
		BUILT_IN: _loops(text),
		OURS: _loops(renamed),
		AVAILABLE: _loops(renamed.replace("read_response_body_chunk", "read_response_body_available")),
	}


## Runs the pairs of a case. Returns the problem, or an empty string.
func _run(case: Callable) -> String:
	for pair in int(_arguments["pairs"]):
		var order := _sides.keys()
		if pair % 2 == 1:
			order.reverse()
		for side: String in order:
			if side != _arguments.get("side", side):
				continue
			_sides[side].problem = ""
			await case.call(side, pair)
			if not _sides[side].problem.is_empty():
				return "%s: %s" % [side, _sides[side].problem]
		if not _arguments.has("side"):
			await case.call("reference", pair)
	return ""


func _keep_alive(side: String, pair: int) -> void:
	var count := 500 if _quick else 3000
	if side == "reference":
		_bare("keep_alive", "bare loop", "keep-alive", count, pair)
		_bare("keep_alive", "polling bare loop", "polling", count, pair)
	elif side != AVAILABLE:
		_print("keep_alive", side, pair, _sides[side].keep_alive("/small/1024", 1024, count))


func _new_connections(side: String, pair: int) -> void:
	var count := 200 if _quick else 600
	if side == "reference":
		_bare("new_connections", "bare loop", "new-connections", count, pair)
	elif side != AVAILABLE:
		_print("new_connections", side, pair, _sides[side].new_connections("/small/1024", 1024, count))


func _identity(side: String, pair: int) -> void:
	_download("identity", side, pair, "/bytes/%d", 512, 0)


func _identity_4m(side: String, pair: int) -> void:
	_download("identity_4m", side, pair, "/bytes/%d", 512, 4 * MIB)


func _chunked_16k(side: String, pair: int) -> void:
	_download("chunked_16k", side, pair, "/chunked/%d?size=16384", 256, 0)


func _chunked_512(side: String, pair: int) -> void:
	_download("chunked_512", side, pair, "/chunked/%d?size=512", 32, 0, true)


func _until_close(side: String, pair: int) -> void:
	_download("until_close", side, pair, "/until-close/%d", 256, 0)


func _tls(side: String, pair: int) -> void:
	if side == "reference":
		_curl("tls", "/bytes/%d" % _size(512), pair)
		return
	_secure(side)
	_download("tls", side, pair, "/bytes/%d", 512, 0)


func _upload(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS]:
		_print("upload", side, pair, _sides[side].upload("/upload", _size(64)))


## Each connection of our side has its own configuration, from its own file with the same authority, so that no earlier session
## can be resumed.
func _handshake(side: String, pair: int) -> void:
	if side not in [BUILT_IN, OURS]:
		return
	var count := 5 if _quick else 15
	_secure(side)
	var files := PackedStringArray()
	for index in count:
		files.append("" if side == BUILT_IN else _ca_file(pair * count + index))
	if side == OURS:
		_sides[side].tls = TLSOptions.client(null, "localhost")
	_print("handshake", side, pair, _sides[side].handshakes(files, false))


func _resumed(side: String, pair: int) -> void:
	if side not in [BUILT_IN, OURS]:
		return
	var count := 5 if _quick else 15
	_secure(side)
	var files := PackedStringArray()
	files.resize(count)
	if side == OURS and pair == 0:
		# This first handshake creates the session to resume.
		_sides[side].handshakes([""], false)
	_print("resumed", side, pair, _sides[side].handshakes(files, true))


func _idle_polls(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS]:
		_print("idle_polls", side, pair, _sides[side].idle_polls(50_000 if _quick else 300_000))


func _frames(side: String, pair: int) -> void:
	if side != "reference":
		_print("frames", side, pair, _sides[side].frames("/bytes/%d" % (4096 * MIB), 30 if _quick else 90))


## The server sends 128 KiB at a time, with a pause. This is the rate of a fast line, not of copying memory.
func _paced_frames(side: String, pair: int) -> void:
	if side in [BUILT_IN, AVAILABLE]:
		var path := "/chunked/%d?size=131072&delay_ms=1" % (4096 * MIB)
		_print("paced_frames", side, pair, _sides[side].frames(path, 30 if _quick else 90))


func _idle_clients(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS]:
		_print("idle_clients", side, pair, _sides[side].idle_clients(100 if _quick else 400))


func _crowd(side: String, pair: int) -> void:
	if side != "reference":
		_print("crowd", side, pair, _sides[side].crowd("/small/%d" % MIB, MIB, 100 if _quick else 500))


func _blocking(side: String, pair: int) -> void:
	var count := 200 if _quick else 1000
	if side == "reference":
		_bare("blocking", "bare loop", "keep-alive", count, pair)
	elif side != AVAILABLE:
		_print("blocking", side, pair, _sides[side].blocking("/small/1024", 1024, count))


func _calls(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS]:
		_print("calls", side, pair, _sides[side].calls("/small/1024", 1024, 20_000 if _quick else 200_000))


func _clients(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS]:
		for count: int in [1, 10, 100, 1000]:
			@warning_ignore("integer_division")
			var rounds := (1000 if _quick else 4000) / count
			_print("clients_%d" % count, side, pair, _sides[side].many_clients("/small/1024", 1024, count, rounds))


func _heads(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS]:
		# A line has 48 bytes.
		for lines: int in [4, 42, 420]:
			var path := "/small/64?fields=%d&size=36" % lines
			_print("heads_%d" % lines, side, pair, _sides[side].heads(path, 64, 200 if _quick else 1000))


func _bodies(side: String, pair: int) -> void:
	if side in [BUILT_IN, OURS]:
		for kib: int in [1, 32, 1024, 32 * 1024, 1024 * 1024]:
			@warning_ignore("integer_division")
			var count := clampi((64 if _quick else 256) * 1024 / kib, 1, 2000)
			if not (_quick and kib == 1024 * 1024):
				var path := "/small/%d" if kib <= 1024 else "/bytes/%d"
				_print("bodies_%d" % kib, side, pair, _sides[side].bodies(path % (kib * 1024), kib * 1024, count))


func _download(case: String, side: String, pair: int, path: String, mib: int, chunk_size: int, available := false) -> void:
	if side in [BUILT_IN, OURS] or (available and side == AVAILABLE):
		_print(case, side, pair, _sides[side].download(path % _size(mib), _size(mib), chunk_size))


func _size(mib: int) -> int:
	@warning_ignore("integer_division")
	return maxi(1, mib / (8 if _quick else 1)) * MIB


func _secure(side: String) -> void:
	var ca := X509Certificate.new()
	ca.load(_arguments["ca-file"])
	_sides[side].tls = TLSOptions.client(ca, "localhost")
	_sides[side].port = int(_arguments["https"])


## Writes the certificate authority to a file with a unique text.
func _ca_file(number: int) -> String:
	var path := "user://ca-%d.pem" % number
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_string(FileAccess.get_file_as_string(_arguments["ca-file"]) + "\n".repeat(number + 1))
	file.close()
	return path


## Runs the same requests in a Rust loop that only sends and receives.
func _bare(case: String, side: String, kind: String, count: int, pair: int) -> void:
	var output: Array = []
	var address := "127.0.0.1:" + str(_arguments["http"])
	OS.execute(_arguments["bare-loop"], [kind, address, "/small/1024", str(count)], output)
	var figures := str(output[0]).split_floats(" ")
	var measured := {rate = figures[0], per_processor_second = figures[1], processor_us = 1e6 / figures[1]}
	_print(case, side, pair, measured)


func _curl(case: String, path: String, pair: int, scheme := "https", file := "/dev/null") -> void:
	if not _arguments.has("curl"):
		return
	var output: Array = []
	var url := "%s://localhost:%s%s" % [scheme, _arguments[scheme], path]
	var options := ["--silent", "--show-error", "--output", file, "--write-out", "%{speed_download}"]
	options.append_array(["--cacert", _arguments["ca-file"], "--ipv4", "--noproxy", "*", url])
	OS.execute("curl", options, output)
	_print(case, "curl", pair, {rate = str(output[0]).to_float()})


func _loops(text: String) -> RefCounted:
	var script := GDScript.new()
	script.source_code = text
	var error := script.reload()
	if error != OK:
		print("FAIL the loops: ", error_string(error))
		quit(1)
	var loops: RefCounted = script.new()
	loops.port = int(_arguments["http"])
	return loops


func _print(case: String, side: String, pair: int, figures: Dictionary) -> void:
	for figure: String in figures:
		print("BENCH %s.%s\t%s\t%d\t%s" % [case, figure, side, pair, figures[figure]])
