extends "res://tests/support/test_case.gd"
## Compares each stand-in for exports without the library with the class that the library registers, member by member.

const Names := preload("res://addons/http_client_rust/export/stand_in_names.gd")
const WEB := "res://addons/http_client_rust/web"
## Members that the stand-ins may have before the library has them: the session's cache and replay.
const AHEAD := ["cache_directory", "replay_file", "replay_mode", "replay_timing"]


func test_every_class_of_the_library_has_a_stand_in() -> void:
	var classes := Array(ClassDB.get_class_list()).filter(
		func(name: String) -> bool: return name.begins_with("HTTP") and name.contains("Rust"))
	var known := Names.FILES.keys()
	classes.sort()
	known.sort()
	assert_equal(classes, known, "classes")
	for name: String in known:
		assert_equal(stand_in_of(name), WEB.path_join(Names.FILES[name]), "the file for " + name)
		assert_equal(_stand_in(name).get_instance_base_type(), ClassDB.get_parent_class(name), "base class of " + name)
		assert_equal(_stand_in(name).get_global_name(), &"", "the editor knows no name of the stand-in for " + name)


func test_every_method_has_the_same_arguments_defaults_and_result() -> void:
	for name: String in Names.FILES:
		var expected := {}
		for method: Dictionary in ClassDB.class_get_method_list(name, true):
			if not str(method["name"]).begins_with("_"):
				expected[method["name"]] = _signature(method)
		var actual := {}
		for method: Dictionary in _stand_in(name).get_script_method_list():
			if not str(method["name"]).begins_with("_") and not str(method["name"]).begins_with("@"):
				actual[method["name"]] = _signature(method)
		for method: String in expected:
			assert_equal(actual.get(method, "missing"), expected[method], "%s.%s()" % [name, method])
		for method: String in actual:
			var is_ahead := AHEAD.any(func(property: String) -> bool: return method.ends_with("_" + property))
			assert_true(expected.has(method) or is_ahead, "%s has no method %s" % [name, method])


func test_every_property_has_the_same_type_default_and_methods() -> void:
	for name: String in Names.FILES:
		var made := _made(name)
		var actual := {}
		for property: Dictionary in _stand_in(name).get_script_property_list():
			if not str(property["name"]).begins_with("_") and not property["usage"] & PROPERTY_USAGE_CATEGORY:
				actual[property["name"]] = property
		for property: Dictionary in ClassDB.class_get_property_list(name, true):
			var called: String = property["name"]
			if property["usage"] & (PROPERTY_USAGE_CATEGORY | PROPERTY_USAGE_GROUP):
				continue
			if not assert_true(actual.has(called), "%s.%s is missing" % [name, called]):
				continue
			assert_equal(actual[called]["type"], property["type"], "type of %s.%s" % [name, called])
			assert_equal(
				bool(actual[called]["usage"] & PROPERTY_USAGE_STORAGE),
				bool(property["usage"] & PROPERTY_USAGE_STORAGE) and made["ours"] is Node and property["type"] != TYPE_OBJECT,
				"whether scenes keep %s.%s" % [name, called])
			for method: StringName in [ClassDB.class_get_property_getter(name, called), ClassDB.class_get_property_setter(name, called)]:
				assert_true((made["ours"] as Object).has_method(method), "%s.%s()" % [name, method])
			if made["library's"] != null:
				assert_equal(made["ours"].get(called), made["library's"].get(called), "default of %s.%s" % [name, called])
				assert_equal(
					made["ours"].call(ClassDB.class_get_property_getter(name, called)), made["ours"].get(called), "getter of %s.%s" % [name, called])
		for called: String in actual:
			assert_true(_has_property(name, called) or AHEAD.has(called), "%s has no property %s" % [name, called])
		for object: Object in made.values():
			if object is Node:
				object.free()


