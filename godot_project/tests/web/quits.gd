extends SceneTree
## Quits during a request, which is then cancelled.


func _initialize() -> void:
	var task := HTTPSessionRust.shared().fetch("http://%s/fault/never-answers" % _address("raw"))
	task.completed.connect(func(response: HTTPResponseRust) -> void:
		print("cancelled at the end" if response.get_result() == HTTPResponseRust.RESULT_CANCELLED else "over"))
	for frame: int in 10:
		await process_frame
	quit(1 if task.is_completed() else 0)


func _address(server: String) -> String:
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("--%s=" % server):
			return argument.get_slice("=", 1)
	return ""
