package sts

import (
	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// decodeAuthorizationMessage opens what identity.EncodeDenial sealed.
func decodeAuthorizationMessage(_ *cloud.Call, r store.Reader, in *api.DecodeAuthorizationMessageInput) (*api.DecodeAuthorizationMessageOutput, error) {
	text, ok := identity.DecodeDenial(r, in.EncodedMessage)
	if !ok {
		return nil, api.ErrInvalidAuthorizationMessage.New("Message is not valid")
	}
	return &api.DecodeAuthorizationMessageOutput{DecodedMessage: &text}, nil
}
