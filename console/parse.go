package console

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
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
	quote := byte(0)
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
	comment := false
	for i := 0; i < len(script); i++ { // all that means something is ASCII
		c := script[i]
		switch {
		case comment:
			if c == '\n' {
				comment = false
				start = i + 1
			}
		case c == '\\' && quote != '\'' && i+1 < len(script) && escapable(script[i+1]):
			i++
			word.WriteByte(script[i])
			inWord = true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == '#' && !inWord:
			endCall(i, nil)
			comment = true
		case c == ';' || c == '\n' || c == '\r':
			endCall(i, nil)
			start = i + 1
		case c == ' ' || c == '\t':
			endWord()
		default:
			word.WriteByte(c)
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

func escapable(c byte) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c > 127)
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
