package term

import (
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for in, want := range map[int64]string{-1: "?", 0: "0 B", 1023: "1023 B", 16 << 20: "16 MiB", 7549747: "7.2 MiB", 5 << 40: "5.0 TiB"} {
		if got := Size(in); got != want {
			t.Errorf("Size(%d) = %q, want %q", in, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	tests := []struct {
		in   time.Duration
		want string
	}{
		{-time.Second, "0s"},
		{0, "0.0s"},
		{420 * time.Millisecond, "0.4s"},
		{9949 * time.Millisecond, "9.9s"},
		{9950 * time.Millisecond, "10s"},
		{59*time.Second + 600*time.Millisecond, "1m00s"},
		{125 * time.Second, "2m05s"},
		{time.Hour - time.Millisecond, "1h00m"},
		{3*time.Hour + 7*time.Minute + 20*time.Second, "3h07m"},
	}
	for _, tt := range tests {
		if got := Duration(tt.in); got != tt.want {
			t.Errorf("Duration(%v) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
