package console

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/width"

	"faultline/zx"
)

// What a command shows is tables, whose rows are structs. The tag of a field
// declares its column, once for people and for programs:
//
//	t:"SIZE"    a column headed SIZE; in JSON "size"
//	t:"key"     in JSON only
//	t:"+WAITS"  unless empty on lines of its own, below the row; in JSON "waits"

// Types of columns beside numbers and strings.
type (
	addr  uint64 // an address, an offset, a key; in JSON a string
	size  uint64 // bytes
	nanos int64  // a span of time, in nanoseconds
	share int    // of a CPU, in thousandths
)

// unknown is a share that was not measured.
const unknown share = -1

// MarshalJSON writes what no program may round.
func (h addr) MarshalJSON() ([]byte, error) { return []byte(`"` + h.String() + `"`), nil }

// String writes h in hex.
func (h addr) String() string { return fmt.Sprintf("%#x", uint64(h)) }

// String writes s as people read it, in four digits or fewer.
func (s size) String() string {
	const units = " KMGTPE"
	v, unit := uint64(s), 0
	for v >= 10_000 || unit > 0 && v >= 1024 {
		v, unit = v>>10, unit+1
	}
	if unit > 0 && v < 10 {
		return fmt.Sprintf("%.1f%c", float64(s)/float64(uint64(1)<<(10*unit)), units[unit])
	}
	return strings.TrimSpace(fmt.Sprintf("%d%c", v, units[unit]))
}

// String writes n in the unit that suits it.
func (n nanos) String() string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d ns", int64(n))
	case n < 10_000_000:
		return fmt.Sprintf("%d us", n/1000)
	case n < 10_000_000_000:
		return fmt.Sprintf("%d ms", n/1_000_000)
	}
	return fmt.Sprintf("%d s", n/1_000_000_000)
}

// String writes p in per cent; nothing if it is unknown.
func (p share) String() string {
	if p == unknown {
		return ""
	}
	return fmt.Sprintf("%d.%d%%", p/10, p%10)
}

// cell writes a value as it stands in a table.
func cell(v any) string {
	switch v := v.(type) {
	case zx.Koid:
		if v == zx.KoidInvalid {
			return "-"
		}
	case zx.Time:
		return seconds(v)
	}
	return clean(fmt.Sprint(v))
}

// clean makes text fit for a terminal, whoever chose it: what would move the cursor,
// turn the direction of writing or is no text at all becomes a question mark.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// wide is how many columns text takes.
func wide(text string) (n int) {
	for _, r := range text {
		switch k := width.LookupRune(r).Kind(); {
		case k == width.EastAsianWide || k == width.EastAsianFullwidth:
			n += 2
		case !unicode.In(r, unicode.Mn, unicode.Me):
			n++
		}
	}
	return n
}

