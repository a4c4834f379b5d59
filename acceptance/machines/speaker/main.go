// Command speaker speaks the protocols that load balancers carry, at both of
// their ends: for the suite of machines. It needs nothing beside itself, so that
// it runs in any instance.
//
//	speaker serve NAME                    a target; see serve.go for its ports
//	speaker stubborn PORT                 a target that takes nobody until SIGHUP
//	speaker websocket URL CA TEXT         sends a message and says what comes back
//	speaker packets ADDRESS N TEXT        sends N packets over UDP, and says the answers
//	speaker line ADDRESS [TEXT]           the same over TCP, with one line
//	speaker provider ADDRESS CERT KEY     an OpenID Connect provider; see provider.go
//	speaker verify KEY TOKEN              reads what a target was told of a user
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"time"

	"pileus/clock"
)

func main() {
	log.SetFlags(0)
	args := os.Args[1:]
	verbs := map[string]struct {
		arguments int
		run       func(args []string) error
	}{
		"serve":     {1, func(a []string) error { return serve(a[0]) }},
		"stubborn":  {1, func(a []string) error { return stubborn(a[0]) }},
		"websocket": {3, func(a []string) error { return callWebSocket(a[0], a[1], a[2]) }},
		"packets":   {3, packets},
		"line":      {2, func(a []string) error { return line(a[0], a[1]) }},
		"provider":  {3, func(a []string) error { return provide(a[0], a[1], a[2]) }},
		"verify":    {2, func(a []string) error { return verify(a[0], a[1]) }},
	}
	if len(args) == 0 {
		log.Fatal("speaker: say what to speak")
	}
	v, ok := verbs[args[0]]
	if !ok || len(args)-1 != v.arguments {
		log.Fatalf("speaker: cannot %q", args)
	}
	if err := v.run(args[1:]); err != nil {
		log.Fatal("speaker: ", err)
	}
}

// patience is how long a client waits for an answer.
const patience = 3 * time.Second

// packets sends packets from one port, one after the other, and prints the
// answers.
func packets(args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	for range n {
		if err := packet(args[0], args[2]); err != nil {
			return err
		}
	}
	return nil
}

// packet sends one packet from a port of its own.
func packet(to, text string) error {
	c, err := net.DialTimeout("udp", to, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte(text)); err != nil {
		return err
	}
	return hear(c)
}

// line sends a line and prints the one that comes back.
func line(to, text string) error {
	c, err := net.DialTimeout("tcp", to, patience)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fmt.Fprintln(c, text); err != nil {
		return err
	}
	return hear(c)
}

// hear prints a line, or fails when none comes in time.
func hear(c net.Conn) error {
	if err := c.SetDeadline(clock.Machine().Add(patience)); err != nil {
		return err
	}
	said, err := bufio.NewReader(c).ReadString('\n')
	if err == nil {
		fmt.Print(said)
	}
	return err
}
