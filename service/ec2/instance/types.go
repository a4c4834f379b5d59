package instance

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"

	"pileus/internal/packed"
)

// typesTable is what EC2 offers: types.csv, whose head says what the columns are.
//
//go:embed types.csv.gz
var typesTable []byte

// Type is what is known of an instance type.
type Type struct {
	Name          string // "t3.micro"
	flags         string // letters, see types.csv
	Architectures []string
	manufacturer  string
	ghz           float64
	VCPUs         int
	cores         int
	threads       int
	validCores    []int32
	validThreads  []int32
	MemoryMiB     int
	hypervisor    string
	network       network
	ebs           ebsFacts
	Disks         []Disk // instance store
	diskNVMe      string
	gpus          []gpu
	usageClasses  []string
	rootDevices   []string
	virtual       []string
	bootModes     []string
	placement     []string
}

// network are a type's network facts.
type network struct {
	performance    string
	interfaces     int // at most
	ipv4, ipv6     int // addresses of one interface
	ena            string
	cards          int
	firstCard      int // interfaces of card 0
	baseline, peak float64
}

type ebsFacts struct {
	optimized, nvme        string
	baseline, baselineIOPS int // Mbps
	maximum, maximumIOPS   int
}

// Disk are the disks of one size of a type's instance store.
type Disk struct {
	Count int
	GB    int
	HDD   bool
}

type gpu struct {
	count              int
	manufacturer, name string
	memoryMiB          int
}

// has tells whether the type has one of the table's flags.
func (t *Type) has(flag byte) bool { return strings.IndexByte(t.flags, flag) >= 0 }

// Burstable tells whether the type has CPU credits.
func (t *Type) Burstable() bool { return t.has('t') }

// Family is the part of the name before the dot.
func (t *Type) Family() string {
	family, _, _ := strings.Cut(t.Name, ".")
	return family
}

// Interfaces is how many network interfaces an instance of the type may have.
func (t *Type) Interfaces() int { return t.network.interfaces }

// catalogue is the parsed table, by name and in the order of names. The table
// is embedded, so an error in it is a bug.
type catalogue struct {
	byName map[string]*Type
	names  []string
}

var types = sync.OnceValue(func() *catalogue {
	list, err := parseTypes(string(packed.Text(typesTable)))
	if err != nil {
		panic(err)
	}
	return list
})

// FindType is the type of a name.
func FindType(name string) (*Type, bool) {
	t, ok := types().byName[name]
	return t, ok
}

func parseTypes(text string) (*catalogue, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("ec2: instance types: %w", err)
	}
	c := &catalogue{byName: make(map[string]*Type, len(rows))}
	for _, row := range rows[1:] {
		t, err := parseType(row)
		if err != nil {
			return nil, fmt.Errorf("ec2: instance type %s: %w", row[0], err)
		}
		c.byName[t.Name] = t
		c.names = append(c.names, t.Name)
	}
	slices.Sort(c.names)
	return c, nil
}

// columns reads the cells of a row from the left; the first error stays.
type columns struct {
	row []string
	err error
}

func (c *columns) text() string {
	s := c.row[0]
	c.row = c.row[1:]
	return s
}

func (c *columns) words() []string { return strings.Fields(c.text()) }

func (c *columns) number() int {
	s := c.text()
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		c.err = err
	}
	return n
}

func (c *columns) float() float64 {
	s := c.text()
	if s == "" {
		return 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		c.err = err
	}
	return f
}

func (c *columns) numbers() (list []int32) {
	for _, w := range c.words() {
		n, err := strconv.Atoi(w)
		if err != nil {
			c.err = err
		}
		list = append(list, int32(n))
	}
	return list
}

func parseType(row []string) (*Type, error) {
	c := &columns{row: row}
	t := &Type{
		Name: c.text(), flags: c.text(), Architectures: c.words(), manufacturer: c.text(), ghz: c.float(),
		VCPUs: c.number(), cores: c.number(), threads: c.number(), validCores: c.numbers(), validThreads: c.numbers(),
		MemoryMiB: c.number(), hypervisor: c.text(),
		network: network{
			performance: c.text(), interfaces: c.number(), ipv4: c.number(), ipv6: c.number(), ena: c.text(),
			cards: c.number(), firstCard: c.number(), baseline: c.float(), peak: c.float(),
		},
		ebs: ebsFacts{optimized: c.text(), nvme: c.text(), baseline: c.number(), baselineIOPS: c.number(), maximum: c.number(), maximumIOPS: c.number()},
	}
	disks, nvme, gpus := c.words(), c.text(), c.text()
	t.diskNVMe = nvme
	t.usageClasses, t.rootDevices, t.virtual, t.bootModes, t.placement = c.words(), c.words(), c.words(), c.words(), c.words()
	for _, d := range disks {
		disk := Disk{HDD: strings.HasSuffix(d, "h")}
		if _, err := fmt.Sscanf(strings.TrimRight(d, "sh"), "%dx%d", &disk.Count, &disk.GB); err != nil {
			return nil, err
		}
		t.Disks = append(t.Disks, disk)
	}
	for g := range strings.SplitSeq(gpus, "; ") {
		if g == "" {
			continue
		}
		parsed, err := parseGPU(g)
		if err != nil {
			return nil, err
		}
		t.gpus = append(t.gpus, parsed)
	}
	return t, c.err
}

// parseGPU reads "4xNVIDIA/A10G/22888".
func parseGPU(s string) (g gpu, err error) {
	count, rest, ok := strings.Cut(s, "x")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return g, fmt.Errorf("%q is no GPU", s)
	}
	g.manufacturer, g.name = parts[0], parts[1]
	if g.count, err = strconv.Atoi(count); err != nil {
		return g, err
	}
	g.memoryMiB, err = strconv.Atoi(parts[2])
	return g, err
}

// Types yields the names of all types.
func Types() iter.Seq[string] { return slices.Values(types().names) }
