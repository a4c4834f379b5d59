package market

import (
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// looks is how often a fleet that replaces unhealthy instances looks at them.
const looks = time.Minute

// askedAtOnce is how many instances one look asks about.
const askedAtOnce = 100

// heal ends the members of a fleet whose status checks fail, where it is told
// to replace them; others come in their place.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-ec2-fleet.html#ec2-fleet-health-checks
func (s *Room) heal(c *cloud.Call, f *fleet) error {
	if !f.Replace || f.Type != "maintain" {
		return nil
	}
	var list []*member
	err := c.View(func(r store.Reader) error {
		list = crewOf(c, r, f).list
		return nil
	})
	if err != nil {
		return err
	}
	for part := range slices.Chunk(list, askedAtOnce) {
		ill, err := unhealthy(c, part)
		if err != nil {
			return err
		}
		for _, m := range ill {
			if err := c.Update(func(tx store.Tx) error { return f.dismiss(c, tx, m) }); err != nil {
				return err
			}
		}
	}
	return wakeAt(c, f, c.Now.Add(looks))
}

// unhealthy are the members that fail a status check.
func unhealthy(c *cloud.Call, list []*member) (ill []*member, err error) {
	in := &api.DescribeInstanceStatusInput{}
	for _, m := range list {
		in.InstanceIds = append(in.InstanceIds, m.Instance)
	}
	out, err := api.DescribeInstanceStatus.Call(identity.AsAccount(c), in)
	if err != nil {
		return nil, err
	}
	for _, st := range out.InstanceStatuses {
		if *st.InstanceStatus.Status == "impaired" || *st.SystemStatus.Status == "impaired" {
			ill = append(ill, list[slices.IndexFunc(list, func(m *member) bool { return m.Instance == *st.InstanceId })])
		}
	}
	return ill, nil
}
