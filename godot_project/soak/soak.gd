extends SceneTree
## Runs random requests with sessions and nodes in a running engine for the given time. It checks that every body is right, that
## every task is completed exactly once, and that memory and sockets return to their level at the start.
##
##     cargo xtask soak --sessions --minutes 30
##
## `exchanges.gd` defines the requests and their expected results.

const Exchanges := preload("res://soak/exchanges.gd")

## Number of simultaneous exchanges.
const SLOTS := 40
## Milliseconds between two samples of the memory.
const SAMPLE_MS := 500
## A larger difference in bytes between the third and the last sixth of a run counts as growth. The run must have at least this
## length in minutes.
const GROWTH := 4 << 20
const LONG_ENOUGH := 5.0
## In milliseconds. On an idle machine, no exchange takes half of this time.
const LONGEST_MS := 120_000
## Number of mismatches that are printed individually.
const SHOWN := 20

var is_ending := false
var exchanges: RefCounted
## By kind: [complete, bytes, failed as expected, cancelled, mismatches].
var _counts := {}
var _mismatches := PackedStringArray()
var _running := 0
## Kind, player and start time of each running exchange, by player index.
var _under_way := {}
## Samples of the resident memory in bytes.
var _samples := PackedInt64Array()


func _initialize() -> void:
	var arguments := {}
	for argument: String in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=", true, 1)
		arguments[parts[0]] = parts[1] if parts.size() == 2 else ""
	var minutes := str(arguments.get("minutes", "1")).to_float()
	var first_seed := str(arguments["seed"]).to_int() if arguments.has("seed") else randi() % 1_000_000
	print("soak: seed %d, %s minutes" % [first_seed, minutes])

	exchanges = Exchanges.new(self, arguments)
	var problem: String = await exchanges.prepare()
	if not problem.is_empty():
		print("FAIL ", problem)
		quit(1)
		return
	var before := [_open_files(), _threads(), _objects()]
	var began := Time.get_ticks_msec()
	for index: int in SLOTS:
		_play(index, first_seed)
	while Time.get_ticks_msec() - began < minutes * 60_000.0:
		await create_timer(SAMPLE_MS / 1000.0, true, false, true).timeout
		_samples.append(_resident_bytes())
		_look_for_hangs()
	is_ending = true
	while _running > 0:
		_look_for_hangs()
		await process_frame
	var took := (Time.get_ticks_msec() - began) / 60_000.0
	exchanges.close()
	await create_timer(0.5).timeout
	var after := [_open_files(), _threads(), _objects()]
	# A thread that resolves names stays alive and may have open files; sockets must be closed.
	if after[0] > before[0]:
		note("open files", "mismatch", 0, "%d before, %d after" % [before[0], after[0]])
	if after[2] > before[2] + SLOTS:
		note("objects", "mismatch", 0, "%d before, %d after" % [before[2], after[2]])
	if exchanges.started != exchanges.completed:
		note("tasks", "mismatch", 0, "%d started, %d completed" % [exchanges.started, exchanges.completed])
	var grown := minutes >= LONG_ENOUGH and _median(5) > _median(2) + GROWTH
	_summarize(took, first_seed, before, after, minutes)
	quit(1 if grown or not _mismatches.is_empty() else 0)


## One player, which makes one exchange after the other.
func _play(index: int, first_seed: int) -> void:
	_running += 1
	var random := RandomNumberGenerator.new()
	random.seed = hash([first_seed, index])
	while not is_ending:
		var player := Exchanges.Player.new(index, random)
		var kind: String = exchanges.pick(player)
		_under_way[index] = [kind, player, Time.get_ticks_msec()]
		await exchanges.play(player)
		_under_way.erase(index)
		note(kind, player.verdict, player.bytes, player.what)
		# An exchange that never waits must not block the frame.
		await process_frame
	_running -= 1


## Ends the run if an exchange does not end.
func _look_for_hangs() -> void:
	for index: int in _under_way:
		var exchange: Array = _under_way[index]
		if Time.get_ticks_msec() - exchange[2] > LONGEST_MS:
			print("FAIL no end of an exchange: %s %s" % [exchange[0], exchange[1].what])
			quit(1)


## Counts the result of an exchange: `complete`, `failed`, `cancelled` or `mismatch`.
func note(kind: String, verdict: String, bytes: int, what: String) -> void:
	var row: PackedInt64Array = _counts.get(kind, PackedInt64Array([0, 0, 0, 0, 0]))
	row[{complete = 0, failed = 2, cancelled = 3, mismatch = 4}[verdict]] += 1
	if verdict == "complete":
		row[1] += bytes
	elif verdict == "mismatch":
		if _mismatches.size() < SHOWN:
			print("mismatch: %s: %s" % [kind, what])
		_mismatches.append("%s: %s" % [kind, what])
	_counts[kind] = row


func _summarize(took: float, first_seed: int, before: Array, after: Array, minutes: float) -> void:
	var lines := PackedStringArray([
		"| exchanges | complete | MiB | failed as they must | cancelled | mismatches |", "| --- | ---: | ---: | ---: | ---: | ---: |"])
	var sum := PackedInt64Array([0, 0, 0, 0, 0])
	var kinds := _counts.keys()
	kinds.sort()
	for kind: String in kinds:
		lines.append(_row(kind, _counts[kind]))
		for index: int in sum.size():
			sum[index] += _counts[kind][index]
	lines.append(_row("all", sum))
	var medians := PackedStringArray()
	for sixth: int in 6:
		medians.append("%.1f" % (_median(sixth) / 1048576.0))
	var verdict := "not judged, since the run was too short for that"
	if minutes >= LONG_ENOUGH:
		verdict = "**grown**" if _median(5) > _median(2) + GROWTH else "flat"
	lines.append_array([
		"", "- %.1f minutes, seed %d; %d at a time" % [took, first_seed, SLOTS],
		"- %d exchanges, %d mismatches; %d tasks started, %d completed" % [
			sum[0] + sum[2] + sum[3] + sum[4], _mismatches.size(), exchanges.started, exchanges.completed],
		"- resident memory %s (medians of all sixths: %s MiB)" % [verdict, ", ".join(medians)],
		"- open files %d before and %d after, threads %d and %d, objects %d and %d" % [
			before[0], after[0], before[1], after[1], before[2], after[2]]])
	print("\n".join(lines))


func _row(kind: String, counts: PackedInt64Array) -> String:
	return "| %s | %d | %d | %d | %d | %d |" % [kind, counts[0], counts[1] >> 20, counts[2], counts[3], counts[4]]


## Median of the samples in this sixth of the run.
func _median(sixth: int) -> int:
	@warning_ignore("integer_division")
	var part := Array(_samples.slice(_samples.size() * sixth / 6, _samples.size() * (sixth + 1) / 6))
	part.sort()
	@warning_ignore("integer_division")
	return part[part.size() / 2] if not part.is_empty() else 0


func _resident_bytes() -> int:
	var status := FileAccess.open("/proc/self/status", FileAccess.READ)
	while not status.eof_reached():
		var line := status.get_line()
		if line.begins_with("VmRSS:"):
			return line.trim_prefix("VmRSS:").to_int() * 1024
	return 0


func _open_files() -> int:
	return DirAccess.get_files_at("/proc/self/fd").size()


func _threads() -> int:
	return DirAccess.get_directories_at("/proc/self/task").size()


func _objects() -> int:
	return int(Performance.get_monitor(Performance.OBJECT_COUNT))
