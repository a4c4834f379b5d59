package sts_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sts"

	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/service/sts"
	"pileus/store"
)

// visit asks the federation endpoint, under the name that clients know it by
// or at its own path, without following redirects.
func visit(t *testing.T, w *nodetest.World, path, host string, query url.Values) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Endpoint+path+"?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func getToken(t *testing.T, w *nodetest.World, k nodetest.Keys, duration string) (string, int) {
	t.Helper()
	given, err := json.Marshal(map[string]string{"sessionId": k.AccessKey, "sessionKey": k.Secret, "sessionToken": k.Token})
	if err != nil {
		t.Fatal(err)
	}
	q := url.Values{"Action": {"getSigninToken"}, "Session": {string(given)}}
	if duration != "" {
		q.Set("SessionDuration", duration)
	}
	res, body := visit(t, w, "/federation", "signin.aws.amazon.com", q)
	var out struct{ SigninToken string }
	if res.StatusCode == http.StatusOK {
		if err := json.Unmarshal([]byte(body), &out); err != nil {
			t.Fatal(err)
		}
	}
	return out.SigninToken, res.StatusCode
}

func TestConsoleSignIn(t *testing.T) {
	w := world(t)
	user := w.User("u", nodetest.Allow("sts:*"))
	arn := role(w, account, "r", trusting(byAccount(account), ""), grants(nodetest.Allow("*")))
	assumed := session(must(assume(w, user, arn))(t).Credentials)
	federated := session(must(client(w, user).GetFederationToken(t.Context(), &sdk.GetFederationTokenInput{Name: aws.String("bob")}))(t).Credentials)
	own := session(must(client(w, user).GetSessionToken(t.Context(), &sdk.GetSessionTokenInput{}))(t).Credentials)
	chained := session(must(assume(w, assumed, arn))(t).Credentials)
	wrong := assumed
	wrong.Secret = "x"
	for name, test := range map[string]struct {
		keys     nodetest.Keys
		duration string
		status   int
	}{
		"a role":                       {assumed, "", 200},
		"a role, for twelve hours":     {assumed, "43200", 200},
		"for too long":                 {assumed, "43201", 400},
		"for no time":                  {assumed, "soon", 400},
		"a federation token":           {federated, "", 200},
		"a federation token, for long": {federated, "3600", 400},
		"a chained role":               {chained, "", 200},
		"a chained role, for long":     {chained, "3600", 400},
		"a session token":              {own, "", 400},
		"a user's own key":             {user, "", 400},
		"a wrong secret":               {wrong, "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			token, status := getToken(t, w, test.keys, test.duration)
			if status != test.status || (token != "") != (status == 200) {
				t.Errorf("status %d, token %q; want %d", status, token, test.status)
			}
		})
	}
	byPost, err := http.PostForm(w.Endpoint+"/_pileus/federation", url.Values{"Action": {"getSigninToken"}, "Session": {"{}"}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(byPost.Body)
	byPost.Body.Close()
	if err != nil || byPost.StatusCode != 400 || !strings.Contains(string(text), "sessionId") {
		t.Errorf("in a form, without credentials: %s: %s", byPost.Status, text)
	}
	token, _ := getToken(t, w, assumed, "")
	login := func(token, destination string) (*http.Response, string) {
		return visit(t, w, "/_pileus/federation", "", url.Values{"Action": {"login"}, "Issuer": {"https://corp.test"}, "Destination": {destination}, "SigninToken": {token}})
	}
	for destination, want := range map[string]string{
		"https://console.aws.amazon.com/s3?region=us-east-1":  w.Endpoint + "/s3?region=us-east-1",
		"https://us-east-1.console.aws.amazon.com//evil.test": w.Endpoint + "/evil.test",
		w.Endpoint + "/x":                           w.Endpoint + "/x",
		"https://evil.test/":                        "",
		"https://console.aws.amazon.com.evil.test/": "",
		"javascript:alert(1)":                       "",
	} {
		res, body := login(token, destination)
		if want == "" {
			equal(t, destination, res.StatusCode, 400)
			continue
		}
		if res.StatusCode != http.StatusFound || res.Header.Get("Location") != want {
			t.Errorf("%s: %s to %s: %s", destination, res.Status, res.Header.Get("Location"), body)
		}
	}
	res, _ := login(token, "https://console.aws.amazon.com/")
	cookie := res.Cookies()[0]
	equal(t, "cookie", cookie.Name, sts.ConsoleCookie)
	equal(t, "out of the reach of scripts", cookie.HttpOnly, true)
	w.View(func(r store.Reader) {
		b, ok := identity.Unseal(r, "console session", cookie.Value)
		var s sts.Signin
		if !ok || json.Unmarshal(b, &s) != nil || s.AccessKey != assumed.AccessKey {
			t.Errorf("the cookie holds %s", b)
		}
	})
	for _, bad := range []string{"", "x", token + "A", cookie.Value} {
		res, _ := login(bad, "https://console.aws.amazon.com/")
		equal(t, "status with "+bad, res.StatusCode, 400)
	}
}

func TestFederationPathsOfOtherServices(t *testing.T) {
	w := world(t)
	res, body := visit(t, w, "/_pileus/federation", "", url.Values{"Action": {"fly"}})
	if res.StatusCode != 400 || !strings.Contains(body, "InvalidAction") {
		t.Errorf("%s: %s", res.Status, body)
	}
}
