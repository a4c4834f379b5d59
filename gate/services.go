package gate

import (
	"pileus/cloud"
	"pileus/policy"
	"pileus/sigv4"
	"pileus/store"
	"pileus/wire"
)

// services finds the service that a request is for.
type services struct {
	all       []*service
	byName    map[string]*service
	bySigning map[string][]*service                                        // several APIs may sign as one: s3 and s3control
	byTarget  map[string]*service                                          // X-Amz-Target prefix
	byVersion map[string]*service                                          // version parameter of the query protocols
	byHost    map[string]*service                                          // first label of a virtual host
	byID      map[string]*service                                          // the service's name in an RPC v2 path
	through   func(store.Reader, cloud.Origin) (string, []policy.Attached) // VPC endpoints
}

// service is a module with what routing needs, made once.
type service struct {
	cloud.Module
	api    *cloud.Service
	router *wire.Router // REST protocols only
	ops    map[string]*operation
	names  map[string]bool // every operation of the model, bound or not
	family sigv4.Family
}

// operation is a binding with its access declaration.
type operation struct {
	*cloud.Binding
	access  *cloud.Access
	streams bool // the request body is not read before the handler
}

func index(modules []cloud.Module) services {
	s := services{
		byName: map[string]*service{}, bySigning: map[string][]*service{}, byTarget: map[string]*service{},
		byVersion: map[string]*service{}, byHost: map[string]*service{}, byID: map[string]*service{},
	}
	for _, m := range modules {
		if m.Through != nil {
			s.through = m.Through
		}
		v := newService(m)
		s.all = append(s.all, v)
		a := m.API
		s.byName[a.Name] = v
		s.bySigning[a.SigningName] = append(s.bySigning[a.SigningName], v)
		if a.Name == "s3" {
			s.bySigning[express] = append(s.bySigning[express], v)
		}
		s.byHost[a.EndpointName] = v
		s.byID[a.ID] = v
		if a.Target != "" {
			s.byTarget[a.Target] = v
		}
		if a.Protocol == "query" || a.Protocol == "ec2" || a.QueryErrorsOK {
			s.byVersion[a.Version] = v
		}
	}
	return s
}

func newService(m cloud.Module) *service {
	v := &service{Module: m, api: m.API, ops: map[string]*operation{}, names: map[string]bool{}}
	for _, o := range m.API.Ops {
		v.names[o.Name] = true
	}
	for i := range m.Operations {
		b := &m.Operations[i]
		v.ops[b.Op.Name] = &operation{Binding: b, streams: wire.StreamsRequest(b.Op, b.In)}
	}
	for i := range m.Access {
		if o := v.ops[m.Access[i].Op.Name]; o != nil {
			o.access = &m.Access[i]
		}
	}
	switch m.API.Protocol {
	case "rest-xml":
		v.family = sigv4.S3
		v.router = wire.NewRouter(m.API)
	case "rest-json":
		v.family = sigv4.RESTJSON
		v.router = wire.NewRouter(m.API)
	case "ec2":
		v.family = sigv4.EC2
	case "query":
		v.family = sigv4.Query
	default:
		v.family = sigv4.JSON
	}
	return v
}
