/* Loads a GDExtension library as Godot 4.3 does, prints what it registers, and makes one request with its HTTP client.
 *
 *   minihost LIBRARY                        the list
 *   minihost LIBRARY HOST PORT [CA_FILE]    the list, then GET /hello; HOST may begin with https://
 *
 * It knows nothing of our classes: the client is the class that has a method connect_to_host. Of the engine there is only what
 * the godot crate asks for on this way; every other function of Godot 4.3 does nothing, and a newer one is not there.
 * `interface.h` is written by `cargo xtask`: NAME(function) for each function that Godot 4.3 has.
 *
 * Strings are ASCII, and freed by the end of the process. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <windows.h>
#else
#include <dlfcn.h>
#include <unistd.h>
#endif

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { TYPE_BOOL = 1, TYPE_INT = 2, TYPE_FLOAT = 3, TYPE_STRING = 4, TYPE_CALLABLE = 25, TYPE_SIGNAL = 26, TYPE_PACKED_BYTE_ARRAY = 29 };

/* What the engine's types look like inside: of the sizes that the interface promises, else as simple as can be. */
typedef char *String;
typedef struct { int64_t type; union { uint8_t b; int64_t i; double f; void *p; uint64_t any[2]; }; } Variant;
typedef struct { uint8_t *data; int64_t size; } Bytes;
typedef struct { const char *class_name; void *instance, *binding; uint64_t id; int64_t references; } Object;
typedef struct { String class_name, name; } Bind;
typedef void (*Function)(void);

/* The parts of gdextension_interface.h that are read here. */
typedef struct { uint32_t major, minor, patch; const char *string; } Version;
typedef struct { int type; String *name, *class_name; uint32_t hint; String *hint_string; uint32_t usage; } PropertyInfo;
typedef struct {
	uint8_t is_virtual, is_abstract, is_exposed, is_runtime;
	void *set, *get, *get_property_list, *free_property_list, *property_can_revert, *property_get_revert, *validate_property;
	void *notification, *to_string, *reference, *unreference;
	void *(*create_instance)(void *userdata);
	void (*free_instance)(void *userdata, void *instance);
	void *recreate_instance, *get_virtual, *get_virtual_call_data, *call_virtual_with_data, *get_rid, *userdata;
} ClassInfo;
typedef struct {
	String *name;
	void *userdata, *call;
	void (*ptrcall)(void *userdata, void *instance, const void *const *arguments, void *result);
	uint32_t flags;
	uint8_t has_result;
	PropertyInfo *result;
	int result_metadata;
	uint32_t argument_count;
	PropertyInfo *arguments;
	int *arguments_metadata;
	uint32_t default_count;
	Variant **defaults;
} MethodInfo;
typedef struct {
	int level;
	void *userdata;
	void (*init)(void *userdata, int level);
	void (*deinit)(void *userdata, int level);
} Initialization;

static struct { String name; ClassInfo info; } classes[64];
static struct { String class_name, name; void *userdata; void (*ptrcall)(void *, void *, const void *const *, void *); } methods[1024];
static Object *objects[64];
static unsigned class_count, method_count, object_count, error_count;
static uint64_t nothing[512];

static void fail(const char *what, const char *with) {
	printf("minihost: %s %s\n", what, with);
	exit(2);
}

