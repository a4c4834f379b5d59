package iam

import (
	"slices"
	"strconv"
	"time"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/rng"
	"pileus/store"
)

// credentialServices are the services that take credentials of their own. The
// value tells that the secret is a bearer token that can expire, instead of a
// user name and password.
var credentialServices = map[string]bool{
	"codecommit.amazonaws.com": false,
	"cassandra.amazonaws.com":  false,
	"bedrock.amazonaws.com":    true,
	"logs.amazonaws.com":       true,
}

func credentialStatus(k *identity.ServiceCredential, now time.Time) string {
	if !k.Expires.IsZero() && now.After(k.Expires) {
		return api.StatusTypeExpired
	}
	return status(k.Inactive)
}

func credentialView(k *identity.ServiceCredential, now time.Time) *api.ServiceSpecificCredential {
	v := &api.ServiceSpecificCredential{CreateDate: k.Created, ServiceName: k.Service, ServiceSpecificCredentialId: k.ID,
		UserName: k.User, Status: credentialStatus(k, now), ExpirationDate: optionalTime(k.Expires)}
	if credentialServices[k.Service] {
		v.ServiceCredentialAlias, v.ServiceCredentialSecret = &k.Name, &k.Password
	} else {
		v.ServiceUserName, v.ServicePassword = &k.Name, &k.Password
	}
	return v
}

func credentialEntry(k *identity.ServiceCredential, now time.Time) api.ServiceSpecificCredentialMetadata {
	v := api.ServiceSpecificCredentialMetadata{UserName: k.User, Status: credentialStatus(k, now), CreateDate: k.Created,
		ServiceSpecificCredentialId: k.ID, ServiceName: k.Service, ExpirationDate: optionalTime(k.Expires)}
	if credentialServices[k.Service] {
		v.ServiceCredentialAlias = &k.Name
	} else {
		v.ServiceUserName = &k.Name
	}
	return v
}

func createServiceSpecificCredential(c *cloud.Call, tx store.Tx, in *api.CreateServiceSpecificCredentialInput) (*api.CreateServiceSpecificCredentialOutput, error) {
	u, err := findUser(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	token, ok := credentialServices[in.ServiceName]
	if !ok {
		return nil, api.ErrServiceNotSupported.New("No such service %s is supported for Service Specific Credentials", in.ServiceName)
	}
	if in.CredentialAgeDays != nil && !token {
		return nil, api.ErrInvalidInput.New("Credentials of %s do not expire.", in.ServiceName)
	}
	taken, n := map[string]bool{}, 0
	for k := range identity.ServiceCredentials.Scan(tx, c.Account, identity.Fold(u.Name)) {
		if k.Service == in.ServiceName {
			taken[k.Name] = true
			n++
		}
	}
	if n >= serviceCredsQuota {
		return nil, errQuota("ServiceSpecificCredentialsPerUser", serviceCredsQuota)
	}
	k := &identity.ServiceCredential{Account: c.Account, User: u.Name, Service: in.ServiceName, Created: c.Now,
		ID:   identity.NewID(identity.ServiceCredID, c.Account, c.Rand()),
		Name: u.Name + "-at-" + c.Account, Password: newServicePassword()}
	for i := 1; taken[k.Name]; i++ {
		k.Name = u.Name + "+" + strconv.Itoa(i) + "-at-" + c.Account
	}
	if in.CredentialAgeDays != nil {
		k.Expires = c.Now.AddDate(0, 0, int(*in.CredentialAgeDays))
	}
	identity.ServiceCredentials.Insert(tx, k)
	return &api.CreateServiceSpecificCredentialOutput{ServiceSpecificCredential: credentialView(k, c.Now)}, nil
}

func newServicePassword() string { return rng.Secret(43, rng.Base62+"+/") + "=" }

func listServiceSpecificCredentials(c *cloud.Call, r store.Reader, in *api.ListServiceSpecificCredentialsInput) (*api.ListServiceSpecificCredentialsOutput, error) {
	var all []*identity.ServiceCredential
	if cloud.Or(in.AllUsers, false) {
		if in.UserName != nil {
			return nil, api.ErrInvalidInput.New("UserName and AllUsers cannot be given together.")
		}
		all = slices.Collect(identity.ServiceCredentials.Scan(r, c.Account))
	} else {
		user, err := ownUser(c, r, in.UserName)
		if err != nil {
			return nil, err
		}
		all = slices.Collect(identity.ServiceCredentials.Scan(r, c.Account, identity.Fold(user)))
	}
	all = slices.DeleteFunc(all, func(k *identity.ServiceCredential) bool {
		return in.ServiceName != nil && k.Service != *in.ServiceName
	})
	page, p, err := pageSlice(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListServiceSpecificCredentialsOutput{
		ServiceSpecificCredentials: views(page, func(k *identity.ServiceCredential) api.ServiceSpecificCredentialMetadata {
			return credentialEntry(k, c.Now)
		}),
		IsTruncated: p.IsTruncated, Marker: p.Marker,
	}, nil
}

func findCredential(c *cloud.Call, r store.Reader, name *string, id string) (*identity.ServiceCredential, error) {
	user, err := ownUser(c, r, name)
	if err != nil {
		return nil, err
	}
	k, ok := identity.ServiceCredentials.Get(r, c.Account, identity.Fold(user), id)
	if !ok {
		return nil, api.ErrNoSuchEntity.New("No such credential %s exists", id)
	}
	return k, nil
}

func resetServiceSpecificCredential(c *cloud.Call, tx store.Tx, in *api.ResetServiceSpecificCredentialInput) (*api.ResetServiceSpecificCredentialOutput, error) {
	k, err := findCredential(c, tx, in.UserName, in.ServiceSpecificCredentialId)
	if err != nil {
		return nil, err
	}
	k.Password = newServicePassword()
	identity.ServiceCredentials.Put(tx, k)
	return &api.ResetServiceSpecificCredentialOutput{ServiceSpecificCredential: credentialView(k, c.Now)}, nil
}

func updateServiceSpecificCredential(c *cloud.Call, tx store.Tx, in *api.UpdateServiceSpecificCredentialInput) (*cloud.Empty, error) {
	k, err := findCredential(c, tx, in.UserName, in.ServiceSpecificCredentialId)
	if err != nil {
		return nil, err
	}
	if err := setStatus(&k.Inactive, in.Status); err != nil {
		return nil, err
	}
	identity.ServiceCredentials.Put(tx, k)
	return new(cloud.Empty), nil
}

func deleteServiceSpecificCredential(c *cloud.Call, tx store.Tx, in *api.DeleteServiceSpecificCredentialInput) (*cloud.Empty, error) {
	k, err := findCredential(c, tx, in.UserName, in.ServiceSpecificCredentialId)
	if err != nil {
		return nil, err
	}
	identity.ServiceCredentials.Delete(tx, c.Account, identity.Fold(k.User), k.ID)
	return new(cloud.Empty), nil
}
