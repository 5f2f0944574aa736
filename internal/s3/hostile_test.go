package s3

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// A ticket that was edited on its way carries the keys of this side nowhere,
// and nothing is sent.
func TestHostileTicket(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer server.Close()
	s := open(t, Config{
		Endpoint: server.URL, Bucket: "mine", Prefix: "in/", AccessKeyID: "AK", SecretAccessKey: "SK",
		CheckKey: func(key string) error {
			if strings.Contains(key, "bad") {
				return fault.New(fault.Usage, "no")
			}
			return nil
		},
	})
	good := state{Endpoint: server.URL, Bucket: "mine", Key: "in/k", UploadID: "id", ExpiresIn: 60, Checksum: "crc64nvme", Nonce: "n"}
	for name, change := range map[string]func(*state, *ticket.Ticket){
		"endpoint":         func(st *state, _ *ticket.Ticket) { st.Endpoint = "https://evil.example" },
		"AWS instead":      func(st *state, _ *ticket.Ticket) { st.Endpoint = "" },
		"bucket":           func(st *state, _ *ticket.Ticket) { st.Bucket = "yours" },
		"no bucket":        func(st *state, _ *ticket.Ticket) { st.Bucket = "" },
		"key":              func(st *state, _ *ticket.Ticket) { st.Key = "out/k" },
		"the prefix":       func(st *state, _ *ticket.Ticket) { st.Key = "in/" },
		"dots":             func(st *state, _ *ticket.Ticket) { st.Key = "in/../out/k" },
		"unholdable key":   func(st *state, _ *ticket.Ticket) { st.Key = "in/bad" },
		"long key":         func(st *state, _ *ticket.Ticket) { st.Key = "in/" + strings.Repeat("k", 1024) },
		"lifetime":         func(st *state, _ *ticket.Ticket) { st.ExpiresIn = 1 << 62 },
		"no lifetime":      func(st *state, _ *ticket.Ticket) { st.ExpiresIn = 0 },
		"algorithm":        func(st *state, _ *ticket.Ticket) { st.Checksum = "x-amz-copy-source" },
		"no upload id":     func(st *state, _ *ticket.Ticket) { st.UploadID = "" },
		"method":           func(_ *state, tk *ticket.Ticket) { tk.Method = ticket.Put },
		"no method":        func(_ *state, tk *ticket.Ticket) { tk.Method = "" },
		"copy source":      func(st *state, _ *ticket.Ticket) { st.Headers = map[string]string{"X-Amz-Copy-Source": "/yours/k"} },
		"header injection": func(st *state, _ *ticket.Ticket) { st.Headers = map[string]string{"Content-Type": "a\r\nb: c"} },
		"form field": func(st *state, _ *ticket.Ticket) {
			st.Fields = map[string]string{"success_action_redirect": "https://evil.example"}
		},
		"another location": func(_ *state, tk *ticket.Ticket) { tk.Location = "s3://mine/in/other" },
		"unknown field":    func(_ *state, tk *ticket.Ticket) { tk.State = json.RawMessage(`{"bucket":"mine","more":1}`) },
		"no state":         func(_ *state, tk *ticket.Ticket) { tk.State = nil },
	} {
		t.Run(name, func(t *testing.T) {
			st := good
			tk := &ticket.Ticket{
				Version: 1, Location: "s3://mine/in/k", Method: ticket.Multipart, Parts: []ticket.Part{{Number: 1, Size: 5}},
				File: ticket.File{Size: 5}, Receipts: []ticket.Receipt{{Number: 1, Size: 5, ETag: md5Hex(nil)}},
			}
			tk.State = json.RawMessage("unset")
			change(&st, tk)
			if name != "another location" {
				tk.Location = s.location(st.Key)
			}
			if string(tk.State) == "unset" {
				var err error
				if tk.State, err = st.encode(); err != nil {
					t.Fatal(err)
				}
			}
			_, signed := s.Sign(t.Context(), tk, tk.Parts[0], nil)
			_, finished := s.Finish(t.Context(), tk)
			_, listed := s.ListParts(t.Context(), tk)
			for step, err := range map[string]error{
				"sign": signed, "sign all": s.SignAll(t.Context(), tk), "finish": finished, "list parts": listed, "abort": s.Abort(t.Context(), tk),
			} {
				if fault.KindOf(err) != fault.Usage {
					t.Errorf("%s: %v", step, err)
				}
			}
		})
	}
	if n := requests.Load(); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
	tk := &ticket.Ticket{Method: ticket.Multipart, Location: s.location(good.Key)}
	var err error
	if tk.State, err = good.encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign(t.Context(), tk, ticket.Part{Number: 1, Size: 5}, nil); err != nil {
		t.Errorf("the ticket that they were all made of: %v", err)
	}
	for _, part := range []ticket.Part{{Number: 0}, {Number: 10_001}, {Number: 1, Size: -1}, {Number: 1, Size: 5<<30 + 1}} {
		if _, err := s.Sign(t.Context(), tk, part, nil); fault.KindOf(err) != fault.Usage {
			t.Errorf("part %+v: %v", part, err)
		}
	}
}
