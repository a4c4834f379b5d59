// Package guest is what runs inside a machine: its first process, which sets
// the machine up, its agent and SSH server, and the tools of the built-in
// image. All of it is the pileus program under other names.
package guest
