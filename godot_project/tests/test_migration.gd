extends "res://tests/support/test_case.gd"
## The tool that moves scripts to HTTPClientRust: what it changes, what it leaves alone, and what it points out.

const Migration := preload("res://addons/http_client_rust/editor/migration.gd")
const ProjectScripts := preload("res://addons/http_client_rust/editor/project_scripts.gd")

const FOLDER := "user://migration"


func test_every_kind_of_use_moves() -> void:
	_assert_moves("extends HTTPClient", "extends HTTPClientRust")
	_assert_moves("var http := HTTPClient.new()", "var http := HTTPClientRust.new()")
	_assert_moves("var http: HTTPClient", "var http: HTTPClientRust")
	_assert_moves("func f(a: HTTPClient) -> HTTPClient:", "func f(a: HTTPClientRust) -> HTTPClientRust:")
	_assert_moves("var all: Array[HTTPClient] = []", "var all: Array[HTTPClientRust] = []")
	_assert_moves("if a is HTTPClient:", "if a is HTTPClientRust:")
	_assert_moves("var s: HTTPClient.Status", "var s: HTTPClientRust.Status")
	_assert_moves("match x:\n\tHTTPClient.STATUS_BODY:", "match x:\n\tHTTPClientRust.STATUS_BODY:")
	_assert_moves("http.request(HTTPClient.METHOD_GET, \"/\", [])", "http.request(HTTPClientRust.METHOD_GET, \"/\", [])")


func test_comments_and_strings_stay() -> void:
	for text: String in [
			"# HTTPClient.new()", "var a := 1 # HTTPClient", "print(\"HTTPClient\")", "print('HTTPClient')",
			"var s := \"\"\"\nHTTPClient.new()\n\"\"\"", "var s := '''HTTPClient \" '''", "var s := r\"\\\" + HTTPClient\"",
			"var s := &\"HTTPClient\"", "print(\"a \\\" HTTPClient\")", "## [HTTPClient] is documented"]:
		_assert_stays(text)


func test_code_behind_strings_and_comments_moves() -> void:
	_assert_moves("var a := \"#\" + str(HTTPClient.new())", "var a := \"#\" + str(HTTPClientRust.new())")
	_assert_moves("# it's\nvar a: HTTPClient", "# it's\nvar a: HTTPClientRust")
	_assert_moves("var a := \"\\\\\"; var b: HTTPClient", "var a := \"\\\\\"; var b: HTTPClientRust")


func test_other_names_stay() -> void:
	for text: String in [
			"var a: HTTPClientRust", "var a: MyHTTPClient", "var HTTPClient2 := 1", "$HTTPClient.poll()",
			"$Net/HTTPClient.poll()", "%HTTPClient.poll()", "var a := _HTTPClient"]:
		_assert_stays(text)


func test_methods_that_go_to_an_http_request_stay() -> void:
	_assert_stays("$HTTPRequest.request(url, [], HTTPClient.METHOD_POST, body)")
	_assert_stays("node.request(url, PackedStringArray([\"a\", \"b\"]), HTTPClient.METHOD_PUT)")
	_assert_stays("node.request_raw(\n\t\turl,\n\t\t[],\n\t\tHTTPClient.METHOD_PUT if big else HTTPClient.METHOD_POST,\n\t\tbytes)")
	_assert_stays("extends HTTPRequest\nfunc a():\n\trequest(url, [], (HTTPClient.METHOD_HEAD))")
	_assert_stays("var node := HTTPRequest.new()\nvar method := HTTPClient.METHOD_POST\nnode.request(url, [], method)")


func test_a_script_with_both_classes_moves_its_client_only() -> void:
	var before := (
		"var http := HTTPClient.new()\nfunc a(node: HTTPRequest):\n\tnode.request(u, [], HTTPClient.METHOD_POST)\n"
		+ "\thttp.request(HTTPClient.METHOD_GET, u, [])\n\tvar method := HTTPClient.METHOD_PUT\n")
	var change := Migration.plan("res://a.gd", before)
	assert_contains(change.after, "HTTPClientRust.new()")
	assert_contains(change.after, "node.request(u, [], HTTPClient.METHOD_POST)")
	assert_contains(change.after, "http.request(HTTPClientRust.METHOD_GET, u, [])")
	assert_contains(change.after, "var method := HTTPClient.METHOD_PUT")
	assert_equal(change.left_alone, 2, "uses left alone")
	assert_equal(change.notes.size(), 1, "notes")
	assert_contains(change.notes[0], "5: ")


