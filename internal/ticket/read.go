package ticket

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxDocument is the largest ticket in bytes that is read: 10,000 presigned
// parts with session tokens are about 30 MB.
const MaxDocument = 64 << 20

// ErrTooLarge is returned for a document beyond MaxDocument.
var ErrTooLarge = errors.New("more than 64 MiB is no ticket")

// Read reads tickets one after another, each followed by any number of
// receipts as a journal appends them, and validates each. Unknown fields,
// unknown versions and anything that is not a ticket are errors. A torn last
// receipt, as a crash leaves it, is dropped.
func Read(r io.Reader) ([]*Ticket, error) {
	var tickets []*Ticket
	values := json.NewDecoder(&capped{r: r, left: MaxDocument})
	for {
		var raw json.RawMessage
		err := values.Decode(&raw)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) && len(tickets) > 0 {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not a ticket: %w", err)
		}
		if tickets, err = add(tickets, raw); err != nil {
			return nil, err
		}
	}
	if len(tickets) == 0 {
		return nil, errors.New("not a ticket: the input is empty")
	}
	for _, t := range tickets {
		if err := t.Validate(); err != nil {
			return nil, err
		}
	}
	return tickets, nil
}

// add appends the ticket that raw holds, or gives the receipt that it holds to the last ticket.
func add(tickets []*Ticket, raw json.RawMessage) ([]*Ticket, error) {
	var probe struct {
		Version *int `json:"version"`
		Number  *int `json:"number"`
	}
	if err := json.Unmarshal(raw, &probe); err != nil {
		return nil, fmt.Errorf("not a ticket: %w", err)
	}
	switch {
	case probe.Version != nil && *probe.Version != Version:
		return nil, fmt.Errorf("ticket version %d: this program knows version %d", *probe.Version, Version)
	case probe.Version != nil:
		t := new(Ticket)
		if err := strict(raw, t); err != nil {
			return nil, fmt.Errorf("ticket: %w", err)
		}
		return append(tickets, t), nil
	case probe.Number != nil && len(tickets) > 0:
		var r Receipt
		if err := strict(raw, &r); err != nil {
			return nil, fmt.Errorf("receipt: %w", err)
		}
		tickets[len(tickets)-1].AddReceipt(r)
		return tickets, nil
	default:
		return nil, errors.New(`not a ticket: it has no "version"`)
	}
}

// AddReceipt adds r, in place of an earlier receipt of the same part.
func (t *Ticket) AddReceipt(r Receipt) {
	for i := range t.Receipts {
		if t.Receipts[i].Number == r.Number {
			t.Receipts[i] = r
			return
		}
	}
	t.Receipts = append(t.Receipts, r)
}

// strict decodes a JSON value into v and refuses fields that v does not have.
func strict(raw json.RawMessage, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// Write writes t as one line.
func Write(w io.Writer, t *Ticket) error {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false) // the & of a query stays readable
	if err := e.Encode(t); err != nil {
		return err
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// capped fails, rather than ends, when there is more to read than allowed.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}
