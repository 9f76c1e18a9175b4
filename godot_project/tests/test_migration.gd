# allow-log: SCRIPT ERROR: (Parse|Compile) Error
extends "res://tests/support/migration_case.gd"
## The tool that moves scripts to HTTPClientRust: what it changes, what it leaves alone, and what it reports.

const FOLDER := "user://migration"


func _init() -> void:
	super(FOLDER)


func test_every_kind_of_use_moves() -> void:
	_assert_moves("extends HTTPClient", "extends HTTPClientRust")
	_assert_moves("var http := HTTPClient.new()", "var http := HTTPClientRust.new()")
	_assert_moves("var http: HTTPClient", "var http: HTTPClientRust")
	_assert_moves("func f(a: HTTPClient) -> HTTPClient:", "func f(a: HTTPClientRust) -> HTTPClientRust:")
	_assert_moves("var all: Array[HTTPClient] = []", "var all: Array[HTTPClientRust] = []")
	_assert_moves("if a is HTTPClient:", "if a is HTTPClientRust:")
	_assert_moves("var h := HTTPClient.new()\nvar s: HTTPClient.Status", "var h := HTTPClientRust.new()\nvar s: HTTPClientRust.Status")
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
	assert_matches("\n".join(change.notes), "4: .*string")


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


func test_a_project_that_only_uses_http_request_stays_as_it_is() -> void:
	var scripts := _read({
		"api.gd": """class_name MoverApi
extends Node
const OK_CODES: Array[int] = [HTTPClient.RESPONSE_OK, HTTPClient.RESPONSE_CREATED]
enum Verb { READ = HTTPClient.METHOD_GET, WRITE = HTTPClient.METHOD_POST }
@onready var _node: HTTPRequest = $Request
func send(
		url: String, method: HTTPClient.Method = HTTPClient.METHOD_GET, body := {}) -> Error:
	if _node.get_http_client_status() != HTTPClient.STATUS_DISCONNECTED:
		return ERR_BUSY
	return _node.request(url, [], method, JSON.stringify(body))
""",
		"page.gd": """extends Node
var api: MoverApi
func _ready() -> void:
	var method := HTTPClient.METHOD_PUT if api != null else HTTPClient.METHOD_POST
	api.send("http://a", method)
	await api.send("http://a", HTTPClient.METHOD_DELETE, {a = 1})
func _on_done(_result: int, code: int, _h: PackedStringArray, _b: PackedByteArray) -> void:
	match code:
		HTTPClient.RESPONSE_OK, HTTPClient.RESPONSE_CREATED:
			pass
""",
		"states.gd": """extends Node
var busy: Array[HTTPClient.Status] = [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_BODY]
func is_busy(node: HTTPRequest) -> bool:
	var status: HTTPClient.Status = node.get_http_client_status()
	return status in busy
"""})
	assert_equal(scripts.changes.size(), 0, "scripts that would change")


func test_constants_are_followed_to_a_client_in_another_script() -> void:
	_assert_becomes({
		"net.gd": ["""class_name MoverNet
extends RefCounted
var _http := HTTPClient.new()
var state: HTTPClient.Status:
	get:
		return _http.get_status()
func fetch(target: String, method: HTTPClient.Method = HTTPClient.METHOD_GET) -> Error:
	return _http.request(method, target, [])
func is_done() -> bool:
	return not state in [HTTPClient.STATUS_BODY, HTTPClient.STATUS_REQUESTING]
""", 6],
		"user.gd": ["""extends Node
const VERB := HTTPClient.METHOD_PATCH
var net := MoverNet.new()
func _ready() -> void:
	var verb := HTTPClient.METHOD_PUT
	net.fetch("/", verb)
	net.fetch("/", VERB)
	net.fetch("/", HTTPClient.METHOD_POST if is_inside_tree() else HTTPClient.METHOD_HEAD)
	if net.state == HTTPClient.STATUS_CONNECTED:
		pass
func other(node: HTTPRequest) -> void:
	node.request("http://a", [], HTTPClient.METHOD_POST)
""", 5],
		"child.gd": ["""extends "net.gd"
func remove() -> Error:
	match state:
		HTTPClient.STATUS_CONNECTED:
			return fetch("/", HTTPClient.METHOD_DELETE)
	return FAILED
""", 2]})


