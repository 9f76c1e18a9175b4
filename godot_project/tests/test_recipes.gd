extends "res://tests/support/fetch_case.gd"
## docs/recipes.md: each recipe is a script in examples/recipes. The document contains the same text, and the script does what it
## says. In an export without the library, it does the same, or says what a browser does not support. --keep-recipes creates the
## scripts for that export.

const FOLDER := "res://examples/recipes"
const SERVER := "http://127.0.0.1:8080"
const SIZE := 1_000_000
## The folder of the scripts for an export, which may not contain readable scripts.
const MADE := "res://tests/web/recipes"
## The classes whose members a C# recipe may use, by the class that it instantiates.
const CSHARP_CLASSES := {
	"HTTPSessionRust": [&"HTTPSessionRust", &"HTTPTaskRust", &"HTTPResponseRust"],
	"HTTPClientRust": [&"HTTPClientRust"],
}

var _node: Node
var _has_library := ClassDB.class_exists(&"HTTPSessionRust")


func test_the_text_shows_every_recipe_as_it_is() -> void:
	var text := FileAccess.get_file_as_string(_root().path_join("docs/recipes.md"))
	var names := DirAccess.get_files_at(FOLDER)
	var count := 0
	for name: String in names:
		if name.get_extension() != "gd":
			continue
		count += 1
		var shown := "(../godot_project/examples/recipes/%s)" % name
		if not assert_true(text.contains(shown), "%s is linked" % name):
			continue
		var section := text.substr(text.find(shown))
		var block := section.get_slice("```gdscript\n", 1).get_slice("```", 0)
		assert_equal(block, FileAccess.get_file_as_string(FOLDER.path_join(name)), "the block behind the link to " + name)
	assert_equal(text.count("```gdscript"), count, "scripts in the text")
	assert_true(count >= 12, "there are recipes")


func test_json() -> void:
	var url_of_answer := url_of_reply(response_with(["Content-Type: application/json"], "{\"rank\": 3}".to_utf8_buffer()), false)
	await _run("json.gd", {SERVER + "/scores": url_of_answer}, ["Rank: 3"])
	await _run("json.gd", {SERVER + "/scores": url("/hello")}, ["This is not JSON: " + HELLO])
	await _run("json.gd", {SERVER + "/scores": url("/status/503"), "HTTPClient.METHOD_POST": "HTTPClient.METHOD_PATCH"}, [".*503.*"])
	await _run("json.gd", {SERVER + "/scores": url("/echo"), "print(\"Rank: %d\" % answer.get(\"rank\", 0))": "print(answer[\"body_text\"])"}, [
		"{\"player\":\"Ada\",\"score\":1200}"])


func test_form() -> void:
	await _run("form.gd", {SERVER + "/feedback": url("/echo")}, ["Thank you!"])
	var echoed_fields := {
		SERVER + "/feedback": url("/echo"), "print(\"Thank you!\"": "print(response.get_json()[\"body_text\"].replace(\"\\r\\n\", \" \")"}
	await _run("form.gd", echoed_fields, ["--.+ name=\"name\"  Ada --.+ name=\"log\"; filename=\"game\\.log\" Content-Type: text/plain .+--\\s*"])


func test_login() -> void:
	var answer := url_of_reply(response_with([], "{\"token\": \"t-42\"}".to_utf8_buffer()), false)
	var with_echo := {SERVER: "http://" + address_of("http"), "\"/login\"": "\"%s\"" % answer, "\"/scores\"": "\"/echo\""}
	await _run("login.gd", with_echo, [".*\"Authorization\",\"Bearer t-42\".*"])
	await _run("login.gd", {SERVER: "http://" + address_of("http"), "/login": "/status/401"}, ["Not logged in: .*401.*"])


func test_download() -> void:
	await _run("download.gd", {SERVER + "/level.pck": url("/bytes/%d" % SIZE)}, ["Saved to user://level\\.pck"])
	assert_equal(FileAccess.get_file_as_bytes("user://level.pck").size(), SIZE, "bytes of the file")


func test_the_bar_of_the_download_ends_full() -> void:
	var full := {SERVER + "/level.pck": url("/bytes/%d" % SIZE), "print(\"Saved to %s\" % PATH": "print(_bar.value"}
	await _run("download.gd", full, ["1.0"])


