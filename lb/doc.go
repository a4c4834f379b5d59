// Package lb carries the traffic of load balancers: it listens where a load
// balancer has its nodes, decides by its rules, checks the health of targets
// and passes requests, connections and datagrams on to them. It knows nothing
// of the API: a service hands it the whole of what a load balancer shall be
// (Balancer) and takes back the health of targets, metrics and log records.
//
//	balancer.go        what a load balancer is to be
//	engine*.go         the engine: which balancers run, and their listeners
//	choose*.go         targets of a group, and the choice among them
//	road.go            targets of which nothing is heard before a check can tell
//	health*.go         health checks
//	stat*.go, log*.go  what is counted and logged
//	http*.go, rule*.go application load balancers, and HTTP of classic ones
//	surge.go           who waits for an instance of a classic load balancer
//	auth*.go           users and tokens, with package lb/oidc
//	stream*.go, udp*.go network load balancers, and TCP of classic ones
//	tls.go             certificates, policies, client certificates
//	report.go          what comes back: health, statistics, log records
package lb
