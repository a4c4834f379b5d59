package vpc

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pileus/plane"
	"pileus/region"
	"pileus/service/ec2/resource"
)

// defaultFormat is that of version 2.
const defaultFormat = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"

// flowRecord is one line of a flow log.
type flowRecord struct {
	nic      *Interface
	vpc      *VPC
	key      flowKey
	sum      flowSum
	from, to time.Time // of the aggregation interval
	status   string    // "OK", "NODATA", "SKIPDATA"
}

// flowField is a field of records: the version that brought it, and its text;
// "" for none.
type flowField struct {
	version int
	value   func(v *flowRecord) string
}

// heard is a field that only records of traffic have.
func heard(version int, f func(v *flowRecord) string) flowField {
	return flowField{version, func(v *flowRecord) string {
		if v.status != "OK" {
			return ""
		}
		return f(v)
	}}
}

// flowFields are the fields by name.
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
func flowFields() map[string]flowField {
	number := func(n uint64) string { return strconv.FormatUint(n, 10) }
	nothing := func(version int) flowField { return flowField{version, func(*flowRecord) string { return "" }} }
	fields := map[string]flowField{
		"account-id":   {2, func(v *flowRecord) string { return v.nic.Account }},
		"interface-id": {2, func(v *flowRecord) string { return v.nic.ID }},
		"srcaddr":      heard(2, func(v *flowRecord) string { return v.key.from.String() }),
		"dstaddr":      heard(2, func(v *flowRecord) string { return v.key.to.String() }),
		"srcport":      heard(2, func(v *flowRecord) string { return number(uint64(v.key.fromPort)) }),
		"dstport":      heard(2, func(v *flowRecord) string { return number(uint64(v.key.toPort)) }),
		"protocol":     heard(2, func(v *flowRecord) string { return number(uint64(v.key.protocol)) }),
		"packets":      heard(2, func(v *flowRecord) string { return number(v.sum.packets) }),
		"bytes":        heard(2, func(v *flowRecord) string { return number(v.sum.bytes) }),
		"start":        {2, func(v *flowRecord) string { return seconds(v.from) }},
		"end":          {2, func(v *flowRecord) string { return seconds(v.to) }},
		"action":       heard(2, (*flowRecord).action),
		"log-status":   {2, func(v *flowRecord) string { return v.status }},

		"vpc-id":      {3, func(v *flowRecord) string { return v.nic.VPC }},
		"subnet-id":   {3, func(v *flowRecord) string { return v.nic.Subnet }},
		"instance-id": {3, func(v *flowRecord) string { return v.nic.instance() }},
		"tcp-flags":   heard(3, func(v *flowRecord) string { return number(uint64(v.sum.flags)) }),
		"type":        heard(3, (*flowRecord).family),
		"pkt-srcaddr": heard(3, func(v *flowRecord) string { return or(v.key.realFrom, v.key.from).String() }),
		"pkt-dstaddr": heard(3, func(v *flowRecord) string { return or(v.key.realTo, v.key.to).String() }),

		"region": {4, func(v *flowRecord) string { return v.nic.Region }},
		"az-id": {4, func(v *flowRecord) string {
			z, _ := region.ZoneNamed(v.nic.Zone)
			return z.ID
		}},
		"sublocation-type": nothing(4), "sublocation-id": nothing(4),

		"pkt-src-aws-service": heard(5, func(v *flowRecord) string { return servedAt(v.key.from) }),
		"pkt-dst-aws-service": heard(5, func(v *flowRecord) string { return servedAt(v.key.to) }),
		"flow-direction":      heard(5, (*flowRecord).direction),
		"traffic-path":        heard(5, (*flowRecord).path),
		"reject-reason":       nothing(8),
	}
	for _, name := range []string{"cluster-arn", "cluster-name", "container-instance-arn", "container-instance-id", "container-id", "second-container-id", "service-name", "task-definition-arn", "task-arn", "task-id"} {
		fields["ecs-"+name] = nothing(7) // containers of a service that there is none of here
	}
	return fields
}

func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func or(a, b netip.Addr) netip.Addr {
	if a.IsValid() {
		return a
	}
	return b
}

func (v *flowRecord) action() string {
	if v.key.accepted {
		return "ACCEPT"
	}
	return "REJECT"
}

func (v *flowRecord) family() string {
	if v.key.from.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

func (v *flowRecord) direction() string {
	if v.key.ingress {
		return "ingress"
	}
	return "egress"
}

// path is the way that egress traffic takes: 1 within the VPC, 8 through an
// internet gateway, 2 through a gateway or gateway endpoint in the region.
func (v *flowRecord) path() string {
	switch {
	case v.key.ingress:
		return ""
	case v.vpc.Contains(v.key.to):
		return "1"
	case plane.Edge.Contains(v.key.to):
		return "2"
	case !v.key.to.IsPrivate():
		return "8"
	}
	return ""
}

// servedAt is the service that has an address.
func servedAt(a netip.Addr) string {
	switch {
	case a == plane.EdgeS3:
		return "S3"
	case a == plane.EdgeDynamoDB:
		return "DYNAMODB"
	case plane.Internet.Contains(a):
		return "AMAZON"
	}
	return ""
}

// instance is what the interface is attached to.
func (i *Interface) instance() string {
	if i.Attachment == nil {
		return ""
	}
	return i.Attachment.Instance
}

var formatField = regexp.MustCompile(`^\$\{([a-z0-9-]+)\}$`)

// parseFormat reads the names of a format's fields.
func parseFormat(format string) (names []string, err error) {
	fields := flowFields()
	for _, word := range strings.Fields(format) {
		m := formatField.FindStringSubmatch(word)
		if m == nil {
			return nil, resource.Errorf("InvalidParameter", "LogFormat '%s' is invalid.", format)
		}
		if _, ok := fields[m[1]]; !ok && m[1] != "version" {
			return nil, resource.Errorf("InvalidParameter", "Unknown fields provided: ${%s}", m[1])
		}
		names = append(names, m[1])
	}
	if len(names) == 0 {
		return nil, resource.Errorf("InvalidParameter", "LogFormat cannot be empty.")
	}
	return names, nil
}

// writeFlows is a file of records: the names of the fields, then a line each.
func writeFlows(names []string, records []flowRecord) string {
	fields := flowFields()
	version := 2
	for _, n := range names {
		version = max(version, fields[n].version)
	}
	var b strings.Builder
	b.WriteString(strings.Join(names, " ") + "\n")
	for n := range records {
		for at, name := range names {
			if at > 0 {
				b.WriteByte(' ')
			}
			text := strconv.Itoa(version)
			if name != "version" {
				text = fields[name].value(&records[n])
			}
			if text == "" {
				text = "-"
			}
			b.WriteString(text)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
