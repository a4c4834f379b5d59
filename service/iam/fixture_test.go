package iam_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/service/iam"
	"pileus/store"
)

// material is what takes a while to make: keys and certificates.
type material struct {
	cert, key     string // PEM; a certificate that an authority signed, and its key
	authority     string // the authority's certificate
	other         string // another certificate, of the same authority
	expired       string
	sshKey, ssh2  string
	metadata      string // of a SAML identity provider
	privateKeyPEM string // PKCS #8
	hash          []byte // of oldWord
}

var made = sync.OnceValue(func() *material {
	m := &material{hash: identity.HashPassword(oldWord)}
	caKey, key := newKey(), newKey()
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: nodetest.Epoch.AddDate(-1, 0, 0), NotAfter: nodetest.Epoch.AddDate(10, 0, 0)}
	der := sign(ca, ca, &caKey.PublicKey, caKey)
	m.authority = armour("CERTIFICATE", der)
	m.metadata = `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>` +
		base64.StdEncoding.EncodeToString(der) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/sso"></SingleSignOnService></IDPSSODescriptor></EntityDescriptor>` +
		"<!-- as long as the shortest that AWS takes -->"
	for len(m.metadata) < 1000 {
		m.metadata += "\n"
	}
	leaf := func(serial int64, until time.Time) string {
		return armour("CERTIFICATE", sign(&x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "www.example.com"},
			NotBefore: nodetest.Epoch.AddDate(-1, 0, 0), NotAfter: until}, ca, &key.PublicKey, caKey))
	}
	m.cert, m.other = leaf(2, nodetest.Epoch.AddDate(1, 0, 0)), leaf(3, nodetest.Epoch.AddDate(1, 0, 0))
	m.expired = leaf(4, nodetest.Epoch.AddDate(0, 0, -1))
	m.key = armour("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	m.privateKeyPEM = armour("PRIVATE KEY", pkcs8)
	m.sshKey, m.ssh2 = authorized(&key.PublicKey), authorized(&caKey.PublicKey)
	return m
})

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

func sign(cert, by *x509.Certificate, public *rsa.PublicKey, key *rsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, cert, by, public, key)
	if err != nil {
		panic(err)
	}
	return der
}

func armour(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func authorized(public *rsa.PublicKey) string {
	k, err := ssh.NewPublicKey(public)
	if err != nil {
		panic(err)
	}
	return string(ssh.MarshalAuthorizedKey(k))
}

// fixture is one of everything that IAM has, and the names that were given to
// it. Users, groups and roles are u, g and r with all that can belong to them;
// bareu, bareg, barer, barep and barei have nothing and can be deleted.
type fixture struct {
	w                       *nodetest.World
	policy, bare            string // ARNs of customer-managed policies
	key, signing, ssh, cred string // ids of u's credentials
	device, spare           string // serials: u's, and nobody's
	codes, next             [2]string
	oidc, saml              string // ARNs
	job, orgJob, deletion   string
	// ids of delegation requests: new, taken on by root, approved by root
	asked, owned, approved     string
	linkedRole, linkedRoleName string
}

const (
	issuer  = "https://idp.example.com/realm"
	oldWord = "Correct-Horse-7"
)

// furnish makes the fixture.
func furnish(t *testing.T) *fixture {
	w := nodetest.New(t, iam.Module())
	f := &fixture{w: w}
	f.principals()
	f.credentials()
	f.providers()
	f.organization()
	nodetest.Do(w, &api.CreateAccountAlias, &api.CreateAccountAliasInput{AccountAlias: "my-cloud"})
	nodetest.Do(w, &api.UpdateAccountPasswordPolicy, &api.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: new(int32(8))})
	nodetest.Do(w, &api.GenerateCredentialReport, nil)
	w.Advance(time.Minute)
	f.delegations()
	return f
}

