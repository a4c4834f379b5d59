package market

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/price"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const requestKind = "spot-instances-request"

// requestController looks at one spot instance request.
const requestController = "ec2.spot"

// keptAfter is how long a request that is over can still be described.
const keptAfter = 48 * time.Hour

// request is a spot instance request.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-requests.html
type request struct {
	Account, Region, ID string
	Persistent          bool
	State               string // "open", "active", "closed", "cancelled", "failed", "disabled"
	Status              status
	Created             time.Time
	From, Until         time.Time // zero: no bounds
	MaxPrice            string    // as asked; "" is the price on demand
	Behavior            string    // when interrupted: "terminate", "stop", "hibernate"
	LaunchGroup, Zones  string    // LaunchGroup and AvailabilityZoneGroup
	Type, Platform      string
	Launch              []byte // JSON of the RunInstancesInput
	Zone                string // that it was launched in
	Instance            string
	Notice              notice
	Stopped             bool      // by the market, which starts it again
	Over                time.Time // when it came to its end
	Attempts            int       // to launch, without success
}

// status is why a request is in its state.
type status struct {
	Code, Message string
	At            time.Time
}

// notice is an interruption that was announced.
type notice struct {
	Action    string // "" for none
	At        time.Time
	Rebalance time.Time
	Why       string // "by-price", "no-capacity"
}

var requests = &store.Table[request]{
	Name: "ec2.spot",
	Key:  func(q *request) store.Key { return store.K(q.Account, q.Region, q.ID) },
	Indexes: map[string]func(*request) store.Key{
		"instance": func(q *request) store.Key { return store.K(q.Account, q.Region, q.Instance) },
	},
}

// of is the request that an instance fulfils.
func of(c *cloud.Call, r store.Reader, id string) (*request, bool) {
	for q := range requests.Index(r, "instance", c.Account, c.Region, id) {
		return q, true
	}
	return nil, false
}

// requestDigits are what ids of requests are made of.
const requestDigits = "0123456789abcdefghijklmnopqrstuvwxyz"

func newRequestID(c *cloud.Call) string { return "sir-" + c.Rand().String(8, requestDigits) }

var requestID = regexp.MustCompile(`^sir-[0-9a-z]{8}$`)

func errNoRequest(id string) *cloud.Error {
	if !requestID.MatchString(id) {
		return resource.Errorf("InvalidSpotInstanceRequestID.Malformed", "Invalid id: \"%s\" (expecting \"sir-...\")", id)
	}
	return resource.Errorf("InvalidSpotInstanceRequestID.NotFound", "The spot instance request ID '%s' does not exist", id)
}

// The status codes that requests have here, in AWS's words.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html
var statusTexts = map[string]string{
	"pending-evaluation":                    "Your Spot request has been submitted for review, and is pending evaluation.",
	"pending-fulfillment":                   "Your Spot request is pending fulfillment.",
	"not-scheduled-yet":                     "Your Spot request will not be evaluated until the scheduled date.",
	"capacity-not-available":                "There is no Spot capacity available that matches your request.",
	"fulfilled":                             "Your Spot request is fulfilled.",
	"schedule-expired":                      "Your Spot request has expired because it was not fulfilled before the specified date.",
	"canceled-before-fulfillment":           "Your Spot request is canceled before it was fulfilled.",
	"request-canceled-and-instance-running": "Your Spot request is canceled, but your instance is still running.",
	"instance-terminated-by-user":           "Spot Instance terminated due to user-initiated termination.",
	"instance-terminated-by-price":          "Your Spot Instance was terminated because the Spot price exceeded your maximum price.",
	"instance-terminated-no-capacity":       "Your Spot Instance was terminated because there is no longer enough Spot capacity available.",
	"instance-terminated-by-service":        "Your Spot Instance was terminated because it was stopped.",
	"instance-stopped-by-user":              "Your Spot Instance was stopped because you stopped it.",
	"instance-stopped-by-price":             "Your Spot Instance was stopped because the Spot price exceeded your maximum price.",
	"instance-stopped-no-capacity":          "Your Spot Instance was stopped because there is no longer enough Spot capacity available.",
	"marked-for-termination":                "Your Spot Instance is marked for termination.",
	"marked-for-stop":                       "Your Spot Instance is marked for stopping.",
}

// to gives the request a state and a status.
func (q *request) to(now time.Time, state, code string, message ...string) {
	text := statusTexts[code]
	if len(message) > 0 {
		text = message[0]
	}
	if q.State != state || q.Status.Code != code || q.Status.Message != text {
		q.Status = status{code, text, now}
	}
	q.State = state
	if over(state) && q.Over.IsZero() {
		q.Over = now
	}
}

// over tells whether a request in a state will launch nothing any more.
func over(state string) bool { return state == "closed" || state == "cancelled" || state == "failed" }

func (q *request) key() store.Key { return store.K(q.Account, q.Region, q.ID) }

// limit is the most that the request pays for an hour; ok is false for types
// without a price.
func (q *request) limit() (usd float64, ok bool) {
	if q.MaxPrice == "" {
		return price.OnDemand(q.Type, platformOf(q.Platform))
	}
	_, err := fmt.Sscan(q.MaxPrice, &usd)
	return usd, err == nil
}

// platformOf is a product description as prices know it.
func platformOf(product string) string {
	if len(product) >= len(price.Windows) && product[:len(price.Windows)] == price.Windows {
		return price.Windows
	}
	return ""
}

// tooLow is the status of a request whose price is not enough.
func tooLow(limit, asked float64) string {
	return fmt.Sprintf("Your Spot request price of %s is lower than the minimum required Spot request fulfillment price of %s.", short(limit), short(asked))
}

// short is a price without needless zeros.
func short(usd float64) string { return fmt.Sprintf("%g", usd) }

// input is what the request launches.
func (q *request) input() (*api.RunInstancesInput, error) {
	in := &api.RunInstancesInput{}
	return in, json.Unmarshal(q.Launch, in)
}

// convert makes a value of another type that has the same members.
func convert[To any](from any) (to To, err error) {
	b, err := json.Marshal(from)
	if err != nil {
		return to, err
	}
	return to, json.Unmarshal(b, &to)
}

// alive tells whether an instance is not gone.
func alive(i *instance.Instance) bool {
	return i.State != instance.ShuttingDown && i.State != instance.Terminated
}
