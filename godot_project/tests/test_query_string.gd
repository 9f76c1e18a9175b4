extends "res://tests/support/test_case.gd"
## query_string_from_dict() of both classes with the same dictionaries. The results must be identical.

const RANDOM_DICTIONARIES := 500
const SEED := 20_240_607

var _built_in := new_client(BUILT_IN)
var _random := RandomNumberGenerator.new()


func test_the_first_example_of_the_reference() -> void:
	assert_equal(
		new_client().query_string_from_dict({"username": "user", "password": "pass"}), "username=user&password=pass")


func test_the_second_example_of_the_reference() -> void:
	assert_equal(
		new_client().query_string_from_dict({"single": 123, "not_valued": null, "multiple": [22, 33, 44]}),
		"single=123&not_valued&multiple=22&multiple=33&multiple=44")


func test_an_empty_dictionary_gives_an_empty_string() -> void:
	assert_equal(new_client().query_string_from_dict({}), "")


func test_an_empty_array_adds_nothing() -> void:
	assert_equal(new_client().query_string_from_dict({"none": [], "a": 1}), "a=1")
	_compare({"none": []}, "only an empty array")
	_compare({"a": 1, "none": [], "b": 2}, "an empty array between others")


func test_reserved_and_unicode_characters_are_percent_encoded_as_utf_8() -> void:
	assert_equal(
		new_client().query_string_from_dict({"a&b=c": "ü €/😀?#+ ~-._"}),
		"a%26b%3Dc=%C3%BC%20%E2%82%AC%2F%F0%9F%98%80%3F%23%2B%20~-._")


func test_pairs_keep_the_order_of_the_dictionary() -> void:
	assert_equal(new_client().query_string_from_dict({"z": 1, "a": 2, "m": 3}), "z=1&a=2&m=3")


func test_every_kind_of_value_gives_what_the_built_in_gives() -> void:
	var values := _samples()
	for name: String in values:
		_compare({"key": values[name]}, "value: " + name)


func test_every_kind_of_key_gives_what_the_built_in_gives() -> void:
	var keys := _samples()
	for name: String in keys:
		_compare({keys[name]: "value"}, "key: " + name)


func test_every_kind_of_value_inside_an_array_gives_what_the_built_in_gives() -> void:
	var values := _samples()
	for name: String in values:
		_compare({"key": [values[name], 1, values[name]]}, "in an array: " + name)


func test_all_kinds_of_values_are_covered() -> void:
	var seen := {}
	for value: Variant in _samples().values():
		seen[typeof(value)] = true
	for type: int in TYPE_MAX:
		assert_true(seen.has(type), "there is no sample of type %s" % type_string(type))


func test_every_character_below_0x250_gives_what_the_built_in_gives() -> void:
	for character: int in range(1, 0x250):
		_compare({String.chr(character): "<%s>" % String.chr(character)}, "character %d" % character)


func test_typed_arrays_give_what_the_built_in_gives() -> void:
	var names: Array[String] = ["one", "two", ""]
	var numbers: Array[int] = [-1, 0, 9_223_372_036_854_775_807]
	var vectors: Array[Vector2i] = [Vector2i(1, 2)]
	var objects: Array[RefCounted] = [null, _built_in]
	_compare({"names": names, "numbers": numbers, "vectors": vectors, "objects": objects}, "typed arrays")


func test_many_random_dictionaries_give_what_the_built_in_gives() -> void:
	_random.seed = SEED
	for round_number: int in RANDOM_DICTIONARIES:
		var fields := {}
		for entry: int in _random.randi_range(0, 8):
			fields[_random_value(1)] = _random_value(0)
		if not _compare(fields, "random dictionary %d" % round_number):
			return


func test_the_dictionary_is_left_as_it_was() -> void:
	var fields := {"a": [1, null], 2: {"b": 3}}
	var before := var_to_str(fields)
	new_client().query_string_from_dict(fields)
	assert_equal(var_to_str(fields), before, "the caller's dictionary")


func _compare(fields: Dictionary, what: String) -> bool:
	return assert_equal(
		new_client().query_string_from_dict(fields), _built_in.query_string_from_dict(fields), what)


