package x86

import (
	"image"

	"golang.org/x/image/font/basicfont"
)

// screen shows text on a framebuffer: white on black, a fixed font (or VGA's own),
// scrolling. It understands the few escape sequences that line editors use.
//
// put runs wherever the runtime prints, so nothing it calls may allocate or grow the
// stack. One writer at a time.
var screen textScreen

const (
	glyphWidth  = 7
	glyphHeight = 13
	tabStop     = 8

	white           = 0x00ffffff
	vgaWhite uint16 = 0x0700
)

// glyphs are the rows of each ASCII character, leftmost pixel in the highest bit.
type glyphs [128][glyphHeight]uint8

type textScreen struct {
	vga        bool   // the hardware draws the characters
	base       uint64 // virtual address of the first pixel, or character
	pitch      uint64 // bytes of a line
	scale      int    // pixels of a dot
	cols, rows int    // 0 without a screen
	col, row   int    // where the next character goes
	cells      []byte // what is shown, row by row
	font       *glyphs

	escape    uint8 // 0, or the last byte of an escape sequence that has begun
	parameter int
}

// newTextScreen clears the screen of f, whose pixels are at base.
func newTextScreen(f Framebuffer, base uint64) textScreen {
	s := textScreen{vga: f.Text, base: base, pitch: uint64(f.Pitch), scale: 1, cols: int(f.Width), rows: int(f.Height)}
	if !s.vga {
		s.font = basicGlyphs()
		if f.Width >= 2000 {
			s.scale = 2
		}
		s.cols, s.rows = s.cols/(glyphWidth*s.scale), s.rows/(glyphHeight*s.scale)
		for y := range uint64(f.Height) {
			for x := range uint64(f.Width) {
				store[uint32](base+y*s.pitch+4*x, 0)
			}
		}
	}
	s.cells = make([]byte, s.cols*s.rows)
	for i := range s.cells {
		if s.vga {
			s.set(i, ' ')
		}
		s.cells[i] = ' '
	}
	return s
}

// basicGlyphs takes the font apart into dots.
func basicGlyphs() *glyphs {
	face := basicfont.Face7x13
	mask := face.Mask.(*image.Alpha)
	g := new(glyphs)
	for _, r := range face.Ranges {
		for c := max(r.Low, 0); c < min(r.High, 128); c++ {
			top := (int(c-r.Low) + r.Offset) * (face.Ascent + face.Descent)
			for y := range glyphHeight {
				for x := range face.Width {
					if mask.AlphaAt(x, top+y).A >= 0x80 {
						g[c][y] |= 0x80 >> x
					}
				}
			}
		}
	}
	return g
}

// put shows one byte.
//
//go:nosplit
func (s *textScreen) put(c byte) {
	if s.escape != 0 {
		s.escapeByte(c)
		return
	}
	switch {
	case c == '\n':
		s.col = 0
		s.newline()
	case c == '\r':
		s.col = 0
	case c == '\b':
		s.col = max(s.col-1, 0)
	case c == '\t':
		s.col = min((s.col+tabStop)&^(tabStop-1), s.cols-1)
	case c == 0x1b:
		s.escape = c
	case c >= ' ' && c < 0x7f, c >= 0xc0: // the first byte of a character of several
		if c >= 0x80 {
			c = '?'
		}
		if s.col == s.cols {
			s.col = 0
			s.newline()
		}
		s.set(s.row*s.cols+s.col, c)
		s.col++
	}
}

// escapeByte goes on with ESC [ number letter.
//
//go:nosplit
func (s *textScreen) escapeByte(c byte) {
	switch {
	case s.escape == 0x1b && c == '[':
		s.escape, s.parameter = c, 0
		return
	case s.escape == '[' && c >= '0' && c <= '9':
		s.parameter = min(s.parameter*10+int(c-'0'), 1000)
		return
	case s.escape == '[' && (c == ';' || c == '?'):
		s.parameter = 0
		return
	}
	final := s.escape == '['
	s.escape = 0
	if !final {
		return
	}
	n := max(s.parameter, 1)
	if c == 'A' {
		s.row = max(s.row-n, 0)
	} else if c == 'B' {
		s.row = min(s.row+n, s.rows-1)
	} else if c == 'C' {
		s.col = min(s.col+n, s.cols-1)
	} else if c == 'D' {
		s.col = max(s.col-n, 0)
	} else if c == 'H' {
		s.row, s.col = 0, 0
	} else if c == 'K' || c == 'J' { // to the end of the line, or of the screen
		from, to := s.row*s.cols+s.col, (s.row+1)*s.cols
		if c == 'J' {
			to = len(s.cells)
			if s.parameter == 2 {
				from = 0
			}
		}
		for i := from; i < to; i++ {
			s.set(i, ' ')
		}
	}
}

// newline goes down a row, scrolling at the last one. Only cells that change are
// drawn: the memory of a screen is slow.
//
//go:nosplit
func (s *textScreen) newline() {
	if s.row+1 < s.rows {
		s.row++
		return
	}
	last := len(s.cells) - s.cols
	for i := range last {
		s.set(i, s.cells[i+s.cols])
	}
	for i := last; i < len(s.cells); i++ {
		s.set(i, ' ')
	}
}

// set shows c in cell i.
//
//go:nosplit
func (s *textScreen) set(i int, c byte) {
	if s.cells[i] == c {
		return
	}
	s.cells[i] = c
	if s.vga {
		store(s.base+2*uint64(i), vgaWhite|uint16(c))
		return
	}
	at := s.base + uint64(i/s.cols*glyphHeight*s.scale)*s.pitch + uint64(i%s.cols*glyphWidth*s.scale*4)
	for y := range glyphHeight * s.scale {
		dots := s.font[c&0x7f][y/s.scale]
		for x := range glyphWidth * s.scale {
			color := uint32(0)
			if dots<<(x/s.scale)&0x80 != 0 {
				color = white
			}
			store(at+uint64(4*x), color)
		}
		at += s.pitch
	}
}
