// Package cgroup keeps the control groups of machines: what each may use of
// the host, what it has used, and which devices it reaches.
package cgroup
