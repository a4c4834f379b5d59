package sqs

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	api "pileus/api/sqs"
)

// checkBody refuses a body that is empty or has characters that XML has not.
func checkBody(s string) error {
	if s == "" {
		return errMissing("MessageBody")
	}
	if !validText(s) {
		return errBody
	}
	return nil
}

// validText tells whether s has only characters that a message can carry.
func validText(s string) bool {
	for i := 0; i < len(s); i++ {
		if b := s[i]; b < 0x20 && b != '\t' && b != '\n' && b != '\r' {
			return false
		} else if b >= utf8.RuneSelf {
			return validRunes(s[i:])
		}
	}
	return true
}

func validRunes(s string) bool {
	for i, r := range s {
		switch {
		case r < 0x20 && r != '\t' && r != '\n' && r != '\r', r == 0xFFFE, r == 0xFFFF:
			return false
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return false
			}
		}
	}
	return true
}

// attributeLimit is how many message attributes a message can have.
const attributeLimit = 10

// readAttributes checks message attributes and puts them in order of name.
func readAttributes(in map[string]api.MessageAttributeValue) ([]attribute, error) {
	if len(in) == 0 {
		return nil, nil
	}
	if len(in) > attributeLimit {
		return nil, invalid("Number of message attributes [%d] exceeds the allowed maximum [%d].", len(in), attributeLimit)
	}
	list := make([]attribute, 0, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		v := in[name]
		if err := checkAttributeName(name); err != nil {
			return nil, err
		}
		if len(v.StringListValues) > 0 || len(v.BinaryListValues) > 0 {
			return nil, errLists
		}
		a, err := readAttribute(name, v)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

func readAttribute(name string, v api.MessageAttributeValue) (a attribute, err error) {
	a = attribute{Name: name, Type: v.DataType}
	kind, _, _ := strings.Cut(v.DataType, ".")
	switch {
	case v.DataType == "":
		return a, invalid("The message attribute '%s' must contain non-empty message attribute type.", name)
	case len(v.DataType) > 256:
		return a, invalid("Length of message attribute type must be less than 256 bytes.")
	case kind != "String" && kind != "Number" && kind != "Binary":
		return a, invalid("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
	case !validText(v.DataType):
		return a, invalid("Invalid non-alphanumeric character was found in the message attribute type.")
	}
	empty := func() error {
		return invalid("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, kind)
	}
	if kind == "Binary" {
		if v.StringValue != nil {
			return a, invalid("The message attribute '%s' with type '%s' must use field '%s'.", name, kind, kind)
		}
		if len(v.BinaryValue) == 0 {
			return a, empty()
		}
		a.Value = string(v.BinaryValue)
		return a, nil
	}
	if v.BinaryValue != nil {
		return a, invalid("The message attribute '%s' with type '%s' must use field 'String'.", name, kind)
	}
	if v.StringValue == nil || *v.StringValue == "" {
		return a, empty()
	}
	a.Value = *v.StringValue
	if !validText(a.Value) {
		return a, errBody
	}
	if kind == "Number" && !isNumber(a.Value) {
		return a, invalid("Can't cast the value of message (user) attribute '%s' to a number.", name)
	}
	return a, nil
}

// checkAttributeName holds a name to letters, digits, underscores, hyphens and
// dots that neither begin nor end it nor follow each other.
func checkAttributeName(name string) error {
	switch {
	case name == "":
		return invalid("The request must contain non-empty message attribute name.")
	case len(name) > 256:
		return invalid("Length of message attribute name must be less than 256 bytes.")
	case !isLabel(strings.ReplaceAll(name, ".", "_")):
		return invalid("Invalid non-alphanumeric character was found in the message attribute name. Can only include alphanumeric characters, hyphens, underscores, or dots.")
	case name[0] == '.':
		return invalid("Invalid message attribute name starting with character '.' was found.")
	case name[len(name)-1] == '.':
		return invalid("Invalid message attribute name ending with character '.' was found.")
	case strings.Contains(name, ".."):
		return invalid("Message attribute name can not have successive '.' characters.")
	}
	if lower := strings.ToLower(name); strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") {
		return invalid("You can't use message attribute names beginning with 'AWS.' or 'Amazon.' because these strings are reserved for internal use.")
	}
	return nil
}

// isNumber tells whether s is a decimal number with at most 38 significant
// digits between -10^128 and 10^126.
func isNumber(s string) bool {
	digits := 0
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r == '.', r == 'e', r == 'E', i == 0 && (r == '-' || r == '+'), i > 0 && (r == '-' || r == '+') && (s[i-1] == 'e' || s[i-1] == 'E'):
		default:
			return false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return err == nil && digits <= 42 && f > -1e128 && f < 1e126
}

// readTrace reads the one system attribute that a sender can give.
func readTrace(in map[string]api.MessageSystemAttributeValue) (string, error) {
	for name, v := range in {
		if name != "AWSTraceHeader" {
			return "", invalid("Message system attribute name '%s' is invalid.", name)
		}
		if v.DataType != "String" || v.StringValue == nil || *v.StringValue == "" {
			return "", invalid("The message system attribute 'AWSTraceHeader' must contain non-empty message system attribute value for message system attribute type 'String'.")
		}
		return *v.StringValue, nil
	}
	return "", nil
}

// checkID holds group and deduplication ids to letters, digits and punctuation.
func checkID(parameter, id string) error {
	ok := id != "" && len(id) <= 128
	for i := range len(id) {
		ok = ok && id[i] > ' ' && id[i] < 0x7f
	}
	if !ok {
		return badValue(id, parameter, parameter+" can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	return nil
}

// checkGivenID is checkID for one that may be left out.
func checkGivenID(parameter string, id *string) error {
	if id == nil {
		return nil
	}
	return checkID(parameter, *id)
}

// checkBatch holds the ids of a batch's entries to the rules.
func checkBatch(entry string, n int, id func(i int) string) error {
	if n == 0 {
		return errEmptyBatch(entry)
	}
	if n > batchLimit {
		return errTooMany(n)
	}
	for i := range n {
		if s := id(i); len(s) > 80 || !isLabel(s) {
			return errBatchIDs
		}
		for j := range i {
			if id(i) == id(j) {
				return errSameIDs(id(i))
			}
		}
	}
	return nil
}
