package lb

import (
	"crypto/tls"
	"time"
)

func (x *exchange) logLine() string { return "" }

func connectionLine(*client, *httpConfig, *tls.ConnectionState, time.Duration, error) string {
	return ""
}
