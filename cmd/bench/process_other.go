//go:build !linux

package main

import (
	"os"
	"runtime"
)

func cores() float64 { return float64(runtime.NumCPU()) }

// Peak memory and the time of other processes are measured on Linux only.
func peak(*os.ProcessState) int64 { return 0 }
func busy([]int) float64          { return -1 }
func softirqs() []int             { return nil }
func handed([]int) float64        { return 0 }
