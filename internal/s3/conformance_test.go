package s3_test

import (
	"github.com/hoist-cli/hoist/internal/provider"
	"github.com/hoist-cli/hoist/internal/s3"
)

var _ interface {
	provider.Provider
	provider.PartLister
	provider.Trailer
	provider.Lister
	provider.Stater
	provider.Getter
	provider.Remover
	provider.UploadLister
	provider.BucketLister
	provider.CORSKeeper
} = (*s3.Store)(nil)