func test_constants_that_a_wrapper_of_an_http_request_takes_stay_beside_a_client() -> void:
	_assert_becomes({
		"wrapper.gd": ["""class_name MoverWrapper
extends HTTPRequest
signal asked(method: HTTPClient.Method)
func ask(url: String, method: HTTPClient.Method) -> Error:
	asked.emit(method)
	return request(url, PackedStringArray(), method)
""", 0],
		"both.gd": ["""extends Node
var http: HTTPClient
var wrapper: MoverWrapper
func _ready() -> void:
	http = HTTPClient.new()
	http.request(HTTPClient.METHOD_GET, "/", [])
	wrapper.ask("http://a", HTTPClient.METHOD_GET)
	var m := HTTPClient.METHOD_HEAD
	wrapper.ask("http://a", m)
""", 3]})


func test_shapes_of_whole_scripts_move_and_parse() -> void:
	_assert_becomes({
		"polling.gd": ["""extends Node
var client = HTTPClient.new()
var last: HTTPClient.Status = HTTPClient.STATUS_DISCONNECTED
func run() -> void:
	assert(client.connect_to_host("localhost", 1) == OK)
	while client.get_status() == HTTPClient.STATUS_CONNECTING or client.get_status() == HTTPClient.STATUS_RESOLVING:
		client.poll()
		await get_tree().process_frame
	assert(client.get_status() == HTTPClient.STATUS_CONNECTED)
	last = client.get_status()
	if not client.get_response_code() in [HTTPClient.RESPONSE_OK, HTTPClient.RESPONSE_FOUND]:
		return
	match last:
		HTTPClient.STATUS_BODY, HTTPClient.STATUS_CONNECTED:
			pass
		_ when last == HTTPClient.STATUS_CONNECTION_ERROR:
			pass
""", 11],
		"inner.gd": ["""extends RefCounted
class Job:
	extends RefCounted
	var method: HTTPClient.Method
	var http: HTTPClient
	func _init(of: HTTPClient.Method) -> void:
		method = of
		http = HTTPClient.new()
	func start() -> Error:
		return http.request_raw(method, "/", [], PackedByteArray())
var jobs: Array[Job] = [Job.new(HTTPClient.METHOD_GET), Job.new(HTTPClient.METHOD_PUT)]
var on_status := func(status: HTTPClient.Status) -> bool: return status == HTTPClient.STATUS_BODY
func all() -> void:
	for method: HTTPClient.Method in [HTTPClient.METHOD_GET, HTTPClient.METHOD_HEAD]:
		jobs.append(Job.new(method))
""", 11],
		"request_of_its_own.gd": ["""extends Node
var _node := HTTPRequest.new()
func request(url: String, headers := PackedStringArray(), method: HTTPClient.Method = HTTPClient.METHOD_GET) -> Error:
	return _node.request(url, headers, method)
func post(url: String) -> Error:
	return request(url, PackedStringArray(), HTTPClient.METHOD_POST)
static func make() -> HTTPRequest:
	return HTTPRequest.new()
func once(url: String) -> void:
	make().request(url, [], HTTPClient.METHOD_PUT)
	(get_child(0) as HTTPRequest).request(url, [], HTTPClient.METHOD_PUT)
	var http := HTTPClient.new()
	http.request(
			HTTPClient.METHOD_POST if url.is_empty()
			else HTTPClient.METHOD_PUT,
			url, [])
	http.close()
""", 3],
		"typed.gd": ["""extends Node
const NAMES := {HTTPClient.METHOD_GET: "GET", HTTPClient.METHOD_POST: "POST"}
var by_name: Dictionary = {"GET": HTTPClient.METHOD_GET}
func name_of(method: HTTPClient.Method) -> String:
	return NAMES.get(method, "")
func go(http: HTTPClient, method := HTTPClient.METHOD_GET) -> void:
	print(name_of(method))
	if http.request(method, "/", []) != OK: push_warning("no")
	var s := http.get_status(); if s != HTTPClient.STATUS_REQUESTING: return
""", 7]})


