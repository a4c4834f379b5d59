package lb

// nodeMeter counts what concerns a node and no group.
type nodeMeter struct {
	connections, bytes, rejected       *counter
	tlsErrors, redirects, fixed, rules *counter
	desync, invalid, droppedInvalid    *counter // requests
	elb3xx, elb4xx, elb5xx             *counter
	elb500, elb502, elb503, elb504     *counter
	grpc                               *counter
	authFine, authFailed, authErrors   *counter // logins
	authRefreshed, authClaims          *counter
	authLatency                        *values // milliseconds
	tokensFine, tokensFailed           *counter
	active                             *gauge // connections from clients and to targets
}

// groupMeter counts what concerns a group at a node.
type groupMeter struct {
	requests                 *counter
	codes                    [6]*counter
	connectErrors, tlsErrors *counter
	time                     *values
}

// nodeMeter is the meter of a node.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html
func (s *site) nodeMeter(b *Balancer, zone string) *nodeMeter {
	c := func(name string) *counter { return s.stats.counter(name, "Count", zone, "") }
	m := &nodeMeter{
		elb4xx: c("HTTPCode_ELB_4XX"), elb5xx: c("HTTPCode_ELB_5XX"),
	}
	if b.Kind == Classic { // what AWS does not publish for classic ones is counted nowhere
		none := &counter{}
		m.active = s.stats.gauge("EstimatedALBActiveConnectionCount", zone)
		m.connections, m.rejected, m.tlsErrors = c("EstimatedALBNewConnectionCount"), none, c("EstimatedClientTLSNegotiationErrorCount")
		m.bytes = s.stats.counter("EstimatedProcessedBytes", "Bytes", zone, "")
		m.redirects, m.fixed, m.rules, m.grpc = none, none, none, none
		m.elb500, m.elb502, m.elb503, m.elb504, m.elb3xx = none, none, none, none, none
		m.desync, m.invalid, m.droppedInvalid = c("DesyncMitigationMode_NonCompliant_Request_Count"), none, none
		return m
	}
	m.authFine, m.authFailed, m.authErrors = c("ELBAuthSuccess"), c("ELBAuthFailure"), c("ELBAuthError")
	m.authRefreshed, m.authClaims = c("ELBAuthRefreshTokenSuccess"), c("ELBAuthUserClaimsSizeExceeded")
	m.authLatency = s.stats.value("ELBAuthLatency", "Milliseconds", zone, "")
	m.tokensFine, m.tokensFailed = c("JWTValidationSuccessCount"), c("JWTValidationFailureCount")
	m.active = s.stats.gauge("ActiveConnectionCount", zone)
	m.desync = c("DesyncMitigationMode_NonCompliant_Request_Count")
	m.invalid, m.droppedInvalid = c("ForwardedInvalidHeaderRequestCount"), c("DroppedInvalidHeaderRequestCount")
	m.elb3xx = c("HTTPCode_ELB_3XX_Count")
	m.elb4xx, m.elb5xx = c("HTTPCode_ELB_4XX_Count"), c("HTTPCode_ELB_5XX_Count")
	m.connections, m.rejected = c("NewConnectionCount"), c("RejectedConnectionCount")
	m.bytes = s.stats.counter("ProcessedBytes", "Bytes", zone, "")
	m.tlsErrors, m.redirects = c("ClientTLSNegotiationErrorCount"), c("HTTP_Redirect_Count")
	m.fixed, m.rules, m.grpc = c("HTTP_Fixed_Response_Count"), c("RuleEvaluations"), c("GrpcRequestCount")
	m.elb500, m.elb502 = c("HTTPCode_ELB_500_Count"), c("HTTPCode_ELB_502_Count")
	m.elb503, m.elb504 = c("HTTPCode_ELB_503_Count"), c("HTTPCode_ELB_504_Count")
	return m
}

// own counts an answer of the balancer's own.
func (m *nodeMeter) own(status int) {
	switch status / 100 {
	case 3:
		m.elb3xx.add(1)
	case 4:
		m.elb4xx.add(1)
	case 5:
		m.elb5xx.add(1)
	}
	switch status {
	case 500:
		m.elb500.add(1)
	case 502:
		m.elb502.add(1)
	case 503:
		m.elb503.add(1)
	case 504:
		m.elb504.add(1)
	}
}

// groupMeter is the meter of a group at a node; classic ones have no groups.
func (s *site) groupMeter(b *Balancer, zone, group string) *groupMeter {
	if b.Kind == Classic {
		c := func(name string) *counter { return s.stats.counter(name, "Count", zone, "") }
		m := &groupMeter{
			requests: c("RequestCount"), tlsErrors: &counter{},
			connectErrors: c("BackendConnectionErrors"), time: s.stats.value("Latency", "Seconds", zone, ""),
		}
		for i := range m.codes {
			m.codes[i] = c("HTTPCode_Backend_" + codeClass(i))
		}
		return m
	}
	c := func(name string) *counter { return s.stats.counter(name, "Count", zone, group) }
	m := &groupMeter{
		requests:      c("RequestCount"),
		connectErrors: c("TargetConnectionErrorCount"), tlsErrors: c("TargetTLSNegotiationErrorCount"),
		time: s.stats.value("TargetResponseTime", "Seconds", zone, group),
	}
	for i := range m.codes {
		m.codes[i] = c("HTTPCode_Target_" + codeClass(i) + "_Count")
	}
	return m
}

func codeClass(i int) string { return string('0'+rune(i)) + "XX" }

// answered counts a target's answer.
func (m *groupMeter) answered(status int, seconds float64) {
	if i := status / 100; i < len(m.codes) {
		m.codes[i].add(1)
	}
	m.time.add(seconds)
}
