package market

// Operations are all that the room binds.
var Operations = (&Room{}).bindings