/* Strings */
static char *copy_of(const char *text, int64_t length) {
	size_t size = length < 0 ? strlen(text) : (size_t)length;
	char *copy = calloc(size + 1, 1);
	return copy ? memcpy(copy, text, size) : copy;
}
static const char *text_of(const String *string) { return string && *string ? *string : ""; }
static void new_of_text(String *string, const char *text) { *string = copy_of(text, -1); }
static void new_of_part(String *string, const char *text, int64_t length) { *string = copy_of(text, length); }
static int64_t new_of_part_2(String *string, const char *text, int64_t length) { *string = copy_of(text, length); return 0; }
static int64_t to_utf8(const String *string, char *out, int64_t room) {
	int64_t length = (int64_t)strlen(text_of(string));
	if (out) memcpy(out, text_of(string), (size_t)(length < room ? length : room));
	return length;
}
static int64_t to_utf32(const String *string, uint32_t *out, int64_t room) {
	int64_t length = (int64_t)strlen(text_of(string));
	for (int64_t i = 0; out && i < length && i < room; i++) out[i] = (unsigned char)text_of(string)[i];
	return length;
}
static uint32_t *characters(const String *string, int64_t index) {
	int64_t length = (int64_t)strlen(text_of(string));
	uint32_t *all = calloc((size_t)length + 1, sizeof *all);
	to_utf32(string, all, length);
	return all + index;
}
static void string_length(String *string, void *arguments, int64_t *result, int count) {
	(void)arguments, (void)count;
	*result = (int64_t)strlen(text_of(string));
}
static void string_is_empty(String *string, void *arguments, uint8_t *result, int count) {
	(void)arguments, (void)count;
	*result = !*text_of(string);
}

/* Arrays of bytes; all other arrays are empty. */
static uint8_t *byte_at(Bytes *bytes, int64_t index) { return bytes->data + index; }
static void bytes_size(Bytes *bytes, void *arguments, int64_t *result, int count) {
	(void)arguments, (void)count;
	*result = bytes->size;
}
static void bytes_resize(Bytes *bytes, const int64_t *const *arguments, int64_t *result, int count) {
	(void)count;
	int64_t size = *arguments[0];
	uint8_t *data = calloc((size_t)size + 1, 1);
	if (bytes->data && data) memcpy(data, bytes->data, (size_t)(size < bytes->size ? size : bytes->size));
	*bytes = (Bytes){ data, size };
	*result = 0;
}
static void no_size(void *array, void *arguments, int64_t *result, int count) {
	(void)array, (void)arguments, (void)count;
	*result = 0;
}

/* What constructs, copies and destroys. */
static void construct_word(uint64_t *base, const void *const *arguments) { (void)arguments; base[0] = 0; }
static void construct_pair(uint64_t *base, const void *const *arguments) { (void)arguments; base[0] = base[1] = 0; }
static void copy_word(uint64_t *base, const uint64_t *const *arguments) { base[0] = arguments[0][0]; }
static void copy_pair(uint64_t *base, const uint64_t *const *arguments) { base[0] = arguments[0][0], base[1] = arguments[0][1]; }
static void do_nothing(void) {}
static void *give_nothing(void) { return nothing; }
static Function give_do_nothing(void) { return do_nothing; }
static int is_pair(int type) { return type >= TYPE_PACKED_BYTE_ARRAY || type == TYPE_CALLABLE || type == TYPE_SIGNAL; }
static Function constructor(int type, int32_t index) {
	if (index == 0) return is_pair(type) ? (Function)construct_pair : (Function)construct_word;
	return is_pair(type) ? (Function)copy_pair : (Function)copy_word;
}
static Function builtin_method(int type, const String *name, int64_t hash) {
	(void)hash;
	int is_size = !strcmp(text_of(name), "size");
	if (type == TYPE_PACKED_BYTE_ARRAY && is_size) return (Function)bytes_size;
	if (type == TYPE_PACKED_BYTE_ARRAY && !strcmp(text_of(name), "resize")) return (Function)bytes_resize;
	if (type == TYPE_STRING && !strcmp(text_of(name), "length")) return (Function)string_length;
	if (type == TYPE_STRING && !strcmp(text_of(name), "is_empty")) return (Function)string_is_empty;
	return is_size ? (Function)no_size : do_nothing;
}

