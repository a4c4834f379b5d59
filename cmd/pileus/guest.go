package main

import "pileus/guest"

// becomeGuest turns the program into a machine's first process, or into one of
// the tools of the built-in image, if that is the name it was started by. It
// then does not return. It comes before anything else, because a machine pays
// for what is set up.
func becomeGuest() { guest.Main() }