func test_resume() -> void:
	# In a browser, downloads start from the beginning each time.
	if _has_library:
		# Each connection ends after 200,000 bytes; one download() makes three attempts.
		var cut := {SERVER + "/level.pck": url("/file/%d?cut=200000" % SIZE), "5.0": "0.05"}
		await _run("resume.gd", cut, ["Waiting: .+", "Saved to user://level\\.pck"])
		var stated: Variant = (await fetched(new_session(), url("/crc/%d" % SIZE))).get_json()
		assert_equal(crc32(FileAccess.get_file_as_bytes("user://level.pck")), int(stated["crc32"]), "checksum")
	await _run("resume.gd", {SERVER + "/level.pck": url("/file/%d" % SIZE)}, ["Saved to user://level\\.pck"])
	await _run("resume.gd", {SERVER: "http://" + address_of("http")}, [".*404.*"])


func test_upload() -> void:
	var bytes := PackedByteArray()
	bytes.resize(SIZE)
	FileAccess.open("user://save.dat", FileAccess.WRITE).store_buffer(bytes)
	var receipt := {SERVER + "/saves": url("/upload"), "print(\"Uploaded.\"": "print(str(response.get_json()[\"bytes\"] - form.get_length())"}
	var printed := await _run("upload.gd", receipt, ["(\\d+ %)+0.*"], "")
	assert_true(printed.has("100 %"), "it ends with all of it: %s" % [printed])


func test_events_of_a_language_model() -> void:
	var events := ""
	for part: String in ["Under", " the", " stone."]:
		events += "data: {\"choices\": [{\"delta\": {\"content\": \"%s\"}}]}\n\n" % part
	var reply := response_with(["Content-Type: text/event-stream"], (events + "data: [DONE]\n\n").to_utf8_buffer())
	await _run("llm_events.gd", {SERVER + "/v1/chat/completions": url_of_reply(reply, false), "Bearer \" + TOKEN": "Bearer x\""}, [
		"Under the stone\\."])


func test_cookies() -> void:
	var paths := {SERVER: "http://" + address_of("http"), "\"login\"": "\"set-cookies\"", "\"profile\"": "\"echo\""}
	var expected: PackedStringArray = ["session = abc123", "theme = dark", ".*\"Cookie\",\"session=abc123; theme=dark\".*"]
	await _run("cookies.gd", paths, expected if _has_library else PackedStringArray([".*\"target\":\"/echo\".*"]))
	var restarted := {
		SERVER: "http://" + address_of("http"), "\tawait _session.fetch(URL + \"login\").completed\n": "", "\"profile\"": "\"echo\""}
	expected = ["theme = dark", ".*\"Cookie\",\"theme=dark\".*"]
	await _run("cookies.gd", restarted, expected if _has_library else PackedStringArray([".*\"target\":\"/echo\".*"]))


func test_retries() -> void:
	var reply := response_with(["Retry-After: 0"], PackedByteArray(), "503 Service Unavailable")
	await _run("retries.gd", {SERVER + "/news": url_of_reply(reply, false)}, [
		"Attempt 2 begins in 0\\.0 s: .+", "Attempt 3 .+", "Attempt 4 .+", "Attempt 5 .+", "5 attempts: .*503.*"])


func test_proxies() -> void:
	var proxy := {"3128": address_of("http").get_slice(":", 1), "game.example/news": "game.example/echo"}
	var there := ".*\"target\":\"http://game\\.example(:80)?/echo\".*"
	await _run("proxies.gd", proxy, [there if _has_library else "a browser chooses its proxy itself; .+"])


func test_own_certificate() -> void:
	var there := {
		"res://certificates/studio_ca.pem": arguments.get("ca-file", ""),
		"https://localhost:8443/news": url("/hello", "https").replace("127.0.0.1", "localhost")}
	var not_there: PackedStringArray = ["a browser only trusts its own certificates; .+", "no TLS"]
	await _run("own_certificate.gd", there, PackedStringArray([HELLO, "TLS.*1\\.3"]) if _has_library else not_there)


func test_use_from_a_thread() -> void:
	await _run("thread.gd", {SERVER + "/level.json": url("/json")}, [
		"The level was loaded\\." if _has_library else "wait_to_finish\\(\\) cannot block in a browser; .+"])


func test_the_csharp_names_what_there_is() -> void:
	var text := FileAccess.get_file_as_string(_root().path_join("docs/recipes.md"))
	var seen := PackedStringArray()
	for part: String in text.split("```csharp\n").slice(1):
		seen.append(_check_csharp(part.get_slice("```", 0)))
	assert_equal(seen, PackedStringArray(CSHARP_CLASSES.keys()), "classes of which a recipe makes an object")
	assert_contains(text.get_slice("## From C#", 1), "await ToSignal(", "it waits without blocking")