/* Variants */
static void variant_of_bool(Variant *variant, const uint8_t *value) { variant->type = TYPE_BOOL, variant->any[0] = *value; }
static void variant_of_int(Variant *variant, const int64_t *value) { variant->type = TYPE_INT, variant->i = *value; }
static void variant_of_float(Variant *variant, const double *value) { variant->type = TYPE_FLOAT, variant->f = *value; }
static void variant_of_string(Variant *variant, void *const *value) { variant->type = TYPE_STRING, variant->p = *value; }
static void bool_of_variant(uint8_t *value, const Variant *variant) { *value = variant->b; }
static void word_of_variant(int64_t *value, const Variant *variant) { *value = variant->i; }
static void variant_copy(Variant *copy, const Variant *variant) { *copy = *variant; }
static void variant_nil(Variant *variant) { memset(variant, 0, sizeof *variant); }
static int variant_type(const Variant *variant) { return (int)variant->type; }
static Function variant_from(int type) {
	return type == TYPE_BOOL ? (Function)variant_of_bool : type == TYPE_INT ? (Function)variant_of_int :
		type == TYPE_FLOAT ? (Function)variant_of_float : type == TYPE_STRING ? (Function)variant_of_string : (Function)variant_nil;
}
static Function variant_to(int type) { return type == TYPE_BOOL ? (Function)bool_of_variant : (Function)word_of_variant; }

/* Objects */
static Object *new_object(const char *class_name) {
	if (object_count == COUNT(objects)) fail("too many objects:", class_name);
	Object *object = calloc(1, sizeof *object);
	object->class_name = class_name;
	/* The first bit says that references are counted. */
	object->id = 0x8000000000000001u + object_count;
	return objects[object_count++] = object;
}
static void *construct_object(const String *class_name) { return new_object(copy_of(text_of(class_name), -1)); }
static void *singleton(const String *name) {
	for (unsigned i = 0; i < object_count; i++)
		if (!strcmp(objects[i]->class_name, text_of(name))) return objects[i];
	return construct_object(name);
}
static void set_instance(Object *object, const String *class_name, void *instance) {
	object->class_name = copy_of(text_of(class_name), -1);
	object->instance = instance;
}
static void set_binding(Object *object, void *token, void *binding, const void *callbacks) {
	(void)token, (void)callbacks;
	object->binding = binding;
}
static void *get_binding(Object *object, void *token, const void *callbacks) {
	(void)token, (void)callbacks;
	return object->binding;
}
static uint64_t instance_id(const Object *object) { return object->id; }
static void *object_of_id(uint64_t id) {
	for (unsigned i = 0; i < object_count; i++)
		if (objects[i]->id == id && objects[i]->class_name) return objects[i];
	return NULL;
}
static uint8_t class_name_of(const Object *object, void *library, String *name) {
	(void)library;
	*name = copy_of(object->class_name, -1);
	return 1;
}
static void destroy_object(Object *object) {
	for (unsigned i = 0; i < class_count; i++)
		if (object->instance && !strcmp(classes[i].name, object->class_name)) {
			void *instance = object->instance;
			object->instance = NULL;
			classes[i].info.free_instance(classes[i].info.userdata, instance);
		}
}
/* An engine that was built without them, for the library that takes their names. */
static void *class_tag(const String *name) {
	for (unsigned i = 0; i < class_count; i++)
		if (!strcmp(classes[i].name, text_of(name))) return nothing;
	return !strcmp(text_of(name), "HTTPClient") || !strcmp(text_of(name), "HTTPRequest") ? NULL : nothing;
}
static void *cast(void *object, void *tag) { (void)tag; return object; }
static void is_valid_id(uint8_t *result, const uint64_t *const *arguments, int count) {
	(void)count;
	*result = object_of_id(*arguments[0]) != NULL;
}
static Function utility(const String *name, int64_t hash) {
	(void)hash;
	return strcmp(text_of(name), "is_instance_id_valid") ? do_nothing : (Function)is_valid_id;
}

static Bytes file_content(const char *path) {
	Bytes bytes = { 0 };
	FILE *file = fopen(path, "rb");
	if (!file) return bytes;
	bytes.data = calloc(1 << 20, 1);
	bytes.size = (int64_t)fread(bytes.data, 1, 1 << 20, file);
	fclose(file);
	return bytes;
}

