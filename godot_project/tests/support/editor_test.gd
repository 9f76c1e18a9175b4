@tool
extends EditorPlugin
## The common functions of tests in the editor: printing a line for each test like tests/run.gd, and quitting the editor.

var _passed := 0
var _failed := 0


func _report(test_name: String, holds: bool, otherwise: String) -> void:
	if holds:
		_passed += 1
		print("ok   ", test_name)
	else:
		_failed += 1
		print("FAIL ", test_name, ": ", otherwise)


## Quits the editor, with code 0 if all tests pass.
func _finish() -> void:
	# An editor that quits during a scan of the project prints a warning.
	while EditorInterface.get_resource_filesystem().is_scanning():
		await get_tree().process_frame
	print("%d passed, %d failed" % [_passed, _failed])
	get_tree().quit(0 if _failed == 0 else 1)
