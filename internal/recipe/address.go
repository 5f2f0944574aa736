package recipe

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/hoist-cli/hoist/internal/ticket"
)

// checkURL says why nothing must be sent to, or taken from, an address that the
// API named: one that is no plain http or https URL and, where the API is a
// public one, one on this machine or its network, or one that all on the way
// can read. The error never holds the address, which may be signed.
func (c *Client) checkURL(raw string) error {
	if err := ticket.ValidURL(raw); err != nil {
		return err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("the URL cannot be read")
	}
	// net/http makes ASCII of wide digits and dots: 127.0.0.1 has other spellings.
	if strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }) {
		return errors.New("the URL's host has letters other than ASCII")
	}
	if c.base.Scheme != "https" || isPrivate(c.base.Hostname()) {
		return nil // what a private API names, wire judges by the address it dials
	}
	switch {
	case isPrivate(u.Hostname()):
		return fmt.Errorf("the URL leads to the private address %s, and the API is public", u.Host)
	case u.Scheme != "https" && !slices.Contains(c.cfg.AllowHTTP, u.Host) && !slices.Contains(c.cfg.AllowHTTP, u.Hostname()):
		return fmt.Errorf("the URL is plain http to %s: anyone on the way could read it", u.Host)
	}
	return nil
}

// isPrivate says whether a host is literally this machine or one of its network.
func isPrivate(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return looksNumeric(host)
	}
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast()
}

// looksNumeric says whether a host may be read as an IPv4 address in one of the
// spellings that resolvers take and netip does not: 127.1, 0x7f000001, 2130706433.
func looksNumeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.HasPrefix(last, "0x") {
		return true
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// checked returns the request that the API handed out, if it may be sent.
func (c *Client) checked(r *ticket.Request) (*ticket.Request, error) {
	for name, value := range r.Header {
		if value == "" {
			delete(r.Header, name)
		}
	}
	if len(r.Header) == 0 {
		r.Header = nil
	}
	if err := c.checkURL(r.URL); err != nil {
		return nil, err
	}
	return r, r.Validate()
}