/* Methods of the engine's own classes: those for counting references, two questions, and the reading of a file. */
static void *method_bind(const String *class_name, const String *name, int64_t hash) {
	(void)hash;
	Bind *bind = malloc(sizeof *bind);
	*bind = (Bind){ copy_of(text_of(class_name), -1), copy_of(text_of(name), -1) };
	return bind;
}
static void call_engine(const Bind *bind, Object *object, const void *const *arguments, uint8_t *result) {
	if (!strcmp(bind->name, "init_ref") || !strcmp(bind->name, "reference")) object->references++, *result = 1;
	else if (!strcmp(bind->name, "unreference")) *result = --object->references <= 0;
	else if (!strcmp(bind->name, "get_reference_count")) memcpy(result, &object->references, 4);
	else if (!strcmp(bind->name, "is_class")) *result = 1;
	else if (!strcmp(bind->name, "has_feature")) *result = !strcmp(text_of(arguments[0]), "single");
	else if (!strcmp(bind->name, "file_exists")) *result = file_content(text_of(arguments[0])).data != NULL;
	else if (!strcmp(bind->name, "get_file_as_bytes")) *(Bytes *)result = file_content(text_of(arguments[0]));
	/* All else answers what the result holds already: the type's own default. */
}

/* What the library registers. One line each, as `listed.gd` prints it in Godot. */
static void print_property(const PropertyInfo *property) {
	printf("%s: %d %s", text_of(property->name), property->type, text_of(property->class_name));
}
static void register_class(void *library, const String *name, const String *parent, const ClassInfo *info) {
	(void)library;
	if (class_count == COUNT(classes)) fail("too many classes:", text_of(name));
	classes[class_count].name = copy_of(text_of(name), -1);
	classes[class_count++].info = *info;
	printf("class %s: %s\n", text_of(name), text_of(parent));
}
static void register_method(void *library, const String *class_name, const MethodInfo *info) {
	(void)library;
	if (method_count == COUNT(methods)) fail("too many methods:", text_of(info->name));
	methods[method_count].class_name = copy_of(text_of(class_name), -1);
	methods[method_count].name = copy_of(text_of(info->name), -1);
	methods[method_count].userdata = info->userdata;
	methods[method_count++].ptrcall = info->ptrcall;
	printf("method %s.%s(", text_of(class_name), text_of(info->name));
	for (uint32_t i = 0; i < info->argument_count; i++) {
		printf(i ? ", " : "");
		print_property(&info->arguments[i]);
	}
	printf(") %u defaults, flags %u -> ", info->default_count, info->flags);
	printf(info->has_result ? "%d %s\n" : "0 \n", info->has_result ? info->result->type : 0,
			info->has_result ? text_of(info->result->class_name) : "");
}
static void register_constant(void *library, const String *class_name, const String *enum_name, const String *name, int64_t value, uint8_t flags) {
	(void)library, (void)flags;
	printf("constant %s.%s.%s = %lld\n", text_of(class_name), text_of(enum_name), text_of(name), (long long)value);
}
static void register_property(void *library, const String *class_name, const PropertyInfo *info, const String *setter, const String *getter) {
	(void)library, (void)setter, (void)getter;
	printf("property %s.", text_of(class_name));
	print_property(info);
	printf("\n");
}
static void register_signal(void *library, const String *class_name, const String *name, const PropertyInfo *arguments, int64_t count) {
	(void)library;
	printf("signal %s.%s(", text_of(class_name), text_of(name));
	for (int64_t i = 0; i < count; i++) {
		printf(i ? ", " : "");
		print_property(&arguments[i]);
	}
	printf(")\n");
}
static void print_error(const char *what, const char *function, const char *file, int32_t line, uint8_t notify) {
	(void)function, (void)notify;
	error_count++;
	printf("ERROR: %s (%s:%d)\n", what, file, (int)line);
}
static void print_error_with_message(const char *what, const char *message, const char *function, const char *file, int32_t line, uint8_t notify) {
	(void)function, (void)notify;
	error_count++;
	printf("ERROR: %s: %s (%s:%d)\n", what, message, file, (int)line);
}
static void version(Version *version) { *version = (Version){ 4, 3, 0, "Godot Engine v4.3.stable.minihost" }; }

