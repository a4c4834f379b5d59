package fis

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
)

// commandActions run Systems Manager's documents for experiments in instances.
// What a document does, the machine's own agent does here, with the tools that
// pileus brings into every machine.
// https://docs.aws.amazon.com/fis/latest/userguide/actions-ssm-agent.html
func (s *service) commandActions() []*kind {
	return []*kind{{
		id: "aws:ssm:send-command", about: "Run the specified AWSFIS document in the target instances.",
		targets: map[string]string{"Instances": ofInstance}, lasts: "duration",
		params: []param{
			duration(true),
			{name: "documentArn", about: "The ARN of the document: " + strings.Join(sortedKeys(documents()), ", ") + ".", required: true, check: checkDocument},
			{name: "documentVersion", about: "The version of the document; there is one of each."},
			{name: "documentParameters", about: "The parameters of the document, in JSON.", check: func(v string) error { _, err := parseParameters(v); return err }},
		},
		begin: s.sendCommand, end: s.endCommand,
	}}
}

// document is what runs in a machine.
type document struct {
	defaults map[string]string // of its parameters; "" must be given
	// start is a command that begins it in the background, or does it at once.
	start func(p map[string]string, m machine) (script string, err error)
	// stop ends what goes on and takes it back.
	stop func(p map[string]string) string
}

// machine is what a document knows of the instance.
type machine struct {
	vcpus     int
	memoryMiB int64
}

// documents by name. InstallDependencies is known to all, and nothing needs to
// be installed.
func documents() map[string]document {
	return map[string]document{
		"AWSFIS-Run-CPU-Stress": {
			defaults: map[string]string{"DurationSeconds": "", "CPU": "0", "LoadPercent": "100"}, stop: noStop,
			start: func(p map[string]string, m machine) (string, error) {
				n, err := numbers(p, "DurationSeconds", "CPU", "LoadPercent")
				if err == nil && n[1] == 0 {
					n[1] = m.vcpus
				}
				return fmt.Sprintf("stress --cpu %d --cpu-load %d --timeout %d", n[1], n[2], n[0]), err
			},
		},
		"AWSFIS-Run-Memory-Stress": {
			defaults: map[string]string{"DurationSeconds": "", "Workers": "1", "Percent": "80"}, stop: noStop,
			start: func(p map[string]string, m machine) (string, error) {
				n, err := numbers(p, "DurationSeconds", "Workers", "Percent")
				workers := max(n[1], 1)
				return fmt.Sprintf("stress --vm %d --vm-bytes %dM --timeout %d", workers, m.memoryMiB*int64(n[2])/100/int64(workers), n[0]), err
			},
		},
		"AWSFIS-Run-IO-Stress": {
			defaults: map[string]string{"DurationSeconds": "", "Workers": "1", "Percent": "80"}, stop: noStop,
			start: func(p map[string]string, m machine) (string, error) {
				n, err := numbers(p, "DurationSeconds", "Workers", "Percent")
				return fmt.Sprintf("stress --hdd %d --hdd-percent %d --timeout %d", max(n[1], 1), n[2], n[0]), err
			},
		},
		"AWSFIS-Run-Kill-Process": {
			defaults: map[string]string{"ProcessName": "", "Signal": "SIGTERM"}, stop: noStop,
			start: func(p map[string]string, _ machine) (string, error) {
				if !plain.MatchString(p["ProcessName"]) || !plain.MatchString(p["Signal"]) {
					return "", errInvalid("Invalid process name or signal: %s, %s", p["ProcessName"], p["Signal"])
				}
				return "pkill -" + p["Signal"] + " " + p["ProcessName"], nil
			},
		},
		"AWSFIS-Run-Network-Blackhole-Port": {
			defaults: map[string]string{"DurationSeconds": "", "Protocol": "", "Port": "", "TrafficType": "egress"},
			start: func(p map[string]string, _ machine) (string, error) {
				n, err := numbers(p, "DurationSeconds", "Port")
				if err == nil && (!slices.Contains([]string{"tcp", "udp"}, p["Protocol"]) || !slices.Contains([]string{"ingress", "egress"}, p["TrafficType"])) {
					err = errInvalid("Invalid protocol or traffic type: %s, %s", p["Protocol"], p["TrafficType"])
				}
				return fmt.Sprintf("blackhole %s %s %d --timeout %d", p["TrafficType"], p["Protocol"], n[1], n[0]), err
			},
			stop: func(p map[string]string) string {
				return fmt.Sprintf("blackhole %s %s %s --off", p["TrafficType"], p["Protocol"], p["Port"])
			},
		},
	}
}

// plain are names that a shell takes as they are.
var plain = regexp.MustCompile(`^[A-Za-z0-9_.+-]{1,64}$`)

func noStop(map[string]string) string { return "" }

func numbers(p map[string]string, names ...string) ([]int, error) {
	list := make([]int, len(names))
	for i, name := range names {
		n, err := strconv.Atoi(p[name])
		if err != nil || n < 0 {
			return list, errInvalid("Invalid value of the document parameter %s: %q", name, p[name])
		}
		list[i] = n
	}
	return list, nil
}

