extends Control
## Makes a GET and shows its answer. Enter an address and press Enter or the button.
##
## The first address can be given on the command line: godot --path godot_project -- --http=HOST:PORT

const IDLE := "Enter an address and press Enter."

var _http := HTTPClientRust.new()
var _target := "/"
var _body := PackedByteArray()
var _head := ""

@onready var _address: LineEdit = %Address
@onready var _send: Button = %Send
@onready var _status: Label = %Status
@onready var _output: RichTextLabel = %Output


func _ready() -> void:
	_status.text = IDLE
	_send.pressed.connect(_start)
	_address.text_submitted.connect(func(_text: String) -> void: _start())
	set_process(false)
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("--http="):
			_address.text = "http://%s/hello" % argument.trim_prefix("--http=")
			_start()


func _process(_delta: float) -> void:
	_http.poll()
	match _http.get_status():
		HTTPClientRust.STATUS_RESOLVING:
			_status.text = "Looking up the name…"
		HTTPClientRust.STATUS_CONNECTING:
			_status.text = "Connecting…"
		HTTPClientRust.STATUS_REQUESTING:
			_status.text = "Waiting for the answer…"
		HTTPClientRust.STATUS_CONNECTED when _http.get_response_code() == 0:
			if _http.request(HTTPClientRust.METHOD_GET, _target, []) != OK:
				_finish(_http.get_error_message())
		HTTPClientRust.STATUS_BODY:
			_read()
		HTTPClientRust.STATUS_CONNECTED, HTTPClientRust.STATUS_DISCONNECTED:
			_finish("Done: %d bytes." % _body.size())
		_:
			_finish(_http.get_error_message())


func _start() -> void:
	var url := _address.text.strip_edges()
	var scheme := url.get_slice("://", 0) + "://" if url.contains("://") else ""
	var rest := url.trim_prefix(scheme)
	var host := rest.get_slice("/", 0)
	_target = rest.trim_prefix(host) if rest.contains("/") else "/"
	_body.clear()
	_head = ""
	_output.text = ""
	if _http.connect_to_host(scheme + host) == OK:
		set_process(true)
	else:
		_finish(_http.get_error_message())


func _read() -> void:
	if _head.is_empty():
		_head = "%d\n%s\n\n" % [_http.get_response_code(), "\n".join(_http.get_response_headers())]
	_body.append_array(_http.read_response_body_chunk())
	_status.text = "Receiving: %d bytes…" % _body.size()


func _finish(text: String) -> void:
	set_process(false)
	_status.text = text
	if _head.is_empty() and _http.get_response_code() != 0:
		_head = "%d\n%s\n\n" % [_http.get_response_code(), "\n".join(_http.get_response_headers())]
	_output.text = _head + _body.get_string_from_utf8()
