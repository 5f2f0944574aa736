package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

func cores() float64 { return float64(runtime.NumCPU()) }

// peak returns the bytes of memory that a process had at the most (getrusage(2): KiB).
//
// It is never less than what this process has: the kernel counts from before exec.
func peak(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return usage.Maxrss << 10
}

// ticks is in a second of /proc (proc(5), USER_HZ), on all that Go runs on.
const ticks = 100

// busy returns the CPU seconds that the machine has spent on all but the
// servers, since it was started.
func busy(servers []int) float64 {
	all, err := os.ReadFile("/proc/stat")
	if err != nil {
		return -1
	}
	line, _, _ := bytes.Cut(all, []byte{'\n'})
	sum := 0.0
	for i, field := range bytes.Fields(line) {
		// cpu user nice system idle iowait irq softirq steal guest guest_nice
		if i == 0 || i == 4 || i == 5 || i > 8 {
			continue
		}
		n, err := strconv.ParseFloat(string(field), 64)
		if err != nil {
			return -1
		}
		sum += n
	}
	for _, pid := range servers {
		used, err := used(pid)
		if err != nil {
			return -1
		}
		sum -= used
	}
	return sum / ticks
}

// used returns the ticks that a process has spent so far.
func used(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// What follows the name in parentheses is field 3; utime and stime are 14 and 15.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	sum := 0.0
	for _, field := range fields[11:13] {
		n, err := strconv.ParseFloat(string(field), 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// softirqs are the kernel's threads that take over what a process has begun to
// send by loopback, where that is much at a time.
func softirqs() []int {
	var pids []int
	all, _ := filepath.Glob("/proc/[0-9]*/comm") // the pattern is right
	for _, comm := range all {
		name, err := os.ReadFile(comm)
		if err != nil || !bytes.HasPrefix(name, []byte("ksoftirqd/")) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(comm))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// handed returns the CPU seconds of these threads, since the machine was started.
func handed(softirqs []int) float64 {
	sum := 0.0
	for _, pid := range softirqs {
		n, _ := used(pid) // they do not end
		sum += n
	}
	return sum / ticks
}
