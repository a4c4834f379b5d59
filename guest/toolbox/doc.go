// Package toolbox is the programs of the built-in image: each is a function
// that is called by the name under which the pileus program was started. They
// do what the programs of the same names do elsewhere, with the options that
// scripts use.
package toolbox
