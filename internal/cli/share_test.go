package cli

import (
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/walk"
)

func TestShard(t *testing.T) {
	kubernetes := map[string]string{"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "4"}
	slurm := map[string]string{
		"SLURM_ARRAY_TASK_ID": "15", "SLURM_ARRAY_TASK_MIN": "5", "SLURM_ARRAY_TASK_STEP": "5", "SLURM_ARRAY_TASK_COUNT": "3",
	}
	for _, c := range []struct {
		text string
		env  map[string]string
		want shard // the zero one is refused
	}{
		{"1/1", nil, shard{1, 1}},
		{"3/4", kubernetes, shard{3, 4}},
		{"auto", kubernetes, shard{1, 4}},
		{"auto", map[string]string{"AWS_BATCH_JOB_ARRAY_INDEX": "9", "AWS_BATCH_JOB_ARRAY_SIZE": "10"}, shard{10, 10}},
		{"auto", slurm, shard{3, 3}},
		{"auto/8", map[string]string{"JOB_COMPLETION_INDEX": "7"}, shard{8, 8}},
		{"auto", map[string]string{"JOB_COMPLETION_INDEX": "7"}, shard{}},
		{"auto/8", map[string]string{"JOB_COMPLETION_INDEX": "8"}, shard{}},
		{"auto", map[string]string{"JOB_COMPLETION_INDEX": "x"}, shard{}},
		{"auto", nil, shard{}},
		{"0/4", nil, shard{}},
		{"5/4", nil, shard{}},
		{"1/", nil, shard{}},
		{"/", nil, shard{}},
		{"4", nil, shard{}},
		{"1/0", nil, shard{}},
		{"1/4/4", nil, shard{}},
	} {
		got, err := parseShard(c.text, func(name string) string { return c.env[name] })
		if c.want == (shard{}) {
			if err == nil {
				t.Errorf("%q in %v: %v, want an error", c.text, c.env, got)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%q in %v: %v, %v, want %v", c.text, c.env, got, err, c.want)
		}
	}
}

func TestSharesHaveEveryFileOnce(t *testing.T) {
	const files, shares = 10_000, 4
	var all iter.Seq[walk.File] = func(yield func(walk.File) bool) {
		for i := range files {
			if !yield(walk.File{Name: fmt.Sprintf("folder/%d.dat", i)}) {
				return
			}
		}
	}
	times := make(map[string]int)
	for i := range shares {
		n := 0
		for file := range (shard{i + 1, shares}).files(all) {
			times[file.Name]++
			n++
		}
		if n < files/shares*9/10 || n > files/shares*11/10 {
			t.Errorf("share %d has %d of %d files", i+1, n, files)
		}
	}
	for name, n := range times {
		if n != 1 {
			t.Errorf("%s is in %d shares", name, n)
		}
	}
	if len(times) != files {
		t.Errorf("%d of %d files are in a share", len(times), files)
	}
}

func TestPartsOfATicket(t *testing.T) {
	whole := &ticket.Ticket{
		Parts:    []ticket.Part{{Number: 1}, {Number: 2}, {Number: 3}, {Number: 4}},
		Receipts: []ticket.Receipt{{Number: 1}, {Number: 3}},
	}
	for text, want := range map[string][]int{"": {1, 2, 3, 4}, "2-3": {2, 3}, "4": {4}, "3-9": {3, 4}} {
		chosen, err := parseParts(text)
		if err != nil {
			t.Fatal(err)
		}
		share, err := chosen.of(whole)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, p := range share.Parts {
			got = append(got, p.Number)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q has the parts %v, want %v", text, got, want)
		}
		for _, r := range share.Receipts {
			if !slices.Contains(want, r.Number) {
				t.Errorf("%q has a receipt of part %d", text, r.Number)
			}
		}
	}
	for _, text := range []string{"0-1", "3-2", "a", "1-", "-", "1-2-3"} {
		if _, err := parseParts(text); err == nil {
			t.Errorf("%q is a range", text)
		}
	}
	if chosen, _ := parseParts("5-6"); chosen != (partRange{5, 6}) {
		t.Errorf("%v", chosen)
	} else if _, err := chosen.of(whole); err == nil {
		t.Error("part 5 of 4 is sent")
	}
}
