package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/image/font/basicfont"
)

// screenBoot types at the PS/2 keyboard, takes a picture of the screen, reads the
// characters back and compares them with what the serial port got.
func screenBoot(disk, loader string) (output string, err error) {
	dir, err := os.MkdirTemp("", "faultline-screen-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	socket, picture := filepath.Join(dir, "monitor"), filepath.Join(dir, "screen.ppm")
	s, err := startSession("MACHINE=q35", "LOADER="+loader, "DISK="+disk, "SNAPSHOT=1", "QEMUFLAGS=-device VGA -monitor unix:"+socket+",server=on,wait=off")
	if err != nil {
		return "", err
	}
	err = s.look(socket, picture)
	return s.end(err)
}

// look is what screenBoot does once the machine runs.
func (s *session) look(socket, picture string) error {
	if _, err := s.until("`help` lists the commands"); err != nil {
		return err
	}
	m, err := openMonitor(socket)
	if err != nil {
		return err
	}
	defer m.Close()
	for _, key := range strings.Split("h e l p ret h e l p ret m e m ret c p u s ret", " ") { // the screen scrolls
		if err := m.do("sendkey " + key); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond) // a key is held for 100 ms of the machine's time
	}
	if _, err := s.until(`^\d+ CPUs?$`); err != nil {
		return err
	}
	time.Sleep(time.Second) // the prompt
	if err := m.do("screendump " + picture); err != nil {
		return err
	}
	shown, cols, err := readScreen(picture)
	if err != nil {
		return err
	}
	_, own, _ := strings.Cut(s.output.String(), "faultline: loaded") // before that it is the loader's
	said := wrapLines(own+"faultline> ", cols)
	if len(said) < len(shown) {
		return fmt.Errorf("only %d lines were said, the screen has %d", len(said), len(shown))
	}
	said = said[len(said)-len(shown):]
	for i := range shown {
		if shown[i] != said[i] {
			return fmt.Errorf("line %d of %d of the screen is\n%q\nwant\n%q", i, len(shown), shown[i], said[i])
		}
	}
	s.output.WriteString(fmt.Sprintf("the screen shows the last %d lines\n", len(shown)))
	return m.do("sendkey ctrl-d")
}

// wrapLines is text as a terminal of so many columns shows it, without blanks at the ends
// of lines.
func wrapLines(text string, cols int) (lines []string) {
	text = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`).ReplaceAllString(strings.ReplaceAll(text, "\r", ""), "")
	for _, line := range strings.Split(text, "\n") {
		runes := []rune(line)
		for len(runes) > cols {
			lines, runes = append(lines, strings.TrimRight(string(runes[:cols]), " ")), runes[cols:]
		}
		lines = append(lines, strings.TrimRight(string(runes), " "))
	}
	return lines
}

// readScreen reads the lines of text of a picture (PPM) of characters of x/image's 7x13
// font, white on black.
func readScreen(name string) (lines []string, cols int, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, 0, err
	}
	var width, height, depth int
	if n, _ := fmt.Sscanf(string(b[:min(len(b), 32)]), "P6\n%d %d\n%d\n", &width, &height, &depth); n != 3 || len(b) < 3*width*height {
		return nil, 0, fmt.Errorf("%s is no picture", name)
	}
	pixels := b[len(b)-3*width*height:]
	face := basicfont.Face7x13
	mask, tall := face.Mask.(*image.Alpha), face.Ascent+face.Descent
	known := map[string]rune{}
	for _, r := range face.Ranges {
		for c := r.Low; c < r.High && c < 0x7f; c++ {
			var dots []byte
			for y := range tall {
				for x := range face.Advance {
					on := byte(0)
					if x < face.Width && mask.AlphaAt(x, (int(c-r.Low)+r.Offset)*tall+y).A >= 0x80 {
						on = 1
					}
					dots = append(dots, on)
				}
			}
			known[string(dots)] = c
		}
	}
	cols = width / face.Advance
	for row := range height / tall {
		var line []rune
		for col := range cols {
			var dots []byte
			for y := range tall {
				for x := range face.Advance {
					at := 3 * ((row*tall+y)*width + col*face.Advance + x)
					switch {
					case bytes.Equal(pixels[at:at+3], []byte{255, 255, 255}):
						dots = append(dots, 1)
					case bytes.Equal(pixels[at:at+3], []byte{0, 0, 0}):
						dots = append(dots, 0)
					default:
						return nil, 0, fmt.Errorf("a pixel of row %d, column %d is % x", row, col, pixels[at:at+3])
					}
				}
			}
			c, ok := known[string(dots)]
			if !ok {
				return nil, 0, fmt.Errorf("row %d, column %d shows no character", row, col)
			}
			line = append(line, c)
		}
		lines = append(lines, strings.TrimRight(string(line), " "))
	}
	return lines, cols, nil
}

// monitor is QEMU's.
type monitor struct {
	net.Conn
	in *bufio.Reader
}

func openMonitor(socket string) (*monitor, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	m := &monitor{c, bufio.NewReader(c)}
	_, err = m.answer()
	return m, err
}

// do gives a command and waits for its end.
func (m *monitor) do(command string) error {
	_, err := m.ask(command)
	return err
}

// ask gives what a command prints.
func (m *monitor) ask(command string) (string, error) {
	if err := m.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return "", err
	}
	if _, err := m.Write([]byte(command + "\n")); err != nil {
		return "", err
	}
	if _, err := m.in.ReadString('\n'); err != nil { // the echo
		return "", err
	}
	text, err := m.answer()
	if err == nil && strings.HasPrefix(text, "Error") {
		err = errors.New(command + ": " + text)
	}
	return text, err
}

// answer reads up to the prompt.
func (m *monitor) answer() (string, error) {
	text := ""
	for !strings.HasSuffix(text, "(qemu) ") {
		c, err := m.in.ReadByte()
		if err != nil {
			return text, err
		}
		text += string(rune(c))
	}
	return strings.TrimSuffix(text, "(qemu) "), nil
}
