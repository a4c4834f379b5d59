package tlspolicy

import "slices"

// set is a group of ciphers that policies have or have not as a whole.
type set uint16

const (
	tls13     set = 1 << iota // AES-GCM of TLS 1.3
	chacha13                  // and ChaCha20, which FIPS does not know
	ecdheGCM                  // forward secrecy, authenticated
	ecdheSHA2                 // CBC with SHA-256 and SHA-384
	ecdheSHA1                 // CBC with SHA-1
	rsaSHA2                   // without forward secrecy: GCM, CBC with SHA-256
	rsaSHA1
	tripleDES
	modern = tls13 | chacha13
)

// members are the ciphers in the order that AWS likes them in, and their sets.
var members = []struct {
	name string
	in   set
}{
	{"TLS_AES_128_GCM_SHA256", tls13},
	{"TLS_AES_256_GCM_SHA384", tls13},
	{"TLS_CHACHA20_POLY1305_SHA256", chacha13},
	{"ECDHE-ECDSA-AES128-GCM-SHA256", ecdheGCM},
	{"ECDHE-RSA-AES128-GCM-SHA256", ecdheGCM},
	{"ECDHE-ECDSA-AES128-SHA256", ecdheSHA2},
	{"ECDHE-RSA-AES128-SHA256", ecdheSHA2},
	{"ECDHE-ECDSA-AES128-SHA", ecdheSHA1},
	{"ECDHE-RSA-AES128-SHA", ecdheSHA1},
	{"ECDHE-ECDSA-AES256-GCM-SHA384", ecdheGCM},
	{"ECDHE-RSA-AES256-GCM-SHA384", ecdheGCM},
	{"ECDHE-ECDSA-AES256-SHA384", ecdheSHA2},
	{"ECDHE-RSA-AES256-SHA384", ecdheSHA2},
	{"ECDHE-RSA-AES256-SHA", ecdheSHA1},
	{"ECDHE-ECDSA-AES256-SHA", ecdheSHA1},
	{"AES128-GCM-SHA256", rsaSHA2},
	{"AES128-SHA256", rsaSHA2},
	{"AES128-SHA", rsaSHA1},
	{"AES256-GCM-SHA384", rsaSHA2},
	{"AES256-SHA256", rsaSHA2},
	{"AES256-SHA", rsaSHA1},
	{"DES-CBC3-SHA", tripleDES},
}

const (
	forward = ecdheGCM | ecdheSHA2 // what TLS 1.2 policies have at least
	strict  = forward | rsaSHA2
	wide    = strict | ecdheSHA1 | rsaSHA1
)

// row is a policy: versions from oldest to newest as numbers of TLS 1.x.
type row struct {
	name           string
	oldest, newest int
	in             set
}

var table = []row{
	{"ELBSecurityPolicy-2016-08", 0, 2, wide},
	{"ELBSecurityPolicy-TLS-1-2-2017-01", 2, 2, strict},
	{"ELBSecurityPolicy-TLS-1-1-2017-01", 1, 2, wide},
	{"ELBSecurityPolicy-TLS-1-2-Ext-2018-06", 2, 2, wide},
	{"ELBSecurityPolicy-FS-2018-06", 0, 2, forward | ecdheSHA1},
	{"ELBSecurityPolicy-2015-05", 0, 2, wide},
	{"ELBSecurityPolicy-TLS-1-0-2015-04", 0, 2, wide | tripleDES},
	{"ELBSecurityPolicy-FS-1-2-Res-2019-08", 2, 2, forward},
	{"ELBSecurityPolicy-FS-1-1-2019-08", 1, 2, forward | ecdheSHA1},
	{"ELBSecurityPolicy-FS-1-2-2019-08", 2, 2, forward | ecdheSHA1},
	{"ELBSecurityPolicy-FS-1-2-Res-2020-10", 2, 2, ecdheGCM},
	{"ELBSecurityPolicy-TLS13-1-2-2021-06", 2, 3, modern | forward},
	{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", 2, 3, modern | ecdheGCM},
	{"ELBSecurityPolicy-TLS13-1-3-2021-06", 3, 3, modern},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06", 2, 3, modern | strict},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", 2, 3, modern | wide},
	{"ELBSecurityPolicy-TLS13-1-1-2021-06", 1, 3, modern | wide},
	{"ELBSecurityPolicy-TLS13-1-0-2021-06", 0, 3, modern | wide},
	{"ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04", 3, 3, tls13},
	{"ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04", 2, 3, tls13 | ecdheGCM},
	{"ELBSecurityPolicy-TLS13-1-2-FIPS-2023-04", 2, 3, tls13 | forward},
	{"ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-2023-04", 2, 3, tls13 | forward | ecdheSHA1},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-2023-04", 2, 3, tls13 | strict},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-2023-04", 2, 3, tls13 | wide},
	{"ELBSecurityPolicy-TLS13-1-1-FIPS-2023-04", 1, 3, tls13 | wide},
	{"ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04", 0, 3, tls13 | wide},
	{"ELBSecurityPolicy-TLS13-1-3-PQ-2025-09", 3, 3, modern},
	{"ELBSecurityPolicy-TLS13-1-2-PQ-2025-09", 2, 3, modern | forward},
	{"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", 2, 3, modern | ecdheGCM},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09", 2, 3, modern | strict},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-PQ-2025-09", 2, 3, modern | wide},
	{"ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09", 3, 3, tls13},
	{"ELBSecurityPolicy-TLS13-1-2-FIPS-PQ-2025-09", 2, 3, tls13 | forward},
	{"ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09", 2, 3, tls13 | ecdheGCM},
	{"ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-PQ-2025-09", 2, 3, tls13 | forward | ecdheSHA1},
	{"ELBSecurityPolicy-TLS13-1-2-Ext1-FIPS-PQ-2025-09", 2, 3, tls13 | strict},
	{"ELBSecurityPolicy-TLS13-1-2-Ext2-FIPS-PQ-2025-09", 2, 3, tls13 | wide},
}

// protocols by the number that follows "1.".
var protocols = []string{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}

func (r row) policy() Policy {
	p := Policy{Name: r.name, Protocols: slices.Clone(protocols[r.oldest : r.newest+1]), Ciphers: r.in.ciphers()}
	slices.Reverse(p.Protocols)
	return p
}

func (s set) ciphers() (names []string) {
	for _, m := range members {
		if s&m.in != 0 {
			names = append(names, m.name)
		}
	}
	return names
}