func test_every_constant_has_the_same_value_on_its_own_and_in_its_enum() -> void:
	for name: String in Names.FILES:
		var actual := _constants(_stand_in(name))
		for constant: String in ClassDB.class_get_integer_constant_list(name, true):
			var value := ClassDB.class_get_integer_constant(name, constant)
			var of_enum := ClassDB.class_get_integer_constant_enum(name, constant, true)
			assert_equal(actual.get(constant), value, "%s.%s" % [name, constant])
			assert_equal((actual.get(str(of_enum), {}) as Dictionary).get(constant), value, "%s.%s.%s" % [name, of_enum, constant])
		for constant: String in actual:
			var is_known_here := (
				ClassDB.class_has_integer_constant(name, constant) or ClassDB.class_get_enum_list(name, true).has(constant)
				or not RegEx.create_from_string("^(STATUS|METHOD|RESPONSE|RESULT)_|^(Status|Method|Result)").search(constant))
			assert_true(is_known_here, "%s has no constant %s" % [name, constant])


func test_every_signal_has_the_same_arguments() -> void:
	for name: String in Names.FILES:
		var expected := ClassDB.class_get_signal_list(name, true).map(_shown_signal)
		var actual := _stand_in(name).get_script_signal_list().map(_shown_signal)
		expected.sort()
		actual.sort()
		assert_equal(actual, expected, "signals of " + name)


func test_the_page_says_of_every_member_whether_it_is_supported() -> void:
	var page := FileAccess.get_file_as_string(ProjectSettings.globalize_path("res://../docs/web.md").simplify_path())
	for name: String in Names.FILES:
		if page.to_lower().contains("all members of `%s`" % name.to_lower()):
			continue
		var tables := Array(page.split("\n### ").slice(1)).filter(
			func(section: String) -> bool: return RegEx.create_from_string("\\b%s\\b" % name).search(section.get_slice("\n", 0)) != null)
		if not assert_equal(tables.size(), 1, "tables of " + name):
			continue
		var members := ClassDB.class_get_property_list(name, true).filter(
			func(info: Dictionary) -> bool: return not info["usage"] & (PROPERTY_USAGE_CATEGORY | PROPERTY_USAGE_GROUP))
		var accessors := []
		for info: Dictionary in members:
			accessors.append_array([ClassDB.class_get_property_getter(name, info["name"]), ClassDB.class_get_property_setter(name, info["name"])])
		members.append_array(ClassDB.class_get_signal_list(name, true))
		members.append_array(ClassDB.class_get_method_list(name, true).filter(
			func(info: Dictionary) -> bool: return not accessors.has(StringName(info["name"]))))
		assert_true(members.size() > 5, "members of " + name)
		for info: Dictionary in members:
			var is_told := RegEx.create_from_string("`%s(\\(\\))?`" % info["name"]).search(tables[0]) != null
			assert_true(is_told or str(info["name"]).begins_with("_"), "docs/web.md says nothing of %s.%s" % [name, info["name"]])


func test_names_change_in_code_and_nowhere_else() -> void:
	for text: String in [
			"# HTTPClientRust", "var a := \"HTTPClientRust\"", "var b = $HTTPClientRust", "var c = x.HTTPClientRust", "HTTPClientRustless()"]:
		assert_equal(Names.in_script("res://a.gd", text, WEB), text, "what stays")
	var own := Names.own_name("HTTPClientRust", "res://a.gd")
	for case: Array in [
			["var a: HTTPClientRust", "var a: %s" % own], ["var a: Dictionary[HTTPClientRust.Status, int]", "var a: Dictionary[%s.Status, int]" % own], ["f(HTTPClientRust.METHOD_GET)", "f(%s.METHOD_GET)" % own],
			["var a := b as HTTPClientRust # HTTPClientRust", "var a := b as %s # HTTPClientRust" % own]]:
		assert_equal(
			Names.in_script("res://a.gd", case[0], WEB), "%s\nconst %s = preload(\"%s/client.gd\")\n" % [case[1], own, WEB], "what changes")
	assert_equal(
		Names.in_script("res://a.gd", "extends HTTPRequestRust\n", WEB), "extends \"%s/request.gd\"\n" % WEB, "extends")
	assert_not_equal(Names.own_name("HTTPClientRust", "res://b.gd"), own, "the name in another script")


