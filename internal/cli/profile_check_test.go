package cli

import (
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

func TestCompareClocks(t *testing.T) {
	tests := []struct {
		ahead  time.Duration
		detail string // of the error, where it is one
		fails  bool
	}{
		{0, "as the store's", false},
		{-1900 * time.Millisecond, "as the store's", false},
		{90 * time.Second, "this machine is 1m30s ahead of the store", false},
		{-15 * time.Minute, "this machine is 15m00s behind the store", false},
		{15*time.Minute + time.Second, "this machine is 15m01s ahead of the store", true},
		{-26 * time.Hour, "this machine is 26h00m behind the store", true},
	}
	for _, tt := range tests {
		detail, err := compareClocks(tt.ahead)
		if err != nil {
			detail = err.Error()
		}
		if detail != tt.detail || (err != nil) != tt.fails {
			t.Errorf("%v ahead: %q, fails %t; want %q, %t", tt.ahead, detail, err != nil, tt.detail, tt.fails)
		}
		if tt.fails && fault.HintOf(err) == "" {
			t.Errorf("%v ahead: no hint", tt.ahead)
		}
	}
}

func TestWorst(t *testing.T) {
	tests := []struct {
		kinds []fault.Kind
		want  fault.Kind
	}{
		{[]fault.Kind{fault.Temporary}, fault.Temporary},
		{[]fault.Kind{fault.Temporary, fault.Failed}, fault.Failed},
		{[]fault.Kind{fault.Failed, fault.NotFound, fault.Temporary}, fault.NotFound},
		{[]fault.Kind{fault.Usage, fault.NotFound, fault.Denied}, fault.Denied},
		{[]fault.Kind{fault.Exists}, fault.Exists},
	}
	for _, tt := range tests {
		var failed []error
		for _, kind := range tt.kinds {
			failed = append(failed, fault.New(kind, "failed"))
		}
		if got := worst(failed); got != tt.want {
			t.Errorf("worst of %v: %v, want %v", tt.kinds, got, tt.want)
		}
	}
}
