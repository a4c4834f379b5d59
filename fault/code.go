package fault

import (
	"net/http"
	"strings"

	"pileus/cloud"
)

// known are the error codes that services fail with for reasons of their own,
// with AWS's texts. Protocols that status names differ from the rest.
var known = map[string]struct {
	status  int
	message string
}{
	"SlowDown":                               {503, "Please reduce your request rate."},
	"InternalError":                          {500, "We encountered an internal error. Please try again."},
	"InternalFailure":                        {500, "The request processing has failed because of an unknown error, exception or failure."},
	"InternalServerError":                    {500, "The request processing has failed because of an unknown error, exception or failure."},
	"InternalServiceError":                   {500, "The request processing has failed because of an unknown error, exception or failure."},
	"ServiceFailure":                         {500, "The request processing has failed because of an unknown error, exception or failure."},
	"ServiceUnavailable":                     {503, "The request has failed due to a temporary failure of the server."},
	"Unavailable":                            {503, "The service is unavailable. Please try again shortly."},
	"Throttling":                             {400, "Rate exceeded"},
	"ThrottlingException":                    {400, "Rate exceeded"},
	"ThrottledException":                     {400, "Rate exceeded"},
	"RequestThrottled":                       {403, "The request was denied due to request throttling."},
	"RequestLimitExceeded":                   {503, "Request limit exceeded."},
	"RequestTimeout":                         {400, "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed."},
	"RequestExpired":                         {400, "Request has expired."},
	"BandwidthLimitExceeded":                 {503, "Bandwidth limit exceeded."},
	"TooManyRequestsException":               {429, "Too Many Requests"},
	"LimitExceededException":                 {400, "Limit exceeded."},
	"TransactionInProgressException":         {400, "Transaction is in progress."},
	"ProvisionedThroughputExceededException": {400, "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API."},
	"OperationAborted":                       {409, "A conflicting conditional operation is currently in progress against this resource. Please try again."},
	"AccessDenied":                           {403, "Access Denied"},
	"AccessDeniedException":                  {400, "You are not authorized to perform this operation."},
	"UnauthorizedOperation":                  {403, "You are not authorized to perform this operation."},
	"ExpiredToken":                           {400, "The provided token has expired."},
	"ExpiredTokenException":                  {400, "The security token included in the request is expired"},
	"InvalidClientTokenId":                   {403, "The security token included in the request is invalid."},
	"NoSuchKey":                              {404, "The specified key does not exist."},
	"NoSuchBucket":                           {404, "The specified bucket does not exist"},
	"ResourceNotFoundException":              {400, "Requested resource not found"},
}

// restJSON are the statuses of codes that services with a REST protocol in
// JSON answer with another status than the rest.
var restJSON = map[string]int{
	"ThrottlingException":       http.StatusTooManyRequests,
	"AccessDeniedException":     http.StatusForbidden,
	"ResourceNotFoundException": http.StatusNotFound,
	"ExpiredTokenException":     http.StatusForbidden,
}

// failure is the rule's error as the service words it.
func (r *Rule) failure(s *cloud.Service) *cloud.Error {
	status, message := r.Status, r.Message
	if status == 0 {
		status = statusOf(r.Error, s)
	}
	if message == "" {
		if message = known[r.Error].message; message == "" {
			message = "The request failed because a fault was injected."
		}
	}
	return cloud.Errorf(status, r.Error, "%s", message)
}

// statusOf is the HTTP status of an error code, and for one that we do not
// know, what its name suggests.
func statusOf(code string, s *cloud.Service) int {
	if status, ok := restJSON[code]; ok && s.Protocol == "rest-json" {
		return status
	}
	if k, ok := known[code]; ok {
		return k.status
	}
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(code, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("Internal"):
		return http.StatusInternalServerError
	case has("Unavailable", "SlowDown"):
		return http.StatusServiceUnavailable
	case has("TooManyRequests"):
		return http.StatusTooManyRequests
	case has("AccessDenied", "Unauthorized", "Forbidden"):
		return http.StatusForbidden
	case has("NoSuch"), has("NotFound") && strings.HasPrefix(s.Protocol, "rest"):
		return http.StatusNotFound
	}
	return http.StatusBadRequest
}
