extends "res://tests/support/fetch_case.gd"
## Scripts and scenes that name the add-on's classes in every way. They give the same results with the library and with the
## stand-ins in an export without the library.

const Uses := preload("res://tests/web/uses.gd")
const Further := preload("res://tests/web/extends_further.gd")


func test_a_script_uses_the_classes_as_values_types_and_constants() -> void:
	var uses := Uses.new()
	var client: Variant = uses.make.call()
	assert_true(uses.is_one(client), "is")
	assert_true(not uses.is_one(self) and not uses.is_one(12), "is of others")
	assert_true(uses.as_one(client) == client, "as")
	assert_true(uses.as_one(self) == null, "as of others")
	assert_equal([client, self].map(uses.is_a), [true, false], "is_instance_of()")
	uses.clients.append(client)
	assert_equal(uses.clients.size(), 1, "a typed array")
	assert_equal(uses.code_of(null), 418, "a constant as a default")
	assert_equal([5, 7, 0, 1].map(uses.named), ["connected", "body", "none", "other"], "match")
	assert_equal(uses.FIRST, HTTPClient.METHOD_POST, "a constant of a constant")
	assert_equal(Uses.Inner.new().look(), HTTPClient.STATUS_DISCONNECTED, "an inner class that extends it")
	uses.free()


func test_strings_comments_keys_and_other_names_stay_as_they_are() -> void:
	var uses := Uses.new()
	assert_equal(uses.NAME, "HTTPClient" + "Rust", "a string")
	assert_equal(uses.NAMES.keys(), ["HTTPClient" + "Rust", StringName("HTTPSession" + "Rust")], "keys")
	assert_equal(uses.KEYS.keys(), [StringName("HTTPClient" + "Rust")], "a key without quotes")
	assert_equal(uses.HTTPClientRust_mine.count("HTTPClient" + "Rust"), 2, "a longer name, and a long string")
	assert_equal(Uses.Mine.HTTPClientRustIsNotThis, 0, "a longer name")
	uses.free()


func test_scripts_that_extend_each_other_name_the_same_class() -> void:
	var further := Further.new()
	var found: Array = further.all()
	assert_equal(found.size(), 3, "all of one type")
	assert_equal(further.get_status(), HTTPClient.STATUS_DISCONNECTED, "an inherited method")
	further.other = null


func test_requests_go_out_from_scripts_that_name_the_classes() -> void:
	var uses := Uses.new()
	var asked: Array[RefCounted] = []
	uses.asked.connect(func(task: RefCounted) -> void: asked.append(task))
	tree.root.add_child.call_deferred(uses)
	await wait_frames(2)
	assert_response(await Uses.ask(url("/hello")), SUCCESS, 200, "shared()")
	var echo := echo_of(await uses.post(url("/echo")))
	assert_contains(str(echo["body_text"]), "name=\"HTTPForm" + "Rust\"\r\n\r\nHTTPClient" + "Rust", "a form")
	assert_equal(asked.size(), 1, "a signal with a typed argument")
	var request: Node = uses.add_request()
	request.request(url("/hello"))
	await request.request_completed
	await wait_frames(1)
	assert_equal(uses.status, HTTPClient.STATUS_BODY, "a lambda")
	uses.free()


func test_a_scene_has_the_node_with_its_properties_children_groups_and_connections() -> void:
	for path: String in _forms("scene.tscn"):
		var scene := (load(path) as PackedScene).instantiate()
		var request := scene.get_node("%HTTPRequest" + "Rust")
		assert_true(is_known(&"HTTPRequestRust") and request.has_method(&"get_task"), "%s: the node" % path)
		assert_equal([request.max_redirects, request.timeout, request.body_size_limit], [3, 7.5, -1], "properties")
		assert_equal(request.get_child_count(), 1, "children")
		assert_equal(request.get_groups(), [&"type=\"HTTPRequest" + "Rust\""] as Array[StringName], "groups")
		assert_equal(str(request.get_meta("note")).count("HTTPRequest" + "Rust"), 3, "a string that looks like a node")
		assert_equal(scene.method, 2, "a property of a type of the class")
		tree.root.add_child.call_deferred(scene)
		await wait_frames(2)
		assert_true(scene.node == request, "a property that holds the node")
		assert_error(request.request(url("/hello")), OK, "request()")
		await request.request_completed
		await wait_frames(2)
		assert_true(not is_instance_valid(scene), "the connection, which frees the scene")


