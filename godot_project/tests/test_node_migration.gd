# allow-log: SCRIPT ERROR: (Parse|Compile) Error
extends "res://tests/support/migration_case.gd"
## The tool that moves HTTPRequest to HTTPRequestRust: scripts, scenes, and which of them move together.

const FOLDER := "user://node_migration"
const SCENE := """[gd_scene load_steps=2 format=3]

[ext_resource type="Script" path="user://node_migration/SCRIPT" id="1_a"]

[node name="Main" type="Node" node_paths=PackedStringArray("given")]
script = ExtResource("1_a")
given = NodePath("Given")

[node name="HTTPRequest" type="HTTPRequest" parent="."]
timeout = 12.0

[node name="Given" type="HTTPRequest" parent="." groups=["a", "b"]]
use_threads = true

[connection signal="request_completed" from="HTTPRequest" to="." method="_on_done"]
"""
const SCRIPT := """extends Node
@export var given: HTTPRequest
@onready var request: HTTPRequest = $HTTPRequest
func _on_done(result: HTTPRequest.Result, _code: int, _headers: PackedStringArray, _body: PackedByteArray) -> void:
	if result != HTTPRequest.RESULT_SUCCESS:
		push_warning(result)
"""


func _init() -> void:
	super(FOLDER, Migration.OLD_NODE)


func test_every_kind_of_use_of_the_node_moves() -> void:
	for text: String in [
			"extends HTTPRequest", "var r := HTTPRequest.new()", "var r: HTTPRequest", "func f(a: HTTPRequest) -> HTTPRequest:",
			"var all: Array[HTTPRequest] = []", "if a is HTTPRequest:", "var b := a as HTTPRequest", "if r == HTTPRequest.RESULT_TIMEOUT:",
			"func f(r: HTTPRequest.Result):", "@onready var http: HTTPRequest = %HTTPRequest2"]:
		var expected := RegEx.create_from_string("\\bHTTPRequest\\b").sub(text, "HTTPRequestRust", true)
		assert_equal(_planned(text).after, expected, text)


func test_names_of_nodes_comments_and_strings_stay() -> void:
	for text: String in [
			"$HTTPRequest.request(u)", "%HTTPRequest.request(u)", "$A/HTTPRequest.timeout = 1", "# HTTPRequest", "print(\"HTTPRequest.new()\")",
			"get_node(\"HTTPRequest\")", "var d := {HTTPRequest = 1}", "x.HTTPRequest", "var HTTPRequest2 := 1", "var a: HTTPRequestRust"]:
		assert_equal(_planned(text).after, text, "what stays")


func test_constants_of_the_client_stay_where_a_node_moves() -> void:
	var change := _planned("var r := HTTPRequest.new()\nfunc a():\n\tr.request(\"/\", [], HTTPClient.METHOD_POST)\n")
	assert_contains(change.after, "r.request(\"/\", [], HTTPClient.METHOD_POST)")


func test_constants_that_a_moved_node_takes_stay_when_the_clients_move_later() -> void:
	var before := (
		"var http := HTTPClient.new()\nvar r := HTTPRequestRust.new()\nfunc a():\n"
		+ "\tr.request(\"/\", [], HTTPClient.METHOD_POST)\n\tvar m := HTTPClient.METHOD_PUT\n\tr.request(\"/\", [], m)\n")
	assert_equal(Migration.plan("res://a.gd", before).after, before.replace("HTTPClient.new()", "HTTPClientRust.new()"), "text")


func test_a_text_that_names_the_class_is_pointed_out_and_one_that_names_a_node_is_not() -> void:
	var change := _planned("extends Node\nfunc a():\n\tfind_children(\"*\", \"HTTPRequest\")\n\tget_node(\"HTTPRequest\")\n\tname = \"HTTPRequest\"\n")
	assert_equal(change.notes.size(), 1, "notes")
	assert_contains(change.notes[0], "3: ")


