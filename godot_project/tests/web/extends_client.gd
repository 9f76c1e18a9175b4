extends HTTPClientRust
## A class between two others: the class that extends it uses the same classes.

var other: HTTPClientRust


func twice() -> Array[HTTPClientRust]:
	other = HTTPClientRust.new()
	return [self, other]