func test_an_inherited_scene_changes_the_node_and_has_one_with_a_script() -> void:
	for path: String in _forms("inherited.tscn"):
		var scene := (load(path) as PackedScene).instantiate()
		assert_equal(scene.get_node("HTTPRequest" + "Rust").max_redirects, 4, "%s: a property that is changed" % path)
		var own := scene.get_node("Own")
		assert_equal([own.timeout, own.body_size_limit, own.path], [5.0, 1000, "/hello"], "properties of the script's node")
		tree.root.add_child.call_deferred(scene)
		await wait_frames(2)
		var response: RefCounted = await own.ask("http://" + address_of("http"))
		assert_response(response, SUCCESS, 200)
		await wait_frames(1)
		own.request(url("/fault/never-answers", "raw"))
		var task: RefCounted = own.get_task()
		scene.remove_child(own)
		assert_true(own.left, "the script's own _exit_tree()")
		assert_response(await response_of(task), CANCELLED, 0, "after it left the tree")
		own.free()
		scene.free()


func test_a_scene_of_instances_has_their_nodes_in_properties_of_exported_types() -> void:
	for path: String in _forms("instances.tscn"):
		var scene := (load(path) as PackedScene).instantiate()
		tree.root.add_child.call_deferred(scene)
		await wait_frames(2)
		var of_instance := scene.get_node("Scene/HTTPRequest" + "Rust")
		var second := scene.get_node("Second")
		assert_equal(scene.request, of_instance, "%s: a node" % path)
		assert_equal(scene.all, [of_instance, second], "nodes")
		assert_equal([of_instance.timeout, of_instance.max_redirects], [2.5, 3], "a property that is changed, and one that is not")
		assert_equal([scene.get_node("Scene").method, second.max_redirects], [3, 1], "properties")
		assert_equal([scene.status, scene.codes], [HTTPClient.STATUS_CONNECTION_ERROR, [200]], "enums")
		assert_equal([HTTPRequest.RESULT_TIMEOUT, HTTPRequest.RESULT_SUCCESS].map(scene.is_timeout), [true, false], "a type of an enum")
		assert_error(second.request(url("/hello")), OK, "request()")
		await second.request_completed
		await wait_frames(1)
		scene.free()
	for path: String in _forms("only_instances.tscn"):
		var scene := (load(path) as PackedScene).instantiate()
		assert_equal([scene.get_node("Scene").method, scene.get_node("Scene").node.timeout], [4, 7.5], path)
		scene.free()


func test_a_built_in_script_names_the_classes() -> void:
	for path: String in _forms("built_in.tscn"):
		var node := (load(path) as PackedScene).instantiate()
		assert_equal(node.TEXT, "a \"HTTPClient" + "Rust\" in\na text", "%s: a string" % path)
		assert_equal(node.status(), HTTPClient.STATUS_DISCONNECTED, "a type")
		assert_equal(node.timeout, 1.5, "a property")
		node.free()
	for path: String in _forms("settings.tres"):
		var settings := load(path)
		assert_equal([settings.method, settings.note], [2, "a \"HTTPClient" + "Rust\""], "%s: properties" % path)
		assert_true(settings.session().has_method(&"fetch"), "its method")


## Returns a file of the project. In an export, also returns both binary forms.
func _forms(file: String) -> PackedStringArray:
	var forms: PackedStringArray = ["res://tests/web/" + file]
	for form: String in ["plain", "compressed"] if not ClassDB.class_exists(&"HTTPRequestRust") else []:
		var extension := "scn" if file.ends_with(".tscn") else "res"
		forms.append("res://tests/web/%s/%s.%s" % [form, file.get_basename(), extension])
	return forms
