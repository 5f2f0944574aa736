package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/minio/crc64nvme"
	"github.com/rogpeppe/go-internal/testscript"
)

// world is what the commands of one script share; its zero value is its key in the script's values.
type world struct {
	proxy      *proxy
	listener   *listener
	background *exec.Cmd // of which a request was held
}

func worldOf(ts *testscript.TestScript) *world { return ts.Value(world{}).(*world) }

func errUnknownCondition(name string) error { return fmt.Errorf("unknown condition %q", name) }

// commands are what scripts can do beyond testscript's own commands:
//
//	exits CODE PROGRAM [ARG...]  exec, which must end with CODE
//	home NAME                    makes $WORK/NAME the home, which is empty until something is kept there
//	random FILE SIZE             a file of random bytes; SIZE as hoist's flags take it
//	many DIR N                   a folder of the N small files 0000, 0001, …
//	crc64nvme VAR FILE           sets VAR to the base64 of FILE's CRC64NVME, computed without hoist
//	json VAR FILE PATH           sets VAR to what is at PATH, such as parts.0.size, in the JSON of FILE
//	                             (or of stdout, stderr); a value that is no string as JSON
//	jsonlines FILE...            each line of FILE is a JSON object, and there is one
//	set FILE PATH VALUE          puts the JSON VALUE at PATH into the JSON of FILE
//	equal A B                    (! equal) compares two words
//	noleak FILE...               no secret of the environment and no signature is in FILE, a folder, stdout or stderr
//	processes FILE               writes the command line of every process to FILE (Linux)
//	listener                     sets $LISTENER to the URL of a server; "untouched" then says that nobody connected
//	proxy                        puts a proxy that counts before the store; see proxy
//	hold OP N                    from the Nth on, requests OP stand still in mid-body and never arrive; counts from 0
//	fail OP N STATUS             the next N requests OP are answered with STATUS and do not arrive
//	count                        counts from 0, and nothing is held or failed any more
//	requests OP MIN [MAX]        between MIN and MAX (default: MIN) requests OP have come; OP "any" is all
//	held                         waits until a request of what runs with & is held
//	interrupt INT|TERM|KILL      sends it a signal then
//	doubled INT|TERM             as interrupt, and again a moment later
//	insist INT|TERM              sends it again and again until the process has ended
//	status CODE|killed           how it ended; after "wait"
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	// plain are the commands that cannot be negated, with the least and most arguments.
	plain := map[string]struct {
		least, most int
		run         func(*testscript.TestScript, []string)
	}{
		"exits":     {2, -1, exits},
		"home":      {1, 1, home},
		"random":    {2, 2, random},
		"many":      {2, 2, many},
		"crc64nvme": {2, 2, crc64NVME},
		"json":      {3, 3, getJSON},
		"jsonlines": {1, -1, jsonLines},
		"set":       {3, 3, setJSON},
		"noleak":    {1, -1, noLeak},
		"processes": {1, 1, processes},
		"listener":  {0, 0, startListener},
		"untouched": {0, 0, untouched},
		"proxy":     {0, 0, startProxy},
		"hold":      {2, 2, hold},
		"fail":      {3, 3, fail},
		"count":     {0, 0, count},
		"requests":  {2, 3, requests},
		"held":      {0, 0, waitHeld},
		"interrupt": {1, 1, interrupt},
		"doubled":   {1, 1, doubled},
		"insist":    {1, 1, insist},
		"status":    {1, 1, status},
		"serve":     {0, -1, startServer},
	}
	all := map[string]func(*testscript.TestScript, bool, []string){"equal": equal}
	for name, c := range plain {
		all[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) < c.least || c.most >= 0 && len(args) > c.most {
				ts.Fatalf("%s is not used like this: see commands in script_commands_test.go", name)
			}
			c.run(ts, args)
		}
	}
	return all
}

func exits(ts *testscript.TestScript, args []string) {
	want := number(ts, args[0])
	got := 0
	var ended *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &ended):
		got = ended.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if int64(got) != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func home(ts *testscript.TestScript, args []string) {
	setHome(ts.Setenv, ts.Getenv("WORK"), args[0])
}

func equal(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: equal A B")
	}
	if (args[0] == args[1]) == neg {
		ts.Fatalf("%q and %q", args[0], args[1])
	}
}

func random(ts *testscript.TestScript, args []string) {
	size, err := humanize.ParseBytes(args[1])
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = io.CopyN(f, rand.Reader, int64(size))
	ts.Check(errors.Join(err, f.Close()))
}

func many(ts *testscript.TestScript, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	for i := range number(ts, args[1]) {
		name := fmt.Sprintf("%04d", i)
		ts.Check(os.WriteFile(filepath.Join(dir, name), []byte("file "+name+"\n"), 0o666))
	}
}

func crc64NVME(ts *testscript.TestScript, args []string) {
	f, err := os.Open(ts.MkAbs(args[1]))
	ts.Check(err)
	defer f.Close()
	h := crc64nvme.New()
	_, err = io.Copy(h, f)
	ts.Check(err)
	ts.Setenv(args[0], base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, h.Sum64())))
}

func getJSON(ts *testscript.TestScript, args []string) {
	doc := decodeJSON(ts, ts.ReadFile(args[1]))
	at, err := walkJSON(&doc, strings.Split(args[2], "."))
	if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	text, isString := (*at).(string)
	if !isString {
		raw, err := json.Marshal(*at)
		ts.Check(err)
		text = string(raw)
	}
	ts.Setenv(args[0], text)
}

