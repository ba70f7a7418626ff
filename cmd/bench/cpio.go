package main

import (
	"bytes"
	"fmt"
)

// entry is a file of an initramfs.
type entry struct {
	name         string
	mode         uint32 // type and permissions, as stat(2) gives them
	major, minor uint32 // of a device
	content      []byte
}

// writeCPIO writes an archive in the "newc" format, which Linux unpacks into its
// root file system. Source: Linux, Documentation/driver-api/early-userspace/
// buffer-format.rst.
func writeCPIO(b *bytes.Buffer, list []entry) {
	for i, e := range append(list, entry{name: "TRAILER!!!"}) {
		fmt.Fprintf(b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
			i+1, e.mode, 0, 0, 1, 0, len(e.content), 0, 0, e.major, e.minor, len(e.name)+1, 0)
		b.WriteString(e.name + "\x00")
		pad(b)
		b.Write(e.content)
		pad(b)
	}
}

// pad fills up to a multiple of four.
func pad(b *bytes.Buffer) { b.Write(make([]byte, -b.Len()&3)) }
