extends "res://tests/web/extends_client.gd"

const Between := preload("res://tests/web/extends_client.gd")


func all() -> Array[HTTPClientRust]:
	var found: Array[HTTPClientRust] = twice()
	found.append(Between.new())
	return found
