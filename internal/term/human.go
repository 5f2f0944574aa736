package term

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// Size writes a number of bytes for people: "0 B", "7.2 MiB". A negative one is "?".
func Size(n int64) string {
	if n < 0 {
		return "?"
	}
	return humanize.IBytes(uint64(n))
}

// Duration writes a span of time for people: "0.4s", "12s", "2m05s", "3h07m".
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	if d = d.Round(time.Second); d < time.Minute {
		return fmt.Sprintf("%ds", int(d.Seconds()))
	}
	if d < time.Hour {
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}
