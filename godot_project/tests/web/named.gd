extends "res://tests/support/fetch_case.gd"
## Named classes of the project that extend those of the add-on. Runs only in exports without the library, because only these have
## a list of the names.


func test_classes_of_the_project_extend_those_of_the_add_on() -> void:
	var list := ProjectSettings.get_global_class_list().map(func(info: Dictionary) -> String: return info["class"])
	assert_true(list.has("TestsNamedRequest") and list.has("TestsNamedSession"), "names of the project: %s" % [list])
	var scene := (load("res://tests/web/named.tscn") as PackedScene).instantiate()
	tree.root.add_child.call_deferred(scene)
	await wait_frames(2)
	var session: RefCounted = load("res://tests/web/named_session.gd").new()
	session.base_url = url("/")
	assert_response(await scene.ask(session, "hello"), SUCCESS, 200)
	assert_equal([session, self, null].map(scene.is_one), [true, false, false], "is")
	var request: Node = scene.get_node("Named")
	assert_equal([scene.request, request.max_redirects], [request, 1], "properties of the scene")
	scene.requests.append(request)
	assert_equal(scene.requests.size(), 1, "a typed array")
	assert_error(request.request(url("/hello")), OK, "request()")
	await request.request_completed
	await wait_frames(1)
	assert_equal(request.answered, [200] as Array[int], "a lambda with a type of the add-on")
	scene.free()
