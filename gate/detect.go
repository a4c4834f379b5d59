package gate

import (
	"net/http"
	"net/url"
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/sigv4"
	"pileus/zone"
)

// detectService finds the service that a request is for: from the signature's
// scope, the headers and path of the RPC protocols, the query protocol's
// version, the host name, and else S3, whose requests carry no mark.
func (g *Gate) detectService(r *http.Request, auth *sigv4.Auth, host hostName, form func() url.Values) (*service, *cloud.Error) {
	if (r.URL.Path == "/_pileus/federation" || forTokens(r)) && g.services.byName["sts"] != nil {
		return g.services.byName["sts"], nil
	}
	if forMachines(r) && g.services.byName["ec2"] != nil {
		return g.services.byName["ec2"], nil
	}
	if forBalancers(r, host) && g.services.byName["elbv2"] != nil {
		return g.services.byName["elbv2"], nil
	}
	if auth != nil && auth.Service != "" {
		list := g.services.bySigning[auth.Service]
		switch len(list) {
		case 0:
			return nil, cloud.Errorf(http.StatusNotImplemented, "NotImplemented",
				"pileus does not have the service %q yet. `pileus coverage` lists what it has.", auth.Service)
		case 1:
			return list[0], nil
		}
		return g.choose(list, r, form), nil
	}
	if target, _, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		if s := g.services.byTarget[target]; s != nil {
			return s, nil
		}
		return nil, cloud.Errorf(http.StatusNotImplemented, "NotImplemented", "pileus does not know the API %q yet. `pileus coverage` lists what it has.", target)
	}
	if id, _, ok := rpcPath(r.URL.Path); ok {
		if s := g.services.byID[id]; s != nil {
			return s, nil
		}
	}
	if isForm(r) || r.URL.Query().Get("Action") != "" {
		if s := g.services.byVersion[form().Get("Version")]; s != nil {
			return s, nil
		}
	}
	return g.byHost(r, host)
}

// forMachines tells of requests that are no operation of EC2 but its business:
// root file systems that become images, questions about networks, zones that
// fail.
func forMachines(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, zone.Path) || r.URL.Path == "/_pileus/images" || r.URL.Path == "/_pileus/spot" || strings.HasPrefix(r.URL.Path, "/_pileus/network/")
}

// forTunnels tells of requests for a tunnel to an instance, which name no
// operation: a websocket is opened with a presigned URL.
func forTunnels(r *http.Request, auth *sigv4.Auth) bool {
	return r.URL.Path == "/openTunnel" && auth != nil && auth.Service == "ec2-instance-connect"
}

// forBalancers tells of requests to a load balancer by its name, which are the
// business of whoever is behind it, and of those for what trust stores hold and
// the public keys of load balancers.
func forBalancers(r *http.Request, host hostName) bool {
	return host.Service == "elb" || strings.HasPrefix(r.URL.Path, "/_pileus/elb/")
}

// forTokens tells of requests for the keys that verify web identity tokens,
// which name no operation: sts answers them as a web server.
func forTokens(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, identity.TokenIssuerPath)
}

// choose picks among APIs that sign under one name.
func (g *Gate) choose(list []*service, r *http.Request, form func() url.Values) *service {
	target, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	for _, s := range list {
		switch {
		case s.api.Name == "s3control":
			if strings.HasPrefix(r.URL.Path, "/v20180820/") {
				return s
			}
		case s.api.Target != "" && s.api.Target == target:
			return s
		case s.router == nil && s.api.Target == "" && form().Get("Version") == s.api.Version:
			return s
		}
	}
	for _, s := range list {
		if s.api.Name != "s3control" {
			return s
		}
	}
	return list[0]
}

func (g *Gate) byHost(r *http.Request, host hostName) (*service, *cloud.Error) {
	name := host.Service
	switch name {
	case "", "s3-website", "s3-accesspoint":
		name = "s3"
	case "s3-control":
		name = "s3control"
	case "queue":
		name = "sqs"
	case "signin":
		name = "sts"
	}
	if name == "s3" && strings.HasPrefix(r.URL.Path, "/v20180820/") && r.Header.Get("X-Amz-Account-Id") != "" {
		name = "s3control"
	}
	if s := g.services.byName[name]; s != nil {
		return s, nil
	}
	return nil, cloud.Errorf(http.StatusNotImplemented, "NotImplemented", "pileus does not have the service %q yet. `pileus coverage` lists what it has.", name)
}

// rpcPath splits /service/NAME/operation/OP of Smithy RPC v2.
func rpcPath(path string) (service, op string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/service/")
	if !ok {
		return "", "", false
	}
	service, op, ok = strings.Cut(rest, "/operation/")
	return service, op, ok
}

func isForm(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// detectOperation finds the operation's name, for the protocols that carry it
// outside of the path.
func detectOperation(s *service, r *http.Request, form func() url.Values) (string, *cloud.Error) {
	if _, op, ok := rpcPath(r.URL.Path); ok {
		return op, nil
	}
	if _, op, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return op, nil
	}
	if op := form().Get("Action"); op != "" {
		return op, nil
	}
	if s.api.Protocol == "json" && !isForm(r) {
		return "", cloud.Errorf(http.StatusBadRequest, "UnknownOperationException", "")
	}
	return "", cloud.Errorf(http.StatusBadRequest, "MissingAction", "Could not find operation in the request. The Action parameter is missing.")
}

// unknownOperation is the answer for a name that the model does not have.
func unknownOperation(s *service, op string, form bool) *cloud.Error {
	if s.api.Protocol == "json" && !form {
		return cloud.Errorf(http.StatusBadRequest, "UnknownOperationException", "The operation %s is not known to %s.", op, s.api.ID)
	}
	return cloud.Errorf(http.StatusBadRequest, "InvalidAction", "The action %s is not valid for this web service.", op)
}
