package wire

import (
	"fmt"
	"net/http"
	"strings"

	"pileus/cloud"
)

// serialization is what JSON and CBOR services answer to bytes that they
// cannot read.
func serialization(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "SerializationException", "%s", upperFirst(fmt.Sprintf(format, a...)))
}

// malformedXML is S3's answer to a body that is no XML or not the expected.
func malformedXML() *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

func malformedQuery(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "MalformedQueryString", format, a...)
}

// unknownParameter is EC2's answer to what its operation does not take; other
// query services pass over it.
func unknownParameter(name string) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "UnknownParameter", "The parameter %s is not recognized", strings.Clone(name))
}

// malformedInput is what query services answer to a value of the wrong type.
func malformedInput(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "MalformedInput", format, a...)
}
