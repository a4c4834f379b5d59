package attach

import (
	"net/netip"
	"slices"
	"strings"

	"pileus/lb"
	"pileus/names"
	"pileus/store"
)

// ttl of a load balancer's names in seconds.
const ttl = 60

// DNSName is the name of a load balancer. id is what tells it from others of
// its name: hexadecimal digits of network load balancers, decimal ones of
// others.
func DNSName(kind lb.Kind, internal bool, name, id, region string) string {
	if kind == lb.Network {
		return strings.ToLower(name) + "-" + id + ".elb." + region + ".amazonaws.com"
	}
	if internal {
		name = "internal-" + name
	}
	return name + "-" + id + "." + region + ".elb.amazonaws.com"
}

// Local is the name under which the cloud's own edge answers for a load
// balancer, and AWS's name for it: for "web-1.us-east-1.elb.localhost" it is
// "web-1.us-east-1.elb.amazonaws.com". ok is false for other names.
func Local(host string) (name string, ok bool) {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for _, domain := range []string{".localhost.localstack.cloud", ".localhost", ".amazonaws.com"} {
		rest, found := strings.CutSuffix(host, domain)
		if !found {
			continue
		}
		labels := strings.Split(rest, ".")
		return rest + ".amazonaws.com", len(labels) >= 3 && (labels[len(labels)-1] == "elb" || labels[len(labels)-2] == "elb")
	}
	return "", false
}

// Answer is a node whose address a name is answered with.
type Answer struct {
	Zone      string
	Addresses []netip.Addr
}

// Answers are the addresses of nodes as the world knows them: their public ones
// where they have some, and IPv6.
func (n Node) Answers() Answer {
	a := Answer{Zone: n.Zone}
	switch {
	case n.Public.IsValid():
		a.Addresses = append(a.Addresses, n.Public)
	case n.Private.IsValid():
		a.Addresses = append(a.Addresses, n.Private)
	}
	a.Addresses = append(a.Addresses, n.IPv6...)
	return a
}

// Publish makes a load balancer's name lead to some of its nodes. zonal gives
// each zone a name of its own, as network load balancers have them.
func Publish(tx store.Tx, name, owner string, zonal bool, nodes []Answer) {
	wanted := map[string][]netip.Addr{names.Normal(name): nil}
	for _, n := range nodes {
		wanted[names.Normal(name)] = append(wanted[names.Normal(name)], n.Addresses...)
		if zonal {
			of := names.Normal(n.Zone + "." + name)
			wanted[of] = append(wanted[of], n.Addresses...)
		}
	}
	for _, old := range slices.Collect(names.Records.Index(tx, "owner", owner)) {
		if _, ok := wanted[old.Name]; !ok {
			names.Delete(tx, old.Name)
		}
	}
	for of, addresses := range wanted {
		names.Put(tx, names.Record{Name: of, Owner: owner, Addresses: addresses, TTL: ttl})
	}
}

// Unpublish takes all names of a load balancer away.
func Unpublish(tx store.Tx, owner string) {
	for _, n := range slices.Collect(names.Records.Index(tx, "owner", owner)) {
		names.Delete(tx, n.Name)
	}
}

// HostedZone is the id of the hosted zone in which AWS has the names of load
// balancers of a region; "" for regions that it is not known of.
// https://docs.aws.amazon.com/general/latest/gr/elb.html
func HostedZone(kind lb.Kind, region string) string {
	if kind == lb.Network {
		return hostedZones[region].network
	}
	return hostedZones[region].other
}

var hostedZones = map[string]struct{ other, network string }{
	"af-south-1":     {"Z268VQBMOI5EKX", "Z203XCE67M25HM"},
	"ap-east-1":      {"Z3DQVH9N71FHZ0", "Z12Y7K3UBGUAD1"},
	"ap-northeast-1": {"Z14GRHDCWA56QT", "Z31USIVHYNEOWT"},
	"ap-northeast-2": {"ZWKZPGTI48KDX", "ZIBE1TIR4HY56"},
	"ap-northeast-3": {"Z5LXEXXYW11ES", "Z1GWIQ4HH19I5X"},
	"ap-south-1":     {"ZP97RAFLXTNZK", "ZVDDRBQ08TROA"},
	"ap-southeast-1": {"Z1LMS91P8CMLE5", "ZKVM4W9LS7TM"},
	"ap-southeast-2": {"Z1GM3OXH4ZPM65", "ZCT6FZBF4DROD"},
	"ca-central-1":   {"ZQSVJUPU6J1EY", "Z2EPGBW3API2WT"},
	"eu-central-1":   {"Z215JYRZR1TBD5", "Z3F0SRJ5LGBH90"},
	"eu-north-1":     {"Z23TAZ6LKFMNIO", "Z1UDT6IFJ4EJM"},
	"eu-south-1":     {"Z3ULH7SSC9OV64", "Z23146JA1KNAFP"},
	"eu-west-1":      {"Z32O12XQLNTSW2", "Z2IFOLAFXWLO4F"},
	"eu-west-2":      {"ZHURV8PSTC4K8", "ZD4D7Y8KGAS4G"},
	"eu-west-3":      {"Z3Q77PNBQS71R4", "Z1CMS0P5QUZ6D5"},
	"me-south-1":     {"ZS929ML54UICD", "Z3QSRYVP46NYYV"},
	"sa-east-1":      {"Z2P70J7HTTTPLU", "ZTK26PT1VY4CU"},
	"us-east-1":      {"Z35SXDOTRQ7X7K", "Z26RNL4JYFTOTI"},
	"us-east-2":      {"Z3AADJGX6KTTL2", "ZLMOA37VPKANP"},
	"us-west-1":      {"Z368ELLRRE2KJ0", "Z24FKFUX50B4VW"},
	"us-west-2":      {"Z1H1FL5HABSF5", "Z18D5FSROUN65G"},
}
