package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what was measured, and on what.
type report struct {
	rows    []row
	clients map[string]string // versions
	machine string
	began   time.Time
	runs    []run
	curves  map[string][]sample // by client
}

func newReport(ctx context.Context, o *options, rows []row) *report {
	r := &report{rows: rows, clients: make(map[string]string), machine: machine(), began: time.Now(), curves: make(map[string][]sample)}
	for client, program := range o.runner.programs {
		j, ok := version(nil, "")[client]
		if !ok {
			continue
		}
		cmd := exec.CommandContext(ctx, program, j.args...)
		cmd.Env = o.runner.environment("http://127.0.0.1")
		if out, err := cmd.Output(); err == nil {
			first, _, _ := strings.Cut(string(out), "\n")
			r.clients[client] = strings.TrimSpace(first)
		}
	}
	return r
}

// machine names what matters of the computer for a figure.
func machine() string {
	model := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d × %s, %s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.Version())
}

// figures are the medians of a client in a row.
type figures struct {
	cpu, wall float64 // seconds
	peak      int64   // bytes
	disturbed bool    // more than half of the runs
	err       string
}

func (r *report) figures(row, client string) (figures, bool) {
	var cpu, wall, peaks []float64
	noisy := 0
	for _, run := range r.runs {
		if run.Row != row || run.Client != client {
			continue
		}
		if run.Error != "" {
			return figures{err: run.Error}, true
		}
		if run.Others > quiet {
			noisy++
		}
		cpu, wall, peaks = append(cpu, run.CPU), append(wall, run.Wall), append(peaks, float64(run.Peak))
	}
	if len(cpu) == 0 {
		return figures{}, false
	}
	return figures{median(cpu), median(wall), int64(median(peaks)), 2*noisy > len(cpu), ""}, true
}

func median(v []float64) float64 {
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// table writes the rows as Markdown.
func (r *report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s\n\n", r.machine, r.began.UTC().Format(time.DateOnly))
	for _, client := range clients() {
		if said := r.clients[client]; said != "" {
			fmt.Fprintf(&b, "- %s: %s\n", client, said)
		}
	}
	b.WriteString("\n| work | client | CPU, s | wall, s | peak, MiB | CPU, × hoist | wall, × hoist | goal | met |\n|---|---|--:|--:|--:|--:|--:|---|---|\n")
	disturbed := false
	for _, row := range r.rows {
		ours, _ := r.figures(row.name, hoist)
		title := row.title
		for _, client := range clients() {
			f, ok := r.figures(row.name, client)
			if _, does := row.jobs(new(work), "")[client]; !does {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | ", title, client)
			title = ""
			switch {
			case !ok:
				b.WriteString("not measured | | | | | | |\n")
				continue
			case f.err != "":
				fmt.Fprintf(&b, "%s | | | | | | |\n", strings.ReplaceAll(f.err, "\n", " "))
				continue
			}
			mark := ""
			if f.disturbed {
				mark, disturbed = "*", true
			}
			fmt.Fprintf(&b, "%.3f | %.3f%s | %.0f | ", f.cpu, f.wall, mark, float64(f.peak)/(1<<20))
			if client != hoist {
				fmt.Fprintf(&b, "%s | %s | | |\n", ratio(f.cpu, ours.cpu), ratio(f.wall, ours.wall))
				continue
			}
			var goals, met []string
			for _, l := range row.limits {
				goals, met = append(goals, l.String()), append(met, r.met(row, l)...)
			}
			fmt.Fprintf(&b, "1 | 1 | %s | %s |\n", strings.Join(goals, "; "), strings.Join(met, ", "))
		}
	}
	if disturbed {
		fmt.Fprintf(&b, "\n\\* others took more than %.0f %% of the machine meanwhile: CPU counts, wall does not\n", quiet*100)
	}
	return b.String()
}

func ratio(a, b float64) string {
	if b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", a/b)
}

// met says of each goal whether it is reached, with the figure that decides.
func (r *report) met(row row, l limit) []string {
	ours, _ := r.figures(row.name, hoist)
	theirs, known := r.figures(row.name, l.of)
	var out []string
	say := func(what string, value, most float64) {
		verdict := "yes"
		if value > most {
			verdict = "**no**"
		}
		out = append(out, fmt.Sprintf("%s %s (%s)", what, verdict, number(value)))
	}
	if known && theirs.err == "" {
		if l.cpu > 0 {
			say("CPU", ours.cpu/theirs.cpu, l.cpu)
		}
		if l.wall > 0 {
			say("wall", ours.wall/theirs.wall, l.wall)
		}
	} else if l.of != "" {
		out = append(out, l.of+" not measured")
	}
	if l.seconds > 0 {
		say("wall", ours.wall*1000, l.seconds*1000)
	}
	if l.mebibytes > 0 {
		say("memory", float64(ours.peak)/(1<<20), float64(l.mebibytes))
	}
	return out
}

func number(v float64) string {
	if v >= 10 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// write prints the table, and keeps it in dir with the raw figures and the plots.
func (r *report) write(dir string) error {
	table := r.table()
	if _, err := os.Stdout.WriteString(table); err != nil || dir == "" {
		return err
	}
	raw, err := json.MarshalIndent(struct {
		Machine string              `json:"machine"`
		Began   time.Time           `json:"began"`
		Clients map[string]string   `json:"clients"`
		Runs    []run               `json:"runs"`
		Curves  map[string][]sample `json:"curves,omitempty"`
	}{r.machine, r.began, r.clients, r.runs, r.curves}, "", "\t")
	if err != nil {
		return err
	}
	err = os.MkdirAll(dir, 0o755)
	keep := func(name, text string) {
		if err == nil && text != "" {
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)
		}
	}
	keep("table.md", table)
	keep("runs.json", string(raw)+"\n")
	keep("ratios.svg", r.plotRatios())
	keep("distance.svg", r.plotCurves())
	return errors.Join(err)
}
