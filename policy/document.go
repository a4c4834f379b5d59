package policy

// Document is a compiled policy document.
type Document struct {
	Text string
}
