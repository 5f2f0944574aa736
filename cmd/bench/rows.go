package main

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// The clients, in the order in which they take their turns.
const (
	dd     = "dd" // writes the file of a download and nothing else: no client's wall time can be far below
	curl   = "curl"
	mc     = "mc"
	rclone = "rclone"
	aws    = "aws"
	hoist  = "hoist"
)

func clients() []string { return []string{dd, curl, mc, rclone, aws, hoist} }

// server says which one a row is measured against.
type server int

const (
	overHTTP server = iota
	overHTTPS
	farAway // the sink, by way of the proxy
	overMinIO
	noServer
)

// row is one kind of work.
type row struct {
	name   string
	title  string
	server server
	// jobs are what each client is told to do, with its endpoint at base.
	jobs   func(w *work, base string) map[string]job
	limits []limit
	// repeat is how many times as often as others it is measured, since it is short.
	repeat int
	curve  bool // of the first run of each client is kept
}

// job is one command.
type job struct {
	args []string
	// input is a file that comes by a pipe on standard input.
	input string
	// output is a file that is removed before and after.
	output string
	env    []string
}

// limit is a goal for hoist. What is zero is no goal.
type limit struct {
	of        string  // the client that CPU and wall are multiples of
	cpu, wall float64 // times of's
	seconds   float64 // wall
	mebibytes int64   // peak memory
}

func (l limit) String() string {
	text := ""
	add := func(format string, args ...any) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf(format, args...)
	}
	if l.cpu > 0 {
		add("CPU ≤ %.3g × %s", l.cpu, l.of)
	}
	if l.wall > 0 {
		add("wall ≤ %.3g × %s", l.wall, l.of)
	}
	if l.seconds > 0 {
		add("≤ %g ms", l.seconds*1000)
	}
	if l.mebibytes > 0 {
		add("≤ %d MiB", l.mebibytes)
	}
	return text
}

// work is the files that are sent and where others arrive.
type work struct {
	size  int64 // bytes of the large file
	files int   // in the folder of small ones
	keys  int   // that are listed
	huge  int64 // bytes of the sparse file

	dir    string
	large  string
	small  string
	sparse string
}

func rows(w *work) []row {
	return []row{
		{
			name: "file-http", title: size(w.size) + " file, http", server: overHTTP, jobs: uploadFile,
			limits: []limit{{of: curl, cpu: 1.25, wall: 1, mebibytes: 30}},
		},
		{
			name: "file-https", title: size(w.size) + " file, https", server: overHTTPS, jobs: uploadFile,
			limits: []limit{{of: mc, cpu: 0.95, wall: 0.95}},
		},
		{
			name: "stream-http", title: size(w.size) + " stream, http", server: overHTTP, jobs: uploadStream,
			limits: []limit{{of: mc, cpu: 0.4, wall: 0.4, mebibytes: 128}},
		},
		{
			name: "small-http", title: fmt.Sprintf("%d files of 4 KiB, http", w.files), server: overHTTP, jobs: uploadFolder,
			limits: []limit{{of: mc, cpu: 0.25, wall: 0.25}},
		},
		{
			name: "get-http", title: "download " + size(w.size) + " to a file, http", server: overHTTP, jobs: download,
			limits: []limit{{of: curl, cpu: 0.9, wall: 0.6}},
		},
		{
			name: "list", title: fmt.Sprintf("list %d keys, http", w.keys), server: overHTTP, jobs: list,
			limits: []limit{{of: mc, cpu: 0.35, wall: 0.35}},
		},
		{
			name: "start", title: "start (version)", server: noServer, jobs: version, repeat: 7,
			limits: []limit{{seconds: 0.009}},
		},
		{
			name: "distance", title: size(w.size) + " file, far away", server: farAway, jobs: uploadParts, curve: true,
			limits: []limit{{of: mc, wall: 1 / 1.5}, {of: aws, wall: 1 / 1.5}},
		},
		{
			name: "get-distance", title: "download " + size(w.size) + " to a file, far away", server: farAway, jobs: downloadParts,
		},
		{
			name: "memory", title: size(w.huge) + " sparse file, http", server: overHTTP, jobs: uploadSparse,
			limits: []limit{{mebibytes: 30}},
		},
		{name: "minio", title: size(w.size) + " file, MinIO, http", server: overMinIO, jobs: uploadParts},
	}
}

