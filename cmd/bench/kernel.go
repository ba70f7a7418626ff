package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// Where a bzImage says where its compressed kernel lies.
// Source: Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
const (
	setupSects    = 0x1f1
	setupMagic    = 0x202 // "HdrS"
	setupVersion  = 0x206
	payloadOffset = 0x248 // from the protected-mode code on
	payloadLength = 0x24c
	setupEnd      = 0x250
)

// unpackers are host tools for the formats Debian has used, by the bytes a
// payload starts with. LZ4 is unpacked by unpackLZ4.
var unpackers = []struct {
	magic string
	tool  []string
}{
	{"\x1f\x8b", []string{"gzip", "-dc"}},
	{"\xfd7zXZ\x00", []string{"xz", "-dc", "--single-stream"}},
	{"\x28\xb5\x2f\xfd", []string{"zstd", "-dc"}},
}

// extractKernel gives the ELF file inside a bzImage.
func extractKernel(image []byte) ([]byte, error) {
	le := binary.LittleEndian
	if len(image) < setupEnd || string(image[setupMagic:setupMagic+4]) != "HdrS" {
		return nil, errors.New("not a Linux kernel image: no HdrS at 0x202")
	}
	if v := le.Uint16(image[setupVersion:]); v < 0x208 {
		return nil, fmt.Errorf("boot protocol %#x does not tell where the payload lies", v)
	}
	sectors := int(image[setupSects])
	if sectors == 0 {
		sectors = 4
	}
	start := (sectors+1)*512 + int(le.Uint32(image[payloadOffset:]))
	end := start + int(le.Uint32(image[payloadLength:]))
	if start > end || end > len(image) {
		return nil, fmt.Errorf("payload [%#x, %#x) lies outside the image of %#x bytes", start, end, len(image))
	}
	kernel, err := unpack(image[start:end])
	if err != nil {
		return nil, err
	}
	if _, err := elf.NewFile(bytes.NewReader(kernel)); err != nil {
		return nil, fmt.Errorf("the payload is no ELF file: %w", err)
	}
	return kernel, nil
}

// unpack gives what a payload holds.
func unpack(payload []byte) ([]byte, error) {
	if bytes.HasPrefix(payload, []byte(lz4Magic)) {
		return unpackLZ4(payload)
	}
	for _, u := range unpackers {
		if !bytes.HasPrefix(payload, []byte(u.magic)) {
			continue
		}
		cmd := exec.Command(u.tool[0], u.tool[1:]...)
		// The image's build appends the unpacked size, which a tool may call
		// trailing garbage: what came out decides.
		cmd.Stdin = bytes.NewReader(payload)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if len(out) == 0 {
			return nil, fmt.Errorf("%v: %w", u.tool, err)
		}
		return out, nil
	}
	return nil, fmt.Errorf("payload starts with % x: no known compression", payload[:min(8, len(payload))])
}

// The LZ4 "legacy" frame, which Linux uses: the magic, then blocks, each with
// its compressed size before it. Source: LZ4 frame format 1.6.4, "Legacy frame";
// LZ4 block format.
const (
	lz4Magic    = "\x02\x21\x4c\x18"
	lz4MaxBlock = 8 << 20 // bytes one block unpacks to, at most
)

var errLZ4 = errors.New("lz4: the data are damaged")

// unpackLZ4 unpacks a legacy frame, ignoring the four bytes of unpacked size
// that the kernel's build appends.
func unpackLZ4(frame []byte) (out []byte, err error) {
	for in := frame[len(lz4Magic):]; len(in) > 4; {
		size := int(binary.LittleEndian.Uint32(in))
		in = in[4:]
		if size > len(in) {
			return nil, errLZ4
		}
		if out, err = unpackBlock(out, in[:size]); err != nil {
			return nil, err
		}
		in = in[size:]
	}
	return out, nil
}

// unpackBlock appends what one block holds to out. A match never reaches back
// past the block's start.
func unpackBlock(out, in []byte) ([]byte, error) {
	start := len(out)
	// length reads the rest of a length whose 4-bit start is n.
	length := func(n int) int {
		for more := n == 15; more; {
			if len(in) == 0 {
				return -1
			}
			n += int(in[0])
			more = in[0] == 255
			in = in[1:]
		}
		return n
	}
	for len(in) > 0 {
		token := in[0]
		in = in[1:]
		literals := length(int(token >> 4))
		if literals < 0 || literals > len(in) {
			return nil, errLZ4
		}
		out = append(out, in[:literals]...)
		in = in[literals:]
		if len(in) == 0 {
			break // the last sequence has no match
		}
		if len(in) < 2 {
			return nil, errLZ4
		}
		back := int(binary.LittleEndian.Uint16(in))
		in = in[2:]
		match := length(int(token & 15))
		if match < 0 || back == 0 || back > len(out)-start || len(out)-start+match > lz4MaxBlock {
			return nil, errLZ4
		}
		for range match + 4 { // a match may overlap what it makes
			out = append(out, out[len(out)-back])
		}
	}
	return out, nil
}
