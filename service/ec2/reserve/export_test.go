package reserve

// Operations are all that the room binds.
var Operations = bindings
