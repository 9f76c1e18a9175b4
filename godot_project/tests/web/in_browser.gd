extends Node
## Runs tests in a browser, where the export templates of Godot 4.6 take no --script. See .github/web/run.py.


func _ready() -> void:
	var tests := load("res://tests/run.gd") as Script
	get_tree().set_script(tests)
	get_tree().call_deferred(&"_initialize")
