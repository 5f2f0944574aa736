package term

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

func TestMessages(t *testing.T) {
	denied := fault.At(fault.Send, fault.WithHint(
		fault.New(fault.Denied, "a.bin: 403 \x1b[2Jno\nway"), "ask the owner of %s", "s3://b/k"))
	say := func(p *Printer) {
		p.Info("going on at part %d", 3)
		p.Verbose("PUT https://x/?X-Amz-Signature=…&a")
		p.Warn("the clock is %s off", "2m")
		p.Retry(1, 5, 1500*time.Millisecond, errors.New("part 3 of a.bin: 503 Slow\nDown"))
		p.Error(Failure{Err: denied, Exit: 4, Source: "a.bin"})
		p.Error(Failure{Err: errors.New("unreachable"), Exit: 7, Location: "s3://b/k"})
	}
	const (
		textWarn   = "warning: the clock is 2m off\n"
		textErrors = `hoist: send: a.bin: 403 \x1b[2Jno\nway` + "\n" +
			"hoist: hint: ask the owner of s3://b/k\n" +
			"hoist: unreachable\n"
		jsonWarn   = `{"v":1,"event":"warning","message":"the clock is 2m off"}` + "\n"
		jsonErrors = `{"v":1,"event":"error","stage":"send","message":"a.bin: 403 \u001b[2Jno\nway","hint":"ask the owner of s3://b/k","exit":4,"retryable":false,"source":"a.bin","location":null}` + "\n" +
			`{"v":1,"event":"error","stage":null,"message":"unreachable","hint":null,"exit":7,"retryable":true,"source":null,"location":"s3://b/k"}` + "\n"
	)
	tests := []struct {
		name string
		opts Options
		want string
	}{
		{"text", Options{}, "going on at part 3\n" + textWarn +
			`retry 1 of 5 in 1.5s: part 3 of a.bin: 503 Slow\nDown` + "\n" + textErrors},
		{"verbose", Options{Verbose: true}, "going on at part 3\nPUT https://x/?X-Amz-Signature=…&a\n" + textWarn +
			`retry 1 of 5 in 1.5s: part 3 of a.bin: 503 Slow\nDown` + "\n" + textErrors},
		{"quiet", Options{Quiet: true}, textWarn + textErrors},
		{
			"json",
			Options{JSON: true, Verbose: true},
			`{"v":1,"event":"info","message":"going on at part 3"}` + "\n" +
				`{"v":1,"event":"verbose","message":"PUT https://x/?X-Amz-Signature=…&a"}` + "\n" + jsonWarn +
				`{"v":1,"event":"retry","message":"part 3 of a.bin: 503 Slow\nDown","retry":1,"retries":5,"wait":1.5}` + "\n" + jsonErrors,
		},
		{"json quiet", Options{JSON: true, Quiet: true}, jsonWarn + jsonErrors},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, err bytes.Buffer
			say(NewPrinter(&Streams{Out: &out, Err: &err}, tt.opts))
			if err.String() != tt.want {
				t.Errorf("standard error\n%s\nwant\n%s", err.String(), tt.want)
			}
			if out.Len() > 0 {
				t.Errorf("standard output has %q", out.String())
			}
		})
	}
}

func TestPrint(t *testing.T) {
	var out, stderr bytes.Buffer
	p := NewPrinter(&Streams{Out: &out, Err: &stderr}, Options{JSON: true})
	if err := p.Print("s3://b/k"); err != nil {
		t.Fatal(err)
	}
	if err := p.PrintJSON(map[string]any{"v": 1, "url": "https://x/?a&b"}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "s3://b/k\n"+`{"url":"https://x/?a&b","v":1}`+"\n"; got != want {
		t.Errorf("standard output %q, want %q", got, want)
	}
	if stderr.Len() > 0 {
		t.Errorf("standard error has %q", stderr.String())
	}
}

func TestPrintFails(t *testing.T) {
	r, w := io.Pipe()
	r.Close()
	p := NewPrinter(&Streams{Out: w, Err: io.Discard}, Options{})
	if err := p.Print("x"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Print to a closed pipe: %v", err)
	}
}

// A message or a result takes the bar off the line and puts it back.
func TestBarMakesWay(t *testing.T) {
	var tty bytes.Buffer
	p := NewPrinter(&Streams{Out: &tty, Err: &tty, OutTTY: true, ErrTTY: true}, Options{})
	p.setBar("up 10%")
	p.Warn("x")
	p.setBar("up 20%")
	if err := p.Print("s3://b/k"); err != nil {
		t.Fatal(err)
	}
	p.setBar("up 20%") // the same again writes nothing
	p.setBar("")
	p.Error(Failure{Err: fmt.Errorf("gone"), Exit: 1})
	const gap = "\r        \r"
	want := "up 10%" + gap + "warning: x\nup 10%" + gap + "up 20%" + gap + "s3://b/k\nup 20%" + gap + "hoist: gone\n"
	if tty.String() != want {
		t.Errorf("got  %q\nwant %q", tty.String(), want)
	}
}
