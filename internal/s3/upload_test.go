package s3

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

func TestUploadComesBackIdentical(t *testing.T) {
	const mib = 1 << 20
	eachStore(t, func(t *testing.T, cfg Config) {
		s := open(t, cfg)
		for _, c := range []struct {
			name   string
			size   int
			spec   object.Spec
			method ticket.Method
			parts  int
		}{
			{"empty", 0, object.Spec{}, ticket.Put, 1},
			{"a byte", 1, object.Spec{}, ticket.Put, 1},
			{"5 MiB", 5 * mib, object.Spec{}, ticket.Put, 1},
			{"16 MiB and a byte", 16*mib + 1, object.Spec{}, ticket.Multipart, 2},
			{"three parts", 12 * mib, object.Spec{PartSize: 5 * mib}, ticket.Multipart, 3},
			{"empty multipart", 0, object.Spec{Method: ticket.Multipart}, ticket.Multipart, 1},
			{"form", 1000, object.Spec{Method: ticket.Post}, ticket.Post, 1},
			{"form of 0 to 9999", 1000, object.Spec{Method: ticket.Post, MaxSize: 9999}, ticket.Post, 1},
			{"sha256", 11 * mib, object.Spec{PartSize: 5 * mib, Attributes: object.Attributes{ChecksumAlgorithm: "sha256"}}, ticket.Multipart, 3},
			{"crc32c", 11 * mib, object.Spec{PartSize: 5 * mib, Attributes: object.Attributes{ChecksumAlgorithm: "crc32c"}}, ticket.Multipart, 3},
			{"md5", 11 * mib, object.Spec{PartSize: 5 * mib, Attributes: object.Attributes{ChecksumAlgorithm: "md5"}}, ticket.Multipart, 3},
			{"md5 put", 11, object.Spec{Attributes: object.Attributes{ChecksumAlgorithm: "md5"}}, ticket.Put, 1},
			{"sha256 put", 11, object.Spec{Attributes: object.Attributes{ChecksumAlgorithm: "sha256"}}, ticket.Put, 1},
			{"no checksum", 11 * mib, object.Spec{PartSize: 5 * mib, Attributes: object.Attributes{ChecksumAlgorithm: "none"}}, ticket.Multipart, 3},
		} {
			t.Run(c.name, func(t *testing.T) {
				body := random(t, c.size)
				c.spec.Path, c.spec.File = "dir/"+c.name, file("f", body)
				tk, err := s.Start(t.Context(), c.spec)
				if err != nil {
					t.Fatal(err)
				}
				if tk.Method != c.method || len(tk.Parts) != c.parts {
					t.Fatalf("%s of %d parts, want %s of %d", tk.Method, len(tk.Parts), c.method, c.parts)
				}
				sendAll(t, s, tk, body)
				obj, err := s.Finish(t.Context(), tk)
				if err != nil {
					t.Fatal(err)
				}
				if obj.Size != int64(c.size) || obj.Location != "s3://"+cfg.Bucket+"/dir/"+c.name {
					t.Errorf("finished as %s of %d bytes", obj.Location, obj.Size)
				}
				if !bytes.Equal(get(t, s, c.spec.Path), body) {
					t.Error("came back different")
				}
				kept := stat(t, s, c.spec.Path)
				if kept.Size != int64(c.size) || kept.ETag != obj.ETag {
					t.Errorf("stat: %d bytes with ETag %s, want %d with %s", kept.Size, kept.ETag, c.size, obj.ETag)
				}
				if c.method != ticket.Multipart && (!kept.MD5ETag || kept.ETag != md5Hex(body)) {
					t.Errorf("ETag %s (MD5: %v), want %s", kept.ETag, kept.MD5ETag, md5Hex(body))
				}
				// MinIO keeps none of an empty multipart upload.
				if c.spec.ChecksumAlgorithm == "" && c.method != ticket.Post && c.name != "empty multipart" {
					want := sum(t, checksum.CRC64NVME, body)
					if kept.Checksum == nil || *kept.Checksum != *want {
						t.Errorf("the store keeps the checksum %v, want %v", kept.Checksum, want)
					}
				}
				if c.spec.ChecksumAlgorithm == "sha256" && c.method == ticket.Put && *kept.Checksum != *sum(t, "sha256", body) {
					t.Errorf("the store keeps the checksum %v", kept.Checksum)
				}
			})
		}
	})
}

