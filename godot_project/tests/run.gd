extends SceneTree
## Runs the tests of one file, prints a line for each, and exits with code 0 if all of them pass.
##
##     godot --headless --path godot_project --script res://tests/run.gd -- --test=res://tests/test_api.gd \
##         --http=HOST:PORT --raw=HOST:PORT --refused-port=PORT …
##
## `--class=HTTPClient` tests the engine's own class instead of HTTPClientRust, to check the tests themselves. `--only=WORD` runs
## the tests whose names contain the word. `--left-out=FILE,FILE` leaves out tests: the JSON files list them by test file, each with
## a reason. A listed test that does not exist counts as failed.

const TestCase := preload("res://tests/support/test_case.gd")

var _running: TestCase
var _name := ""
var _deadline_ms := 0
var _passed := 0
var _failed := 0


func _initialize() -> void:
	var arguments := _arguments()
	var path: String = arguments.get("test", "")
	var script := load(path) as GDScript if ResourceLoader.exists(path) else null
	if script == null or not script.can_instantiate():
		_report_failure("'%s' is not a script that can be run" % path)
		_finish()
		return
	var names := _test_names(script)
	var only: String = arguments.get("only", "")
	var left_out := _left_out(arguments.get("left-out", ""), path.get_file())
	for name: String in left_out:
		if not names.has(name):
			_report_failure("there is no %s to leave out of %s" % [name, path.get_file()])
	for name: String in names:
		if (only.is_empty() or name.contains(only)) and not left_out.has(name):
			await _run(script, name, arguments)
	if _passed + _failed == 0:
		_report_failure("'%s' has no tests" % path)
	_finish()


## Each test has its own object, so that tests do not share state.
func _run(script: GDScript, name: String, arguments: Dictionary) -> void:
	_name = name
	_running = script.new()
	_running.tree = self
	_running.arguments = arguments
	_deadline_ms = Time.get_ticks_msec() + int(_running.deadline_seconds * 1000.0)
	await _running.call(name)
	var failures := _running.failures
	if _running.checks == 0:
		failures.append("checked nothing, or broke off before its first check")
	_running = null
	if failures.is_empty():
		_passed += 1
		print("ok   ", name)
	else:
		_report_failure("\n       ".join(failures))


func _left_out(files: String, test_file: String) -> Dictionary:
	var left_out := {}
	for file: String in files.split(",", false):
		var all: Dictionary = JSON.parse_string(FileAccess.get_file_as_string(file))
		left_out.merge(all.get(test_file, {}))
	return left_out


## Enforces the deadline. Otherwise, an `await` that never resumes would keep the engine running for ever.
func _process(_delta: float) -> bool:
	if _running != null and Time.get_ticks_msec() > _deadline_ms:
		var failures := _running.failures
		failures.append("not finished after %s seconds; the tests after it did not run" % _running.deadline_seconds)
		_running = null
		_report_failure("\n       ".join(failures))
		_finish()
	return false


func _report_failure(message: String) -> void:
	_failed += 1
	print("FAIL ", _name, ": ", message)


func _finish() -> void:
	print("%d passed, %d failed" % [_passed, _failed])
	quit(0 if _failed == 0 else 1)


func _test_names(script: GDScript) -> PackedStringArray:
	var names := PackedStringArray()
	for method: Dictionary in script.get_script_method_list():
		var name: String = method["name"]
		if name.begins_with("test_") and not names.has(name):
			names.append(name)
	return names


func _arguments() -> Dictionary:
	var arguments := {}
	for argument: String in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=", true, 1)
		arguments[parts[0]] = parts[1] if parts.size() == 2 else ""
	return arguments
