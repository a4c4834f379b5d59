// Package vpc is the part of EC2 that is networks: VPCs and what is in them.
// It keeps their state; a data plane makes packets obey it.
//
//	operations.go, access.go         what the room offers, and who may
//	vpc.go, cidr.go, attribute.go    virtual private clouds
//	defaults.go                      what every account finds in every region
//	subnet.go, reservation.go        subnets and their ranges
//	pool.go, public.go               private and public addresses, given out
//	routetable.go, route.go          where packets go
//	gateway.go, egress.go, nat*.go   doors to the internet
//	interface.go, attach.go          elastic network interfaces
//	address.go, associate.go         elastic addresses
//	acl.go, group.go, rule.go        what may pass
//	dhcp.go, prefixlist.go, zone.go  the rest
//	desired.go                       the state as the data plane takes it
//	converge.go                      brings the data plane there
package vpc