// A ticket goes through another process: everything is signed beforehand, the
// sender holds no keys, and a third process completes.
func TestSplitOverProcesses(t *testing.T) {
	eachStore(t, func(t *testing.T, cfg Config) {
		body := random(t, 11<<20)
		for _, c := range []struct {
			name   string
			method ticket.Method
			known  *ticket.Checksum
		}{
			{"put", ticket.Put, nil},
			{"put with checksum", ticket.Put, sum(t, checksum.CRC64NVME, body)},
			{"form", ticket.Post, nil},
			{"multipart", ticket.Multipart, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				first := open(t, cfg)
				sp := spec(c.name, body)
				sp.PartSize, sp.Method, sp.Eager, sp.File.Checksum = 5<<20, c.method, true, c.known
				tk, err := first.Start(t.Context(), sp)
				if err != nil {
					t.Fatal(err)
				}
				if err := first.SignAll(t.Context(), tk); err != nil {
					t.Fatal(err)
				}
				if tk.Expires == nil {
					t.Error("no expiry")
				}
				tk = travel(t, tk)
				sendAll(t, nil, tk, body)
				tk = travel(t, tk)

				obj, err := open(t, cfg).Finish(t.Context(), tk)
				if err != nil {
					t.Fatal(err)
				}
				if obj.Size != int64(len(body)) || !bytes.Equal(get(t, first, c.name), body) {
					t.Error("came back different")
				}
			})
		}
	})
}

func travel(t *testing.T, tk *ticket.Ticket) *ticket.Ticket {
	t.Helper()
	raw, err := json.Marshal(tk)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ticket.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return read[0]
}

func TestAttributesArrive(t *testing.T) {
	eachStore(t, func(t *testing.T, cfg Config) {
		s := open(t, cfg)
		for _, method := range []ticket.Method{ticket.Put, ticket.Post, ticket.Multipart} {
			t.Run(string(method), func(t *testing.T) {
				body := []byte("hello")
				sp := object.Spec{
					Path: "k" + string(method), File: ticket.File{Name: "f", Size: 5, Type: "text/plain; charset=utf-8"}, Method: method,
					Attributes: object.Attributes{
						CacheControl: "max-age=60", ContentDisposition: `attachment; filename="a  b.txt"`, ContentEncoding: "identity",
						Metadata: map[string]string{"Colour": "dark  red", "n": "1"}, Tags: map[string]string{"a b": "c=d/e+f"},
					},
				}
				put(t, s, sp, body)
				obj := stat(t, s, sp.Path)
				if obj.ContentType != sp.File.Type {
					t.Errorf("content type %q", obj.ContentType)
				}
				var rec record
				if err := json.Unmarshal(obj.Record, &rec); err != nil {
					t.Fatal(err)
				}
				if rec.CacheControl != sp.CacheControl || rec.ContentDisposition != sp.ContentDisposition {
					t.Errorf("record: %+v", rec)
				}
				if rec.Metadata["colour"] != "dark  red" || rec.Metadata["n"] != "1" {
					t.Errorf("metadata: %v", rec.Metadata)
				}
			})
		}
	})
}

func TestSignedRequestAllowsNothingElse(t *testing.T) {
	eachStore(t, func(t *testing.T, cfg Config) {
		s := open(t, cfg)
		body := []byte("what was signed")
		sp := spec("k", body)
		sp.CacheControl = "no-store"
		start := func(method ticket.Method, known *ticket.Checksum) *ticket.Request {
			sp.Method = method
			tk, err := s.Start(t.Context(), sp)
			if err != nil {
				t.Fatal(err)
			}
			request, err := s.Sign(t.Context(), tk, tk.Parts[0], known)
			if err != nil {
				t.Fatal(err)
			}
			return request
		}
		crc := sum(t, checksum.CRC64NVME, body)
		for _, c := range []struct {
			name    string
			request *ticket.Request
			body    string
			change  func(*ticket.Request)
		}{
			{"longer", start(ticket.Put, nil), "what was signed and more", nil},
			{"other bytes", start(ticket.Put, crc), "WHAT was signed", nil},
			{"header left out", start(ticket.Put, nil), "what was signed", func(r *ticket.Request) { delete(r.Header, "Cache-Control") }},
			{"other header", start(ticket.Put, nil), "what was signed", func(r *ticket.Request) { r.Header["Cache-Control"] = "public" }},
			{"other key", start(ticket.Put, nil), "what was signed", func(r *ticket.Request) { r.URL = strings.Replace(r.URL, "/k?", "/l?", 1) }},
			{"longer form", start(ticket.Post, nil), "what was signed and more", nil},
			{"other form key", start(ticket.Post, nil), "what was signed", func(r *ticket.Request) { r.Fields["key"] = "l" }},
			{"other form field", start(ticket.Post, nil), "what was signed", func(r *ticket.Request) { r.Fields["Cache-Control"] = "public" }},
		} {
			t.Run(c.name, func(t *testing.T) {
				if c.change != nil {
					c.change(c.request)
				}
				if status, said, _ := send(t, c.request, []byte(c.body)); status/100 != 4 {
					t.Errorf("answered %d %s", status, said)
				}
			})
		}
		if have := names(t, s); len(have) != 0 {
			t.Errorf("stored all the same: %q", have)
		}
	})
}

