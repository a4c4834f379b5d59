package math

import (
	"slices"
	"strings"
	"testing"
)

// TestTokens holds the table of the user guide.
func TestTokens(t *testing.T) {
	for name, want := range map[string][]string{
		"CustomCount1":      {"custom", "count", "1"},
		"SDBFailure":        {"sdb", "failure"},
		"Project2-trial333": {"project", "2", "trial", "333"},
		"Network-Errors_2":  {"network", "errors", "2"},
		"couNT":             {"cou", "nt"},
		"":                  nil,
	} {
		got := splitWords(name)
		if lower(got); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// TestSearch tries the searches of the user guide on a few metrics.
func TestSearch(t *testing.T) {
	metrics := map[string]*Metric{
		"cpu":     {Namespace: "AWS/EC2", Name: "CPUUtilization", Dimensions: []Dimension{{"InstanceId", "i-1234567890123456"}}},
		"cpu2":    {Namespace: "AWS/EC2", Name: "CPUUtilization", Dimensions: []Dimension{{"InstanceId", "i-2"}}},
		"type":    {Namespace: "AWS/EC2", Name: "CPUUtilization", Dimensions: []Dimension{{"InstanceType", "t2.micro"}}},
		"packets": {Namespace: "AWS/EC2", Name: "NetworkPacketsIn", Dimensions: []Dimension{{"InstanceId", "i-2"}}},
		"custom":  {Namespace: "MyNamespace", Name: "CustomCount1"},
		"net":     {Namespace: "My Namespace", Name: "Network-Errors-2", Dimensions: []Dimension{{"Dimension@Name", "x"}}},
		"net2":    {Namespace: "Shop", Name: "NetworkErrors2", Dimensions: []Dimension{{"A", "1"}, {"B", "2"}}},
		"errors":  {Namespace: "AWS/Lambda", Name: "Errors", Dimensions: []Dimension{{"FunctionName", "buy"}}},
		"calls":   {Namespace: "AWS/Lambda", Name: "Invocations", Dimensions: []Dimension{{"FunctionName", "ProjectA-run"}}},
		"calls2":  {Namespace: "AWS/Lambda", Name: "Invocations", Dimensions: []Dimension{{"FunctionName", "other"}}},
		"odd":     {Namespace: "Odd", Name: `Europe\France Traffic(Network)`},
	}
	for query, want := range map[string]string{
		`{AWS/EC2,InstanceId} MetricName="CPUUtilization"`: "cpu cpu2",
		`{AWS/EC2,InstanceId}`:                             "cpu cpu2 packets",
		`{AWS/EC2}`:                                        "cpu cpu2 packets type",
		`{AWS/EC2,InstanceId} MetricName="CPUUtilization" NOT i-1234567890123456`: "cpu2",
		`{AWS/EC2,InstanceId} network AND packets`:                                "packets",
		`{AWS/EC2,InstanceId} network packets`:                                    "packets",
		`{AWS/EC2,InstanceId}, network OR CPU`:                                    "cpu cpu2 packets",
		`"AWS/EC2" MetricName="CPUUtilization"`:                                   "cpu cpu2 type",
		`InstanceType=micro`:                                                      "type",
		`InstanceType="t2.micro" Namespace="AWS/EC2"`:                             "type",
		`NOT Namespace=AWS`:                                                       "custom net net2 odd",
		`{MyNamespace}, "CustomCount1"`:                                           "custom",
		`{MyNamespace}, "customcount1"`:                                           "",
		`{MyNamespace} "Custom"`:                                                  "",
		"count":                                                                   "custom",
		"COUNT":                                                                   "custom",
		"CustomCount":                                                             "custom",
		"Count1":                                                                  "custom",
		"couNT":                                                                   "",
		"customcount":                                                             "",
		"count1":                                                                  "",
		"network/errors":                                                          "net net2",
		"network+errors":                                                          "net net2",
		"Network_Errors":                                                          "net net2",
		`{"My Namespace", "Dimension@Name"}, "Network-Errors-2"`: "net",
		`"Network_Errors_2"`:                  "",
		`{Shop, B, A}`:                        "net2",
		`{Shop, A}`:                           "",
		`"Europe\\France Traffic\(Network\)"`: "odd",
		`{AWS/Lambda,FunctionName} MetricName="Errors" OR (MetricName="Invocations" AND (ProjectA OR ProjectB))`: "calls errors",
		`{AWS/EC2,InstanceId} "InstanceId"=("i-2" OR "i-3") MetricName="CPUUtilization"`:                         "cpu2",
		`(EC2 OR Lambda) MetricName=Errors`:      "errors",
		`NOT "AWS/EC2" NOT "AWS/Lambda" Network`: "net net2 odd",
	} {
		s, err := ParseSearch(query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var got []string
		for name, m := range metrics {
			if s.Finds(m) {
				got = append(got, name)
			}
		}
		if slices.Sort(got); strings.Join(got, " ") != want {
			t.Errorf("%s finds %v, want %s", query, got, want)
		}
	}
	for _, query := range []string{"", "{", "{}", "{a", `"a`, "(a", "a)", "a OR", "NOT", "{a} {b} (", "A=", "A=(x", strings.Repeat("a ", 600)} {
		if s, err := ParseSearch(query); err == nil {
			t.Errorf("%q is understood as %+v", query, s)
		}
	}
}

// TestInsight tries the clauses of Metrics Insights.
func TestInsight(t *testing.T) {
	q, err := ParseInsight(`select AVG(CPUUtilization) FROM SCHEMA("AWS/EC2", InstanceId, "a b") WHERE InstanceId != 'i-\'1' AND Type = 't' GROUP BY InstanceId, Type ORDER BY max() desc LIMIT 5`)
	if err != nil {
		t.Fatal(err)
	}
	if q.Function != "AVG" || q.Metric != "CPUUtilization" || q.Namespace != "AWS/EC2" || !q.Schema || !slices.Equal(q.Names, []string{"InstanceId", "a b"}) ||
		!slices.Equal(q.Where, []Condition{{"InstanceId", "i-'1", true}, {"Type", "t", false}}) || !slices.Equal(q.GroupBy, []string{"InstanceId", "Type"}) ||
		q.OrderBy != "MAX" || !q.Falling || q.Limit != 5 {
		t.Errorf("query %+v", q)
	}
	a := &Metric{Namespace: "N", Name: "M", Dimensions: []Dimension{{"Id", "1"}}}
	b := &Metric{Namespace: "N", Name: "M"}
	for text, want := range map[string][2]bool{
		`SELECT SUM(M) FROM N`:                          {true, true},
		`SELECT SUM("M") FROM "N"`:                      {true, true},
		`SELECT SUM(M) FROM SCHEMA(N)`:                  {false, true},
		`SELECT SUM(M) FROM SCHEMA(N, Id)`:              {true, false},
		`SELECT SUM(M) FROM N WHERE Id = '1'`:           {true, false},
		`SELECT SUM(M) FROM N WHERE Id != '1'`:          {false, true},
		"\n\tselect\tSUM(M)\nFROM N ORDER BY AVG() ASC": {true, true},
		`SELECT SUM(M) FROM Other`:                      {false, false},
	} {
		q, err := ParseInsight(text)
		if err != nil || !IsInsight(text) {
			t.Errorf("%s: %v", text, err)
		} else if got := [2]bool{q.Finds(a), q.Finds(b)}; got != want {
			t.Errorf("%s finds %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"SELECT", "SELECT M FROM N", "SELECT SUM(M)", "SELECT MEDIAN(M) FROM N", "SELECT SUM(M) FROM N WHERE Id = 1", `SELECT SUM(M) FROM N WHERE Id = "1"`,
		"SELECT SUM(M) FROM N LIMIT 501", "SELECT SUM(M) FROM N LIMIT 0", "SELECT SUM(M) FROM AWS/EC2", "SELECT SUM(M) FROM N GROUP Id", "SELECT SUM(LIMIT) FROM N", "SELECT SUM(M) FROM 'N'", "SELECT SUM(M) FROM N x"} {
		if q, err := ParseInsight(text); err == nil {
			t.Errorf("%s is understood as %+v", text, q)
		}
	}
}
