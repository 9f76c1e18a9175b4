extends Control
## The sample project. Its first page has a list of sample requests on the left, and the console of the add-on on the right. The
## second page shows the features of a session.
##
## Start it with `cargo xtask demo --window`, which also starts the embedded server and passes its addresses. To start it by hand:
##
##     godot --path godot_project -- --http=HOST:PORT --https=HOST:PORT --raw=HOST:PORT --ca-file=PATH --refused-port=PORT
##
## Ctrl + and Ctrl - change the size of everything. --scale=2 starts at twice the size. --once=JSON sends the sample request with the
## title "JSON", prints the status that the console shows, and quits. Use it to try an exported game without a screen.

const Console := preload("res://addons/http_client_rust/console/console.gd")
const Requests := preload("res://demo/requests.gd")
const SessionPage := preload("res://demo/session_page.gd")
const SMALLEST_SCALE := 0.5
const LARGEST_SCALE := 3.0
const SCALE_STEP := 0.25

@onready var console: Console = %Console
@onready var session_page: SessionPage = %Session
@onready var _list: ItemList = %Requests
@onready var _about: Label = %About

var _requests: Array[Dictionary] = []


func _ready() -> void:
	var arguments := {}
	for argument: String in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=", true, 1)
		arguments[parts[0]] = parts[1] if parts.size() == 2 else ""
	var scale_wanted := str(arguments.get("scale", "0")).to_float()
	_set_scale(scale_wanted if scale_wanted > 0.0 else DisplayServer.screen_get_scale())
	_requests = Requests.all(arguments)
	session_page.server = "http://%s" % arguments.get("http", Requests.DEFAULTS["http"])
	for request: Dictionary in _requests:
		var index := _list.add_item(request["title"])
		_list.set_item_tooltip(index, request["about"])
	_list.item_selected.connect(_choose)
	_list.item_activated.connect(_choose_and_send)
	_list.select(0)
	_choose(0)
	_list.grab_focus()
	if arguments.has("once"):
		_run_once(arguments["once"])


func _unhandled_key_input(event: InputEvent) -> void:
	var key := event as InputEventKey
	if key == null or not key.pressed or not key.is_command_or_control_pressed():
		return
	match key.keycode:
		KEY_PLUS, KEY_EQUAL, KEY_KP_ADD:
			_set_scale(get_window().content_scale_factor + SCALE_STEP)
		KEY_MINUS, KEY_KP_SUBTRACT:
			_set_scale(get_window().content_scale_factor - SCALE_STEP)
		KEY_0, KEY_KP_0:
			_set_scale(1.0)


func _choose(index: int) -> void:
	_about.text = _requests[index]["about"]
	console.fill_in(_requests[index])


func _choose_and_send(index: int) -> void:
	_choose(index)
	console.send()


func _run_once(title: String) -> void:
	for index: int in _requests.size():
		if _requests[index]["title"] == title:
			_choose_and_send(index)
			while console.exchange.is_running:
				await get_tree().process_frame
			print("%s: %s %s" % [title, console.status_text(), console.exchange.message])
			get_tree().quit(0 if console.exchange.message.is_empty() else 1)
			return
	printerr("There is no sample request %s." % title)
	get_tree().quit(1)


func _set_scale(factor: float) -> void:
	get_window().content_scale_factor = clampf(factor, SMALLEST_SCALE, LARGEST_SCALE)
