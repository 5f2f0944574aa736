package s3

import (
	"context"
	"net/http"
	"strconv"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// unsignedTrailer stands for the hash of a body whose checksum follows it.
const unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

// Trails says whether the parts of t can be sent with their checksum behind
// them: by TLS, and to a store that has said that it knows CRC64NVME, which is no
// older than that way to send it. Over plain http the kernel sends a file,
// which is worth more than to read it once.
func (s *Store) Trails(t *ticket.Ticket) bool {
	st, err := s.state(t)
	r := s.remote.Load()
	return err == nil && r != nil && r.base != nil && r.base.Scheme == "https" && !s.cfg.Anonymous &&
		t.Method == ticket.Multipart && st.Checksum == checksum.CRC64NVME && s.keeps.Load() == yes
}

// SignTrailing returns the request that sends part with its CRC64NVME as a
// trailer. It is signed in its header, since stores take no trailer with a signature in
// the query, and S3 takes it for 15 minutes
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html).
func (s *Store) SignTrailing(ctx context.Context, t *ticket.Ticket, part ticket.Part) (*ticket.Request, error) {
	st, err := s.state(t)
	if err != nil {
		return nil, err
	}
	if err := withinLimits(part); err != nil {
		return nil, err
	}
	r, err := s.bucket(ctx)
	if err != nil {
		return nil, err
	}
	creds, err := s.options.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, s.explain(err, s.location(st.Key))
	}
	address := objectURL(r.base, st.Key)
	address.RawQuery = partQuery(st.UploadID, part.Number).Encode()
	request := &http.Request{Method: http.MethodPut, URL: address, Host: address.Host, Header: http.Header{
		"Content-Encoding":             {"aws-chunked"},
		"X-Amz-Content-Sha256":         {unsignedTrailer},
		"X-Amz-Decoded-Content-Length": {strconv.FormatInt(part.Size, 10)},
		"X-Amz-Trailer":                {checksum.Header(checksum.CRC64NVME)},
	}}
	err = s.signer.SignHTTP(ctx, creds, request, unsignedTrailer, "s3", r.region, s.clock.now(), func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = true // S3 signs the path as it is sent
	})
	if err != nil {
		return nil, fault.New(fault.Failed, "%s: %w", s.location(st.Key), err)
	}
	secret := make(map[string]string)
	for _, name := range []string{"Authorization", "X-Amz-Security-Token"} {
		if value := request.Header.Get(name); value != "" {
			secret[name] = value
			request.Header.Del(name)
		}
	}
	return &ticket.Request{
		Method: http.MethodPut, URL: address.String(), Header: flatten(request.Header),
		Credentials: secret, Trailer: checksum.CRC64NVME,
	}, nil
}