func test_a_scene_and_the_script_with_its_types_move_together_and_run() -> void:
	var scripts := _read({"main.tscn": SCENE.replace("SCRIPT", "main.gd"), "main.gd": SCRIPT})
	assert_equal(_of(scripts, "main.tscn").after, SCENE.replace("SCRIPT", "main.gd").replace(
		"type=\"HTTPRequest\"", "type=\"HTTPRequestRust\""), "scene")
	assert_equal(_of(scripts, "main.tscn").together, PackedStringArray([FOLDER.path_join("main.gd")]), "with the scene")
	assert_equal(_of(scripts, "main.gd").together, PackedStringArray([FOLDER.path_join("main.tscn")]), "with the script")
	for name: String in ["main.gd", "main.tscn"]:
		var only: Array[Migration.Change] = [_of(scripts, name)]
		assert_contains(str(scripts.problems_of(only).get(FOLDER.path_join(name), "")), "move both or none")
	_move(scripts)
	var node: Node = (load(FOLDER.path_join("main.tscn")) as PackedScene).instantiate()
	tree.root.add_child.call_deferred(node)
	await wait_frames(2)
	for property: String in ["given", "request"]:
		assert_equal((node.get(property) as Node).get_class(), "HTTPRequestRust", property)
	assert_equal((node.get("request") as Node).get("timeout"), 12.0, "a property of the scene")
	assert_equal((node.get("given") as Node).get("use_threads"), true, "another one")
	assert_true((node.get("request") as Node).is_connected("request_completed", Callable(node, "_on_done")), "the signal is connected")
	node.free()


func test_types_in_the_strings_and_comments_of_a_scene_stay() -> void:
	var text := (
		"[gd_scene format=3]\n; [node name=\"c\" type=\"HTTPRequest\"]\n\n[node name=\"A\" type=\"Label\"]\n"
		+ "text = \"a \\\" b\n[node name=\\\"x\\\" type=\\\"HTTPRequest\\\"]\n[node name='x' type='HTTPRequest']\n\"\n"
		+ "metadata/type=\"HTTPRequest\"\n\n[node name=\"type=\\\"HTTPRequest\\\"\" type=\"HTTPRequest\" parent=\".\"]\n")
	var change := _of(_read({"a.tscn": text}), "a.tscn")
	assert_equal(change.replaced, 1, "types that move")
	assert_equal(change.after, text.replace("\" type=\"HTTPRequest\" parent", "\" type=\"HTTPRequestRust\" parent"), "text")


func test_a_built_in_script_moves_with_its_scene() -> void:
	var source := "extends Node\n@onready var r: HTTPRequest = $R\nvar path := \"C:\\\\\" # \"HTTPRequest\"\n"
	var text := (
		"[gd_scene load_steps=2 format=3]\n\n[sub_resource type=\"GDScript\" id=\"GDScript_a1\"]\nscript/source = \"%s\"\n\n"
		+ "[node name=\"A\" type=\"Node\"]\nscript = SubResource(\"GDScript_a1\")\n\n[node name=\"R\" type=\"HTTPRequest\" parent=\".\"]\n"
	) % source.replace("\\", "\\\\").replace("\"", "\\\"")
	var scripts := _read({"built_in.tscn": text})
	var change := _of(scripts, "built_in.tscn")
	assert_equal(change.held_back, "", "reason")
	assert_equal(change.replaced, 2, "uses that move")
	_move(scripts)
	var node: Node = (load(FOLDER.path_join("built_in.tscn")) as PackedScene).instantiate()
	tree.root.add_child.call_deferred(node)
	await wait_frames(2)
	assert_equal((node.get("r") as Node).get_class(), "HTTPRequestRust", "the node")
	assert_equal(node.get("path"), "C:\\", "a text with escapes")
	node.free()


func test_a_built_in_script_with_a_client_moves_too() -> void:
	var text := (
		"[gd_scene load_steps=2 format=3]\n\n[sub_resource type=\"GDScript\" id=\"1\"]\nscript/source = \"extends Node\n"
		+ "var http := HTTPClient.new()\nvar tcp: StreamPeerTCP\n\"\n\n[node name=\"A\" type=\"Node\"]\nscript = SubResource(\"1\")\n")
	var scripts := _read({"client.tscn": text}, Migration.OLD)
	var change := _of(scripts, "client.tscn")
	assert_equal(change.after, text.replace("HTTPClient.new", "HTTPClientRust.new"), "text")
	assert_matches(change.notes[0], "^6: .*StreamPeerTCP")


func test_a_built_in_script_that_would_not_parse_holds_its_scene_back() -> void:
	var text := (
		"[gd_scene load_steps=2 format=3]\n\n[sub_resource type=\"GDScript\" id=\"1\"]\nscript/source = \"extends Node\n"
		+ "var r := HTTPRequest.new(\n\"\n\n[node name=\"A\" type=\"Node\"]\nscript = SubResource(\"1\")\n")
	assert_contains(_of(_read({"broken.tscn": text}), "broken.tscn").held_back, "does not parse even without the change")


