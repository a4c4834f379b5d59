package lb

import (
	"crypto/tls"
	"strings"
)

// CipherName is the name that AWS's logs and headers have for a cipher: that
// of OpenSSL, which for TLS 1.3 is that of everybody.
func CipherName(id uint16) string {
	name := tls.CipherSuiteName(id)
	rest, ok := strings.CutPrefix(name, "TLS_")
	exchange, cipher, with := strings.Cut(rest, "_WITH_")
	if !ok || !with {
		return name
	}
	cipher = strings.NewReplacer("AES_128", "AES128", "AES_256", "AES256", "_CBC", "", "RC4_128", "RC4", "CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305",
		"3DES_EDE", "DES_CBC3").Replace(cipher)
	if exchange != "RSA" {
		cipher = exchange + "_" + cipher
	}
	return strings.ReplaceAll(cipher, "_", "-")
}

// tlsVersionName is a version as network load balancers log it.
func tlsVersionName(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return "tlsv13"
	case tls.VersionTLS12:
		return "tlsv12"
	case tls.VersionTLS11:
		return "tlsv11"
	}
	return "tlsv1"
}

// classicVersionName is a version as application and classic load balancers log
// it.
func classicVersionName(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return "TLSv1.3"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS11:
		return "TLSv1.1"
	}
	return "TLSv1"
}