func uploadFile(w *work, base string) map[string]job {
	return map[string]job{
		curl:   {args: []string{"-sSf", "-o", devNull, "-H", "Expect:", "-T", w.large, base + "/bench/large"}},
		mc:     {args: []string{"--quiet", "cp", w.large, "sink/bench/large"}},
		rclone: {args: []string{"copyto", w.large, "sink:bench/large"}},
		aws:    {args: []string{"s3", "cp", "--quiet", w.large, "s3://bench/large"}},
		hoist:  {args: []string{"upload", w.large, "s3://bench/large"}},
	}
}

// uploadParts is uploadFile for those that sign and send parts: curl's one
// connection tells nothing where that is the limit.
func uploadParts(w *work, base string) map[string]job {
	all := uploadFile(w, base)
	delete(all, curl)
	return all
}

func uploadSparse(w *work, _ string) map[string]job {
	return map[string]job{hoist: {args: []string{"upload", w.sparse, "s3://bench/sparse"}}}
}

func uploadStream(w *work, _ string) map[string]job {
	return map[string]job{
		mc:    {args: []string{"--quiet", "pipe", "sink/bench/stream"}, input: w.large},
		aws:   {args: []string{"s3", "cp", "--quiet", "-", "s3://bench/stream"}, input: w.large},
		hoist: {args: []string{"upload", "-", "s3://bench/stream"}, input: w.large},
	}
}

func uploadFolder(w *work, _ string) map[string]job {
	return map[string]job{
		mc:     {args: []string{"--quiet", "cp", "--recursive", w.small + "/", "sink/bench/small/"}},
		rclone: {args: []string{"copy", w.small, "sink:bench/small"}},
		aws:    {args: []string{"s3", "cp", "--quiet", "--recursive", w.small, "s3://bench/small"}},
		hoist:  {args: []string{"upload", "-r", w.small + "/", "s3://bench/small/"}},
	}
}

func download(w *work, base string) map[string]job {
	from, to := strconv.FormatInt(w.size, 10), filepath.Join(w.dir, "arrived")
	return map[string]job{
		dd:     {args: []string{"if=/dev/zero", "of=" + to, "bs=1M", "count=" + strconv.FormatInt(w.size>>20, 10), "status=none"}, output: to},
		curl:   {args: []string{"-sSf", "-o", to, base + "/zero/" + from}, output: to},
		mc:     {args: []string{"--quiet", "cp", "sink/zero/" + from, to}, output: to},
		rclone: {args: []string{"copyto", "sink:zero/" + from, to}, output: to},
		aws:    {args: []string{"s3", "cp", "--quiet", "s3://zero/" + from, to}, output: to},
		hoist:  {args: []string{"get", "s3://zero/" + from, to}, output: to},
	}
}

// downloadParts is download by those that get parts, for the reason of uploadParts.
func downloadParts(w *work, base string) map[string]job {
	all := download(w, base)
	delete(all, curl)
	delete(all, dd)
	return all
}

func list(*work, string) map[string]job {
	return map[string]job{
		mc:     {args: []string{"ls", "--recursive", "sink/many/"}},
		rclone: {args: []string{"lsf", "--recursive", "--files-only", "sink:many"}},
		hoist:  {args: []string{"ls", "-r", "s3://many/"}},
	}
}

func version(*work, string) map[string]job {
	return map[string]job{
		curl:   {args: []string{"--version"}},
		mc:     {args: []string{"--version"}},
		rclone: {args: []string{"version"}},
		aws:    {args: []string{"--version"}},
		hoist:  {args: []string{"version"}},
	}
}

// size writes bytes in the largest unit that is exact.
func size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; i < len(units)-1 && n >= 1024 && n%1024 == 0; i++ {
		n /= 1024
	}
	return fmt.Sprintf("%d %s", n, units[i])
}