static const struct { const char *name; Function function; } implemented[] = {
	{ "get_godot_version", (Function)version },
	{ "string_name_new_with_utf8_chars_and_len", (Function)new_of_part },
	{ "string_name_new_with_utf8_chars", (Function)new_of_text },
	{ "string_name_new_with_latin1_chars", (Function)new_of_text },
	{ "string_new_with_utf8_chars_and_len", (Function)new_of_part },
	{ "string_new_with_utf8_chars_and_len2", (Function)new_of_part_2 },
	{ "string_new_with_latin1_chars_and_len", (Function)new_of_part },
	{ "string_to_utf8_chars", (Function)to_utf8 },
	{ "string_to_utf32_chars", (Function)to_utf32 },
	{ "string_operator_index_const", (Function)characters },
	{ "packed_byte_array_operator_index", (Function)byte_at },
	{ "packed_byte_array_operator_index_const", (Function)byte_at },
	{ "variant_get_ptr_constructor", (Function)constructor },
	{ "variant_get_ptr_builtin_method", (Function)builtin_method },
	{ "variant_get_ptr_utility_function", (Function)utility },
	{ "get_variant_from_type_constructor", (Function)variant_from },
	{ "get_variant_to_type_constructor", (Function)variant_to },
	{ "variant_new_copy", (Function)variant_copy },
	{ "variant_new_nil", (Function)variant_nil },
	{ "variant_get_type", (Function)variant_type },
	{ "classdb_construct_object", (Function)construct_object },
	{ "global_get_singleton", (Function)singleton },
	{ "object_set_instance", (Function)set_instance },
	{ "object_set_instance_binding", (Function)set_binding },
	{ "object_get_instance_binding", (Function)get_binding },
	{ "object_get_instance_id", (Function)instance_id },
	{ "object_get_instance_from_id", (Function)object_of_id },
	{ "object_get_class_name", (Function)class_name_of },
	{ "object_cast_to", (Function)cast },
	{ "object_destroy", (Function)destroy_object },
	{ "classdb_get_class_tag", (Function)class_tag },
	{ "classdb_get_method_bind", (Function)method_bind },
	{ "object_method_bind_ptrcall", (Function)call_engine },
	{ "classdb_register_extension_class3", (Function)register_class },
	{ "classdb_register_extension_class_method", (Function)register_method },
	{ "classdb_register_extension_class_integer_constant", (Function)register_constant },
	{ "classdb_register_extension_class_property", (Function)register_property },
	{ "classdb_register_extension_class_signal", (Function)register_signal },
	{ "print_error", (Function)print_error },
	{ "print_warning", (Function)print_error },
	{ "print_script_error", (Function)print_error },
	{ "print_error_with_message", (Function)print_error_with_message },
	{ "print_warning_with_message", (Function)print_error_with_message },
	{ "print_script_error_with_message", (Function)print_error_with_message },
};
static const char *const godot_4_3[] = {
#define NAME(function) #function,
#include "interface.h"
#undef NAME
};

static Function get_proc_address(const char *name) {
	for (size_t i = 0; i < COUNT(implemented); i++)
		if (!strcmp(implemented[i].name, name)) return implemented[i].function;
	for (size_t i = 0; i < COUNT(godot_4_3); i++)
		if (!strcmp(godot_4_3[i], name))
			/* A function that is asked for a function must give one. */
			return !strncmp(name, "variant_get_ptr_", 16) ? (Function)give_do_nothing : (Function)give_nothing;
	return NULL;
}

