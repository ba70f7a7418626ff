package files

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

// Entries of a folder. Source: Microsoft FAT specification 1.03, "FAT Directory
// Structure".
const (
	entryBytes     = 32
	dirName        = 0  // 8 bytes of name, 3 of extension
	dirAttr        = 11 //
	dirNTRes       = 12 // case flags
	dirFstClusHI   = 20
	dirWrtTime     = 22
	dirWrtDate     = 24
	dirFstClusLO   = 26
	dirFileSize    = 28
	attrVolumeID   = 0x08
	attrDirectory  = 0x10
	attrLongName   = 0x0F
	entryFree      = 0xE5 // first byte of the name
	entryEnd       = 0x00
	entryKanjiE5   = 0x05 // stands for 0xE5
	lowerName      = 0x08 // in dirNTRes: the name is in small letters
	lowerExtension = 0x10

	// Long-name entries. Source: there, "FAT Long Directory Entries".
	ldirChksum    = 13
	ldirLast      = 0x40 // in the ordinal: the last piece, stored first
	ldirNumber    = 0x1F // in the ordinal: which piece, from 1
	ldirUnits     = 13   // UTF-16 units of one piece
	ldirMaxPieces = 20
	maxLongName   = 255 // units
)

// rawEntry is one entry of a folder as the disk has it, 32 bytes.
type rawEntry []byte

func (e rawEntry) free() bool     { return e[0] == entryFree }
func (e rawEntry) isLong() bool   { return e[dirAttr] == attrLongName }
func (e rawEntry) isLabel() bool  { return e[dirAttr]&attrVolumeID != 0 }
func (e rawEntry) isFolder() bool { return e[dirAttr]&attrDirectory != 0 }
func (e rawEntry) size() int64    { return int64(le32(e, dirFileSize)) }

// isDots says whether it is the folder's entry for itself or its parent; a file may
// be called so, too.
func (e rawEntry) isDots() bool {
	name := string(e[dirName:dirAttr])
	return e.isFolder() && (name == ".          " || name == "..         ")
}

// first is what the entry says is the file's first cluster.
func (e rawEntry) first() cluster {
	return cluster(uint32(le16(e, dirFstClusHI))<<16 | uint32(le16(e, dirFstClusLO)))
}

// modified is the time of the last write, zero if it is none.
func (e rawEntry) modified() time.Time {
	date, clock := int(le16(e, dirWrtDate)), int(le16(e, dirWrtTime))
	year, month, day := 1980+date>>9, time.Month(date>>5&15), date&31
	t := time.Date(year, month, day, clock>>11, clock>>5&63, clock&31*2, 0, time.UTC)
	if t.Month() != month || t.Day() != day {
		return time.Time{}
	}
	return t
}

// checksum is what the long-name entries of this one carry.
func (e rawEntry) checksum() (sum byte) {
	for _, b := range e[dirName:dirAttr] {
		sum = sum<<7 | sum>>1
		sum += b
	}
	return sum
}

// codePage850 has the characters of bytes 0x80 to 0xFF in short names. Which code
// page a disk was written with is not said anywhere; this one is what mtools
// takes it for, and 437 has the same letters in most places.
var codePage850 = []rune("ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤" +
	"ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00AD±‗¾¶§÷¸°¨·¹³²■\u00A0")

// shortName is the 8.3 name with the case that its flags give it. What cannot be part of a
// name, so that nobody could ask for it, reads as '?'.
func (e rawEntry) shortName() string {
	base, extension := e[dirName:dirName+8], e[dirName+8:dirAttr]
	name := shortPart(base, e[dirNTRes]&lowerName != 0, true)
	if x := shortPart(extension, e[dirNTRes]&lowerExtension != 0, false); x != "" {
		name += "." + x
	}
	if name == "" || name == "." || name == ".." { // they mean something else in a path
		name = strings.Repeat("?", max(1, len(name)))
	}
	return name
}

// shortPart decodes name or extension, without the blanks at its end.
func shortPart(p []byte, lower, first bool) string {
	text := make([]rune, 0, 8)
	for i, b := range p {
		if i == 0 && first && b == entryKanjiE5 {
			b = entryFree
		}
		r := rune(b)
		if b >= 0x80 {
			r = codePage850[b-0x80]
		}
		if lower {
			r = unicode.ToLower(r)
		}
		if !nameRune(r) {
			r = '?'
		}
		text = append(text, r)
	}
	return strings.TrimRight(string(text), " ")
}

// nameRune says whether a character can be part of a name: it separates no
// folders, controls no terminal, and stands for no broken character.
func nameRune(r rune) bool {
	return r != '/' && r != '\\' && r != unicode.ReplacementChar && !unicode.IsControl(r)
}

// longName collects the pieces of a long name that come before its short entry.
// Any order will do, as it does for mtools: a piece belongs to the name if nothing
// but pieces with the same checksum lies between them.
type longName struct {
	units  [ldirMaxPieces * ldirUnits]uint16
	have   uint32 // bit n: piece n+1
	pieces int    // as the last one says; 0 before it came
	sum    byte
}

// add takes one long-name entry.
func (l *longName) add(e rawEntry) {
	if e[ldirChksum] != l.sum {
		l.have, l.pieces, l.sum = 0, 0, e[ldirChksum]
	}
	number := int(e[0] & ldirNumber)
	if number == 0 || number > ldirMaxPieces {
		return
	}
	if e[0]&ldirLast != 0 {
		l.pieces = number
	}
	l.have |= 1 << (number - 1)
	to := l.units[(number-1)*ldirUnits:]
	for i := range ldirUnits {
		at := 1 + 2*i
		switch {
		case i >= 11:
			at = 28 + 2*(i-11)
		case i >= 5:
			at = 14 + 2*(i-5)
		}
		to[i] = le16(e, at)
	}
}

// forget drops the pieces: what came behind them is not theirs.
func (l *longName) forget() { l.have, l.pieces = 0, 0 }

// take gives the long name of a short entry and forgets it; "" if it has none, or one that
// nobody could ask for.
func (l *longName) take(e rawEntry) string {
	units, all := l.units[:l.pieces*ldirUnits], uint32(1)<<l.pieces-1
	right := l.pieces > 0 && l.have&all == all && l.sum == e.checksum()
	l.forget()
	if !right {
		return ""
	}
	for i, u := range units {
		if u == 0 {
			units = units[:i]
			break
		}
	}
	if len(units) > maxLongName {
		return ""
	}
	name := string(utf16.Decode(units)) // half a surrogate pair becomes a replacement character
	if strings.ContainsFunc(name, func(r rune) bool { return !nameRune(r) }) || name == "." || name == ".." {
		return ""
	}
	return name
}
