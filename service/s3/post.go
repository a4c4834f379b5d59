package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"strings"

	"pileus/cloud"
	"pileus/sigv4"

	api "pileus/api/s3"
)

// maxForm bounds what comes before the file in a browser's upload.
const maxForm = 20 << 10

// postUpload answers a browser's form upload: POST to a bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
func postUpload(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || r.URL.RawQuery != "" || c.HTTP == nil {
		return false
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		return false
	}
	bucket := requestBucket(c, r)
	if rest := strings.Trim(r.URL.Path, "/"); bucket == "" || rest != "" && rest != bucket {
		return false
	}
	f, err := readForm(r.Body, params["boundary"], bucket)
	if err == nil {
		err = f.save(c, w)
	}
	if err != nil {
		w.Header().Set("Connection", "close") // the file may not have been read
		writeError(c, w, err)
	}
	return true
}

// form is a browser's upload: its fields by their names in lower case, and the
// file, which is read as it comes.
type form struct {
	fields map[string]string
	file   io.Reader
	policy *sigv4.PostPolicy // nil: anonymous
}

func readForm(body io.Reader, boundary, bucket string) (*form, error) {
	f := &form{fields: map[string]string{}}
	size := 0
	for reader := multipart.NewReader(body, boundary); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			return nil, errArgument("file", "0", "POST requires exactly one file upload per request.")
		}
		if err != nil {
			return nil, cloud.Errorf(400, "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.")
		}
		name := strings.ToLower(part.FormName())
		if name == "file" {
			f.file = part
			f.fields["key"] = strings.ReplaceAll(f.fields["key"], "${filename}", path.Base(strings.ReplaceAll(part.FileName(), `\`, "/")))
			f.fields["bucket"] = bucket
			return f, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxForm))
		if err != nil {
			return nil, errIncompleteBody
		}
		if size += len(name) + len(value); size > maxForm {
			return nil, cloud.Errorf(400, "MaxPostPreDataLengthExceeded", "Your POST request fields preceding the upload file were too large.")
		}
		f.fields[name] = string(value)
	}
}

// save proves who signed the form, and puts the object as that principal.
func (f *form) save(c *cloud.Call, w http.ResponseWriter) error {
	if f.fields["key"] == "" {
		return errArgument("key", "", "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.")
	}
	c, err := f.authenticate(c)
	if err != nil {
		return err
	}
	in, err := f.input()
	if err != nil {
		return err
	}
	out, err := api.PutObject.Call(c, in)
	if err != nil {
		return err
	}
	f.answer(c, w, in, out)
	return nil
}

// authenticate is the call as made by the form's signer, after the form was
// held to its policy.
func (f *form) authenticate(c *cloud.Call) (*cloud.Call, error) {
	key, token, ok := sigv4.PostKey(f.fields)
	if !ok && f.fields["policy"] == "" {
		return f.call(c, c.Principal, ""), nil
	}
	secret, who, err := c.Cloud.Credential(c, key, token)
	if err != nil {
		return nil, err
	}
	if f.policy, err = sigv4.VerifyPost(f.fields, secret, c.Cloud.Clock().Machine()); err != nil {
		return nil, err
	}
	if err := f.policy.Check(f.fields, -1); err != nil {
		return nil, err
	}
	d := f.call(c, who, key)
	d.Region = f.policy.Result.Region
	if d.Region == "" {
		d.Region = c.Region
	}
	return d, nil
}

func (f *form) call(c *cloud.Call, who *cloud.Principal, key string) *cloud.Call {
	d := c.As(who)
	h := *c.HTTP
	h.AccessKey = key
	if f.policy != nil {
		h.AuthType, h.SigV = "POST", "AWS4-HMAC-SHA256"
		if f.policy.Result.Version == sigv4.V2 {
			h.SigV = "AWS"
		}
	}
	// The request's own headers speak of the form, not of the file.
	r := *c.HTTP.Request
	r.Header = http.Header{"Expires": {f.fields["expires"]}}
	r.ContentLength = -1
	h.Request = &r
	d.HTTP = &h
	return d
}

// input is the form as PutObject takes it.
func (f *form) input() (*api.PutObjectInput, error) {
	field := func(name string) *string { return text(f.fields[name]) }
	in := &api.PutObjectInput{
		Bucket: f.fields["bucket"], Key: f.fields["key"], Body: &formFile{form: f}, ACL: field("acl"),
		ContentType: field("content-type"), CacheControl: field("cache-control"), ContentDisposition: field("content-disposition"),
		ContentEncoding: field("content-encoding"), ContentMD5: field("content-md5"),
		StorageClass: field("x-amz-storage-class"), WebsiteRedirectLocation: field("x-amz-website-redirect-location"),
		ServerSideEncryption: field("x-amz-server-side-encryption"), SSEKMSKeyId: field("x-amz-server-side-encryption-aws-kms-key-id"),
		SSECustomerAlgorithm: field(sseHeader + "algorithm"), SSECustomerKey: field(sseHeader + "key"), SSECustomerKeyMD5: field(sseHeader + "key-md5"),
		Metadata: map[string]string{},
	}
	for i, p := range putSums(in) {
		*p = field(algorithms[i].headerName())
	}
	for name, value := range f.fields {
		if meta, ok := strings.CutPrefix(name, "x-amz-meta-"); ok {
			in.Metadata[meta] = value
		}
	}
	if s := f.fields["tagging"]; s != "" {
		tags, err := formTags(s)
		if err != nil {
			return nil, err
		}
		in.Tagging = &tags
	}
	return in, nil
}

// formTags turns the tagging field, which is XML, into the header's form.
func formTags(text string) (string, error) {
	var doc struct {
		Tags []api.Tag `xml:"TagSet>Tag"`
	}
	if err := xml.Unmarshal([]byte(text), &doc); err != nil {
		return "", errMalformedXML
	}
	q := url.Values{}
	for _, t := range doc.Tags {
		q.Add(t.Key, t.Value)
	}
	return q.Encode(), nil
}

// formFile is the file of a form. Its length shows at its end, where the
// policy's range is decided.
type formFile struct {
	form *form
	read int64
}

// Len says that the length is not known in advance.
func (f *formFile) Len() int64 { return lengthComes }

func (f *formFile) Close() error { return nil }

func (f *formFile) Read(p []byte) (int, error) {
	n, err := f.form.file.Read(p)
	f.read += int64(n)
	policy := f.form.policy
	switch {
	case policy == nil:
	case err == io.EOF:
		if e := policy.CheckSize(f.read); e != nil {
			return n, e
		}
	default:
		if most, ok := policy.MaxSize(); ok && f.read > most {
			return n, policy.CheckSize(f.read)
		}
	}
	var known *cloud.Error
	if err != nil && err != io.EOF && !errors.As(err, &known) {
		err = errIncompleteBody
	}
	return n, err
}

// answer says where the object is, in the way that the form asks for.
func (f *form) answer(c *cloud.Call, w http.ResponseWriter, in *api.PutObjectInput, out *api.PutObjectOutput) {
	etag := cloud.Or(out.ETag, "")
	h := w.Header()
	h.Set("ETag", etag)
	if out.VersionId != nil {
		h.Set("X-Amz-Version-Id", *out.VersionId)
	}
	location := c.HTTP.BaseURL + "/" + in.Bucket + "/" + escapeKey(in.Key)
	target := f.fields["success_action_redirect"]
	if target == "" {
		target = f.fields["redirect"]
	}
	if u, err := url.Parse(target); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
		q := u.Query()
		q.Set("bucket", in.Bucket)
		q.Set("key", in.Key)
		q.Set("etag", etag)
		u.RawQuery = q.Encode()
		h.Set("Location", u.String())
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	h.Set("Location", location)
	switch f.fields["success_action_status"] {
	case "200":
		w.WriteHeader(http.StatusOK)
	case "201":
		body, err := xml.Marshal(struct {
			XMLName                     xml.Name `xml:"PostResponse"`
			Location, Bucket, Key, ETag string
		}{Location: location, Bucket: in.Bucket, Key: in.Key, ETag: etag})
		if err != nil {
			writeError(c, w, err)
			return
		}
		h.Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusCreated)
		w.Write(append([]byte(xml.Header), body...))
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
