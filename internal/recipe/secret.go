package recipe

import "context"

// AuthHeader resolves the secret that requests carry, and returns the name of
// its header; "" for an API that is asked without one. It makes no request.
func (c *Client) AuthHeader(ctx context.Context) (string, error) {
	auth, err := c.credential(ctx)
	return auth.header, err
}