## Tries each of these texts in each of these places. It is enough that planning ends.
func test_texts_that_are_no_script_are_planned_too() -> void:
	var count := 0
	for odd: String in [
			"", "\"", "'''", "func", "func (", "var", "match x", "(((", ")))", "\\", "HTTPClient", "HTTPClient.", "HTTPClient.METHOD_GET",
			"= HTTPClient.METHOD_GET", ": HTTPClient.Method", "[HTTPClient.METHOD_GET", "}{ HTTPClient.Status }", "else HTTPClient.STATUS_BODY",
			"== HTTPClient.STATUS_BODY", "HTTPClient.STATUS_BODY ==", "x(HTTPClient.METHOD_GET", ".request(HTTPClient.METHOD_GET)", "for x in",
			"signal a(", "extends", "class_name", "$HTTPRequest.", "x as", "-> HTTPClient.Status", "not in HTTPClient.STATUS_BODY"]:
		for around: String in ["%s", "\n\t%s\n", "func a(%s):", "%s.request(", "x = %s", "f(%s, %s", "if %s:"]:
			for before: String in ["", "var h := HTTPClient.new()\n"]:
				var text := before + around.replace("%s", odd)
				count += int(Migration.plan("res://a.gd", text).before == text)
	assert_equal(count, 30 * 7 * 2, "texts that were planned")


func test_what_would_not_parse_any_more_is_held_back_with_its_reason() -> void:
	var scripts := _read({
		"verbs.gd": """class_name MoverVerbs
static func of(name: String) -> HTTPClient.Method:
	return HTTPClient.METHOD_GET if name == "read" else HTTPClient.METHOD_POST
""",
		"client.gd": "extends RefCounted\nvar http := HTTPClient.new()\nfunc a() -> void:\n\thttp.request(MoverVerbs.of(\"read\"), \"/\", [])\n",
		"node.gd": "extends HTTPRequest\nfunc a() -> void:\n\trequest(\"/\", [], MoverVerbs.of(\"read\"))\n",
		"fine.gd": "extends RefCounted\nvar http := HTTPClient.new()\n",
		"after.gd": "extends Node\nconst Other := preload(\"client.gd\")\nvar http := HTTPClient.new()\nfunc a() -> void:\n\tOther.new().a()\n",
		"broken.gd": "extends RefCounted\nvar http := HTTPClient.new()\nfunc a(:\n"})
	assert_equal(_of(scripts, "fine.gd").held_back, "", "what parses")
	if ClassDB.class_exists(&"Logger"):
		assert_equal(_of(scripts, "after.gd").held_back, "", "what only needs one that does not parse")
	assert_contains(_of(scripts, "client.gd").held_back, "would no longer parse")
	assert_contains(_of(scripts, "broken.gd").held_back, "does not parse even without the change")
	assert_contains(_of(scripts, "verbs.gd").notes[0], "both to a client and to an HTTPRequest")
	if ClassDB.class_exists(&"Logger"):
		assert_contains(_of(scripts, "client.gd").held_back, "line 4")


func test_a_script_that_others_need_as_it_is_is_held_back() -> void:
	var scripts := _read({
		"maker.gd": "class_name MoverMaker\nstatic func make() -> HTTPClient:\n\treturn HTTPClient.new()\n",
		"addons/theirs/user.gd": "extends Node\nfunc use(http: HTTPClient) -> void:\n\thttp.poll()\nfunc a() -> void:\n\tuse(MoverMaker.make())\n"})
	assert_contains(_of(scripts, "maker.gd").held_back, "user.gd would no longer parse")


func test_add_ons_of_others_are_not_ticked_and_what_goes_to_them_stays() -> void:
	var scripts := _read({
		"addons/theirs/theirs.gd": """class_name MoverTheirs
static func send(http: RefCounted, method: HTTPClient.Method) -> void:
	(http as HTTPClient).request(method, "/", [])
""",
		"mine.gd": """extends RefCounted
var http := HTTPClient.new()
func a() -> void:
	MoverTheirs.send(null, HTTPClient.METHOD_GET)
"""})
	assert_contains(_of(scripts, "theirs.gd").held_back, "another add-on")
	assert_equal(_of(scripts, "mine.gd").held_back, "", "the own script")
	assert_contains(_of(scripts, "mine.gd").after, "MoverTheirs.send(null, HTTPClient.METHOD_GET)")


func test_keys_in_the_style_of_lua_stay() -> void:
	var change := Migration.plan("res://a.gd", "var http := HTTPClient.new()\nvar d := {HTTPClient = 1, b = HTTPClient.new(), HTTPClient = 2}\n")
	assert_contains(change.after, "{HTTPClient = 1, b = HTTPClientRust.new(), HTTPClient = 2}")


func test_a_length_in_characters_is_pointed_out() -> void:
	var change := Migration.plan(
		"res://a.gd", "var http := HTTPClient.new()\nfunc a(t: String):\n\thttp.request(2, \"/\", [\"Content-Length: \" + str(t.length())], t)\n")
	assert_matches("\n".join(change.notes), "3: .*bytes")


