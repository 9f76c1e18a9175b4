extends "res://tests/support/test_case.gd"
## Users copy the GDScript in README.md and docs/ first. It must compile without changes, and run.

const SourceMap := preload("res://addons/http_client_rust/editor/source_map.gd")


func test_every_script_in_the_texts_compiles() -> void:
	var count := 0
	for path: String in _texts():
		for source: String in _scripts_in(path):
			count += 1
			assert_true(_compiled(source) != null, "a script in %s does not compile:\n%s" % [path.get_file(), source])
	assert_true(count >= 2, "README.md has scripts, but %d were found" % count)


func test_the_first_script_of_the_readme_fetches_in_one_line() -> void:
	var source := _scripts_in(_root().path_join("README.md"))[0]
	var url := '"http://127.0.0.1:8080/hello"'
	assert_true(source.contains(url), "the script fetches %s" % url)
	source = source.replace(url, '"http://%s:%d/hello"' % [host_of("http"), port_of("http")])
	source = source.replace("extends Node\n", "extends Node\nvar printed: Array[String] = []\n").replace("\tprint(", "\tprinted.append(")
	var printed := await _printed_by(source, func(lines: Array[String]) -> bool: return not lines.is_empty())
	assert_equal(printed, "Hello from the embedded server.\n", "printed")


func test_the_script_of_the_readme_for_the_client_fetches_what_it_says() -> void:
	var source := _scripts_in(_root().path_join("README.md"))[1]
	var address := '"http://127.0.0.1", 8080'
	assert_true(source.contains(address), "the script connects to %s" % address)
	source = source.replace(address, '"http://%s", %d' % [host_of("http"), port_of("http")])
	# The printed text is stored, so that the test can check it.
	source = source.replace("extends Node\n", "extends Node\nvar printed: Array[String] = []\n")
	source = source.replace("\tprint(client.get_response_code(), ", "\tprinted.append(str(client.get_response_code(), ")
	source = source.replace("as_dictionary())", "as_dictionary()))")
	source = source.replace("printraw(", "printed.append(").replace("print(client.get_error_message())", "printed.append(\"end\" + client.get_error_message())")
	var printed := await _printed_by(source, func(lines: Array[String]) -> bool: return lines.has("end"))
	assert_true(printed.begins_with("200"), "the code comes first: %s" % printed)
	assert_true(printed.contains("Hello from the embedded server.\n"), "the body is printed: %s" % printed)
	assert_true(printed.ends_with("end"), "there is no error: %s" % printed)


func test_every_link_leads_to_a_file() -> void:
	var link := RegEx.create_from_string("\\]\\(([^)#:]+)(?:#[^)]*)?\\)")
	var count := 0
	for path: String in _texts():
		for found: RegExMatch in link.search_all(FileAccess.get_file_as_string(path)):
			count += 1
			var target := path.get_base_dir().path_join(found.get_string(1)).simplify_path()
			assert_true(FileAccess.file_exists(target), "%s links to %s" % [path.get_file(), found.get_string(1)])
	assert_true(count >= 20, "the texts have many links, but %d were found" % count)


func test_the_form_of_the_asset_library_fits_the_version_and_the_pictures() -> void:
	var form: Dictionary = JSON.parse_string(FileAccess.get_file_as_string(_root().path_join("docs/asset_library/asset.json")))
	var manifest := FileAccess.get_file_as_string(_root().path_join("Cargo.toml"))
	assert_true(manifest.contains("\nversion = \"%s\"\n" % form["version_string"]), "version %s" % form["version_string"])
	var extension := FileAccess.get_file_as_string("res://addons/http_client_rust/http_client_rust.gdextension")
	assert_true(extension.contains("compatibility_minimum = \"%s\"" % form["godot_version"]), "Godot %s" % form["godot_version"])
	var icon := Image.load_from_file(_root().path_join(form["icon"]))
	assert_equal(icon.get_size(), Vector2i(256, 256), "size of the icon")
	for preview: String in form["previews"]:
		assert_true(FileAccess.file_exists(_root().path_join(preview)), "there is no %s" % preview)


## Runs a node's script, which stores its output in "printed", until [param is_done] returns true for that output.
func _printed_by(source: String, is_done: Callable) -> String:
	var script := _compiled(source)
	if not assert_true(script != null, "the changed script compiles:\n%s" % source):
		return ""
	var node: Node = script.new()
	tree.root.add_child(node)
	for i in 600:
		if is_done.call(node.printed):
			break
		await tree.process_frame
	var printed := "".join(node.printed as Array)
	node.queue_free()
	await tree.process_frame
	return printed


func _root() -> String:
	return ProjectSettings.globalize_path("res://").path_join("..").simplify_path()


func _texts() -> PackedStringArray:
	var texts := PackedStringArray([_root().path_join("README.md"), _root().path_join("CONTRIBUTING.md")])
	for name: String in DirAccess.get_files_at(_root().path_join("docs")):
		if name.ends_with(".md"):
			texts.append(_root().path_join("docs").path_join(name))
	return texts


func _scripts_in(path: String, kind := "gdscript") -> PackedStringArray:
	var scripts := PackedStringArray()
	var text := FileAccess.get_file_as_string(path)
	assert_true(not text.is_empty(), "%s can be read" % path)
	var parts := text.split("```%s\n" % kind)
	for i in range(1, parts.size()):
		scripts.append(parts[i].get_slice("```", 0))
	return scripts


func _compiled(source: String) -> GDScript:
	var script := GDScript.new()
	script.source_code = source
	return script if script.reload() == OK else null
