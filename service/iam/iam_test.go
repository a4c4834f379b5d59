package iam_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"pileus/node/nodetest"
	"pileus/service/iam"
)

const (
	account = nodetest.Account
	arnHead = "arn:aws:iam::" + account + ":"

	ec2Trust  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	allowList = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`
	readOnly  = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	admin     = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// world is a cloud with IAM and a client of AWS's own SDK, as root.
func world(t *testing.T) (*nodetest.World, *sdk.Client) {
	t.Helper()
	w := nodetest.New(t, iam.Module())
	return w, client(w.Config())
}

// client speaks to IAM with AWS's own SDK.
func client(cfg aws.Config) *sdk.Client { return sdk.NewFromConfig(cfg) }

// must is the answer of a call that has to succeed.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks an error's code and, where given, a part of its message.
func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Errorf("got %v, want %s: %s", err, code, text)
		return
	}
	if e.ErrorCode() != code || !strings.Contains(e.ErrorMessage(), text) {
		t.Errorf("got %s: %s\nwant %s: %s", e.ErrorCode(), e.ErrorMessage(), code, text)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// document decodes a policy document as IAM answers with it.
func document(t *testing.T, escaped *string) string {
	t.Helper()
	text, err := url.PathUnescape(aws.ToString(escaped))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
