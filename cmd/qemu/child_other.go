//go:build !linux

package main

import "syscall"

// childAttributes: nothing special where a child cannot be bound to its parent.
func childAttributes() *syscall.SysProcAttr { return nil }
