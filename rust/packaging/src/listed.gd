extends SceneTree
## Prints what extensions register, in the lines of `rust/minihost/minihost.c`.


func _initialize() -> void:
	for name in ClassDB.get_class_list():
		# By its name: 4.3 does not have the method.
		if ClassDB.call(&"class_get_api_type", name) == ClassDB.get(&"API_EXTENSION"):
			_print_class(name)
	quit()


func _print_class(name: String) -> void:
	print("class %s: %s" % [name, ClassDB.get_parent_class(name)])
	for method in ClassDB.class_get_method_list(name, true):
		var result: Dictionary = method["return"]
		print("method %s.%s(%s) %d defaults, flags %d -> %d %s" % [
			name, method.name, _arguments(method.args), method.default_args.size(), method.flags, result.type, result.class_name,
		])
	for enumeration in ClassDB.class_get_enum_list(name, true):
		for constant in ClassDB.class_get_enum_constants(name, enumeration, true):
			var value := ClassDB.class_get_integer_constant(name, constant)
			print("constant %s.%s.%s = %d" % [name, enumeration, constant, value])
	for property in ClassDB.class_get_property_list(name, true):
		if not property.usage & PROPERTY_USAGE_CATEGORY:
			print("property %s.%s" % [name, _property(property)])
	for event in ClassDB.class_get_signal_list(name, true):
		print("signal %s.%s(%s)" % [name, event.name, _arguments(event.args)])


func _arguments(list: Array) -> String:
	return ", ".join(list.map(_property))


func _property(property: Dictionary) -> String:
	return "%s: %d %s" % [property.name, property.type, property.class_name]
