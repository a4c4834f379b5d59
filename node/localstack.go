package node

import (
	"net/http"
	"runtime"
	"time"
)

// localstack answers the endpoints by which tools made for LocalStack find out
// whether and what it runs.
func (n *Node) localstack(m *http.ServeMux) {
	health := func(w http.ResponseWriter, _ *http.Request) { reply(w, n.health(), nil) }
	m.HandleFunc("GET /_localstack/health", health)
	m.HandleFunc("GET /_pileus/health", health)
	m.HandleFunc("GET /_localstack/info", n.info)
	m.Handle("GET /_localstack/init", n.o.Init)
	m.Handle("GET /_localstack/init/{stage}", n.o.Init)
}

// compatible is the LocalStack release whose conventions are followed; tools
// compare it with what they need.
const compatible = "4.0.0"

func (n *Node) health() map[string]any {
	services := map[string]string{}
	for _, m := range n.Modules() {
		services[m.API.Name] = "running"
	}
	return map[string]any{"services": services, "edition": "pileus", "version": compatible}
}

func (n *Node) info(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]any{
		"version": compatible, "edition": "pileus", "pileus_version": n.o.Version,
		"is_license_activated": false, "session_id": n.Gate().Rand().UUID(), "machine_id": "", "system": runtime.GOOS,
		"is_docker": false, "server_time_utc": machine().Format(time.RFC3339), "uptime": int(n.started.Elapsed() / time.Second),
	}, nil)
}