func test_what_needs_a_persons_eye_is_pointed_out_with_its_line() -> void:
	var change := Migration.plan(
		"res://a.gd", "var http := HTTPClient.new()\n\nvar tcp := http.connection as StreamPeerTCP\nvar n := \"HTTPClient\"\n")
	assert_equal(change.notes.size(), 2, "notes")
	assert_matches("\n".join(change.notes), "3: .*StreamPeerTCP")
	assert_matches("\n".join(change.notes), "4: .*text")


func test_the_diff_shows_changed_lines_with_their_neighbours() -> void:
	var change := Migration.plan("res://a.gd", "a\nb\nvar h: HTTPClient\nc\nd\n")
	assert_equal(
		Migration.diff(change),
		PackedStringArray(["    2  b", "-   3  var h: HTTPClient", "+   3  var h: HTTPClientRust", "    4  c"]), "diff")


func test_a_moved_script_runs() -> void:
	var before := (
		"extends RefCounted\nvar http := HTTPClient.new()\nfunc status() -> HTTPClient.Status:\n\treturn http.get_status()\n")
	var script := GDScript.new()
	script.source_code = Migration.plan("res://a.gd", before).after
	if assert_error(script.reload(), OK, "parsing the moved script"):
		var made: RefCounted = script.new()
		assert_equal(made.call("status"), HTTPClient.STATUS_DISCONNECTED, "status")
		assert_equal((made.get("http") as RefCounted).get_class(), "HTTPClientRust", "class")


func test_moving_twice_changes_nothing_more() -> void:
	var once := Migration.plan("res://a.gd", "var h: HTTPClient = HTTPClient.new()").after
	assert_equal(Migration.plan("res://a.gd", once).after, once, "text")


func test_a_project_is_read_written_and_written_back() -> void:
	_write("a.gd", "var h: HTTPClient\n")
	_write("below/b.gd", "# HTTPClient\n")
	_write("own/c.gd", "var h: HTTPClient\n")
	_write("built_in.tscn", "script/source = \"extends Node\nvar h: HTTPClient\"\n")
	_write("Net.cs", "var a = new HttpClient();\n")
	var scripts := ProjectScripts.new()
	scripts.read(FOLDER, FOLDER.path_join("own"))
	var paths := scripts.changes.map(func(change: Migration.Change) -> String: return change.path)
	assert_equal(paths, [FOLDER.path_join("a.gd")], "scripts")
	assert_equal(scripts.elsewhere.size(), 2, "what the tool does not touch")

	var change := scripts.changes[0]
	var before := {change.path: change.before}
	var after := {change.path: change.after}
	assert_equal(ProjectScripts.write(after, before).size(), 0, "problems of writing")
	assert_equal(FileAccess.get_file_as_string(change.path), "var h: HTTPClientRust\n", "moved")
	assert_equal(ProjectScripts.write(before, after).size(), 0, "problems of undoing")
	assert_equal(FileAccess.get_file_as_string(change.path), "var h: HTTPClient\n", "undone")


func test_a_script_that_was_changed_meanwhile_is_not_overwritten() -> void:
	_write("a.gd", "mine\n")
	var path := FOLDER.path_join("a.gd")
	assert_equal(ProjectScripts.write({path: "new"}, {path: "old"}).size(), 1, "problems")
	assert_equal(FileAccess.get_file_as_string(path), "mine\n", "text")


func _assert_moves(before: String, after: String) -> void:
	assert_equal(Migration.plan("res://a.gd", before).after, after, before)


func _assert_stays(text: String) -> void:
	assert_equal(Migration.plan("res://a.gd", text).after, text, "what stays")


func _write(name: String, text: String) -> void:
	var path := FOLDER.path_join(name)
	DirAccess.make_dir_recursive_absolute(path.get_base_dir())
	FileAccess.open(path, FileAccess.WRITE).store_string(text)
