package sqs

import (
	"maps"
	"strings"
	"unicode/utf8"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/store"
)

// checkTags holds tags that are added to those that a queue has to AWS's rules.
func checkTags(have, add map[string]string) error {
	n := len(have)
	for k, v := range add {
		if _, ok := have[k]; !ok {
			n++
		}
		switch {
		case k == "":
			return invalid("Tag keys must not be empty.")
		case utf8.RuneCountInString(k) > 128:
			return invalid("Tag keys must be between 1 and 128 characters in length.")
		case utf8.RuneCountInString(v) > 256:
			return invalid("Tag values must be between 0 and 256 characters in length.")
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			return invalid("Tag keys must not start with aws: because this prefix is reserved for AWS use.")
		}
	}
	if n > tagLimit {
		return invalid("Too many tags added for queue. The maximum number of tags is %d.", tagLimit)
	}
	return nil
}

func (s *service) tagQueue(c *cloud.Call, tx store.Tx, in *api.TagQueueInput) (*cloud.Empty, error) {
	have, err := lookup(c, tx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkTags(have.Tags, in.Tags); err != nil {
		return nil, err
	}
	q := have.edit()
	q.Tags = maps.Clone(have.Tags)
	if q.Tags == nil {
		q.Tags = map[string]string{}
	}
	maps.Copy(q.Tags, in.Tags)
	s.put(tx, q)
	s.usedOnCommit(c, "TagQueue", tx, q)
	return &cloud.Empty{}, nil
}

func (s *service) untagQueue(c *cloud.Call, tx store.Tx, in *api.UntagQueueInput) (*cloud.Empty, error) {
	have, err := lookup(c, tx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	q := have.edit()
	q.Tags = maps.Clone(have.Tags)
	for _, k := range in.TagKeys {
		delete(q.Tags, k)
	}
	s.put(tx, q)
	s.usedOnCommit(c, "UntagQueue", tx, q)
	return &cloud.Empty{}, nil
}

func (s *service) listQueueTags(c *cloud.Call, r store.Reader, in *api.ListQueueTagsInput) (*api.ListQueueTagsOutput, error) {
	q, err := lookup(c, r, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	s.used(c, "ListQueueTags", q, 1)
	return &api.ListQueueTagsOutput{Tags: q.Tags}, nil
}
