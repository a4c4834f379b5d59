// Package machine runs machines as process trees in kernel namespaces of their
// own: docs/machines.md explains how, and what that is worth.
//
// Everything of a machine that outlives this process carries its id: a folder
// below Options.Dir, control groups, and the first process, which is found
// again by its number and start time.
package machine
