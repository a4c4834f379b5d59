// Package toolbox is the programs of the built-in image: each is a function
// that is called by the name under which the pileus program was started.
package toolbox

import (
	"maps"
	"slices"
)

// Names lists the tools in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(tools())) }
