extends Node
## Exported properties with types of the add-on.

@export var request: HTTPRequestRust
@export var all: Array[HTTPRequestRust] = []
@export var codes: Array[HTTPClientRust.ResponseCode] = [HTTPClientRust.RESPONSE_OK]
@export_group("HTTPRequestRust")
@export var status: HTTPClientRust.Status = HTTPClientRust.STATUS_BODY


func is_timeout(result: HTTPRequestRust.Result) -> bool:
	return result == HTTPRequestRust.RESULT_TIMEOUT
