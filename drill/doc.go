// Package drill answers the question "what happens when ___ fails?" by doing it:
// it builds the three-tier application of a first AWS course in a cloud of its
// own (two zones, an Application Load Balancer, an Auto Scaling group with user
// data, state outside of the instances, an alarm and a policy), loads it, breaks
// one component after the other, and says what its users saw.
//
//	drill.go     what a drill is, and its run
//	cloud.go     the cloud that it starts, kills and starts again
//	aws.go       how it asks that cloud, as any client does
//	tier*.go     what it builds
//	load.go      the users
//	watch.go     what is seen meanwhile of targets, group and alarm
//	failure.go   the failures
//	result.go    what came of each
//	timeline.go  the picture in the terminal
//	svg.go       the picture as a file
package drill