func test_inherited_and_instanced_scenes_connect_a_node_with_the_script_that_takes_it() -> void:
	var scripts := _read({
		"base.tscn": "[gd_scene format=3]\n\n[node name=\"Base\" type=\"Node\"]\n\n[node name=\"Net\" type=\"HTTPRequest\" parent=\".\"]\n",
		"middle.tscn": _scene_of("base.tscn", "[node name=\"Middle\" instance=ExtResource(\"1\")]\n"),
		"child.tscn": _scene_of("middle.tscn", "[node name=\"Child\" instance=ExtResource(\"1\")]\nscript = ExtResource(\"2\")\n", "child.gd"),
		"child.gd": "extends Node\n@onready var net := $Net as HTTPRequest\n",
		"apart.gd": "extends Node\nvar own := HTTPRequest.new()\nfunc a() -> void:\n\tadd_child(own)\n",
		"other.gd": "extends Node\nfunc is_fine(result: int) -> bool:\n\treturn result == HTTPRequest.RESULT_SUCCESS\n"})
	assert_equal(_of(scripts, "base.tscn").together, PackedStringArray([FOLDER.path_join("child.gd")]), "with the base")
	assert_equal(_of(scripts, "apart.gd").together.size(), 0, "with a script that only makes nodes of its own")
	assert_equal(_of(scripts, "other.gd").together.size(), 0, "with a script that only compares results")
	_move(scripts)
	var node: Node = (load(FOLDER.path_join("child.tscn")) as PackedScene).instantiate()
	tree.root.add_child.call_deferred(node)
	await wait_frames(2)
	assert_equal((node.get("net") as Node).get_class(), "HTTPRequestRust", "the inherited node")
	node.free()


func test_a_node_that_a_third_script_hands_on_connects_both() -> void:
	var scripts := _read({
		"shop.tscn": SCENE.replace("SCRIPT", "shop.gd").replace("node_paths=PackedStringArray(\"given\")", "").replace("given = NodePath(\"Given\")\n", ""),
		"shop.gd": "extends Node\nfunc _ready() -> void:\n\tNodeMoverApi.new().use($Given)\nfunc _on_done(_a, _b, _c, _d) -> void:\n\tpass\n",
		"api.gd": "class_name NodeMoverApi\nvar request: HTTPRequest\nfunc use(given: HTTPRequest) -> void:\n\trequest = given\n"})
	assert_equal(_of(scripts, "api.gd").together, PackedStringArray([FOLDER.path_join("shop.tscn")]), "with the script")


func test_a_script_that_gets_nodes_from_anywhere_moves_with_all_that_has_them() -> void:
	var scripts := _read({
		"a.tscn": "[gd_scene format=3]\n\n[node name=\"A\" type=\"HTTPRequest\" groups=[\"net\"]]\n",
		"group.gd": "extends Node\n@onready var net: HTTPRequest = get_tree().get_first_node_in_group(\"net\")\n",
		"apart.gd": "extends Node\n@onready var net: HTTPRequest = $Net\n"})
	assert_equal(_of(scripts, "a.tscn").together, PackedStringArray([FOLDER.path_join("group.gd")]), "with the scene")
	assert_equal(_of(scripts, "apart.gd").together.size(), 0, "with a script that looks below itself only")


func test_a_script_that_only_keeps_or_passes_nodes_connects_who_gives_with_who_takes() -> void:
	var scripts := _read({
		"bus.gd": "class_name NodeMoverBus\nstatic var kept: Node\nstatic var instance := NodeMoverBus.new()\nsignal passed(node: Node)\n",
		"giver.gd": "extends Node\nfunc a() -> void:\n\tNodeMoverBus.kept = HTTPRequest.new()\n",
		"taker.gd": "extends Node\nfunc a() -> void:\n\tvar node: HTTPRequest = NodeMoverBus.kept\n\tnode.cancel_request()\n",
		"listener.gd": "extends Node\nfunc a() -> void:\n\tNodeMoverBus.instance.connect(\"passed\", b)\nfunc b(node: HTTPRequest) -> void:\n\tnode.cancel_request()\n",
		"apart.gd": "extends Node\nvar r := HTTPRequest.new()\n"})
	var together := _of(scripts, "giver.gd").together
	assert_true(together.has(FOLDER.path_join("taker.gd")), "the one that reads it: %s" % together)
	assert_true(together.has(FOLDER.path_join("listener.gd")), "the one that is connected: %s" % together)
	assert_equal(_of(scripts, "apart.gd").together.size(), 0, "with one that does not know it")


