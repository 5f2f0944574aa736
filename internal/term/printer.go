package term

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hoist-cli/hoist/internal/fault"
)

// Options say what a Printer shows.
type Options struct {
	// JSON turns every message on standard error into an event of one line.
	JSON bool
	// Quiet leaves errors and warnings only.
	Quiet bool
	// NoProgress leaves everything but progress.
	NoProgress bool
	// Verbose shows what is given to Printer.Verbose.
	Verbose bool
	// Interval is the time between two displays of progress; 0 is 0.1 s for
	// a bar, 1 s for events and 5 s for plain lines.
	Interval time.Duration
}

// Printer owns standard error. It writes whole lines, and takes a progress bar
// off the line before it and puts it back after. Its methods may be called
// from several goroutines.
//
// As text, an error is "hoist: STAGE: what happened" and then "hoist: hint:
// what to do next"; nothing else begins with "hoist: ".
type Printer struct {
	streams *Streams
	opts    Options

	mu  sync.Mutex
	bar string // what stands on the line; "" is nothing
}

// NewPrinter returns a printer on s.
func NewPrinter(s *Streams, opts Options) *Printer {
	return &Printer{streams: s, opts: opts}
}

// Failure is an error as it is reported at the end.
type Failure struct {
	Err error
	// Exit is the exit code that the error leads to.
	Exit int
	// Source is the file that failed, Location the place; either may be empty.
	Source, Location string
}

// The events of standard error with --json. What is not known is null.
type (
	messageEvent struct {
		V       int    `json:"v"`
		Event   string `json:"event"` // info, verbose or warning
		Message string `json:"message"`
	}
	retryEvent struct {
		V       int     `json:"v"`
		Event   string  `json:"event"`
		Message string  `json:"message"`
		Retry   int     `json:"retry"`   // from 1
		Retries int     `json:"retries"` // as many as there may be
		Wait    float64 `json:"wait"`    // seconds until it is sent again
	}
	errorEvent struct {
		V         int     `json:"v"`
		Event     string  `json:"event"`
		Stage     *string `json:"stage"`
		Message   string  `json:"message"`
		Hint      *string `json:"hint"`
		Exit      int     `json:"exit"`
		Retryable bool    `json:"retryable"`
		Source    *string `json:"source"`
		Location  *string `json:"location"`
	}
)

// Info says something good to know. Quiet leaves it out.
func (p *Printer) Info(format string, args ...any) {
	if !p.opts.Quiet {
		p.message("info", "", format, args)
	}
}

// Verbose says what only --verbose wants to know.
func (p *Printer) Verbose(format string, args ...any) {
	if p.opts.Verbose {
		p.message("verbose", "", format, args)
	}
}

// Warn says that something is not as it should be and the work goes on.
func (p *Printer) Warn(format string, args ...any) {
	p.message("warning", "warning: ", format, args)
}

func (p *Printer) message(event, prefix, format string, args []any) {
	text := fmt.Sprintf(format, args...)
	if p.opts.JSON {
		p.event(messageEvent{1, event, text})
		return
	}
	p.lines(prefix + Escape(text))
}

// Retry says that err happened and that the request is sent again after wait:
// the retry-th time (from 1) of at most retries. Quiet leaves it out.
func (p *Printer) Retry(retry, retries int, wait time.Duration, err error) {
	if p.opts.Quiet {
		return
	}
	if p.opts.JSON {
		p.event(retryEvent{1, "retry", err.Error(), retry, retries, wait.Seconds()})
		return
	}
	p.lines(fmt.Sprintf("retry %d of %d in %s: %s", retry, retries, Duration(wait), Escape(err.Error())))
}

// Error reports a failure.
func (p *Printer) Error(f Failure) {
	stage, hint := string(fault.StageOf(f.Err)), fault.HintOf(f.Err)
	if p.opts.JSON {
		p.event(errorEvent{
			V: 1, Event: "error",
			Stage: known(stage), Message: f.Err.Error(), Hint: known(hint),
			Exit: f.Exit, Retryable: retryable(f.Exit),
			Source: known(f.Source), Location: known(f.Location),
		})
		return
	}
	line := "hoist: "
	if stage != "" {
		line += stage + ": "
	}
	lines := []string{line + Escape(f.Err.Error())}
	if hint != "" {
		lines = append(lines, "hoist: hint: "+Escape(hint))
	}
	p.lines(lines...)
}

// retryable says whether the same command may succeed when it is run again
// with nothing changed: the exit codes for incomplete and for temporary.
func retryable(exit int) bool { return exit == 3 || exit == 7 }

func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Print writes a result to standard output. A bar is kept out of its way where
// both streams are the terminal.
func (p *Printer) Print(line string) error { return p.print([]byte(line + "\n")) }

// PrintJSON writes v to standard output as a line of JSON.
func (p *Printer) PrintJSON(v any) error {
	line, err := EncodeJSON(v)
	if err != nil {
		return err
	}
	return p.print(line)
}

func (p *Printer) print(line []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	bar := p.bar
	if p.streams.OutTTY {
		p.show("")
	}
	_, err := p.streams.Out.Write(line)
	p.show(bar)
	return err
}

func (p *Printer) event(v any) {
	line, err := EncodeJSON(v)
	if err != nil {
		panic(err) // the events are structs of strings and numbers
	}
	p.write(string(line))
}

func (p *Printer) lines(lines ...string) { p.write(strings.Join(lines, "\n") + "\n") }

// write puts text, which ends in a newline, on standard error. A failure to
// write there has nowhere to be told.
func (p *Printer) write(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.streams.Err.Write([]byte(erase(p.bar, p.streams.columns()) + text + p.bar))
}

// setBar puts line in the place of the bar that stands there; "" takes it off.
func (p *Printer) setBar(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(line)
}

// show is setBar for who holds the lock. It is one write, so that nothing flickers.
func (p *Printer) show(line string) {
	if line != p.bar {
		_, _ = p.streams.Err.Write([]byte(erase(p.bar, p.streams.columns()) + line))
		p.bar = line
	}
}

// erase overwrites a bar with spaces: that works on every terminal, the
// consoles of Windows included. The terminal itself may have written ^C behind it.
func erase(bar string, width int) string {
	if bar == "" {
		return ""
	}
	n := columns(bar)
	return "\r" + strings.Repeat(" ", max(n, min(n+len("^C"), width))) + "\r"
}

// columns is how many columns s takes at most: what is not ASCII counts as
// wide, since too many spaces do no harm and too few leave litter.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x80 {
		return 1
	}
	return 2
}

// clip cuts s so that it fits into width columns.
func clip(s string, width int) string {
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > width {
			return s[:i]
		}
	}
	return s
}
