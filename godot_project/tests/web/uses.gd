class_name UsesOfHTTPClientRust
extends Node
## Every way in which a script can name a class of the add-on. HTTPClientRust in a comment stays as it is.

signal asked(task: HTTPTaskRust)

const Kept := preload("res://tests/web/extends_client.gd")
const NAME := "HTTPClientRust"
const KEYS := {HTTPClientRust = "a key"}
const NAMES := {"HTTPClientRust": 'another', &"HTTPSessionRust": ^"HTTPFormRust"}
const FIRST := HTTPClientRust.METHOD_POST

@export var node: HTTPRequestRust
@export var status := HTTPClientRust.STATUS_DISCONNECTED
@export var method: HTTPClientRust.Method = HTTPClientRust.METHOD_GET

var clients: Array[HTTPClientRust] = []
var by_status := {HTTPClientRust.STATUS_BODY: "body", HTTPClientRust.STATUS_CONNECTED: "connected"}
var make := func(of: String = "HTTPClientRust") -> HTTPClientRust: return HTTPClientRust.new() if of == NAME else null
var HTTPClientRust_mine := """HTTPClientRust
# HTTPClientRust"""


class Inner extends HTTPClientRust:
	var last: HTTPClientRust.Status = STATUS_DISCONNECTED

	func look() -> HTTPClientRust.Status:
		last = get_status()
		return last


enum Mine { HTTPClientRustIsNotThis, OTHER }


func is_one(what: Variant) -> bool:
	return what is HTTPClientRust and not what is HTTPSessionRust


func is_a(what: Variant) -> bool:
	return is_instance_of(what, HTTPClientRust)


func as_one(what: Variant) -> HTTPClientRust:
	return what as HTTPClientRust


func code_of(response: HTTPResponseRust, fallback := HTTPClientRust.RESPONSE_IM_A_TEAPOT) -> int:
	return response.get_response_code() if response != null else int(fallback)


func named(of: HTTPClientRust.Status) -> String:
	match of:
		HTTPClientRust.STATUS_CONNECTED, HTTPClientRust.STATUS_BODY:
			return by_status[of]
		HTTPClientRust.STATUS_DISCONNECTED when is_instance_valid(self):
			return str($"../HTTPClientRust".name) if has_node("../HTTPClientRust") else "none"
	return "other"


static func ask(url: String) -> HTTPResponseRust:
	var task := HTTPSessionRust.shared().fetch(url)
	var response: HTTPResponseRust = await task.completed
	return response


func post(url: String) -> HTTPResponseRust:
	var form := HTTPFormRust.new()
	form.add_field("HTTPFormRust", "HTTPClientRust")
	var session: HTTPSessionRust = HTTPSessionRust.new()
	var task: HTTPTaskRust = session.fetch(url, [], FIRST, form)
	asked.emit(task)
	return await task.wait()


func add_request() -> HTTPRequestRust:
	var request := HTTPRequestRust.new()
	request.request_completed.connect(func(result: int, _c: int, _h: PackedStringArray, _b: PackedByteArray) -> void:
		status = HTTPClientRust.STATUS_BODY if result == HTTPRequestRust.RESULT_SUCCESS else HTTPClientRust.STATUS_CONNECTION_ERROR)
	add_child(request)
	return request
# no end of line behind this: HTTPClientRust