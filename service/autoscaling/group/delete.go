package group

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// protectsItself refuses a deletion that the group is protected from, or whose
// force could end instances that are to be retained.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/resource-deletion-protection.html
func (g *Group) protectsItself(force bool) error {
	switch {
	case g.Deletion == api.DeletionProtectionPreventAllDeletion, g.Deletion == api.DeletionProtectionPreventForceDeletion && force:
		return Invalid("You cannot delete the AutoScalingGroup %s because its deletion protection is set to %s. Update the group to a less restrictive setting first.", g.Name, g.Deletion)
	case force && g.retains():
		return Invalid("You cannot force delete the AutoScalingGroup %s because its instance lifecycle policy retains instances. Set TerminateHookAbandon to terminate first.", g.Name)
	}
	return nil
}

// deleteAutoScalingGroup deletes a group: at once where it has no instances,
// with them where that is forced.
func (k *Keeper) deleteAutoScalingGroup(c *cloud.Call, tx store.Tx, in *api.DeleteAutoScalingGroupInput) (*cloud.Empty, error) {
	g, err := findLive(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if err := g.protectsItself(cloud.Or(in.ForceDelete, false)); err != nil {
		return nil, err
	}
	members, leaving := 0, 0
	for i := range Instances(tx, g) {
		members++
		if i.Leaving != nil {
			leaving++
		}
	}
	if !cloud.Or(in.ForceDelete, false) {
		switch {
		case members > leaving:
			return nil, api.ErrResourceInUseFault.New("You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.")
		case leaving > 0:
			return nil, api.ErrScalingActivityInProgressFault.New("You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.")
		}
		for _, f := range k.Hooks.Busy {
			if err := f(c, tx, g); err != nil {
				return nil, err
			}
		}
	}
	if members == 0 {
		return &cloud.Empty{}, k.remove(c, tx, g)
	}
	d := g.Clone()
	d.want(0, Cause{At: c.Now, Text: "a user request force-deleted AutoScalingGroup"})
	d.Deleting, d.Min, d.Max = true, 0, 0
	Put(tx, d)
	for i := range Instances(tx, d) {
		if i.Leaving == nil || i.Leaving.To != ToTerminate {
			cause := sentences(d.Why, "At "+stamp(c.Now)+" instance "+i.ID+" was taken out of service.")
			k.leave(c, tx, d, i, Leaving{To: ToTerminate, Failed: true}, "Terminating EC2 instance: "+i.ID, cause)
		}
	}
	return &cloud.Empty{}, nil
}