## The C# recipe reads the statuses of HTTPClientRust as those of HttpClient.
func test_the_statuses_have_the_values_of_the_built_in() -> void:
	for name: String in ClassDB.class_get_enum_constants(&"HTTPClient", &"Status"):
		assert_equal(
			ClassDB.class_get_integer_constant(&"HTTPClientRust", name), ClassDB.class_get_integer_constant(&"HTTPClient", name), name)


## Checks the names in a C# recipe. Returns the class that it instantiates.
func _check_csharp(source: String) -> String:
	var objects := RegEx.create_from_string("ClassDB\\.Instantiate\\(\"(\\w+)\"\\)").search_all(source)
	if not assert_equal(objects.size(), 1, "objects that are made by name"):
		return ""
	var made_class := objects[0].get_string(1)
	if not assert_true(CSHARP_CLASSES.has(made_class) and ClassDB.class_exists(made_class), "there is a class " + made_class):
		return made_class
	var classes: Array = CSHARP_CLASSES[made_class]
	var calls := RegEx.create_from_string("\\.Call\\(\"(\\w+)\"((?:, (?:\\{[^{}]*\\}|\"[^\"]*\"|[^,(){}\"\\[\\]]+|new\\[\\] \\{[^{}]*\\}|\\([^()]*\\)[^,()]*)+)*)\\)").search_all(source)
	assert_equal(calls.size(), source.count(".Call("), "calls that were understood")
	for found: RegExMatch in calls:
		var given := found.get_string(2).count(", ")
		assert_true(
			classes.any(func(name: StringName) -> bool: return _takes(name, found.get_string(1), given)),
			"%s has %s() with %d arguments" % [made_class, found.get_string(1), given])
	for found: RegExMatch in RegEx.create_from_string("ToSignal\\(\\w+, \"(\\w+)\"\\)").search_all(source):
		assert_true(ClassDB.class_has_signal(&"HTTPTaskRust", found.get_string(1)), "there is a signal " + found.get_string(1))
	return made_class


## Adds the script to the tree with other addresses, and waits until all expected lines are printed. These are regular
## expressions. With a separator, the lines are joined to one text.
func _run(name: String, replaced: Dictionary, expected: PackedStringArray, separator := "\n") -> PackedStringArray:
	var printed := PackedStringArray()
	var script := _changed(name, replaced)
	if not assert_true(script != null and script.can_instantiate(), name + " with other addresses is a script"):
		return printed
	_node = Node.new()
	_node.set_script(script)
	tree.root.add_child.call_deferred(_node)
	var pattern := RegEx.create_from_string("(?s)^%s$" % separator.join(expected))
	var end := Time.get_ticks_msec() + 20_000
	while Time.get_ticks_msec() < end:
		await wait_frames(1)
		printed = PackedStringArray((_node.get("printed") as Array).map(func(line: Variant) -> String: return str(line)))
		if pattern.search(separator.join(printed)) != null:
			break
	assert_true(
		pattern.search(separator.join(printed)) != null, "%s: expected %s, printed %s" % [name, expected, printed])
	_node.queue_free()
	await wait_frames(2)
	return printed


## Returns a recipe with replaced parts that keeps what it prints. In an export, this is a script that was created before.
func _changed(name: String, replaced: Dictionary) -> GDScript:
	var file := MADE.path_join("%s_%08x.gd" % [name.get_basename(), str(replaced).hash()])
	if not _has_library:
		return load(file) if ResourceLoader.exists(file) else null
	var source := FileAccess.get_file_as_string(FOLDER.path_join(name))
	for part: String in replaced:
		assert_true(source.contains(part), "%s has %s" % [name, part])
		source = source.replace(part, replaced[part])
	source = source.replace("print(", "printed.append(").replace("extends Node\n", "extends Node\n\nvar printed: Array = []\n")
	if arguments.has("keep-recipes"):
		DirAccess.make_dir_recursive_absolute(MADE)
		FileAccess.open(file, FileAccess.WRITE).store_string(source)
	var script := GDScript.new()
	script.source_code = source
	assert_error(script.reload(), OK, "parsing what was made of it:\n" + source)
	return script


func _takes(name: StringName, method: String, count: int) -> bool:
	for info: Dictionary in ClassDB.class_get_method_list(name):
		if info["name"] == method:
			var most: int = info["args"].size()
			return count <= most and count >= most - info["default_args"].size()
	return false


func _root() -> String:
	return ProjectSettings.globalize_path("res://").path_join("..").simplify_path()
