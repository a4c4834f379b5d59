package ssm

import (
	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/store"
)

// expireController deletes parameters whose Expiration policy has come.
const expireController = "ssm.expire"

func remove(tx store.Tx, p *parameter) {
	parameters.Delete(tx, p.Account, p.Region, p.Name)
	versions.DeleteAll(tx, p.Account, p.Region, p.Name)
}

func deleteParameter(c *cloud.Call, tx store.Tx, in *api.DeleteParameterInput) (*api.DeleteParameterOutput, error) {
	n, err := parseName(c, in.Name)
	if err != nil {
		return nil, err
	}
	p, ok := n.locate(tx)
	if !ok || p.Account != c.Account {
		return nil, errNotFound(in.Name)
	}
	remove(tx, p)
	return &api.DeleteParameterOutput{}, nil
}

func deleteParameters(c *cloud.Call, tx store.Tx, in *api.DeleteParametersInput) (*api.DeleteParametersOutput, error) {
	out := &api.DeleteParametersOutput{DeletedParameters: []string{}, InvalidParameters: []string{}}
	for _, name := range in.Names {
		if _, err := deleteParameter(c, tx, &api.DeleteParameterInput{Name: name}); err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		out.DeletedParameters = append(out.DeletedParameters, name)
	}
	return out, nil
}

func expire(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		p, ok := parameters.Peek(tx, key...)
		if !ok || p.Expires.IsZero() {
			return nil
		}
		if p.Expires.After(c.Now) {
			tx.After(p.Expires, expireController, key)
			return nil
		}
		remove(tx, p)
		return nil
	})
}
