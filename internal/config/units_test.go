package config

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestParseSize(t *testing.T) {
	tests := []struct {
		in   string
		want int64 // -1 is an error
	}{
		{"0", 0},
		{"1234", 1234},
		{"64MiB", 64 << 20},
		{"64MB", 64e6},
		{"64M", 64e6},
		{"64m", 64e6},
		{" 64 mib ", 64 << 20},
		{"1.5GiB", 3 << 29},
		{".5k", 500},
		{"10B", 10},
		{"5TiB", 5 << 40},
		{"9223372036854775807", math.MaxInt64},
		{"9223372036854775808", -1},
		{"8EiB", -1},
		{"9.3E", -1},
		{"", -1},
		{"MiB", -1},
		{"-1", -1},
		{"1.2.3", -1},
		{"64Mi", -1},
		{"64 potatoes", -1},
		{"1e3", -1},
	}
	for _, tt := range tests {
		got, err := ParseSize(tt.in)
		if tt.want == -1 {
			if err == nil {
				t.Errorf("ParseSize(%q) = %d, want an error", tt.in, got)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", tt.in, got, err, tt.want)
		}
	}
}

func TestParseRate(t *testing.T) {
	for in, want := range map[string]int64{"10MiB": 10 << 20, "10MiB/s": 10 << 20, "500K/s": 500e3, "0": 0} {
		if got, err := ParseRate(in); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	if got, err := ParseRate("fast"); err == nil {
		t.Errorf("ParseRate(fast) = %d", got)
	}
}

func TestParseDuration(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration // -1 is an error
	}{
		{"0", 0},
		{"90", 90 * time.Second},
		{"1.5", 1500 * time.Millisecond},
		{"15m", 15 * time.Minute},
		{"24h", 24 * time.Hour},
		{"7d", 7 * 24 * time.Hour},
		{"1d12h", 36 * time.Hour},
		{"1.5d", 36 * time.Hour},
		{"1h0m0s", time.Hour},
		{"200ms", 200 * time.Millisecond},
		{"", -1},
		{"-5m", -1},
		{"d", -1},
		{"1h2d", -1},
		{"7dd", -1},
		{"200000d", -1},
		{"soon", -1},
	}
	for _, tt := range tests {
		got, err := ParseDuration(tt.in)
		if tt.want == -1 {
			if err == nil {
				t.Errorf("ParseDuration(%q) = %v, want an error", tt.in, got)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", tt.in, got, err, tt.want)
		}
	}
}

func TestUnitFlags(t *testing.T) {
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	var size Size
	var rate Rate
	var duration Duration
	fs.Var(&size, "part-size", "part `N`")
	fs.Var(&rate, "limit-rate", "rate `N`")
	fs.Var(&duration, "timeout", "wait `D`")
	if help := fs.FlagUsages(); strings.Contains(help, "default") {
		t.Errorf("the help names defaults of nothing:\n%s", help)
	}
	if err := fs.Parse([]string{"--part-size=8MiB", "--limit-rate=1M/s", "--timeout=7d"}); err != nil {
		t.Fatal(err)
	}
	if size != 8<<20 || rate != 1e6 || time.Duration(duration) != 7*24*time.Hour {
		t.Errorf("got %v %v %v", size, rate, time.Duration(duration))
	}
	if err := fs.Parse([]string{"--part-size=x"}); err == nil {
		t.Error("--part-size=x is taken")
	}
	for _, name := range []string{"part-size", "limit-rate", "timeout"} {
		if text := fs.Lookup(name).Value.String(); fs.Set(name, text) != nil || fs.Lookup(name).Value.String() != text {
			t.Errorf("--%s writes %q and does not read it", name, text)
		}
	}
	if size != 8<<20 || rate != 1e6 || time.Duration(duration) != 7*24*time.Hour {
		t.Errorf("written and read again: %v %v %v", size, rate, time.Duration(duration))
	}
}