func documentName(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

func checkDocument(v string) error {
	a, ok := cloud.ParseARN(v)
	if _, known := documents()[documentName(v)]; !ok || a.Service != "ssm" || !known {
		return errInvalid("The document %s cannot be run.", v)
	}
	return nil
}

// parseParameters reads the document's parameters: texts, or lists of one.
func parseParameters(v string) (map[string]string, error) {
	var raw map[string]any
	if v == "" {
		v = "{}"
	}
	if err := json.Unmarshal([]byte(v), &raw); err != nil {
		return nil, errInvalid("documentParameters is no JSON object: %v", err)
	}
	out := map[string]string{}
	for name, x := range raw {
		if list, ok := x.([]any); ok && len(list) == 1 {
			x = list[0]
		}
		switch x := x.(type) {
		case string:
			out[name] = x
		case float64, bool:
			out[name] = fmt.Sprint(x)
		default:
			return nil, errInvalid("The document parameter %s is no text.", name)
		}
	}
	return out, nil
}

// document is what the action runs, and its parameters with the defaults.
func (k *task) document() (d document, p map[string]string, err error) {
	name := documentName(k.action.Parameters["documentArn"])
	d = documents()[name]
	given, err := parseParameters(k.parameter("documentParameters", ""))
	if err != nil {
		return d, nil, err
	}
	p = map[string]string{}
	for key, value := range d.defaults {
		if p[key] = value; given[key] != "" {
			p[key] = given[key]
		}
		if p[key] == "" {
			return d, nil, errInvalid("The document %s needs the parameter %s.", name, key)
		}
	}
	for key := range given {
		if _, ok := d.defaults[key]; !ok && key != "InstallDependencies" {
			return d, nil, errInvalid("The document %s has no parameter %s.", name, key)
		}
	}
	return d, p, nil
}

// folder is where the action keeps its tools and its process's number in a
// machine.
func (k *task) folder() string { return "/run/fis-" + k.ID + "-" + fingerprint(k.name)[:8] }

// sendCommand starts the document in every instance, unless it runs there.
func (s *service) sendCommand(k *task) error {
	d, p, err := k.document()
	if err != nil {
		return err
	}
	return k.each("Instances", func(c *cloud.Call, ids []string) error {
		checks := []cloud.Check{{Action: "ssm:SendCommand", Resource: cloud.Resource{ARN: k.action.Parameters["documentArn"]}}}
		for _, id := range ids {
			checks = append(checks, cloud.Check{Action: "ssm:SendCommand", Resource: cloud.Resource{ARN: c.ARN("ec2", "instance/"+id)}})
		}
		for _, check := range checks {
			if err := k.allowed(c, check); err != nil {
				return err
			}
		}
		for _, id := range ids {
			m, err := machineOf(c, id)
			if err != nil {
				return err
			}
			command, err := d.start(p, m)
			if err != nil {
				return err
			}
			if err := s.inMachine(k, id, startScript(k.folder(), command)); err != nil {
				return err
			}
		}
		return nil
	})
}

// startScript begins a command in the background, once, with links to the tools
// that pileus brings. What fails at once fails the script.
func startScript(folder, command string) string {
	return strings.NewReplacer("FOLDER", folder, "COMMAND", command, "TOOLS", "/usr/lib/pileus/pileus").Replace(`
if [ -f FOLDER/pid ] && kill -0 $(cat FOLDER/pid) 2>/dev/null; then exit 0; fi
mkdir -p FOLDER || exit 1
for t in stress blackhole pkill; do ln -sf TOOLS FOLDER/$t || exit 1; done
PATH=FOLDER:$PATH
COMMAND </dev/null >FOLDER/log 2>&1 &
pid=$!
echo $pid >FOLDER/pid
sleep 0.3
case "$(cat /proc/$pid/stat 2>/dev/null)" in
''|*") Z "*) wait $pid || { cat FOLDER/log >&2; exit 1; };;
esac
`)
}

// endCommand ends what goes on in the instances that still run.
func (s *service) endCommand(k *task) error {
	d, p, err := k.document()
	if err != nil {
		return nil // it was never started
	}
	return k.each("Instances", func(c *cloud.Call, ids []string) error {
		states, err := statesOf(c, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if states[id] != "running" {
				continue
			}
			err := s.inMachine(k, id, strings.NewReplacer("FOLDER", k.folder(), "STOP", d.stop(p)).Replace(`
if [ ! -d FOLDER ]; then exit 0; fi
PATH=FOLDER:$PATH
[ -f FOLDER/pid ] && kill $(cat FOLDER/pid) 2>/dev/null
STOP
rm -rf FOLDER
`))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// inMachine runs a script as root in an instance's machine.
func (s *service) inMachine(k *task, id, script string) error {
	if s.Plane == nil {
		return errInvalid("This cloud runs no commands in instances.")
	}
	var said bytes.Buffer
	exit, err := s.Plane.Run(k.c, id, plane.Command{Args: []string{"sh", "-c", script}, User: "root", Stdout: &said, Stderr: &said})
	switch {
	case errors.Is(err, plane.ErrUnsupported), errors.Is(err, plane.ErrNotFound):
		return errInvalid("No command can be run in the instance %s: %v", id, err)
	case err != nil:
		return err
	case exit != 0:
		return errInvalid("The command failed in the instance %s with exit code %d: %s", id, exit, strings.TrimSpace(said.String()))
	}
	return nil
}

// machineOf is what an instance has.
func machineOf(c *cloud.Call, id string) (m machine, err error) {
	out, err := ec2.DescribeInstances.Call(c, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return m, err
	}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			if o := i.CpuOptions; o != nil {
				m.vcpus = int(cloud.Or(o.CoreCount, 1) * cloud.Or(o.ThreadsPerCore, 1))
			}
			types, err := ec2.DescribeInstanceTypes.Call(c, &ec2.DescribeInstanceTypesInput{InstanceTypes: []string{*i.InstanceType}})
			if err != nil {
				return m, err
			}
			for _, t := range types.InstanceTypes {
				m.memoryMiB = cloud.Or(t.MemoryInfo.SizeInMiB, 0)
			}
		}
	}
	return m, nil
}
