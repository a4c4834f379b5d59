// Package launch is the part of Auto Scaling that is launch configurations.
package launch

import (
	"net/http"
	"strings"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// Configuration is a launch configuration.
type Configuration struct {
	Account, Region, Name string
	ID                    string // the UUID in its ARN
	Created               time.Time
	Spec                  api.LaunchConfiguration
}

// Configurations of all accounts and regions.
var Configurations = &store.Table[Configuration]{
	Name: "autoscaling.launch",
	Key:  func(l *Configuration) store.Key { return store.K(l.Account, l.Region, l.Name) },
	Memo: 1024,
}

// ARN is the configuration's.
func (l *Configuration) ARN(c *cloud.Call) string {
	return cloud.ARN{Partition: c.Partition, Service: "autoscaling", Region: l.Region, Account: l.Account,
		Resource: "launchConfiguration:" + l.ID + ":launchConfigurationName/" + l.Name}.String()
}

// Find is a configuration of the call's account and region, by its name or ARN.
func Find(c *cloud.Call, r store.Reader, name string) (*Configuration, error) {
	short := name
	if _, after, ok := strings.Cut(name, ":launchConfigurationName/"); ok {
		short = after
	}
	if l, ok := Configurations.Get(r, c.Account, c.Region, short); ok {
		return l, nil
	}
	return nil, invalid("Launch configuration name not found - Launch configuration %s not found", name)
}

func invalid(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "ValidationError", format, a...)
}

// Most is how many an account may have in a region.
const Most = 200

// Number is how many the call's account has in its region.
func Number(c *cloud.Call, r store.Reader) (n int) {
	for range Configurations.Scan(r, c.Account, c.Region) {
		n++
	}
	return n
}
