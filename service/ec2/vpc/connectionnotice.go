package vpc

import (
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Notice asks for a message to a topic when something happens to an endpoint,
// or to those of a service.
// https://docs.aws.amazon.com/vpc/latest/privatelink/create-notification-endpoint-service.html
type Notice struct {
	Account, Region, ID string // "vpce-nfn-..."
	Service, Endpoint   string // ids; one of both
	Topic               string // ARN
	Events              []string
}

// noticeEvents are what can happen.
var noticeEvents = []string{"Accept", "Connect", "Delete", "Reject"}

var notices = &store.Table[Notice]{
	Name: "ec2.endpoint.notice",
	Key:  func(n *Notice) store.Key { return keyOf(n.Account, n.Region, n.ID) },
}

func noNotice(id string) *cloud.Error {
	return resource.Errorf("InvalidConnectionNotification", "The connection notification '%s' does not exist", id)
}

func (n *Notice) check() error {
	a, ok := cloud.ParseARN(n.Topic)
	if !ok || a.Service != "sns" || a.Account == "" || a.Resource == "" || strings.Contains(a.Resource, "/") {
		return resource.Errorf("InvalidParameter", "The SNS topic ARN '%s' is not valid", n.Topic)
	}
	if len(n.Events) == 0 {
		return resource.Missing("ConnectionEvents")
	}
	for _, e := range n.Events {
		if !slices.Contains(noticeEvents, e) {
			return resource.Errorf("InvalidParameter", "The connection event '%s' is not valid", e)
		}
	}
	return nil
}

func (n *Notice) api() api.ConnectionNotification {
	return api.ConnectionNotification{
		ConnectionNotificationId: &n.ID, ServiceId: text(n.Service), VpcEndpointId: text(n.Endpoint), ConnectionNotificationType: new(api.ConnectionNotificationTypeTopic),
		ConnectionNotificationArn: &n.Topic, ConnectionEvents: n.Events, ConnectionNotificationState: new(api.ConnectionNotificationStateEnabled),
	}
}

func createVpcEndpointConnectionNotification(c *cloud.Call, tx store.Tx, in *api.CreateVpcEndpointConnectionNotificationInput) (*api.CreateVpcEndpointConnectionNotificationOutput, error) {
	return resource.Once(c, tx, "CreateVpcEndpointConnectionNotification", in.ClientToken, in, func() (*api.CreateVpcEndpointConnectionNotificationOutput, error) {
		n := &Notice{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "vpce-nfn"), Service: val(in.ServiceId), Endpoint: val(in.VpcEndpointId),
			Topic: in.ConnectionNotificationArn, Events: set(in.ConnectionEvents),
		}
		var err error
		switch {
		case (n.Service == "") == (n.Endpoint == ""):
			err = resource.Errorf("InvalidParameter", "Exactly one of ServiceId and VpcEndpointId must be specified.")
		case n.Service != "":
			_, err = find(c, tx, offers, n.Service, noOffer)
		default:
			_, err = find(c, tx, endpoints, n.Endpoint, noEndpoint)
		}
		if err == nil {
			err = n.check()
		}
		if err != nil {
			return nil, err
		}
		notices.Put(tx, n)
		return &api.CreateVpcEndpointConnectionNotificationOutput{ConnectionNotification: new(n.api()), ClientToken: in.ClientToken}, nil
	})
}

func modifyVpcEndpointConnectionNotification(c *cloud.Call, tx store.Tx, in *api.ModifyVpcEndpointConnectionNotificationInput) (*api.ModifyVpcEndpointConnectionNotificationOutput, error) {
	old, err := find(c, tx, notices, in.ConnectionNotificationId, noNotice)
	if err != nil {
		return nil, err
	}
	n := *old
	n.Topic = cloud.Or(in.ConnectionNotificationArn, n.Topic)
	if len(in.ConnectionEvents) > 0 {
		n.Events = set(in.ConnectionEvents)
	}
	if err := n.check(); err != nil {
		return nil, err
	}
	notices.Put(tx, &n)
	return &api.ModifyVpcEndpointConnectionNotificationOutput{ReturnValue: yes()}, nil
}

func deleteVpcEndpointConnectionNotifications(c *cloud.Call, tx store.Tx, in *api.DeleteVpcEndpointConnectionNotificationsInput) (*api.DeleteVpcEndpointConnectionNotificationsOutput, error) {
	out := &api.DeleteVpcEndpointConnectionNotificationsOutput{Unsuccessful: []api.UnsuccessfulItem{}}
	for _, id := range in.ConnectionNotificationIds {
		if !notices.Has(tx, c.Account, c.Region, id) {
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, noNotice(id)))
			continue
		}
		notices.Delete(tx, c.Account, c.Region, id)
	}
	return out, nil
}

func describeVpcEndpointConnectionNotifications(c *cloud.Call, r store.Reader, in *api.DescribeVpcEndpointConnectionNotificationsInput) (*api.DescribeVpcEndpointConnectionNotificationsOutput, error) {
	q := resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: noNotice}
	if in.ConnectionNotificationId != nil {
		q.IDs = []string{*in.ConnectionNotificationId}
	}
	list, next, err := resource.List(c, r, q, notices.Scan(r, c.Account, c.Region), func(n *Notice) string { return n.ID },
		resource.Fields[Notice]{
			"connection-notification-arn":   resource.One(func(n *Notice) string { return n.Topic }),
			"connection-notification-id":    resource.One(func(n *Notice) string { return n.ID }),
			"connection-notification-state": resource.One(func(*Notice) string { return api.ConnectionNotificationStateEnabled }),
			"connection-notification-type":  resource.One(func(*Notice) string { return api.ConnectionNotificationTypeTopic }),
			"service-id":                    optional(func(n *Notice) string { return n.Service }),
			"vpc-endpoint-id":               optional(func(n *Notice) string { return n.Endpoint }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcEndpointConnectionNotificationsOutput{ConnectionNotificationSet: []api.ConnectionNotification{}, NextToken: next}
	for _, n := range list {
		out.ConnectionNotificationSet = append(out.ConnectionNotificationSet, n.api())
	}
	return out, nil
}
