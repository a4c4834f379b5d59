package wire

import (
	"net/http"
	"strings"

	"pileus/cloud"
)

var (
	awsQuery Protocol = queryProtocol{}
	awsEC2   Protocol = queryProtocol{ec2: true}
	json10   Protocol = jsonProtocol{contentType: "application/x-amz-json-1.0"}
	json11   Protocol = jsonProtocol{contentType: "application/x-amz-json-1.1"}
	restJSON Protocol = restProtocol{json: true}
	restXML  Protocol = restProtocol{}
	ctlXML   Protocol = restProtocol{ids: true}
	s3XML    Protocol = restProtocol{ids: true, s3: true}
	rpcCBOR  Protocol = cborProtocol{}
)

// For chooses the protocol that a request to a service speaks: the model's, or
// another that the request's headers announce, for AWS moves services from one
// to the next and answers clients of every age. r may be nil.
func For(svc *cloud.Service, r *http.Request) Protocol {
	if r != nil {
		if r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor" {
			return rpcCBOR
		}
		if r.Header.Get("X-Amz-Target") != "" && !strings.HasPrefix(svc.Protocol, "rest") {
			if strings.HasSuffix(r.Header.Get("Content-Type"), "json-1.1") || svc.JSONVersion == "1.1" {
				return json11
			}
			return json10
		}
	}
	switch svc.Protocol {
	case "ec2":
		return awsEC2
	case "query":
		return awsQuery
	case "rest-json":
		return restJSON
	case "rest-xml":
		switch svc.Name {
		case "s3":
			return s3XML
		case "s3control":
			return ctlXML
		}
		return restXML
	}
	if svc.QueryErrorsOK && r != nil && !strings.Contains(r.Header.Get("Content-Type"), "json") {
		return awsQuery // a JSON service that still answers query requests
	}
	if svc.JSONVersion == "1.1" {
		return json11
	}
	return json10
}
