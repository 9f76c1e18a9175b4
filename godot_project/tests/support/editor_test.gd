@tool
extends EditorPlugin
## What the tests inside of the editor share: a line for each test, as tests/run.gd prints them, and the editor's end.

var _passed := 0
var _failed := 0


func _report(test_name: String, holds: bool, otherwise: String) -> void:
	if holds:
		_passed += 1
		print("ok   ", test_name)
	else:
		_failed += 1
		print("FAIL ", test_name, ": ", otherwise)


## Ends the editor, with 0 if all tests hold.
func _finish() -> void:
	# An editor that quits while it still looks for files warns about that.
	while EditorInterface.get_resource_filesystem().is_scanning():
		await get_tree().process_frame
	print("%d passed, %d failed" % [_passed, _failed])
	get_tree().quit(0 if _failed == 0 else 1)
