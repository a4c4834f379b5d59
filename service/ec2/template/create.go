package template

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// maxUserData is the limit of user data before it is encoded, in bytes.
const maxUserData = 16 << 10

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9().\-/_]{3,128}$`)

func createLaunchTemplate(c *cloud.Call, tx store.Tx, in *api.CreateLaunchTemplateInput) (*api.CreateLaunchTemplateOutput, error) {
	return resource.Once(c, tx, "CreateLaunchTemplate", in.ClientToken, in, func() (*api.CreateLaunchTemplateOutput, error) {
		if !namePattern.MatchString(in.LaunchTemplateName) {
			return nil, resource.Errorf("InvalidLaunchTemplateName.MalformedException", "A launch template name must be between 3 and 128 characters, and may contain letters, numbers, and the following characters: - ( ) . / _")
		}
		for range templates.Index(tx, "name", c.Account, c.Region, in.LaunchTemplateName) {
			return nil, resource.Errorf("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
		}
		if err := resource.OnlyTags(in.TagSpecifications, kind); err != nil {
			return nil, err
		}
		tags, err := resource.SpecifiedTags(in.TagSpecifications, kind)
		if err != nil {
			return nil, err
		}
		t := &template{Account: c.Account, Region: c.Region, ID: resource.NewID(c, idPrefix), Name: in.LaunchTemplateName, Default: 1, Latest: 1, Created: c.Now, By: c.Principal.ARN}
		if _, err := addVersion(c, tx, t, &in.LaunchTemplateData, in.VersionDescription); err != nil {
			return nil, err
		}
		resource.Register(c, tx, kind, t.ID, tags)
		templates.Put(tx, t)
		return &api.CreateLaunchTemplateOutput{LaunchTemplate: new(t.api(c, tx))}, nil
	})
}

func createLaunchTemplateVersion(c *cloud.Call, tx store.Tx, in *api.CreateLaunchTemplateVersionInput) (*api.CreateLaunchTemplateVersionOutput, error) {
	return resource.Once(c, tx, "CreateLaunchTemplateVersion", in.ClientToken, in, func() (*api.CreateLaunchTemplateVersionOutput, error) {
		t, err := find(c, tx, in.LaunchTemplateId, in.LaunchTemplateName)
		if err != nil {
			return nil, err
		}
		data := &in.LaunchTemplateData
		if in.SourceVersion != nil {
			source, err := t.version(tx, *in.SourceVersion)
			if err != nil {
				return nil, err
			}
			base := &api.RequestLaunchTemplateData{}
			if err := json.Unmarshal(source.Data, base); err != nil {
				return nil, err
			}
			overlay(base, data)
			data = base
		}
		t.Latest++
		v, err := addVersion(c, tx, t, data, in.VersionDescription)
		if err != nil {
			return nil, err
		}
		templates.Put(tx, t)
		out, err := v.api(c, tx, t, cloud.Or(in.ResolveAlias, false))
		return &api.CreateLaunchTemplateVersionOutput{LaunchTemplateVersion: out}, err
	})
}

// overlay sets in base what more has.
func overlay(base, more any) {
	b, m := reflect.ValueOf(base).Elem(), reflect.ValueOf(more).Elem()
	for i := range m.NumField() {
		if f := m.Field(i); !f.IsZero() {
			b.Field(i).Set(f)
		}
	}
}

// addVersion writes the template's latest version.
func addVersion(c *cloud.Call, tx store.Tx, t *template, data *api.RequestLaunchTemplateData, description *string) (*version, error) {
	if err := check(data); err != nil {
		return nil, err
	}
	b, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	v := &version{Account: t.Account, Region: t.Region, Template: t.ID, Number: t.Latest, Description: cloud.Or(description, ""), Created: c.Now, By: c.Principal.ARN, Data: b}
	versions.Put(tx, v)
	return v, nil
}

// check finds what no launch could use. Whether images, groups or subnets
// exist is seen when something is launched.
func check(d *api.RequestLaunchTemplateData) error {
	if reflect.ValueOf(d).Elem().IsZero() {
		return resource.Errorf("MissingParameter", "The request must contain the parameter LaunchTemplateData")
	}
	if d.InstanceType != nil && d.InstanceRequirements != nil {
		return resource.Combination("InstanceType and InstanceRequirements can't be specified together")
	}
	if d.UserData != nil {
		raw, err := base64.StdEncoding.DecodeString(*d.UserData)
		if err != nil {
			return resource.Errorf("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
		}
		if len(raw) > maxUserData {
			return resource.Errorf("InvalidParameterValue", "User data is limited to %d bytes", maxUserData)
		}
	}
	if len(d.NetworkInterfaces) > 0 && (len(d.SecurityGroupIds) > 0 || len(d.SecurityGroups) > 0) {
		return resource.Combination("Network interfaces and an instance-level security groups may not be specified on the same request")
	}
	return nil
}

func modifyLaunchTemplate(c *cloud.Call, tx store.Tx, in *api.ModifyLaunchTemplateInput) (*api.ModifyLaunchTemplateOutput, error) {
	t, err := find(c, tx, in.LaunchTemplateId, in.LaunchTemplateName)
	if err != nil {
		return nil, err
	}
	if in.DefaultVersion != nil {
		v, err := t.version(tx, *in.DefaultVersion)
		if err != nil {
			return nil, err
		}
		t.Default = v.Number
		templates.Put(tx, t)
	}
	return &api.ModifyLaunchTemplateOutput{LaunchTemplate: new(t.api(c, tx))}, nil
}

// api is the version as answers carry it.
func (v *version) api(c *cloud.Call, r store.Reader, t *template, resolve bool) (*api.LaunchTemplateVersion, error) {
	data := &api.ResponseLaunchTemplateData{}
	if err := json.Unmarshal(v.Data, data); err != nil {
		return nil, err
	}
	if resolve && data.ImageId != nil {
		id, err := ResolveImage(c, *data.ImageId)
		if err != nil {
			return nil, err
		}
		data.ImageId = &id
	}
	out := &api.LaunchTemplateVersion{
		LaunchTemplateId: &t.ID, LaunchTemplateName: &t.Name, VersionNumber: &v.Number, CreateTime: &v.Created, CreatedBy: &v.By,
		DefaultVersion: new(v.Number == t.Default), LaunchTemplateData: data,
	}
	if v.Description != "" {
		out.VersionDescription = &v.Description
	}
	return out, nil
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
