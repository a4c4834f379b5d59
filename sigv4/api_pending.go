package sigv4

// Signatures of what the following commits bring:
//
//	func (a *Auth) Verify(r *http.Request, secret string, o Options) (*Result, error)   // errors: *cloud.Error
//	func NewKeys(n int) *Keys
//	func Anonymous(r *http.Request) *Result                    // S3: for Body of an unsigned request
//	func (res *Result) Body(r *http.Request) (*Body, error)    // io.ReadCloser; Trailer() http.Header after EOF; Len() int64 decoded size or -1
//	func (res *Result) VerifyBytes(body []byte) error
//	func PostKey(fields map[string]string) (accessKey, token string, ok bool) // field names in lower case
//	func VerifyPost(fields map[string]string, secret string, now time.Time) (*PostPolicy, error)
//	func (p *PostPolicy) Check(fields map[string]string, size int64) error
//	func Sign(r *http.Request, c Credential, region, service string, t time.Time, payloadHash string)
//	func Presign(r *http.Request, c Credential, region, service string, t time.Time, expires time.Duration, payloadHash string)
