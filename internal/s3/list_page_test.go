package s3

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const onePage = `<?xml version="1.0" encoding="UTF-8"?>
<!-- as S3 has it --><s3:ListBucketResult xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/" odd='a>b"'>
 <Name>b</Name><Prefix/><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>
 <Contents><Key>a&amp;b&#x20;c&#100;&lt;/Key&gt;</Key><LastModified>2026-11-21T01:02:03.004Z</LastModified>
  <ETag>&quot;0cc1&quot;</ETag><Size>12</Size><Owner><ID>x</ID><Key>no</Key></Owner></Contents>
 <Contents><Key><![CDATA[<raw>&amp;]]> and<!-- no --> more</Key><Size> 0 </Size></Contents>
 <CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>q/</Prefix></CommonPrefixes>
 <NextContinuationToken>on=</NextContinuationToken><EncodingType>url</EncodingType>
</s3:ListBucketResult>`

func TestPageHasWhatTheListingSays(t *testing.T) {
	var got page
	// What a page before has left must not show.
	if err := got.read(strings.NewReader(`<ListBucketResult><Contents><Key>old</Key><ETag>old</ETag></Contents></ListBucketResult>`)); err != nil {
		t.Fatal(err)
	}
	if err := got.read(strings.NewReader(onePage)); err != nil {
		t.Fatal(err)
	}
	want := page{
		objects: []listed{
			{"a&b cd</Key>", `"0cc1"`, 12, time.Date(2026, 11, 21, 1, 2, 3, 4e6, time.UTC)},
			{key: "<raw>&amp; and more"},
		},
		prefixes: []string{"p/", "q/"}, next: "on=", more: true, escaped: true,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(page{}, listed{}), cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".body"
	}, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
}

func TestPageRefusesWhatIsNoListing(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":         "",
		"another answer":  `<html><body>welcome</body></html>`,
		"cut in a name":   onePage[:len(onePage)-8],
		"cut in a page":   before(onePage, "<CommonPrefixes>"),
		"no number":       `<ListBucketResult><Contents><Size>many</Size></Contents></ListBucketResult>`,
		"no time":         `<ListBucketResult><Contents><LastModified>today</LastModified></Contents></ListBucketResult>`,
		"entity":          `<ListBucketResult><Name>&such;</Name><Contents><Key>&such;</Key></Contents></ListBucketResult>`,
		"document type":   `<!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult></ListBucketResult>`,
		"element in text": `<ListBucketResult><Contents><Key><b/></Key></Contents></ListBucketResult>`,
		"too deep":        "<ListBucketResult>" + strings.Repeat("<a>", 10_000),
		"open reference":  `<ListBucketResult><Contents><Key>&amp</Key></Contents></ListBucketResult>`,
	} {
		if err := new(page).read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzPage holds the page to what encoding/xml makes of the same document.
func FuzzPage(f *testing.F) {
	f.Add(onePage)
	f.Add("<ListBucketResult><Contents><Key>a\r\nb\rc</Key></Contents></ListBucketResult>")
	f.Add("<ListBucketResult><Contents></Contents><Contents/></ListBucketResult>")
	f.Fuzz(func(t *testing.T, text string) {
		var want struct {
			XMLName  xml.Name
			Contents []struct {
				Key  string
				ETag string
			}
		}
		if xml.Unmarshal([]byte(text), &want) != nil || want.XMLName.Local != "ListBucketResult" {
			_ = new(page).read(strings.NewReader(text)) // must not panic
			return
		}
		var got page
		if got.read(strings.NewReader(text)) != nil {
			return // it may refuse more
		}
		if len(got.objects) != len(want.Contents) {
			t.Fatalf("%d objects, want %d", len(got.objects), len(want.Contents))
		}
		for i, o := range got.objects {
			if o.key != want.Contents[i].Key || o.etag != want.Contents[i].ETag {
				t.Fatalf("object %d is %+v, want %+v", i, o, want.Contents[i])
			}
		}
	})
}

func BenchmarkPage(b *testing.B) {
	text := "<ListBucketResult>" + strings.Repeat(`<Contents><Key>folder-00001/object-00001234.dat</Key><LastModified>2026-11-21T00:00:00.000Z</LastModified>`+
		`<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>1234</Size><StorageClass>STANDARD</StorageClass></Contents>`, 1000) + "</ListBucketResult>"
	var p page
	for b.Loop() {
		if err := p.read(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}

func before(text, mark string) string {
	head, _, _ := strings.Cut(text, mark)
	return head
}