func TestNoClobber(t *testing.T) {
	eachStore(t, func(t *testing.T, cfg Config) {
		s := open(t, cfg)
		put(t, s, spec("k", []byte("first")), []byte("first"))
		for _, method := range []ticket.Method{ticket.Put, ticket.Multipart} {
			t.Run(string(method), func(t *testing.T) {
				body := []byte("second")
				sp := spec("k", body)
				sp.Method, sp.NoClobber = method, true
				tk, err := s.Start(t.Context(), sp)
				if err != nil {
					t.Fatal(err)
				}
				if method == ticket.Put {
					request, err := s.Sign(t.Context(), tk, tk.Parts[0], nil)
					if err != nil {
						t.Fatal(err)
					}
					if status, said, _ := send(t, request, body); status != 412 {
						t.Errorf("answered %d %s", status, said)
					}
				} else {
					sendAll(t, s, tk, body)
					if _, err := s.Finish(t.Context(), tk); fault.KindOf(err) != fault.Exists {
						t.Errorf("finish: %v", err)
					}
				}
				if got := get(t, s, "k"); string(got) != "first" {
					t.Errorf("overwritten with %q", got)
				}
			})
		}
		sp := spec("k", nil)
		sp.Method, sp.NoClobber = ticket.Post, true
		if _, err := s.Start(t.Context(), sp); fault.KindOf(err) != fault.Usage {
			t.Errorf("form: %v", err)
		}
	})
}

func TestFinishChecksWhatOthersSent(t *testing.T) {
	eachStore(t, func(t *testing.T, cfg Config) {
		body := random(t, 6<<20)
		for _, c := range []struct {
			name   string
			method ticket.Method
			tamper func(*ticket.Ticket)
			want   fault.Kind
		}{
			{"no receipt", ticket.Put, func(tk *ticket.Ticket) { tk.Receipts = nil }, fault.Incomplete},
			{"other ETag", ticket.Put, func(tk *ticket.Ticket) {
				tk.Receipts[0].ETag, tk.Receipts[0].Checksum = md5Hex([]byte("x")), nil
			}, fault.Integrity},
			{"other checksum", ticket.Put, func(tk *ticket.Ticket) { tk.Receipts[0].Checksum.Value = "AAAAAAAAAAA=" }, fault.Integrity},
			{"other size", ticket.Put, func(tk *ticket.Ticket) {
				tk.File.Size, tk.Parts[0].Size, tk.Receipts[0].Size = 5, 5, 5
			}, fault.Integrity},
			{"part missing", ticket.Multipart, func(tk *ticket.Ticket) { tk.Receipts = tk.Receipts[1:] }, fault.Incomplete},
			{"other part ETag", ticket.Multipart, func(tk *ticket.Ticket) { tk.Receipts[1].ETag = md5Hex([]byte("x")) }, fault.Integrity},
		} {
			t.Run(c.name, func(t *testing.T) {
				s := open(t, cfg)
				sp := spec(c.name, body)
				sp.PartSize, sp.Method = 5<<20, c.method
				tk, err := s.Start(t.Context(), sp)
				if err != nil {
					t.Fatal(err)
				}
				sendAll(t, s, tk, body)
				tk = travel(t, tk)
				c.tamper(tk)
				obj, err := open(t, cfg).Finish(t.Context(), tk)
				if fault.KindOf(err) != c.want {
					t.Errorf("%+v, %v, want kind %d", obj, err, c.want)
				}
			})
		}
	})
}
