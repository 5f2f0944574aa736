package signature

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name, url string
		want      Signed
	}{
		{
			"presigned PUT",
			"https://b.s3.eu-central-1.amazonaws.com/a%20b/c?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20261120%2Feu-central-1%2Fs3%2Faws4_request" +
				"&X-Amz-Date=20261120T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=Content-Type%3Bhost&X-Amz-Security-Token=t&X-Amz-Signature=ab",
			Signed{
				Target: "https://b.s3.eu-central-1.amazonaws.com/a%20b/c", Host: "b.s3.eu-central-1.amazonaws.com", Path: "/a b/c",
				KeyID: "AKIA", Region: "eu-central-1", Headers: []string{"content-type", "host"},
				At: at, Expires: at.Add(15 * time.Minute), Temporary: true,
			},
		},
		{
			"names in other letters", "http://h:9000/k?x-amz-date=20261120T120000Z&x-amz-expires=60",
			Signed{Target: "http://h:9000/k", Host: "h:9000", Path: "/k", At: at, Expires: at.Add(time.Minute)},
		},
		{"not signed", "https://h/k?a=b", Signed{Target: "https://h/k", Host: "h", Path: "/k"}},
		{
			"nonsense in it", "https://h/k?X-Amz-Date=soon&X-Amz-Expires=9999999999999&X-Amz-Credential=a/b",
			Signed{Target: "https://h/k", Host: "h", Path: "/k"},
		},
		{"no URL", "https://h/%zz", Signed{}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, Parse(tt.url)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
