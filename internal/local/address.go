package local

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// address is where a child serves and how to sign for it. It is a secret.
type address struct {
	PID             int    `json:"pid"`
	Endpoint        string `json:"endpoint"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

func (l layout) readAddress() (address, error) {
	data, err := os.ReadFile(l.serverFile())
	if err != nil {
		return address{}, err
	}
	var a address
	if err := json.Unmarshal(data, &a); err != nil {
		return address{}, fmt.Errorf("%s: %w", l.serverFile(), err)
	}
	return a, nil
}

const (
	probePath    = "/_hoist/" // no bucket can have a name with an underscore
	probeTimeout = 5 * time.Second
)

// proof is what only a server that knows the secret can answer to nonce.
func (a address) proof(nonce string) string {
	mac := hmac.New(sha256.New, []byte(a.SecretAccessKey))
	mac.Write([]byte("hoist local store\n" + nonce))
	return hex.EncodeToString(mac.Sum(nil))
}

// probe says why the server at a does not answer, or is a stranger: the port
// of a child that was killed may be somebody else's by now.
func (a address) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	nonce := rand.Text()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Endpoint+probePath+nonce, nil)
	if err != nil {
		return err
	}
	// Not the default transport, which may have a proxy.
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if !hmac.Equal(answer, []byte(a.proof(nonce))) {
		return errors.New("another program answers at its address")
	}
	return nil
}
