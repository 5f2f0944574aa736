//go:build !linux

package main

// onTerminal is for Linux alone; scripts say so with [!linux] skip.
func onTerminal([]string) int { return 127 }
