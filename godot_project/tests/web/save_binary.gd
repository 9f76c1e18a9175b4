extends SceneTree
## Saves scenes and resources as Godot's editor does with the extensions .scn and .res, once plain and once compressed.

const WEB := "res://tests/web"
const FILES := {
	"scene.tscn": "scn", "inherited.tscn": "scn", "instances.tscn": "scn", "only_instances.tscn": "scn", "built_in.tscn": "scn",
	"settings.tres": "res"}
## The flags of the saver by folder.
const FORMS := {"plain": ResourceSaver.FLAG_NONE, "compressed": ResourceSaver.FLAG_COMPRESS}


func _initialize() -> void:
	var errors := 0
	for folder: String in FORMS:
		DirAccess.make_dir_recursive_absolute(WEB.path_join(folder))
		for file: String in FILES:
			# The scenes that a scene contains have the same form.
			var text := FileAccess.get_file_as_string(WEB.path_join(file)).replace(
				WEB.path_join("scene.tscn"), WEB.path_join(folder).path_join("scene.scn"))
			var made := WEB.path_join(folder).path_join("made_" + file)
			var written := FileAccess.open(made, FileAccess.WRITE)
			written.store_string(text.replace(" uid=\"uid://bq7yv2o8k4w1a\"", ""))
			written.close()
			var saved := WEB.path_join(folder).path_join(file.get_basename() + "." + FILES[file])
			errors += int(ResourceSaver.save(load(made), saved, FORMS[folder]) != OK)
			DirAccess.remove_absolute(made)
	quit(0 if errors == 0 else 1)
