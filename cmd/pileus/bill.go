package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"pileus/meter"
)

func billCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "bill", Short: "Show what the usage would cost on AWS", Args: cobra.NoArgs,
		Long: `Show what the usage of this cloud would cost on AWS: metered in AWS's billing
units, priced from a dated list of public prices, free tier applied.`,
		Example: `  pileus bill
  pileus bill --by service,tag:team
  pileus bill --from 2026-01 --to 2026-02 --by account,hour --json`,
		RunE: func(c *cobra.Command, _ []string) error {
			q := url.Values{}
			for _, name := range []string{"by", "from", "to", "account", "region", "service"} {
				if v, _ := c.Flags().GetString(name); v != "" {
					q.Set(name, v)
				}
			}
			var b meter.Bill
			if err := connect(c).do(c.Context(), http.MethodGet, "/_pileus/bill?"+q.Encode(), nil, &b); err != nil {
				return err
			}
			if asJSON, _ := c.Flags().GetBool("json"); asJSON {
				return printJSON(c.OutOrStdout(), b)
			}
			return printBill(c.OutOrStdout(), &b)
		},
	}
	f := c.Flags()
	f.String("by", "service", "group by account, region, service, hour, tag:KEY; several with commas")
	f.String("from", "", "first day or time (default: the first of this month)")
	f.String("to", "", "end (default: now, by the cloud's clock)")
	f.String("account", "", "only this account")
	f.String("region", "", "only this region")
	f.String("service", "", "only this service")
	f.Bool("json", false, "print JSON")
	return c
}

func printBill(w io.Writer, b *meter.Bill) error {
	fmt.Fprintf(w, "%s to %s\n\n", b.From.Format(time.RFC3339), b.To.Format(time.RFC3339))
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tUSAGE\tQUANTITY\tUNIT\tRATE\tCOST (%s)\n", strings.ToUpper(strings.Join(b.By, "\t")), b.Currency)
	for _, l := range b.Lines {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.6f\n", strings.Join(l.Group, "\t"), l.Type, amount(l.Quantity), l.Unit, price(l.Rate), l.Cost)
	}
	fmt.Fprintf(t, "total%s\t\t\t\t\t%.6f\n", strings.Repeat("\t", max(len(b.By)-1, 0)), b.Total)
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, n := range b.Notes {
		fmt.Fprintln(w, n)
	}
	return nil
}

// amount writes a quantity for people: no exponents, no more than six places.
func amount(q float64) string {
	if q != 0 && math.Abs(q) < 1e-6 {
		return "< 0.000001"
	}
	return price(math.Round(q*1e6) / 1e6)
}

// price writes a number in full.
func price(p float64) string { return strconv.FormatFloat(p, 'f', -1, 64) }
