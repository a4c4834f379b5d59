package fis

import (
	"time"

	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/store"
)

// leverID is the id of the one safety lever that an account has in a region.
const leverID = "default"

// lever is a safety lever that was moved.
type lever struct {
	Account, Region string
	Status, Reason  string
}

var levers = &store.Table[lever]{Name: "fis.lever", Key: func(l *lever) store.Key { return store.K(l.Account, l.Region) }}

// leverOf is the lever of the call's account and region; it begins disengaged.
func leverOf(c *cloud.Call, r store.Reader) *lever {
	if l, ok := levers.Get(r, c.Account, c.Region); ok {
		return l
	}
	return &lever{Account: c.Account, Region: c.Region, Status: api.SafetyLeverStatusDisengaged}
}

func (l *lever) engaged() bool { return l.Status == api.SafetyLeverStatusEngaged }

func (l *lever) shown(c *cloud.Call) *api.SafetyLever {
	s := &api.SafetyLever{Id: new(leverID), Arn: new(c.ARN("fis", "safety-lever/"+leverID)), State: &api.SafetyLeverState{Status: new(l.Status)}}
	if l.Reason != "" {
		s.State.Reason = new(l.Reason)
	}
	return s
}

func getSafetyLever(c *cloud.Call, r store.Reader, in *api.GetSafetyLeverInput) (*api.GetSafetyLeverOutput, error) {
	if in.Id != leverID {
		return nil, api.ErrResourceNotFound.New("Safety lever not found: %s", in.Id)
	}
	return &api.GetSafetyLeverOutput{SafetyLever: leverOf(c, r).shown(c)}, nil
}

// updateSafetyLeverState has all experiments look at the lever.
func updateSafetyLeverState(c *cloud.Call, tx store.Tx, in *api.UpdateSafetyLeverStateRequest) (*api.UpdateSafetyLeverStateOutput, error) {
	if in.Id != leverID {
		return nil, api.ErrResourceNotFound.New("Safety lever not found: %s", in.Id)
	}
	l := leverOf(c, tx)
	l.Status, l.Reason = in.State.Status, in.State.Reason
	levers.Put(tx, l)
	for e := range experiments.Scan(tx, c.Account, c.Region) {
		if !e.over() {
			tx.After(time.Time{}, experimentController, e.key())
		}
	}
	return &api.UpdateSafetyLeverStateOutput{SafetyLever: l.shown(c)}, nil
}