func (f *fixture) principals() {
	w := f.w
	tags := []api.Tag{{Key: "team", Value: "blue"}}
	f.policy = *nodetest.Do(w, &api.CreatePolicy, &api.CreatePolicyInput{PolicyName: "p", PolicyDocument: allowList, Tags: tags}).Policy.Arn
	f.bare = *nodetest.Do(w, &api.CreatePolicy, &api.CreatePolicyInput{PolicyName: "barep", PolicyDocument: allowList}).Policy.Arn
	nodetest.Do(w, &api.CreatePolicyVersion, &api.CreatePolicyVersionInput{PolicyArn: f.policy, PolicyDocument: allowList})
	for _, name := range []string{"u", "bareu"} {
		nodetest.Do(w, &api.CreateUser, &api.CreateUserInput{UserName: name, Tags: tags})
	}
	for _, name := range []string{"g", "bareg"} {
		nodetest.Do(w, &api.CreateGroup, &api.CreateGroupInput{GroupName: name})
	}
	for _, name := range []string{"r", "barer"} {
		nodetest.Do(w, &api.CreateRole, &api.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: ec2Trust, Tags: tags})
	}
	for _, name := range []string{"i", "barei"} {
		nodetest.Do(w, &api.CreateInstanceProfile, &api.CreateInstanceProfileInput{InstanceProfileName: name, Tags: tags})
	}
	nodetest.Do(w, &api.AddUserToGroup, &api.AddUserToGroupInput{GroupName: "g", UserName: "u"})
	nodetest.Do(w, &api.AddRoleToInstanceProfile, &api.AddRoleToInstanceProfileInput{InstanceProfileName: "i", RoleName: "r"})
	nodetest.Do(w, &api.AttachUserPolicy, &api.AttachUserPolicyInput{UserName: "u", PolicyArn: f.policy})
	nodetest.Do(w, &api.AttachGroupPolicy, &api.AttachGroupPolicyInput{GroupName: "g", PolicyArn: f.policy})
	nodetest.Do(w, &api.AttachRolePolicy, &api.AttachRolePolicyInput{RoleName: "r", PolicyArn: f.policy})
	nodetest.Do(w, &api.PutUserPolicy, &api.PutUserPolicyInput{UserName: "u", PolicyName: "inline", PolicyDocument: allowList})
	nodetest.Do(w, &api.PutGroupPolicy, &api.PutGroupPolicyInput{GroupName: "g", PolicyName: "inline", PolicyDocument: allowList})
	nodetest.Do(w, &api.PutRolePolicy, &api.PutRolePolicyInput{RoleName: "r", PolicyName: "inline", PolicyDocument: allowList})
	nodetest.Do(w, &api.PutUserPermissionsBoundary, &api.PutUserPermissionsBoundaryInput{UserName: "u", PermissionsBoundary: admin})
	nodetest.Do(w, &api.PutRolePermissionsBoundary, &api.PutRolePermissionsBoundaryInput{RoleName: "r", PermissionsBoundary: admin})
	role := nodetest.Do(w, &api.CreateServiceLinkedRole, &api.CreateServiceLinkedRoleInput{AWSServiceName: "elasticloadbalancing.amazonaws.com"}).Role
	f.linkedRole, f.linkedRoleName = role.Arn, role.RoleName
	role = nodetest.Do(w, &api.CreateServiceLinkedRole, &api.CreateServiceLinkedRoleInput{AWSServiceName: "ecs.amazonaws.com"}).Role
	f.deletion = nodetest.Do(w, &api.DeleteServiceLinkedRole, &api.DeleteServiceLinkedRoleInput{RoleName: role.RoleName}).DeletionTaskId
	f.job = *nodetest.Do(w, &api.GenerateServiceLastAccessedDetails, &api.GenerateServiceLastAccessedDetailsInput{Arn: arnHead + "user/u"}).JobId
}

