extends HTTPClientRust
## A class in the middle: the class that extends it names the same classes.

var other: HTTPClientRust


func twice() -> Array[HTTPClientRust]:
	other = HTTPClientRust.new()
	return [self, other]
