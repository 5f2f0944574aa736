package recipe

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/hoist-cli/hoist/internal/fault"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// check refuses, before anything is sent, what the API would not take and
// flags that it cannot honour, and gives the recipe's advice.
func (c *Client) check(ctx context.Context, spec object.Spec, name string, opt map[string]any) error {
	r := c.recipe
	if flags := unheeded(spec, r.Parts == partsOfClient); len(flags) > 0 {
		return fault.WithHint(fault.New(fault.Usage, "%s cannot honour %s", r.Name, strings.Join(flags, ", ")), "leave it out: the API decides that")
	}
	switch {
	case name == "":
		return fault.WithHint(fault.New(fault.Usage, "%s: the file needs a name", r.Name), "write it after %s:, or add --name NAME", c.cfg.Profile)
	case strings.Contains(name, "/"):
		return fault.WithHint(fault.New(fault.Usage, "%s has no folders: %q is no name of a file", r.Name, name), "write %s:%s", c.cfg.Profile, path.Base(name))
	case spec.File.Size < 0 && c.NeedsSize():
		return fault.WithHint(fault.New(fault.Usage, "%s needs to know the size first", r.Name), "add --size")
	}
	if err := r.Limits.check(spec.File, name); err != nil {
		return fault.New(fault.Usage, "%s would not take %s: %w", r.Name, name, err)
	}
	vars := values{"$file": fileOf(spec.File, name), "$opt": opt}
	say := func(p *Program, do func(text string) error) error {
		if p == nil {
			return nil
		}
		err := p.each(ctx, nil, vars, func(v any) error {
			text, ok := v.(string)
			if !ok {
				return fault.New(fault.Usage, "refuse and advise yield texts")
			}
			return do(text)
		})
		if err != nil {
			return fault.New(fault.Usage, "%s: %w", r.Name, err)
		}
		return nil
	}
	if err := say(r.Refuse, func(text string) error {
		return fault.New(fault.Usage, "it would not take %s: %s", name, text)
	}); err != nil {
		return err
	}
	return say(r.Advise, func(text string) error {
		c.cfg.Warn("%s: %s: %s", name, r.Name, text)
		return nil
	})
}

func (l Limits) check(f ticket.File, name string) error {
	if l.MaxSize > 0 && f.Size > int64(l.MaxSize) {
		return fmt.Errorf("it has %d bytes, and at most %s are allowed", f.Size, l.MaxSize)
	}
	extension := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	if len(l.Extensions) > 0 && !slices.Contains(l.Extensions, extension) {
		return fmt.Errorf("its name has to end in .%s", strings.Join(l.Extensions, ", ."))
	}
	if len(l.Types) > 0 && !slices.ContainsFunc(l.Types, func(allowed string) bool {
		kind, all := strings.CutSuffix(allowed, "/*")
		return f.Type == allowed || all && strings.HasPrefix(f.Type, kind+"/")
	}) {
		return fmt.Errorf("its type %q is none of %s", f.Type, strings.Join(l.Types, ", "))
	}
	return nil
}

// unheeded returns the flags of spec that no recipe has a place for.
func unheeded(spec object.Spec, partSize bool) []string {
	a := spec.Attributes
	var flags []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"--metadata", len(a.Metadata) > 0},
		{"--tag", len(a.Tags) > 0},
		{"--cache-control", a.CacheControl != ""},
		{"--content-disposition", a.ContentDisposition != ""},
		{"--content-encoding", a.ContentEncoding != ""},
		{"--acl", a.ACL != ""},
		{"--storage-class", a.StorageClass != ""},
		{"--sse", a.SSE != ""},
		{"--sse-kms-key-id", a.SSEKMSKeyID != ""},
		{"--checksum", a.ChecksumAlgorithm != ""},
		{"--no-clobber", a.NoClobber},
		{"--part-size", spec.PartSize != 0 && !partSize},
		{"--method", spec.Method != ""},
		{"--expires", spec.Expires != 0},
		{"--max-size", spec.MaxSize != 0},
	} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	return flags
}
