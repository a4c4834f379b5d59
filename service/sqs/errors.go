package sqs

import (
	"strconv"
	"strings"

	api "pileus/api/sqs"
	"pileus/cloud"
)

var (
	errNoQueue       = api.ErrQueueDoesNotExist.New("The specified queue does not exist.")
	errDeletedNow    = api.ErrQueueDeletedRecently.New("You must wait 60 seconds after deleting a queue before you can create another with the same name.")
	errBody          = api.ErrInvalidMessageContents.New("Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
	errNoDedup       = invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
	errBatchIDs      = api.ErrInvalidBatchEntryId.New("A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
	errOverLimit     = api.ErrOverLimit.New("The maximum number of in flight messages is reached.")
	errStandardName  = invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	errFIFOName      = invalid("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length")
	errOneEncryption = api.ErrInvalidAttributeName.New("You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.")
	errNoKMS         = api.ErrKmsNotFound.New("This cloud has no Key Management Service (KMS) yet, so a queue cannot be encrypted with a KMS key. Leave KmsMasterKeyId out: SqsManagedSseEnabled needs no key.")
	errNotDeadLetter = invalid("Source queue must be configured as a Dead Letter Queue.")
	errMoveRunning   = invalid("There is already a task running. Only one active task is allowed for a source queue arn at a given time.")
	errTaskHandle    = invalid("Value for parameter TaskHandle is invalid.")
	errNoTask        = api.ErrResourceNotFound.New("Task does not exist.")
	errTaskNotActive = api.ErrUnsupportedOperation.New("Only active tasks can be cancelled.")
	errLists         = api.ErrUnsupportedOperation.New("Message attribute list values in SendMessage operation are not supported.")
)

// invalid is the error of a parameter's value.
func invalid(format string, a ...any) *cloud.Error {
	return api.ErrInvalidParameterValue.New(format, a...)
}

// badValue words the error of a parameter's value as SQS does for most.
func badValue(value, parameter, reason string) *cloud.Error {
	return invalid("Value %s for parameter %s is invalid. Reason: %s", value, parameter, reason)
}

func badNumber(value int32, parameter, reason string) *cloud.Error {
	return badValue(strconv.Itoa(int(value)), parameter, reason)
}

// wrongType refuses a parameter that belongs to the other type of queue.
func wrongType(value, parameter string) *cloud.Error {
	return badValue(value, parameter, "The request include parameter that is not valid for this queue type.")
}

func errMissing(parameter string) *cloud.Error {
	return api.ErrMissingParameter.New("The request must contain the parameter %s.", parameter)
}

func errAttributeName(name string) *cloud.Error {
	return api.ErrInvalidAttributeName.New("Unknown Attribute %s.", name)
}

func errAttributeValue(name string) *cloud.Error {
	return api.ErrInvalidAttributeValue.New("Invalid value for the parameter %s.", name)
}

func errTooLong(limit int) *cloud.Error {
	return invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", limit)
}

func errBatchTooLong(limit, size int) *cloud.Error {
	return api.ErrBatchRequestTooLong.New("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", limit, size)
}

func errTooMany(n int) *cloud.Error {
	return api.ErrTooManyEntriesInBatchRequest.New("Maximum number of entries per request are %d. You have sent %d.", batchLimit, n)
}

func errEmptyBatch(entry string) *cloud.Error {
	return api.ErrEmptyBatchRequest.New("There should be at least one %s in the request.", entry)
}

func errSameIDs(id string) *cloud.Error {
	return api.ErrBatchEntryIdsNotDistinct.New("Id %s repeated.", id)
}

func errHandle(handle string) *cloud.Error {
	return api.ErrReceiptHandleIsInvalid.New("The input receipt handle %q is not a valid receipt handle.", strings.ToValidUTF8(handle, "?"))
}

func errHandleExpired(handle string) *cloud.Error {
	return badValue(handle, "ReceiptHandle", "The receipt handle has expired.")
}

func errNotInFlight(handle string) *cloud.Error {
	return badValue(handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change.")
}

func errPurging(name string) *cloud.Error {
	return api.ErrPurgeQueueInProgress.New("Only one PurgeQueue operation on %s is allowed every 60 seconds.", name)
}

func errQueueExists(attribute string) *cloud.Error {
	return api.ErrQueueNameExists.New("A queue already exists with the same name and a different value for attribute %s", attribute)
}

func errAddress(url string) *cloud.Error {
	return api.ErrInvalidAddress.New("The address %s is not valid for this endpoint.", url)
}

func errNoResource(parameter string) *cloud.Error {
	return api.ErrResourceNotFound.New("The resource that you specified for the %s parameter doesn't exist.", parameter)
}
