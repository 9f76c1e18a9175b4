extends "res://tests/support/test_case.gd"
## A scene that makes a request without blocking its frames, like one of a game's own tests.


func test_a_scene_makes_a_request_while_its_frames_go_on() -> void:
	var packed := load("res://tests/ci_scene.tscn") as PackedScene
	if not assert_true(packed != null, "the scene must load"):
		return
	var scene := packed.instantiate()
	var frames := Engine.get_process_frames()
	tree.root.add_child.call_deferred(scene)
	var result: Array = await Signal(scene, &"finished")
	assert_equal(result[0], 200, "response code")
	assert_equal(result[1], "Hello from the embedded server.\n", "body")
	assert_true(Engine.get_process_frames() > frames, "frames must have gone on")
	scene.queue_free()
	await wait_frames(2)


func test_a_scene_may_be_freed_in_the_middle_of_a_request() -> void:
	var packed := load("res://tests/ci_scene.tscn") as PackedScene
	if not assert_true(packed != null, "the scene must load"):
		return
	for frames: int in [0, 1, 2, 5]:
		var scene := packed.instantiate()
		scene.set("target", "/slow?ms=500")
		tree.root.add_child.call_deferred(scene)
		await wait_frames(1 + frames)
		scene.queue_free()
		await wait_frames(2)
		assert_true(not is_instance_valid(scene), "the scene must be gone")
