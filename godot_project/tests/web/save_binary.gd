extends SceneTree
## Saves a scene with the extension .scn like Godot's editor, once plain and once compressed.


func _initialize() -> void:
	var scene := load("res://tests/web/scene.tscn") as PackedScene
	var error := ResourceSaver.save(scene, "res://tests/web/binary.scn")
	if error == OK:
		error = ResourceSaver.save(scene, "res://tests/web/compressed.scn", ResourceSaver.FLAG_COMPRESS)
	quit(0 if error == OK else 1)