## At least one value of every Variant type, and the extreme values of some types.
func _samples() -> Dictionary:
	var recursive: Array = [1, [2, [3, null]], {"a": [4]}]
	var empty_typed: Array[int] = []
	var null_object: RefCounted = null
	return {
		"null": null, "true": true, "false": false,
		"int 0": 0, "int -1": -1, "greatest int": 9_223_372_036_854_775_807, "least int": -9_223_372_036_854_775_807 - 1,
		"float": 1.5, "whole float": 3.0, "float 0.1": 0.1, "third": 1.0 / 3.0, "infinite": INF, "minus infinite": -INF,
		"not a number": NAN, "minus zero": -1.0 * 0.0, "1e300": 1e300, "1e-300": 1e-300, "1e15": 1e15, "1e16": 1e16,
		"1e17": 1e17, "pi": PI, "least float": 5e-324, "greatest float": 1.7976931348623157e308, "-123456.789": -123456.789,
		"String": "text", "empty String": "", "spaces": " a  b ", "Unicode": "äöü ß é 中文 العربية",
		"astral": "😀𝄞🏳️‍🌈", "reserved": ":/?#[]@!$&'()*+,;=", "unreserved": "AZaz09-._~",
		"quotes": "\"`'<>^|\\{}%",
		"control characters": "\u0001\t\r\n\u001f\u007f\u0080\u009f", "percent": "100%25", "long": "ü".repeat(5000),
		"combining": "e\u0301", "private use": "\ue000\ufffd\uffff",
		"Vector2": Vector2(1.5, -2), "Vector2i": Vector2i(-1, 2), "Vector2 odd": Vector2(INF, NAN),
		"Rect2": Rect2(1, 2, 3.25, 4), "Rect2i": Rect2i(1, 2, 3, 4),
		"Vector3": Vector3(1, 2.5, 3), "Vector3i": Vector3i(1, 2, 3), "Vector4": Vector4(1, 2, 3, 4.125),
		"Vector4i": Vector4i(1, 2, 3, 4), "Transform2D": Transform2D(0.5, Vector2(1, 2)), "Plane": Plane(0, 1, 0, 5),
		"Quaternion": Quaternion(0.1, 0.2, 0.3, 0.9), "AABB": AABB(Vector3.ONE, Vector3(2, 3, 4)),
		"Basis": Basis(Vector3.UP, 0.75), "Transform3D": Transform3D(Basis(Vector3.RIGHT, 0.25), Vector3(1, 2, 3)),
		"Projection": Projection.create_perspective(60, 1.5, 0.1, 100), "Color": Color(0.1, 0.2, 0.3, 0.4),
		"StringName": &"a name/ü", "empty StringName": &"", "NodePath": ^"A/B:c:d", "empty NodePath": ^"",
		"RID": RID(), "null object": null_object, "object": _built_in, "Callable": Callable(),
		"Callable of an object": Callable(_built_in, "poll"), "Callable with arguments": Callable(_built_in, "poll").bind(1, "ü"),
		"Signal": Signal(), "Signal of an object": Signal(_built_in, "script_changed"),
		"Dictionary": {"a": 1, "b": [null, {"c": "ü&="}]}, "empty Dictionary": {}, "Array": [1, "two", null, 3.5],
		"nested Array": recursive, "Array of nulls": [null, null], "empty Array": [], "empty typed Array": empty_typed,
		"PackedByteArray": PackedByteArray([0, 1, 255]), "empty PackedByteArray": PackedByteArray(),
		"PackedInt32Array": PackedInt32Array([1, -2]), "PackedInt64Array": PackedInt64Array([1, -9_000_000_000]),
		"PackedFloat32Array": PackedFloat32Array([0.1, 1e10]), "PackedFloat64Array": PackedFloat64Array([0.1, 1e300]),
		"PackedStringArray": PackedStringArray(["a", "ü&", ""]), "PackedVector2Array": PackedVector2Array([Vector2(1, 2)]),
		"PackedVector3Array": PackedVector3Array([Vector3(1, 2, 3)]), "PackedColorArray": PackedColorArray([Color.RED]),
		"PackedVector4Array": PackedVector4Array([Vector4(1, 2, 3, 4)]),
	}


func _random_value(depth: int) -> Variant:
	match _random.randi_range(0, 11 if depth < 3 else 8):
		0: return null
		1: return _random.randf() < 0.5
		2: return _random.randi() - 2_147_483_648
		3: return (_random.randi() << 32) | _random.randi()
		4: return _random.randfn(0.0, pow(10.0, _random.randi_range(-20, 20)))
		5: return Vector3(_random.randfn(), _random.randfn(), _random.randfn())
		6: return Color(_random.randf(), _random.randf(), _random.randf())
		7, 8: return _random_text()
		9: return _random_array(depth + 1)
		10: return PackedStringArray([_random_text(), _random_text()])
		_: return {_random_text(): _random_value(depth + 1)}


func _random_array(depth: int) -> Array:
	var values := []
	for index: int in _random.randi_range(0, 4):
		values.append(_random_value(depth))
	return values


func _random_text() -> String:
	var text := ""
	for index: int in _random.randi_range(0, 12):
		match _random.randi_range(0, 3):
			0: text += String.chr(_random.randi_range(0x20, 0x7e))
			1: text += String.chr(_random.randi_range(1, 0x2ff))
			2: text += String.chr(_random.randi_range(0x4e00, 0x9fff))
			_: text += String.chr(_random.randi_range(0x1f300, 0x1f6ff))
	return text
