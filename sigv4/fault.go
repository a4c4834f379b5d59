package sigv4

import (
	"errors"

	"pileus/cloud"
)

// Family is how an API words its refusals of signatures.
type Family uint8

const (
	S3       Family = iota
	Query           // IAM, STS, CloudFormation, SQS's query protocol
	JSON            // awsJson and CBOR: DynamoDB, SQS
	RESTJSON        // Lambda, API Gateway
	EC2
)

// reason is why a request is refused, whatever the family.
type reason uint8

const (
	mismatch   reason = iota // the signature is another
	incomplete               // the credentials cannot be understood
	missing                  // there are none
	expired                  // signed too long ago, or for later
	unknownKey               // the access key does not exist
	badToken                 // the session token is not one of the key's
	oldToken                 // the session token has expired
)

// codes are the error code and HTTP status of each reason outside of S3.
var codes = map[reason][4]struct {
	code   string
	status int
}{
	mismatch:   {{"SignatureDoesNotMatch", 403}, {"InvalidSignatureException", 400}, {"InvalidSignatureException", 403}, {"AuthFailure", 401}},
	incomplete: {{"IncompleteSignature", 400}, {"IncompleteSignatureException", 400}, {"IncompleteSignatureException", 403}, {"IncompleteSignature", 400}},
	missing:    {{"MissingAuthenticationToken", 403}, {"MissingAuthenticationTokenException", 400}, {"MissingAuthenticationTokenException", 403}, {"MissingParameter", 400}},
	expired:    {{"SignatureDoesNotMatch", 403}, {"InvalidSignatureException", 400}, {"InvalidSignatureException", 403}, {"RequestExpired", 400}},
	unknownKey: {{"InvalidClientTokenId", 403}, {"UnrecognizedClientException", 400}, {"UnrecognizedClientException", 403}, {"AuthFailure", 401}},
	badToken:   {{"InvalidClientTokenId", 403}, {"UnrecognizedClientException", 400}, {"UnrecognizedClientException", 403}, {"AuthFailure", 401}},
	oldToken:   {{"ExpiredToken", 403}, {"ExpiredTokenException", 400}, {"ExpiredTokenException", 403}, {"RequestExpired", 400}},
}

// ec2Texts are the messages that EC2 words in its own way.
var ec2Texts = map[reason]string{
	mismatch:   "AWS was not able to validate the provided access credentials",
	unknownKey: "AWS was not able to validate the provided access credentials",
	badToken:   "AWS was not able to validate the provided access credentials",
	missing:    "The request must contain the parameter AWSAccessKeyId",
	expired:    "Request has expired.",
	oldToken:   "Request has expired.",
}

// Fault is a refusal whose family is not settled yet.
type Fault struct {
	reason reason
	s3     *cloud.Error // as S3 says it
	text   string       // as the others do
}

func (f *Fault) Error() string { return f.text }

// In is the refusal as a family words it.
func (f *Fault) In(family Family) *cloud.Error {
	if family == S3 {
		return f.s3
	}
	row := codes[f.reason][family-1]
	text := f.text
	if family == EC2 && ec2Texts[f.reason] != "" {
		text = ec2Texts[f.reason]
	}
	return cloud.Errorf(row.status, row.code, "%s", text)
}

// Explain words a refusal for a family; other errors pass unchanged.
func Explain(err error, family Family) error {
	var f *Fault
	if errors.As(err, &f) {
		return f.In(family)
	}
	return err
}

// MissingToken refuses an anonymous request where there must be a signature.
func MissingToken(family Family) *cloud.Error {
	return (&Fault{missing, cloud.Errorf(403, "AccessDenied", "Access Denied"), "Request is missing Authentication Token"}).In(family)
}

// UnknownKey refuses an access key that does not exist or is not active.
func UnknownKey(family Family, accessKey string) *cloud.Error {
	s3 := cloud.Errorf(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.").With("AWSAccessKeyId", accessKey)
	return (&Fault{unknownKey, s3, "The security token included in the request is invalid."}).In(family)
}

// BadToken refuses a session token that does not belong to the access key.
func BadToken(family Family, token string) *cloud.Error {
	s3 := cloud.Errorf(400, "InvalidToken", "The provided token is malformed or otherwise invalid.").With("Token-0", token)
	return (&Fault{badToken, s3, "The security token included in the request is invalid."}).In(family)
}

// ExpiredToken refuses a session token whose time is over.
func ExpiredToken(family Family, token string) *cloud.Error {
	s3 := cloud.Errorf(400, "ExpiredToken", "The provided token has expired.").With("Token-0", token)
	return (&Fault{oldToken, s3, "The security token included in the request is expired"}).In(family)
}

// errTwoMechanisms refuses credentials in two places.
func errTwoMechanisms(header string) *Fault {
	return &Fault{incomplete, cloud.Errorf(400, "InvalidArgument",
		"Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified").
		With("ArgumentName", "Authorization").With("ArgumentValue", header),
		"Only one auth mechanism allowed: the Authorization header or the query string"}
}

// errBadType refuses an Authorization header of a kind that is not ours.
func errBadType(header string) *Fault {
	return &Fault{incomplete, cloud.Errorf(400, "InvalidArgument", "Unsupported Authorization Type").
		With("ArgumentName", "Authorization").With("ArgumentValue", header),
		"Unsupported Authorization Type. Authorization=" + header}
}

// errAsymmetric refuses Signature Version 4A: it needs the client's public
// key, which an access key does not carry here.
func errAsymmetric() *Fault {
	const text = "AWS4-ECDSA-P256-SHA256 (Signature Version 4A) is not supported by this endpoint. Please use AWS4-HMAC-SHA256."
	return &Fault{incomplete, cloud.Errorf(400, "InvalidRequest", text), text}
}

// errMalformed refuses an Authorization header: detail is S3's words, text
// those of the others.
func errMalformed(detail, text string) *Fault {
	return &Fault{incomplete, cloud.Errorf(400, "AuthorizationHeaderMalformed", "%s", "The authorization header is malformed; "+detail), text}
}

// errQuery refuses presigned parameters.
func errQuery(detail string) *Fault {
	return &Fault{incomplete, cloud.Errorf(400, "AuthorizationQueryParametersError", "%s", detail), detail}
}

// errNoDate refuses a signature without a time.
func errNoDate(text string) *Fault {
	return &Fault{incomplete, cloud.Errorf(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header"), text}
}