func test_an_autoload_connects_its_scene_with_those_that_name_it() -> void:
	ProjectSettings.set_setting("autoload/NodeMoverAuto", "*" + FOLDER.path_join("net.tscn"))
	var scripts := _read({
		"net.tscn": "[gd_scene format=3]\n\n[node name=\"Net\" type=\"HTTPRequest\"]\n",
		"user.gd": "extends Node\nfunc a() -> void:\n\tvar net: HTTPRequest = get_node(\"/root/NodeMoverAuto\")\n\tnet.cancel_request()\n"})
	ProjectSettings.set_setting("autoload/NodeMoverAuto", null)
	assert_equal(_of(scripts, "net.tscn").together, PackedStringArray([FOLDER.path_join("user.gd")]), "with the scene")


func test_what_csharp_or_others_need_is_held_back_with_all_that_belongs_to_it() -> void:
	var scripts := _read({
		"cs.tscn": SCENE.replace("SCRIPT", "Net.cs"),
		"Net.cs": "using Godot;\npublic partial class Net : Node { HttpRequest r; }\n",
		"use.gd": "extends Node\nfunc a() -> HTTPRequest:\n\treturn load(\"user://node_migration/cs.tscn\").instantiate().get_child(0)\n",
		"addons/theirs/theirs.gd": "class_name NodeMoverTheirs\nstatic func use(_request: HTTPRequest) -> void:\n\tpass\n",
		"mine.gd": "extends Node\nvar r := HTTPRequest.new()\nfunc a() -> void:\n\tNodeMoverTheirs.use(r)\n",
		"free.gd": "extends Node\nvar r := HTTPRequest.new()\n"})
	for name: String in ["cs.tscn", "use.gd"]:
		assert_matches(_of(scripts, name).held_back, "Net\\.cs: .*C#")
	assert_matches(_of(scripts, "mine.gd").held_back, "theirs\\.gd: .*another add-on")
	assert_contains(_of(scripts, "theirs.gd").held_back, "another add-on")
	assert_equal(_of(scripts, "free.gd").held_back, "", "a script of its own")


func test_a_binary_scene_is_pointed_out_and_holds_its_script_back() -> void:
	var root := Node.new()
	var request := HTTPRequest.new()
	root.add_child(request)
	request.owner = root
	_write("user.gd", "extends Node\nvar r: HTTPRequest\nconst S := \"user://node_migration/binary.scn\"\n")
	var scene := PackedScene.new()
	scene.pack(root)
	assert_error(ResourceSaver.save(scene, FOLDER.path_join("binary.scn")), OK, "saving")
	root.free()
	var scripts := ProjectScripts.new()
	scripts.read(FOLDER, "", Migration.OLD_NODE)
	assert_contains("\n".join(scripts.elsewhere), "binary.scn")
	assert_contains(_of(scripts, "user.gd").held_back, "binary")


