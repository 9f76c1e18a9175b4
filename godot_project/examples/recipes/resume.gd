extends Node

const URL := "http://127.0.0.1:8080/level.pck"
const PATH := "user://level.pck"
const PAUSE_SECONDS := 5.0


func _ready() -> void:
	while true:
		var response: HTTPResponseRust = await HTTPSessionRust.shared().download(URL, PATH).completed
		if response.is_ok():
			print("Saved to %s" % PATH)
			return
		if response.get_response_code() >= 400:
			print(response.get_error_message())
			return
		# The received data stays in level.pck.part. The next download continues there, even after the game has restarted.
		print("Waiting: " + response.get_error_message())
		await get_tree().create_timer(PAUSE_SECONDS).timeout
