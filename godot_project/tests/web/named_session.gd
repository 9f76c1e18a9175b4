class_name TestsNamedSession
extends HTTPSessionRust
## A class of the add-on under a name of the project.


func ask(path: String) -> HTTPTaskRust:
	return fetch(path)
