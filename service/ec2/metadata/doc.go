// Package metadata is the instance metadata service: what an instance reads at
// http://169.254.169.254/, and at http://[fd00:ec2::254]/ where its options say
// so. It is one HTTP server in each VPC that has instances; who calls is known
// by the address of the interface that the connection comes from.
//
//	instance.go  what it knows of an instance
//	listen.go    one listener for each VPC
//	handler.go   requests: versions, tokens, methods
//	token.go     session tokens (IMDSv2)
//	tree.go      a tree of names and values, and how a path is looked up in it
//	paths.go     the tree of an instance: meta-data
//	network.go   its interfaces
//	identity.go  the signed identity document
//
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
package metadata