/* The request */
static Object *client;
static void call(const char *name, const void *const *arguments, void *result) {
	for (unsigned i = 0; i < method_count; i++)
		if (!strcmp(methods[i].class_name, client->class_name) && !strcmp(methods[i].name, name)) {
			methods[i].ptrcall(methods[i].userdata, client->instance, arguments, result);
			return;
		}
	fail("the client has no method", name);
}
static int64_t number(const char *name) {
	int64_t result = 0;
	call(name, NULL, &result);
	return result;
}
static void pause_briefly(void) {
#ifdef _WIN32
	Sleep(2);
#else
	usleep(2000);
#endif
}
static void create_client(void) {
	for (unsigned i = 0; i < method_count; i++)
		if (!strcmp(methods[i].name, "connect_to_host"))
			for (unsigned j = 0; j < class_count; j++)
				if (!strcmp(classes[j].name, methods[i].class_name)) {
					client = classes[j].info.create_instance(classes[j].info.userdata);
					if (!client || !client->instance) fail("cannot create", classes[j].name);
					client->references = 1;
					return;
				}
	fail("no class has a method", "connect_to_host");
}
static int request(char *host, const char *port_text, char *ca_file) {
	enum { RESOLVING = 1, CONNECTING = 3, CONNECTED = 5, REQUESTING = 6, BODY = 7 };
	char *target = "/hello", *empty = NULL, *error = NULL;
	int64_t port = atoi(port_text), method = 0, result = 0, tries = 15000;
	Variant no_options = { 0 };
	uint8_t verify = 1;
	Bytes headers = { 0 };

	create_client();
	if (ca_file) call("set_trusted_ca_file", (const void *const[]){ &ca_file }, NULL);
	call("connect_to_host", (const void *const[]){ &host, &port, &no_options, &verify }, &result);
	for (int64_t s; s = number("get_status"), (s == RESOLVING || s == CONNECTING) && tries--; pause_briefly()) number("poll");
	if (number("get_status") == CONNECTED)
		call("request", (const void *const[]){ &method, &target, &headers, &empty }, &result);
	for (; number("get_status") == REQUESTING && tries--; pause_briefly()) number("poll");

	int64_t code = number("get_response_code"), length = 0;
	printf("exchange: %lld \"", (long long)code);
	for (; number("get_status") == BODY && tries--; pause_briefly()) {
		Bytes part = { 0 };
		number("poll");
		call("read_response_body_chunk", NULL, &part);
		printf("%.*s", (int)part.size, part.data ? (char *)part.data : "");
		length += part.size;
	}
	call("get_error_message", NULL, &error);
	printf("\" %lld bytes, status %lld, error \"%s\"\n", (long long)length, (long long)number("get_status"), error ? error : "");
	destroy_object(client);
	return code == 200 && length > 0 && tries > 0 ? 0 : 3;
}

/* Windows gives a program its arguments in a code page that cannot write every path. */
static char **arguments_of_system(char **arguments) {
#ifdef _WIN32
	int count;
	wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
	arguments = calloc((size_t)count + 1, sizeof *arguments);
	for (int i = 0; i < count; i++) {
		int size = WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, NULL, 0, NULL, NULL);
		arguments[i] = calloc((size_t)size, 1);
		WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, arguments[i], size, NULL, NULL);
	}
#endif
	return arguments;
}

static Function entry_of(const char *library) {
#ifdef _WIN32
	wchar_t wide[1024];
	MultiByteToWideChar(CP_UTF8, 0, library, -1, wide, (int)COUNT(wide));
	HMODULE handle = LoadLibraryW(wide);
	if (!handle) printf("LoadLibrary: error %lu\n", GetLastError());
	return handle ? (Function)GetProcAddress(handle, "gdext_rust_init") : NULL;
#else
	void *handle = dlopen(library, RTLD_NOW);
	if (!handle) puts(dlerror());
	return handle ? (Function)dlsym(handle, "gdext_rust_init") : NULL;
#endif
}

int main(int count, char **arguments) {
	setvbuf(stdout, NULL, _IONBF, 0);
	arguments = arguments_of_system(arguments);
	if (count != 2 && count != 4 && count != 5) fail("usage:", "minihost LIBRARY [HOST PORT [CA_FILE]]");
	Function entry = entry_of(arguments[1]);
	if (!entry) fail("cannot load", arguments[1]);
	Initialization initialization = { 0 };
	uint8_t begun = ((uint8_t(*)(Function(*)(const char *), void *, Initialization *))entry)(get_proc_address, nothing, &initialization);
	if (!begun) fail("the entry symbol refuses in", arguments[1]);
	/* Core, servers, scene; there is no editor. */
	for (int level = 0; level <= 2; level++) initialization.init(initialization.userdata, level);
	int code = count > 2 ? request(arguments[2], arguments[3], count > 4 ? arguments[4] : NULL) : 0;
	for (int level = 2; level >= 0; level--) initialization.deinit(initialization.userdata, level);
	printf("%u classes, %u methods, %u errors\n", class_count, method_count, error_count);
	return code ? code : error_count > 0 || class_count == 0;
}
