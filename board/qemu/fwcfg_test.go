package qemu

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

func TestFWDirectory(t *testing.T) {
	b := make([]byte, 2*fwFileBytes)
	binary.BigEndian.PutUint32(b, 1234)
	binary.BigEndian.PutUint16(b[4:], 0x29)
	copy(b[8:], "opt/faultline/args\x00junk")
	long := strings.Repeat("n", fwNameBytes)
	binary.BigEndian.PutUint16(b[fwFileBytes+4:], 0x2a)
	copy(b[fwFileBytes+8:], long)
	got, err := parseFWDirectory(b)
	want := []fwFile{{"opt/faultline/args", 1234, 0x29}, {long, 0, 0x2a}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, err := parseFWDirectory(b[:65]); err == nil {
		t.Error("ragged directory accepted")
	}
}

func TestSplitNUL(t *testing.T) {
	for _, list := range [][]string{nil, {""}, {"a"}, {"a", ""}, {"", "b c", "-test.v=true"}} {
		var b []byte
		for _, s := range list {
			b = append(append(b, s...), 0)
		}
		if got := SplitNUL(b); !slices.Equal(got, list) {
			t.Errorf("%q came back as %q", list, got)
		}
	}
	if got := SplitNUL([]byte("a\x00b")); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("without the last NUL: %q", got)
	}
}