func test_shapes_of_whole_projects_move_and_parse() -> void:
	var scripts := _read({
		"net.gd": """class_name NodeMoverNet
extends HTTPRequest
signal got(data: Variant)
enum { IDLE, BUSY }
func _init() -> void:
	request_completed.connect(_on_done)
func post(url: String, data: Dictionary) -> Error:
	if get_http_client_status() != HTTPClient.STATUS_DISCONNECTED:
		return ERR_BUSY
	return request(url, ["Content-Type: application/json"], HTTPClient.METHOD_POST, JSON.stringify(data))
func _on_done(result: int, code: int, _headers: PackedStringArray, body: PackedByteArray) -> void:
	match result:
		RESULT_SUCCESS when code == HTTPClient.RESPONSE_OK:
			got.emit(JSON.parse_string(body.get_string_from_utf8()))
		HTTPRequest.RESULT_TIMEOUT, HTTPRequest.RESULT_CANT_CONNECT:
			got.emit(null)
""",
		"pool.gd": """extends Node
var _idle: Array[HTTPRequest] = []
var _busy: Dictionary = {}
func take() -> HTTPRequest:
	var http: HTTPRequest = _idle.pop_back() if not _idle.is_empty() else HTTPRequest.new()
	if http.get_parent() == null:
		add_child(http)
	_busy[http] = true
	return http
func give_back(http: HTTPRequest) -> void:
	http.cancel_request()
	_busy.erase(http)
	_idle.append(http)
func all() -> Array:
	return get_children().filter(func(node: Node) -> bool: return node is HTTPRequest)
""",
		"once.gd": """extends Control
@onready var http_request: HTTPRequest = HTTPRequest.new()
const ERRORS := {HTTPRequest.RESULT_CANT_RESOLVE: "resolve", HTTPRequest.RESULT_NO_RESPONSE: "nothing"}
func _ready() -> void:
	add_child(http_request)
	var error := http_request.request("http://127.0.0.1/", PackedStringArray(), HTTPClient.METHOD_GET)
	if error == OK:
		var answer: Array = await http_request.request_completed
		print(ERRORS.get(answer[0], ""), answer[1])
""",
		"main.gd": """extends Node
@onready var net: NodeMoverNet = $Net
@onready var score_request := get_node("Score/HTTPRequest") as HTTPRequest
@onready var requests: Array[HTTPRequest] = [score_request, net]
func _ready() -> void:
	for one: HTTPRequest in requests:
		one.timeout = 5.0
	net.got.connect(func(data: Variant) -> void: print(data))
	net.post("http://127.0.0.1/", {})
""",
		"main.tscn": """[gd_scene load_steps=3 format=3]

[ext_resource type="Script" path="user://node_migration/main.gd" id="1"]
[ext_resource type="Script" path="user://node_migration/net.gd" id="2"]

[node name="Main" type="Node"]
script = ExtResource("1")

[node name="Net" type="HTTPRequest" parent="."]
script = ExtResource("2")

[node name="Score" type="Node" parent="."]

[node name="HTTPRequest" type="HTTPRequest" parent="Score"]
"""})
	var counts := {"net.gd": 3, "pool.gd": 6, "once.gd": 4, "main.gd": 3, "main.tscn": 2}
	for name: String in counts:
		assert_equal(_of(scripts, name).held_back, "", name)
		assert_equal(_of(scripts, name).replaced, counts[name], "uses that move in " + name)
	var after := {}
	for change: Migration.Change in scripts.changes:
		after.merge(change.scripts)
	assert_equal(after.size(), 4, "scripts")
	assert_equal(CompileCheck.problems(after), {}, "problems afterwards")


func test_a_scene_keeps_its_byte_order_mark_and_the_ends_of_its_lines() -> void:
	var text := "[gd_scene format=3]\r\n\r\n[node name=\"A\" type=\"HTTPRequest\"]\r\n"
	_write_bytes("marked.tscn", ProjectScripts.BYTE_ORDER_MARK + text.to_utf8_buffer())
	var scripts := ProjectScripts.new()
	scripts.read(FOLDER, "", Migration.OLD_NODE)
	_move(scripts)
	assert_equal(
		FileAccess.get_file_as_bytes(FOLDER.path_join("marked.tscn")),
		ProjectScripts.BYTE_ORDER_MARK + text.replace("\"HTTPRequest", "\"HTTPRequestRust").to_utf8_buffer(), "bytes")


func _planned(text: String) -> Migration.Change:
	return Migration.plan_nodes({"res://a.gd": text})[0]


func _scene_of(base: String, nodes: String, script := "") -> String:
	var text := "[gd_scene load_steps=3 format=3]\n\n[ext_resource type=\"PackedScene\" path=\"%s\" id=\"1\"]\n" % FOLDER.path_join(base)
	if not script.is_empty():
		text += "[ext_resource type=\"Script\" path=\"%s\" id=\"2\"]\n" % FOLDER.path_join(script)
	return text + "\n" + nodes


## Writes all changes, and checks that none is held back.
func _move(scripts: ProjectScripts) -> void:
	var before := {}
	var after := {}
	for change: Migration.Change in scripts.changes:
		if assert_equal(change.held_back, "", change.path):
			before[change.path] = change.before
			after[change.path] = change.after
	assert_equal(scripts.problems_of(scripts.changes), {}, "problems")
	assert_equal(ProjectScripts.write(after, before).size(), 0, "problems of writing")
