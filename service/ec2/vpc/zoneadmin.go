package vpc

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
	"pileus/zone"
)

// Web answers the administrator who makes zones fail; see zone.Path.
func (s *Room) Web(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	name, ours := strings.CutPrefix(r.URL.Path, zone.Path)
	if !ours || name != "" && name[0] != '/' {
		return false
	}
	var out zone.Answer
	var err error
	switch name = strings.TrimPrefix(name, "/"); {
	case r.Method == http.MethodGet && name == "":
	case r.Method == http.MethodPost && name == "":
		var in zone.Request
		if e := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in); e != nil {
			err = resource.Errorf("InvalidParameterValue", "the body is not the JSON that was expected: %v", e)
			break
		}
		out.Limits, err = s.setZone(c, in)
	case r.Method == http.MethodDelete:
		out.Limits, err = s.healZones(c, name)
	default:
		err = resource.Invalid(r.Method, "method")
	}
	if err == nil {
		err = c.View(func(r store.Reader) error {
			out.Zones = zone.All(r)
			return nil
		})
	}
	answerAdmin(w, out, err)
	return true
}

// answerAdmin writes an answer, or the error in its place.
func answerAdmin(w http.ResponseWriter, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		status, message := http.StatusInternalServerError, err.Error()
		var e *cloud.Error
		switch {
		case errors.As(err, &e):
			status, message = e.Status, e.Message
		case errors.Is(err, plane.ErrUnsupported):
			status = http.StatusNotImplemented
		}
		w.WriteHeader(status)
		out = map[string]string{"error": message}
	}
	_ = json.NewEncoder(w).Encode(out) // a client that has left needs no answer
}

// setZone makes a zone dark, slow or well, and returns once packets obey.
func (s *Room) setZone(c *cloud.Call, in zone.Request) (limits string, err error) {
	z, ok := region.ZoneNamed(in.Zone)
	latency := time.Duration(in.LatencyMS * float64(time.Millisecond))
	switch {
	case !ok:
		return "", resource.Errorf("InvalidParameterValue", "Invalid availability zone: [%s]", in.Zone)
	case in.State == "up":
		return s.healZones(c, z.Name)
	case in.State != "down" && in.State != "slow":
		return "", resource.Errorf("InvalidParameterValue", "a zone is down, up or slow, not %q", in.State)
	case in.State == "slow" && (latency < 0 || in.Rate < 0 || latency == 0 && in.Rate == 0):
		return "", resource.Errorf("InvalidParameterValue", "a slow zone needs a latency or a rate")
	}
	err = c.Update(func(tx store.Tx) error {
		f := &zone.Fault{Zone: z.Name, Down: in.State == "down", Since: c.Now}
		if !f.Down {
			f.Latency, f.Rate = latency, in.Rate
		}
		zone.Put(tx, f)
		return nil
	})
	if err != nil {
		return "", err
	}
	err = s.applyZones(c, c.Cloud.DB())
	if err == nil || !errors.Is(err, plane.ErrUnsupported) {
		return "", err
	}
	if in.State == "slow" && in.Rate == 0 { // then nothing of it is done
		_, e := s.healZones(c, z.Name, "")
		return "", errors.Join(err, e)
	}
	return err.Error(), nil
}

// healZones heals one zone, or all where its name is "". Causes are as those of
// zone.Heal.
func (s *Room) healZones(c *cloud.Call, name string, causes ...string) (limits string, err error) {
	if _, ok := region.ZoneNamed(name); !ok && name != "" {
		return "", resource.Errorf("InvalidParameterValue", "Invalid availability zone: [%s]", name)
	}
	err = c.Update(func(tx store.Tx) error {
		for _, z := range zone.All(tx) {
			if name == "" || z.Zone == name {
				zone.Heal(tx, z.Zone, causes...)
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if err = s.applyZones(c, c.Cloud.DB()); errors.Is(err, plane.ErrUnsupported) {
		return err.Error(), nil // another zone is slow as far as it can be
	}
	return "", err
}
