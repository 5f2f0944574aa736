package ticket

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlanTilesTheEdges(t *testing.T) {
	tests := []struct {
		size, asked int64
		parts       int
		first, last int64
	}{
		{0, 0, 1, 0, 0},
		{1, 0, 1, 1, 1},
		{DefaultPartSize, 0, 1, DefaultPartSize, DefaultPartSize},
		{DefaultPartSize + 1, 0, 2, DefaultPartSize, 1},
		{MaxParts * DefaultPartSize, 0, MaxParts, DefaultPartSize, DefaultPartSize},
		{MaxParts*DefaultPartSize + 1, 0, 9412, 17 << 20, 13631489},
		{MaxPartSize + 1, MaxPartSize, 2, MaxPartSize, 1},
		{MaxObjectSize, 0, MaxParts, MaxPartSize, MaxPartSize},
		{MinPartSize * MaxParts, MinPartSize, MaxParts, MinPartSize, MinPartSize},
	}
	for _, tt := range tests {
		parts, err := Plan(tt.size, tt.asked)
		if err != nil {
			t.Fatalf("Plan(%d, %d): %v", tt.size, tt.asked, err)
		}
		if len(parts) != tt.parts || parts[0].Size != tt.first || parts[len(parts)-1].Size != tt.last {
			t.Errorf("Plan(%d, %d): %d parts, first %d, last %d; want %d, %d, %d", tt.size, tt.asked,
				len(parts), parts[0].Size, parts[len(parts)-1].Size, tt.parts, tt.first, tt.last)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, tt := range []struct{ size, asked int64 }{
		{-1, 0},
		{MaxObjectSize + 1, 0},
		{1, MinPartSize - 1},
		{1, MaxPartSize + 1},
		{MinPartSize*MaxParts + 1, MinPartSize},
	} {
		if parts, err := Plan(tt.size, tt.asked); err == nil {
			t.Errorf("Plan(%d, %d) made %d parts", tt.size, tt.asked, len(parts))
		}
	}
}

func FuzzPlan(f *testing.F) {
	for _, size := range []int64{0, 1, MinPartSize, DefaultPartSize, DefaultPartSize + 1, MaxPartSize + 1, MaxObjectSize} {
		f.Add(size, int64(0))
		f.Add(size, int64(MinPartSize))
		f.Add(size, int64(MaxPartSize))
	}
	f.Fuzz(func(t *testing.T, size, asked int64) {
		parts, err := Plan(size, asked)
		if err != nil {
			return
		}
		doc := Ticket{Version: Version, Location: "s3://b/k", Method: Multipart, File: File{Size: size}, Parts: parts}
		if err := doc.Validate(); err != nil {
			t.Fatalf("Plan(%d, %d) does not tile the file: %v", size, asked, err)
		}
		for _, p := range parts[:len(parts)-1] {
			if p.Size < MinPartSize {
				t.Fatalf("Plan(%d, %d): part %d has %d bytes, less than S3 takes", size, asked, p.Number, p.Size)
			}
		}
	})
}

func TestStreamPartsReachWhatIsPromised(t *testing.T) {
	var inMemory, all int64
	for n := 1; n <= MaxParts; n++ {
		size := StreamPartSize(n)
		if size < MinPartSize || size > MaxPartSize {
			t.Fatalf("part %d has %d bytes", n, size)
		}
		if size <= 64<<20 {
			inMemory += size
		}
		all += size
	}
	if inMemory < 500<<30 {
		t.Errorf("parts that fit in memory reach %d GiB, promised are 500", inMemory>>30)
	}
	if all < 5<<40 {
		t.Errorf("all parts reach %d GiB", all>>30)
	}
}

// sample is a ticket with everything in it.
func sample() *Ticket {
	when := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	return &Ticket{
		Version: Version, Profile: "media", Location: "media:film.mp4", Method: Multipart,
		File: File{
			Name: "film.mp4", Size: MinPartSize + 1, Type: "video/mp4", Modified: &when,
			Checksum: &Checksum{Algorithm: "crc64nvme", Value: "AAAAAAAAAAA="},
		},
		Parts: []Part{
			{Number: 1, Size: MinPartSize, Request: &Request{
				Method: "PUT", URL: "https://b.s3.amazonaws.com/k?partNumber=1&X-Amz-Signature=ab",
				Header: map[string]string{"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="},
			}},
			{Number: 2, Offset: MinPartSize, Size: 1},
		},
		State:    []byte(`{"upload_id":"u"}`),
		Expires:  &when,
		Receipts: []Receipt{{Number: 1, Size: MinPartSize, ETag: "d41d8cd98f00b204e9800998ecf8427e"}},
	}
}

func TestWriteThenReadIsTheSame(t *testing.T) {
	var buf bytes.Buffer
	for range 2 {
		if err := Write(&buf, sample()); err != nil {
			t.Fatal(err)
		}
	}
	if lines := strings.Count(buf.String(), "\n"); lines != 2 {
		t.Errorf("two tickets take %d lines", lines)
	}
	got, err := Read(&buf)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*Ticket{sample(), sample()}, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadJournal(t *testing.T) {
	var buf bytes.Buffer
	if err := Write(&buf, sample()); err != nil {
		t.Fatal(err)
	}
	whole := buf.String() + `{"number":2,"size":1,"etag":"x"}` + "\n"
	for _, tt := range []struct {
		name, text string
		receipts   int
	}{
		{"whole", whole, 2},
		{"torn last line", whole[:len(whole)-5], 1},
		{"sent again", whole + `{"number":2,"size":1,"etag":"y"}`, 2},
	} {
		got, err := Read(strings.NewReader(tt.text))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if n := len(got[0].Receipts); n != tt.receipts {
			t.Errorf("%s: %d receipts, want %d", tt.name, n, tt.receipts)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	edit := func(change func(*Ticket)) string {
		doc := sample()
		change(doc)
		var buf bytes.Buffer
		if err := Write(&buf, doc); err != nil {
			t.Fatal(err)
		}
		return buf.String()
	}
	url := func(u string) string { return edit(func(d *Ticket) { d.Parts[0].Request.URL = u }) }
	header := func(name, value string) string {
		return edit(func(d *Ticket) { d.Parts[0].Request.Header[name] = value })
	}
	tests := []struct{ name, text, want string }{
		{"empty", "", "empty"},
		{"HTML", "<html>", "not a ticket"},
		{"other JSON", `{"data":{}}`, "version"},
		{"a list", `[]`, "not a ticket"},
		{"receipt first", `{"number":1,"size":1}`, "version"},
		{"future version", edit(func(d *Ticket) { d.Version = 2 }), "version 2"},
		{"unknown field", strings.Replace(edit(func(*Ticket) {}), `"version":1`, `"version":1,"shell":"rm"`, 1), "shell"},
		{"unknown field in a part", strings.Replace(edit(func(*Ticket) {}), `"number":1`, `"number":1,"path":"/etc"`, 1), "path"},
		{"no location", edit(func(d *Ticket) { d.Location = "" }), "location"},
		{"unknown method", edit(func(d *Ticket) { d.Method = "exec" }), "exec"},
		{"put of two parts", edit(func(d *Ticket) { d.Method = Put }), "one part"},
		{"negative size", edit(func(d *Ticket) { d.File.Size = -1 }), "outside"},
		{"other size", edit(func(d *Ticket) { d.File.Size++ }), "parts hold"},
		{"gap", edit(func(d *Ticket) { d.Parts[1].Offset++ }), "starts at"},
		{"duplicate part", edit(func(d *Ticket) { d.Parts[1].Number = 1 }), "place"},
		{"no parts", edit(func(d *Ticket) { d.Parts = nil }), "0 parts"},
		{"receipt of no part", edit(func(d *Ticket) { d.Receipts[0].Number = 3 }), "part 3"},
		{"receipt of another size", edit(func(d *Ticket) { d.Receipts[0].Size = 3 }), "3 bytes"},
		{"file URL", url("file:///etc/passwd"), "scheme"},
		{"user in URL", url("https://me@host/"), "user name"},
		{"no host", url("https:///x"), "no host"},
		{"control character in URL", url("https://host/\nx"), "control"},
		{"DELETE", edit(func(d *Ticket) { d.Parts[0].Request.Method = "DELETE" }), "neither PUT nor POST"},
		{"Authorization", header("Authorization", "x"), "Authorization"},
		{"cookie", header("cookie", "x"), "cookie"},
		{"Host", header("Host", "x"), "Host"},
		{"split header", header("x-amz-meta-a: b\r\nCookie", "x"), "not one"},
		{"split value", header("x-amz-meta-a", "b\r\nCookie: c"), "control"},
		{"form field in a PUT", edit(func(d *Ticket) { d.Parts[0].Request.Fields = map[string]string{"k": "v"} }), "form fields"},
		{"form field file", edit(func(d *Ticket) { d.Parts[0].Request.Fields = map[string]string{"File": "v"} }), "File"},
	}
	for _, tt := range tests {
		_, err := Read(strings.NewReader(tt.text))
		if err == nil {
			t.Errorf("%s: accepted", tt.name)
		} else if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q does not name %q", tt.name, err, tt.want)
		}
	}
}

func TestErrorsDoNotShowSignatures(t *testing.T) {
	for _, u := range []string{"ftp://h/?X-Amz-Signature=5ecre7", "https://h/\x01?X-Amz-Signature=5ecre7", "https://h/%zz?X-Amz-Signature=5ecre7"} {
		if err := ValidURL(u); err == nil || strings.Contains(err.Error(), "5ecre7") {
			t.Errorf("%q: %v", u, err)
		}
	}
}

func TestReadStopsAtItsLimit(t *testing.T) {
	endless := io.MultiReader(strings.NewReader(`{"version":1,"location":"`), repeat('a'))
	if _, err := Read(endless); !errors.Is(err, ErrTooLarge) {
		t.Errorf("endless input: %v", err)
	}
}

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

func FuzzRead(f *testing.F) {
	var buf bytes.Buffer
	if err := Write(&buf, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(buf.Bytes())
	f.Add([]byte(buf.String() + `{"number":2,"size":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tickets, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, doc := range tickets {
			var again bytes.Buffer
			if err := Write(&again, doc); err != nil {
				t.Fatal(err)
			}
			if _, err := Read(&again); err != nil {
				t.Fatalf("what was accepted is refused when written: %v\n%s", err, again.String())
			}
		}
	})
}
