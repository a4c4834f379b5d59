package vpc

import (
	"net/netip"

	"pileus/service/ec2/resource"
)

// parseAddr reads an IP address of a parameter.
func parseAddr(s, parameter string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return a, resource.Invalid(s, parameter)
	}
	return a, nil
}

func parseAddrs(list []string, parameter string) (out []netip.Addr, err error) {
	for _, s := range list {
		a, err := parseAddr(s, parameter)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// parseCIDR reads a range of a parameter; host bits that are set are cut off,
// as AWS does: 10.0.0.5/24 is 10.0.0.0/24.
func parseCIDR(s, parameter string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", s, parameter)
	}
	return p.Masked(), nil
}

// parseIPv4 is parseCIDR for IPv4 alone.
func parseIPv4(s, parameter string) (netip.Prefix, error) {
	p, err := parseCIDR(s, parameter)
	if err == nil && !p.Addr().Is4() {
		err = resource.Errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid. This is not a valid CIDR block.", s, parameter)
	}
	return p, err
}

// parseIPv6 is parseCIDR for IPv6 alone.
func parseIPv6(s, parameter string) (netip.Prefix, error) {
	p, err := parseCIDR(s, parameter)
	if err == nil && !p.Addr().Is6() {
		err = resource.Errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid. This is not a valid IPv6 CIDR block.", s, parameter)
	}
	return p, err
}
