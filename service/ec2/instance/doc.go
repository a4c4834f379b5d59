// Package instance is the part of EC2 that is instances: virtual machines that
// a data plane boots and that this package keeps in the state that was asked
// for.
//
//	operations.go, access*.go        what the room offers, and who may
//	record.go, state.go              an instance as the store keeps it
//	run*.go, launch*.go              RunInstances
//	lifecycle.go                     start, stop, reboot, terminate
//	converge.go, adopt.go            brings machines to the state that is wanted
//	describe.go, convert.go, fields.go   DescribeInstances
//	attribute*.go, options.go        what can be changed of an instance
//	status.go, event*.go             checks and scheduled events
//	console.go, screenshot.go, password.go   what a machine shows
//	credit.go                        CPU credits
//	profile.go                       instance profiles
//	keypair.go, privatekey.go, putty.go   key pairs
//	placement.go                     placement groups
//	types.go, typeinfo.go            instance types
//	source.go                        what the metadata service tells
//	meter.go                         instance hours
package instance
