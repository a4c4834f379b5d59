package instance

import (
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// keyPair is the public half of a key pair, under a name.
type keyPair struct {
	Account, Region, Name string
	ID                    string
	Type                  string // "rsa" or "ed25519"
	Fingerprint           string
	Public                string // a line of authorized_keys, with the name as comment
	Created               time.Time
}

var keyPairs = &store.Table[keyPair]{
	Name: "ec2.keypair",
	Key:  func(k *keyPair) store.Key { return store.K(k.Account, k.Region, k.Name) },
	Indexes: map[string]func(*keyPair) store.Key{
		"id": func(k *keyPair) store.Key { return store.K(k.Account, k.Region, k.ID) },
	},
}

func errNoKeyPair(name string) *cloud.Error {
	return resource.Errorf("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", name)
}

// maxKeyName is the longest name of a key pair.
const maxKeyName = 255

func checkKeyName(name string) error {
	switch {
	case name == "":
		return resource.Missing("KeyName")
	case len(name) > maxKeyName || strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }):
		return resource.Invalid(name, "KeyName")
	}
	return nil
}

// createKeyPair makes a key pair and answers its private half, which is not
// kept. It is made outside of the transaction because that takes a while.
func createKeyPair(c *cloud.Call, in *api.CreateKeyPairInput) (*api.CreateKeyPairOutput, error) {
	if err := checkKeyName(in.KeyName); err != nil {
		return nil, err
	}
	kind, format := cloud.Or(in.KeyType, "rsa"), cloud.Or(in.KeyFormat, "pem")
	if kind != "rsa" && kind != "ed25519" {
		return nil, resource.Invalid(kind, "KeyType")
	}
	if format != "pem" && format != "ppk" {
		return nil, resource.Invalid(format, "KeyFormat")
	}
	p, err := newPrivateKey(kind)
	if err != nil {
		return nil, err
	}
	private, err := p.encode(format, in.KeyName)
	if err != nil {
		return nil, err
	}
	fingerprint, err := p.fingerprint()
	if err != nil {
		return nil, err
	}
	k := &keyPair{Name: in.KeyName, Type: kind, Fingerprint: fingerprint, Public: p.authorized(in.KeyName)}
	var tags identity.Tags
	err = c.Update(func(tx store.Tx) error {
		tags, err = k.add(c, tx, in.TagSpecifications)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &api.CreateKeyPairOutput{KeyFingerprint: &k.Fingerprint, KeyMaterial: &private, KeyName: &k.Name, KeyPairId: &k.ID, Tags: resource.APITags(tags)}, nil
}

// add enters a new key pair.
func (k *keyPair) add(c *cloud.Call, tx store.Tx, specs []api.TagSpecification) (identity.Tags, error) {
	if err := resource.OnlyTags(specs, "key-pair"); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(specs, "key-pair")
	if err != nil {
		return nil, err
	}
	if keyPairs.Has(tx, c.Account, c.Region, k.Name) {
		return nil, resource.Errorf("InvalidKeyPair.Duplicate", "The keypair already exists")
	}
	k.Account, k.Region, k.Created = c.Account, c.Region, c.Now
	k.ID = resource.NewID(c, "key")
	keyPairs.Insert(tx, k)
	resource.Register(c, tx, "key-pair", k.ID, tags)
	return tags, nil
}

func importKeyPair(c *cloud.Call, tx store.Tx, in *api.ImportKeyPairInput) (*api.ImportKeyPairOutput, error) {
	if err := checkKeyName(in.KeyName); err != nil {
		return nil, err
	}
	k, err := parsePublicKey(in.PublicKeyMaterial, in.KeyName)
	if err != nil {
		return nil, err
	}
	tags, err := k.add(c, tx, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &api.ImportKeyPairOutput{KeyFingerprint: &k.Fingerprint, KeyName: &k.Name, KeyPairId: &k.ID, Tags: resource.APITags(tags)}, nil
}

// findKeyPair is the key pair of an id or, where that is empty, of a name.
func findKeyPair(c *cloud.Call, r store.Reader, id, name string) (*keyPair, bool) {
	if id == "" {
		return keyPairs.Get(r, c.Account, c.Region, name)
	}
	for k := range keyPairs.Index(r, "id", c.Account, c.Region, id) {
		return k, true
	}
	return nil, false
}

// deleteKeyPair succeeds where there is none by that name, as AWS does.
func deleteKeyPair(c *cloud.Call, tx store.Tx, in *api.DeleteKeyPairInput) (*api.DeleteKeyPairOutput, error) {
	id, name := cloud.Or(in.KeyPairId, ""), cloud.Or(in.KeyName, "")
	if id == "" && name == "" {
		return nil, resource.Missing("KeyName")
	}
	k, ok := findKeyPair(c, tx, id, name)
	switch {
	case ok:
		keyPairs.Delete(tx, c.Account, c.Region, k.Name)
		resource.Unregister(c, tx, k.ID)
		return &api.DeleteKeyPairOutput{Return: new(true), KeyPairId: &k.ID}, nil
	case id != "":
		return nil, errNoKeyPair(id)
	}
	return &api.DeleteKeyPairOutput{Return: new(true)}, nil
}

func describeKeyPairs(c *cloud.Call, r store.Reader, in *api.DescribeKeyPairsInput) (*api.DescribeKeyPairsOutput, error) {
	ids := in.KeyPairIds
	for _, name := range in.KeyNames {
		k, ok := keyPairs.Get(r, c.Account, c.Region, name)
		if !ok {
			return nil, errNoKeyPair(name)
		}
		ids = append(ids, k.ID)
	}
	q := resource.Query{IDs: ids, Filters: in.Filters, NotFound: errNoKeyPair}
	page, _, err := resource.List(c, r, q, keyPairs.Scan(r, c.Account, c.Region), func(k *keyPair) string { return k.ID },
		resource.Fields[keyPair]{
			"key-name":    resource.One(func(k *keyPair) string { return k.Name }),
			"key-pair-id": resource.One(func(k *keyPair) string { return k.ID }),
			"fingerprint": resource.One(func(k *keyPair) string { return k.Fingerprint }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeKeyPairsOutput{KeyPairs: []api.KeyPairInfo{}}
	for _, k := range page {
		info := api.KeyPairInfo{
			KeyPairId: &k.ID, KeyFingerprint: &k.Fingerprint, KeyName: &k.Name, KeyType: &k.Type, CreateTime: &k.Created,
			Tags: resource.APITags(resource.Tags(c, r, k.ID)),
		}
		if cloud.Or(in.IncludePublicKey, false) {
			info.PublicKey = &k.Public
		}
		out.KeyPairs = append(out.KeyPairs, info)
	}
	return out, nil
}