func test_a_byte_order_mark_and_the_ends_of_lines_are_kept() -> void:
	var path := FOLDER.path_join("marked.gd")
	var bytes := ProjectScripts.BYTE_ORDER_MARK + "extends Node\r\nvar h: HTTPClient\r\n".to_utf8_buffer()
	_write_bytes("marked.gd", bytes)
	var scripts := ProjectScripts.new()
	scripts.read(FOLDER, "")
	var change := _of(scripts, "marked.gd")
	assert_equal(change.held_back, "", "reason")
	assert_equal(ProjectScripts.write({path: change.after}, {path: change.before}).size(), 0, "problems of writing")
	assert_equal(
		FileAccess.get_file_as_bytes(path),
		ProjectScripts.BYTE_ORDER_MARK + "extends Node\r\nvar h: HTTPClientRust\r\n".to_utf8_buffer(), "bytes")


func test_all_scripts_are_written_or_none() -> void:
	_write("a.gd", "one\n")
	_write("b.gd", "two\n")
	var a := FOLDER.path_join("a.gd")
	var b := FOLDER.path_join("b.gd")
	assert_equal(ProjectScripts.write({a: "1", b: "2"}, {a: "one\n", b: "else\n"}).size(), 1, "problems")
	assert_equal(FileAccess.get_file_as_string(a), "one\n", "the one that was as expected")
	assert_equal(Array(DirAccess.get_files_at(FOLDER)), ["a.gd", "b.gd"], "files")


func test_bytes_that_are_no_text_are_left_alone() -> void:
	_write_bytes("a.gd", "# ".to_utf8_buffer() + PackedByteArray([0xe9]) + "\nvar h: HTTPClient\n".to_utf8_buffer())
	var scripts := ProjectScripts.new()
	scripts.read(FOLDER, "")
	assert_equal(scripts.changes.size(), 0, "changes")
	assert_contains(scripts.elsewhere[0], "not UTF-8")


func test_only_godots_client_is_reported_in_csharp() -> void:
	for text: String in [
			"using Godot;\nvar a = new HttpClient();", "var a = new Godot.HttpClient();", "using Godot;\nHttpClient _http;"]:
		assert_true(ProjectScripts.uses_client_in_csharp(text), text)
	for text: String in [
			"using System.Net.Http;\nvar a = new HttpClient();", "using Godot;\nvar a = new System.Net.Http.HttpClient();",
			"using Godot;\nnode.Request(url, headers, HttpClient.Method.Post);", "using Godot;\n// HttpClient\nvar s = \"HttpClient\";",
			"using Godot;\nvar a = new MyHttpClient();"]:
		assert_true(not ProjectScripts.uses_client_in_csharp(text), text)


func test_a_check_leaves_nothing_behind() -> void:
	assert_equal(CompileCheck.problems({"res://a.gd": "extends Node\n"}), {}, "problems")
	assert_true(not DirAccess.dir_exists_absolute(CompileCheck.FOLDER), "the folder of the check is gone")


func test_a_project_is_read_written_and_written_back() -> void:
	_write("a.gd", "var h: HTTPClient\n")
	_write("below/b.gd", "# HTTPClient\n")
	_write("own/c.gd", "var h: HTTPClient\n")
	_write("built_in.tscn", "script/source = \"extends Node\nvar h: HTTPClient\"\n")
	_write("Net.cs", "using Godot;\nvar a = new HttpClient();\n")
	var scripts := ProjectScripts.new()
	scripts.read(FOLDER, FOLDER.path_join("own"))
	var paths := scripts.changes.map(func(found: Migration.Change) -> String: return found.path)
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


## Checks a project of scripts, given as texts with the number of uses that must move. All scripts must parse before and after.
func _assert_becomes(project: Dictionary) -> void:
	var texts := {}
	for name: String in project:
		texts[name] = project[name][0]
	var scripts := _read(texts)
	var after := {}
	for name: String in texts:
		after[FOLDER.path_join(name)] = texts[name]
	assert_equal(CompileCheck.problems(after), {}, "problems before")
	for change: Migration.Change in scripts.changes:
		assert_equal(change.held_back, "", change.path.get_file())
		after[change.path] = change.after
	assert_equal(CompileCheck.problems(after), {}, "problems afterwards")
	for name: String in project:
		var count := 0
		for change: Migration.Change in scripts.changes:
			count += change.replaced if change.path.get_file() == name else 0
		assert_equal(count, project[name][1], "uses that move in " + name)
