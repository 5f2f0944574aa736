package fault

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestError(t *testing.T) {
	inner := &Error{Kind: Temporary, Hint: "wait", Stage: Send, Message: "500", Err: io.ErrUnexpectedEOF}
	for _, test := range []struct {
		name  string
		err   error
		text  string
		kind  Kind
		stage Stage
		hint  string
	}{
		{"nil", nil, "", Failed, "", ""},
		{"foreign", io.EOF, "EOF", Failed, "", ""},
		{"all", inner, "500: unexpected EOF", Temporary, Send, "wait"},
		{"wrapped", fmt.Errorf("f: %w", inner), "f: 500: unexpected EOF", Temporary, Send, "wait"},
		{"the outer first", &Error{Kind: Incomplete, Hint: "again", Err: inner}, "500: unexpected EOF", Incomplete, Send, "again"},
		{"in between", &Error{Err: fmt.Errorf("f: %w", &Error{Message: "m", Err: inner})}, "f: m: 500: unexpected EOF", Temporary, Send, "wait"},
		{"joined", fmt.Errorf("%w; %w", inner, io.EOF), "500: unexpected EOF; EOF", Temporary, Send, "wait"},
		{"New", New(Denied, "no %s: %w", "entry", io.EOF), "no entry: EOF", Denied, "", ""},
		{"At", At(Plan, io.EOF), "EOF", Failed, Plan, ""},
		{"At keeps the first", At(Plan, inner), "500: unexpected EOF", Temporary, Send, "wait"},
		{"WithHint", WithHint(io.EOF, "%d%%", 5), "EOF", Failed, "", "5%"},
		{"WithHint keeps the first", WithHint(inner, "other"), "500: unexpected EOF", Temporary, Send, "wait"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.err != nil && test.err.Error() != test.text {
				t.Errorf("reads %q, want %q", test.err, test.text)
			}
			if kind, stage, hint := KindOf(test.err), StageOf(test.err), HintOf(test.err); kind != test.kind || stage != test.stage || hint != test.hint {
				t.Errorf("kind %d, stage %q, hint %q, want %d, %q, %q", kind, stage, hint, test.kind, test.stage, test.hint)
			}
		})
	}
	if At(Plan, nil) != nil || WithHint(nil, "x") != nil {
		t.Error("something is made of no error")
	}
	if !errors.Is(New(Denied, "%w", io.EOF), io.EOF) || !errors.Is(At(Send, inner), io.ErrUnexpectedEOF) {
		t.Error("the cause is hidden")
	}
}
