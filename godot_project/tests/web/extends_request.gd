extends HTTPRequestRust
## Has its own _exit_tree(), like scripts of games.

@export var path := ""

var left := false


func _init() -> void:
	timeout = 5.0


func _exit_tree() -> void:
	left = true


func ask(at: String) -> HTTPResponseRust:
	if request(at + path, PackedStringArray(), HTTPClient.METHOD_POST) != OK:
		return null
	return await get_task().wait()