func (f *fixture) credentials() {
	w, m := f.w, made()
	f.key = nodetest.Do(w, &api.CreateAccessKey, &api.CreateAccessKeyInput{UserName: new("u")}).AccessKey.AccessKeyId
	f.signing = nodetest.Do(w, &api.UploadSigningCertificate, &api.UploadSigningCertificateInput{UserName: new("u"), CertificateBody: m.cert}).Certificate.CertificateId
	f.ssh = nodetest.Do(w, &api.UploadSSHPublicKey, &api.UploadSSHPublicKeyInput{UserName: "u", SSHPublicKeyBody: m.sshKey}).SSHPublicKey.SSHPublicKeyId
	f.cred = nodetest.Do(w, &api.CreateServiceSpecificCredential, &api.CreateServiceSpecificCredentialInput{UserName: "u", ServiceName: "codecommit.amazonaws.com"}).ServiceSpecificCredential.ServiceSpecificCredentialId
	nodetest.Do(w, &api.UploadServerCertificate, &api.UploadServerCertificateInput{ServerCertificateName: "cert", CertificateBody: m.cert, PrivateKey: m.key, Tags: []api.Tag{{Key: "team", Value: "blue"}}})
	f.device = nodetest.Do(w, &api.CreateVirtualMFADevice, &api.CreateVirtualMFADeviceInput{VirtualMFADeviceName: "m", Tags: []api.Tag{{Key: "team", Value: "blue"}}}).VirtualMFADevice.SerialNumber
	f.spare = nodetest.Do(w, &api.CreateVirtualMFADevice, &api.CreateVirtualMFADeviceInput{VirtualMFADeviceName: "spare"}).VirtualMFADevice.SerialNumber
	codes := f.codesOf(f.device, -4)
	nodetest.Do(w, &api.EnableMFADevice, &api.EnableMFADeviceInput{UserName: "u", SerialNumber: f.device, AuthenticationCode1: codes[0], AuthenticationCode2: codes[1]})
	f.next, f.codes = f.codesOf(f.device, 0), f.codesOf(f.spare, 0)
	w.Update(func(tx store.Tx) {
		u, _ := identity.FindUser(tx, account, "u")
		u.Login = &identity.Login{Hash: m.hash, Created: w.Now(), Changed: w.Now()}
		identity.Users.Put(tx, u)
	})
}

// codesOf are two consecutive codes that a device shows, some steps from now
// by the machine's time, which authenticator applications go by.
func (f *fixture) codesOf(serial string, steps int) (codes [2]string) {
	f.w.View(func(r store.Reader) {
		d, ok := identity.MFADevices.Get(r, account, serial)
		if !ok {
			f.w.T.Fatalf("no device %s", serial)
		}
		for i := range codes {
			codes[i] = d.Code(f.w.Clock().Machine().Add(time.Duration(steps+i) * 30 * time.Second))
		}
	})
	return codes
}

func (f *fixture) providers() {
	tags := []api.Tag{{Key: "team", Value: "blue"}}
	f.oidc = *nodetest.Do(f.w, &api.CreateOpenIDConnectProvider, &api.CreateOpenIDConnectProviderInput{Url: issuer, ClientIDList: []string{"app"}, Tags: tags}).OpenIDConnectProviderArn
	nodetest.Do(f.w, &api.EnableOutboundWebIdentityFederation, new(cloud.Empty))
	f.saml = *nodetest.Do(f.w, &api.CreateSAMLProvider, &api.CreateSAMLProviderInput{Name: "idp", SAMLMetadataDocument: made().metadata, Tags: tags}).SAMLProviderArn
}

// delegations are requests of the account to itself.
func (f *fixture) delegations() {
	for _, id := range []*string{&f.asked, &f.owned, &f.approved} {
		*id = *nodetest.Do(f.w, &api.CreateDelegationRequest, f.ask()).DelegationRequestId
		if id != &f.asked {
			nodetest.Do(f.w, &api.AssociateDelegationRequest, &api.AssociateDelegationRequestInput{DelegationRequestId: *id})
		}
	}
	nodetest.Do(f.w, &api.AcceptDelegationRequest, &api.AcceptDelegationRequestInput{DelegationRequestId: f.approved})
}

func (f *fixture) ask() *api.CreateDelegationRequestInput {
	return &api.CreateDelegationRequestInput{Description: "set up", RequestorWorkflowId: f.w.Gate().Rand().UUID(), SessionDuration: 900,
		NotificationChannel: "arn:aws:sqs:us-east-1:" + account + ":notices", Permissions: api.DelegationPermission{PolicyTemplateArn: &f.policy}}
}

// organization makes the account the manager of one.
func (f *fixture) organization() {
	f.w.Update(func(tx store.Tx) {
		identity.Organizations.Put(tx, &identity.Organization{ID: "o-abcdefghij", RootID: "r-abcd", Management: account, AllFeatures: true,
			Services: map[string]time.Time{"iam.amazonaws.com": f.w.Now()}})
		identity.Members.Put(tx, &identity.Member{Organization: "o-abcdefghij", Account: account, Parent: "r-abcd", Status: "ACTIVE"})
		identity.Touch(tx, identity.OrganizationScope)
	})
	f.orgJob = *nodetest.Do(f.w, &api.GenerateOrganizationsAccessReport, &api.GenerateOrganizationsAccessReportInput{EntityPath: "o-abcdefghij/r-abcd"}).JobId
}
