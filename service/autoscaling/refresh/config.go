package refresh

import (
	"reflect"
	"strconv"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// config is what a group launches: one of the three.
type config struct {
	LaunchConfiguration string
	LaunchTemplate      *api.LaunchTemplateSpecification
	Mixed               *api.MixedInstancesPolicy
}

func configOf(g *group.Group) config {
	return config{g.LaunchConfiguration, g.LaunchTemplate, g.Mixed}
}

// template is the launch template of a configuration; nil where it has none.
func (k config) template() *api.LaunchTemplateSpecification {
	if k.Mixed != nil && k.Mixed.LaunchTemplate != nil {
		return k.Mixed.LaunchTemplate.LaunchTemplateSpecification
	}
	return k.LaunchTemplate
}

// configure has a group launch what a refresh wants. What the template or the
// policy lacks is refused as UpdateAutoScalingGroup refuses it.
func configure(c *cloud.Call, tx store.Tx, g *group.Group, want *api.DesiredConfiguration) error {
	in := &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: g.Name, LaunchTemplate: want.LaunchTemplate, MixedInstancesPolicy: want.MixedInstancesPolicy}
	as := identity.AsAccount(c)
	as.Tx = tx
	_, err := api.UpdateAutoScalingGroup.Call(as, in)
	return err
}

// restore has a group launch what it did before a refresh, unless it was
// changed meanwhile.
func (x *refresh) restore(tx store.Tx, g *group.Group) {
	if x.Desired == nil || !reflect.DeepEqual(configOf(g), x.Set) {
		return
	}
	d := g.Clone()
	d.LaunchConfiguration, d.LaunchTemplate, d.Mixed = x.Before.LaunchConfiguration, x.Before.LaunchTemplate, x.Before.Mixed
	group.Put(tx, d)
}

// numbered tells whether a template's version is a number: what "$Latest" and
// "$Default" stood for is not known any more when a refresh is undone.
func numbered(t *api.LaunchTemplateSpecification) bool {
	if t == nil {
		return true
	}
	_, err := strconv.Atoi(cloud.Or(t.Version, "$Default"))
	return err == nil
}

// aliased tells why a refresh cannot be undone; "" where it can.
func (x *refresh) aliased() string {
	switch {
	case x.Desired == nil:
		return "it has no desired configuration"
	case x.Before.LaunchConfiguration != "":
		return ""
	case !numbered(x.Before.template()):
		return "the launch template version of the group was $Latest or $Default when it began"
	}
	return ""
}
