// Package network makes virtual private clouds of the Linux kernel's parts:
// a network namespace per VPC is its router, veth pairs are its interfaces,
// policy routing holds its route tables, and nftables its network ACLs and
// security groups. docs/network.md draws it.
package network