func _stand_in(name: String) -> GDScript:
	return load(WEB.path_join(Names.FILES[name]))


func _made(name: String) -> Dictionary:
	return {
		"ours": _stand_in(name).new(), "library's": ClassDB.instantiate(name) if ClassDB.can_instantiate(name) else null,
	}


func _has_property(name: String, property: String) -> bool:
	return ClassDB.class_get_property_list(name, true).any(func(info: Dictionary) -> bool: return info["name"] == property)


func _constants(script: GDScript) -> Dictionary:
	var constants := script.get_script_constant_map()
	if script.get_base_script() != null:
		constants.merge(_constants(script.get_base_script()))
	return constants


func _signature(method: Dictionary) -> String:
	var defaults: Array = method["default_args"]
	var taken: Array = method["args"]
	var shown := PackedStringArray()
	for index: int in taken.size():
		var default_index := index - (taken.size() - defaults.size())
		# The parameter name of a setter does not matter.
		var name := str(taken[index]["name"]).trim_prefix("_") if not str(method["name"]).begins_with("set_") else "value"
		var default := "" if default_index < 0 else " = " + _shown_default(defaults[default_index], taken[index]["type"])
		shown.append("%s: %s%s" % [name, _type(taken[index]), default])
	return "%s%s(%s) -> %s" % [
		"static " if method["flags"] & METHOD_FLAG_STATIC else "", method["name"], ", ".join(shown), _type(method["return"])]


## For an enum, ClassDB reports a plain number if a script declares it, and a number of that enum if the library does.
func _type(info: Dictionary) -> String:
	if info["type"] != TYPE_OBJECT:
		return type_string(info["type"]) if info["hint"] != PROPERTY_HINT_ARRAY_TYPE else "Array[%s]" % info["hint_string"]
	var name := str(info["class_name"])
	return name if ClassDB.class_exists(name) and not name in ["RefCounted", "Resource"] and not Names.FILES.has(name) else "an object"


## GDScript does not list a default that it creates for each call, such as an empty array.
func _shown_default(value: Variant, type: int) -> String:
	return "null" if value == null and type == TYPE_NIL else var_to_str(type_convert(value, type))


func _shown_signal(info: Dictionary) -> String:
	return "%s(%s)" % [info["name"], ", ".join(PackedStringArray((info["args"] as Array).map(
		func(argument: Dictionary) -> String: return "%s: %s" % [argument["name"], _type(argument)])))]


func test_a_scene_with_a_very_long_text_is_changed_too() -> void:
	var scene := "[gd_scene format=3]\n\n[node name=\"A\" type=\"Label\"]\ntext = \"%s\"\n\n[node name=\"B\" type=\"HTTPRequest%s\" parent=\".\"]\n" % [
		"a mesh, as text ".repeat(1_000_000) + "\\\"".repeat(1_000_000), "Rust"]
	var changed := Names.in_scene("res://a.tscn", scene, WEB)
	assert_equal([changed.contains("type=\"Node\" parent"), changed.contains("script = ExtResource(")], [true, true], "the node")


func test_a_name_in_a_binary_file_is_found_wherever_it_stands() -> void:
	var path := "user://binary.scn"
	for case: Array in [["RSRC", "HTTPRequest" + "Rust", true], ["RSRC", "HTTPRequest", false], ["RSCC", "", true], ["", "", false]]:
		for before: int in 40:
			var file := FileAccess.open(path, FileAccess.WRITE)
			file.store_buffer(str(case[0]).to_ascii_buffer())
			for index: int in before:
				file.store_8(index * 37 % 256)
			file.store_buffer(str(case[1]).to_ascii_buffer())
			file.store_32(0)
			file.close()
			assert_equal(Names.may_be_in_file(path, 16), case[2], "%s behind %d bytes" % [case, before])
	assert_true(not Names.may_be_in_file("user://missing.scn"), "a file that is not there")
