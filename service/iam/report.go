package iam

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strconv"
	"time"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// report is an account's credential report.
type report struct {
	Account   string
	Asked     time.Time // of the generation under way, zero when none is
	Content   []byte
	Generated time.Time
}

var reports = &store.Table[report]{
	Name: "iam.report",
	Key:  func(x *report) store.Key { return store.K(x.Account) },
}

const (
	reportController = "iam.report"
	reportDelay      = 2 * time.Second
	reportLife       = 4 * time.Hour // a report is served, and not made anew, for this long
)

func generateCredentialReport(c *cloud.Call, tx store.Tx, _ *cloud.Empty) (*api.GenerateCredentialReportOutput, error) {
	x, ok := reports.Get(tx, c.Account)
	if !ok {
		x = &report{Account: c.Account}
	}
	switch {
	case !x.Asked.IsZero():
		return &api.GenerateCredentialReportOutput{State: new(api.ReportStateTypeInprogress)}, nil
	case !x.Generated.IsZero() && c.Now.Sub(x.Generated) < reportLife:
		return &api.GenerateCredentialReportOutput{State: new(api.ReportStateTypeComplete)}, nil
	}
	x.Asked = c.Now
	reports.Put(tx, x)
	tx.After(c.Now.Add(reportDelay), reportController, store.K(c.Account))
	return &api.GenerateCredentialReportOutput{State: new(api.ReportStateTypeStarted),
		Description: new("No report exists. Starting a new report generation task")}, nil
}

func getCredentialReport(c *cloud.Call, r store.Reader, _ *cloud.Empty) (*api.GetCredentialReportOutput, error) {
	x, ok := reports.Get(r, c.Account)
	switch {
	case !ok:
		return nil, api.ErrCredentialReportNotPresent.New("No report present. Use GenerateCredentialReport to create a report.")
	case !x.Asked.IsZero():
		return nil, api.ErrCredentialReportNotReady.New("The report is being generated.")
	case c.Now.Sub(x.Generated) >= reportLife:
		return nil, api.ErrCredentialReportExpired.New("The most recent report has expired. Use GenerateCredentialReport to create a new one.")
	}
	return &api.GetCredentialReportOutput{Content: x.Content, ReportFormat: new(api.ReportFormatTypeTextCsv), GeneratedTime: &x.Generated}, nil
}

// writeReport makes the report that was asked for.
func writeReport(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		x, ok := reports.Get(tx, key...)
		if !ok || x.Asked.IsZero() {
			return nil
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		rows := append([][]string{reportColumns, rootRow(tx, x.Account, c.Now)}, userRows(tx, x.Account)...)
		if err := w.WriteAll(rows); err != nil {
			return err
		}
		x.Content, x.Generated, x.Asked = bytes.TrimSuffix(b.Bytes(), []byte("\n")), c.Now, time.Time{}
		reports.Put(tx, x)
		return nil
	})
}

// reportColumns are in AWS's order (id_credentials_getting-report.html).
var reportColumns = []string{
	"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
	"password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
}

const (
	notApplicable = "N/A"
	notSupported  = "not_supported"
)

func reportTime(t time.Time, none string) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format("2006-01-02T15:04:05+00:00")
}

func rootRow(r store.Reader, account string, now time.Time) []string {
	a := &identity.Account{Created: now}
	if found, ok := identity.Accounts.Get(r, account); ok {
		a = found
	}
	row := []string{"<root_account>", "arn:aws:iam::" + account + ":root", reportTime(a.Created, notApplicable),
		notSupported, "no_information", notSupported, notSupported, strconv.FormatBool(len(a.RootMFA) > 0)}
	return append(row, credentialColumns(r, account, "")...)
}

func userRows(r store.Reader, account string) [][]string {
	rule, _ := passwordPolicy(r, account)
	var rows [][]string
	for u := range identity.Users.Scan(r, account) {
		row := []string{u.Name, u.ARN, reportTime(u.Created, notApplicable)}
		if u.Login == nil {
			row = append(row, "false", notApplicable, notApplicable, notApplicable)
		} else {
			var next time.Time
			if rule.MaxAge > 0 {
				next = u.Login.Changed.AddDate(0, 0, int(rule.MaxAge))
			}
			row = append(row, "true", reportTime(u.PasswordLastUsed, "no_information"),
				reportTime(u.Login.Changed, notApplicable), reportTime(next, notApplicable))
		}
		row = append(row, strconv.FormatBool(len(u.MFA) > 0))
		rows = append(rows, append(row, credentialColumns(r, account, u.Name)...))
	}
	return rows
}

// credentialColumns are those of two access keys and two certificates.
func credentialColumns(r store.Reader, account, user string) []string {
	var cols []string
	keys := keysOf(r, account, user)
	for i := range accessKeysQuota {
		if i >= len(keys) {
			cols = append(cols, "false", notApplicable, notApplicable, notApplicable, notApplicable)
			continue
		}
		cols = append(cols, strconv.FormatBool(!keys[i].Inactive), reportTime(keys[i].Created, notApplicable))
		if used, ok := identity.KeyLastSeen(r, keys[i].ID); ok {
			cols = append(cols, reportTime(used.At, notApplicable), used.Region, used.Service)
		} else {
			cols = append(cols, notApplicable, notApplicable, notApplicable)
		}
	}
	certs := signingOf(r, account, user)
	slices.SortStableFunc(certs, func(a, b *identity.SigningCertificate) int { return a.Uploaded.Compare(b.Uploaded) })
	for i := range signingCertsQuota {
		if i >= len(certs) {
			cols = append(cols, "false", notApplicable)
			continue
		}
		cols = append(cols, strconv.FormatBool(!certs[i].Inactive), reportTime(certs[i].Uploaded, notApplicable))
	}
	return cols
}
