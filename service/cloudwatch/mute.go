package cloudwatch

import (
	"slices"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

const muteController = "cloudwatch.mute"

// muteRule keeps the actions of alarms from being run at times. Alarms change
// their states all the same; what was held back is done when a time ends, where
// the state has lasted.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-mute-rules.html
type muteRule struct {
	Account, Region, Name string
	Description           *string
	Rule                  api.Rule
	Targets               []string // names of alarms
	Start, Expire         *time.Time
	Updated               time.Time
	Tags                  map[string]string
}

var muteRules = &store.Table[muteRule]{Name: "cloudwatch.mute", Key: func(m *muteRule) store.Key { return store.K(m.Account, m.Region, m.Name) }}

func muteARN(c *cloud.Call, name string) string { return c.ARN("cloudwatch", "alarm-mute-rule:"+name) }

// limits of an account and region.
const maxMuteRules = 1000

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutAlarmMuteRule.html
func putAlarmMuteRule(c *cloud.Call, tx store.Tx, in *api.PutAlarmMuteRuleInput) (*cloud.Empty, error) {
	if _, err := parseMuting(&in.Rule.Schedule); err != nil {
		return nil, err
	}
	if in.StartDate != nil && in.ExpireDate != nil && !in.StartDate.Before(*in.ExpireDate) {
		return nil, validation("StartDate must be before ExpireDate.")
	}
	m := &muteRule{Account: c.Account, Region: c.Region, Name: in.Name, Description: in.Description, Rule: in.Rule, Start: in.StartDate, Expire: in.ExpireDate, Updated: c.Now, Tags: tagMap(in.Tags)}
	if in.MuteTargets != nil {
		m.Targets = in.MuteTargets.AlarmNames
	}
	old, ok := muteRules.Get(tx, c.Account, c.Region, in.Name)
	if ok {
		m.Tags = old.Tags
		unmute(c, tx, old)
	} else if muteRules.Count(tx, c.Account, c.Region) >= maxMuteRules {
		return nil, api.ErrLimitExceededFault.New("The maximum limit of %d alarm mute rules is exceeded.", maxMuteRules)
	}
	muteRules.Put(tx, m)
	return &cloud.Empty{}, nil
}

// unmute has the alarms that a rule has muted looked at: it is to be another,
// or none.
func unmute(c *cloud.Call, tx store.Tx, m *muteRule) {
	for _, name := range m.Targets {
		if a, ok := alarms.Get(tx, c.Account, c.Region, name); ok && a.Muted == m.Name {
			tx.After(c.Now, muteController, a.key())
		}
	}
}

func deleteAlarmMuteRule(c *cloud.Call, tx store.Tx, in *api.DeleteAlarmMuteRuleInput) (*cloud.Empty, error) {
	if m, ok := muteRules.Get(tx, c.Account, c.Region, in.AlarmMuteRuleName); ok {
		unmute(c, tx, m)
		muteRules.Delete(tx, c.Account, c.Region, in.AlarmMuteRuleName)
	}
	return &cloud.Empty{}, nil
}

func getAlarmMuteRule(c *cloud.Call, r store.Reader, in *api.GetAlarmMuteRuleInput) (*api.GetAlarmMuteRuleOutput, error) {
	m, ok := muteRules.Get(r, c.Account, c.Region, in.AlarmMuteRuleName)
	if !ok {
		return nil, api.ErrResourceNotFoundException.New("Alarm mute rule %s does not exist.", in.AlarmMuteRuleName)
	}
	out := &api.GetAlarmMuteRuleOutput{
		Name: &m.Name, AlarmMuteRuleArn: new(muteARN(c, m.Name)), Description: m.Description, Rule: &m.Rule, StartDate: m.Start, ExpireDate: m.Expire,
		Status: new(m.status(c.Now)), LastUpdatedTimestamp: &m.Updated, MuteType: new(m.kind()),
	}
	if m.Targets != nil {
		out.MuteTargets = &api.MuteTargets{AlarmNames: m.Targets}
	}
	return out, nil
}

func listAlarmMuteRules(c *cloud.Call, r store.Reader, in *api.ListAlarmMuteRulesInput) (*api.ListAlarmMuteRulesOutput, error) {
	if in.AlarmName != nil && !alarms.Has(r, c.Account, c.Region, *in.AlarmName) {
		return nil, api.ErrResourceNotFoundException.New("Alarm %s does not exist.", *in.AlarmName)
	}
	page, next, ok := muteRules.Page(r, store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), int(cloud.Or(in.MaxRecords, 50)), func(m *muteRule) bool {
		return (in.AlarmName == nil || slices.Contains(m.Targets, *in.AlarmName)) && (len(in.Statuses) == 0 || slices.Contains(in.Statuses, m.status(c.Now)))
	})
	if !ok {
		return nil, errToken
	}
	out := &api.ListAlarmMuteRulesOutput{AlarmMuteRuleSummaries: []api.AlarmMuteRuleSummary{}}
	for _, m := range page {
		out.AlarmMuteRuleSummaries = append(out.AlarmMuteRuleSummaries, api.AlarmMuteRuleSummary{
			AlarmMuteRuleArn: new(muteARN(c, m.Name)), ExpireDate: m.Expire, Status: new(m.status(c.Now)), MuteType: new(m.kind()), LastUpdatedTimestamp: &m.Updated,
		})
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

// status is what a rule does now.
func (m *muteRule) status(now time.Time) string {
	if _, ok := m.active(now); ok {
		return api.AlarmMuteRuleStatusActive
	}
	k, err := parseMuting(&m.Rule.Schedule)
	if err != nil || m.Expire != nil && !now.Before(*m.Expire) || k.next(now).IsZero() {
		return api.AlarmMuteRuleStatusExpired
	}
	return api.AlarmMuteRuleStatusScheduled
}

func (m *muteRule) kind() string {
	if k, err := parseMuting(&m.Rule.Schedule); err == nil && k.times == nil {
		return "ONE_TIME"
	}
	return "RECURRING"
}

// active tells whether a rule mutes now, and until when.
func (m *muteRule) active(now time.Time) (until time.Time, ok bool) {
	k, err := parseMuting(&m.Rule.Schedule)
	if err != nil || m.Start != nil && now.Before(*m.Start) || m.Expire != nil && !now.Before(*m.Expire) {
		return until, false
	}
	until, ok = k.window(now)
	if m.Expire != nil && until.After(*m.Expire) {
		until = *m.Expire
	}
	return until, ok
}

// muting is the rule that mutes an alarm now for the longest.
func muting(c *cloud.Call, r store.Reader, a *alarm) (by *muteRule, until time.Time) {
	for m := range muteRules.Scan(r, a.Account, a.Region) {
		if !slices.Contains(m.Targets, *a.AlarmName) {
			continue
		}
		if end, ok := m.active(c.Now); ok && end.After(until) {
			by, until = m, end
		}
	}
	return by, until
}

// mute holds back the actions of an alarm that a rule mutes.
func mute(c *cloud.Call, tx store.Tx, a *alarm) (held bool) {
	by, until := muting(c, tx, a)
	if by == nil {
		return false
	}
	a.Muted = by.Name
	record(c, tx, a, api.HistoryItemTypeAction, "Actions muted by alarm mute rule "+by.Name, "")
	tx.After(until, muteController, a.key())
	return true
}

// unmuted runs the actions that were held back, where no rule mutes the alarm
// any more.
func unmuted(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		a, ok := alarms.Get(tx, key...)
		if !ok || a.Muted == "" {
			return nil
		}
		c := c.In(a.Account, a.Region)
		if by, until := muting(c, tx, a); by != nil {
			tx.After(until, muteController, key)
			return nil
		}
		a.Muted = ""
		v := verdict{state: *a.StateValue, threshold: a.Threshold}
		if a.Composite == nil {
			w, err := a.look(c, tx)
			if err != nil {
				return err
			}
			v.value = w.newest()
		}
		if err := act(c, tx, a, v); err != nil {
			return err
		}
		alarms.Put(tx, a)
		return nil
	})
}
