package console

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

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
func (h addr) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "\"%#x\"", uint64(h)), nil }

// text writes h as people read it, in four digits or fewer.
func (s size) text() string {
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

// text writes n in the unit that suits it.
func (n nanos) text() string {
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

// cell writes a value as it stands in a table.
func cell(v any) string {
	switch v := v.(type) {
	case zx.Koid:
		if v == zx.KoidInvalid {
			return "-"
		}
	case addr:
		return fmt.Sprintf("%#x", uint64(v))
	case size:
		return v.text()
	case nanos:
		return v.text()
	case zx.Time:
		return seconds(v)
	case share:
		if v == unknown {
			return ""
		}
		return fmt.Sprintf("%d.%d%%", v/10, v%10)
	}
	return fmt.Sprint(v)
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
		name, below := strings.CutPrefix(row.Field(i).Tag.Get("t"), "+")
		list = append(list, column{field: i, name: name, below: below, out: name == strings.ToLower(name),
			left: row.Field(i).Type.Kind() == reflect.String})
	}
	return list
}

// table shows rows, a slice of structs, called name in JSON. No rows show nothing
// to people.
func (c *Console) table(name string, rows any) {
	list := reflect.ValueOf(rows)
	columns := columnsOf(list.Type().Elem())
	if c.json {
		objects := make([]string, list.Len())
		for i := range objects {
			var members []string
			for _, k := range columns {
				members = append(members, member(strings.ToLower(k.name), list.Index(i).Field(k.field).Interface()))
			}
			objects[i] = "{" + strings.Join(members, ",") + "}"
		}
		c.parts = append(c.parts, fmt.Sprintf("%q:[%s]", name, strings.Join(objects, ",")))
		return
	}
	if list.Len() == 0 {
		return
	}
	cells := make([][]string, list.Len())
	for i := range cells {
		for n := range columns {
			k := &columns[n]
			text := cell(list.Index(i).Field(k.field).Interface())
			cells[i] = append(cells[i], text)
			k.width = max(k.width, utf8.RuneCountInString(text), utf8.RuneCountInString(k.name))
		}
	}
	for n := range columns { // nothing is in it
		columns[n].out = columns[n].out || !slices.ContainsFunc(cells, func(row []string) bool { return row[n] != "" })
	}
	gap := c.fit(columns)
	c.row(columns, gap, func(n int) string { return columns[n].name })
	for i := range cells {
		c.row(columns, gap, func(n int) string { return cells[i][n] })
		for n, k := range columns {
			if k.below && cells[i][n] != "" {
				c.tell("    ", "%s", cells[i][n])
			}
		}
	}
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
		over := total - c.width
		if over <= 0 || gap == 1 && widest < 0 {
			return gap
		}
		if gap == 1 {
			columns[widest].width = max(columns[widest].width-over, narrowest)
		}
	}
}

// row prints a row of a table, what is too wide for one line on the next.
func (c *Console) row(columns []column, gap int, text func(n int) string) {
	line, blanks := "", 0
	for n, k := range columns {
		if k.out || k.below {
			continue
		}
		t := text(n)
		if r := []rune(t); len(r) > k.width {
			t = string(r[:k.width-1]) + ">"
		}
		width := k.width
		if k.left {
			width = -width
		}
		if line != "" && utf8.RuneCountInString(line)+blanks+k.width > c.width {
			c.printf("%s\n", strings.TrimRight(line, " "))
			line, blanks = "", narrowest
		}
		line += fmt.Sprintf("%*s%*s", blanks, "", width, t)
		blanks = gap
	}
	c.printf("%s\n", strings.TrimRight(line, " "))
}

// field shows one value to programs.
func (c *Console) field(name string, value any) {
	if c.json {
		c.parts = append(c.parts, member(name, value))
	}
}

// member writes a member of a JSON object.
func member(name string, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("console.member: %s: %v", name, err)) // no type of ours fails
	}
	return fmt.Sprintf("%q:%s", name, text)
}

// note shows a sentence to people.
func (c *Console) note(format string, args ...any) { c.tell("", format, args...) }

// tell shows text to people behind head, in as many lines as it takes.
func (c *Console) tell(head, format string, args ...any) {
	if c.json {
		return
	}
	text := fmt.Sprintf(format, args...)
	if utf8.RuneCountInString(head)+utf8.RuneCountInString(text) <= c.width {
		c.printf("%s%s\n", head, text)
		return
	}
	line, words := head, 0
	for _, w := range strings.Fields(text) {
		if words > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > c.width {
			c.printf("%s\n", line)
			line, words = strings.Repeat(" ", len(head)), 0
		}
		if words > 0 {
			line += " "
		}
		line += w
		words++
	}
	c.printf("%s\n", line)
}
