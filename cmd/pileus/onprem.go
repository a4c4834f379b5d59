package main

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"pileus/node"
)

func onpremCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "onprem", Short: "Try out VPN connections with a network on premises",
		Long: `Make a network namespace that stands for a network on premises, behind the
customer gateway of a VPN connection: it has its ends of the two tunnels and
routes to the VPC. "ip netns exec" runs programs there.`,
		Example: "  pileus onprem up vpn-0a1b2c3d4e5f60718\n  pileus onprem list",
	}
	c.PersistentFlags().String("account", node.DefaultAccount, "the account that has the VPN connection")
	c.PersistentFlags().String("region", node.DefaultRegion, "its region")
	up := &cobra.Command{
		Use: "up VPN_CONNECTION", Short: "Make the network behind a VPN connection", Args: cobra.ExactArgs(1),
		Example: "  pileus onprem up vpn-0a1b2c3d4e5f60718 --network 192.168.10.0/24",
		RunE:    func(c *cobra.Command, args []string) error { return onprem(c, http.MethodPut, args[0]) },
	}
	up.Flags().StringSlice("network", nil, "its ranges, where they are not those of the connection's static routes")
	down := &cobra.Command{
		Use: "down VPN_CONNECTION", Short: "Take the network behind a VPN connection away", Args: cobra.ExactArgs(1),
		Example: "  pileus onprem down vpn-0a1b2c3d4e5f60718",
		RunE:    func(c *cobra.Command, args []string) error { return onprem(c, http.MethodDelete, args[0]) },
	}
	list := &cobra.Command{
		Use: "list", Short: "List the networks on premises that there are", Args: cobra.NoArgs,
		Example: "  pileus onprem list",
		RunE:    func(c *cobra.Command, _ []string) error { return onprem(c, http.MethodGet, "") },
	}
	return group(c, up, down, list)
}

func onprem(c *cobra.Command, method, id string) error {
	q := url.Values{}
	if id != "" {
		q.Set("vpn", id)
	}
	for _, name := range []string{"account", "region"} {
		q.Set(name, c.Flag(name).Value.String())
	}
	if c.Flags().Lookup("network") != nil {
		q["network"], _ = c.Flags().GetStringSlice("network")
	}
	var out struct{ Sites []string }
	if err := connect(c).do(c.Context(), method, "/_pileus/network/onprem?"+q.Encode(), nil, &out); err != nil {
		return err
	}
	for _, s := range out.Sites {
		fmt.Fprintln(c.OutOrStdout(), s)
	}
	return nil
}
