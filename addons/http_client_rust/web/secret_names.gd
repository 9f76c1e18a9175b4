@tool
extends RefCounted
## Names of secrets: headers, URL parameters, fields of forms and of JSON. The lists are copies of those of the library, in
## rust/fetch/src/replay/names.rs. A test compares them.

## What a name says about its value.
enum Secrecy {
	## It can be shown.
	NONE,
	## It is secret if it looks like a token, because the name also means something harmless.
	IF_TOKEN,
	## It is secret in a request, like the code of a login. In a response, the name means something else.
	WHERE_SENT,
	## It is secret if it is a single value.
	VALUE,
	## Everything in it is secret.
	ALL,
}

## Words that make a name secret, also at the end of a longer word such as `authtoken`.
const ENDINGS: PackedStringArray = [
	"token", "tokens", "secret", "secrets", "password", "passwords", "passwd", "passphrase", "passcode", "pwd", "credential",
	"credentials", "apikey", "signature", "authorization", "sessionid", "sessid", "samlresponse",
]
## Words that make a name secret only as whole words.
const WORDS: PackedStringArray = [
	"auth", "pass", "sig", "sign", "hmac", "jwt", "otp", "totp", "pin", "session", "sess", "sid", "ssid", "cvv", "cvc", "mfa", "saml",
	"csrf", "xsrf", "nonce", "assertion", "verifier", "ticket", "bearer", "cookie", "cookies", "accesskey", "secretkey", "privatekey",
	"authkey", "sessionkey", "appkey", "clientkey", "encryptionkey", "licensekey", "masterkey", "sharedkey", "signingkey",
	"subscriptionkey",
]
## Names of secrets if the value looks like a token. Some servers answer a login with `access` and `refresh`, but `access` can also be
## `public`.
const IF_TOKEN: PackedStringArray = ["access", "refresh", "authentication"]
## A token has at least this many characters.
const SHORTEST_TOKEN := 16
## A `key` is secret, unless one of these words precedes it.
const HARMLESS_KEYS: PackedStringArray = ["public", "primary", "foreign", "sort", "cache", "partition", "object", "translation"]
## Last words of names that describe a secret, but are not secret themselves.
const ABOUT: PackedStringArray = [
	"type", "types", "url", "uri", "endpoint", "expires", "expiry", "expiration", "count", "length", "limit", "policy", "hint", "algorithm",
]
## Words that make a `code` secret in a request. A name that is only `code` is also secret there.
const SENT_CODES: PackedStringArray = ["auth", "device", "user"]
## `apiKey`, `API_Key`, `x-api-key2` and `user[api.key]` have two words each, or three.
const WORD := "\\p{Lu}+(?=\\p{Lu}\\p{Ll})|\\p{Lu}*[^\\p{Lu}\\P{L}]+|\\p{Lu}+"
const LONGEST_NAME := 256
## The rest of a value in a query or form. What looks like another pair is a part of a secret value.
const REST_OF_VALUE := "\\G[^&#\\s\"]*+"

static var _words := RegEx.create_from_string(WORD)
static var _rest_of_value := RegEx.create_from_string(REST_OF_VALUE)
static var _web_token := RegEx.create_from_string("^eyJ[\\w-]{6,}\\.([\\w-]{9,})?(\\.[\\w-]*){1,3}$")
static var _token := RegEx.create_from_string("^(?=.*[0-9])(?=.*[A-Za-z])[!-~]+$")
static var _credential := RegEx.create_from_string("^[!#-~]{8,}$")
static var _base64 := RegEx.create_from_string("^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")


## What a name says about its value.
static func secrecy(name: String) -> Secrecy:
	var words := PackedStringArray()
	for found: RegExMatch in _words.search_all(name.left(LONGEST_NAME)):
		words.append(found.get_string().to_lower())
	var last := words[-1] if not words.is_empty() else ""
	if words.is_empty() or ABOUT.has(last) or last == "in" and words.has("expires"):
		return Secrecy.NONE
	for word: String in words:
		for ending: String in ENDINGS:
			if word.ends_with(ending):
				return Secrecy.ALL
	for word: String in words:
		if WORDS.has(word):
			return Secrecy.VALUE
	var before := words[-2] if words.size() > 1 else ""
	if last == "key":
		return Secrecy.NONE if HARMLESS_KEYS.has(before) else Secrecy.VALUE
	if last == "code" and (words.size() == 1 or Array(words).any(func(word: String) -> bool: return SENT_CODES.has(word))):
		return Secrecy.WHERE_SENT
	return Secrecy.IF_TOKEN if words.size() == 1 and IF_TOKEN.has(last) else Secrecy.NONE


## Returns whether [param value] of a field with this name is a secret. [param is_sent] is whether this side wrote it.
static func hides(name: String, value: String, is_sent: bool) -> bool:
	match secrecy(name):
		Secrecy.NONE:
			return is_web_token(value)
		Secrecy.IF_TOKEN:
			return looks_like_token(value)
		Secrecy.WHERE_SENT:
			return is_sent or is_web_token(value)
	return true


## Returns where the value of a pair in a query or form ends, after it was found up to [param end].
static func end_of_value(name: String, text: String, end: int) -> int:
	return _rest_of_value.search(text, end).get_end() if secrecy(name) > Secrecy.IF_TOKEN else end


## Returns whether [param value] is a JSON Web Token (RFC 7519), which is a credential under any name.
static func is_web_token(value: String) -> bool:
	return value.begins_with("eyJ") and _web_token.search(value) != null


static func looks_like_token(value: String) -> bool:
	return value.length() >= SHORTEST_TOKEN and not value.contains("://") and _token.search(value) != null


## Returns whether a header's value is a secret, because of its name or because it has credentials.
static func hides_header(name: String, value: String) -> bool:
	return hides(name.strip_edges(), value.strip_edges(), false) or has_credentials(value.strip_edges())


## Does the same for a line such as `X-Api-Key: KEY`.
static func hides_line(line: String) -> bool:
	return hides_header(line.get_slice(":", 0), line.substr(line.find(":") + 1))


## Returns whether [param value] is `Bearer TOKEN` or `Basic BASE64`, in a header with any name.
static func has_credentials(value: String) -> bool:
	var parts := value.split(" ", true, 1)
	if parts.size() != 2 or _credential.search(parts[1]) == null:
		return false
	return parts[0].to_lower() == "bearer" or parts[0].to_lower() == "basic" and from_base64(parts[1]).has(ord(":"))


## Returns the decoded bytes; empty if the text is not Base64. The engine would log an error.
static func from_base64(text: String) -> PackedByteArray:
	if text.is_empty() or _base64.search(text) == null:
		return PackedByteArray()
	var bytes := Marshalls.base64_to_raw(text)
	# Unused bits must be 0.
	return bytes if Marshalls.raw_to_base64(bytes) == text else PackedByteArray()
