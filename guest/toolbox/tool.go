package toolbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// call is one use of a tool.
type call struct {
	ctx    context.Context
	name   string   // as it was called: "egrep"
	args   []string // what follows the name
	in     io.Reader
	out    io.Writer
	errors io.Writer
}

// tool does what it is called for. An error is printed behind the tool's name
// and makes the exit status 1 unless it is an exit.
type tool func(c *call) error

// exit ends a tool with a status and without a further word.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usage is an error of whoever called the tool: status 2.
type usage string

func (u usage) Error() string { return string(u) }

// Has tells whether there is a tool of that name.
func Has(name string) bool {
	_, ok := tools()[name]
	return ok
}

// Run runs the named tool with the process's own streams and returns its exit
// status.
func Run(ctx context.Context, name string, args []string) int {
	c := &call{ctx: ctx, name: name, args: args, in: os.Stdin, out: os.Stdout, errors: os.Stderr}
	return c.run(tools()[name])
}

func (c *call) run(t tool) int {
	err := t(c)
	var status exit
	var wrong usage
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &wrong):
		fmt.Fprintf(c.errors, "%s: %s\n", c.name, wrong)
		return 2
	default:
		fmt.Fprintf(c.errors, "%s: %s\n", c.name, err)
		return 1
	}
}
