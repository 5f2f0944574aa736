package cli

import (
	"fmt"
	"hash/fnv"
	"iter"
	"strconv"
	"strings"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/ticket"
	"github.com/hoist-cli/hoist/internal/walk"
)

// shard is one of count shares of a tree, from 1; the zero value is all of it.
type shard struct{ index, count int }

const shardHint = "write --shard I/N with I from 1 to N, or --shard auto in an array of jobs (auto/N where only the index is in the environment)"

// parseShard reads "I/N", "auto" or "auto/N".
func parseShard(text string, env func(string) string) (shard, error) {
	if text == "" {
		return shard{}, nil
	}
	var s shard
	index, count, given := strings.Cut(text, "/")
	var err error
	if given {
		if s.count, err = strconv.Atoi(count); err != nil {
			return s, fault.WithHint(usage("--shard %q is not I/N", text), shardHint)
		}
	}
	switch {
	case index == "auto":
		if s, err = arrayJob(s.count, env); err != nil {
			return s, err
		}
	case !given:
		return s, fault.WithHint(usage("--shard %q is not I/N", text), shardHint)
	default:
		if s.index, err = strconv.Atoi(index); err != nil {
			return s, fault.WithHint(usage("--shard %q is not I/N", text), shardHint)
		}
	}
	if s.index < 1 || s.index > s.count {
		return s, fault.WithHint(usage("--shard %s is share %d of %d", text, s.index, s.count), shardHint)
	}
	return s, nil
}

// arrayJob is the share of this process where Kubernetes (an Indexed Job), AWS
// Batch or Slurm started several of it; count goes before theirs. Kubernetes
// tells the index alone, so its manifest has to set JOB_COMPLETIONS.
func arrayJob(count int, env func(string) string) (shard, error) {
	for _, job := range []struct{ index, first, step, count string }{
		{index: "JOB_COMPLETION_INDEX", count: "JOB_COMPLETIONS"},
		{index: "AWS_BATCH_JOB_ARRAY_INDEX", count: "AWS_BATCH_JOB_ARRAY_SIZE"},
		{index: "SLURM_ARRAY_TASK_ID", first: "SLURM_ARRAY_TASK_MIN", step: "SLURM_ARRAY_TASK_STEP", count: "SLURM_ARRAY_TASK_COUNT"},
	} {
		if env(job.index) == "" {
			continue
		}
		number := func(name string, otherwise int) (int, error) {
			text := ""
			if name != "" {
				text = env(name)
			}
			if text == "" {
				return otherwise, nil
			}
			n, err := strconv.Atoi(text)
			if err != nil {
				return 0, usage("--shard auto: %s is %q, which is no number", name, text)
			}
			return n, nil
		}
		index, err := number(job.index, 0)
		if err != nil {
			return shard{}, err
		}
		first, err := number(job.first, 0)
		if err != nil {
			return shard{}, err
		}
		step, err := number(job.step, 1)
		if err != nil {
			return shard{}, err
		}
		if count == 0 {
			if count, err = number(job.count, 0); err != nil {
				return shard{}, err
			}
		}
		if count == 0 {
			return shard{}, fault.WithHint(usage("--shard auto: %s is set, and %s, the number of all, is not", job.index, job.count), "write --shard auto/N")
		}
		return shard{(index-first)/max(step, 1) + 1, count}, nil
	}
	return shard{}, fault.WithHint(usage("--shard auto finds no array of jobs in the environment"), shardHint)
}

func (s shard) String() string {
	if s.count == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.index, s.count)
}

// files leaves those of this share. A file's share depends on its name alone,
// so that machines need not agree on anything but the number of shares.
func (s shard) files(all iter.Seq[walk.File]) iter.Seq[walk.File] {
	if s.count <= 1 {
		return all
	}
	return func(yield func(walk.File) bool) {
		for file := range all {
			h := fnv.New64a()
			h.Write([]byte(file.Name))
			if h.Sum64()%uint64(s.count) == uint64(s.index-1) && !yield(file) {
				return
			}
		}
	}
}

// partRange is a range of a ticket's parts, both ends included; the zero value
// is all of them.
type partRange struct{ first, last int }

// parseParts reads "A-B" or "A".
func parseParts(text string) (partRange, error) {
	if text == "" {
		return partRange{}, nil
	}
	from, to, isRange := strings.Cut(text, "-")
	if !isRange {
		to = from
	}
	first, err := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if err != nil || err2 != nil || first < 1 || last < first {
		return partRange{}, fault.WithHint(usage("--parts %q is no range of parts", text), "write it as 1-500")
	}
	return partRange{first, last}, nil
}

// of returns the ticket with the parts of the range alone. Its parts are those
// of t, its receipts a list of its own.
func (p partRange) of(t *ticket.Ticket) (*ticket.Ticket, error) {
	if p == (partRange{}) {
		return t, nil
	}
	if p.first > len(t.Parts) {
		return nil, usage("--parts %d-%d: the ticket of %s has %d parts", p.first, p.last, t.Location, len(t.Parts))
	}
	share := *t
	share.Parts = t.Parts[p.first-1 : min(p.last, len(t.Parts))]
	share.Receipts = nil
	for _, r := range t.Receipts {
		if p.first <= r.Number && r.Number <= p.last {
			share.Receipts = append(share.Receipts, r)
		}
	}
	return &share, nil
}