// divide cuts text behind as much as n columns take, one character at least.
func divide(text string, n int) (head, tail string) {
	for i, r := range text {
		if n -= wide(string(r)); n < 0 && i > 0 {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// column is one of a table.
type column struct {
	field      int
	name       string
	left       bool // words, not numbers
	below, out bool // on lines below; in JSON only
	width      int
}

// columnsOf reads the tags of a row's type.
func columnsOf(row reflect.Type) (list []column) {
	for i := range row.NumField() {
		tag, ok := row.Field(i).Tag.Lookup("t")
		if name, below := strings.CutPrefix(tag, "+"); ok {
			list = append(list, column{field: i, name: name, below: below, out: name == strings.ToLower(name),
				left: row.Field(i).Type.Kind() == reflect.String})
		}
	}
	return list
}

// tableRows is how many rows are written at once: those of a folder of 65,536
// entries together would take more of the heap than a small machine has.
const tableRows = 1024

// table shows rows, a slice of structs, called name in JSON. No rows show nothing
// to people. What others write stands before the table or behind it, or between a
// thousand of its rows.
func (c *Console) table(name string, rows any) {
	list := reflect.ValueOf(rows)
	columns := columnsOf(list.Type().Elem())
	if c.json {
		c.part(fmt.Sprintf("%q:[", name))
		for i := range list.Len() {
			open := "{"
			if i > 0 {
				open = ",{"
			}
			for _, k := range columns {
				c.add(open + member(strings.ToLower(k.name), list.Index(i).Field(k.field).Interface()))
				open = ","
			}
			c.add("}")
		}
		c.add("]")
		return
	}
	if list.Len() == 0 {
		return
	}
	names := make([]string, len(columns))
	text := func(row int, k *column) string { return cell(list.Index(row).Field(k.field).Interface()) }
	for n := range columns {
		k := &columns[n]
		names[n], k.width = k.name, wide(k.name)
		some := false // something is in it
		for i := range list.Len() {
			t := text(i, k)
			k.width = max(k.width, wide(t))
			some = some || t != ""
		}
		k.out = k.out || !some
	}
	gap := c.fit(columns)
	var b strings.Builder
	c.row(&b, columns, gap, names)
	cells := make([]string, len(columns))
	for i := range list.Len() {
		for n := range columns {
			cells[n] = text(i, &columns[n])
		}
		c.row(&b, columns, gap, cells)
		for n, k := range columns {
			if k.below && cells[n] != "" {
				b.WriteString(c.fold("    ", cells[n]))
			}
		}
		if i%tableRows == tableRows-1 {
			c.printf("%s", b.String())
			b.Reset()
		}
	}
	c.printf("%s", b.String())
}

// narrowest is what is left of a column of words that is cut.
const narrowest = 4

// fit makes the columns as narrow as the terminal, if cutting words does, and
// gives how many blanks go between two.
func (c *Console) fit(columns []column) (gap int) {
	for gap = 2; ; gap = 1 {
		total, widest := -gap, -1
		for n, k := range columns {
			if k.out || k.below {
				continue
			}
			total += k.width + gap
			if k.left && k.width > narrowest && (widest < 0 || k.width > columns[widest].width) {
				widest = n
			}
		}
		over := total - c.columns()
		if over <= 0 || gap == 1 && widest < 0 {
			return gap
		}
		if gap == 1 {
			columns[widest].width = max(columns[widest].width-over, narrowest)
		}
	}
}

// row writes a row of a table, what is too wide for one line on the next.
func (c *Console) row(b *strings.Builder, columns []column, gap int, cells []string) {
	line, blanks := "", 0
	end := func() { fmt.Fprintln(b, strings.TrimRight(line, " ")) }
	for n, k := range columns {
		if k.out || k.below {
			continue
		}
		text := cells[n]
		if wide(text) > k.width {
			text, _ = divide(text, k.width-1)
			text += ">"
		}
		pad := strings.Repeat(" ", max(k.width-wide(text), 0))
		if k.left {
			text += pad
		} else {
			text = pad + text
		}
		if line != "" && wide(line)+blanks+k.width > c.columns() {
			end()
			line, blanks = "", narrowest
		}
		line += strings.Repeat(" ", blanks) + text
		blanks = gap
	}
	end()
}

// field shows one value to programs.
func (c *Console) field(name string, value any) {
	if c.json {
		c.part(member(name, value))
	}
}

// part begins the next member of the command's JSON object.
func (c *Console) part(text string) {
	separator := "{"
	if len(c.body) > 0 {
		separator = ","
	}
	c.add(separator + text)
}

// add goes on with the JSON object. It lies in pieces: a small machine's heap may
// have no room for all of it in one.
func (c *Console) add(text string) {
	const piece = 16 << 10
	if n := len(c.body); n == 0 || len(c.body[n-1])+len(text) > piece {
		c.body = append(c.body, make([]byte, 0, piece))
	}
	last := &c.body[len(c.body)-1]
	*last = append(*last, text...)
}

// member writes a member of a JSON object, in ASCII: it may pass a terminal.
func member(name string, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("console.member: %s: %v", name, err)) // no type of ours fails
	}
	var b strings.Builder
	for _, r := range string(text) {
		if r <= '~' {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return fmt.Sprintf("%q:%s", name, b.String())
}

// note shows a sentence to people.
func (c *Console) note(format string, args ...any) { c.tell("", format, args...) }

// tell shows text to people behind head, in as many lines as it takes.
func (c *Console) tell(head, format string, args ...any) {
	if !c.json {
		c.printf("%s", c.fold(head, clean(fmt.Sprintf(format, args...))))
	}
}

// fold puts clean text behind head, as it is if a line holds it, else word by word in as
// many lines as it takes, under each other.
func (c *Console) fold(head, text string) string {
	if wide(head)+wide(text) <= c.columns() {
		return head + text + "\n"
	}
	var b strings.Builder
	line, words := head, 0
	for _, w := range strings.Fields(text) {
		for more := ""; w != ""; w, more = more, "" {
			if words > 0 && wide(line)+1+wide(w) > c.columns() {
				fmt.Fprintln(&b, line)
				line, words = strings.Repeat(" ", len(head)), 0
			}
			if words > 0 {
				line += " "
			} else {
				w, more = divide(w, c.columns()-len(head))
			}
			line += w
			words++
		}
	}
	fmt.Fprintln(&b, line)
	return b.String()
}