// setJSON can add a field to an object but no element to an array.
func setJSON(ts *testscript.TestScript, args []string) {
	doc := decodeJSON(ts, ts.ReadFile(args[0]))
	path := strings.Split(args[1], ".")
	last := path[len(path)-1]
	parent, err := walkJSON(&doc, path[:len(path)-1])
	if err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
	value := decodeJSON(ts, args[2])
	switch container := (*parent).(type) {
	case map[string]any:
		container[last] = value
	case []any:
		container[number(ts, last)] = value
	default:
		ts.Fatalf("%s: nothing can be put at %s", args[0], args[1])
	}
	raw, err := json.Marshal(doc)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(raw, '\n'), 0o600))
}

// decodeJSON decodes the first value of text, with numbers as they are written.
func decodeJSON(ts *testscript.TestScript, text string) (v any) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		ts.Fatalf("%v in %q", err, text)
	}
	return v
}

func walkJSON(at *any, path []string) (*any, error) {
	for _, step := range path {
		var next any
		switch container := (*at).(type) {
		case map[string]any:
			value, ok := container[step]
			if !ok {
				return nil, fmt.Errorf("no field %q", step)
			}
			next = value
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(container) {
				return nil, fmt.Errorf("no element %q of %d", step, len(container))
			}
			next = container[i]
		default:
			return nil, fmt.Errorf("nothing is below %q", step)
		}
		at = &next
	}
	return at, nil
}

func jsonLines(ts *testscript.TestScript, args []string) {
	for _, name := range args {
		text := ts.ReadFile(name)
		if text == "" {
			ts.Fatalf("%s is empty", name)
		}
		for line := range strings.Lines(text) {
			var object map[string]any
			if err := json.Unmarshal([]byte(line), &object); err != nil {
				ts.Fatalf("%s: %v in %q", name, err, line)
			}
		}
	}
}

// signatures are how SigV4 writes one in a query, a header and a form.
var signatures = regexp.MustCompile(`(?i)signature"?[=:]\s*"?[0-9a-f]{64}`)

func noLeak(ts *testscript.TestScript, args []string) {
	secrets := []string{ts.Getenv("AWS_SECRET_ACCESS_KEY"), ts.Getenv("AWS_SESSION_TOKEN")}
	secrets = slices.DeleteFunc(secrets, func(s string) bool { return s == "" })
	if len(secrets) == 0 {
		ts.Fatalf("there is no secret that could leak")
	}
	check := func(name, text string) {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				ts.Fatalf("%s holds a secret of the environment", name)
			}
		}
		if found := signatures.FindString(text); found != "" {
			ts.Fatalf("%s holds a signature: %s", name, found)
		}
	}
	for _, arg := range args {
		if info, err := os.Stat(ts.MkAbs(arg)); err != nil || !info.IsDir() {
			check(arg, ts.ReadFile(arg))
			continue
		}
		files := 0
		ts.Check(filepath.WalkDir(ts.MkAbs(arg), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			files++
			text, err := os.ReadFile(path)
			check(path, string(text))
			return err
		}))
		if files == 0 {
			ts.Fatalf("%s holds no file", arg)
		}
	}
}

func processes(ts *testscript.TestScript, args []string) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	ts.Check(err)
	var all bytes.Buffer
	for _, line := range lines {
		text, err := os.ReadFile(line)
		if err != nil {
			continue // it has ended
		}
		all.Write(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
		all.WriteByte('\n')
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), all.Bytes(), 0o666))
}

// waitHeld waits until a request of what runs with & is held.
func waitHeld(ts *testscript.TestScript, _ []string) {
	running := ts.BackgroundCmds()
	if len(running) != 1 {
		ts.Fatalf("%d commands run with &, want one", len(running))
	}
	ts.Check(proxyOf(ts).waitHeld())
	worldOf(ts).background = running[0]
}

func interrupt(ts *testscript.TestScript, args []string) {
	waitHeld(ts, nil)
	w := worldOf(ts)
	ts.Check(w.background.Process.Signal(signalOf(ts, args[0])))
}

// doubled is interrupt by what hands a signal on, as GNU timeout does: it comes
// twice, the second time a moment later.
func doubled(ts *testscript.TestScript, args []string) {
	interrupt(ts, args)
	time.Sleep(5 * time.Millisecond)
	if err := worldOf(ts).background.Process.Signal(signalOf(ts, args[0])); !errors.Is(err, os.ErrProcessDone) {
		ts.Check(err)
	}
}

func insist(ts *testscript.TestScript, args []string) {
	s := signalOf(ts, args[0])
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	tooLate := time.After(time.Minute)
	for interrupt(ts, args); ; {
		select {
		case <-again.C:
		case <-tooLate:
			ts.Fatalf("it does not end")
		}
		if err := worldOf(ts).background.Process.Signal(s); errors.Is(err, os.ErrProcessDone) {
			return
		}
	}
}

func signalOf(ts *testscript.TestScript, name string) os.Signal {
	switch name {
	case "INT":
		return os.Interrupt
	case "TERM":
		return syscall.SIGTERM
	case "KILL":
		return os.Kill
	}
	ts.Fatalf("unknown signal %s", name)
	return nil
}

func status(ts *testscript.TestScript, args []string) {
	w := worldOf(ts)
	if w.background == nil || w.background.ProcessState == nil {
		ts.Fatalf("status comes after held or interrupt, and wait")
	}
	got := strconv.Itoa(w.background.ProcessState.ExitCode())
	if got == "-1" {
		got = "killed"
	}
	if got != args[0] {
		ts.Fatalf("%s, want %s", w.background.ProcessState, args[0])
	}
}

func number(ts *testscript.TestScript, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	ts.Check(err)
	return n
}
