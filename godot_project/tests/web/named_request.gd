class_name TestsNamedRequest
extends HTTPRequestRust
## A class of the add-on under a name of the project.

var answered: Array[int] = []


func _ready() -> void:
	request_completed.connect(
		func(_result: int, code: HTTPClientRust.ResponseCode, _h: PackedStringArray, _b: PackedByteArray) -> void: answered.append(code))
