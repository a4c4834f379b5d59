// Package process holds on to the first processes of machines, which outlive
// this one, and starts them from threads that are prepared for it.
package process
