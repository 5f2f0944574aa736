package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// digits are what a number without a sign consists of.
const digits = "0123456789."

// ParseSize reads a number of bytes: "64MiB" is 2^26, "64MB" and "64M" are
// 64 million, "1.5GiB" has a fraction, a bare number is bytes. Case does not matter.
func ParseSize(s string) (int64, error) {
	text := strings.TrimSpace(s)
	suffix := strings.TrimLeft(text, digits)
	number := text[:len(text)-len(suffix)]
	unit, known := unitBytes(strings.ToLower(strings.TrimSpace(suffix)))
	if number == "" || !known {
		return 0, fmt.Errorf("size %q: want bytes or a number with a unit, such as 64MiB, 64MB or 64M", s)
	}
	// Without a fraction the result is exact; a float is not, from 2^53 on.
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n > math.MaxInt64/unit {
			return 0, fmt.Errorf("size %q is more than 8 EiB", s)
		}
		return n * unit, nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, fmt.Errorf("size %q: %q is not a number", s, number)
	}
	if f *= float64(unit); f >= math.MaxInt64 {
		return 0, fmt.Errorf("size %q is more than 8 EiB", s)
	}
	return int64(f), nil
}

func unitBytes(unit string) (int64, bool) {
	if unit == "" || unit == "b" {
		return 1, true
	}
	power := int64(strings.IndexByte("kmgtpe", unit[0]) + 1)
	if power == 0 {
		return 0, false
	}
	base := int64(1000)
	switch unit[1:] {
	case "ib":
		base = 1024
	case "", "b":
	default:
		return 0, false
	}
	n := int64(1)
	for range power {
		n *= base
	}
	return n, true
}

// ParseRate reads bytes a second: a size, "/s" after it or not. 0 is no limit.
func ParseRate(s string) (int64, error) {
	n, err := ParseSize(strings.TrimSuffix(strings.TrimSpace(s), "/s"))
	if err != nil {
		return 0, fmt.Errorf("rate %q: want bytes a second, such as 10MiB or 500K", s)
	}
	return n, nil
}

// ParseDuration reads a span of time: "15m", "24h", "7d", "1d12h", or seconds
// without a unit. It is never negative.
func ParseDuration(s string) (time.Duration, error) {
	invalid := fmt.Errorf("duration %q: want seconds or a number with a unit, such as 90, 15m, 24h or 7d", s)
	text := strings.TrimSpace(s)
	if text == "" || strings.ContainsAny(text, "+-") {
		return 0, invalid
	}
	if strings.Trim(text, digits) == "" {
		text += "s"
	}
	var total time.Duration
	if days, rest, found := strings.Cut(text, "d"); found {
		d, err := time.ParseDuration(days + "h")
		if err != nil || strings.Trim(days, digits) != "" || d > math.MaxInt64/24 {
			return 0, invalid
		}
		total, text = 24*d, rest
	}
	if text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || total > math.MaxInt64-d {
			return 0, invalid
		}
		total += d
	}
	return total, nil
}

// Size is a flag (pflag.Value) in bytes.
type Size int64

// Type names the value in a help text.
func (v *Size) Type() string { return "size" }

// Set reads what ParseSize reads.
func (v *Size) Set(s string) error { return set(v, s, ParseSize) }

func (v *Size) String() string { return strconv.FormatInt(int64(*v), 10) }

// Rate is a flag (pflag.Value) in bytes a second.
type Rate int64

// Type names the value in a help text.
func (v *Rate) Type() string { return "rate" }

// Set reads what ParseRate reads.
func (v *Rate) Set(s string) error { return set(v, s, ParseRate) }

func (v *Rate) String() string { return strconv.FormatInt(int64(*v), 10) }

// Duration is a flag (pflag.Value) of a span of time.
type Duration time.Duration

// Type names the value in a help text.
func (v *Duration) Type() string { return "duration" }

// Set reads what ParseDuration reads.
func (v *Duration) Set(s string) error { return set(v, s, ParseDuration) }

// String writes what Set reads, since viper hands flags on as strings. Of "0"
// pflag knows that it is no default worth naming; of "0s" it does not.
func (v *Duration) String() string {
	if *v == 0 {
		return "0"
	}
	return time.Duration(*v).String()
}

func set[V, N ~int64](v *V, s string, parse func(string) (N, error)) error {
	n, err := parse(s)
	if err != nil {
		return err
	}
	*v = V(n)
	return nil
}
