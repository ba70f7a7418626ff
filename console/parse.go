package console

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// call is one command of a script as it was written.
type call struct {
	text string
	argv []string // empty: nothing to do
	err  error    // it could not be read
}

// split reads a script: commands between ';' or newlines, words between blanks.
// Quotes of either kind hold a word together; inside double quotes and outside
// any, a backslash takes the next character as it is, except before a letter or
// digit, where it stands for itself, so that both `A\ B` and `DIR\FILE` mean
// what they look like. '#' at the start of a word begins a comment.
func split(script string) []call {
	var calls []call
	var argv []string
	var word strings.Builder
	inWord := false
	start := 0
	quote := rune(0)
	endWord := func() {
		if inWord {
			argv = append(argv, word.String())
			word.Reset()
			inWord = false
		}
	}
	endCall := func(end int, err error) {
		endWord()
		text := strings.TrimSpace(script[start:end])
		if len(argv) > 0 || err != nil {
			calls = append(calls, call{text, argv, err})
		}
		argv = nil
	}
	runes := []rune(script)
	at := 0 // byte offset of runes[i]
	comment := false
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		here := at
		at += width(script, at)
		switch {
		case comment:
			if c == '\n' {
				comment = false
				start = at
			}
		case c == '\\' && quote != '\'' && i+1 < len(runes) && escapable(runes[i+1]):
			i++
			at += width(script, at)
			word.WriteRune(runes[i])
			inWord = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == '#' && !inWord:
			endCall(here, nil)
			comment = true
		case c == ';' || c == '\n' || c == '\r':
			endCall(here, nil)
			start = at
		case c == ' ' || c == '\t':
			endWord()
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	switch {
	case quote != 0:
		endCall(len(script), fmt.Errorf("the quote %c is not closed", quote))
	case !comment:
		endCall(len(script), nil)
	}
	return calls
}

// width is the number of bytes of the rune at script[at:]; 1 for a byte that is
// no UTF-8.
func width(script string, at int) int {
	_, n := utf8.DecodeRuneInString(script[at:])
	return n
}

func escapable(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r > 127)
}

// number reads a count of bytes: decimal or 0x hex, with a suffix K, M or G for
// the powers of 1024. Errors name the value.
func number(what, text string) (uint64, error) {
	digits, base := text, 10
	if rest, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		digits, base = rest, 16
	}
	shift := 0
	if n := len(digits); n > 1 {
		switch digits[n-1] {
		case 'k', 'K':
			shift = 10
		case 'm', 'M':
			shift = 20
		case 'g', 'G':
			shift = 30
		}
		if shift > 0 {
			digits = digits[:n-1]
		}
	}
	v, err := strconv.ParseUint(digits, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && v > math.MaxUint64>>shift:
		return 0, fmt.Errorf("%s %q does not fit 64 bits", what, text)
	case err != nil:
		return 0, fmt.Errorf("%s %q is not a number: write it in decimal or as 0x hex, perhaps with K, M or G behind", what, text)
	}
	return v << shift, nil
}

// hexBytes reads bytes in hex, "de" or "deadbeef" each.
func hexBytes(words []string) ([]byte, error) {
	var all []byte
	for _, w := range words {
		b, err := hex.DecodeString(w)
		if err != nil || len(b) == 0 {
			return nil, fmt.Errorf("byte %q is not hex: write two digits a byte, as in de ad be ef", w)
		}
		all = append(all, b...)
	}
	return all, nil
}
