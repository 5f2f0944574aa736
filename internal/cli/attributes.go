package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hoist-cli/hoist/internal/checksum"
	"github.com/hoist-cli/hoist/internal/config"
	"github.com/hoist-cli/hoist/internal/mediatype"
	"github.com/hoist-cli/hoist/internal/object"
	"github.com/hoist-cli/hoist/internal/ticket"
)

// attributeFlags are the flags that upload and presign share: what is stored
// beside the bytes, and how.
type attributeFlags struct {
	name        string
	contentType string
	metadata    []string
	tags        []string
	partSize    config.Size
	size        config.Size
	checksum    string
	attributes  object.Attributes
	flags       *pflag.FlagSet
}

// sized says whether --size was given, which may be 0.
func (f *attributeFlags) sized() bool { return f.flags.Changed("size") }

func (f *attributeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.flags = flags
	flags.StringVar(&f.name, "name", "", "`NAME` of the one source at its destination")
	addSet(cmd)
	flags.StringVar(&f.contentType, "content-type", "", "media `TYPE` (default: by name, else by content)")
	flags.StringArrayVar(&f.metadata, "metadata", nil, "user metadata, as `KEY=VALUE` (repeatable)")
	flags.StringArrayVar(&f.tags, "tag", nil, "object tag, as `KEY=VALUE` (repeatable)")
	flags.StringVar(&f.attributes.CacheControl, "cache-control", "", "Cache-Control `HEADER` of the object")
	flags.StringVar(&f.attributes.ContentDisposition, "content-disposition", "", "Content-Disposition `HEADER` of the object")
	flags.StringVar(&f.attributes.ContentEncoding, "content-encoding", "", "Content-Encoding `HEADER` of the object")
	flags.StringVar(&f.attributes.ACL, "acl", "", "canned `ACL`, such as private or public-read")
	flags.StringVar(&f.attributes.StorageClass, "storage-class", "", "storage `CLASS`, such as STANDARD_IA")
	flags.StringVar(&f.attributes.SSE, "sse", "", "server-side encryption `KIND`: AES256 or aws:kms")
	flags.StringVar(&f.attributes.SSEKMSKeyID, "sse-kms-key-id", "", "KMS key `ID` for --sse aws:kms")
	flags.BoolVar(&f.attributes.NoClobber, "no-clobber", false, "fail (exit 9) if the object exists")
	flags.StringVar(&f.checksum, "checksum", "", "checksum `ALGORITHM`: "+strings.Join(checksum.Algorithms(), ", ")+" (default: the first)")
	flags.Var(&f.partSize, "part-size", "`SIZE` of a part (default: 16MiB, or as 10,000 parts need)")
	flags.Var(&f.size, "size", "`SIZE` of a stream, where it is known")
	complete(cmd, "checksum", checksum.Algorithms()...)
	complete(cmd, "sse", "AES256", "aws:kms")
	complete(cmd, "acl", "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read",
		"bucket-owner-read", "bucket-owner-full-control")
	complete(cmd, "storage-class", "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
}

// spec returns what the flags say, with a Size of -1 unless --size gives it.
func (f *attributeFlags) spec() (object.Spec, error) {
	s := object.Spec{
		File:       ticket.File{Name: f.name, Size: -1, Type: f.contentType},
		PartSize:   int64(f.partSize),
		Attributes: f.attributes,
	}
	if f.sized() {
		s.File.Size = int64(f.size)
	}
	if f.contentType != "" && !mediatype.Valid(f.contentType) {
		return s, usage("--content-type %q is not a media type", f.contentType)
	}
	if f.checksum != "" && !slices.Contains(checksum.Algorithms(), f.checksum) {
		return s, usage("--checksum %q is none of %s", f.checksum, strings.Join(checksum.Algorithms(), ", "))
	}
	s.ChecksumAlgorithm = f.checksum
	var err error
	if s.Metadata, err = pairs("--metadata", f.metadata); err != nil {
		return s, err
	}
	if s.Tags, err = pairs("--tag", f.tags); err != nil {
		return s, err
	}
	set, err := f.flags.GetStringArray("set")
	if err != nil {
		return s, err
	}
	s.Options, err = pairs("--set", set)
	return s, err
}

// pairs splits KEY=VALUE arguments. A key that comes twice is an error: one of
// the two would be lost.
func pairs(flag string, args []string) (map[string]string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(args))
	for _, arg := range args {
		key, value, found := strings.Cut(arg, "=")
		if !found || key == "" {
			return nil, usage("%s %q is not KEY=VALUE", flag, arg)
		}
		if _, twice := out[key]; twice {
			return nil, usage("%s %s is given twice", flag, key)
		}
		out[key] = value
	}
	return out, nil
}

// complete offers values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	// It fails only for a flag that does not exist, which a test would show.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}
