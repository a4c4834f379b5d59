// Package oidc is what an application load balancer says to identity providers,
// and to targets about users: the part of OpenID Connect that a relying party has
// (party.go), the checks of tokens that clients bring (token.go, keys.go), and the
// signed claims that targets get (signer.go). It keeps nothing but keys that it
// has fetched, and knows no requests: package lb leads users through it.
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-verify-jwt.html
package oidc
