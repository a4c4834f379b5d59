package metadata

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// stamp is how the service writes times.
const stamp = "2006-01-02T15:04:05Z"

// tree is everything below a version: meta-data, dynamic. User data is apart.
func (s *Service) tree(q *query) *dir {
	root := newDir()
	root.add("meta-data", item{dir: q.metaData(s)})
	root.add("dynamic", item{dir: q.dynamic()})
	if len(q.i.UserData) > 0 {
		root.add("user-data", item{value: func() (string, bool) { return string(q.i.UserData), true }})
	}
	return root
}

// metaData is the tree of an instance.
func (q *query) metaData(s *Service) *dir {
	i, d := q.i, newDir()
	d.text("ami-id", i.Image)
	d.text("ami-launch-index", strconv.Itoa(i.LaunchIndex))
	d.text("ami-manifest-path", "(unknown)")
	for _, b := range i.Devices {
		d.sub("block-device-mapping").text(b.Name, b.Device)
	}
	d.text("hostname", i.Hostname)
	d.text("instance-action", i.Action)
	d.text("instance-id", i.ID)
	d.text("instance-life-cycle", i.LifeCycle)
	d.text("instance-type", i.Type)
	d.text("local-hostname", i.Hostname)
	if len(i.Interfaces) > 0 {
		first := i.Interfaces[0]
		d.text("mac", first.MAC)
		if len(first.Addresses) > 0 {
			d.text("local-ipv4", first.Addresses[0].Private.String())
			if p := first.Addresses[0].Public; p.IsValid() {
				d.text("public-ipv4", p.String())
			}
		}
		if len(first.IPv6) > 0 {
			d.text("ipv6", first.IPv6[0].String())
		}
	}
	d.sub("metrics").text("vhostmd", `<?xml version="1.0" encoding="UTF-8"?>`)
	d.text("profile", "default-hvm")
	d.text("public-hostname", i.PublicHostname)
	d.text("reservation-id", i.Reservation)
	d.lines("security-groups", i.Groups)
	d.text("system", i.Platform)
	d.sub("hibernation").text("configured", strconv.FormatBool(i.Hibernation))
	d.sub("services").text("domain", i.Domain)
	d.sub("services").text("partition", i.Partition)
	if i.Lifecycle != "" {
		d.sub("autoscaling").text("target-lifecycle-state", i.Lifecycle)
	}
	q.key(d)
	for user, text := range i.LoginKeys {
		d.sub("managed-ssh-keys/active-keys").text(user, text)
	}
	q.events(d)
	q.iam(d, s)
	q.placement(d)
	q.spot(d)
	q.tags(d)
	for n := range i.Interfaces {
		i.Interfaces[n].enter(d.sub("network/interfaces/macs/" + i.Interfaces[n].MAC))
	}
	return d
}

// key is public-keys/0/openssh-key, where 0 is listed as "0=name".
func (q *query) key(d *dir) {
	if q.i.PublicKey == "" {
		return
	}
	entry := newDir()
	entry.text("openssh-key", q.i.PublicKey)
	d.sub("public-keys").add("0", item{dir: entry, label: "0=" + q.i.KeyName})
}

func (q *query) events(d *dir) {
	encode := func(list []Event) func() (string, bool) {
		return func() (string, bool) {
			if list == nil {
				list = []Event{}
			}
			b, err := json.MarshalIndent(list, "", "  ")
			return string(b), err == nil
		}
	}
	m := d.sub("events/maintenance")
	m.add("history", item{value: encode(q.i.PastEvents)})
	m.add("scheduled", item{value: encode(q.i.ScheduledEvents)})
	if !q.i.Rebalance.IsZero() {
		d.sub("events/recommendations").text("rebalance", `{"noticeTime":"`+q.i.Rebalance.UTC().Format(stamp)+`"}`)
	}
}

// iam tells of the instance profile and the credentials of its role.
func (q *query) iam(d *dir, s *Service) {
	i := q.i
	account, _ := json.Marshal(struct{ Code, LastUpdated, AccountId string }{"Success", q.now.Format(stamp), i.Account})
	d.sub("identity-credentials/ec2").text("info", string(account))
	if i.ProfileARN == "" {
		return
	}
	info, _ := json.MarshalIndent(struct{ Code, LastUpdated, InstanceProfileArn, InstanceProfileId string }{"Success", q.now.Format(stamp), i.ProfileARN, i.ProfileID}, "", "  ")
	d.sub("iam").text("info", string(info))
	if i.Role == "" {
		return
	}
	d.sub("iam/security-credentials").add(i.Role, item{value: func() (string, bool) {
		creds, err := s.source.Credentials(q.ctx, i)
		if err != nil {
			q.err = err
			return "", false
		}
		b, err := json.MarshalIndent(creds, "", "  ")
		return string(b), err == nil
	}})
}

func (q *query) placement(d *dir) {
	p := d.sub("placement")
	p.text("availability-zone", q.i.Zone)
	p.text("availability-zone-id", q.i.ZoneID)
	p.text("region", q.i.Region)
	p.text("group-name", q.i.Placement.Group)
	p.text("host-id", q.i.Placement.Host)
	if q.i.Placement.Partition > 0 {
		p.text("partition-number", strconv.Itoa(q.i.Placement.Partition))
	}
}

// spot tells a spot instance that it will be interrupted.
func (q *query) spot(d *dir) {
	if q.i.SpotAction == "" {
		return
	}
	at := q.i.SpotTime.UTC().Format(time.RFC3339)
	d.sub("spot").text("instance-action", `{"action":"`+q.i.SpotAction+`","time":"`+at+`"}`)
	if q.i.SpotAction == "terminate" {
		d.sub("spot").text("termination-time", at)
	}
}

// tags are shown where the instance's options say so.
func (q *query) tags(d *dir) {
	if !q.i.Options.Tags {
		return
	}
	t := d.sub("tags/instance")
	for _, tag := range q.i.Tags {
		if !strings.Contains(tag.Key, "/") {
			t.add(tag.Key, item{value: func() (string, bool) { return tag.Value, true }})
		}
	}
}
