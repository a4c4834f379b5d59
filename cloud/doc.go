// Package cloud is the vocabulary that every service shares: operations,
// calls, principals, errors, access, controllers, modules. It knows no
// service, no protocol and no backend.
package cloud
